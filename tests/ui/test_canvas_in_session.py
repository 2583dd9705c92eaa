"""The canvas on the real session: folders, threads, undo, and the switch of images in mid-stroke."""

import numpy as np
import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication

from tests.helpers import SHAPE, make_folder
from unet_studio.core.classes import UNLABELLED, rgb
from unet_studio.core.geometry import Rect
from unet_studio.session import Session
from unet_studio.ui.canvas import Canvas

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton


@pytest.fixture
def session(qtbot, tmp_path):
    opened = Session()
    opened.predictor.auto = False
    folder = make_folder(tmp_path / "images")
    (folder / "0.png").rename(folder / "0 first.png")
    (folder / "9 broken.png").write_bytes(b"no picture")
    opened.open_folder(folder)
    qtbot.waitUntil(lambda: opened.document is not None, timeout=20_000)
    yield opened
    opened.shut_down()


@pytest.fixture
def canvas(qtbot, session):
    made = Canvas(session)
    qtbot.addWidget(made)
    made.resize(640, 480)
    made.show()
    qtbot.waitExposed(made)
    session.editor.set_brush_radius(6)
    return made


def send(canvas, kind, row, column, button, held):
    at = canvas.to_widget(row, column)
    event = QMouseEvent(kind, at, canvas.mapToGlobal(at), button, held, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(canvas, event)


def press(canvas, row, column):
    send(canvas, QEvent.Type.MouseButtonPress, row, column, LEFT, LEFT)


def move(canvas, row, column):
    send(canvas, QEvent.Type.MouseMove, row, column, NONE, LEFT)


def release(canvas, row, column):
    send(canvas, QEvent.Type.MouseButtonRelease, row, column, LEFT, NONE)


def color_at(canvas, row, column):
    QApplication.processEvents()
    canvas.finish()
    at = canvas.to_widget(row, column)
    color = canvas.grab().toImage().pixelColor(int(at.x()), int(at.y()))
    return color.red(), color.green(), color.blue()


def expected(session, row, column):
    pixel = session.document.image[row, column].astype(float)
    return pixel * 127 / 255 + np.array(rgb(session.classes.get(1).color)) * 128 / 255


def test_an_open_session_is_shown_at_once(canvas, session):
    assert canvas.visible_rect == Rect.of(SHAPE)
    found = color_at(canvas, 50.5, 60.5)
    assert found == tuple(session.document.image[50, 60])


def test_strokes_undo_and_redo_are_seen(canvas, session):
    plain = color_at(canvas, 50.5, 60.5)
    press(canvas, 50.5, 40.5)
    move(canvas, 50.5, 80.5)
    release(canvas, 50.5, 80.5)
    assert session.document.annotation.pixels[50, 60] == 1
    np.testing.assert_allclose(color_at(canvas, 50.5, 60.5), expected(session, 50, 60), atol=1.5)
    session.editor.undo()
    assert color_at(canvas, 50.5, 60.5) == plain
    session.editor.redo()
    np.testing.assert_allclose(color_at(canvas, 50.5, 60.5), expected(session, 50, 60), atol=1.5)
    session.class_editor.recolor(1, "#123456")
    np.testing.assert_allclose(color_at(canvas, 50.5, 60.5), expected(session, 50, 60), atol=1.5)


def test_the_next_image_in_mid_stroke_leaves_both_unharmed(canvas, session, qtbot):
    left = session.document
    press(canvas, 50.5, 40.5)
    move(canvas, 50.5, 60.5)
    session.step_image(1)
    move(canvas, 50.5, 80.5)
    qtbot.waitUntil(lambda: session.document is not None, timeout=20_000)
    move(canvas, 60.5, 90.5)
    release(canvas, 60.5, 90.5)
    for document in (left, session.document):
        assert not document.editing
        assert (document.annotation.pixels == UNLABELLED).all()
    assert color_at(canvas, 50.5, 60.5) == tuple(session.document.image[50, 60])
    press(canvas, 50.5, 40.5)
    release(canvas, 50.5, 40.5)
    assert session.document.painted


def test_undo_in_mid_stroke_ends_it(canvas, session):
    press(canvas, 50.5, 40.5)
    session.editor.undo()
    move(canvas, 50.5, 80.5)
    release(canvas, 50.5, 80.5)
    assert not session.document.editing
    assert not session.document.painted


def test_a_broken_image_leaves_nothing_to_paint_on(canvas, session, qtbot):
    with qtbot.waitSignal(session.documentFailed, timeout=20_000):
        session.open_image("9 broken.png")
    canvas.set_message("This image can't be read")
    assert canvas.visible_rect.empty
    press(canvas, 10.0, 10.0)
    release(canvas, 20.0, 20.0)
    QApplication.processEvents()
    assert canvas.message == ("This image can't be read", "")


def test_closing_the_project_empties_the_canvas(canvas, session):
    session.close_project()
    assert canvas.visible_rect.empty
    color_at(canvas, 10.0, 10.0)
