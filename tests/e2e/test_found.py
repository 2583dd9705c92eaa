"""kill -9 of the window amid a training: the training goes on, and the next window finds it and ends it."""

from pathlib import Path

import psutil
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from tests.e2e.conftest import started
from tests.helpers import make_folder
from unet_studio.core.project import Status

LEFT = Qt.MouseButton.LeftButton
WAIT = 120_000  # ms that a start or an end may take on a busy machine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def killed_window(folder: Path, preferences: Path) -> None:
    """Let a window train until the first steps are told, and kill it."""
    process = started("trainee", folder, preferences)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "training\n", "the window ended by itself"
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def window(new_window):
    return new_window(auto=False)


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
        assert "Stopped: the best model so far is kept." in panel.result.note.text.text()
        qtbot.waitUntil(lambda: not process.is_running(), timeout=WAIT)
    finally:
        if process.is_running():
            process.kill()
