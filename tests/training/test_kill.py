"""A training killed at a random moment, then resumed: the same curve, the same model, nothing unreadable."""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import pytest
import torch

from tests.training.processes import begin
from tests.training.samples import SPLIT, make_run, write_folders
from unet_studio.core.events import Finished, Progress, Started, Validated
from unet_studio.core.model_card import read_card
from unet_studio.core.run_folder import RunFolder
from unet_studio.core.training_config import TrainingConfig
from unet_studio.model.checkpoint import load_model

PATIENCE = 600.0  # seconds that a process may take
# All that a state holds: averaged weights, momentum, dropout, batch statistics, pieces of a batch.
SETTINGS = {
    "steps": 24,
    "evaluate_every": 4,
    "patience": 1000,
    "dropout": 0.2,
    "accumulate": 2,
    "optimiser": "sgd",
    "learning_rate": 1e-3,
    "threads": 1,
}


@dataclass(frozen=True)
class Whole:
    """A run that nobody has killed. events: how many it told."""

    config: TrainingConfig
    progress: dict[int, Progress]
    validated: dict[int, Validated]
    state: dict
    best_step: int
    events: int


def uninterrupted(folder: Path) -> Whole:
    """Train a run to its end."""
    source = write_folders(folder / "set", split=SPLIT)
    run = make_run(folder / "whole", source, **SETTINGS)
    finish(run)
    events = run.events()[0]
    return Whole(
        run.config(),
        {event.step: timeless(event) for event in events if isinstance(event, Progress)},
        {event.step: timeless(event) for event in events if isinstance(event, Validated)},
        torch.load(run.last, weights_only=True),
        read_card(run.best).metrics["step"],
        len(events),
    )


def timeless(event):
    """An event without what the clock says in it."""
    clock = {"seconds": 0.0, "seconds_left": 0.0} if isinstance(event, Progress) else {"seconds": 0.0}
    return replace(event, **clock)


def finish(run: RunFolder) -> None:
    child = begin(run)
    child.join(PATIENCE)
    assert child.exitcode == 0, run.log.read_text()
    assert isinstance(run.events()[0][-1], Finished)


def trial(folder: Path, whole: Whole, seed: int) -> str:
    """Kill a run like `whole` at a random moment and resume it; returns when that was."""
    random = Random(seed)
    told, later = random.randrange(whole.events), random.uniform(0.0, 0.1)
    run = RunFolder.create(folder / f"run {seed}", whole.config)
    child = begin(run)
    deadline = time.monotonic() + PATIENCE
    while len(run.events()[0]) < told and child.is_alive() and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(later)
    child.kill()
    child.join(PATIENCE)
    survived(run)
    before = len(run.events()[0])
    finish(run)
    compare(run, whole)
    return f"{later:.3f} s after event {told}, with {before} events"


def survived(run: RunFolder) -> None:
    """What lies there after the kill can be read by whoever looks."""
    assert run.state() in ("new", "interrupted", "finished"), run.log.read_text()
    if run.last.exists():
        torch.load(run.last, weights_only=True)
    if run.best.exists():
        load_model(run.path, "cpu")


def compare(run: RunFolder, whole: Whole) -> None:
    events = run.events()[0]
    expected = None
    for event in events:
        if isinstance(event, Started):
            expected = event.step + 1
        elif isinstance(event, Progress):
            assert event.step == expected
            expected += 1
            assert timeless(event) == whole.progress[event.step]
        elif isinstance(event, Validated):
            told = timeless(event)
            assert repr(told) == repr(whole.validated[event.step])  # NaN equals NaN here
    assert {event.step for event in events if isinstance(event, Progress)} == set(whole.progress)
    assert {event.step for event in events if isinstance(event, Validated)} == set(whole.validated)
    state = torch.load(run.last, weights_only=True)
    for part in ("network", "average"):
        for key, value in whole.state[part].items():
            assert torch.equal(state[part][key], value), key
    assert read_card(run.best).metrics["step"] == whole.best_step
    load_model(run.path, "cpu")
    assert not [path for path in run.path.iterdir() if path.name.startswith(".")]
    read_tensorboard(run, whole)


def read_tensorboard(run: RunFolder, whole: Whole) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = EventAccumulator(str(run.tensorboard), size_guidance={"scalars": 0})
    board.Reload()
    read = {scalar.step: scalar.value for scalar in board.Scalars("Loss/train")}
    assert read == pytest.approx({step: event.loss for step, event in whole.progress.items()}, rel=1e-5)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_killed_training_goes_on_as_if_nothing_had_been(tmp_path):
    whole = uninterrupted(tmp_path)
    for seed in range(3):
        print(f"seed {seed}: killed {trial(tmp_path, whole, seed)}")
