"""A real window of its own settings, and programs that are started to be killed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings

from unet_studio.session import Session
from unet_studio.ui.main_window import MainWindow
from unet_studio.ui.preferences import Preferences


@pytest.fixture
def new_window(qtbot, tmp_path):
    """Makes a window on screen; with the same settings each time, as one that is opened again.

    All are closed in the end.
    """
    opened = []

    def make(auto=True):
        session = Session()
        session.predictor.auto = auto
        settings = QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)
        made = MainWindow(session, Preferences(settings))
        qtbot.addWidget(made)
        made.resize(1400, 900)
        made.show()
        qtbot.waitExposed(made)
        opened.append(made)
        return made

    yield make
    for made in opened:
        made.close()
        made.session.shut_down()


@pytest.fixture
def window(new_window):
    return new_window()


def started(module: str, *words: object) -> subprocess.Popen[str]:
    """A program among these tests, as a process without a screen whose output can be read."""
    return subprocess.Popen(
        [sys.executable, "-m", f"tests.e2e.{module}", *map(str, words)],
        cwd=Path(__file__).resolve().parents[2],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
    )
