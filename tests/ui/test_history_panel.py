"""The history panel: what it lists, where it goes, and what it costs."""

import numpy as np
import pytest
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtTest import QAbstractItemModelTester

from tests.ui.conftest import paint_all, shown
from unet_studio.ui.docks import Docks
from unet_studio.ui.panels.history_list import HERE_ROLE, ICON_ROLE, ROW, HistoryList, short


@pytest.fixture
def panel(opened, qtbot):
    found = opened.panels["history"]
    assert not found.isVisible()
    opened.action_table["panel_history"].trigger()
    qtbot.waitUntil(found.isVisible)
    tester = QAbstractItemModelTester(found.list, QAbstractItemModelTester.FailureReportingMode.Warning)
    yield found
    del tester


def stroke(session, row):
    session.editor.set_tool("brush")
    session.editor.set_brush_radius(5)
    session.editor.pointer("press", float(row), 20.0)
    session.editor.pointer("release", float(row), 60.0)


def names(panel):
    return [panel.list.index(row, 0).data() for row in range(panel.list.rowCount())]


def here(panel):
    rows = [row for row in range(panel.list.rowCount()) if panel.list.index(row, 0).data(HERE_ROLE)]
    assert rows == [panel.list.place.row()]
    return rows[0]


def click(panel, qtbot, row):
    at = panel.view.visualRect(panel.list.index(row, 0)).center()
    qtbot.mouseClick(panel.view.viewport(), Qt.MouseButton.LeftButton, pos=at)


def test_every_step_is_listed_and_a_click_goes_there(opened, panel, qtbot):
    session = opened.session
    assert (names(panel), here(panel)) == (["Original"], 0)
    states = [session.document.annotation.pixels.copy()]
    for row in (20, 40, 60):
        stroke(session, row)
        states.append(session.document.annotation.pixels.copy())
    assert (names(panel), here(panel)) == (["Original", "Brush", "Brush", "Brush"], 3)
    for row in (1, 3, 0, 2):
        click(panel, qtbot, row)
        assert here(panel) == row
        assert np.array_equal(session.document.annotation.pixels, states[row])
    assert opened.canvas.hasFocus()
    stroke(session, 80)
    assert (names(panel), here(panel)) == (["Original", "Brush", "Brush", "Brush"], 3)
    qtbot.keyClick(panel.view, Qt.Key.Key_Home)
    session.editor.undo()
    assert here(panel) == 2


def test_steps_have_the_icons_of_their_tools_and_say_what_changed(opened, panel):
    paint_all(opened.session, 1)
    opened.session.editor.approve()
    assert names(panel)[1:] == ["Brush", "Approve"]
    icons = [panel.list.index(row, 0).data(ICON_ROLE) for row in range(3)]
    assert icons == ["image-outline", opened.session.editor.tools["brush"].icon, "check-bold"]
    tip = panel.list.index(1, 0).data(Qt.ItemDataRole.ToolTipRole)
    assert f"{96 * 128:,} px changed" in tip
    assert "You are here" in panel.list.index(2, 0).data(Qt.ItemDataRole.ToolTipRole)
    opened.session.editor.undo()
    assert "Undone" in panel.list.index(2, 0).data(Qt.ItemDataRole.ToolTipRole)


def test_it_follows_the_image_and_is_empty_without_one(opened, panel, qtbot):
    stroke(opened.session, 20)
    shown(qtbot, opened.session, "1.png")
    assert names(panel) == ["Original"]
    shown(qtbot, opened.session, "0.png")
    assert names(panel) == ["Original", "Brush"]
    opened.session.close_project()
    assert names(panel) == []


def test_unseen_it_holds_nothing_and_catches_up(opened, panel):
    opened.action_table["panel_history"].trigger()
    stroke(opened.session, 20)
    assert panel.list.rowCount() == 0
    opened.action_table["panel_history"].trigger()
    assert names(panel) == ["Original", "Brush"]


def test_the_memory_for_undo_is_set_kept_and_applied_at_once(opened, panel, preferences):
    stroke(opened.session, 20)
    assert panel.memory.text().endswith("of 256 MB")
    actions = panel.limit.menu().actions()
    assert [action.text() for action in actions if action.isChecked()] == ["256 MB"]
    actions[0].trigger()
    assert preferences.history_mb == 64
    assert opened.session.histories.budget.limit == 64 * 2**20
    assert panel.memory.text().endswith("of 64 MB")
    opened.session.histories.budget.limit = 1
    for row in (40, 60):
        stroke(opened.session, row)
    assert names(panel) == ["Before the Steps Below", "Brush"]


def test_read_only_projects_can_not_be_walked_in(opened, panel, qtbot):
    stroke(opened.session, 20)
    opened.session.project.read_only = "It is on a CD."
    panel.refresh()
    click(panel, qtbot, 0)
    assert here(panel) == 1


def test_a_long_history_tells_the_view_of_new_rows_alone(opened, panel):
    """A step among thousands inserts one row; the view lays out none anew."""
    for row in range(30):
        stroke(opened.session, 10 + row)
    resets, inserted, removed = [], [], []
    panel.list.modelReset.connect(lambda: resets.append(1))
    panel.list.rowsInserted.connect(lambda _, first, last: inserted.append((first, last)))
    panel.list.rowsRemoved.connect(lambda _, first, last: removed.append((first, last)))
    stroke(opened.session, 50)
    opened.session.editor.jump(10)
    stroke(opened.session, 60)
    assert inserted == [(31, 31), (11, 11)]
    assert removed == [(11, 31)]
    assert not resets


def test_reset_panels_puts_it_away(opened, panel):
    opened.action_table["reset_layout"].trigger()
    assert not panel.isVisible()
    assert isinstance(opened.docks, Docks)


def test_numbers_of_pixels_are_short():
    found = [short(n) for n in (0, 9_999, 12_345, 123_456, 1_234_567, 45_678_901, 2_000_000_000)]
    assert found == ["0 px", "9,999 px", "12 kpx", "123 kpx", "1.2 Mpx", "46 Mpx", "2.0 Gpx"]


def test_rows_are_drawn_in_both_themes(opened, panel, qtbot):
    from unet_studio.ui.theme import theme

    for row in (20, 40):
        stroke(opened.session, row)
    opened.session.editor.undo()
    pictures = []
    for choice in ("light", "dark"):
        theme().choose(choice)
        pictures.append(panel.view.grab().toImage())
        rows = [pictures[-1].copy(0, ROW * row, 200, ROW) for row in range(3)]
        assert rows[1] != rows[2]
    assert pictures[0] != pictures[1]
    theme().choose("light")


def test_a_model_without_a_history_is_empty():
    made = HistoryList({})
    assert made.rowCount() == 0
    assert made.data(QModelIndex()) is None
