"""What a hand feels on the canvas: from the event to the painted frame, pixels checked. Run with
`pytest tests/benchmarks/test_canvas.py --benchmark-only`.

A round posts real mouse events to the widget, lets Qt paint, and ends when the paint event is over.
"""

import itertools

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication

from tests.ui.canvas_session import CanvasSession, make_document
from unet_studio.core.geometry import Rect
from unet_studio.ui.canvas import Canvas
from unet_studio.ui.canvas.tiles import Tile

SIDE = 8192
LEFT, NONE = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
NO_KEYS = Qt.KeyboardModifier.NoModifier


class Counted(Canvas):
    """Counts its paint events."""

    painted = 0

    def paintEvent(self, event):
        super().paintEvent(event)
        self.painted += 1


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def labels():
    rows, columns = np.ogrid[:SIDE, :SIDE]
    return ((rows // 97 + columns // 83) % 2).astype(np.uint8)


@pytest.fixture
def session():
    return CanvasSession()


@pytest.fixture
def canvas(qtbot, session, image, labels):
    made = Counted(session)
    qtbot.addWidget(made)
    made.resize(1600, 1000)
    made.show()
    qtbot.waitExposed(made)
    session.open(make_document((SIDE, SIDE), image, labels))
    session.brush_radius = 50
    settle(made)
    return made


def settle(canvas):
    """Let Qt paint what is to be painted."""
    before = canvas.painted
    QApplication.processEvents()
    return canvas.painted - before


def send(canvas, kind, at, button, held):
    QApplication.sendEvent(canvas, QMouseEvent(kind, at, canvas.mapToGlobal(at), button, held, NO_KEYS))


def press(canvas, at):
    send(canvas, QEvent.Type.MouseButtonPress, at, LEFT, LEFT)


def move(canvas, at):
    send(canvas, QEvent.Type.MouseMove, at, NONE, LEFT)


def release(canvas, at):
    send(canvas, QEvent.Type.MouseButtonRelease, at, LEFT, NONE)


def shown_as_painted(canvas, at):
    """Whether the frame shows class 1 over the image at a point; exact where it is zoomed in."""
    row, column = (int(value) for value in canvas.to_image(at))
    assert canvas.session.document.annotation.pixels[row, column] == 1
    frame = canvas.picture.image(Qt.GlobalColor.black)
    color = frame.pixelColor(int(at.x()), int(at.y()))
    red = int(canvas.session.document.image[row, column, 0]) * 127 // 255 + 128
    exact = canvas.zoom < 1 or abs(color.red() - red) <= 1
    return exact and color.red() > color.green() + 20


def walk(seed=1):
    """Points that wander over the canvas, 12 px a step."""
    random = np.random.default_rng(seed)
    x, y, angle = 800.0, 500.0, 0.0
    while True:
        angle += random.normal(0, 0.4)
        x, y = x + 12 * np.cos(angle), y + 12 * np.sin(angle)
        if not (360 < x < 1240 and 80 < y < 920):
            angle += np.pi / 2
            x, y = min(max(x, 360), 1240), min(max(y, 80), 920)
        yield QPointF(x, y)


@pytest.mark.parametrize("radius", [50, 500])
@pytest.mark.parametrize("zoom", ["fit", 1.0, 4.0])
def test_dab(benchmark, canvas, session, zoom, radius):
    """One move of a stroke under way, until it is on screen."""
    if zoom != "fit":
        canvas.set_zoom(zoom)
    session.brush_radius = radius
    points = walk()
    press(canvas, next(points))
    settle(canvas)
    last = []

    def dab(at):
        move(canvas, at)
        assert settle(canvas) == 1
        last[:] = [at]

    benchmark.pedantic(dab, setup=lambda: ((next(points),), {}), rounds=300, warmup_rounds=5)
    assert shown_as_painted(canvas, last[0])
    release(canvas, last[0])


@pytest.mark.parametrize("zoom", ["fit", 1.0])
def test_commit(benchmark, canvas, session, zoom):
    """The release of a stroke of twenty moves, until its step is in the history and the frame is painted."""
    if zoom != "fit":
        canvas.set_zoom(zoom)
    points, classes = walk(), itertools.cycle((1, 0))

    def stroke():
        session.active_class = next(classes)
        press(canvas, next(points))
        for _ in range(20):
            move(canvas, next(points))
        at = next(points)
        move(canvas, at)
        settle(canvas)
        return (at,), {}

    def commit(at):
        release(canvas, at)
        settle(canvas)

    before = len(canvas.session.document.history._done)
    benchmark.pedantic(commit, setup=stroke, rounds=50)
    assert len(canvas.session.document.history._done) - before == 50


@pytest.mark.parametrize("zoom", ["fit", 1.0])
def test_undo(benchmark, canvas, session, zoom):
    """Taking a stroke of twenty moves back, until it has gone from the screen."""
    if zoom != "fit":
        canvas.set_zoom(zoom)
    points, strokes = walk(), 60
    for number in range(strokes):
        session.active_class = 1 - number % 2
        press(canvas, next(points))
        for _ in range(20):
            move(canvas, next(points))
        release(canvas, next(points))
        settle(canvas)

    def undo():
        session.undo()
        assert settle(canvas) == 1

    benchmark.pedantic(undo, rounds=strokes)
    assert not session.document.painted
    assert session.document.history.undo_name is None


@pytest.mark.parametrize("level", [0, 3])
def test_tile(benchmark, canvas, level):
    """One 256-px tile: look up its mask and lay it over the picture."""
    composer = canvas.picture.composer
    key = (level, 1, 1)
    tile = Tile.blank(256, 256)

    def compose():
        composer._paint(key, tile, composer._area(key))

    benchmark(compose)
    step = 1 << level
    rect = Rect(256 * step, 256 * step, 512 * step, 512 * step)
    red = canvas.session.document.mask_region(rect, step) == 1
    assert ((tile.pixels >> 16 & 255)[red] >= 128).all()
    assert red.any()


@pytest.mark.parametrize("zoom", ["fit", 0.3, 1.0, 1.7, 6.0])
def test_pan(benchmark, canvas, zoom):
    """A step of a pan, until the frame is painted."""
    if zoom != "fit":
        canvas.set_zoom(zoom)
    settle(canvas)
    steps = iter(range(10_000))

    def pan():
        number = next(steps)
        canvas.pan_by(-23 if number % 40 < 20 else 23, 17 if number % 60 < 30 else -17)
        assert settle(canvas) == 1

    benchmark.pedantic(pan, rounds=200, warmup_rounds=2)


def test_zoom(benchmark, canvas):
    """A step of the wheel from the whole image to single pixels and back, until the frame is painted."""
    steps = iter(range(10_000))
    at = QPointF(700, 420)

    def zoom():
        canvas.zoom_by(1.25 if next(steps) % 50 < 25 else 0.8, at)
        settle(canvas)

    benchmark.pedantic(zoom, rounds=200, warmup_rounds=2)


def test_hover(benchmark, canvas, session):
    """The ring of a brush of radius 500 following the pointer."""
    canvas.set_zoom(1.0)
    session.brush_radius = 500
    points = walk()

    def hover(at):
        send(canvas, QEvent.Type.MouseMove, at, NONE, NONE)
        assert settle(canvas) == 1

    benchmark.pedantic(hover, setup=lambda: ((next(points),), {}), rounds=200, warmup_rounds=2)
