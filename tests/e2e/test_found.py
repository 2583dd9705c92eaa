"""kill -9 of the window amid a training: the training goes on, and the next window finds it and ends it."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtTest import QTest

from tests.helpers import make_folder
from unet_studio.core.project import Status
from unet_studio.session import Session
from unet_studio.ui.main_window import MainWindow
from unet_studio.ui.preferences import Preferences

LEFT = Qt.MouseButton.LeftButton
WAIT = 120_000  # ms that a start or an end may take on a busy machine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def killed_window(folder: Path, preferences: Path) -> None:
    """Let a window train until the first steps are told, and kill it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.e2e.trainee", str(folder), str(preferences)],
        cwd=Path(__file__).resolve().parents[2],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "training\n", "the window ended by itself"
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def window(qtbot, tmp_path):
    session = Session()
    session.predictor.auto = False
    preferences = Preferences(QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat))
    made = MainWindow(session, preferences)
    qtbot.addWidget(made)
    made.resize(1400, 900)
    made.show()
    qtbot.waitExposed(made)
    yield made
    made.close()
    session.shut_down()


def test_a_training_outlives_a_killed_window_and_is_found_and_ended_by_the_next(qtbot, window, tmp_path):
    folder = make_folder(tmp_path / "images", 3)
    killed_window(folder, tmp_path / "killed.ini")
    session, panel = window.session, window.panels["training"]
    window.open_folder(folder)
    run = session.trainer.run
    assert run is not None
    assert run.alive()
    process = psutil.Process(run.pid)
    try:
        assert session.project.counts()[Status.APPROVED] == 2
        assert panel.state.text() == "Learning: v1"
        assert "It went on while the window was closed." in panel.doing.text()
        known = len(session.trainer.events)
        qtbot.waitUntil(lambda: len(session.trainer.events) > known, timeout=WAIT)
        QTest.mouseClick(panel.stop, LEFT)
        qtbot.waitUntil(lambda: session.predictor.model_name == "v1", timeout=WAIT)
        assert panel.state.text() == "Finished: the first model"
        assert "Stopped: the best model so far is kept." in panel.result.text.text()
        qtbot.waitUntil(lambda: not process.is_running(), timeout=WAIT)
    finally:
        if process.is_running():
            process.kill()
