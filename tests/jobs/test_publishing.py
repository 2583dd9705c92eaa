"""A run's model becomes a version once, and its card says what the gate found."""

import math

import pytest

from tests.helpers import make_folder, make_model
from unet_studio.core.errors import StudioError
from unet_studio.core.events import Failed, Finished, Stopped
from unet_studio.core.gate import GATE_FILE, ModelScores, read_verdict, write_gate
from unet_studio.core.model_card import read_card
from unet_studio.core.project import Project
from unet_studio.core.run_folder import RunFolder
from unet_studio.core.training_config import TrainingConfig
from unet_studio.jobs.publishing import conclude, publish_earlier, publish_run, verdict_of

IMAGES = tuple(f"{number}.png" for number in range(6))


def scores(model, *dice):
    return ModelScores(model, IMAGES[: len(dice)], {"object": dice})


@pytest.fixture
def project(tmp_path):
    made = Project.open(make_folder(tmp_path / "images", 1))
    made.prepare()
    yield made
    made.close()


@pytest.fixture
def run(project):
    """A run of a project whose model in use is "old"; its best model is there."""
    config = TrainingConfig.from_json({"rival": str(project.models_folder / "old")})
    made = RunFolder.create(project.new_run("v1"), config)
    make_model(made.best)
    return made


def gate(run, before, after):
    write_gate(
        run.path / GATE_FILE,
        scores("folder it was trained in", *before),
        scores("v1", *after) if after else None,
    )


def test_the_version_says_what_the_gate_found(project, run):
    gate(run, [0.5] * 6, [0.7] * 6)
    found = publish_run(project, run)
    assert found.verdict.outcome == "promoted"
    assert found.verdict.rival == "old"
    card = read_card(project.models_folder / "v1")
    outcome, interval = read_verdict(card.metrics["gate"])
    assert (outcome, interval.images) == ("promoted", 6)
    assert interval.mean == pytest.approx(0.2)
    assert card.metrics["gate"]["rival"] == "old"
    assert "v1" in {entry.name for entry in found.models}


def test_it_is_published_once_and_a_deleted_one_does_not_come_back(project, run):
    gate(run, [0.5] * 6, [0.7] * 6)
    entry = publish_run(project, run).entry
    entry.folder.rename(entry.folder.with_name(".gone"))
    again = publish_run(project, run)
    assert again.entry is None
    assert again.verdict.outcome == "promoted"


def test_a_run_that_is_over_can_t_be_ended_once_more_and_gives_no_second_version(project, run):
    run.emit(Finished("steps", 9, 1.0, str(run.best)))
    assert publish_run(project, run).entry.name == "v1"
    with pytest.raises(StudioError, match="can't be ended"):
        conclude(run)
    assert publish_run(project, run).entry.name == "v1"
    assert [path.name for path in project.models_folder.iterdir()] == ["v1"]


def test_who_may_only_look_reads_the_verdict_and_makes_nothing(project, run):
    gate(run, [0.5] * 6, [0.7] * 6)
    project.read_only = "It is open in another window."
    found = publish_run(project, run)
    assert (found.entry, found.verdict.outcome, found.awaited) == (None, "promoted", True)
    assert not project.models_folder.exists()
    project.read_only = None
    publish_run(project, run)  # as the other window does
    project.read_only = "It is open in another window."
    found = publish_run(project, run)
    assert (found.entry.name, found.awaited) == ("v1", False)
    run.expect_version()  # it goes on
    found = publish_run(project, run)
    assert (found.entry, found.awaited) == (None, True)


def test_trainings_that_ended_while_another_one_was_looked_at_become_versions(project, run):
    ended, failed = run, RunFolder.create(project.new_run("v2"), TrainingConfig())
    unlearnt = RunFolder.create(project.new_run("v3"), TrainingConfig())
    make_model(failed.best)
    ended.emit(Finished("steps", 9, 1.0, str(ended.best)))
    failed.emit(Failed("The disk is full.", "Make room."))
    unlearnt.emit(Stopped(0, 0.0, "", {}))
    runs = [ended, failed, unlearnt]
    assert [found.entry.name for found in publish_earlier(project, runs)] == ["v1"]
    assert publish_earlier(project, runs) == []


@pytest.mark.parametrize(
    ("before", "after", "outcome"),
    [
        ([0.7] * 6, [0.5] * 6, "candidate"),
        ([0.5] * 4, [0.7] * 4, "indicative"),
        ([], [], "candidate"),
    ],
)
def test_what_is_worse_unproven_or_unmeasured_is_not_promoted(run, before, after, outcome):
    gate(run, before, after)
    assert verdict_of(run).outcome == outcome


def test_a_run_stopped_before_it_was_measured_is_a_candidate_and_says_so(run):
    gate(run, [0.7] * 6, None)
    verdict = verdict_of(run)
    assert verdict.outcome == "candidate"
    assert verdict.reasons == ("It was stopped before it could be measured.",)
    assert verdict.rival == "old"
    assert math.isnan(verdict.before)


def test_a_model_in_use_that_could_not_be_scored_stays(run):
    verdict = verdict_of(run)
    assert verdict.outcome == "candidate"
    assert "old was not scored" in verdict.reasons[0]


def test_without_a_model_in_use_there_is_nothing_to_compare_with(project):
    made = RunFolder.create(project.new_run("v1"), TrainingConfig())
    assert verdict_of(made).outcome == "promoted"


@pytest.mark.parametrize("broken", ["{", "{}", '{"before": {"model": "old"}}'])
def test_broken_scores_make_a_candidate(run, broken):
    (run.path / GATE_FILE).write_text(broken)
    verdict = verdict_of(run)
    assert verdict.outcome == "candidate"
    assert "can't be compared" in verdict.reasons[0]
    assert verdict.rival == "old"


def test_scores_of_different_images_make_a_candidate(run):
    write_gate(
        run.path / GATE_FILE, scores("old", 0.5, 0.5), ModelScores("v1", ("x.png",), {"object": (1.0,)})
    )
    assert verdict_of(run).outcome == "candidate"
