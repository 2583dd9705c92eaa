"""The list of keys: every key in it, each of them changed, taken over, given back and remembered."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QApplication

from unet_studio.ui.actions import Actions
from unet_studio.ui.dialogs.shortcuts import ID_ROLE, KEYS_ROLE, SEARCHED_ROLE, Recorder, ShortcutsDialog
from unet_studio.ui.keys import RESERVED, Keys, native
from unet_studio.ui.main_window import MainWindow
from unet_studio.ui.preferences import HISTORY_CHOICES


@pytest.fixture
def dialog(opened, qtbot):
    opened.action_table["shortcuts"].trigger()
    (found,) = [widget for widget in opened.findChildren(ShortcutsDialog) if widget.isVisible()]
    qtbot.waitExposed(found)
    yield found
    found.accept()


@pytest.fixture
def keys(opened, preferences):
    return Keys(opened.action_table, preferences)


def choose(dialog, name):
    (found,) = [title for title, _ in dialog.rows() if title.data(ID_ROLE) == name]
    dialog.view.setCurrentIndex(found.index())


def press(dialog, qtbot, key, modifiers=Qt.KeyboardModifier.NoModifier):
    """Press a key where it is recorded."""
    field = dialog.findChild(Recorder)
    assert field is not None
    qtbot.keyClick(field, key, modifiers)


def shown(dialog, name):
    (found,) = [cell.data(KEYS_ROLE) for title, cell in dialog.rows() if title.data(ID_ROLE) == name]
    return found


def visible(dialog):
    return [
        title.text()
        for title, _ in dialog.rows()
        if not dialog.view.isRowHidden(title.row(), title.parent().index())
    ]


CTRL = Qt.KeyboardModifier.ControlModifier


def test_the_list_has_every_key_and_narrows(opened, dialog):
    searched = " ".join(title.data(SEARCHED_ROLE) for title, _ in dialog.rows())
    for spec in opened.action_table.specs.values():
        for key in spec.shortcuts if spec.listed else ():
            assert native(key).casefold() in searched, spec.id
    for word in ("space", "esc", "h, tab", "wheel", "0 … 9"):
        assert word in searched
    dialog.search.setText("eraser")
    assert visible(dialog) == ["Eraser"]
    dialog.search.setText("ctrl+z")
    assert visible(dialog) == ["Undo"]


def test_a_recorded_key_works_at_once_and_after_the_next_start(opened, dialog, qtbot, preferences):
    choose(dialog, "predict_all")
    qtbot.keyClick(dialog.view, Qt.Key.Key_Return)
    press(dialog, qtbot, Qt.Key.Key_J, CTRL)
    assert shown(dialog, "predict_all") == (native("Ctrl+J"),)
    assert opened.action_table["predict_all"].shortcuts() == [QKeySequence("Ctrl+J")]
    assert "Ctrl+J" in opened.action_table["predict_all"].toolTip()
    assert preferences.keys == {"predict_all": ("Ctrl+J",)}
    again = MainWindow(opened.session, preferences)
    qtbot.addWidget(again)
    assert again.action_table["predict_all"].shortcuts() == [QKeySequence("Ctrl+J")]
    again.deleteLater()


def test_a_double_click_records_and_escape_leaves_it(opened, dialog, qtbot):
    choose(dialog, "fit")
    place = dialog.view.visualRect(dialog.view.currentIndex()).center()
    qtbot.mouseClick(dialog.view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.mouseDClick(dialog.view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    press(dialog, qtbot, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: dialog.findChild(Recorder) is None)
    assert dialog.isVisible()
    assert shown(dialog, "fit") == ("F", native("Ctrl+0"))


def test_a_key_in_use_is_named_and_taken_over_on_request_alone(opened, dialog, qtbot, preferences):
    choose(dialog, "predict_all")
    dialog.change.click()
    press(dialog, qtbot, Qt.Key.Key_E, CTRL)
    assert "belongs to “Export Masks”" in dialog.note.text.text()
    assert preferences.keys == {}
    dialog.note.button.click()
    assert shown(dialog, "predict_all") == (native("Ctrl+E"),)
    assert shown(dialog, "export") == ()
    assert opened.action_table["export"].shortcuts() == []
    assert "“Export Masks” has no key now" in dialog.note.text.text()
    assert preferences.keys == {"predict_all": ("Ctrl+E",), "export": ()}
    choose(dialog, "export")
    dialog.reset.click()
    assert shown(dialog, "export") == (native("Ctrl+E"),)
    assert shown(dialog, "predict_all") == ()


@pytest.mark.parametrize("key", [Qt.Key.Key_H, Qt.Key.Key_7, Qt.Key.Key_Space])
def test_what_the_canvas_needs_can_not_be_taken(opened, dialog, qtbot, preferences, key):
    choose(dialog, "fit")
    dialog.change.click()
    press(dialog, qtbot, key)
    assert "no action can have it" in dialog.note.text.text()
    assert not dialog.note.button.isVisible()
    assert preferences.keys == {}


def test_keys_are_added_removed_and_all_given_back(opened, dialog, qtbot, preferences):
    choose(dialog, "approve_next")
    dialog.add.click()
    press(dialog, qtbot, Qt.Key.Key_J, CTRL)
    assert shown(dialog, "approve_next") == (native("Ctrl+Return"), native("Ctrl+J"))
    dialog.remove.click()
    assert shown(dialog, "approve_next") == ()
    assert not dialog.add.isEnabled()
    choose(dialog, "undo")
    assert not dialog.reset.isEnabled()
    dialog.reset_all.click()
    assert preferences.keys != {}  # it asks first
    dialog.note.button.click()
    assert preferences.keys == {}
    assert shown(dialog, "approve_next") == (native("Ctrl+Return"),)
    assert opened.action_table["approve_next"].shortcuts() == [QKeySequence("Ctrl+Return")]
    assert not dialog.reset_all.isEnabled()


def test_lines_that_are_no_actions_can_not_be_changed(dialog, qtbot):
    fixed = [title for title, _ in dialog.rows() if not title.data(ID_ROLE)]
    dialog.view.setCurrentIndex(fixed[-1].index())
    for button in (dialog.change, dialog.add, dialog.remove, dialog.reset):
        assert not button.isEnabled()
    dialog.record()
    assert dialog.findChild(Recorder) is None


def test_enter_in_the_search_goes_to_what_was_found(dialog, qtbot):
    dialog.search.setText("fit to")
    qtbot.keyClick(dialog.search, Qt.Key.Key_Return)
    assert dialog.chosen == "fit"
    assert dialog.isVisible()
    assert dialog.view.hasFocus()


def test_another_field_ends_the_recording(dialog, qtbot):
    choose(dialog, "fit")
    dialog.record()
    assert dialog.findChild(Recorder) is not None
    dialog.search.setFocus()
    qtbot.waitUntil(lambda: dialog.findChild(Recorder) is None)


def test_a_new_bare_key_is_left_to_those_who_type(opened, keys, qtbot):
    opened.action_table.set_typing(True)
    keys.assign("predict_all", ("J",))
    keys.assign("tool_brush", ("Ctrl+J",))
    opened.action_table.set_typing(True)
    context = Qt.ShortcutContext
    assert opened.action_table["predict_all"].shortcutContext() == context.WidgetShortcut
    assert opened.action_table["tool_brush"].shortcutContext() == context.WindowShortcut
    opened.action_table.set_typing(False)
    assert opened.action_table["predict_all"].shortcutContext() == context.WindowShortcut
    QApplication.processEvents()


def test_sequences_that_begin_alike_clash(keys):
    keys.assign("predict_all", ("Ctrl+K, Ctrl+C",))
    assert [owner.id for owner in keys.owners("Ctrl+K")] == ["predict_all"]
    assert keys.owners("Ctrl+K", "predict_all") == []
    assert keys.reserved("Space")
    assert all(keys.reserved(key) for key in RESERVED)
    assert not keys.reserved("Ctrl+Space")


def test_no_action_of_the_table_has_a_key_of_the_canvas(opened, keys):
    for binding in keys.bindings():
        assert not any(keys.reserved(key) for key in binding.keys), binding.id
        for key in binding.keys:
            assert keys.owners(key, binding.id) == [], binding.id


def test_stored_keys_that_make_no_sense_are_left_out(preferences, opened):
    preferences._settings.setValue("keys", "no json")
    assert preferences.keys == {}
    preferences.keys = {"gone": ("Ctrl+J",), "undo": ("Ctrl+U",)}
    table = opened.action_table
    made = Actions(opened, table.specs.values(), table._owners, print, preferences.keys)
    assert made["undo"].shortcuts() == [QKeySequence("Ctrl+U")]
    preferences._settings.setValue("history_mb", "7")
    assert preferences.history_mb in HISTORY_CHOICES
