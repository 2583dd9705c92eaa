"""Per-image change of two versions: the figures are those of `unet-studio compare`; a run's gate is read."""

import json
import math
import threading
from dataclasses import replace

import numpy as np
import pytest

from tests.helpers import make_folder, make_model, truth
from unet_studio.cli import main
from unet_studio.core.changes import ALL
from unet_studio.core.classes import write_classes_file
from unet_studio.core.gate import GATE_FILE, ModelScores, write_gate
from unet_studio.core.model_card import read_card, write_card
from unet_studio.core.run_folder import RunFolder
from unet_studio.core.storage import write_json
from unet_studio.core.training_config import TrainingConfig

SHAPE = (40, 48)
COUNT = 9


@pytest.fixture
def project(session, tmp_path):
    """Nine images, all but one approved from the truth, and two small models."""
    folder = make_folder(tmp_path / "images", COUNT, SHAPE)
    for seed, name in enumerate(("one", "two")):
        make_model(folder / "unet-studio" / "models" / name, seed=seed)
    session.open_folder(folder)
    opened = session.project
    for number in range(COUNT - 1):
        opened.write_approved(f"{number}.png", truth(number, SHAPE), {})
        opened.set_split(f"{number}.png", "train" if number == 2 else "val")
    session.predictor.set_device("cpu")
    return opened


def pair(session):
    named = {entry.name: entry for entry in session.predictor.models()}
    return named["one"], named["two"]


def measured(qtbot, session):
    with qtbot.waitSignal(session.changes.found, timeout=60_000) as caught:
        session.changes.measure(*pair(session))
    return caught.args[0]


def compared(tmp_path, project, capsys):
    """What the command prints of the same images and masks."""
    write_classes_file(tmp_path / "classes.json", "t", project.classes)
    split = tmp_path / "split.json"
    write_json(
        split,
        {
            part: [name for name, one in project.split.items() if one == part]
            for part in ("train", "val", "test")
        },
    )
    masks = project.folder / "approved"
    models = [str(project.models_folder / name) for name in ("one", "two")]
    out = tmp_path / "c.png"
    capsys.readouterr()
    status = main([
        "compare", *models, "--images", str(project.image_root), "--masks", str(masks), "--classes",
        str(tmp_path / "classes.json"), "--split", str(split), "--subset", "val", "--device", "cpu", "--out",
        str(out), "--json",
    ])  # fmt: skip
    told = capsys.readouterr()
    assert status == 0, told.err
    return json.loads(told.out)


def test_the_figures_are_those_of_the_command(session, project, qtbot, tmp_path, capsys):
    table, told = measured(qtbot, session), compared(tmp_path, project, capsys)
    names = [f"{number}.png" for number in range(COUNT - 1) if number != 2]
    assert [one.image for one in table.by_class[ALL]] == names == [row["name"] for row in told["per_image"]]
    for change, row in zip(table.by_class[ALL], told["per_image"], strict=True):
        assert (round(change.before, 6), round(change.after, 6)) == (row["dice"]["one"], row["dice"]["two"])
    assert table.interval().to_json() == told["differences"][0]["mean_dice"]
    for place, mean in enumerate(table.means()):
        assert round(mean, 6) == told["models"][place]["mean_over_images"]["mean_dice"]


def test_each_class_has_the_figures_of_the_command(session, project, qtbot, tmp_path, capsys):
    table, told = measured(qtbot, session), compared(tmp_path, project, capsys)
    for place in (0, 1):
        rows = {row["name"]: row["dice"] for row in told["models"][place]["mean_over_images"]["classes"]}
        assert table.classes
        for name in table.classes:
            assert round(table.means(name)[place], 6) == rows[name]


def test_those_that_lost_most_come_first(session, project, qtbot):
    rows = measured(qtbot, session).worst_first()
    differences = [one.difference for one in rows if not math.isnan(one.difference)]
    assert differences == sorted(differences)
    assert len(rows) == COUNT - 2


def test_what_was_approved_a_moment_ago_counts(session, project, qtbot):
    session.open_image("8.png")
    qtbot.waitUntil(lambda: session.document is not None and session.document.name == "8.png", timeout=20_000)
    session.editor.edit(lambda document: document.fill_rest(1))
    session.editor.approve()
    project.set_split("8.png", "val")
    assert "8.png" in [one.image for one in measured(qtbot, session).by_class[ALL]]


def test_an_image_that_changed_since_is_left_out_and_named(session, project, qtbot):
    project.write_approved("4.png", truth(4, SHAPE), {"image-hash": "of another picture"})
    table = measured(qtbot, session)
    assert [what for what, _ in table.failures] == ["4.png"]
    assert table.images == COUNT - 3


def test_measuring_tells_how_far_it_is_and_can_be_stopped(session, project, qtbot):
    changes, told, ended = session.changes, [], []
    changes.progressed.connect(lambda *one: told.append(one))
    changes.found.connect(ended.append)
    changes.failed.connect(ended.append)
    changes.progressed.connect(lambda *_: changes.cancel())
    with qtbot.waitSignal(changes.cancelled, timeout=60_000):
        changes.measure(*pair(session))
    assert not changes.measuring
    qtbot.waitUntil(lambda: changes._thread.idle, timeout=60_000)
    qtbot.wait(50)
    assert ended == []
    assert told[0][1] == COUNT - 2


def test_a_newer_pair_takes_the_place_of_the_one_before(session, project, qtbot):
    go, found = threading.Event(), []
    session.changes.found.connect(found.append)
    session.changes._thread.submit("wait", lambda: go.wait(10))
    first, second = pair(session)
    session.changes.measure(first, second)
    session.changes.measure(second, first)
    go.set()
    qtbot.waitUntil(lambda: bool(found), timeout=60_000)
    qtbot.waitUntil(lambda: session.changes._thread.idle, timeout=60_000)
    qtbot.wait(50)
    assert [(table.first, table.second) for table in found] == [("two", "one")]


def test_without_validation_images_it_is_said(session, project, qtbot):
    project.set_split(list(project.split), "train")
    with qtbot.waitSignal(session.changes.failed, timeout=60_000) as caught:
        session.changes.measure(*pair(session))
    assert caught.args[0].message == "No approved image is for validation."


def gated(project, before="one"):
    """Let model "two" be made by a run whose gate held it against another model."""
    run = RunFolder.create(project.runs_folder / "r1", TrainingConfig())
    images, random = ("0.png", "1.png", "gone.png"), np.random.default_rng(0)
    one, two = (tuple(random.random(3).tolist()) for _ in range(2))
    write_gate(
        run.path / GATE_FILE,
        ModelScores(before, images, {"cell": one}),
        ModelScores("r1", images, {"cell": two}),
    )
    folder = project.models_folder / "two"
    card = read_card(folder)
    write_card(folder, replace(card, training={"run": "r1"}))
    return one, two


def test_what_the_gate_of_a_run_said_is_read(session, project, qtbot):
    one, two = gated(project)
    session.predictor.refresh()
    with qtbot.waitSignal(session.changes.found, timeout=20_000) as caught:
        session.changes.look(*pair(session))
    table = caught.args[0]
    assert (table.first, table.second) == ("one", "two")
    assert [(change.before, change.after) for change in table.by_class[ALL]] == [
        (pytest.approx(before, abs=1e-6), pytest.approx(after, abs=1e-6))
        for before, after in zip(one, two, strict=True)
    ]
    assert table.source.startswith("From the gate of the training r1: 3 validation images")


@pytest.mark.parametrize("before", ["another", None])
def test_a_gate_of_other_models_is_none(session, project, qtbot, before):
    if before is not None:
        gated(project, before)
        session.predictor.refresh()
    with qtbot.waitSignal(session.changes.missing, timeout=20_000):
        session.changes.look(*pair(session))


def test_a_broken_gate_is_said(session, project, qtbot):
    gated(project)
    (project.runs_folder / "r1" / GATE_FILE).write_text("{}", encoding="utf-8")
    session.predictor.refresh()
    with qtbot.waitSignal(session.changes.failed, timeout=20_000) as caught:
        session.changes.look(*pair(session))
    assert "holds no scores" in caught.args[0].message
