"""The engine on tiny runs: it learns, obeys, resumes exactly, and says what went wrong."""

import errno
import json
import math
import os
import signal
import sys
import time

import numpy as np
import pytest
import torch
from PIL import Image

from tests.training.processes import begin
from tests.training.samples import SPLIT, disc_image, make_run, numbered, write_folders
from training import __main__ as process
from training import engine, state, step
from training.engine import Interrupted, train
from training.job import CLOCKS
from unet_studio.core.classes import UNLABELLED
from unet_studio.core.events import (
    Continued,
    Discarded,
    Failed,
    Finished,
    Froze,
    Note,
    Paused,
    Progress,
    Started,
    Stopped,
    Validated,
)
from unet_studio.core.metrics import Evaluation
from unet_studio.core.model_card import read_card
from unet_studio.core.run_folder import RunFolder
from unet_studio.core.storage import read_index_png
from unet_studio.model.checkpoint import load_model

PATIENCE = 200.0  # seconds that a test waits for another process


@pytest.fixture
def source(tmp_path):
    return write_folders(tmp_path / "set", split=SPLIT)


def follow(run: RunFolder, at_step: int = -1, request: str = "") -> list:
    """All events of a run; makes a request once a step is done."""
    events = []
    for event in train(run):
        run.emit(event)
        events.append(event)
        if isinstance(event, Progress) and event.step == at_step:
            run.request(request)
    return events


def of(kind, events):
    return [event for event in events if isinstance(event, kind)]


def losses(events) -> dict[int, float]:
    return {event.step: event.loss for event in of(Progress, events)}


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    """A run that has learnt its discs, and its events; it is only read."""
    folder = tmp_path_factory.mktemp("learnt")
    source = write_folders(folder / "set", split=SPLIT)
    run = make_run(folder / "run", source, steps=60, evaluate_every=20, name="discs")
    return run, follow(run)


def test_a_run_learns_and_leaves_a_model_that_predicts(learnt):
    run, events = learnt
    assert [type(event) for event in events[:2]] == [Started, Froze]
    assert events[1] == Froze(5, 2, 1, events[1].pixels)
    finished = events[-1]
    assert isinstance(finished, Finished)
    assert finished.reason == "steps"
    assert of(Validated, events)[-1].step == 60
    assert max(event.mean_dice for event in of(Validated, events)) == pytest.approx(
        finished.metrics["mean_dice"], abs=1e-6
    )
    model = load_model(run.path, "cpu")
    evaluation = Evaluation((0, 1))
    for number in (20, 21, 22):
        image, mask = disc_image(number)
        evaluation.add(str(number), mask, model.predict(image).labels)
    assert evaluation.mean_over_images().iou_of(1) > 0.6
    card = read_card(run.best)
    assert card.training["samples"]["test"] == ["7.png"]
    assert card.metrics["mean_dice"] == finished.metrics["mean_dice"]
    assert card.metrics["kind"] == "mean over validation images"
    found = card.metrics["calibration"]
    assert found["pixels"] == 2 * 32 * 32
    assert found["ece_after"] <= found["ece_before"]
    assert card.temperature == pytest.approx(found["temperature"], abs=1e-4)
    assert card.temperature != 1
    assert run.state() == "finished"


def wait(done) -> None:
    deadline = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.02)


def test_stop_keeps_the_best(tmp_path, source):
    run = make_run(tmp_path / "run", source)
    events = follow(run, 6, "stop")
    assert isinstance(events[-1], Stopped)
    assert events[-1].step == 6
    assert max(losses(events)) == 6
    assert load_model(run.path, "cpu").card.metrics["step"] == 4
    assert run.requested() == set()
    assert run.state() == "stopped"
    assert max(losses(follow(run))) == 12


def test_a_state_is_written_once(tmp_path, source, monkeypatch):
    """Of a large network it is hundreds of megabytes, also at the end, right after a validation."""
    saved, save = [], state.State.save

    def saving(one, path):
        saved.append((one.standing.step, one.standing.validated))
        save(one, path)

    monkeypatch.setattr(state.State, "save", saving)
    follow(make_run(tmp_path / "run", source, steps=8))
    assert saved == [(4, 4), (8, 8)]
    saved.clear()
    monkeypatch.setattr(engine, "SAVE_SECONDS", 0.0)
    follow(make_run(tmp_path / "often", source, steps=1000, minutes=1e-6, evaluate_every=100))
    assert saved == [(1, -1), (1, 1)]  # and again once the validation has told more


def test_stop_before_any_validation_keeps_the_weights_as_they_are(tmp_path, source):
    run = make_run(tmp_path / "run", source)
    events = follow(run, 2, "stop")
    assert isinstance(events[-1], Stopped)
    assert any("No validation" in event.text for event in of(Note, events))
    assert load_model(run.path, "cpu").card.training["steps"] == 2


def test_stop_ends_a_validation_too(tmp_path, source, monkeypatch):
    run = make_run(tmp_path / "run", source)
    read = engine.evaluate

    def asked_meanwhile(*arguments):
        run.request("stop")
        return read(*arguments)

    monkeypatch.setattr(engine, "evaluate", asked_meanwhile)
    events = follow(run)
    assert not of(Validated, events)
    assert events[-1].step == 4


def test_discard_leaves_no_model(tmp_path, source):
    run = make_run(tmp_path / "run", source)
    assert isinstance(follow(run, 6, "discard")[-1], Discarded)
    assert not run.best.exists()
    assert not run.last.exists()
    assert run.state() == "discarded"


@pytest.mark.parametrize(("request_", "kind"), [("stop", Stopped), ("discard", Discarded)])
def test_a_run_can_be_ended_before_it_begins(tmp_path, source, request_, kind):
    run = make_run(tmp_path / "run", source)
    run.request(request_)
    assert [type(event) for event in follow(run)] == [kind]


def test_pause_waits_and_changes_nothing(tmp_path, source, monkeypatch):
    whole = losses(follow(make_run(tmp_path / "whole", source)))
    run = make_run(tmp_path / "run", source)
    looks = []

    def look(seconds):
        looks.append(run.last.is_file())
        if len(looks) == 3:
            run.request("resume")

    monkeypatch.setattr(engine.time, "sleep", look)
    events = follow(run, 5, "pause")
    kinds = [type(event) for event in events]
    assert kinds.index(Continued) == kinds.index(Paused) + 1
    assert looks == [True] * 3
    assert losses(events) == whole


def test_a_paused_run_can_be_stopped(tmp_path, source, monkeypatch):
    run = make_run(tmp_path / "run", source)
    monkeypatch.setattr(engine.time, "sleep", lambda seconds: run.request("stop"))
    assert isinstance(follow(run, 5, "pause")[-1], Stopped)


def test_the_time_limit_can_count_processor_time(tmp_path, source, monkeypatch):
    spent = iter(range(10**6))
    monkeypatch.setitem(CLOCKS, "processor", lambda: float(next(spent)))
    run = make_run(tmp_path / "run", source, steps=10_000, minutes=0.5, clock="processor", evaluate_every=7)
    events = follow(run)
    assert events[-1].reason == "minutes"
    assert 0 < of(Progress, events)[-1].step < 30
    assert events[-1].seconds >= 30


def test_patience_ends_the_run(tmp_path, source):
    run = make_run(tmp_path / "run", source, steps=100, learning_rate=1e-9, patience=2, ema=0.0)
    events = follow(run)
    assert events[-1].reason == "patience"
    assert not any(event.best for event in of(Validated, events)[-2:])


def test_a_loss_that_is_no_number_fails_and_keeps_the_best(tmp_path, source, monkeypatch):
    run = make_run(tmp_path / "run", source)
    monkeypatch.setattr(engine, "learn", poisoned(engine.learn, 6))
    events = follow(run)
    assert isinstance(events[-1], Failed)
    assert "at step 7" in events[-1].message
    assert "learning rate" in events[-1].remedy
    assert load_model(run.path, "cpu").card.metrics["step"] == 4
    assert run.state() == "failed"


def poisoned(learn, good_steps: int):
    calls = []

    def step(*arguments):
        calls.append(learn(*arguments))
        return calls[-1] if len(calls) <= good_steps else torch.tensor(math.nan)

    return step


def test_a_full_disk_fails_with_its_remedy_and_leaves_no_half_file(tmp_path, source, monkeypatch):
    run = make_run(tmp_path / "run", source)

    def full(content, stream):
        stream.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(state.torch, "save", full)
    failed = follow(run)[-1]
    assert isinstance(failed, Failed)
    assert "disk is full" in failed.message
    assert not run.last.exists()
    assert not list(run.path.glob(".*.tmp"))


def test_memory_that_runs_out_halves_the_batch_and_changes_nothing(tmp_path, source, monkeypatch):
    whole = losses(follow(make_run(tmp_path / "whole", source, batch=4, normalisation="none")))
    forward, sizes = step._forward, []

    def limited(job, images, piece):
        sizes.append(len(images))
        if len(images) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(job, images, piece)

    monkeypatch.setattr(step, "_forward", limited)
    run = make_run(tmp_path / "run", source, batch=4, normalisation="none")
    with pytest.raises(Interrupted):
        follow(run, 5, "interrupt")
    assert sizes[:5] == [4, 2, 2, 2, 2]
    sizes.clear()
    events = follow(run)
    assert isinstance(events[-1], Finished)
    assert set(sizes) == {2}
    assert sum("2 patches at once" in event.text for event in of(Note, run.events()[0])) == 1
    assert losses(run.events()[0]) == pytest.approx(whole, abs=1e-4)


def test_without_validation_images_the_training_images_are_measured_and_it_is_said(tmp_path):
    source = write_folders(tmp_path / "set", 3, split={"train": numbered(0, 1, 2)})
    run = make_run(tmp_path / "run", source)
    events = follow(run)
    assert any("indicative" in event.text for event in of(Note, events))
    card = read_card(run.best)
    assert card.metrics["kind"] == "mean over training images"
    assert "calibration" not in card.metrics
    assert card.temperature == 1


def test_half_labelled_masks_train_on_their_known_half(tmp_path, source):
    (tmp_path / "set" / "classes.json").write_text(
        json.dumps(
            {
                "classes": [
                    {"index": 0, "name": "background", "color": "#000000"},
                    {"index": 1, "name": "disc", "color": "#ff0000"},
                ],
                "ignore_index": 255,
            }
        )
    )
    for number in range(5):
        path = tmp_path / "set" / "masks" / f"{number}.png"
        mask = np.array(Image.open(path))
        mask[20:] = UNLABELLED
        Image.fromarray(mask).save(path)
    run = make_run(tmp_path / "run", source)
    events = follow(run)
    assert isinstance(events[-1], Finished)
    assert events[-1].metrics["mean_dice"] > 0.2
    assert sum(of(Froze, events)[0].pixels.values()) == 5 * 20 * 32


def test_fine_tuning_starts_from_a_model_and_adds_a_class(tmp_path, source, learnt):
    base = learnt[0]
    path = tmp_path / "set" / "classes.json"
    value = json.loads(path.read_text())
    value["classes"].append({"index": 5, "name": "corner", "color": "#00ff00"})
    path.write_text(json.dumps(value))
    for number in range(8):
        mask_path = tmp_path / "set" / "masks" / f"{number}.png"
        mask, _ = read_index_png(mask_path)
        mask[:4, :4] = 5
        Image.fromarray(mask).save(mask_path)
    run = make_run(tmp_path / "run", source, init=str(base.path), network="unet", depth=3, steps=8)
    follow(run)
    card, before = read_card(run.best), read_card(base.best)
    assert card.parent == "discs"
    assert [entry.index for entry in card.classes] == [0, 1, 5]
    assert card.architecture.options == before.architecture.options
    assert card.preprocessing == before.preprocessing
    image, mask = disc_image(30)
    labels = load_model(run.path, "cpu").predict(image).labels
    assert ((labels == 1) & (mask == 1)).sum() / mask.sum() > 0.5


def test_fine_tuning_measures_its_start_without_keeping_it(tmp_path, learnt):
    first, before = learnt
    end = before[-1]
    again = make_run(tmp_path / "again", first.config().source, init=str(first.path), steps=4)
    events = follow(again)
    start = of(Validated, events)[0]
    assert (start.step, start.best) == (0, False)
    assert start.mean_dice == pytest.approx(end.metrics["mean_dice"], abs=1e-5)
    assert of(Finished, events)[0].metrics["step"] > 0
    assert of(Validated, before)[0].step > 0


def test_the_default_network_starts_from_imagenet_with_frozen_statistics(tmp_path, source):
    run = make_run(
        tmp_path / "run",
        source,
        network="unet-efficientnet-lite0",
        init="imagenet",
        normalisation="auto",
        freeze_encoder_statistics=True,
        steps=2,
        evaluate_every=2,
    )
    assert isinstance(follow(run)[-1], Finished)
    from unet_studio.model import build_network, load_imagenet

    original = build_network(read_card(run.best).architecture)
    load_imagenet(original)
    trained = load_model(run.path, "cpu").network.state_dict()
    for key, value in original.state_dict().items():
        if key.startswith("encoder") and "running" in key:
            assert torch.equal(trained[key], value)
    assert not torch.equal(
        trained["encoder._conv_stem.weight"], original.state_dict()["encoder._conv_stem.weight"]
    )


def test_bad_input_ends_as_failed_with_a_remedy(tmp_path, source):
    for number, (settings, told) in enumerate(
        [
            ({"init": str(tmp_path / "nowhere")}, "no model"),
            ({"network": "unnet"}, "no network"),
            ({"device": "cuda:77"}, "not there"),
            ({"amp": "fp16"}, "needs a CUDA device"),
            ({"classes": ("square",)}, "no class"),
            ({"network": "unet", "init": "imagenet"}, "no ImageNet weights"),
        ]
    ):
        events = follow(make_run(tmp_path / f"run {number}", source, **settings))
        assert isinstance(events[-1], Failed)
        assert told in events[-1].message
        assert events[-1].remedy


# The process


def test_the_process_tells_its_end_by_its_status(tmp_path, source, capsys):
    assert process.main([]) == 2
    assert process.main([str(tmp_path / "none")]) == 1
    assert "not a run" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize(
    ("number", "status", "kept"), [(signal.SIGTERM, 0, "stopped"), (signal.SIGINT, 130, "interrupted")]
)
def test_signals_end_a_process_with_its_best(tmp_path, source, number, status, kept):
    run = make_run(tmp_path / "run", source, steps=100_000, patience=0)
    child = begin(run)
    wait(lambda: of(Validated, run.events()[0]))
    os.kill(child.pid, number)
    child.join(PATIENCE)
    assert child.exitcode == status, run.log.read_text()
    assert run.state() == kept
    assert load_model(run.path, "cpu").name == "tiny"


def test_an_unexpected_error_is_told_to_whoever_watches(tmp_path, source, monkeypatch, capsys):
    run = make_run(tmp_path / "run", source)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    monkeypatch.setattr(process, "_share_the_machine", lambda config: None)
    monkeypatch.setattr(engine, "learn", lambda *arguments: 1 / 0)
    try:
        assert process.main([str(run.path)]) == 1
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert "ZeroDivisionError" in run.events()[0][-1].message
    assert "Traceback" in capsys.readouterr().err
