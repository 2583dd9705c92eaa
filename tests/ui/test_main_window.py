"""The main window: pages, bad input, read-only projects, remembered places, and a quiet end."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QDockWidget,
    QFileDialog,
    QLineEdit,
    QMessageBox,
    QPushButton,
    QWidget,
)

from tests.helpers import make_folder
from tests.ui.conftest import paint_all, shown
from unet_studio.core.classes import UNLABELLED
from unet_studio.core.project import Project, Status
from unet_studio.session import Session
from unet_studio.ui.docks import ASKED_FOR
from unet_studio.ui.main_window import MainWindow

HEAVY = (
    "torch",
    "torchvision",
    "cv2",
    "qtawesome",
    "pyqtgraph",
    "tifffile",
    "scipy",
    "pycocotools",
    "training",
)


def visible(window, kind):
    return [widget for widget in window.findChildren(kind) if widget.isVisible()]


def test_importing_the_window_leaves_heavy_packages_out():
    script = (
        "import sys, unet_studio.ui.main_window, unet_studio.ui.app;"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_showing_the_window_leaves_heavy_packages_out(tmp_path):
    script = (
        "import sys; from PySide6.QtWidgets import QApplication; from PySide6.QtCore import QSettings;"
        "from unet_studio.session import Session; from unet_studio.ui.main_window import MainWindow;"
        "from unet_studio.ui.preferences import Preferences;"
        "app = QApplication([]); settings = QSettings(sys.argv[1], QSettings.Format.IniFormat);"
        "window = MainWindow(Session(), Preferences(settings)); window.show();"
        f"print([name for name in {HEAVY!r} if name in sys.modules]); window.close()"
    )
    place = str(tmp_path / "window.ini")
    found = subprocess.run([sys.executable, "-c", script, place], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["canvas", "files", "classes", "tools", "model", "training", "display"])
def test_parts_are_found_by_name(window, name):
    assert isinstance(window.findChild(QWidget, name), QWidget)


def test_starts_with_the_welcome_page_alone(window):
    assert window.stack.currentWidget() is window.welcome
    assert window.windowTitle() == "U-Net Studio"
    assert visible(window, QDockWidget) == []
    assert not window.main_bar.isVisible()
    assert not window.tool_bar.isVisible()


def test_opening_a_folder_shows_canvas_panels_and_title(opened, folder):
    assert opened.stack.currentWidget() is opened.canvas
    assert len(visible(opened, QDockWidget)) == len(opened.panels) - len(ASKED_FOR)
    assert opened.windowTitle() == "0.png – images – U-Net Studio"
    assert opened.preferences.recent[0].folder == str(folder)
    assert not (folder / "unet-studio").exists()  # looking creates nothing


def test_closing_the_project_saves_and_returns_to_the_welcome_page(opened, folder, qtbot):
    paint_all(opened.session, 1)
    opened.action_table["close_project"].trigger()
    qtbot.waitUntil(lambda: opened.stack.currentWidget() is opened.welcome, timeout=10_000)
    assert visible(opened, QDockWidget) == []
    assert (folder / "unet-studio/annotations/0.png.png").is_file()
    recent = [
        button for button in opened.welcome.findChildren(QPushButton) if button.property("role") == "recent"
    ]
    recent[0].click()
    shown(qtbot, opened.session, "0.png")
    assert opened.session.document.painted


def test_recent_folders_are_in_the_file_menu(opened, qtbot, folder, tmp_path):
    other = make_folder(tmp_path / "a & b", 1)
    opened.open_folder(other)
    opened.menus["&File"].aboutToShow.emit()
    texts = [action.text() for action in opened.recent_menu.actions()]
    assert texts == [str(other).replace("&", "&&"), str(folder)]
    opened.recent_menu.actions()[1].trigger()
    assert opened.session.project.image_root == folder


def test_closing_the_window_saves(qtbot, preferences, folder):
    session = Session()
    session.predictor.auto = False
    window = MainWindow(session, preferences)
    qtbot.addWidget(window)
    window.show()
    window.open_folder(folder)
    shown(qtbot, session, "0.png")
    paint_all(session, 1)
    session.editor.approve()
    window.close()
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=10_000)
    assert Project.open(folder, writable=False).status("0.png") is Status.APPROVED
    assert not (folder / "unet-studio/lock").exists()


def test_a_missing_folder_is_told_in_a_box(window, tmp_path):
    window.preferences.remember(tmp_path / "gone")
    window.open_folder(tmp_path / "gone")
    (box,) = visible(window, QMessageBox)
    assert "gone" in box.text()
    assert box.informativeText()
    assert window.preferences.recent == []
    assert window.stack.currentWidget() is window.welcome


def test_a_project_stays_open_when_another_cannot_be_opened(opened, tmp_path):
    opened.open_folder(tmp_path / "gone")
    assert opened.session.document is not None
    assert opened.stack.currentWidget() is opened.canvas


@pytest.mark.parametrize("files", [{}, {"notes.txt": "no image"}])
def test_a_folder_without_images_says_so(window, tmp_path, files):
    place = tmp_path / "empty"
    place.mkdir()
    for name, text in files.items():
        (place / name).write_text(text)
    window.open_folder(place)
    assert window.canvas.message[0] == "There are no images in this folder"
    assert "PNG" in window.canvas.message[1]
    panel = window.panels["files"]
    assert panel.nothing.isVisible()
    assert panel.counts.y() > panel.height() * 0.8  # the counts stay at the bottom
    assert not window.action_table["next_image"].isEnabled()


def test_a_broken_image_has_a_message_and_the_next_one_opens(window, qtbot, folder):
    (folder / "a.png").write_bytes(b"\x89PNG and then nothing")
    window.open_folder(folder)
    window.session.open_image("a.png")
    qtbot.waitUntil(lambda: "a.png" in window.canvas.message[0], timeout=20_000)
    assert window.canvas.message[1]
    window.action_table["previous_image"].trigger()
    shown(qtbot, window.session, "3.png")
    assert window.canvas.message == ("", "")


def test_a_mask_that_does_not_fit_its_image_can_be_set_aside(window, qtbot, folder):
    window.open_folder(folder)
    shown(qtbot, window.session, "0.png")
    paint_all(window.session, 1)
    window.action_table["close_project"].trigger()
    Image.new("RGB", (50, 40)).save(folder / "0.png")
    window.open_folder(folder)
    qtbot.waitUntil(
        lambda: window.canvas.message[0] != "Opening…" and bool(window.canvas.message[0]), timeout=20_000
    )
    assert window.banner.notice.action == "Set the Mask Aside"
    window.banner._act()
    shown(qtbot, window.session, "0.png")
    assert window.session.document.shape == (40, 50)
    assert window.banner.notice is None
    assert list((folder / "unet-studio/set-aside").rglob("0.png*"))


def test_a_second_window_is_read_only_and_names_the_first(opened, qtbot, preferences, folder):
    paint_all(opened.session, 1)
    qtbot.waitUntil(lambda: not opened.session._dirty(), timeout=20_000)
    other = MainWindow(Session(), preferences)
    qtbot.addWidget(other)
    other.show()
    other.open_folder(folder)
    shown(qtbot, other.session, "0.png")
    assert f"process {os.getpid()}" in other.banner.text
    assert "(read-only)" in other.windowTitle()
    for name in ("approve", "forget_all", "add_class", "train"):
        assert not other.action_table[name].isEnabled(), name
    assert not other.panels["classes"].add.isEnabled()
    opened.action_table["close_project"].trigger()
    other.banner._act()  # Try Again
    shown(qtbot, other.session, "0.png")
    assert other.session.read_only is None
    assert other.banner.notice is None
    other.close()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="permissions bind no administrator")
def test_a_read_only_folder_really(window, folder):
    folder.chmod(0o555)
    try:
        window.open_folder(folder)
        assert window.banner.notice.action == "Choose Another Place…"
    finally:
        folder.chmod(0o755)


def test_a_read_only_folder_asks_for_another_place(window, qtbot, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: folder not in [Path(path), *Path(path).parents])
    window.open_folder(folder)
    shown(qtbot, window.session, "0.png")
    assert window.session.read_only
    assert window.banner.notice.action == "Choose Another Place…"
    window.banner._act()
    (dialog,) = visible(window, QFileDialog)
    place = tmp_path / "elsewhere"
    place.mkdir()
    dialog.fileSelected.emit(str(place))
    dialog.reject()
    shown(qtbot, window.session, "0.png")
    assert window.session.read_only is None
    assert window.session.project.folder == place
    assert window.preferences.recent[0].project_dir == str(place)
    paint_all(window.session, 1)
    qtbot.waitUntil(lambda: (place / "annotations/0.png.png").is_file(), timeout=20_000)


def test_what_fails_is_said_in_the_banner_and_can_be_closed(opened):
    opened.session.failed.emit("The disk is full.", "Free some space.")
    opened.session.failed.emit("The model is gone.", "Choose another.")
    assert opened.banner.text == "The model is gone. Choose another."
    opened.banner.dismiss()
    assert opened.banner.text == "The disk is full. Free some space."
    opened.banner.dismiss()
    assert not opened.banner.isVisible()


def test_an_unfinished_mask_offers_to_fill_the_rest(opened):
    opened.session.editor.pointer("press", 20.0, 20.0)
    opened.session.editor.pointer("release", 20.0, 20.0)
    opened.session.editor.approve()
    assert "no class yet" in opened.banner.text
    opened.banner._action.click()
    assert not opened.banner.isVisible()
    assert not (opened.session.document.mask() == UNLABELLED).any()
    assert opened.session.document.mask()[20, 20] == 1
    opened.session.editor.approve()
    assert opened.session.document.approved


def test_painting_on_withdraws_what_an_approval_lacked(opened):
    opened.session.editor.approve()
    assert opened.banner.isVisible()
    opened.session.editor.pointer("press", 20.0, 20.0)
    opened.session.editor.pointer("release", 20.0, 20.0)
    assert not opened.banner.isVisible()


def test_keys_go_to_the_canvas_when_what_had_them_is_hidden(opened, qtbot):
    opened.activateWindow()
    training = opened.panels["training"]
    training.result.show()
    training.result.note.say("v1 is ready.", "good", "Use v1", lambda: training.result.note.say(""))
    training.result.note.button.setFocus()
    qtbot.waitUntil(training.result.note.button.hasFocus)
    training.result.note.button.click()
    qtbot.waitUntil(opened.canvas.hasFocus)
    training.minutes.setFocus()
    training.form.hide()
    qtbot.waitUntil(opened.canvas.hasFocus)


def drop(window, path):
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    event = QDropEvent(
        QPointF(100, 100),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    window.dropEvent(event)
    return event


def test_a_dropped_folder_or_image_opens(window, qtbot, folder, tmp_path):
    drop(window, folder)
    shown(qtbot, window.session, "0.png")
    other = make_folder(tmp_path / "others", 2)
    drop(window, other / "1.png")
    assert window.session.project.image_root == other


def test_size_and_panels_are_remembered(qtbot, preferences, folder):
    first = MainWindow(Session(), preferences)
    qtbot.addWidget(first)
    first.resize(744, 555)
    first.show()
    first.open_folder(folder)
    first.action_table["panel_classes"].trigger()
    first.tool_bar.set_opacity(30)
    first.close()
    second = MainWindow(Session(), preferences)
    qtbot.addWidget(second)
    second.show()
    assert (second.width(), second.height()) == (744, 555)
    second.open_folder(folder)
    assert not second.docks["classes"].isVisible()
    assert second.docks["files"].isVisible()
    assert not second.action_table["panel_classes"].isChecked()
    assert second.canvas.opacity == pytest.approx(0.3)
    second.close()


@pytest.mark.parametrize("size", [(900, 600), (2560, 1440)])
def test_nothing_is_cut_off_at_the_sides(window, qtbot, folder, size):
    window.resize(*size)
    window.open_folder(folder)
    shown(qtbot, window.session, "0.png")
    assert (window.width(), window.height()) == size
    for name, panel in window.panels.items():
        window.docks[name].raise_()
        qtbot.wait(20)
        right = panel.mapTo(window, QPoint(panel.width(), 0)).x()
        assert right <= window.width(), name
        assert window.docks[name].width() >= panel.minimumSizeHint().width(), name
    assert window.canvas.width() >= 300


def test_every_control_says_what_it_is(opened):
    silent = []
    for kind in (QAbstractButton, QLineEdit, QComboBox, QAbstractSpinBox, QAbstractSlider):
        for widget in (
            opened.centralWidget().findChildren(kind)
            + [found for panel in opened.panels.values() for found in panel.findChildren(kind)]
            + opened.tool_bar.findChildren(kind)
            + opened.option_bar.findChildren(kind)
        ):
            inner = widget.objectName().startswith("qt_") or type(widget).__name__ == "QScrollBar"
            text = getattr(widget, "text", lambda: "")()
            if (
                inner
                or widget.isHidden()
                or isinstance(widget.parent(), (QAbstractSpinBox, QComboBox, QLineEdit))
            ):
                continue
            if not (widget.toolTip() or text) or not (widget.accessibleName() or text):
                silent.append(widget)
    assert silent == []


def test_the_status_bar_tells_who_set_the_pixel(opened, qtbot):
    session, status = opened.session, opened.status
    opened.canvas.pointerMoved.emit(40.5, 50.5)
    qtbot.waitUntil(lambda: status.pixel.text() == "unlabelled")
    assert status.position.text() == "x 50  y 40"
    paint_all(session, 1)
    qtbot.waitUntil(lambda: status.pixel.text().endswith("object · painted by a person"))
    assert session.classes.get(1).color in status.pixel.text()
    opened.canvas.pointerMoved.emit(-3.0, 50.0)
    qtbot.waitUntil(lambda: status.pixel.text() == "")
    opened.canvas.set_zoom(2.0)
    assert status.zoom.text() == "200 %"
    assert status.image.text() == "128 × 96 px"
    qtbot.waitUntil(lambda: status.saved.text() == "Saved", timeout=20_000)


def test_the_brush_slider_and_the_session_agree(opened):
    bar, session = opened.option_bar, opened.session
    session.editor.set_brush_radius(1000)
    assert bar.size_slider.value() == bar.size_slider.maximum()
    bar.size_slider.setValue(0)
    assert session.editor.brush_radius == 1
    for radius in (2, 3, 17, 120):
        session.editor.set_brush_radius(radius)
        assert session.editor.brush_radius == radius  # the slider's steps don't round what a key set
