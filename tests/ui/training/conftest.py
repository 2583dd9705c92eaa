"""Fixtures of the training panel: images finished, and a run folder as a training process writes it."""

import subprocess
import sys

import pytest

from tests.ui.conftest import paint_half, shown
from unet_studio.core.events import Froze, Started
from unet_studio.core.run_folder import RunFolder
from unet_studio.core.training_config import recipe


@pytest.fixture
def panel(opened):
    return opened.panels["training"]


@pytest.fixture
def approved(opened, qtbot):
    """Two finished images: one to learn from, one to check with."""
    for name in ("0.png", "1.png"):
        shown(qtbot, opened.session, name)
        paint_half(opened.session, 1, 0)
        opened.session.editor.approve()
    qtbot.waitUntil(lambda: not opened.session._dirty(), timeout=20_000)
    return opened


@pytest.fixture
def process():
    """A process that stands for the training's."""
    made = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield made
    made.kill()
    made.wait()


@pytest.fixture
def run(approved, process):
    """A run under way, followed by the session."""
    session = approved.session
    made = RunFolder.create(session.project.new_run("v1"), recipe())
    made.claim(process.pid)
    made.emit(Started("cpu", 1, 0, 100))
    made.emit(Froze(1, 1, 0, {"object": 100}))
    session.trainer._follower.follow(made)
    return made
