"""The boxes of the operations: built from the table, previewed on the canvas, gone without a trace on Esc."""

import time

import numpy as np
import pytest
from PySide6.QtCore import Qt

from tests.helpers import SHAPE, picture
from tests.ui.conftest import shown
from unet_studio.core.operations import OPERATIONS
from unet_studio.core.prediction import Prediction
from unet_studio.session import operator
from unet_studio.tools import PaintRule
from unet_studio.ui.dialogs import operation
from unet_studio.ui.dialogs.operation import ACTIVE, EVERYTHING, NumberField, OperationDialog


@pytest.fixture
def speckled(opened):
    """The window with a prediction that has specks and holes."""
    random = np.random.default_rng(0)
    labels = (picture(0)[..., 0] > 115).astype(np.uint8)
    labels[random.random(SHAPE) < 0.03] ^= 1
    session = opened.session
    session.document.set_prediction(Prediction(labels, np.full(SHAPE, 255, np.uint8), "model"))
    session.predictor.predicted.emit("0.png")
    session.maskChanged.emit(operator.Rect.of(SHAPE))
    opened.canvas.finish()
    return opened


def ask(window, qtbot, name):
    window.action_table[f"operation_{name}"].trigger()
    (dialog,) = [found for found in window.findChildren(OperationDialog) if found.isVisible()]
    return dialog


def tried(qtbot, dialog):
    qtbot.waitUntil(lambda: dialog.outcome.text().startswith("Changes"), timeout=20_000)


def on_screen(window):
    window.canvas.finish()
    return window.canvas.grab().toImage()


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_has_a_box_that_does_it(speckled, qtbot, name):
    session = speckled.session
    if OPERATIONS[name].copies:
        session.editor.fill_rest()
        session.operator.apply(operator.Request("accept"))
        qtbot.waitUntil(lambda: not session.operator.running, timeout=20_000)
        shown(qtbot, session, "1.png")
    if name == "clear":
        session.editor.pointer("press", 20.0, 20.0)
        session.editor.pointer("release", 20.0, 60.0)
    dialog = ask(speckled, qtbot, name)
    assert dialog.windowTitle() == OPERATIONS[name].title
    for parameter in OPERATIONS[name].parameters:
        control = dialog.controls[parameter.name]
        if parameter.kind != "class":
            assert control.value() == parameter.default
    tried(qtbot, dialog)
    assert "pixel" in dialog.outcome.text(), dialog.outcome.text()
    before = session.document.annotation.pixels.copy()
    dialog.ok.click()
    qtbot.waitUntil(lambda: not session.operator.running, timeout=20_000)
    assert not dialog.isVisible()
    assert (session.document.annotation.pixels != before).any()
    assert session.editor.undo_name == OPERATIONS[name].title
    session.editor.undo()
    assert np.array_equal(session.document.annotation.pixels, before)


def test_the_canvas_shows_what_would_be_and_escape_takes_it_back(speckled, qtbot):
    session, before = speckled.session, on_screen(speckled)
    version = session.document.version
    dialog = ask(speckled, qtbot, "drop_specks")
    tried(qtbot, dialog)
    foreseen = on_screen(speckled)
    assert foreseen != before
    assert session.document.version == version
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()
    assert on_screen(speckled) == before
    assert (session.document.version, session.editor.undo_name) == (version, None)
    ask(speckled, qtbot, "drop_specks").accept()
    qtbot.waitUntil(lambda: not session.operator.running, timeout=20_000)
    assert on_screen(speckled) == foreseen


@pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape])
def test_enter_and_escape_on_the_canvas_answer_the_box_and_approve_nothing(speckled, qtbot, key):
    session = speckled.session
    dialog = ask(speckled, qtbot, "drop_specks")
    tried(qtbot, dialog)
    speckled.activateWindow()
    speckled.canvas.setFocus()
    qtbot.keyClick(speckled.canvas, key)
    assert not dialog.isVisible()
    assert not session.document.approved
    assert session.editor.undo_name == (None if key == Qt.Key.Key_Escape else "Drop Specks")


def test_a_tool_that_waits_for_enter_or_escape_gets_it_before_the_box(speckled, qtbot):
    session = speckled.session
    dialog = ask(speckled, qtbot, "drop_specks")
    session.editor.set_tool("polygon")
    session.editor.pointer("press", 20.0, 20.0)
    session.editor.pointer("release", 20.0, 20.0)
    speckled.activateWindow()
    qtbot.keyClick(speckled.canvas, Qt.Key.Key_Escape)
    assert not session.editor.busy
    assert dialog.isVisible()


def test_without_the_tick_nothing_is_tried(speckled, qtbot):
    before = on_screen(speckled)
    dialog = ask(speckled, qtbot, "drop_specks")
    tried(qtbot, dialog)
    dialog.preview.setChecked(False)
    qtbot.wait(2 * operation.REST_MS)
    assert dialog.outcome.text() == ""
    assert on_screen(speckled) == before
    dialog.preview.setChecked(True)
    tried(qtbot, dialog)
    assert on_screen(speckled) != before
    dialog.reject()


def test_another_number_is_another_preview(speckled, qtbot):
    dialog = ask(speckled, qtbot, "drop_specks")
    tried(qtbot, dialog)
    many = dialog.outcome.text()
    dialog.controls["size"].set_value(1)
    qtbot.waitUntil(lambda: dialog.outcome.text() == "Changes nothing.", timeout=20_000)
    dialog.controls["size"].slider.setValue(dialog.controls["size"].slider.maximum())
    tried(qtbot, dialog)
    qtbot.waitUntil(lambda: dialog.outcome.text() not in (many, "Changes nothing."), timeout=20_000)
    dialog.reject()


def test_painting_goes_on_and_the_preview_follows(speckled, qtbot):
    session = speckled.session
    dialog = ask(speckled, qtbot, "grow")
    tried(qtbot, dialog)
    first = dialog.outcome.text()
    session.editor.set_brush_radius(9)
    session.editor.pointer("press", 80.0, 100.0)
    assert not session.operator._foreseen
    session.editor.pointer("release", 80.0, 110.0)
    qtbot.waitUntil(
        lambda: dialog.outcome.text().startswith("Changes") and dialog.outcome.text() != first, timeout=20_000
    )
    dialog.accept()
    qtbot.waitUntil(lambda: not session.operator.running, timeout=20_000)
    assert (session.document.annotation.pixels[75:85, 95:115] == 1).all()


def test_a_lock_is_another_preview_and_a_brush_is_not(speckled, qtbot):
    dialog = ask(speckled, qtbot, "drop_specks")
    tried(qtbot, dialog)
    editor = speckled.session.editor
    editor.set_brush_radius(33)
    assert speckled.session.operator._foreseen
    editor.set_rule(PaintRule(locked=frozenset({1})))
    assert not speckled.session.operator._foreseen
    qtbot.waitUntil(lambda: dialog.outcome.text() == "Changes nothing.", timeout=20_000)
    dialog.reject()


def test_the_class_it_is_about_can_be_the_active_one_any_or_all(speckled, qtbot):
    session = speckled.session
    session.class_editor.add("wall")
    dialog = ask(speckled, qtbot, "keep_largest")
    values = [dialog.about.itemData(place) for place in range(dialog.about.count())]
    assert values == [ACTIVE, EVERYTHING, 0, 1, 2]
    assert dialog.about.itemText(0) == "Active class: object"
    assert dialog.request.index == 1
    session.editor.set_active_class(2)
    assert (dialog.about.itemText(0), dialog.request.index) == ("Active class: wall", 2)
    dialog.about.set_value(EVERYTHING)
    assert dialog.request.index is None
    dialog.about.set_value(0)
    session.editor.set_active_class(1)
    assert dialog.request.index == 0
    dialog.reject()


def test_what_was_chosen_last_is_proposed_again_and_there_is_one_box_at_a_time(speckled, qtbot):
    dialog = ask(speckled, qtbot, "fill_holes")
    dialog.controls["size"].set_value(77)
    dialog.controls["over"].set_value(True)
    dialog.accept()
    qtbot.waitUntil(lambda: not speckled.session.operator.running, timeout=20_000)
    dialog = ask(speckled, qtbot, "fill_holes")
    assert (dialog.controls["size"].value(), dialog.controls["over"].value()) == (77, True)
    other = ask(speckled, qtbot, "grow")
    assert not dialog.isVisible()
    assert other.isVisible()
    speckled.session.close_project()
    assert not other.isVisible()


def test_relabelling_proposes_the_background(speckled, qtbot):
    dialog = ask(speckled, qtbot, "relabel")
    assert dialog.request.values == {"into": 0}
    dialog.reject()
    speckled.session.editor.set_active_class(0)
    dialog = ask(speckled, qtbot, "relabel")
    assert (dialog.request.index, dialog.request.values) == (0, {"into": 1})
    dialog.reject()


def test_of_a_large_image_the_part_in_view_is_tried(speckled, qtbot, monkeypatch):
    monkeypatch.setattr(operator, "PREVIEW_PIXELS", 10)
    dialog = ask(speckled, qtbot, "smooth")
    qtbot.waitUntil(lambda: "Zoom in" in dialog.outcome.text(), timeout=20_000)
    monkeypatch.setattr(operator, "PREVIEW_PIXELS", 12_287)
    monkeypatch.setattr(operator, "MARGIN", 0)
    speckled.canvas.set_zoom(40.0)
    tried(qtbot, dialog)
    dialog.reject()


def test_what_cannot_be_copied_is_said_in_the_box(speckled, qtbot):
    speckled.action_table["operation_copy"].setEnabled(True)
    dialog = ask(speckled, qtbot, "copy")
    qtbot.waitUntil(lambda: "no image before" in dialog.outcome.text(), timeout=20_000)
    dialog.reject()


def test_actions_are_offered_where_they_can_do_something(opened, qtbot):
    table, session = opened.action_table, opened.session
    for name in ("operation_grow", "operation_clear", "operation_copy", "accept_all", "forget_all"):
        assert not table[name].isEnabled(), name
    session.editor.pointer("press", 20.0, 20.0)
    session.editor.pointer("release", 20.0, 60.0)
    for name in ("operation_grow", "operation_clear", "forget_all", "fill_rest"):
        assert table[name].isEnabled(), name
    assert not table["accept_all"].isEnabled()
    shown(qtbot, session, "1.png")
    assert table["operation_copy"].isEnabled()
    assert not table["operation_grow"].isEnabled()


def test_accepting_all_predictions_is_one_step(speckled, qtbot):
    session = speckled.session
    mask = session.document.mask()
    speckled.action_table["accept_all"].trigger()
    assert not speckled.action_table["undo"].isEnabled()
    qtbot.waitUntil(lambda: not session.operator.running, timeout=20_000)
    assert np.array_equal(session.document.annotation.pixels, mask)
    assert session.editor.undo_name == "Accept All Predictions"
    assert speckled.action_table["undo"].isEnabled()


def test_a_number_field_reaches_every_number(qtbot):
    for parameter in (item for found in OPERATIONS.values() for item in found.parameters):
        if parameter.kind != "int":
            continue
        field = NumberField(parameter, lambda: None)
        qtbot.addWidget(field)
        for value in (parameter.low, parameter.low + 1, 50, parameter.high):
            field.set_value(value)
            assert field.value() == value
            assert field.slider.value() == field.slider.maximum() or value < parameter.high
        field.slider.setValue(0)
        assert field.value() == parameter.low
        field.slider.setValue(field.slider.maximum())
        assert field.value() == parameter.high


def test_a_strip_says_what_is_under_way_and_stops_it(speckled, qtbot, monkeypatch):
    prepare, asked = operator.prepare, []

    def endless(*arguments):
        while len(asked) < 4_000:
            asked.append(1)
            arguments[5](0.5)
            time.sleep(0.005)
        return prepare(*arguments)

    monkeypatch.setattr(operator, "prepare", endless)
    speckled.action_table["accept_all"].trigger()
    assert not speckled.work.isVisible()
    qtbot.waitUntil(speckled.work.isVisible, timeout=20_000)
    qtbot.waitUntil(lambda: speckled.work.progress.value() == 50, timeout=20_000)
    assert speckled.work.text.text() == "Accept All Predictions…"
    speckled.canvas.resize(260, 400)
    for part in (speckled.work, speckled.work.stop):
        corner = part.mapTo(speckled.canvas, part.rect().bottomRight())
        assert speckled.canvas.rect().contains(corner)
    speckled.work.stop.click()
    assert not speckled.work.isVisible()
    assert not speckled.session.document.painted
