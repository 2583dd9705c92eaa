"""N goes to uncertain regions: into view, at a zoom that shows them, with an outline for a moment."""

import numpy as np
import pytest
from PySide6.QtCore import Qt

from tests.helpers import SHAPE
from unet_studio.core.prediction import Prediction


@pytest.fixture
def unsure(opened):
    """A window with two uncertain spots in the image."""
    confidence = np.full(SHAPE, 255, np.uint8)
    confidence[10:18, 10:18] = 100
    confidence[70:90, 80:120] = 100
    opened.session.document.set_prediction(Prediction(np.ones(SHAPE, np.uint8), confidence, "m", {}))
    opened.canvas.setFocus()
    return opened


def press(window, qtbot, keys=Qt.KeyboardModifier.NoModifier):
    with qtbot.waitSignal(window.session.uncertain.found, timeout=20_000):
        qtbot.keyClick(window.canvas, Qt.Key.Key_N, keys)


def middle(window):
    canvas = window.canvas
    return canvas.to_image(canvas.rect().toRectF().center())


def test_n_shows_the_next_region_and_shift_n_the_one_before(unsure, qtbot):
    flash, canvas = unsure.flash, unsure.canvas
    assert not flash.isVisible()
    press(unsure, qtbot)
    assert middle(unsure) == pytest.approx((80, 100), abs=1)
    assert (flash.text, flash.isVisible()) == ("1 of 2", True)
    assert "1 of 2" in unsure.status.currentMessage()
    press(unsure, qtbot)
    assert middle(unsure) == pytest.approx((14, 14), abs=1)
    side = 8 * canvas.zoom / canvas.devicePixelRatioF()
    assert 0.05 * min(canvas.width(), canvas.height()) < side < 0.6 * min(canvas.width(), canvas.height())
    press(unsure, qtbot, Qt.KeyboardModifier.ShiftModifier)
    assert middle(unsure) == pytest.approx((80, 100), abs=1)


def test_the_flash_goes_by_itself_and_lets_the_pointer_through(unsure, qtbot):
    press(unsure, qtbot)
    assert unsure.flash.testAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
    picture = unsure.flash.grab().toImage()
    assert not picture.isNull()
    qtbot.waitUntil(lambda: not unsure.flash.isVisible(), timeout=20_000)


def test_the_zoom_stays_where_a_region_is_seen_well(unsure, qtbot):
    unsure.canvas.set_zoom(6.0)
    press(unsure, qtbot)
    assert unsure.canvas.zoom == 6.0


def test_the_flash_goes_with_the_image(unsure, qtbot):
    press(unsure, qtbot)
    unsure.session.open_image("1.png")
    qtbot.waitUntil(lambda: unsure.session.document is not None and unsure.session.document.name == "1.png")
    assert not unsure.flash.isVisible()
