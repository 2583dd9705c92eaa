"""How fast images are predicted, what failed, and what is kept in memory."""

import numpy as np
import pytest

from unet_studio.core.errors import StudioError
from unet_studio.core.prediction import Prediction
from unet_studio.session.prediction_run import Failure, Pace, Report
from unet_studio.session.prediction_shelf import Shelf


def test_the_pace_is_known_after_a_few_images_and_leaves_loading_out():
    now = [100.0]
    pace = Pace(lambda: now[0])
    pace.begin()
    for _ in range(4):
        pace.begin()
        now[0] += 0.5
        pace.step()
    assert pace.rate == pytest.approx(2)
    assert pace.seconds_left(10) == pytest.approx(5)
    pace.reset()
    assert (pace.rate, pace.seconds_left(1)) == (0, None)


def test_a_report_has_the_last_failure_of_an_image_and_every_note_once():
    report = Report()
    report.fail("a.png", StudioError("Broken.", "Mend it."))
    report.fail("a.png", StudioError("Still broken.", "Mend it."))
    assert report.failures == {"a.png": Failure("a.png", "Still broken.", "Mend it.")}
    assert [report.note("tile 256"), report.note("tile 256"), report.note("cpu")] == [True, False, True]


def made(model, size=10):
    return Prediction(np.zeros((size, size), np.uint8), np.zeros((size, size), np.uint8), model)


def test_the_shelf_forgets_what_was_used_longest_ago():
    shelf = Shelf(limit=400)
    first, second, third = made("a"), made("b"), made("a")
    shelf.put("0.png", first)
    shelf.put("0.png", second)
    assert shelf.get("a", "0.png") is first
    shelf.put("1.png", third)
    assert shelf.get("b", "0.png") is None
    assert (shelf.get("a", "0.png"), shelf.get("a", "1.png")) == (first, third)
    assert shelf.nbytes == 400


def test_the_shelf_takes_nothing_too_large_and_replaces():
    shelf = Shelf(limit=400)
    shelf.put("0.png", made("a", 100))
    assert len(shelf) == 0
    again = made("a")
    for one in (made("a"), again):
        shelf.put("0.png", one)
    assert (len(shelf), shelf.nbytes) == (1, 200)
    assert shelf.get("a", "0.png") is again
    shelf.clear()
    assert (len(shelf), shelf.nbytes) == (0, 0)
