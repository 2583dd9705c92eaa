"""The hand on the canvas with tools that take several clicks, with pens and with fingers."""

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent, QPointingDevice, QTabletEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from tests.ui.canvas_session import CanvasSession, make_document
from tests.ui.test_canvas import GREY, LEFT, MIDDLE, NO_KEYS, NONE, RIGHT, Mouse, color_at, key, screen
from unet_studio.core.classes import UNLABELLED
from unet_studio.tools import PaintRule
from unet_studio.tools.spans import polygon_spans
from unet_studio.ui.canvas import Canvas
from unet_studio.ui.canvas import touch as touch_module

SHAPE = (400, 600)
SQUARE = [(100.0, 150.0), (100.0, 250.0), (200.0, 250.0), (200.0, 150.0)]


@pytest.fixture
def session():
    made = CanvasSession()
    yield made
    made.editor.stop()


@pytest.fixture
def canvas(qtbot, session):
    made = Canvas(session)
    qtbot.addWidget(made)
    made.resize(800, 600)
    made.show()
    qtbot.waitExposed(made)
    session.open(make_document(SHAPE))
    made.set_zoom(1.0)
    QApplication.processEvents()
    return made


@pytest.fixture
def mouse(canvas):
    return Mouse(canvas)


def click(mouse, *points, button=LEFT):
    for point in points:
        mouse.move(*point)
        mouse.press(*point, button)
        mouse.release(*point)


def double_click(mouse, row, column):
    click(mouse, (row, column))
    mouse.held = LEFT
    mouse.send(QEvent.Type.MouseButtonDblClick, row, column, LEFT)
    mouse.release(row, column)


def override(canvas, code):
    """Whether the canvas takes a key away from the window's shortcuts."""
    event = QKeyEvent(QEvent.Type.ShortcutOverride, code, NO_KEYS)
    event.ignore()
    QApplication.sendEvent(canvas, event)
    return event.isAccepted()


def count(session, value=1):
    return int((session.document.annotation.pixels == value).sum())


# -- tools that take several clicks ------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["first point", "double click", "enter", "keypad"])
def test_a_polygon_is_clicked_and_closed(how, canvas, session, mouse):
    session.editor.set_tool("polygon")
    if how == "double click":
        click(mouse, *SQUARE[:3])
        double_click(mouse, *SQUARE[3])
    else:
        click(mouse, *SQUARE)
        assert not session.document.painted
        if how == "first point":
            click(mouse, (101.0, 152.0))
        else:
            assert key(canvas, Qt.Key.Key_Return if how == "enter" else Qt.Key.Key_Enter)
    assert count(session) == 100 * 100
    assert session.document.history.undo_name == "Polygon"
    assert len(session.announced) == 1
    assert not session.editor.busy


def test_keys_belong_to_the_tool_only_while_it_is_busy(canvas, session, mouse):
    session.editor.set_tool("polygon")
    keys = (Qt.Key.Key_Return, Qt.Key.Key_Backspace, Qt.Key.Key_Escape)
    assert not any(override(canvas, code) for code in keys)
    assert not any(key(canvas, code) for code in keys)
    click(mouse, *SQUARE)
    assert all(override(canvas, code) for code in keys)
    assert not override(canvas, Qt.Key.Key_D)
    assert key(canvas, Qt.Key.Key_Backspace)
    assert key(canvas, Qt.Key.Key_Delete)
    assert len(session.editor.outlines[0].points) == 2
    assert key(canvas, Qt.Key.Key_Escape)
    assert not session.editor.busy
    assert not any(override(canvas, code) for code in keys)
    assert session.document.history.undo_name is None


def test_escape_drops_a_polygon_also_while_a_point_is_dragged(canvas, session, mouse):
    session.editor.set_tool("polygon")
    click(mouse, *SQUARE[:3])
    mouse.press(*SQUARE[1])
    mouse.move(80.0, 300.0)
    key(canvas, Qt.Key.Key_Escape)
    mouse.release(80.0, 300.0)
    assert not session.editor.busy
    assert not session.document.painted
    assert color_at(canvas, 100.0, 200.0) == GREY


@pytest.mark.parametrize("how", ["middle button", "space"])
def test_the_image_is_panned_in_the_middle_of_a_polygon(how, canvas, session, mouse):
    session.editor.set_tool("polygon")
    click(mouse, *SQUARE[:2])
    canvas.set_zoom(2.0)
    before = canvas.to_widget(0, 0)
    button = MIDDLE if how == "middle button" else LEFT
    if how == "space":
        key(canvas, Qt.Key.Key_Space)
    start, end = QPointF(400, 300), QPointF(430, 280)
    for kind, at, which, held in (
        (QEvent.Type.MouseButtonPress, start, button, button),
        (QEvent.Type.MouseMove, end, NONE, button),
        (QEvent.Type.MouseButtonRelease, end, button, NONE),
    ):
        QApplication.sendEvent(canvas, QMouseEvent(kind, at, canvas.mapToGlobal(at), which, held, NO_KEYS))
    key(canvas, Qt.Key.Key_Space, down=False)
    assert canvas.to_widget(0, 0) - before == QPointF(30, -20)
    click(mouse, *SQUARE[2:], SQUARE[0])
    assert count(session) == 100 * 100


def test_a_click_counts_as_on_a_point_by_its_distance_on_screen(canvas, session, mouse):
    session.editor.set_tool("polygon")
    canvas.set_zoom(16.0)
    at = canvas.to_image(QPointF(400, 300))
    corners = [(at[0] + down, at[1] + right) for down, right in ((0, 0), (0, 3), (3, 3))]
    click(mouse, *corners, (at[0] + 3, at[1]), (at[0] + 0.3, at[1] + 0.2))
    assert not session.editor.busy
    assert session.document.painted


def test_losing_the_keyboard_leaves_an_open_polygon_open(canvas, session, mouse):
    session.editor.set_tool("polygon")
    click(mouse, *SQUARE[:3])
    QApplication.sendEvent(canvas, QFocusEvent(QEvent.Type.FocusOut))
    click(mouse, SQUARE[3], SQUARE[0])
    assert count(session) == 100 * 100


def test_the_right_button_erases_with_every_shape(canvas, session, mouse):
    session.editor.set_tool("rectangle")
    mouse.drag((50.0, 50.0), (150.0, 160.0), button=RIGHT)
    assert count(session, 0) == 100 * 110
    session.editor.set_tool("polygon")
    click(mouse, *SQUARE, SQUARE[0], button=RIGHT)
    assert count(session, 1) == 0
    assert count(session, 0) == 100 * 110 + 100 * 100 - 50 * 10


def test_brushes_are_told_of_no_moves_without_a_button(canvas, session, mouse):
    mouse.move(100.0, 100.0)
    assert session.editor.seen == []
    session.editor.set_tool("line")
    mouse.move(110.0, 100.0)
    assert [entry[0] for entry in session.editor.seen] == ["hover"]


def test_undo_takes_points_back_before_it_takes_steps_back(canvas, session, mouse, qtbot):
    mouse.drag((300.5, 300.5))
    editor = session.editor
    editor.set_tool("polygon")
    with qtbot.waitSignal(session.historyChanged):
        click(mouse, *SQUARE[:1])
    assert editor.can_undo
    assert editor.undo_name == "Last Point"
    click(mouse, *SQUARE[1:2])
    editor.undo()
    editor.redo()
    assert len(editor.outlines[0].points) == 1
    editor.undo()
    assert not editor.busy
    assert editor.undo_name == "Brush"
    editor.undo()
    assert not session.document.painted
    assert editor.can_redo


def test_another_tool_finishes_what_was_begun_or_drops_it(canvas, session, mouse):
    session.editor.set_tool("polygon")
    click(mouse, *SQUARE)
    session.editor.set_tool("brush")
    assert count(session) == 100 * 100
    session.editor.set_tool("polygon")
    click(mouse, (300.0, 300.0), (350.0, 350.0))
    session.editor.set_tool("brush")
    assert count(session) == 100 * 100
    session.editor.set_tool("line")
    click(mouse, (300.0, 300.0))
    mouse.move(350.0, 350.0)
    session.editor.set_tool("brush")
    assert count(session) == 100 * 100
    assert not any(tool.busy for tool in session.editor.tools.values())
    assert session.editor.outlines == ()


def test_a_tool_that_changes_its_own_setting_is_heard(canvas, session, mouse, qtbot):
    tool = session.editor.tools["brush"]
    mouse.drag((100.5, 100.5))
    tool.values["tolerance"] = 3
    with qtbot.waitSignal(session.editor.toolChanged):
        mouse.drag((120.5, 100.5))
    with qtbot.assertNotEmitted(session.editor.toolChanged):
        mouse.drag((140.5, 100.5))


@pytest.mark.parametrize("points", [2, 4])
def test_another_image_finishes_what_was_begun_or_drops_it(canvas, session, mouse, points):
    session.editor.set_tool("polygon")
    click(mouse, *SQUARE[:points])
    session.editor.leave()  # as the session does before it shows another image
    assert count(session) == (100 * 100 if points == 4 else 0)
    session.open(make_document(SHAPE, name="b.png"))
    key(canvas, Qt.Key.Key_Return)
    assert not session.document.painted


# -- what is drawn over the picture ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["polygon", "lasso", "rectangle", "ellipse", "line"])
def test_outlines_are_seen_on_any_ground_and_leave_no_trace(name, canvas, session, mouse, qtbot):
    for grey in (0, 100, 255):
        session.open(make_document(SHAPE, np.full((*SHAPE, 3), grey, np.uint8), name=f"{grey}.png"))
        canvas.set_zoom(1.5)
        session.editor.set_tool(name)
        plain = screen(canvas)
        way = [(100.0 + step, 120.0 + 7 * step % 90 + 5 * step) for step in range(0, 60, 6)]
        if name == "polygon":
            click(mouse, *way)
        else:
            mouse.press(*way[0])
            for point in way[1:]:
                mouse.move(*point)
                QApplication.processEvents()
        drawn = np.abs(screen(canvas, without_ring=False) - plain).max(axis=2)
        assert (drawn > 60).sum() > 100
        key(canvas, Qt.Key.Key_Escape)
        mouse.release(*way[-1])
        np.testing.assert_array_equal(screen(canvas), plain)


def test_a_growing_lasso_repaints_the_same_as_a_whole_one(canvas, session, mouse):
    session.editor.set_tool("lasso")
    way = [(200 + 90 * np.sin(turn), 300 + 150 * np.cos(turn)) for turn in np.linspace(0, 5, 80)]
    mouse.press(*way[0])
    for point in way[1:]:
        mouse.move(*point)
        QApplication.processEvents()
    grown = screen(canvas, without_ring=False)
    canvas._redraw()
    np.testing.assert_array_equal(grown, screen(canvas, without_ring=False))
    mouse.release(*way[-1])
    expected = sum(stencil.sum() for _, _, stencil in polygon_spans(way, SHAPE).tiles())
    assert count(session) == pytest.approx(expected, rel=0.02)  # points of a mouse lie on whole screen px


def test_lines_stay_in_place_when_the_view_moves(canvas, session, mouse):
    session.editor.set_tool("polygon")
    click(mouse, *SQUARE[:3])
    for zoom in (1.0, 4.0, 32.0):
        canvas.set_zoom(zoom, canvas.to_widget(100.0, 200.0))
        at = canvas.to_widget(100.0, 200.0)
        lines = screen(canvas, without_ring=False)[int(at.y()) - 3 : int(at.y()) + 4, int(at.x())]
        assert lines.max() > 200
        assert lines.min() < 60


# -- pens --------------------------------------------------------------------------------------------------


class Pen:
    """Sends what a pen sends: positions in image px, and how hard it presses."""

    def __init__(self, canvas):
        self.canvas = canvas
        pen, tip = QPointingDevice.DeviceType.Stylus, QPointingDevice.PointerType.Pen
        able = QPointingDevice.Capability.Position | QPointingDevice.Capability.Pressure
        self.device = QPointingDevice("pen", 8, pen, tip, able, 1, 1)

    def send(self, kind, at, pressure, button=NONE, held=NONE):
        place = self.canvas.to_widget(*at)
        event = QTabletEvent(
            kind, self.device, place, self.canvas.mapToGlobal(place), pressure, 0, 0, 0, 0, 0,
            NO_KEYS, button, held,
        )  # fmt: skip
        QApplication.sendEvent(self.canvas, event)

    def hover(self, at):
        self.send(QEvent.Type.TabletMove, at, 0.0)

    def stroke(self, *points):
        (first, pressure), *others = points
        self.send(QEvent.Type.TabletPress, first, pressure, LEFT, LEFT)
        for at, pressure in others:
            self.send(QEvent.Type.TabletMove, at, pressure, NONE, LEFT)
        self.send(QEvent.Type.TabletRelease, points[-1][0], 0.0, LEFT, NONE)


def widths(session, row):
    """How many pixels of each column were painted around a row."""
    return (session.document.annotation.pixels[row - 60 : row + 60] == 1).sum(axis=0)


@pytest.mark.parametrize("on", [False, True])
def test_pressure_sets_the_radius_on_request_and_tapers_smoothly(on, canvas, session):
    session.editor.set_brush_radius(40)
    session.editor.set_pressure_sizes(on)
    points = [((200.0, 100.0 + 10 * step), 0.1 + 0.018 * step) for step in range(40)]
    Pen(canvas).stroke(*points)
    width = widths(session, 200)
    if not on:
        assert width[100:490].min() == width[100:490].max() == 80
        return
    assert 6 <= width[100] <= 14
    assert 50 <= width[485] <= 70
    steps = np.diff(width[100:485])
    assert steps.min() >= 0
    assert steps.max() <= 2  # rows above and below
    assert session.document.history.undo_name == "Brush"


def test_a_mouse_after_a_pen_has_the_whole_radius(canvas, session, mouse):
    session.editor.set_brush_radius(40)
    session.editor.set_pressure_sizes(True)
    Pen(canvas).stroke(((60.0, 100.0), 0.1))
    mouse.drag((200.5, 300.5))
    assert widths(session, 200)[300] == 81
    assert session.editor.cursor_radius == 40


def test_pressure_changes_no_line(canvas, session):
    session.editor.set_tool("line")
    session.editor.set_pressure_sizes(True)
    session.editor.set_brush_radius(20)
    Pen(canvas).stroke(((200.0, 100.0), 0.1), ((200.0, 400.0), 0.2))
    assert widths(session, 200)[250] == 40


# -- fingers -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def screen_of_glass():
    return QTest.createTouchDevice()


class Fingers:
    """Fingers on the canvas, at its logical px."""

    def __init__(self, canvas, device):
        self.canvas, self.device = canvas, device

    def send(self, **kinds):
        """press=, move=, release=: {finger: (x, y)} each; QTest gives fingers that rest no place."""
        sequence = QTest.touchEvent(self.canvas, self.device, False)
        for kind, fingers in kinds.items():
            for finger, place in fingers.items():
                getattr(sequence, kind)(finger, QPoint(*place), self.canvas)
        sequence.commit(True)

    def drag(self, *places):
        self.send(press={0: places[0]})
        for place in places[1:]:
            self.send(move={0: place})
        self.send(release={0: places[-1]})


@pytest.fixture
def fingers(canvas, screen_of_glass):
    return Fingers(canvas, screen_of_glass)


def test_one_finger_paints_where_no_pen_was_seen(canvas, session, fingers):
    fingers.drag((300, 300), (340, 300), (420, 300))
    row, column = (int(value) for value in canvas.to_image(QPointF(360, 300)))
    assert (session.document.annotation.pixels[row, column - 55 : column + 55] == 1).all()
    assert session.document.history.undo_name == "Brush"
    kinds = [entry[0] for entry in session.editor.seen]
    assert (kinds[0], kinds[-1], kinds.count("press")) == ("press", "release", 1)
    assert canvas.hand.at is None  # no ring is left behind


def test_a_tap_is_a_click_and_two_are_a_double_click(canvas, session, fingers):
    session.editor.set_tool("polygon")
    for place in ((300, 200), (400, 200), (400, 300), (300, 300)):
        fingers.send(press={0: place})
        assert place == (300, 200) or session.editor.busy
        fingers.send(release={0: place})
    assert not session.document.painted
    fingers.send(press={0: (302, 300)})
    fingers.send(release={0: (302, 300)})
    assert count(session) == pytest.approx(100 * 100, abs=400)


def test_two_fingers_pan_and_pinch_and_paint_nothing(canvas, session, fingers):
    canvas.set_zoom(2.0)
    under = canvas.to_image(QPointF(400, 300))
    fingers.send(press={0: (350, 300)})
    fingers.send(move={0: (350, 300)}, press={1: (450, 300)})
    fingers.send(move={0: (330, 320), 1: (530, 320)})
    assert canvas.zoom == pytest.approx(4.0)
    assert canvas.to_image(QPointF(430, 320)) == pytest.approx(under, abs=0.5)
    fingers.send(release={0: (330, 320)}, move={1: (530, 320)})
    before = canvas.to_widget(0, 0)
    fingers.send(move={1: (540, 310)})
    assert canvas.to_widget(0, 0) - before == QPointF(10, -10)
    fingers.send(release={1: (540, 310)})
    assert session.editor.seen == []
    assert canvas.zoom == pytest.approx(4.0)


def test_a_second_finger_in_mid_stroke_changes_nothing(canvas, session, fingers):
    before = canvas.picture.view
    fingers.send(press={0: (300, 300)})
    fingers.send(move={0: (330, 300)})
    fingers.send(move={0: (330, 300)}, press={1: (500, 400)})
    fingers.send(move={0: (360, 300), 1: (520, 420)})
    fingers.send(release={0: (360, 300), 1: (520, 420)})
    assert canvas.picture.view == before
    assert [entry[0] for entry in session.editor.seen].count("release") == 1
    assert session.document.history.undo_name == "Brush"


def test_one_finger_pans_where_a_pen_was_seen(canvas, session, fingers, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(touch_module.time, "monotonic", lambda: now[0])
    canvas.set_zoom(3.0)
    Pen(canvas).hover((100.0, 100.0))
    before = canvas.to_widget(0, 0)
    fingers.drag((300, 300), (340, 310))  # the palm: the pen is near
    assert canvas.to_widget(0, 0) == before
    now[0] += 1.0
    fingers.drag((300, 300), (340, 310))
    assert canvas.to_widget(0, 0) - before == QPointF(40, 10)
    assert session.editor.seen == []


def test_a_palm_that_came_before_the_pen_leaves_no_trace(canvas, session, fingers):
    fingers.send(press={0: (300, 300)})
    fingers.send(move={0: (360, 300)})
    assert session.document.editing
    Pen(canvas).stroke(((50.0, 60.0), 1.0))
    fingers.send(move={0: (400, 300)})
    fingers.send(release={0: (400, 300)})
    pixels = session.document.annotation.pixels
    assert pixels[50, 60] == 1
    assert (pixels[90:] == UNLABELLED).all()
    assert not session.document.editing


# -- areas that take long ----------------------------------------------------------------------------------


@pytest.fixture
def large(canvas, session):
    shape = (2048, 2048)
    session.open(make_document(shape, np.zeros(shape, np.uint8), name="large.png"))
    session.editor.set_tool("rectangle")
    return session.document


def draw(session, kind="press"):
    for kind, at in (("press", 3.0), ("move", 900.0), ("release", 2000.0)):
        session.editor.pointer(kind, at, at)


def test_a_large_area_lands_as_one_step(large, session, canvas, qtbot):
    with qtbot.waitSignal(session.maskChanged, timeout=20_000):
        draw(session)
        assert session.editor.landing.under_way
        assert canvas.cursor().shape() == Qt.CursorShape.BusyCursor
        assert not large.painted
        assert session.editor.outlines  # it is seen until it lands
    assert count(session) == 1997**2
    assert large.history.undo_name == "Rectangle"
    assert len(session.announced) == 1
    assert canvas.cursor().shape() == Qt.CursorShape.CrossCursor
    assert session.editor.outlines == ()
    session.editor.undo()
    assert not large.painted


def test_nothing_else_is_painted_meanwhile_and_escape_or_undo_takes_it_back(large, session, canvas, qtbot):
    for cancel in (lambda: key(canvas, Qt.Key.Key_Escape), session.editor.undo):
        draw(session)
        session.editor.pointer("press", 5.0, 5.0)
        assert cancel() in (True, None)
        assert not session.editor.landing.under_way
        assert session.editor.outlines == ()
        qtbot.wait(50)
        assert not large.painted
        assert not large.editing
        assert large.history.undo_name is None


def test_leaving_the_image_lands_it_first(large, session):
    draw(session)
    session.editor.abandon()
    assert count(session) == 1997**2
    assert len(session.announced) == 1


def test_another_edit_lands_it_first(large, session):
    draw(session)
    session.editor.edit(lambda document: document.forget_all())
    assert not large.painted
    assert large.history.undo_name == "Forget all corrections"
    assert len(session.announced) == 2


def test_what_changed_meanwhile_is_planned_again(large, session, qtbot):
    session.editor.set_rule(PaintRule("class", 0))
    labels = np.zeros(large.shape, np.uint8)
    labels[:, 1000:] = 1
    draw(session)
    prediction = make_document(large.shape, np.zeros(large.shape, np.uint8), labels).prediction
    large.set_prediction(prediction)
    qtbot.waitUntil(lambda: not session.editor.landing.under_way, timeout=20_000)
    pixels = large.annotation.pixels
    assert (pixels[3:2000, 3:1000] == 1).all()
    assert (pixels[:, 1000:] == UNLABELLED).all()


def test_another_tool_does_not_stop_it(large, session, qtbot):
    draw(session)
    session.editor.set_tool("brush")
    qtbot.waitUntil(lambda: not session.editor.landing.under_way, timeout=20_000)
    assert count(session) == 1997**2
    assert session.editor.outlines == ()
