"""What a run leaves for the gate: the model in use and the best new one, scored on the same images."""

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.training.samples import SPLIT, disc_image, make_run, numbered, write_folders
from tests.training.test_engine import follow, of
from training import engine, gate
from training.engine import Interrupted
from training.freeze import freeze
from training.job import CLOCKS, CLOSING
from unet_studio.core.events import Discarded, Finished, Note, Progress, Stopped, Validated
from unet_studio.core.gate import GATE_FILE, judge, read_gate
from unet_studio.core.metrics import Evaluation
from unet_studio.core.model_card import read_card, write_card
from unet_studio.model.checkpoint import load_model


@pytest.fixture
def source(tmp_path):
    return write_folders(tmp_path / "data", 8, split=SPLIT)


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    """A model that was trained for a few steps."""
    folder = tmp_path_factory.mktemp("old")
    run = make_run(folder / "run", write_folders(folder / "data", 8, split=SPLIT), name="old")
    assert isinstance(follow(run)[-1], Finished)
    return run.best


@pytest.fixture
def rival(tmp_path, old):
    """A copy of it, which a test may spoil."""
    return Path(shutil.copytree(old, tmp_path / "rival"))


def frozen(run):
    return freeze(run, run.config(), lambda: None)


def scores(run):
    return read_gate(run.path / GATE_FILE)


def test_both_are_scored_on_the_validation_images(tmp_path, source, rival):
    run = make_run(tmp_path / "new", source, name="new", rival=str(rival), steps=24, seed=1)
    events = follow(run)
    before, after = scores(run)
    assert (before.model, after.model) == ("old", "new")
    assert before.images == after.images == tuple(SPLIT["val"])
    best = [event for event in of(Validated, events) if event.best][-1]
    assert sum(after.dice["disc"]) / 2 == pytest.approx(best.mean_dice, abs=1e-6)
    assert before.dice["disc"] != after.dice["disc"]
    assert judge(before, after).outcome == "indicative"  # of two images


MANY = {"train": numbered(0, 1), "val": numbered(*range(2, 9)), "test": []}


def test_a_run_that_ends_by_itself_compares_on_all_validation_images(tmp_path, rival):
    source = write_folders(tmp_path / "many", 9, split=MANY)
    run = make_run(tmp_path / "new", source, name="new", rival=str(rival), validation_images=3)
    events = follow(run)
    assert isinstance(events[-1], Finished)
    before, after = scores(run)
    assert before.images == after.images == tuple(MANY["val"])
    assert judge(before, after).interval.images == 7
    new, evaluation = load_model(run.best, "cpu"), Evaluation((0, 1))
    for name in MANY["val"]:
        image, truth = disc_image(int(Path(name).stem))
        evaluation.add(name, truth, new.predict(image).labels)
    assert after.dice["disc"] == pytest.approx([one.dice_of(1) for _, one in evaluation.per_image], abs=1e-6)


def test_a_stopped_one_is_compared_where_it_was_measured_and_that_is_said(tmp_path, rival):
    source = write_folders(tmp_path / "many", 9, split=MANY)
    run = make_run(
        tmp_path / "new", source, rival=str(rival), steps=1000, validation_images=3, evaluate_every=2
    )
    assert isinstance(follow(run, 5, "stop")[-1], Stopped)
    before, after = scores(run)
    assert before.images == tuple(MANY["val"])
    assert after.images == (MANY["val"][0], MANY["val"][3], MANY["val"][6])
    verdict = judge(before, after)
    assert [change.image for change in verdict.changes] == list(after.images)
    assert "3 of the 7 validation images" in verdict.reasons[0]


def test_a_time_limit_leaves_room_to_compare_and_the_learning_rate_has_fallen_by_then(
    tmp_path, rival, monkeypatch
):
    """On a clock that goes on by one second a step and by one an image that is predicted to compare."""
    now = [1000.0]
    monkeypatch.setitem(CLOCKS, "wall", lambda: now[0])

    def counting(inner, seconds):
        def call(*arguments, **rest):
            now[0] += seconds
            return inner(*arguments, **rest)

        return call

    monkeypatch.setattr(engine, "learn", counting(engine.learn, 1.0))
    monkeypatch.setattr(engine, "evaluate", counting(engine.evaluate, 3.0))
    monkeypatch.setattr(gate, "_evaluated", counting(gate._evaluated, 7.0))
    source = write_folders(tmp_path / "many", 9, split=MANY)
    settings = {"validation_images": 3, "evaluate_every": 6, "schedule": "trapezoidal", "minutes": 1.0}
    run = make_run(tmp_path / "new", source, rival=str(rival), steps=10_000, patience=0, **settings)
    events = follow(run)
    assert 60 - CLOSING - 4 <= events[-1].seconds <= 60
    rates = [event.learning_rate for event in of(Progress, events)]
    assert rates[-1] < 0.25 * max(rates)  # a step takes a tenth of the time in which it falls
    assert scores(run)[1].images == tuple(MANY["val"])


def test_what_is_discarded_while_it_is_compared_makes_no_version(tmp_path, rival, monkeypatch):
    source = write_folders(tmp_path / "many", 9, split=MANY)
    run = make_run(tmp_path / "new", source, rival=str(rival), validation_images=3)
    inner = engine.measure_best

    def discard(*arguments):
        run.request("discard")
        return inner(*arguments)

    monkeypatch.setattr(engine, "measure_best", discard)
    assert isinstance(follow(run)[-1], Discarded)
    assert not run.has_best


def test_an_image_that_is_gone_by_the_end_spoils_the_comparison_alone(tmp_path, rival, monkeypatch):
    source = write_folders(tmp_path / "many", 9, split=MANY)
    run = make_run(tmp_path / "new", source, rival=str(rival), validation_images=3)
    inner = engine.measure_best

    def gone(*arguments):
        next(Path(source.images).glob(MANY["val"][1])).unlink()
        return inner(*arguments)

    monkeypatch.setattr(engine, "measure_best", gone)
    events = follow(run)
    assert isinstance(events[-1], Finished)
    assert any("compared on fewer images" in event.text for event in of(Note, events))
    assert len(scores(run)[1].images) == 3


def test_a_little_time_is_not_spent_on_comparing(tmp_path, rival):
    data = frozen(make_run(tmp_path / "run", write_folders(tmp_path / "many", 9, split=MANY)))
    val = data.part("val")
    each = val[0].height * val[0].width
    minutes = 2 * each / (gate.SHARE * gate.PIXELS_A_MINUTE)
    assert gate.gate_images(data, val[:1], 0) == val
    assert gate.gate_images(data, val[:1], minutes) == [val[0], val[-1]]
    assert gate.gate_images(data, val[1:4], minutes) == [*val[:4], val[-1]]


def test_what_the_rival_learnt_from_is_left_out(tmp_path, source, rival):
    """A person may move an image from training to validation; names of other projects mean other images."""
    card = read_card(rival)
    write_card(rival, replace(card, training={"samples": {"train": [SPLIT["val"][0]]}}))
    elsewhere = make_run(tmp_path / "new", source, rival=str(rival))
    follow(elsewhere)
    assert scores(elsewhere)[0].images == tuple(SPLIT["val"])
    own = Path(shutil.copytree(rival, tmp_path / "project/models/v1"))
    ours = replace(source, project_dir=str(tmp_path / "project"))
    run = make_run(tmp_path / "wherever", ours, rival=str(own))
    told = [event.text for event in of(Note, follow(run))]
    assert "1 validation image left out of the comparison: v1 learnt from it." in told
    before, after = scores(run)
    assert before.images == after.images == (SPLIT["val"][1],)


def test_a_rival_is_scored_as_a_fine_tuning_scores_its_start(tmp_path, source, rival):
    run = make_run(tmp_path / "new", source, rival=str(rival), init=str(rival), steps=4)
    start = of(Validated, follow(run))[0]
    assert start.step == 0
    before = scores(run)[0].dice["disc"]
    assert sum(before) / 2 == pytest.approx(start.mean_dice, abs=1e-6)


def test_a_resumed_run_scores_the_rival_once(tmp_path, source, rival, monkeypatch):
    run = make_run(tmp_path / "new", source, rival=str(rival))
    with pytest.raises(Interrupted):
        follow(run, 6, "interrupt")
    first = scores(run)[0]
    monkeypatch.setattr(gate, "load_model", None)  # it would fail
    assert isinstance(follow(run)[-1], Finished)
    assert scores(run)[0] == first
    assert scores(run)[1] is not None


def test_a_run_that_is_stopped_before_it_is_measured_has_one_side_only(tmp_path, source, rival):
    run = make_run(tmp_path / "new", source, rival=str(rival))
    assert isinstance(follow(run, 2, "stop")[-1], Stopped)
    before, after = scores(run)
    assert before.images == tuple(SPLIT["val"])
    assert after is None


def test_of_a_discarded_run_no_scores_are_left(tmp_path, source, rival):
    run = make_run(tmp_path / "new", source, rival=str(rival), steps=8)
    follow(run, 6, "discard")
    assert scores(run) is None


def test_images_that_are_learnt_from_prove_nothing(tmp_path, rival):
    split = {"train": numbered(0, 1, 2, 3), "val": [], "test": []}
    alone = write_folders(tmp_path / "alone", 4, split=split)
    run = make_run(tmp_path / "new", alone, rival=str(rival))
    follow(run)
    before, after = scores(run)
    assert before.images == after.images == ()
    assert math.isnan(judge(before, after).after)


def test_a_rival_that_can_not_be_used_is_said_and_the_run_goes_on(tmp_path, source, rival):
    (rival / "model.safetensors").write_bytes(b"nothing")
    run = make_run(tmp_path / "new", source, rival=str(rival))
    events = follow(run)
    assert any("can't be compared with" in event.text for event in of(Note, events))
    assert isinstance(events[-1], Finished)
    assert scores(run) is None


def test_a_class_that_the_rival_does_not_know_is_named(tmp_path, source, rival):
    path = Path(source.classes)
    value = json.loads(path.read_text())
    value["classes"][1]["name"] = "Disc"  # names are compared without case
    value["classes"].append({"index": 5, "name": "corner", "color": "#00ff00"})
    path.write_text(json.dumps(value))
    run = make_run(tmp_path / "new", source, rival=str(rival), steps=4)
    follow(run)
    before = scores(run)[0]
    assert before.unknown == ("corner",)
    assert before.dice["Disc"] == pytest.approx(scores_of_old(rival), abs=1e-6)


def scores_of_old(rival) -> tuple[float, ...]:
    """The Dice of the disc on the validation images."""
    model, evaluation = load_model(rival, "cpu"), Evaluation((0, 1))
    for name in SPLIT["val"]:
        image, truth = disc_image(int(Path(name).stem))
        evaluation.add(name, truth, model.predict(image).labels)
    return tuple(found.dice_of(1) for _, found in evaluation.per_image)
