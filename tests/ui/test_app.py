"""The application: signals end it cleanly, and what nobody foresaw is logged and told."""

import logging
import os
import signal
import subprocess
import sys
import threading

import pytest
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QMessageBox

from tests.helpers import make_folder
from unet_studio.core.project import Project, Status
from unet_studio.ui import app as application
from unet_studio.ui.app import Guide

PAINTING = """
import sys
from PySide6.QtCore import QTimer
from unet_studio.ui import app
from unet_studio.ui.main_window import MainWindow

window = None
first = MainWindow.__init__

def remember(self, *arguments):
    global window
    window = self
    first(self, *arguments)
    self.session.predictor.auto = False
    timer = QTimer(self)
    timer.setInterval(20)
    timer.timeout.connect(lambda: paint(timer))
    timer.start()

def paint(timer):
    session = window.session
    if session.document is not None:
        timer.stop()
        session.editor.pointer("press", 40.0, 40.0)
        session.editor.pointer("release", 40.0, 60.0)
        print("painted", flush=True)

MainWindow.__init__ = remember
sys.exit(app.main(sys.argv[1]))
"""


@pytest.fixture(autouse=True)
def own_log(tmp_path, monkeypatch):
    monkeypatch.setattr(application, "log_file", lambda: tmp_path / "logs" / "log.txt")


@pytest.fixture
def guide(window):
    made = Guide(window)
    yield made
    made.stop()


def boxes(window):
    return [box for box in window.findChildren(QMessageBox) if box.isVisible()]


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_closes_the_window_and_saves(tmp_path, number):
    folder = make_folder(tmp_path / "images", 1)
    environment = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, "-c", PAINTING, str(folder)], stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        assert process.stdout.readline() == "painted\n"
        process.send_signal(number)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.stdout.close()
    assert Project.open(folder, writable=False).status("0.png") is Status.PAINTED
    assert (folder / "unet-studio/annotations/0.png.png").is_file()
    assert not (folder / "unet-studio/lock").exists()


def test_an_unforeseen_error_is_logged_and_told_once(window, guide, qtbot, caplog):
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            try:
                raise ZeroDivisionError("by accident")
            except ZeroDivisionError as error:
                sys.excepthook(type(error), error, error.__traceback__)
    (box,) = boxes(window)
    assert "Your work is safe" in box.text()
    assert "by accident" in box.detailedText()
    assert "log" in box.informativeText()
    assert caplog.text.count("ZeroDivisionError: by accident") == 3
    box.accept()
    qtbot.waitUntil(lambda: not boxes(window))


def test_an_error_in_a_thread_is_told_in_the_window(window, guide, qtbot):
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()
    qtbot.waitUntil(lambda: bool(boxes(window)))
    boxes(window)[0].accept()


def test_the_hooks_are_handed_back(window):
    made = Guide(window)
    assert sys.excepthook != sys.__excepthook__
    made.stop()
    assert sys.excepthook is sys.__excepthook__
    assert threading.excepthook is threading.__excepthook__


def test_the_sample_project_opens(window, guide, qtbot, tmp_path, monkeypatch):
    folder = make_folder(tmp_path / "sample", 2)
    monkeypatch.setattr(application, "_install_sample", lambda: folder)
    window.action_table["open_sample"].trigger()
    qtbot.waitUntil(lambda: window.session.document is not None, timeout=20_000)
    assert window.session.project.image_root == folder


def test_a_sample_that_cannot_be_installed_is_told(window, guide, qtbot, monkeypatch):
    def fail():
        raise OSError("No space left on device")

    monkeypatch.setattr(application, "_install_sample", fail)
    guide.install_sample()
    qtbot.waitUntil(lambda: bool(boxes(window)))
    assert "No space left" in boxes(window)[0].text()
    boxes(window)[0].accept()


def test_a_log_folder_that_nothing_opens_is_told(window, guide, monkeypatch):
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda _url: False)
    window.commands.show_log()
    (box,) = boxes(window)
    assert str(application.log_file().parent) in box.text()
    assert box.windowTitle() == "The Log Can't Be Shown"


def test_a_log_folder_that_can_t_be_made_is_told(window, guide, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr(application, "log_file", lambda: tmp_path / "file" / "logs" / "log.txt")
    window.commands.show_log()
    (box,) = boxes(window)
    assert "can't be found" in box.text()


def test_the_log_is_made_when_there_is_something_to_write():
    path = application.log_file()
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.handlers[:] = []
    try:
        application.write_log()
        assert not path.exists()
        logging.getLogger("unet_studio").warning("something odd")
        assert "something odd" in path.read_text()
    finally:
        for handler in root.handlers:
            handler.close()
        root.handlers[:] = before
        root.setLevel(level)
