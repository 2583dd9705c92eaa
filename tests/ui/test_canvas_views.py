"""What the canvas shows where: layers, legend, places remembered and locked, the overview map, screens."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QEnterEvent, QImage, QMouseEvent
from PySide6.QtWidgets import QApplication

from tests.ui.canvas_session import CanvasSession, make_document
from unet_studio.core.geometry import Rect
from unet_studio.core.prediction import Prediction
from unet_studio.ui.canvas import Canvas
from unet_studio.ui.canvas.layers import LAYERS
from unet_studio.ui.canvas.overlay import Overlay

SHAPE = (400, 600)
GREY = (100, 100, 100)
RED_OVER_GREY = (178, 50, 50)
LEFT, NONE = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton


@pytest.fixture
def session():
    return CanvasSession()


@pytest.fixture
def canvas(qtbot, session):
    made = Canvas(session)
    qtbot.addWidget(made)
    made.resize(800, 600)
    made.show()
    qtbot.waitExposed(made)
    session.open(make_document(SHAPE))
    settle(made)
    return made


def settle(canvas):
    QApplication.processEvents()
    canvas.finish()
    QApplication.processEvents()


def shot(widget):
    """What a widget shows, int (height, width, 3)."""
    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).astype(int)


def color_at(canvas, row, column):
    settle(canvas)
    at = canvas.to_widget(row, column)
    return tuple(shot(canvas)[int(at.y()), int(at.x())])


def paint(session, rect, value):
    document = session.document
    document.begin("Test")
    document.annotation.write(rect, value)
    document.commit()
    session.maskChanged.emit(rect)


def mouse(widget, kind, at, button=NONE, held=NONE):
    event = QMouseEvent(kind, at, widget.mapToGlobal(at), button, held, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(widget, event)


def predicted(shape=SHAPE, name="predicted.png"):
    """Left half class 1, right half background, less sure to the bottom."""
    labels = np.zeros(shape, dtype=np.uint8)
    labels[:, : shape[1] // 2] = 1
    document = make_document(shape, labels=labels, name=name)
    sure = np.linspace(255, 100, shape[0]).astype(np.uint8)
    confidence = np.ascontiguousarray(np.broadcast_to(sure[:, None], shape))
    document.set_prediction(Prediction(labels, confidence, "model"))
    return document


# -- layers ----------------------------------------------------------------------------------------------


def test_every_layer_can_be_shown_drawn_and_named(canvas, session):
    session.open(predicted())
    paint(session, Rect(50, 50, 350, 550), 1)
    seen = set()
    for name, layer in LAYERS.items():
        canvas.set_overlay(Overlay(name, outline=True, marks=True))
        settle(canvas)
        seen.add(shot(canvas)[:, :, :].tobytes())
        assert canvas.layer == name
        assert layer.title
        assert layer.tip
    assert len(seen) == len(LAYERS)


def test_the_difference_shows_what_a_person_overrode(canvas, session):
    session.open(predicted())
    paint(session, Rect(100, 100, 200, 200), 1)  # agreed
    paint(session, Rect(100, 400, 200, 500), 1)  # added
    paint(session, Rect(250, 100, 350, 200), 0)  # removed
    canvas.set_show("difference")
    added, removed = color_at(canvas, 150.5, 450.5), color_at(canvas, 300.5, 150.5)
    agreed = color_at(canvas, 150.5, 150.5)
    assert added == (50, 107, 139)
    assert removed == (165, 130, 50)
    assert color_at(canvas, 50.5, 50.5) == GREY
    strength = [max(abs(value - 100) for value in color) for color in (added, removed, agreed)]
    assert 5 < strength[2] < min(strength[:2])
    assert canvas.corners.legend.isVisible()
    assert [text for _, text in canvas.corners.legend.entries] == [
        "added",
        "removed",
        "another class",
        "agreed",
    ]
    session.document.undo()
    session.maskChanged.emit(Rect.of(SHAPE))
    assert color_at(canvas, 300.5, 150.5) == GREY


def test_confidence_is_clear_where_the_mask_is_sure(canvas, session):
    session.open(predicted())
    canvas.set_show("confidence")
    assert color_at(canvas, 2.5, 300.5) == GREY
    hot = color_at(canvas, 395.5, 300.5)
    assert hot == pytest.approx((205, 212, 50), abs=2)  # three quarters of the hottest colour
    paint(session, Rect(380, 280, 400, 320), 0)
    assert color_at(canvas, 395.5, 300.5) == GREY
    assert canvas.corners.legend.title == "Confidence"


def test_painted_background_is_seen_in_the_annotation_alone(canvas, session):
    paint(session, Rect(100, 100, 200, 200), 0)
    assert color_at(canvas, 150.5, 150.5) == GREY
    canvas.set_show("annotation")
    assert color_at(canvas, 150.5, 150.5) == (70, 70, 70)
    assert color_at(canvas, 250.5, 150.5) == GREY
    canvas.set_hidden_classes(frozenset({0}))
    assert color_at(canvas, 150.5, 150.5) == GREY


def test_outline_without_fill_and_with_it(canvas, session):
    canvas.set_zoom(8.0)
    paint(session, Rect(190, 290, 210, 310), 1)
    canvas.set_overlay(replace(canvas.overlay, fill=False, outline=True))
    assert color_at(canvas, 200.5, 300.5) == GREY
    corner = canvas.to_widget(190, 290)
    settle(canvas)
    shown = shot(canvas)
    left, top = round(corner.x()), round(corner.y())
    assert tuple(shown[top + 40, left]) == (255, 0, 0)
    assert tuple(shown[top + 40, left - 1]) == tuple(shown[top + 40, left + 1]) == GREY
    assert (shown == [255, 0, 0]).all(axis=2).sum() == 4 * 160 - 4
    canvas.set_overlay(replace(canvas.overlay, fill=True))
    assert color_at(canvas, 200.5, 300.5) == RED_OVER_GREY
    canvas.set_mask_visible(False)
    settle(canvas)
    assert (shot(canvas) != [255, 0, 0]).any(axis=2).all()


def test_nothing_lies_over_the_image_while_one_peeks_or_hides(canvas, session):
    session.open(make_document(SHAPE, labels=np.zeros(SHAPE, dtype=np.uint8), name="background.png"))
    canvas.set_overview(False)
    canvas.set_zoom(8.0)
    settle(canvas)
    bare = shot(canvas)
    paint(session, Rect(190, 290, 210, 310), 1)
    canvas.set_overlay(Overlay(outline=True, marks=True))
    settle(canvas)
    assert (shot(canvas) != bare).any(axis=2).sum() == 160 * 160
    canvas.hand.peeking = True
    canvas.hold_changed()
    settle(canvas)
    np.testing.assert_array_equal(shot(canvas), bare)
    canvas.hand.peeking = False
    canvas.hold_changed()
    settle(canvas)
    assert (shot(canvas) != bare).any(axis=2).sum() == 160 * 160
    canvas.set_show("image")
    settle(canvas)
    assert (shot(canvas) != bare)[60:].sum() == 0  # below the legend, which says that the mask is hidden


def test_lines_keep_their_colour_under_a_faint_fill_and_go_with_it(canvas, session):
    canvas.set_zoom(8.0)
    paint(session, Rect(190, 290, 210, 310), 1)
    corner = canvas.to_widget(190, 290)
    for opacity, red in ((1.0, 255), (0.2, 255), (0.1, 178), (0.0, 100)):
        canvas.set_overlay(replace(canvas.overlay, fill=False, outline=True, opacity=opacity))
        settle(canvas)
        found = shot(canvas)[round(corner.y()) + 40, round(corner.x())]
        assert found[0] == pytest.approx(red, abs=2)


def test_the_legend_names_what_is_not_the_mask(canvas, session):
    legend = canvas.corners.legend
    assert legend.isHidden()
    canvas.set_show("annotation")
    assert (legend.title, legend.isVisible()) == ("Annotation", True)
    canvas.set_show("prediction")
    assert legend.entries == (("", "this image has no prediction"),)
    session.open(predicted())
    assert legend.entries == ()
    canvas.set_mask_visible(False)
    assert legend.title == "Mask hidden"
    canvas.set_overlay(Overlay("difference"))
    for wide, high in ((800, 600), (230, 300)):
        canvas.resize(wide, high)
        assert canvas.rect().contains(legend.geometry())
        assert (legend.height() > 60) == (wide == 230)
    canvas.set_mask_visible(False)
    canvas.set_mask_visible(True)
    canvas.set_show("mask")
    assert legend.isHidden()
    canvas.set_show("difference")
    session.open(None)
    assert legend.isHidden()


def test_an_overlay_knows_its_limits():
    assert Overlay(opacity=3).opacity == 1
    assert Overlay(opacity=-1).opacity == 0
    with pytest.raises(ValueError, match="heat"):
        Overlay("heat")


# -- places ----------------------------------------------------------------------------------------------


def images(*shapes):
    return [make_document(shape, name=f"{number}.png") for number, shape in enumerate(shapes)]


def test_coming_back_to_an_image_finds_the_place_that_was_left(canvas, session):
    first, second = images(SHAPE, SHAPE)
    session.open(first)
    canvas.set_zoom(5.0, QPointF(100, 80))
    left = canvas.picture.view
    session.open(second)
    assert canvas.visible_rect == Rect.of(SHAPE)
    session.open(None)  # while the next one is read
    canvas.set_zoom(3.0)
    session.open(first)
    assert canvas.picture.view == left
    canvas.fit()
    session.open(second)
    canvas.resize(500, 400)
    session.open(first)
    assert canvas.visible_rect == Rect.of(SHAPE)


def test_a_place_is_of_one_image_of_one_project(canvas, session):
    first, second, larger = (*images(SHAPE, SHAPE), make_document((700, 700), name="0.png"))
    session.open(first)
    canvas.set_zoom(5.0)
    session.open(second)
    session.open(larger)  # the file was replaced
    assert canvas.visible_rect == Rect.of((700, 700))
    canvas.set_zoom(5.0)
    session.open(None)
    session.projectChanged.emit()
    session.open(make_document((700, 700), name="0.png"))
    assert canvas.visible_rect == Rect.of((700, 700))


def test_a_locked_view_goes_along(canvas, session):
    first, second, larger = images(SHAPE, SHAPE, (800, 1200))
    canvas.memory.locked = True
    session.open(first)
    canvas.set_zoom(5.0, QPointF(100, 80))
    left = canvas.picture.view
    session.open(second)
    assert canvas.picture.view == left
    middle = canvas.to_image(QPointF(400, 300))
    session.open(larger)
    assert canvas.zoom == 5.0
    assert canvas.to_image(QPointF(400, 300)) == pytest.approx([2 * place for place in middle], abs=0.3)
    canvas.fit()
    session.open(first)
    assert canvas.visible_rect == Rect.of(SHAPE)


def test_unlocking_gives_every_image_its_own_place_back(canvas, session):
    first, second = images(SHAPE, SHAPE)
    session.open(first)
    canvas.set_zoom(5.0)
    canvas.memory.locked = True
    session.open(second)
    assert canvas.zoom == 5.0
    canvas.set_zoom(9.0)
    canvas.memory.locked = False
    session.open(first)
    assert canvas.zoom == 5.0


# -- the overview ----------------------------------------------------------------------------------------


def test_the_map_is_there_while_part_of_the_image_is_out_of_view(canvas, session):
    overview = canvas.corners.overview
    assert overview.isHidden()
    canvas.set_zoom(4.0)
    assert overview.isVisible()
    assert canvas.rect().adjusted(0, 0, -11, -11).contains(overview.geometry())
    assert overview.width() / overview.height() == pytest.approx(1.5, abs=0.05)
    canvas.resize(300, 240)
    assert overview.width() <= 100
    canvas.set_message("Wait")
    assert overview.isHidden()
    canvas.set_message("")
    assert overview.isVisible()
    canvas.set_overview(False)
    assert overview.isHidden()
    canvas.set_overview(True)
    canvas.fit()
    assert overview.isHidden()
    canvas.set_zoom(4.0)
    session.open(None)
    assert overview.isHidden()


def test_a_click_and_a_drag_on_the_map_move_the_view(canvas, session):
    canvas.set_zoom(6.0)
    overview = canvas.corners.overview
    at = QPointF(overview.width() * 0.25, overview.height() * 0.75)
    mouse(overview, QEvent.Type.MouseButtonPress, at, LEFT, LEFT)
    assert canvas.to_image(QPointF(400, 300)) == pytest.approx((300, 150), abs=0.2)
    mouse(overview, QEvent.Type.MouseMove, QPointF(overview.width() / 2, -50), NONE, LEFT)
    assert canvas.to_image(QPointF(400, 300)) == pytest.approx((0, 300), abs=0.2)
    mouse(overview, QEvent.Type.MouseButtonRelease, at, LEFT, NONE)
    mouse(overview, QEvent.Type.MouseMove, at)
    assert canvas.to_image(QPointF(400, 300)) == pytest.approx((0, 300), abs=0.2)
    assert session.editor.seen == []
    assert canvas.zoom == 6.0


def test_the_ring_goes_when_the_pointer_goes_to_the_map(canvas, session, qtbot):
    canvas.set_zoom(4.0)
    mouse(canvas, QEvent.Type.MouseMove, QPointF(300, 300))
    assert canvas.hand.at is not None
    at = QPointF(5, 5)
    with qtbot.waitSignal(canvas.pointerLeft):
        QApplication.sendEvent(canvas.corners.overview, QEnterEvent(at, at, at))
    assert canvas.hand.at is None


def test_the_map_shows_the_image_its_mask_and_what_is_on_screen(canvas, session):
    image = np.full((*SHAPE, 3), 100, dtype=np.uint8)
    image[:, 300:] = 200
    session.open(make_document(SHAPE, image, name="halves.png"))
    canvas.set_zoom(8.0)
    canvas.centre_on(200, 150)
    settle(canvas)
    overview = canvas.corners.overview
    wide, high = overview.width(), overview.height()
    seen = shot(overview)
    assert tuple(seen[high // 2, wide // 4]) == GREY  # inside what is on screen
    assert seen[high // 8, wide // 4].max() < 70  # dimmed
    assert 100 < seen[high // 2, 7 * wide // 8].max() < 130
    assert (seen == 255).all(axis=2).sum() > 20  # the frame
    paint(session, Rect(190, 140, 210, 160), 1)
    overview.update()
    settle(canvas)
    assert tuple(shot(overview)[high // 2, wide // 4]) == RED_OVER_GREY
    canvas.set_mask_visible(False)
    settle(canvas)
    assert tuple(shot(overview)[high // 2, wide // 4]) == GREY


def test_the_map_shows_the_image_as_the_canvas_does(canvas, session, qtbot):
    canvas.set_zoom(8.0)
    settle(canvas)
    overview = canvas.corners.overview
    before = overview.drawn
    session.pyramid = session.pyramid.with_display(
        session.pyramid.display.with_window((0.0, 200.0), {0, 1, 2})
    )
    session.displayChanged.emit()
    qtbot.waitUntil(lambda: overview.drawn > before, timeout=5000)
    middle = overview.height() // 2, overview.width() // 2
    assert tuple(shot(overview)[middle]) == color_at(canvas, 200.5, 300.5) == (128, 128, 128)


def test_the_map_follows_a_stroke_a_moment_later_and_draws_what_changed(canvas, session, qtbot):
    session.open(make_document((4000, 4000), np.zeros((4000, 4000), dtype=np.uint8), name="large.png"))
    canvas.set_zoom(1.0)
    settle(canvas)
    overview = canvas.corners.overview
    before = overview.drawn
    assert before == 250 * 250
    rect = Rect(1000, 1000, 1064, 1064)
    paint(session, rect, 1)
    qtbot.waitUntil(lambda: overview.drawn > before, timeout=5000)
    assert overview.drawn - before <= 25
    settle(canvas)
    place = 1032 * overview.height() // 4000
    assert shot(overview)[place, place][0] > 50


# -- screens ---------------------------------------------------------------------------------------------

SCREEN = """
import sys
import numpy as np
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget
app = QApplication([])
from tests.ui.canvas_session import CanvasSession, make_document
from unet_studio.core.geometry import Rect
from unet_studio.ui.canvas import Canvas
from unet_studio.ui.canvas.overlay import Overlay
ratio = float(sys.argv[1])
session = CanvasSession()
window = QWidget()  # the canvas lies where a logical px is no whole device px
window.resize(430, 335)
canvas = Canvas(session, window)
canvas.setGeometry(13, 27, 400, 300)
canvas.set_overview(False)
window.show()
checker = (np.indices((600, 900)).sum(axis=0) % 2 * 200).astype(np.uint8)
session.open(make_document(checker.shape, checker))
canvas.set_overlay(Overlay(outline=True))
document = session.document
document.begin("Test")
document.annotation.write(Rect(280, 430, 320, 470), 1)
document.commit()
session.maskChanged.emit(Rect(280, 430, 320, 470))
reach = max(1, round(ratio))
for zoom in (1.0, 3.0):
    canvas.set_zoom(zoom)
    app.processEvents()
    canvas.finish()
    app.processEvents()
    assert canvas.devicePixelRatioF() == ratio, canvas.devicePixelRatioF()
    shot = window.grab().toImage()
    view = canvas.picture.view
    assert abs(view.zoom - zoom) < 1e-9
    left, top = round(13 * ratio), round(27 * ratio)
    wrong = 0
    for y in range(2, int(300 * ratio) - 2, 3):
        for x in range(2, int(400 * ratio) - 2, 3):
            row, column = int((y + 0.5 - view.y) // zoom), int((x + 0.5 - view.x) // zoom)
            if not (0 <= row < 600 and 0 <= column < 900):
                continue
            color = shot.pixelColor(left + x, top + y)
            near = []
            for far in range(1, reach + 1):
                for dy, dx in ((-far, 0), (far, 0), (0, -far), (0, far)):
                    place = int((y + dy + 0.5 - view.y) // zoom), int((x + dx + 0.5 - view.x) // zoom)
                    near.append(document.annotation.pixels[place])
            painted = document.annotation.pixels[row, column] == 1
            grey = int(checker[row, column])
            if painted and any(label != 1 for label in near):
                expected = (255, 0, 0)
            elif painted:
                expected = (128 + grey * 127 // 255, grey * 127 // 255, grey * 127 // 255)
            else:
                expected = (grey, grey, grey)
            found = (color.red(), color.green(), color.blue())
            wrong += max(abs(a - b) for a, b in zip(found, expected)) > 1
    assert wrong == 0, (zoom, wrong)
"""


@pytest.mark.parametrize("ratio", ["1", "1.25", "2"])
def test_a_device_pixel_is_a_device_pixel_on_every_screen(ratio):
    environment = {**os.environ, "QT_SCALE_FACTOR": ratio, "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run(
        [sys.executable, "-c", SCREEN, ratio], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
