"""A/B on the canvas: the pixels of both versions, the line, the flip key, the difference; none paints."""

import numpy as np
import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication

from tests.helpers import make_model
from tests.ui.conftest import paint_all, shown
from tests.ui.test_canvas_views import color_at, settle
from unet_studio.core.geometry import Rect
from unet_studio.core.prediction import Prediction
from unet_studio.ui.canvas.versus import HOLD_MS
from unet_studio.ui.canvas.versus_layers import (
    BOTH_WRONG,
    DIFFER,
    FIRST_RIGHT,
    SAME,
    SECOND_RIGHT,
    VERSUS_COLORS,
    Pair,
    versus_layers,
)

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton


@pytest.fixture
def compared(qtbot, window, folder):
    """The window with two models, of which "one" says class 1 everywhere and "two" background."""
    for seed, name in enumerate(("one", "two")):
        make_model(folder / "unet-studio" / "models" / name, seed=seed)
    window.open_folder(folder)
    shown(qtbot, window.session, "0.png")
    session = window.session
    document = session.document
    for name, index in (("one", 1), ("two", 0)):
        labels = np.full(document.shape, index, dtype=np.uint8)
        made = {"mode": "exact", "image-hash": document.facts["image-hash"]}
        certain = np.full(document.shape, 255, dtype=np.uint8)
        session.comparer._shelf.put("0.png", Prediction(labels, certain, name, made))
    window.canvas.set_overlay(window.canvas.overlay)
    session.comparer.begin("one", "two")
    assert not any(side.waiting for side in session.comparer.sides)
    window.canvas.setFocus()
    settle(window.canvas)
    return window


def colored(window, row, column):
    """Whether the class is seen at a pixel: its colour is not grey as the image is."""
    red, _, blue = color_at(window.canvas, row, column)
    return bool(abs(red - blue) > 12)


def mouse(canvas, kind, at, button=NONE, held=NONE):
    event = QMouseEvent(kind, at, canvas.mapToGlobal(at), button, held, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(canvas, event)


def drag(canvas, *columns):
    """Press at the first column of the image, move through the others, let go."""
    points = [canvas.to_widget(48.5, column) for column in columns]
    mouse(canvas, QEvent.Type.MouseButtonPress, points[0], LEFT, LEFT)
    for point in points[1:]:
        mouse(canvas, QEvent.Type.MouseMove, point, NONE, LEFT)
    mouse(canvas, QEvent.Type.MouseButtonRelease, points[-1], LEFT)


def test_a_lies_to_the_left_of_the_line_and_b_to_the_right(compared):
    assert colored(compared, 60, 60)
    assert not colored(compared, 60, 68)


def test_dragging_the_line_recolours_what_it_passes_and_paints_nothing(compared):
    canvas, session = compared.canvas, compared.session
    session.editor.set_tool("brush")
    drag(canvas, 64, 80, 100)
    assert session.comparer.column == 100
    assert colored(compared, 60, 90)
    assert not colored(compared, 60, 110)
    drag(canvas, 20, 30)
    assert not colored(compared, 60, 40)
    assert colored(compared, 60, 20)
    assert not session.document.painted
    assert not session.editor.can_undo


def test_the_line_costs_the_tiles_that_it_passes(compared):
    """At a zoom where two tiles are on screen, moving within one mends that one."""
    canvas, composer = compared.canvas, compared.canvas.picture.composer
    settle(canvas)
    composer.composed = 0
    compared.session.comparer.move_split(70)
    assert composer.composed == 1
    compared.session.comparer.move_split(70.3)
    assert composer.composed == 1


def test_the_flip_key_shows_the_other_one(compared, qtbot):
    canvas = compared.canvas
    for expected in (True, False, True):
        qtbot.keyClick(canvas, Qt.Key.Key_Q)
        assert colored(compared, 60, 30) is expected
        assert colored(compared, 60, 100) is expected


def test_a_flip_key_that_is_held_flips_as_long(compared, qtbot):
    comparer, canvas = compared.session.comparer, compared.canvas
    comparer.set_view("second")
    qtbot.keyPress(canvas, Qt.Key.Key_Q)
    assert comparer.view == "first"
    qtbot.wait(HOLD_MS + 60)
    qtbot.keyRelease(canvas, Qt.Key.Key_Q)
    assert comparer.view == "second"
    qtbot.keyPress(canvas, Qt.Key.Key_Q)
    qtbot.keyRelease(canvas, Qt.Key.Key_Q)
    assert comparer.view == "first"


def test_dragging_while_one_side_is_shown_moves_the_image(compared):
    canvas = compared.canvas
    compared.session.comparer.set_view("first")
    canvas.set_zoom(16.0)
    before = canvas.visible_rect
    drag(canvas, 60, 70)
    assert canvas.visible_rect != before
    assert not compared.session.document.painted


def test_escape_ends_it_and_the_brush_paints_again(compared, qtbot):
    canvas, session = compared.canvas, compared.session
    assert compared.versus_bar.isVisible()
    assert not compared.action_table["approve"].isEnabled()
    qtbot.keyClick(canvas, Qt.Key.Key_Escape)
    assert not session.comparer.on
    assert not compared.versus_bar.isVisible()
    assert compared.action_table["approve"].isEnabled()
    assert not colored(compared, 60, 30)
    session.editor.set_tool("brush")
    session.editor.set_active_class(1)
    drag(canvas, 30, 40)
    assert session.document.painted


def test_keys_that_change_masks_do_nothing(compared, qtbot):
    for key, modifier in (
        (Qt.Key.Key_Return, Qt.KeyboardModifier.NoModifier),
        (Qt.Key.Key_B, Qt.KeyboardModifier.ControlModifier),
    ):
        qtbot.keyClick(compared.canvas, key, modifier)
    assert not compared.session.document.approved
    assert not compared.session.document.painted


def test_the_views_have_keys_and_buttons(compared, qtbot):
    comparer, canvas = compared.session.comparer, compared.canvas
    for key, view in ((Qt.Key.Key_T, "difference"), (Qt.Key.Key_T, "split"), (Qt.Key.Key_S, "split")):
        qtbot.keyClick(canvas, key)
        assert comparer.view == view
        assert compared.action_table["versus_split"].isChecked() == (view == "split")
        assert compared.action_table["versus_difference"].isChecked() == (view == "difference")
    compared.action_table["versus"].trigger()
    assert not comparer.on
    compared.action_table["versus"].trigger()
    assert comparer.on


def test_the_bar_names_both_and_changes_them(compared, qtbot):
    bar, comparer = compared.versus_bar, compared.session.comparer
    assert [choice.currentData() for choice in bar.choices] == ["one", "two"]
    bar.choices[0].setCurrentIndex(bar.choices[0].findData("two"))
    bar.choices[0].activated.emit(bar.choices[0].currentIndex())
    assert [side.entry.name for side in comparer.sides] == ["two", "one"]
    assert [choice.currentData() for choice in bar.choices] == ["two", "one"]


def test_the_legend_says_what_the_difference_means(compared):
    compared.session.comparer.set_view("difference")
    legend = compared.canvas.corners.legend
    assert legend.isVisible()
    assert [text for _, text in legend.entries][:2] == ["only A, one, is right", "only B, two, is right"]
    compared.session.comparer.end()
    assert not legend.isVisible()


def test_one_model_can_not_be_compared(opened, qtbot):
    models = opened.session.predictor.models()
    assert len(models) == 1
    assert not opened.action_table["versus"].isEnabled()
    assert not opened.action_table["versus_end"].isEnabled()


def layered(document, first, second, view, column=0):
    """The codes of a view, of two label images."""
    sides = [
        Prediction(labels, np.full(labels.shape, 255, np.uint8), "m") if labels is not None else None
        for labels in (first, second)
    ]
    layer = versus_layers(Pair(sides[0], sides[1], lambda: column), ("a", "b"))[view]
    return lambda rect, step=1: layer.fill(document, rect, step)


@pytest.fixture
def document(opened, qtbot):
    return opened.session.document


def test_who_is_right_is_told_where_somebody_painted(document):
    shape = document.shape
    first, second = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    first[0, :4], second[0, :4] = (1, 1, 0, 1), (0, 0, 1, 1)
    document.begin("Test")
    document.annotation.write(Rect(0, 1, 1, 2), 1)
    document.annotation.write(Rect(0, 2, 1, 3), 1)
    document.annotation.write(Rect(0, 3, 1, 4), 0)
    document.commit()
    codes = layered(document, first, second, "difference")(Rect(0, 0, 1, 6))
    assert codes.tolist() == [[DIFFER, FIRST_RIGHT, SECOND_RIGHT, BOTH_WRONG, SAME, SAME]]
    assert set(VERSUS_COLORS) == {DIFFER, FIRST_RIGHT, SECOND_RIGHT, BOTH_WRONG}


def test_without_one_of_them_there_is_no_difference(document):
    labels = np.ones(document.shape, np.uint8)
    assert not layered(document, labels, None, "difference")(Rect(0, 0, 9, 9)).any()
    assert (layered(document, labels, None, "second")(Rect(0, 0, 9, 9)) == 255).all()


@pytest.mark.parametrize("column", [0, 1, 7, 8, 13, 24, 128])
@pytest.mark.parametrize("step", [1, 2, 4, 8])
def test_the_line_lies_where_it_should_at_every_zoom(document, column, step):
    first, second = np.ones(document.shape, np.uint8), np.zeros(document.shape, np.uint8)
    rect = Rect(0, 8, 16, 40)
    found = layered(document, first, second, "split", column)(rect, step)
    columns = np.arange(rect.left, rect.right, step)
    assert found.tolist() == np.repeat((columns < column).astype(int)[None], 16 // step, axis=0).tolist()


def test_an_approved_image_tells_who_is_right_everywhere(opened, qtbot):
    session = opened.session
    paint_all(session, 1)
    session.editor.fill_rest()
    session.editor.approve()
    document = session.document
    assert document.approved
    wrong = 1 - document.mask()
    codes = layered(document, document.mask(), wrong, "difference")(Rect.of(document.shape))
    assert (codes == FIRST_RIGHT).all()
