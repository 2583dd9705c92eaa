"""Fixtures of the window: settings of its own, a real session, and the window on screen."""

import pytest
from PySide6.QtCore import QSettings

from tests.helpers import make_folder
from unet_studio.session import Session
from unet_studio.ui.main_window import MainWindow
from unet_studio.ui.preferences import Preferences


@pytest.fixture
def folder(tmp_path):
    return make_folder(tmp_path / "images")


@pytest.fixture
def preferences(tmp_path):
    made = Preferences(QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat))
    made.theme = "light"
    return made


@pytest.fixture
def session(qtbot):
    made = Session()
    made.predictor.auto = False
    yield made
    made.shut_down()


@pytest.fixture
def window(qtbot, session, preferences):
    made = MainWindow(session, preferences)
    qtbot.addWidget(made)
    made.resize(1300, 900)
    made.show()
    qtbot.waitExposed(made)
    yield made
    made.close()


@pytest.fixture
def opened(qtbot, window, folder):
    """The window with the folder of pictures 0.png to 3.png open and the first one on screen."""
    window.open_folder(folder)
    shown(qtbot, window.session, "0.png")
    return window


def shown(qtbot, session, name):
    """Wait until an image is on screen."""
    if session.current != name:
        session.open_image(name)
    qtbot.waitUntil(lambda: session.document is not None and session.document.name == name, timeout=20_000)


def paint_half(session, index, other):
    """Paint every pixel of the document on screen with one class, then the upper left with another one."""
    paint_all(session, index)
    session.editor.set_active_class(other)
    session.editor.set_brush_radius(20)
    session.editor.pointer("press", 20.0, 20.0)
    session.editor.pointer("release", 20.0, 20.0)


def paint_all(session, index):
    """Paint every pixel of the document on screen, as one stroke."""
    session.editor.set_tool("brush")
    session.editor.set_active_class(index)
    session.editor.set_brush_radius(200)
    session.editor.pointer("press", 40.0, 40.0)
    session.editor.pointer("move", 40.0, 100.0)
    session.editor.pointer("release", 40.0, 100.0)
