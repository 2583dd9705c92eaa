"""The status bar under the pointer: raw values in the image's own type, and who set the class."""

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QApplication

from tests.helpers import SHAPE
from tests.ui.conftest import paint_all
from unet_studio.core.prediction import Prediction
from unet_studio.ui.status_bar import values_text


@pytest.mark.parametrize(
    ("pixel", "text"),
    [
        (np.uint8(7), "7"),
        (np.uint16(65535), "65535"),
        (np.float32(0.1234567), "0.123457"),
        (np.float32(np.nan), "nan"),
        (np.array([1, 20, 255], dtype=np.uint8), "1  20  255"),
        (np.array([-1.5e-7, np.inf], dtype=np.float32), "-1.5e-07  inf"),
    ],
)
def test_values_are_written_as_they_are(pixel, text):
    assert values_text(pixel) == text


def test_the_values_follow_the_pointer_whatever_the_display(opened, qtbot):
    status, session = opened.status, opened.session
    red, green, blue = session.document.image[40, 50]
    session.set_display(session.displays.current.with_window((0.0, 5.0), (0, 1, 2)))
    opened.canvas.pointerMoved.emit(40.5, 50.5)
    qtbot.waitUntil(lambda: status.value.text() == f"{red}  {green}  {blue}")
    opened.canvas.pointerMoved.emit(-1.0, 50.5)
    qtbot.waitUntil(lambda: status.value.text() == "")


def test_person_model_and_approval_are_told_apart(opened, qtbot):
    status, session = opened.status, opened.session
    sure = np.full(SHAPE, 128, dtype=np.uint8)
    session.document.set_prediction(Prediction(np.ones(SHAPE, dtype=np.uint8), sure, "cells v3", {}))
    opened.canvas.pointerMoved.emit(40.5, 50.5)
    qtbot.waitUntil(lambda: status.pixel.text().endswith("object · cells v3, 50 % sure"))
    session.editor.approve()
    opened.canvas.pointerMoved.emit(40.5, 51.5)
    qtbot.waitUntil(lambda: status.pixel.text().endswith("object · cells v3, approved by a person"))
    paint_all(session, 0)
    qtbot.waitUntil(lambda: status.pixel.text().endswith("background · painted by a person"))


def test_texts_that_follow_the_pointer_move_nothing(opened, qtbot):
    status = opened.status
    status.pixel.say("object · painted by a person")
    status.position.say("x 100  y 100")
    QApplication.processEvents()
    width, places = status.pixel.width(), [status.image.pos(), status.position.pos()]
    asked = []

    class Watch(QObject):
        def eventFilter(self, watched, event):
            if event.type() == QEvent.Type.LayoutRequest:
                asked.append(watched)
            return False

    watch = Watch()
    status.installEventFilter(watch)
    for text in ("unlabelled", "background · painted", "object · painted by a person"):
        status.pixel.say(text)
        status.position.say("x 1  y 1")
        QApplication.processEvents()
        assert status.pixel.text() == text
    status.removeEventFilter(watch)
    assert asked == []
    assert [status.image.pos(), status.position.pos()] == places
    status.pixel.say("a class with a very long name, indeed a very long one · painted by a person")
    assert status.pixel.width() > width
    assert status.pixel.width() >= status.pixel.sizeHint().width()
    status.pixel.say("")
    assert status.pixel.maximumWidth() < 10
    QApplication.processEvents()
    assert status.pixel.width() < 10
