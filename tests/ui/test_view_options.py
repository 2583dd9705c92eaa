"""What a person chooses to see: by menu, key and panel; kept for the next start."""

import pytest
from PySide6.QtCore import QPoint, Qt

from tests.ui.conftest import shown
from unet_studio.session import Session
from unet_studio.ui.canvas.layers import LAYERS
from unet_studio.ui.main_window import MainWindow
from unet_studio.ui.view_options import OPTIONS


def test_actions_choose_the_layer_and_how_it_is_drawn(opened):
    table, canvas = opened.action_table, opened.canvas
    for name in LAYERS:
        table[f"show_{name}"].trigger()
        assert canvas.layer == name
        assert table[f"show_{name}"].isChecked()
        assert LAYERS[name].title in opened.view_button.text()
    table["view_outline"].trigger()
    assert canvas.overlay.outline
    assert canvas.overlay.fill
    table["view_marks"].trigger()
    assert canvas.overlay.marks
    table["view_overview"].trigger()
    assert not canvas.corners.map_wanted
    table["view_lock"].trigger()
    assert canvas.memory.locked
    assert [table[f"view_{name}"].isChecked() for name in OPTIONS] == [True, True, True, False, True]


def test_the_mask_never_loses_both_fill_and_outline(opened):
    table, canvas = opened.action_table, opened.canvas
    table["view_fill"].trigger()
    assert (canvas.overlay.fill, canvas.overlay.outline) == (False, True)
    assert table["view_outline"].isChecked()
    table["view_outline"].trigger()
    assert (canvas.overlay.fill, canvas.overlay.outline) == (True, False)


def test_choosing_a_layer_shows_a_hidden_mask(opened):
    table = opened.action_table
    table["hide_mask"].trigger()
    table["show_difference"].trigger()
    assert opened.canvas.mask_visible
    assert not table["hide_mask"].isChecked()


def test_the_panel_shows_and_sets_what_is_chosen(opened, qtbot):
    button, view = opened.view_button, opened.view
    opened.action_table["show_confidence"].trigger()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    panel = button.panel
    assert panel.isVisible()
    assert panel.buttons["show_confidence"].isChecked()
    assert panel.geometry().top() >= button.mapToGlobal(QPoint(0, button.height())).y()
    assert button.screen().availableGeometry().contains(panel.geometry())
    for name in ("show_difference", "view_outline", "view_marks", "view_lock"):
        panel.buttons[name].click()
    assert view.layer == "difference"
    assert [view.is_on(name) for name in OPTIONS] == [True, True, True, True, True]
    assert panel.isVisible()
    panel.opacity.setValue(70)
    assert opened.canvas.opacity == pytest.approx(0.7)
    assert panel.percent.text() == "70 %"
    assert opened.tool_bar.opacity_slider.value() == 70
    opened.tool_bar.opacity_slider.setValue(20)
    assert panel.opacity.value() == 20
    panel.buttons["view_fill"].click()
    panel.buttons["view_outline"].click()
    assert panel.buttons["view_fill"].isChecked()
    panel.hide()


def test_what_was_chosen_is_there_after_the_next_start_but_for_the_layer(qtbot, opened, preferences, folder):
    opened.action_table["view_outline"].trigger()
    opened.action_table["view_overview"].trigger()
    opened.action_table["view_lock"].trigger()
    opened.action_table["show_confidence"].trigger()
    opened.view.set_opacity(35)
    opened.close()
    session = Session()
    session.predictor.auto = False
    again = MainWindow(session, preferences)
    qtbot.addWidget(again)
    again.open_folder(folder)
    shown(qtbot, session, "0.png")
    canvas = again.canvas
    assert (canvas.overlay.fill, canvas.overlay.outline, canvas.layer) == (True, True, "mask")
    assert canvas.memory.locked
    assert not canvas.corners.map_wanted
    assert canvas.opacity == pytest.approx(0.35)
    assert again.action_table["view_outline"].isChecked()
    assert not again.action_table["view_marks"].isChecked()
    again.close()


def test_a_locked_view_goes_to_the_next_image_of_a_folder(opened, qtbot):
    opened.action_table["view_lock"].trigger()
    opened.canvas.set_zoom(4.0)
    opened.canvas.centre_on(30, 40)
    middle = opened.canvas.visible_rect
    shown(qtbot, opened.session, "1.png")
    assert opened.canvas.zoom == 4.0
    assert opened.canvas.visible_rect == middle
