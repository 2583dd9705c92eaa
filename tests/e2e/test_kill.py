"""kill -9 at any moment: nothing is corrupt, and at most the last moment is lost."""

import random
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.conftest import started
from tests.e2e.painter import state_of
from tests.helpers import make_folder
from unet_studio.core.document_files import load_document
from unet_studio.core.project import Project

SHAPE = (700, 900)
GRACE = 0.1  # seconds of work that a kill may cost
BUSY = 1.0  # the same where a machine may be so busy that the journal's thread has to wait for its turn


@dataclass(frozen=True)
class State:
    """A state of an image that was. word: "must", or "may" where it came some time after `when`, Unix s."""

    word: str
    when: float
    name: str
    digest: str


def killed_painter(folder: Path, seed: int, seconds: float) -> tuple[list[State], float]:
    """Let a painter work for so long, kill it, and return the states that were, and when it was alive last.

    That is a few milliseconds before the kill, unless the machine had other things to do than to run it.
    """
    process = started("painter", folder, seed)
    assert process.stdout is not None
    lines: list[str] = []
    while not lines or lines[-1].startswith("alive"):
        lines.append(process.stdout.readline())
        assert lines[-1], "the painter ended by itself"
    time.sleep(seconds)
    process.kill()
    lines += process.communicate()[0].splitlines()
    found = [line.split() for line in lines if len(line.split()) == 4]
    states = [State(word, float(at), name, digest) for word, at, name, digest in found]
    return [state for state in states if state.word != "alive"], states[-1].when


def lost_seconds(folder: Path, states: list[State], killed: float) -> float:
    """How old the oldest work is that is gone, over all images; 0 where nothing is. Checks what is there."""
    project = Project.open(folder)
    lost = 0.0
    try:
        for name in {state.name for state in states}:
            document = load_document(project, name)  # raises where a file is corrupt
            found = state_of(document.annotation.pixels, document.approved)
            own = [state for state in states if state.name == name]
            places = [place for place, state in enumerate(own) if state.digest == found]
            assert places, f"the mask of {name} is none that ever was"
            gone = [killed - state.when for state in own[places[-1] + 1 :] if state.word == "must"]
            lost = max(lost, *gone, 0.0) if gone else lost
    finally:
        project.close()
    return lost


def trial(tmp_path: Path, seed: int, grace: float) -> float:
    """One painter, one kill. Returns how old, in seconds, the oldest work is that was lost; at most grace."""
    folder = make_folder(tmp_path / f"harmed{seed}", 2, SHAPE)
    states, killed = killed_painter(folder, seed, random.Random(seed).uniform(0.05, 3.0))
    lost = lost_seconds(folder, states, killed)
    assert lost <= grace
    return lost


@pytest.mark.parametrize("seed", range(5))
def test_a_killed_window_loses_nothing_that_was_done(tmp_path, seed):
    trial(tmp_path, seed, BUSY)
