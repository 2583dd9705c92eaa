"""Two hundred kills at random moments: strokes, undo, saves, approvals, operations, merged classes."""

import pytest

from tests.e2e.test_kill import GRACE, trial

pytestmark = pytest.mark.soak


@pytest.mark.parametrize("seed", range(100, 300))
def test_a_killed_window_loses_nothing_that_was_done(tmp_path, seed, record_property):
    lost = trial(tmp_path, seed, GRACE)
    record_property("lost_ms", round(1000 * lost))
    print(f"seed {seed}: at most {1000 * lost:.0f} ms of work lost")
