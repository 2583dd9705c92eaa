"""kill -9 while painting: nothing is corrupt, and at most the last tenth of a second is lost."""

import itertools
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.e2e.painter import paint, strokes
from tests.helpers import make_folder
from unet_studio.core.document_files import load_document
from unet_studio.core.project import Project
from unet_studio.session import Session

SHAPE = (400, 600)
GRACE = 0.1  # seconds of strokes that a kill may cost; more where the test machine itself is stalled


def killed_painter(folder: Path, seed: int, seconds: float) -> list[tuple[int, float]]:
    """Let a painter work for so long, kill it, and return which strokes it had done, and when."""
    root = Path(__file__).resolve().parents[2]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.e2e.painter", str(folder), str(seed)],
        cwd=root,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    time.sleep(seconds)
    process.kill()
    rest, _ = process.communicate()
    lines = [first, *rest.splitlines()]
    return [(int(line.split()[0]), float(line.split()[1])) for line in lines if len(line.split()) == 2]


def states_after(folder: Path, seed: int, count: int, qtbot) -> list[bytes]:
    """The painted layer after 0, 1, ... count + 2 strokes, from an unharmed session."""
    session = Session()
    session.predictor.auto = False
    session.open_folder(folder)
    qtbot.waitUntil(lambda: session.document is not None, timeout=20_000)
    found = [session.document.annotation.pixels.tobytes()]
    for stroke in itertools.islice(strokes(seed), count + 2):
        paint(session, stroke)
        found.append(session.document.annotation.pixels.tobytes())
    session.shut_down()
    return found


def trial(tmp_path: Path, seed: int, qtbot) -> None:
    harmed = make_folder(tmp_path / f"harmed{seed}", 1, SHAPE)
    unharmed = make_folder(tmp_path / f"unharmed{seed}", 1, SHAPE)
    done = killed_painter(harmed, seed, random.Random(seed).uniform(0.05, 1.2))
    project = Project.open(harmed)
    document = load_document(project, "0.png")
    project.close()
    states = states_after(unharmed, seed, done[-1][0], qtbot)
    found = document.annotation.pixels.tobytes()
    assert found in states, "the reopened mask is none that ever was"
    restored = len(states) - 1 - states[::-1].index(found)
    old_enough = [number for number, when in done if when < done[-1][1] - GRACE]
    assert restored >= (old_enough[-1] if old_enough else 0)
    assert np.isin(document.annotation.pixels, (0, 1, 255)).all()


@pytest.mark.parametrize("seed", range(5))
def test_a_killed_window_loses_nothing_that_was_done(tmp_path, seed, qtbot):
    trial(tmp_path, seed, qtbot)
