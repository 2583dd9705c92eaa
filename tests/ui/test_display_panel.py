"""The display panel: its controls set what the session shows, and show what the session set."""

from dataclasses import replace

import numpy as np
import pytest
import tifffile
from PIL import Image
from PySide6.QtCore import QPoint, Qt

from tests.ui.conftest import shown


@pytest.fixture
def panel(qtbot, opened):
    made = opened.panels["display"]
    opened.docks["display"].raise_()
    qtbot.waitUntil(lambda: opened.session.displays.histogram is not None, timeout=20_000)
    return made


def display(panel):
    return panel._session.displays.current


def test_the_panel_is_behind_the_model_panel_at_first(opened):
    assert opened.docks["model"] in opened.tabifiedDockWidgets(opened.docks["display"])
    assert not opened.panels["model"].visibleRegion().isEmpty()
    assert opened.panels["display"].visibleRegion().isEmpty()


def test_no_histogram_is_made_before_somebody_looks(qtbot, opened):
    qtbot.wait(200)
    assert opened.session.displays.histogram is None
    opened.docks["display"].raise_()
    qtbot.waitUntil(lambda: opened.session.displays.histogram is not None, timeout=20_000)


def test_sliders_set_brightness_contrast_and_gamma(panel):
    panel.contrast.setValue(20)
    low, high = display(panel).windows[0]
    assert high - low == pytest.approx(127.5)
    panel.brightness.setValue(10)
    assert display(panel).windows[0][0] == pytest.approx(low - 25.5)
    assert display(panel).windows[0] == display(panel).windows[2]
    panel.gamma.setValue(30)
    assert display(panel).gamma == pytest.approx(2.0, abs=0.01)
    assert panel.contrast.value() == 20
    panel.reset.click()
    assert display(panel) == panel._session.displays.first
    assert [slider.value() for slider in (panel.brightness, panel.contrast, panel.gamma)] == [0, 0, 0]


def test_black_and_white_are_set_as_values_and_never_cross(panel):
    panel.black.setValue(50)
    panel.white.setValue(60)
    assert display(panel).windows[1] == (50.0, 60.0)
    panel.black.setValue(80)
    assert display(panel).windows[1] == (50.0, 60.0)
    assert panel.black.value() == 50


def test_handles_are_dragged(qtbot, panel):
    levels = panel.levels
    y = levels.height() - 5
    qtbot.mousePress(levels, Qt.MouseButton.LeftButton, pos=QPoint(9, y))
    qtbot.mouseMove(levels, QPoint(levels.width() // 4, y))
    qtbot.mouseRelease(levels, Qt.MouseButton.LeftButton, pos=QPoint(levels.width() // 4, y))
    low, high = display(panel).windows[0]
    assert 40 < low < 90
    assert high == 255
    qtbot.mousePress(levels, Qt.MouseButton.LeftButton, pos=QPoint(levels.width() - 9, y))
    qtbot.mouseMove(levels, QPoint(0, y))
    assert display(panel).windows[0][1] > low


def test_one_channel_is_adjusted_alone_and_switched_off(panel):
    panel.channel.setCurrentIndex(2)
    panel.channel.activated.emit(2)
    panel.white.setValue(100)
    assert [high for _, high in display(panel).windows] == [255.0, 100.0, 255.0]
    panel.boxes[0].click()
    assert display(panel).hidden == {0}
    panel.boxes[0].click()
    assert not display(panel).hidden


def test_auto_and_keep(qtbot, panel):
    panel.clip.setValue(2.0)
    with qtbot.waitSignal(panel._session.displayChanged, timeout=20_000):
        panel.auto.click()
    assert display(panel).windows[0][0] > 0
    panel.keep.click()
    wanted = display(panel)
    shown(qtbot, panel._session, "1.png")
    assert display(panel) == wanted
    assert panel.keep.isChecked()


def test_the_canvas_shows_what_was_set_and_the_file_stays(qtbot, opened, panel):
    path = opened.session.project.image_path("0.png")
    before = path.read_bytes()
    opened.session.set_display(replace(display(panel), windows=((0.0, 25500.0),) * 3))
    opened.canvas.finish()
    middle = opened.canvas.rect().center()
    assert max(opened.canvas.grab().toImage().pixelColor(middle).getRgb()[:3]) <= 3
    assert path.read_bytes() == before


def test_actions_do_the_same(qtbot, opened):
    with qtbot.waitSignal(opened.session.displayChanged, timeout=20_000):
        opened.action_table["auto_contrast"].trigger()
    assert opened.session.displays.current != opened.session.displays.first
    opened.action_table["reset_display"].trigger()
    assert opened.session.displays.current == opened.session.displays.first


def test_an_image_of_many_channels_has_lists_to_choose_from(qtbot, opened, panel, folder):
    rng = np.random.default_rng(0)
    many = rng.random((40, 50, 6), dtype=np.float32)
    tifffile.imwrite(folder / "many.tif", many, photometric="minisblack", planarconfig="contig")
    Image.fromarray(rng.integers(0, 255, (40, 50), dtype=np.uint8)).save(folder / "one.png")
    opened.session.refresh()
    shown(qtbot, opened.session, "many.tif")
    assert panel._chooser.isVisible()
    assert not panel._ticks.isVisible()
    panel.lists[0].setCurrentIndex(6)
    panel.lists[0].activated.emit(6)
    assert display(panel).colors == (5, 1, 2)
    panel.lists[2].setCurrentIndex(0)
    panel.lists[2].activated.emit(0)
    assert display(panel).colors == (5, 1, None)
    assert panel.black.decimals() >= 3
    shown(qtbot, opened.session, "one.png")
    assert not panel._chooser.isVisible()
    assert not panel._ticks.isVisible()
    assert panel.black.decimals() == 0


def test_without_an_image_nothing_can_be_set(opened, panel):
    opened.session.close_project()
    assert not panel.isEnabled()
