"""Two hundred kills at random moments of painting."""

import pytest

from tests.e2e.test_kill import trial

pytestmark = pytest.mark.soak


@pytest.mark.parametrize("seed", range(100, 300))
def test_a_killed_window_loses_nothing_that_was_done(tmp_path, seed, qtbot):
    trial(tmp_path, seed, qtbot)
