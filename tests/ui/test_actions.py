"""The table of actions: complete, free of conflicts, and what menus, tool bar and keys are made of."""

from collections import Counter

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QApplication, QLineEdit

from tests.ui.conftest import paint_all, shown
from unet_studio.tools import TOOLS
from unet_studio.ui.actions import ENABLED, MENUS, all_actions, is_bare, plain, tooltip
from unet_studio.ui.icons import icons

SPECS = all_actions({name: tool() for name, tool in TOOLS.items()})


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.id)
def test_every_row_is_complete(spec):
    assert plain(spec.text)
    assert spec.icon
    assert spec.tip
    assert spec.enabled in ENABLED
    assert spec.menu.partition("/")[0] in MENUS
    for text in spec.shortcuts:
        assert not QKeySequence(text).isEmpty(), text
        assert QKeySequence(text)[0].key() != Qt.Key.Key_unknown, text


def test_ids_and_shortcuts_are_given_once():
    assert [name for name, times in Counter(spec.id for spec in SPECS).items() if times > 1] == []
    keys = Counter(QKeySequence(text).toString() for spec in SPECS for text in spec.shortcuts)
    assert [key for key, times in keys.items() if times > 1] == []


def test_no_two_entries_of_a_menu_share_a_mnemonic():
    taken = Counter(
        (spec.menu, spec.text[spec.text.index("&") + 1].lower())
        for spec in SPECS
        if spec.listed and "&" in spec.text
    )
    assert [key for key, times in taken.items() if times > 1] == []


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.id)
def test_every_icon_exists(spec, qapp):
    icons().load_now()
    assert not icons().icon(spec.icon).isNull()


def test_tooltips_name_the_keys():
    redo = next(spec for spec in SPECS if spec.id == "redo")
    assert tooltip(redo, redo.shortcuts).startswith("Redo (Ctrl+Shift+Z or Ctrl+Y)\n")


def test_every_listed_action_is_in_its_menu(window):
    for spec in window.action_table.specs.values():
        action = window.action_table[spec.id]
        assert (action in window.menus[spec.menu].actions()) == spec.listed, spec.id


def test_what_cannot_be_done_is_disabled(window):
    for name in ("export", "approve", "undo", "predict", "train", "tool_brush", "next_image"):
        assert not window.action_table[name].isEnabled(), name
    assert window.action_table["open_folder"].isEnabled()


def test_actions_follow_the_document(opened, qtbot):
    table, session = opened.action_table, opened.session
    assert table["approve"].isEnabled()
    assert not table["undo"].isEnabled()
    paint_all(session, 1)
    assert table["undo"].isEnabled()
    assert plain(table["undo"].text()) == "Undo Brush"
    table["undo"].trigger()
    assert not session.document.painted
    table["redo"].trigger()
    table["approve"].trigger()
    assert session.document.approved
    assert not table["approve"].isEnabled()
    assert table["approve"].text() == "Approved"
    table["unapprove"].trigger()
    assert not session.document.approved
    assert table["approve"].isEnabled()


def test_keys_choose_tools_classes_images_and_sizes(opened, qtbot):
    session, canvas = opened.session, opened.canvas
    session.class_editor.add("other")
    canvas.setFocus()
    for key, found in (
        ("E", lambda: session.editor.tool == "eraser"),
        ("B", lambda: session.editor.tool == "brush"),
        ("2", lambda: session.editor.active_class == 2),
        ("0", lambda: session.editor.active_class == 0),
        ("1", lambda: session.editor.active_class == 1),
        ("D", lambda: session.current == "1.png"),
        ("A", lambda: session.current == "0.png"),
    ):
        qtbot.keyClick(canvas, key.lower())
        assert found(), key
    session.editor.set_brush_radius(10)
    qtbot.keyClick(canvas, Qt.Key.Key_BracketRight)
    assert session.editor.brush_radius > 10
    qtbot.keyClick(canvas, Qt.Key.Key_BracketLeft)
    assert session.editor.brush_radius == 10


def test_typing_in_a_field_starts_no_action(opened, qtbot):
    session = opened.session
    field = opened.panels["files"].findChild(QLineEdit)
    field.setFocus()
    qtbot.waitUntil(lambda: QApplication.focusWidget() is field)
    paint_all(session, 1)
    for key in ("e", "a", "2", Qt.Key.Key_Return, Qt.Key.Key_PageDown):
        qtbot.keyClick(field, key)
    assert field.text() == "ea2"
    assert (session.editor.tool, session.current) == ("brush", "0.png")
    assert not session.document.approved  # by Return
    opened.canvas.setFocus()
    qtbot.keyClick(opened.canvas, Qt.Key.Key_Return)
    assert session.document.approved


def test_bare_keys_are_told_from_those_with_ctrl():
    assert is_bare(QKeySequence("E"))
    assert is_bare(QKeySequence("Shift+Return"))
    assert not is_bare(QKeySequence("Ctrl+E"))


def test_a_brush_of_one_pixel_still_grows(opened):
    opened.session.editor.set_brush_radius(1)
    opened.action_table["larger"].trigger()
    assert opened.session.editor.brush_radius == 2
    opened.action_table["smaller"].trigger()
    assert opened.session.editor.brush_radius == 1


def test_hiding_the_mask_and_the_panels(opened):
    table = opened.action_table
    table["hide_mask"].trigger()
    assert not opened.canvas.mask_visible
    table["hide_mask"].trigger()
    assert opened.canvas.mask_visible
    table["panel_model"].trigger()
    assert not opened.docks["model"].isVisible()
    table["reset_layout"].trigger()
    assert opened.docks["model"].isVisible()
    assert table["panel_model"].isChecked()


def test_approve_and_go_on_passes_over_finished_and_broken_images(window, folder, qtbot):
    (folder / "2.png").write_bytes(b"no image")
    opened, session = window, window.session
    window.open_folder(folder)
    session.open_image("2.png")
    qtbot.waitUntil(lambda: "2.png" in session.broken, timeout=20_000)
    for name in ("1.png", "0.png"):
        shown(qtbot, session, name)
        paint_all(session, 1)
        opened.action_table["approve_next"].trigger()
        qtbot.waitUntil(lambda: session.document is not None, timeout=20_000)
    assert session.current == "3.png"
