"""What the list of versions says of each, and what rests on one."""

import json

import pytest

from tests.helpers import make_folder, make_model
from unet_studio.core.events import Failed
from unet_studio.core.model_card import CARD_FILE, read_card
from unet_studio.core.project import Project
from unet_studio.core.run_folder import RunFolder
from unet_studio.core.training_config import TrainingConfig
from unet_studio.jobs.version_list import dependents, list_versions, needed_by_a_run


@pytest.fixture
def project(tmp_path):
    made = Project.open(make_folder(tmp_path / "images", 2))
    made.prepare()
    yield made
    made.close()


def model(project, name, **fields):
    """A model of the project whose card says this."""
    folder = make_model(project.models_folder / name)
    change(folder, **fields)
    return folder


def change(folder, **fields):
    card = json.loads((folder / CARD_FILE).read_text())
    (folder / CARD_FILE).write_text(json.dumps({**card, **fields}))


def named(project, name):
    return next(version for version in list_versions(project) if version.name == name)


def test_the_newest_comes_first_and_says_what_its_card_says(project):
    gate = {
        "outcome": "candidate",
        "change": {"mean": -0.1, "low": -0.2, "high": -0.05, "images": 6, "level": 0.9},
        "reasons": ["It is worse."],
        "warnings": ["cell got worse."],
    }
    model(project, "v1", created="2024-01-01T00:00:00+00:00")
    model(
        project, "v2", created="2025-01-01T00:00:00+00:00", parent="v1",
        training={"samples": {"train": ["a.png", "b.png"], "val": ["c.png"]}}, metrics={"gate": gate},
    )  # fmt: skip
    names = [version.name for version in list_versions(project)]
    assert names.index("v2") < names.index("v1")
    newest = named(project, "v2")
    assert (newest.own, newest.samples, newest.outcome) == (True, 2, "candidate")
    assert newest.reasons == ("It is worse.", "cell got worse.")
    assert newest.size == sum(path.stat().st_size for path in newest.entry.folder.iterdir())
    assert (named(project, "v1").samples, named(project, "v1").outcome) == (None, None)
    assert not any(version.own for version in list_versions(project) if version.name not in ("v1", "v2"))


@pytest.mark.parametrize("gate", [None, 3, "promoted", {}, {"outcome": "promoted"}, {"outcome": ["x"]}])
@pytest.mark.parametrize("training", [{}, {"samples": 3}, {"samples": {"train": 3}}, {"run": ["x"]}])
def test_a_card_that_says_nonsense_is_listed_all_the_same(project, gate, training):
    model(project, "v1", metrics={"gate": gate}, training=training)
    found = named(project, "v1")
    assert (found.samples, found.outcome, found.report) == (None, None, None)


def test_one_that_can_not_be_used_is_listed(project):
    (model(project, "v1") / CARD_FILE).write_text("{")
    assert named(project, "v1").entry.card is None


def test_its_report_is_that_of_the_run_that_made_it(project):
    created = "2025-01-01T00:00:00+00:00"
    run = RunFolder.create(project.new_run("v1"), TrainingConfig())
    change(make_model(run.best), created=created)
    folder = model(project, "v1", created=created, training={"run": "v1"})
    assert named(project, "v1").report is None
    run.report.write_text("<html>")
    assert named(project, "v1").report == run.report
    change(folder, created="2020-01-01T00:00:00+00:00")  # one from elsewhere, of a run of the same name
    assert named(project, "v1").report is None
    change(folder, created=created, training={"run": "../runs/v1"})
    assert named(project, "v1").report is None


def test_what_rests_on_a_version_is_found(project):
    model(project, "v1")
    model(project, "v2", parent="v1", base="v1")
    model(project, "v3", parent="v2", base="v1")
    for name in ("0.png", "deep/1.png"):
        path = project.prediction_path("v1", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    found = dependents(project, "v1")
    assert (found.children, found.restarting, found.predictions) == (("v2",), ("v2", "v3"), 2)
    assert dependents(project, "v3").children == ()


def test_a_run_that_is_not_over_needs_its_models(project):
    folder = model(project, "v1")
    entry = named(project, "v1").entry
    assert needed_by_a_run(project, entry) == ""
    run = RunFolder.create(
        project.new_run("v2"), TrainingConfig.from_json({"rival": str(folder), "init": "random"})
    )
    assert needed_by_a_run(project, entry) == "v2"
    run.emit(Failed("The disk is full.", "Make room."))
    assert needed_by_a_run(project, entry) == ""  # there is nothing to go on from
    run.last.touch()
    assert needed_by_a_run(project, entry) == "v2"
    run.path.joinpath("events.jsonl").write_text('{"event": "discarded", "step": 3}\n')
    assert needed_by_a_run(project, entry) == ""
    assert read_card(folder).name == "v1"
