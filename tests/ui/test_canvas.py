"""The canvas driven by real events: what they do to the document, and what is on screen afterwards."""

import os
import subprocess
import sys
import weakref

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, Qt
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QPointingDevice,
    QRegion,
    QTabletEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QApplication

from tests.ui.canvas_session import CanvasSession, make_document
from unet_studio.core.classes import UNLABELLED
from unet_studio.core.geometry import Rect
from unet_studio.ui.canvas import Canvas

SHAPE = (400, 600)
NONE = Qt.MouseButton.NoButton
LEFT, RIGHT, MIDDLE = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton, Qt.MouseButton.MiddleButton
NO_KEYS = Qt.KeyboardModifier.NoModifier
RED_OVER_GREY = (178, 50, 50)  # half of class 1 (#ff0000) over grey 100
GREY = (100, 100, 100)
NO_PIXELS = QPoint()


@pytest.fixture
def session():
    return CanvasSession()


@pytest.fixture
def canvas(qtbot, session):
    made = Canvas(session)
    made.set_overview(False)
    qtbot.addWidget(made)
    made.resize(800, 600)
    made.show()
    qtbot.waitExposed(made)
    session.open(make_document(SHAPE))
    made.set_zoom(1.0)
    QApplication.processEvents()
    return made


class Mouse:
    """Sends mouse events at image positions, as a person's hand makes them."""

    def __init__(self, canvas):
        self.canvas = canvas
        self.held = NONE

    def send(self, kind, row, column, button=NONE, keys=NO_KEYS):
        at = self.canvas.to_widget(row, column)
        event = QMouseEvent(kind, at, self.canvas.mapToGlobal(at), button, self.held, keys)
        QApplication.sendEvent(self.canvas, event)

    def press(self, row, column, button=LEFT, keys=NO_KEYS):
        self.held = button
        self.send(QEvent.Type.MouseButtonPress, row, column, button, keys)

    def move(self, row, column, keys=NO_KEYS):
        self.send(QEvent.Type.MouseMove, row, column, NONE, keys)

    def release(self, row, column, keys=NO_KEYS):
        button, self.held = self.held, NONE
        self.send(QEvent.Type.MouseButtonRelease, row, column, button, keys)

    def drag(self, *points, button=LEFT, keys=NO_KEYS):
        self.press(*points[0], button, keys)
        for point in points[1:]:
            self.move(*point, keys)
        self.release(*points[-1], keys)


@pytest.fixture
def mouse(canvas):
    return Mouse(canvas)


def key(canvas, code, down=True, keys=NO_KEYS, repeat=False):
    kind = QEvent.Type.KeyPress if down else QEvent.Type.KeyRelease
    event = QKeyEvent(kind, code, keys, "", repeat)
    QApplication.sendEvent(canvas, event)
    return event.isAccepted()


def wheel(canvas, at, notches, keys=NO_KEYS, pixels=NO_PIXELS, device=None):
    event = QWheelEvent(
        at,
        canvas.mapToGlobal(at),
        pixels,
        QPoint(0, round(120 * notches)),
        NONE,
        keys,
        Qt.ScrollPhase.NoScrollPhase,
        False,
        *([Qt.MouseEventSource.MouseEventNotSynthesized, device] if device else []),
    )
    QApplication.sendEvent(canvas, event)


def screen(canvas, without_ring=True):
    """What the canvas shows, int (height, width, 3) in device px."""
    if without_ring:
        QApplication.sendEvent(canvas, QEvent(QEvent.Type.Leave))
    QApplication.processEvents()
    canvas.finish()
    image = canvas.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).astype(int)


def color_at(canvas, row, column):
    """The colour on screen at an image position."""
    at = canvas.to_widget(row, column)
    return tuple(screen(canvas)[int(at.y()), int(at.x())])


def touchpad():
    return QPointingDevice(
        "touchpad",
        1,
        QPointingDevice.DeviceType.TouchPad,
        QPointingDevice.PointerType.Finger,
        QPointingDevice.Capability.Position,
        2,
        3,
    )


# -- painting --------------------------------------------------------------------------------------------


def test_a_stroke_reaches_the_document_and_the_screen(canvas, session, mouse):
    mouse.drag((100.5, 100.5), (100.5, 300.5))
    pixels = session.document.annotation.pixels
    assert (pixels[100, 91:311] == 1).all()
    assert pixels[100, 89] == pixels[100, 312] == pixels[112, 200] == UNLABELLED
    assert color_at(canvas, 100.5, 200.5) == RED_OVER_GREY
    assert color_at(canvas, 112.5, 200.5) == GREY
    session.editor.undo()
    assert color_at(canvas, 100.5, 200.5) == GREY


@pytest.mark.parametrize("zoom", [1.0, 2.0, 5.5])
def test_every_pixel_on_screen_is_that_of_the_mask(canvas, session, mouse, zoom):
    canvas.set_zoom(zoom)
    mouse.drag((180.0, 250.0), (200.0, 290.0), (230.0, 310.0))
    shown, view = screen(canvas), canvas.picture.view
    rows = np.floor((np.arange(600) + 0.5 - view.y) / zoom).astype(int)
    columns = np.floor((np.arange(800) + 0.5 - view.x) / zoom).astype(int)
    on_image = ((rows >= 0) & (rows < 400))[:, None] & ((columns >= 0) & (columns < 600))
    painted = session.document.annotation.pixels[np.clip(rows, 0, 399)][:, np.clip(columns, 0, 599)] == 1
    assert (shown[on_image & painted] == RED_OVER_GREY).all()
    assert (shown[on_image & ~painted] == GREY).all()
    assert (on_image & painted).sum() > 1000


def test_partial_repaints_leave_nothing_old_on_screen(canvas, session, mouse):
    mouse.press(50.0, 60.0)
    for step in range(30):
        mouse.move(50.0 + 9 * step, 60.0 + 15 * step)
        QApplication.processEvents()
    mouse.release(320.0, 510.0)
    painted = screen(canvas)
    canvas._redraw()
    np.testing.assert_array_equal(painted, screen(canvas))


def test_every_move_is_used(canvas, session, mouse):
    points = [(100.0 + step % 7, 100.0 + step) for step in range(50)]
    mouse.drag(*points)
    kinds = [entry[0] for entry in session.editor.seen]
    assert kinds == ["press"] + ["move"] * 49 + ["release"]
    np.testing.assert_allclose([entry[1:3] for entry in session.editor.seen[:50]], points)


def test_positions_are_pixel_centres_at_a_half(canvas, session, mouse):
    canvas.set_zoom(10.0)
    session.editor.brush_radius = 1
    mouse.drag((200.5, 300.5))
    painted = np.argwhere(session.document.annotation.pixels == 1).tolist()
    assert painted == [[199, 300], [200, 299], [200, 300], [200, 301], [201, 300]]


def test_only_the_tiles_of_a_dab_are_composed_again(canvas, session, mouse):
    screen(canvas)
    composer = canvas.picture.composer
    before = composer.composed
    mouse.drag((100.5, 100.5))
    screen(canvas)
    assert composer.composed == before + 1
    mouse.drag((256.0, 256.0))
    screen(canvas)
    assert composer.composed == before + 1 + 4


def test_right_button_and_alt_erase(canvas, session, mouse):
    mouse.drag((100.5, 100.5))
    mouse.drag((100.5, 100.5), button=RIGHT)
    assert session.document.annotation.pixels[100, 100] == 0
    assert color_at(canvas, 100.5, 100.5) == GREY  # background is clear
    mouse.drag((100.5, 100.5))
    mouse.drag((100.5, 100.5), keys=Qt.KeyboardModifier.AltModifier)
    assert session.document.annotation.pixels[100, 100] == 0


def test_escape_takes_the_stroke_back_and_the_rest_of_the_drag_paints_nothing(canvas, session, mouse):
    mouse.press(100.5, 100.5)
    mouse.move(100.5, 200.5)
    assert key(canvas, Qt.Key.Key_Escape)
    mouse.move(150.5, 250.5)
    mouse.release(150.5, 250.5)
    assert not session.document.painted
    assert not session.document.editing
    assert session.document.history.undo_name is None
    assert color_at(canvas, 100.5, 150.5) == GREY


def test_escape_without_a_stroke_is_left_to_the_window(canvas):
    assert not key(canvas, Qt.Key.Key_Escape)


@pytest.mark.parametrize("how", ["focus", "hide", "lost release"])
def test_a_stroke_that_loses_its_button_is_kept_as_one_step(canvas, session, mouse, how):
    mouse.press(100.5, 100.5)
    mouse.move(100.5, 200.5)
    if how == "focus":
        QApplication.sendEvent(canvas, QFocusEvent(QEvent.Type.FocusOut))
    elif how == "hide":
        canvas.hide()
    else:
        mouse.held = NONE
        mouse.move(300.5, 300.5)
    assert not session.document.editing
    assert session.document.history.undo_name == "Brush"
    mouse.move(350.5, 350.5)
    pixels = session.document.annotation.pixels
    assert pixels[100, 150] == 1
    assert (pixels[250:] == UNLABELLED).all()


def test_another_document_in_mid_stroke_takes_the_stroke_back(canvas, session, mouse):
    left = session.document
    mouse.press(100.5, 100.5)
    mouse.move(100.5, 200.5)
    session.open(make_document(SHAPE, name="b.png"))
    mouse.move(150.5, 200.5)
    mouse.release(150.5, 200.5)
    assert not left.editing
    assert not left.painted
    assert not session.document.painted
    mouse.drag((150.5, 200.5))
    assert session.document.painted


def test_no_shortcut_interrupts_a_stroke(canvas, session, mouse):
    event = QKeyEvent(QEvent.Type.ShortcutOverride, Qt.Key.Key_D, NO_KEYS)
    event.ignore()
    QApplication.sendEvent(canvas, event)
    assert not event.isAccepted()
    mouse.press(100.5, 100.5)
    QApplication.sendEvent(canvas, event)
    assert event.isAccepted()
    assert key(canvas, Qt.Key.Key_D)
    mouse.release(100.5, 100.5)
    assert not key(canvas, Qt.Key.Key_D)


def test_without_a_document_nothing_happens(canvas, session, mouse):
    session.open(None)
    session.editor.seen.clear()
    mouse.drag((100.5, 100.5), (120.5, 120.5))
    mouse.drag((100.5, 100.5), button=MIDDLE)
    wheel(canvas, QPointF(400, 300), 1)
    canvas.fit()
    canvas.zoom_in()
    assert session.editor.seen == []
    assert canvas.cursor().shape() == Qt.CursorShape.ArrowCursor
    assert len(np.unique(screen(canvas).reshape(-1, 3), axis=0)) == 1


def test_a_pen_paints_and_its_other_end_erases(canvas, session):
    at = canvas.to_widget(100.5, 100.5)

    def pen(kind, button, buttons, end):
        device = QPointingDevice(
            "pen", 7, QPointingDevice.DeviceType.Stylus, end, QPointingDevice.Capability.Position, 1, 1
        )
        event = QTabletEvent(
            kind, device, at, canvas.mapToGlobal(at), 0.5, 0, 0, 0, 0, 0, NO_KEYS, button, buttons
        )
        QApplication.sendEvent(canvas, event)

    for end, value in ((QPointingDevice.PointerType.Pen, 1), (QPointingDevice.PointerType.Eraser, 0)):
        pen(QEvent.Type.TabletPress, LEFT, LEFT, end)
        pen(QEvent.Type.TabletMove, NONE, LEFT, end)
        pen(QEvent.Type.TabletRelease, LEFT, NONE, end)
        assert session.document.annotation.pixels[100, 100] == value
        assert not session.document.editing


# -- the view --------------------------------------------------------------------------------------------


def test_a_new_document_is_fitted_and_stays_so_when_the_window_changes(canvas, session):
    session.open(make_document((900, 300), name="tall.png"))
    for size in ((800, 600), (500, 700), (300, 200)):
        canvas.resize(*size)
        assert canvas.visible_rect == Rect(0, 0, 900, 300)
        top, bottom = canvas.to_widget(0, 150), canvas.to_widget(900, 150)
        assert top.x() == pytest.approx(size[0] / 2, abs=1)
        assert bottom.y() - top.y() == pytest.approx(0.96 * min(size[1], size[0] * 3), abs=1)


def test_resizing_keeps_what_is_in_the_middle(canvas):
    canvas.set_zoom(4.0, QPointF(500, 200))
    before = canvas.to_image(QPointF(400, 300))
    canvas.resize(640, 480)
    assert canvas.to_image(QPointF(320, 240)) == pytest.approx(before, abs=0.5)
    assert canvas.zoom == 4.0


@pytest.mark.parametrize("notches", [1, -1, 3, 0.1, -0.25])
def test_the_wheel_zooms_to_the_cursor(canvas, notches):
    canvas.set_zoom(3.0)
    at = QPointF(500, 250)
    before = canvas.to_image(at)
    wheel(canvas, at, notches)
    assert canvas.zoom == pytest.approx(3.0 * 1.25**notches)
    assert canvas.to_image(at) == pytest.approx(before, abs=0.5)


def test_many_steps_in_and_out_do_not_drift(canvas, session):
    session.open(make_document((4000, 4000), np.zeros((4000, 4000), dtype=np.uint8)))
    at = canvas.to_widget(1000.5, 3000.5)
    before = canvas.to_image(at)
    for _ in range(20):
        wheel(canvas, at, 0.7)
    assert canvas.zoom > 2.9
    assert canvas.to_image(at) == pytest.approx(before, abs=1 / canvas.zoom)


def test_steps_stop_at_actual_size(canvas):
    canvas.set_zoom(0.9)
    canvas.zoom_in()
    assert canvas.zoom == 1.0
    canvas.zoom_in()
    assert canvas.zoom == 1.25
    canvas.set_zoom(1.1)
    canvas.zoom_out()
    assert canvas.zoom == 1.0


def test_zoom_has_limits(canvas):
    for _ in range(80):
        canvas.zoom_in()
    assert canvas.zoom == 64
    for _ in range(80):
        canvas.zoom_out()
    assert canvas.zoom == pytest.approx(64 / 600)


def test_pinch_zooms_to_the_fingers(canvas):
    canvas.set_zoom(2.0)
    at = QPointF(300, 200)
    before = canvas.to_image(at)
    event = QNativeGestureEvent(
        Qt.NativeGestureType.ZoomNativeGesture,
        touchpad(),
        2,
        at,
        at,
        canvas.mapToGlobal(at),
        0.1,
        QPointF(),
    )
    QApplication.sendEvent(canvas, event)
    assert canvas.zoom == pytest.approx(2.2)
    assert canvas.to_image(at) == pytest.approx(before, abs=0.5)


def test_two_fingers_on_a_touchpad_pan_and_with_ctrl_zoom(canvas):
    canvas.set_zoom(4.0)
    before = canvas.to_widget(200, 300)
    device = touchpad()
    wheel(canvas, QPointF(400, 300), 0.2, pixels=QPoint(-30, 12), device=device)
    assert canvas.to_widget(200, 300) - before == QPointF(-30, 12)
    assert canvas.zoom == 4.0
    wheel(canvas, QPointF(400, 300), 1, Qt.KeyboardModifier.ControlModifier, device=device)
    assert canvas.zoom == 5.0


def test_ctrl_and_wheel_set_the_size_of_the_brush(canvas, session):
    control = Qt.KeyboardModifier.ControlModifier
    session.editor.brush_radius = 1
    wheel(canvas, QPointF(400, 300), 1, control)
    assert session.editor.brush_radius == 2
    session.editor.brush_radius = 100
    for _ in range(4):
        wheel(canvas, QPointF(400, 300), 0.25, control)
    assert session.editor.brush_radius == 115
    wheel(canvas, QPointF(400, 300), -1, control)
    assert session.editor.brush_radius == 100
    assert canvas.zoom == 1.0


def test_shift_and_wheel_pan_sideways(canvas):
    canvas.set_zoom(4.0)
    before = canvas.to_widget(200, 300)
    wheel(canvas, QPointF(400, 300), 1, Qt.KeyboardModifier.ShiftModifier)
    assert canvas.to_widget(200, 300) - before == QPointF(60, 0)


@pytest.mark.parametrize("how", ["middle button", "space"])
def test_a_drag_pans_while_a_tool_is_active(canvas, session, mouse, how):
    canvas.set_zoom(4.0)
    screen(canvas)
    before = canvas.to_widget(0, 0)
    start, end = QPointF(400, 300), QPointF(330, 345)
    button = MIDDLE if how == "middle button" else LEFT
    if how == "space":
        assert key(canvas, Qt.Key.Key_Space)
        assert canvas.cursor().shape() == Qt.CursorShape.OpenHandCursor
    for kind, at, which, held in (
        (QEvent.Type.MouseButtonPress, start, button, button),
        (QEvent.Type.MouseMove, end, NONE, button),
    ):
        QApplication.sendEvent(canvas, QMouseEvent(kind, at, canvas.mapToGlobal(at), which, held, NO_KEYS))
    assert canvas.cursor().shape() == Qt.CursorShape.ClosedHandCursor
    assert canvas.to_widget(0, 0) - before == QPointF(-70, 45)
    scrolled = screen(canvas)
    up = QMouseEvent(QEvent.Type.MouseButtonRelease, end, canvas.mapToGlobal(end), button, NONE, NO_KEYS)
    QApplication.sendEvent(canvas, up)
    key(canvas, Qt.Key.Key_Space, down=False)
    assert session.editor.seen == []
    assert not session.document.painted
    canvas._redraw()
    np.testing.assert_array_equal(scrolled, screen(canvas))
    mouse.drag((200.5, 300.5))
    assert session.document.painted


def test_panning_composes_no_tile_again(canvas, session):
    canvas.set_zoom(1.5)
    screen(canvas)
    composer = canvas.picture.composer
    before = composer.composed
    for step in range(10):
        canvas.pan_by(-3, 2 + step % 3)
        screen(canvas)
    assert composer.composed == before


def test_keys_zoom_and_fit(canvas):
    canvas.set_zoom(2.0)
    assert key(canvas, Qt.Key.Key_Plus)
    assert canvas.zoom == 2.5
    assert key(canvas, Qt.Key.Key_Minus)
    assert canvas.zoom == pytest.approx(2.0)
    assert key(canvas, Qt.Key.Key_F)
    assert canvas.visible_rect == Rect.of(SHAPE)


def test_signals_say_where_the_pointer_is_and_how_large_things_are(canvas, mouse, qtbot):
    with qtbot.waitSignal(canvas.pointerMoved) as moved:
        mouse.move(12.5, 34.5)
    assert moved.args == pytest.approx([12.5, 34.5])
    with qtbot.waitSignal(canvas.zoomChanged) as zoomed:
        canvas.set_zoom(2.0)
    assert zoomed.args == [2.0]
    with qtbot.waitSignal(canvas.pointerLeft):
        QApplication.sendEvent(canvas, QEvent(QEvent.Type.Leave))
    with qtbot.assertNotEmitted(canvas.zoomChanged):
        canvas.set_zoom(2.0)


# -- what is shown ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [Qt.Key.Key_H, Qt.Key.Key_Tab])
def test_holding_a_key_shows_the_image_alone(canvas, mouse, code):
    mouse.drag((100.5, 100.5))
    assert key(canvas, code)
    assert color_at(canvas, 100.5, 100.5) == GREY
    key(canvas, code, down=False, repeat=True)
    key(canvas, code, repeat=True)
    assert color_at(canvas, 100.5, 100.5) == GREY
    key(canvas, code, down=False)
    assert color_at(canvas, 100.5, 100.5) == RED_OVER_GREY


def test_losing_the_keyboard_ends_peeking(canvas, mouse):
    mouse.drag((100.5, 100.5))
    key(canvas, Qt.Key.Key_H)
    QApplication.sendEvent(canvas, QFocusEvent(QEvent.Type.FocusOut))
    assert color_at(canvas, 100.5, 100.5) == RED_OVER_GREY


def test_opacity_visibility_and_hidden_classes(canvas, mouse):
    mouse.drag((100.5, 100.5))
    canvas.set_opacity(1.0)
    assert color_at(canvas, 100.5, 100.5) == (255, 0, 0)
    canvas.set_opacity(7.0)
    assert canvas.opacity == 1.0
    canvas.set_mask_visible(False)
    assert color_at(canvas, 100.5, 100.5) == GREY
    canvas.set_mask_visible(True)
    canvas.set_hidden_classes(frozenset({1}))
    assert color_at(canvas, 100.5, 100.5) == GREY


def test_layers_are_chosen_by_name(canvas, session, mouse):
    labels = np.ones(SHAPE, dtype=np.uint8)
    labels[:, 300:] = 0
    session.open(make_document(SHAPE, labels=labels, name="predicted.png"))
    canvas.set_zoom(1.0)
    mouse.drag((100.5, 100.5), button=RIGHT)
    mouse.drag((100.5, 500.5))
    expected = {  # painted background, painted object, predicted object
        "mask": (GREY, RED_OVER_GREY, RED_OVER_GREY),
        "annotation": ((70, 70, 70), RED_OVER_GREY, GREY),
        "prediction": (RED_OVER_GREY, GREY, RED_OVER_GREY),
        "image": (GREY, GREY, GREY),
    }
    for layer, colors in expected.items():
        canvas.set_show(layer)
        found = tuple(color_at(canvas, *at) for at in ((100.5, 100.5), (100.5, 500.5), (300.5, 100.5)))
        assert found == colors, layer
        assert canvas.layer == layer
    with pytest.raises(ValueError, match="heat"):
        canvas.set_show("heat")


def test_a_mask_painted_while_it_is_hidden_is_there_afterwards(canvas, mouse):
    canvas.set_show("image")
    screen(canvas)
    mouse.drag((100.5, 100.5))
    assert color_at(canvas, 100.5, 100.5) == GREY
    canvas.set_show("mask")
    assert color_at(canvas, 100.5, 100.5) == RED_OVER_GREY


def test_new_colours_and_a_new_prediction_are_shown(canvas, session, mouse):
    mouse.drag((100.5, 100.5))
    session.classes = session.classes.recolored(1, "#0000ff")
    session.classesChanged.emit()
    assert color_at(canvas, 100.5, 100.5) == (50, 50, 178)
    labels = np.ones(SHAPE, dtype=np.uint8)
    session.document.set_prediction(make_document(SHAPE, labels=labels).prediction)
    session.predictor.predicted.emit("picture.png")
    assert color_at(canvas, 300.5, 300.5) == (50, 50, 178)


def test_the_ring_has_the_true_size_and_is_seen_on_black_and_white(canvas, session, mouse):
    for grey in (0, 255):
        image = np.full((*SHAPE, 3), grey, dtype=np.uint8)
        session.open(make_document(SHAPE, image, name=f"{grey}.png"))
        canvas.set_zoom(3.0)
        session.editor.set_brush_radius(20)
        plain = screen(canvas)
        mouse.move(200.5, 300.5)
        QApplication.processEvents()
        changed = np.abs(screen(canvas, without_ring=False) - plain).max(axis=2) > 80
        at = canvas.to_widget(200.5, 300.5)
        rows, columns = np.nonzero(changed)
        far = np.hypot(rows + 0.5 - at.y(), columns + 0.5 - at.x())
        assert far.min() > 57
        assert far.max() < 63
        assert len(rows) > 300
        assert canvas.cursor().shape() == Qt.CursorShape.BlankCursor


def test_a_moving_ring_leaves_no_trace(canvas, mouse):
    canvas.set_zoom(2.0)
    plain = screen(canvas)
    for step in range(20):
        mouse.move(150.5 + 5 * step, 200.5 + 7 * step)
        QApplication.processEvents()
    np.testing.assert_array_equal(screen(canvas), plain)


class Painted(QObject):
    """Notes which parts of a widget are painted."""

    def __init__(self, widget):
        super().__init__(widget)
        self.region = QRegion()
        widget.installEventFilter(self)

    def eventFilter(self, _, event):
        if event.type() == QEvent.Type.Paint:
            self.region += event.region()
        return False


@pytest.mark.parametrize("how", ["zoom", "size", "document"])
def test_the_ring_goes_from_where_it_was_when_another_view_came(canvas, session, mouse, how):
    session.editor.set_brush_radius(20)
    mouse.move(150.5, 200.5)
    QApplication.processEvents()
    at = canvas.hand.at
    if how == "zoom":
        canvas.set_zoom(1.5)
    elif how == "size":
        canvas.resize(900, 700)
    else:
        session.open(make_document((300, 300), name="other.png"))
    QApplication.processEvents()
    canvas.finish()
    QApplication.processEvents()
    painted = Painted(canvas)
    mouse.send(QEvent.Type.MouseMove, *canvas.to_image(at + QPointF(200, 150)))
    QApplication.processEvents()
    radius = 20 * canvas.zoom
    for way in (QPoint(1, 0), QPoint(-1, 0), QPoint(0, 1), QPoint(0, -1)):
        assert painted.region.contains(at.toPoint() + way * radius)


def test_an_error_while_drawing_does_not_end_the_program(canvas, monkeypatch):
    def fail(*_):
        raise MemoryError

    plain = screen(canvas)
    monkeypatch.setattr(canvas.picture, "image", fail)
    with pytest.raises(MemoryError):
        canvas.grab()
    monkeypatch.undo()
    np.testing.assert_array_equal(screen(canvas), plain)


def test_cursors_say_what_a_press_would_do(canvas, session, mouse):
    session.editor.set_brush_radius(30)
    mouse.move(200.5, 300.5)
    assert canvas.cursor().shape() == Qt.CursorShape.BlankCursor
    session.editor.set_brush_radius(1)
    assert canvas.cursor().shape() == Qt.CursorShape.CrossCursor
    session.editor.set_brush_radius(30)
    session.editor.tool = "pick"
    session.editor.toolChanged.emit("pick")
    assert canvas.cursor().shape() == Qt.CursorShape.CrossCursor


def test_messages_are_painted_over_the_picture(canvas, session):
    plain = screen(canvas)
    canvas.set_message("This image can't be read", "The file ends too early. Restore it from a backup.")
    assert canvas.message[0] == "This image can't be read"
    with_message = screen(canvas)
    middle = np.abs(with_message - plain)[270:330, 250:550]
    assert (middle.max(axis=2) > 30).mean() > 0.9
    assert (with_message[:100] == plain[:100]).all()
    canvas.set_message("")
    np.testing.assert_array_equal(screen(canvas), plain)


# -- size ------------------------------------------------------------------------------------------------


def test_a_huge_image_costs_what_is_on_screen(qtbot, session, canvas, mouse):
    image = np.zeros((8192, 8192), dtype=np.uint8)
    session.open(make_document(image.shape, image, name="huge.png"))
    composer = canvas.picture.composer
    screen(canvas)
    fitted = composer.composed
    assert fitted <= 16  # of 1024 tiles at full size
    mouse.drag((4096.0, 4096.0))
    screen(canvas)
    assert composer.composed <= fitted + 4
    canvas.set_zoom(1.0)
    screen(canvas)
    assert composer.composed <= fitted + 4 + 20
    session.editor.brush_radius = 50
    before = composer.composed
    middle = canvas.to_image(QPointF(400, 300))
    mouse.drag(middle)
    screen(canvas)
    assert composer.composed <= before + 4
    assert color_at(canvas, *middle) == (128, 0, 0)
    for number in range(200):
        canvas.pan_by(-37, 53 if number % 40 < 20 else -41)
        canvas.picture.image(QColor(0, 0, 0))
    for cache in (composer.tiles, composer.plain_tiles):
        assert cache.nbytes <= cache.limit <= 64 * 2**20


def test_documents_that_were_left_are_forgotten(canvas, session, mouse):
    left = weakref.ref(session.document)
    mouse.drag((100.5, 100.5))
    screen(canvas)
    session.open(make_document(SHAPE, name="b.png"))
    screen(canvas)
    assert left() is None


TWICE = """
import numpy as np
from PySide6.QtWidgets import QApplication
app = QApplication([])
from tests.ui.canvas_session import CanvasSession, make_document
from unet_studio.core.geometry import Rect
from unet_studio.ui.canvas import Canvas
session = CanvasSession()
canvas = Canvas(session)
canvas.resize(400, 300)
canvas.show()
checker = (np.indices((300, 400)).sum(axis=0) % 2 * 255).astype(np.uint8)
session.open(make_document((300, 400), checker))
canvas.actual_size()
session.editor.pointer("press", 150.5, 200.5)
session.editor.pointer("release", 150.5, 200.5)
app.processEvents()
canvas.finish()
assert canvas.devicePixelRatioF() == 2, canvas.devicePixelRatioF()
shot = canvas.grab().toImage()
assert (shot.width(), shot.height()) == (800, 600)
view = canvas.picture.view
assert (view.zoom, canvas.visible_rect) == (1.0, Rect(0, 0, 300, 400)), view
at = canvas.to_widget(150.5, 200.5)
assert abs(at.x() - 200) <= 1 and abs(at.y() - 150) <= 1, at
for row in range(0, 300, 7):
    for column in range(0, 400, 11):
        color = shot.pixelColor(int(view.x) + column, int(view.y) + row)
        painted = session.document.annotation.pixels[row, column] == 1
        grey = int(checker[row, column])
        expected = (128 + grey // 2, grey // 2, grey // 2) if painted else (grey,) * 3
        found = (color.red(), color.green(), color.blue())
        assert max(abs(a - b) for a, b in zip(found, expected)) <= 1, (row, column, found, expected)
"""


def test_at_twice_the_pixels_actual_size_is_one_image_pixel_a_device_pixel():
    environment = {**os.environ, "QT_SCALE_FACTOR": "2", "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run(
        [sys.executable, "-c", TWICE], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
