"""Qt's types are made in the window's thread, in slices, before a thread imports what asks for them all."""

import subprocess
import sys

import pytest
from PySide6.QtWidgets import QApplication

from unet_studio.ui import qt_types
from unet_studio.ui.qt_types import QtTypes

# As a window that starts, with threads that take turns as often as they can; on its way out as after a close.
STARTING = """
import os, sys
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from unet_studio.ui.graph import GraphLoader
from unet_studio.ui.icons import icons
sys.setswitchinterval(1e-5)
app = QApplication([])
loader = GraphLoader(app)
waiting = {"icons", "graph"}
def done(what):
    waiting.discard(what)
    if not waiting:
        print("both are there", flush=True)
        os._exit(0)
icons().changed.connect(lambda: done("icons"))
loader.loaded.connect(lambda: done("graph"))
icons().load()
loader.start()
app.exec()
"""


@pytest.fixture
def types(qapp, monkeypatch):
    """New ones, whose types take a slice each."""
    monkeypatch.setattr(qt_types, "SLICE", -1.0)
    made = QtTypes(qapp)
    yield made
    made.setParent(None)


def test_calls_wait_until_all_are_made_and_the_window_has_its_turns(types, monkeypatch, qtbot):
    steps = []
    monkeypatch.setattr(types, "_left", iter([steps.append(number) for number in range(3)]))
    heard = []
    types.then(lambda: heard.append("first"))
    assert heard == []
    QApplication.processEvents()
    types.then(lambda: heard.append("second"))
    qtbot.waitUntil(lambda: heard == ["first", "second"], timeout=20_000)
    types.then(lambda: heard.append("third"))
    assert heard[-1] == "third"


def test_every_class_is_asked_for():
    asked = sum(1 for _ in qt_types._make())
    assert asked > 500


@pytest.mark.slow
@pytest.mark.parametrize("trial", range(3))
def test_icons_and_plots_are_loaded_side_by_side(trial, monkeypatch):
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    done = subprocess.run([sys.executable, "-c", STARTING], capture_output=True, text=True, timeout=250)
    assert (done.returncode, done.stdout) == (0, "both are there\n"), done.stderr[-2000:]
