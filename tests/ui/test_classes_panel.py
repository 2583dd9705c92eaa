"""The classes panel: choose, add, rename, recolour, delete, and what is forbidden."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication, QColorDialog, QLineEdit

from tests.ui.conftest import paint_all, shown
from unet_studio.core.classes import UNLABELLED, ClassTable, PixelClass
from unet_studio.ui.dialogs.delete_class import DeleteClassDialog
from unet_studio.ui.panels.class_list import CLASS_ROLE, KEY_ROLE, class_keys, swatch_rect


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
    asking._delete()
    shown(qtbot, session, "0.png")
    assert rows(panel) == ["background", "object"]
    assert np.all(session.document.annotation.pixels == 1)


def test_the_unlabelled_answer_forgets_the_pixels(opened, panel, qtbot):
    session = opened.session
    session.class_editor.add("roof")
    paint_all(session, 2)
    qtbot.waitUntil(lambda: not session._dirty(), timeout=20_000)
    panel.delete_class()
    dialog(DeleteClassDialog)._delete()
    shown(qtbot, session, "0.png")
    assert np.all(session.document.annotation.pixels == UNLABELLED)


def test_what_is_forbidden_is_disabled_and_says_why(opened, panel):
    opened.session.editor.set_active_class(0)
    assert not panel.delete.isEnabled()
    assert "eraser" in panel.delete.toolTip()
    opened.session.editor.set_active_class(1)
    assert panel.delete.isEnabled()
