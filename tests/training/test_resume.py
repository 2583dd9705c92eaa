"""What a run must do exactly: go on where it was, repeat itself by its seed, keep to its time and batch."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from tests.training.samples import SPLIT, make_run, write_folders
from training import engine, job, room, step
from training.engine import Interrupted, train
from training.job import Job
from training.losses import LOSSES
from training.plan import make_plan
from training.prefetch import Prefetch
from training.reading import Reading
from training.room import FULL, largest_batch, memory_share
from training.state import OPTIMISERS
from unet_studio.core.events import Failed, Finished, Progress, Started, Validated
from unet_studio.core.model_card import read_card
from unet_studio.core.run_folder import RunFolder
from unet_studio.core.storage import write_json


@pytest.fixture
def source(tmp_path):
    return write_folders(tmp_path / "set", split=SPLIT)


def follow(run: RunFolder, interrupted_at: int = -1) -> list:
    for event in train(run):
        run.emit(event)
        if isinstance(event, Progress) and event.step == interrupted_at:
            run.request("interrupt")
    return run.events()[0]


def curve(events) -> dict[int, float]:
    return {event.step: event.loss for event in events if isinstance(event, Progress)}


def validations(events) -> dict[int, str]:
    """By step, all that a validation says but its time; as text, where NaN equals NaN."""
    found = [event for event in events if isinstance(event, Validated)]
    return {event.step: repr(replace(event, seconds=0.0)) for event in found}


def saved(run: RunFolder) -> dict:
    """What last.pt holds, without times."""
    content = torch.load(run.last, weights_only=True)
    content["standing"].update(seconds=0.0, validation_seconds=0.0, beginning=0.0)
    return content


def same(one, other) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


TOO_LARGE = 2.0**24  # a scale of gradients with which they overflow at first


def half_precision(monkeypatch) -> None:
    """float16 with a gradient scaler, on the processor, as a stand-in for a graphics card."""
    monkeypatch.setattr(job, "_precision", lambda amp, device: torch.float16)
    monkeypatch.setattr(torch.amp, "GradScaler", partial(torch.amp.GradScaler, init_scale=TOO_LARGE))


CASES = {
    "averaged": {"ema": 0.9, "augmentation": "photos"},
    "momentum": {"optimiser": "sgd", "momentum": 0.8, "ema": 0.0},
    "in pieces": {"accumulate": 3, "dropout": 0.3, "optimiser": "rmsprop", "learning_rate": 1e-3},
    "half precision": {"normalisation": "none"},
    "patience": {"patience": 2, "learning_rate": 1e-9, "steps": 60, "ema": 0.0},
    "passes": {"epochs": 4.5, "steps": 0, "schedule": "poly", "optimiser": "adam"},
}


def test_every_optimiser_is_among_the_cases():
    assert {case.get("optimiser", "adamw") for case in CASES.values()} == set(OPTIMISERS)


@pytest.mark.parametrize("case", CASES)
def test_a_resumed_run_is_the_uninterrupted_one(tmp_path, source, case, monkeypatch):
    """Interrupted twice, right after a validation and right before one."""
    if case == "half precision":
        half_precision(monkeypatch)
    whole = make_run(tmp_path / "whole", source, **CASES[case])
    expected = follow(whole)
    run = make_run(tmp_path / "parts", source, **CASES[case])
    for at in (5, 7):
        with pytest.raises(Interrupted):
            follow(RunFolder(run.path), at)
        assert run.requested() == set()
    events = follow(RunFolder(run.path))
    started = [event for event in events if isinstance(event, Started)]
    assert [(event.step, event.resumed) for event in started] == [(0, False), (5, True), (7, True)]
    assert [event.step for event in events if isinstance(event, Progress)] == list(curve(expected))
    assert curve(events) == curve(expected)
    assert validations(events) == validations(expected)
    assert same(saved(run), saved(whole))
    assert (events[-1].reason, events[-1].step) == (expected[-1].reason, expected[-1].step)
    assert events[-1].metrics == expected[-1].metrics
    if case == "half precision":
        assert saved(run)["scaler"]["scale"] < TOO_LARGE  # it has learnt: a step overflowed, and was left out
        assert saved(run)["scaler"]["_growth_tracker"] > 0
    if case == "passes":
        assert expected[-1].step == -(-45 * 5 // 20)  # 4.5 passes over 5 images, 2 a step


class Killed(BaseException):
    """Stands for kill -9: nothing is done after it."""


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """A run of the usual settings; what it told."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    run = make_run(folder / "whole", write_folders(folder / "set", split=SPLIT))
    return run, follow(run)


@pytest.mark.parametrize("place", ["before the best", "half the best", "between best and last", "after last"])
@pytest.mark.parametrize("number", [0, 1])
def test_a_run_killed_at_a_checkpoint_is_the_uninterrupted_one(
    tmp_path, source, uninterrupted, place, number, monkeypatch
):
    whole, expected = uninterrupted
    run = make_run(tmp_path / "parts", source)
    with monkeypatch.context() as patch:
        kill(patch, place, number)
        with pytest.raises(Killed):
            follow(run)
    with (run.path / "events.jsonl").open("ab") as stream:
        stream.write(b'{"event": "prog')
    again = RunFolder(run.path)
    again.mend()
    events = follow(again)
    assert curve(events) == curve(expected)
    assert validations(events) == validations(expected)
    assert same(saved(run), saved(whole))
    assert events[-1].metrics == expected[-1].metrics
    assert read_card(run.best).metrics["step"] == read_card(whole.best).metrics["step"]
    assert (run.best / "model.safetensors").read_bytes()[-64:] == (
        whole.best / "model.safetensors"
    ).read_bytes()[-64:]
    assert not [path for path in run.path.iterdir() if path.name.startswith(".")]


def kill(patch, place: str, number: int) -> None:
    """Kill at the number-th checkpoint, from 0, at that place of it."""
    save, save_best, swap = Job.save, Job.save_best, RunFolder._swap_best
    calls = []

    def due() -> bool:
        calls.append(1)
        return len(calls) == number + 1

    def saving(job):
        if place == "between best and last" and due():
            raise Killed
        save(job)
        if place == "after last" and due():
            raise Killed

    def saving_best(job):
        if place == "before the best" and due():
            raise Killed
        save_best(job)

    def swapping(run):
        if place == "half the best" and due():
            run.best.rename(run._old_best) if run.best.exists() else None
            patch.setattr("shutil.rmtree", lambda *arguments, **named: None)
            raise Killed
        swap(run)

    patch.setattr(Job, "save", saving)
    patch.setattr(Job, "save_best", saving_best)
    patch.setattr(RunFolder, "_swap_best", swapping)


# Seeds


def test_a_seed_gives_the_same_weights_and_another_seed_others(tmp_path, source):
    runs = [
        make_run(tmp_path / name, source, seed=seed, dropout=0.2, augmentation="photos")
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    ]
    curves = [curve(follow(run)) for run in runs]
    assert curves[0] == curves[1] != curves[2]
    a, b, c = map(saved, runs)
    assert same(a, b)
    for key in ("network", "average"):
        assert not any(
            torch.equal(a[key][name], c[key][name])
            for name in a[key]
            if name.endswith("weight") and "head" in name
        )


# Batches in pieces


@pytest.mark.parametrize("loss", LOSSES)
def test_accumulated_batches_teach_what_one_large_batch_does(tmp_path, source, loss, monkeypatch):
    monkeypatch.setattr(engine, "_validate", lambda job: iter(()))
    settings = {"normalisation": "none", "loss": loss, "optimiser": "sgd", "clip": 0.0, "steps": 3}
    settings |= {"schedule": "constant", "warmup_steps": 0, "learning_rate": 0.01, "ema": 0.0}
    large = make_run(tmp_path / "large", source, batch=6, **settings)
    pieces = make_run(tmp_path / "pieces", source, batch=2, accumulate=3, **settings)
    expected, events = follow(large), follow(pieces)
    assert curve(events) == pytest.approx(curve(expected), rel=1e-4, abs=1e-6)
    for key, value in saved(large)["network"].items():
        torch.testing.assert_close(saved(pieces)["network"][key], value, rtol=1e-3, atol=1e-5)


def test_pieces_take_a_batch_into_the_statistics_once(tmp_path, source):
    """The forward pass without a gradient leaves batch-norm statistics as they are."""
    tracked = []
    for accumulate in (1, 2):
        run = make_run(tmp_path / str(accumulate), source, steps=1, accumulate=accumulate, ema=0.0)
        follow(run)
        state = saved(run)["network"]
        tracked.append({key: value for key, value in state.items() if key.endswith("running_var")})
    # One update by 0.1 of the batch's variance from 1, and two of them: never three.
    for key, once in tracked[0].items():
        assert torch.all((tracked[1][key] - 1).abs() <= 2.2 * (once - 1).abs().max() + 0.1)


# The batch that fits


@pytest.mark.parametrize(("fits", "found"), [(1, 1), (2, 2), (11, 8), (64, 64), (10**6, 64), (0, 1)])
def test_the_batch_is_doubled_until_the_memory_is_full(fits, found):
    asked = []

    def share(count):
        asked.append(count)
        return FULL * count / fits if fits else 1.0

    assert largest_batch(share) == found
    assert asked == [2**power for power in range(1, len(asked) + 1)]


def test_running_out_of_memory_ends_the_trial():
    def share(count):
        if count > 4:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return 0.1

    assert largest_batch(share) == 4


def test_the_share_counts_what_others_have_and_the_optimiser_will(monkeypatch):
    """With stand-ins for the card: 1000 bytes, of which others have 300 and this step takes 200."""
    answers = {
        "empty_cache": None,
        "mem_get_info": (600, 1000),
        "memory_allocated": 100,
        "reset_peak_memory_stats": None,
        "max_memory_allocated": 200,
    }
    for name, answer in answers.items():
        monkeypatch.setattr(room.torch.cuda, name, lambda *_, answer=answer: answer)
    network = torch.nn.Conv2d(3, 1, 1)  # 4 weights of 4 bytes
    share = memory_share(
        network, lambda logits, target, background: logits.sum(), 3, (8, 8), torch.device("cpu"), None
    )
    assert share(2) == pytest.approx((300 + 200 + 2 * 16) / 1000)
    assert all(value.grad is None for value in network.parameters())


def test_an_automatic_batch_stays_what_it_was_when_a_run_goes_on(tmp_path, source, monkeypatch):
    """As if it had begun on a card that holds 3 patches, and went on where 5 fit."""
    monkeypatch.setattr(job, "_automatic_batch", lambda standing, *_: standing.planned or 3)
    run = make_run(tmp_path / "run", source, batch=0)
    with pytest.raises(Interrupted):
        follow(run, 5)
    monkeypatch.setattr(job, "_automatic_batch", lambda standing, *_: standing.planned or 5)
    whole = make_run(tmp_path / "whole", source, batch=3)
    assert curve(follow(run)) == curve(follow(whole))


@pytest.mark.parametrize(
    ("settings", "steps"),
    [
        ({"epochs": 2.0}, 5),
        ({"epochs": 2.0, "accumulate": 2}, 3),
        ({"epochs": 0.1}, 1),
        ({"epochs": 2.0, "steps": 4}, 4),
        ({"epochs": 2.0, "steps": 9}, 5),
        ({"steps": 9}, 9),
    ],
)
def test_the_length_in_passes(tmp_path, source, settings, steps):
    from training.freeze import freeze

    run = make_run(tmp_path / "run", source, **{"steps": 0, **settings})
    data = freeze(run, run.config(), lambda: None)
    assert make_plan(run.config(), data, "cpu", None, False).steps == steps


# Time


@pytest.mark.slow
@pytest.mark.parametrize(("every", "validation"), [(3, 1.0), (7, 20.0), (1000, 20.0)])
def test_a_time_limit_is_never_exceeded_by_more_than_a_validation(
    tmp_path, source, every, validation, monkeypatch
):
    """On a clock that stands still but for steps of one second and validations."""
    now = [1000.0]
    monkeypatch.setitem(job.CLOCKS, "wall", lambda: now[0])
    learn, evaluate = engine.learn, engine.evaluate

    def learning(*arguments):
        now[0] += 1.0
        return learn(*arguments)

    def evaluating(*arguments):
        now[0] += validation
        return evaluate(*arguments)

    monkeypatch.setattr(engine, "learn", learning)
    monkeypatch.setattr(engine, "evaluate", evaluating)
    settings = {"minutes": 1.0, "schedule": "cosine", "evaluate_every": every, "patience": 0}
    run = make_run(tmp_path / "run", source, steps=10_000, **settings)
    events = follow(run)
    assert isinstance(events[-1], Finished)
    assert events[-1].reason == "minutes"
    assert 60 - job.CLOSING - 1 - validation <= events[-1].seconds <= 60 + validation
    assert validations(events).keys() >= {events[-1].step}
    rates = [event.learning_rate for event in events if isinstance(event, Progress)]
    assert rates[-1] < 0.1 * max(rates)
    first = events[-1].seconds
    write_json(run.path / "config.json", replace(run.config(), minutes=2.0).to_json())
    again = follow(run)
    assert 120 - job.CLOSING - 1 - validation <= again[-1].seconds <= 120 + validation
    assert again[-1].seconds > first


@pytest.mark.parametrize(("age", "left"), [(20.0, 40.0), (1000.0, 30.0)])
def test_a_time_limit_counts_from_the_start_of_the_process(tmp_path, source, age, left, monkeypatch):
    """Steps of one second and validations of none; half of the limit is left in any case."""
    now = [1000.0]
    monkeypatch.setitem(job.CLOCKS, "wall", lambda: now[0])
    learn = engine.learn

    def learning(*arguments):
        now[0] += 1.0
        return learn(*arguments)

    monkeypatch.setattr(engine, "learn", learning)
    run = make_run(tmp_path / "run", source, steps=10_000, minutes=1.0, evaluate_every=7)
    events = list(engine.train(run, age))
    assert events[-1].reason == "minutes"
    assert left - job.CLOSING - 1 <= events[-1].seconds <= left
    told = [event for event in events if isinstance(event, Progress)]
    assert 0 <= told[-1].seconds_left <= 1


def test_without_a_limit_the_start_of_the_process_makes_none(tmp_path, source):
    events = list(engine.train(make_run(tmp_path / "run", source, steps=3), -3600.0))
    assert events[-1].reason == "steps"


# Work ahead and behind


def test_losses_read_late_are_the_same(tmp_path, source, monkeypatch):
    """As on a graphics card, where a loss is read once the next step is under way."""
    expected = follow(make_run(tmp_path / "whole", source))
    prepare = engine.prepare

    def late(*arguments):
        made = prepare(*arguments)
        made.lag = 2
        return made

    monkeypatch.setattr(engine, "prepare", late)
    run = make_run(tmp_path / "run", source)
    with pytest.raises(Interrupted):
        follow(run, 5)
    events = follow(run)
    assert curve(events) == curve(expected)
    assert validations(events) == validations(expected)
    order = [
        (type(event).__name__, event.step) for event in events if isinstance(event, (Progress, Validated))
    ]
    assert order.index(("Progress", 8)) < order.index(("Validated", 8))


def test_a_loss_that_is_no_number_is_found_before_anything_is_saved(tmp_path, source, monkeypatch):
    learn, prepare = engine.learn, engine.prepare

    def poisoned(job, images, target):
        value = learn(job, images, target)
        return value if job.state.standing.step < 7 else value * float("nan")

    def late(*arguments):
        made = prepare(*arguments)
        made.lag = 2
        return made

    monkeypatch.setattr(engine, "learn", poisoned)
    monkeypatch.setattr(engine, "prepare", late)
    monkeypatch.setattr(engine, "SAVE_SECONDS", 0.0)
    run = make_run(tmp_path / "run", source)
    events = follow(run)
    assert isinstance(events[-1], Failed)
    assert "at step 8" in events[-1].message
    assert saved(run)["standing"]["step"] == 7


def test_a_reading_is_the_number():
    assert Reading(torch.tensor(1.5)).get() == 1.5


def test_batches_are_drawn_once_each_ahead_and_none_beyond_the_last():
    drawn = []

    def draw(step):
        assert torch.get_num_threads() == 1
        drawn.append(step)
        return torch.full((1, 1, 2, 2), float(step)), torch.zeros(1, 2, 2)

    ahead = Prefetch(draw, torch.device("cpu"), 4)
    try:
        assert [float(ahead.take(step)[0].mean()) for step in (0, 1, 1, 2, 3)] == [0, 1, 1, 2, 3]
    finally:
        ahead.close()
    assert drawn[0] == 0
    assert max(drawn) == 3


def test_what_goes_wrong_in_drawing_is_told_to_who_takes():
    def draw(step):
        raise OSError(step)

    ahead = Prefetch(draw, torch.device("cpu"), 4)
    try:
        with pytest.raises(OSError, match="0"):
            ahead.take(0)
    finally:
        ahead.close()


def test_the_confusion_matrix_counts_known_pixels_alone():
    from types import SimpleNamespace

    logits = torch.tensor([[[[2.0, -1.0], [3.0, 1.0]]]])
    target = torch.tensor([[[1, 1], [0, 255]]])
    one = SimpleNamespace(state=SimpleNamespace(confusion=None))
    step._count(one, logits, target)
    step._count(one, logits, target)
    assert one.state.confusion.tolist() == [0, 2, 2, 2, 2]
    many = SimpleNamespace(state=SimpleNamespace(confusion=None))
    step._count(many, torch.eye(3)[None, :, None], torch.tensor([[[0, 2, 255]]]))
    assert np.array_equal(many.state.confusion[:-1].view(3, 3), [[1, 0, 0], [0, 0, 0], [0, 1, 0]])
