"""The classes panel: choose, find, show, lock, order, recolour, merge, delete, and what is forbidden."""

import json

import numpy as np
import pytest
from PySide6.QtCore import QModelIndex, QPoint, Qt
from PySide6.QtWidgets import QApplication, QColorDialog, QLineEdit

from tests.helpers import make_folder
from tests.ui.conftest import paint_all, shown
from unet_studio.core import class_change
from unet_studio.core.classes import UNLABELLED, ClassTable, PixelClass
from unet_studio.core.project import Project
from unet_studio.core.storage import read_index_png
from unet_studio.ui.dialogs.class_color import ClassColorDialog
from unet_studio.ui.dialogs.delete_class import DeleteClassDialog
from unet_studio.ui.panels.class_list import (
    CLASS_ROLE,
    KEY_ROLE,
    class_keys,
    eye_rect,
    lock_rect,
    swatch_rect,
)
from unet_studio.ui.panels.class_menu import class_menu


@pytest.fixture
def panel(opened):
    return opened.panels["classes"]


def rows(panel):
    model = panel.view.model()
    return [model.index(row, 0).data() for row in range(model.rowCount())]


def dialog(kind):
    found = [widget for widget in QApplication.topLevelWidgets() if isinstance(widget, kind)]
    return next(widget for widget in found if widget.isVisible())


def test_keys_are_zero_for_the_background_then_one_to_nine():
    table = ClassTable(tuple(PixelClass(i, f"class {i}", "#102030") for i in range(12)), background=3)
    keys = class_keys(table)
    assert keys["0"] == 3
    assert [keys[str(number)] for number in range(1, 10)] == [0, 1, 2, 4, 5, 6, 7, 8, 9]


def test_a_class_keeps_its_own_key():
    table = ClassTable((PixelClass(0, "a", "#000000"), PixelClass(1, "b", "#000000", key="1")))
    assert class_keys(table) == {"1": 1, "2": 0}


def test_shows_the_classes_and_the_active_one(opened, panel):
    assert rows(panel) == ["background", "object"]
    model = panel.view.model()
    assert [model.index(row, 0).data(KEY_ROLE) for row in (0, 1)] == ["0", "1"]
    assert panel.view.currentIndex().data() == "object"
    opened.session.editor.set_active_class(0)
    assert panel.view.currentIndex().data() == "background"
    panel.view.setCurrentIndex(model.index(1, 0))
    assert opened.session.editor.active_class == 1


def test_a_few_classes_are_all_seen_at_once(opened, panel):
    for name in ("roof", "wall"):
        opened.session.class_editor.add(name)
    opened.resize(900, 600)
    assert panel.view.minimumHeight() >= 4 * panel.view.sizeHintForRow(0)
    for number in range(9):
        opened.session.class_editor.add(f"more {number}")
    assert panel.view.minimumHeight() < 5 * panel.view.sizeHintForRow(0)


def test_add_offers_to_type_the_name(opened, panel, qtbot):
    panel.add.click()
    assert rows(panel) == ["background", "object", "class 2"]
    assert opened.session.editor.active_class == 2
    editor = panel.view.findChild(QLineEdit)
    assert editor is not None
    editor.setText("roof")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: rows(panel) == ["background", "object", "roof"])


def test_a_name_that_exists_is_refused_with_a_reason(opened, panel, qtbot):
    model = panel.view.model()
    with qtbot.waitSignal(opened.session.failed) as caught:
        model.setData(model.index(1, 0), "Background")
    assert "already" in caught.args[0]
    assert rows(panel) == ["background", "object"]
    assert "already" in opened.banner.text


def test_recolour_by_dialog(opened, panel, qtbot):
    place = swatch_rect(panel.view.visualRect(panel.view.model().index(1, 0))).center().toPoint()
    qtbot.mouseDClick(panel.view.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(place))
    dialog(ClassColorDialog)._mix()
    chooser = dialog(QColorDialog)
    chooser.setCurrentColor("#123456")
    chooser.accept()
    assert opened.session.classes.get(1).color == "#123456"
    assert panel.view.model().index(1, 0).data(CLASS_ROLE).color == "#123456"


def test_delete_asks_what_the_pixels_become(opened, panel, qtbot):
    session = opened.session
    session.class_editor.add("roof")
    paint_all(session, 2)
    qtbot.waitUntil(lambda: not session._dirty(), timeout=20_000)
    panel.delete.click()
    asking = dialog(DeleteClassDialog)
    assert [asking.into.itemData(i) for i in range(asking.into.count())] == [None, 0, 1]
    asking.into.setCurrentIndex(2)
    asking._choose()
    qtbot.waitUntil(lambda: session.classes.indices == (0, 1), timeout=20_000)
    shown(qtbot, session, "0.png")
    assert rows(panel) == ["background", "object"]
    assert np.all(session.document.annotation.pixels == 1)


def test_the_unlabelled_answer_forgets_the_pixels(opened, panel, qtbot):
    session = opened.session
    session.class_editor.add("roof")
    paint_all(session, 2)
    qtbot.waitUntil(lambda: not session._dirty(), timeout=20_000)
    panel.delete_class()
    dialog(DeleteClassDialog)._choose()
    qtbot.waitUntil(lambda: session.classes.indices == (0, 1), timeout=20_000)
    shown(qtbot, session, "0.png")
    assert np.all(session.document.annotation.pixels == UNLABELLED)


def test_what_is_forbidden_is_disabled_and_says_why(opened, panel):
    opened.session.editor.set_active_class(0)
    assert not panel.delete.isEnabled()
    assert "eraser" in panel.delete.toolTip()
    opened.session.editor.set_active_class(1)
    assert panel.delete.isEnabled()


def key(panel, qtbot, which, modifiers=Qt.KeyboardModifier.NoModifier):
    panel.view.setFocus()
    qtbot.keyClick(panel.view, which, modifiers)


def sign(panel, rect, name):
    """The middle of an eye or a padlock."""
    row = rows(panel).index(name)
    return rect(panel.view.visualRect(panel.view.model().index(row, 0))).center().toPoint()


def click(panel, qtbot, rect, name, modifiers=Qt.KeyboardModifier.NoModifier):
    qtbot.mouseClick(panel.view.viewport(), Qt.MouseButton.LeftButton, modifiers, sign(panel, rect, name))


@pytest.fixture
def four(opened, panel):
    """background, object, roof, wall"""
    for name in ("roof", "wall"):
        opened.session.class_editor.add(name)
    return panel


def test_alt_up_and_down_move_the_class_and_its_index_stays(opened, four, qtbot):
    session = opened.session
    session.editor.set_active_class(3)
    key(four, qtbot, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    assert rows(four) == ["background", "object", "wall", "roof"]
    assert session.editor.active_class == 3
    assert session.classes.indices == (0, 1, 3, 2)
    key(four, qtbot, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    key(four, qtbot, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    key(four, qtbot, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)  # it is the first: nothing happens
    assert session.classes.indices == (3, 0, 1, 2)
    key(four, qtbot, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    assert Project.open(session.project.image_root, writable=False).classes.indices == (0, 3, 1, 2)


def test_a_dragged_row_lands_where_it_is_dropped(opened, four, qtbot):
    model, session = four.view.model(), opened.session
    for dragged, before, wanted in ((0, 3, (1, 2, 0, 3)), (3, 0, (3, 1, 2, 0)), (1, -1, (3, 2, 0, 1))):
        data = model.mimeData([model.index(dragged, 0)])
        assert not model.dropMimeData(data, Qt.DropAction.MoveAction, before, 0, QModelIndex())
        qtbot.waitUntil(lambda wanted=wanted: session.classes.indices == wanted)
    data = model.mimeData([model.index(0, 0)])
    model.dropMimeData(data, Qt.DropAction.MoveAction, -1, -1, model.index(2, 0))  # onto a row: before it
    qtbot.waitUntil(lambda: session.classes.indices == (2, 3, 0, 1))


def test_an_eye_hides_the_class_on_the_canvas_and_alt_shows_it_alone(opened, four, qtbot):
    session = opened.session
    session.editor.set_active_class(1)
    click(four, qtbot, eye_rect, "roof")
    assert session.class_editor.hidden == {2}
    assert opened.canvas._overlay.hidden == {2}
    assert session.editor.active_class == 1  # an eye chooses nothing
    click(four, qtbot, eye_rect, "roof")
    assert session.class_editor.hidden == frozenset()
    click(four, qtbot, eye_rect, "wall", Qt.KeyboardModifier.AltModifier)
    assert session.class_editor.hidden == {0, 1, 2}
    click(four, qtbot, eye_rect, "wall", Qt.KeyboardModifier.AltModifier)
    assert session.class_editor.hidden == frozenset()
    key(four, qtbot, Qt.Key.Key_Space)
    assert session.class_editor.hidden == {1}


def test_a_padlock_keeps_tools_off_the_class(opened, four, qtbot):
    session = opened.session
    paint_all(session, 2)
    click(four, qtbot, lock_rect, "roof")
    assert session.editor.rule.locked == {2}
    paint_all(session, 1)
    assert np.all(session.document.annotation.pixels == 2)
    session.editor.set_active_class(2)
    key(four, qtbot, Qt.Key.Key_L)
    assert session.editor.rule.locked == frozenset()


def test_eyes_and_padlocks_are_remembered_for_each_project(opened, four, qtbot, tmp_path, preferences):
    session, first = opened.session, opened.session.project.image_root
    session.class_editor.set_hidden({2})
    session.class_editor.set_locked({3})
    opened.open_folder(make_folder(tmp_path / "other", 1))
    assert session.class_editor.hidden == session.editor.rule.locked == frozenset()
    assert opened.canvas._overlay.hidden == frozenset()
    opened.open_folder(first)
    assert session.class_editor.hidden == opened.canvas._overlay.hidden == {2}
    assert session.editor.rule.locked == {3}
    assert set(json.loads((first / "unet-studio/project.json").read_text())) & {"hidden", "locked"} == set()


def test_a_deleted_class_is_neither_hidden_nor_locked(opened, four, qtbot):
    session = opened.session
    session.class_editor.set_hidden({2})
    session.class_editor.set_locked({2, 3})
    session.class_editor.delete(2, 3)
    qtbot.waitUntil(lambda: 2 not in session.classes.indices, timeout=20_000)
    assert session.class_editor.hidden == frozenset()
    assert session.editor.rule.locked == {3}


def test_many_classes_are_found_by_typing(opened, panel, qtbot):
    session = opened.session
    assert not panel.search.isVisible()
    table = ClassTable(tuple(PixelClass(i, f"class number {i}", "#102030") for i in range(150)), 0)
    session.project.set_classes(table)
    session.classesChanged.emit()
    assert panel.search.isVisible()
    opened.canvas.setFocus()
    qtbot.keyClick(opened.canvas, "/")
    assert panel.search.hasFocus()
    qtbot.keyClicks(panel.search, "ber 14")
    assert rows(panel) == ["class number 14", *(f"class number {i}" for i in range(140, 150))]
    qtbot.keyClicks(panel.search, "7")
    assert rows(panel) == ["class number 147"]
    qtbot.keyClick(panel.search, Qt.Key.Key_Return)
    assert session.editor.active_class == 147
    assert panel.view.model().rowCount() == 150
    assert panel.view.currentIndex().row() == 147
    qtbot.waitUntil(opened.canvas.hasFocus)


def test_the_search_takes_the_best_fit_an_index_or_nothing(opened, four, qtbot):
    session = opened.session
    session.class_editor.rename(1, "drainpipe on a roof")
    four.find_class()
    qtbot.keyClicks(four.search, "roof")
    assert rows(four) == ["drainpipe on a roof", "roof"]
    qtbot.keyClick(four.search, Qt.Key.Key_Return)
    assert session.editor.active_class == 2
    assert not four.search.isVisible()  # there are few classes
    four.find_class()
    qtbot.keyClicks(four.search, "3")
    qtbot.keyClick(four.search, Qt.Key.Key_Return)
    assert session.editor.active_class == 3
    four.find_class()
    qtbot.keyClicks(four.search, "xyz")
    assert four.nothing.isVisible()
    qtbot.keyClick(four.search, Qt.Key.Key_Return)
    assert session.editor.active_class == 3
    qtbot.keyClick(four.search, Qt.Key.Key_Escape)
    assert rows(four) == ["background", "drainpipe on a roof", "roof", "wall"]


def test_a_drag_in_a_search_result_lands_before_the_row_that_is_seen(opened, four, qtbot):
    session, model = opened.session, four.view.model()
    model.set_search("o")  # background, object, roof
    data = model.mimeData([model.index(0, 0)])
    model.dropMimeData(data, Qt.DropAction.MoveAction, 2, 0, QModelIndex())
    qtbot.waitUntil(lambda: session.classes.indices == (1, 0, 2, 3))


def entries(menu):
    return {action.text().replace("&", "").split("\t")[0]: action for action in menu.actions()}


def test_keys_are_given_by_the_menu_and_taken_from_others(opened, four, qtbot):
    session = opened.session
    menu = class_menu(four, session.classes.get(3))
    keys = entries(menu)["Key"].menu()
    next(action for action in keys.actions() if action.text() == "1").trigger()
    assert class_keys(session.classes) == {"1": 3, "0": 0, "2": 1, "3": 2}
    four.choose_by_key("1")
    assert session.editor.active_class == 3
    session.class_editor.set_key(2, "1")
    assert session.classes.get(3).key is None
    session.class_editor.set_key(2, None)
    assert class_keys(session.classes) == {"0": 0, "1": 1, "2": 2, "3": 3}


def test_the_menu_offers_what_works(opened, four):
    session = opened.session
    found = entries(class_menu(four, session.classes.get(0)))
    assert not found["Delete…"].isEnabled()
    assert not found["Merge into…"].isEnabled()
    found = entries(class_menu(four, session.classes.get(2)))
    assert all(
        found[name].isEnabled()
        for name in (
            "Rename",
            "Colour…",
            "Hide",
            "Show Only This",
            "Lock",
            "Move Up",
            "Merge into…",
            "Delete…",
        )
    )
    found["Hide"].trigger()
    found["Lock"].trigger()
    assert (session.class_editor.hidden, session.editor.rule.locked) == ({2}, {2})
    found = entries(class_menu(four, session.classes.get(2)))
    assert "Show" in found
    assert "Unlock" in found
    found["Show All"].trigger()
    assert session.class_editor.hidden == frozenset()


def test_free_colours_come_first(opened, four):
    asking = ClassColorDialog(opened.session.classes, 2, four)
    free = opened.session.classes.free_colors
    assert [swatch.toolTip() for swatch in asking.swatches[: len(free)]] == list(free)
    assert any("used by object" in swatch.toolTip() for swatch in asking.swatches[len(free) :])
    asking.chosen.connect(opened.session.class_editor.recolor)
    asking.swatches[3].click()
    assert opened.session.classes.get(2).color == free[3]


def test_merging_says_how_much_it_changes(opened, four, qtbot):
    session = opened.session
    paint_all(session, 2)
    four.merge.click()
    asking = dialog(DeleteClassDialog)
    assert [asking.into.itemData(i) for i in range(asking.into.count())] == [0, 1, 3]
    qtbot.waitUntil(lambda: asking.count.text() == "12,288 px in 1 image, 0 approved.", timeout=20_000)
    asking.into.setCurrentIndex(asking.into.findData(3))
    assert "“wall”" in asking.text.text()
    assert asking.button.text() == "Merge into wall"
    asking._choose()
    qtbot.waitUntil(lambda: session.classes.indices == (0, 1, 3), timeout=20_000)
    shown(qtbot, session, "0.png")
    assert np.all(session.document.annotation.pixels == 3)
    qtbot.waitUntil(lambda: session.project.rewriting == (), timeout=20_000)
    assert (session.project.read_annotation("0.png")[0] == 3).all()
    assert session.editor.active_class != 2


def test_an_interrupted_merge_goes_on_when_the_project_is_opened(opened, four, qtbot, monkeypatch):
    session, folder = opened.session, opened.session.project.image_root
    for name in ("0.png", "1.png"):
        shown(qtbot, session, name)
        paint_all(session, 2)
    qtbot.waitUntil(lambda: not session._dirty(), timeout=20_000)
    with monkeypatch.context() as patch:
        patch.setattr(class_change, "_rewrite", lambda *_: (_ for _ in ()).throw(OSError("the disk is gone")))
        with qtbot.waitSignal(session.failed, timeout=20_000) as caught:
            session.class_editor.delete(2, 3)
    assert "goes on when the project is opened again" in caught.args[1]
    assert session.project.rewriting == (2,)
    opened.open_folder(folder)
    qtbot.waitUntil(lambda: session.project.rewriting == (), timeout=20_000)
    for name in ("0.png", "1.png"):
        assert (read_index_png(session.project.annotation_path(name))[0] == 3).all()


def test_a_rewrite_shows_how_far_it_is(opened, panel):
    panel._show_rewriting(3, 10)
    assert panel.progress.isVisible()
    assert panel.rewriting.text() == "Rewriting masks: 3 of 10"
    panel._show_rewriting(0, 0)
    assert not panel.progress.isVisible()


def test_a_stroke_is_not_cut_off_by_a_class_that_waits_to_be_deleted(opened, four, qtbot):
    session = opened.session
    paint_all(session, 2)
    session.class_editor.delete(2, 3)
    session.editor.set_active_class(1)
    session.editor.set_brush_radius(5)
    session.editor.pointer("press", 40.0, 40.0)
    qtbot.wait(100)
    assert session.document.editing
    session.editor.pointer("release", 40.0, 40.0)
    qtbot.waitUntil(lambda: session.classes.indices == (0, 1, 3), timeout=20_000)
    shown(qtbot, session, "0.png")
    assert set(np.unique(session.document.annotation.pixels)) == {1, 3}
