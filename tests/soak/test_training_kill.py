"""Fifty trainings, each killed at a random moment and resumed: the curve goes on, no file is unreadable."""

import pytest

from tests.training.test_kill import trial, uninterrupted

pytestmark = [pytest.mark.soak, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The run that is not killed."""
    return uninterrupted(tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize("seed", range(100, 150))
def test_a_killed_training_goes_on_as_if_nothing_had_been(tmp_path, whole, seed, record_property):
    moment = trial(tmp_path, whole, seed)
    record_property("killed", moment)
    print(f"seed {seed}: killed {moment}")
