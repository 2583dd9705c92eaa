"""Fixtures that the tests of the session share."""

import pytest

from unet_studio.session import Session


@pytest.fixture
def session(qtbot):
    """A session that predicts nothing unasked."""
    opened = Session()
    opened.predictor.auto = False
    yield opened
    opened.shut_down()
