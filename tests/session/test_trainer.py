"""A training is begun once, from what is saved, while the window goes on; finished masks are counted once."""

import threading

import pytest

from tests.helpers import SHAPE, make_folder, make_model
from unet_studio.core.errors import StudioError
from unet_studio.core.events import Finished
from unet_studio.core.gate import GATE_FILE, ModelScores, write_gate
from unet_studio.core.run_folder import RunFolder
from unet_studio.core.training_config import TrainingConfig
from unet_studio.core.versions import publish_once
from unet_studio.jobs import training_plan
from unet_studio.jobs.training_plan import PixelCounts
from unet_studio.session import Session, trainer


@pytest.fixture
def project(session, tmp_path, qtbot):
    """A folder of three images, two of them approved and not saved yet."""
    session.open_folder(make_folder(tmp_path / "images", 3))
    for name in ("0.png", "1.png"):
        approve(session, qtbot, name)
    return session.project


def approve(session, qtbot, name):
    session.open_image(name)
    qtbot.waitUntil(lambda: session.document is not None and session.document.name == name, timeout=20_000)
    session.editor.edit(lambda document: document.fill_rest(int(name[0])))
    session.editor.approve()
    assert session.document.approved


def test_it_starts_in_a_thread_from_what_is_saved(session, project, begun, qtbot, monkeypatch):
    go = threading.Event()
    real = session.writer.settle

    def slowly(*arguments):
        go.wait(10)
        real(*arguments)

    monkeypatch.setattr(session.writer, "settle", slowly)
    session.trainer.start({"steps": 3})
    session.trainer.start({"steps": 4})
    assert session.trainer.state == "starting"
    assert begun == []
    go.set()
    qtbot.waitUntil(lambda: session.trainer.run is not None, timeout=20_000)
    assert [run.config().steps for run in begun] == [3]
    assert session.trainer.run is begun[0]
    assert len(list(project.folder.glob("approved/*.png"))) == 2


def test_what_keeps_it_from_starting_is_said_and_it_can_be_tried_again(session, tmp_path, begun, qtbot):
    session.open_folder(make_folder(tmp_path / "images", 2))
    qtbot.waitUntil(lambda: session.document is not None, timeout=20_000)
    said = []
    session.failed.connect(lambda message, remedy: said.append((message, remedy)))
    session.trainer.start()
    qtbot.waitUntil(lambda: bool(said), timeout=20_000)
    assert "nothing to learn from" in said[0][0]
    assert session.trainer.state == "none"
    approve(session, qtbot, "0.png")
    session.trainer.start()
    qtbot.waitUntil(lambda: len(begun) == 1, timeout=20_000)


def test_a_process_that_can_not_be_started_is_said(session, project, monkeypatch, qtbot):
    def refuse(_run):
        raise StudioError("No process can be started.", "Close other programs.")

    monkeypatch.setattr(trainer, "start", refuse)
    with qtbot.waitSignal(session.failed, timeout=20_000) as caught:
        session.trainer.start()
    assert caught.args == ["No process can be started.", "Close other programs."]
    assert session.trainer.state == "none"


def test_a_project_that_was_left_too_soon_has_no_training_and_that_is_said(
    session, project, begun, tmp_path, qtbot
):
    go, said = threading.Event(), []
    session.failed.connect(lambda message, _: said.append(message))
    session.trainer._tasks.submit("wait", lambda: go.wait(10))
    session.trainer.start()
    session.open_folder(make_folder(tmp_path / "others", 1))
    go.set()
    qtbot.waitUntil(lambda: bool(begun or said), timeout=20_000)
    qtbot.wait(50)
    assert begun == []
    assert said == ["The training was not started: its folder was left too soon."]
    assert session.trainer.run is None
    assert session.trainer.state == "none"


def test_a_start_waits_for_no_count(session, project, begun, qtbot):
    go = threading.Event()
    session.trainer._counter.submit("wait", lambda: go.wait(20))
    session.trainer.start()
    try:
        qtbot.waitUntil(lambda: bool(begun), timeout=10_000)
    finally:
        go.set()


def test_finished_masks_are_counted_once(session, project, qtbot, monkeypatch):
    qtbot.waitUntil(lambda: not session._dirty(), timeout=20_000)
    read = []
    real = training_plan.look
    monkeypatch.setattr(
        training_plan, "look", lambda project, name, model: read.append(name) or real(project, name, model)
    )
    counts, names = PixelCounts(), ["0.png", "1.png"]
    first = counts.of(project, names)
    pixels = SHAPE[0] * SHAPE[1]
    assert (first[0], first[1], first.sum()) == (pixels, pixels, 2 * pixels)
    assert (counts.of(project, names) == first).all()
    assert read == names
    session.open_image("1.png")
    qtbot.waitUntil(lambda: session.document is not None and session.document.name == "1.png", timeout=20_000)
    session.editor.unapprove()
    qtbot.waitUntil(lambda: not session._dirty(), timeout=20_000)
    counts.of(project, names)
    assert read == [*names, "1.png"]


def test_a_stroke_that_was_undone_is_not_offered_to_learn_from(session, tmp_path, qtbot):
    session.open_folder(make_folder(tmp_path / "images", 2))
    qtbot.waitUntil(lambda: session.document is not None, timeout=20_000)
    session.editor.edit(lambda document: document.fill_rest(1))
    session.save_now()
    qtbot.waitUntil(lambda: session.trainer.plan().unfinished == ("0.png",), timeout=20_000)
    session.editor.undo()
    session.save_now()
    qtbot.waitUntil(lambda: session.trainer.plan().unfinished == (), timeout=20_000)


@pytest.fixture
def commanded(session, project):
    """A call that begins a run of this name in the open project, as a command of somebody else's does."""
    session.trainer._lookout._timer.setInterval(10)

    def begin(name):
        run = RunFolder.create(project.runs_folder / name, TrainingConfig())
        run.claim()
        return run

    return begin


def test_a_training_that_a_command_begins_is_shown(session, commanded, qtbot):
    assert session.trainer.state == "none"
    run = commanded("v1")
    qtbot.waitUntil(lambda: session.trainer.state == "running", timeout=20_000)
    assert session.trainer.run.path == run.path
    assert session.trainer.found == ""


def test_it_does_not_take_the_place_of_one_that_is_under_way(session, commanded, qtbot):
    commanded("v1")
    qtbot.waitUntil(lambda: session.trainer.under_way, timeout=20_000)
    commanded("v2")
    qtbot.waitUntil(lambda: "v2" in session.trainer._lookout._known, timeout=20_000)
    assert session.trainer.run.name == "v1"


def test_one_that_is_over_or_half_made_is_not_shown(session, project, commanded, qtbot):
    (project.runs_folder / "v1").mkdir(parents=True)  # without settings yet
    run = RunFolder.create(project.runs_folder / "v2", TrainingConfig())
    run.emit(Finished("steps", 9, 1.0, ""))
    qtbot.waitUntil(lambda: "v2" in session.trainer._lookout._known, timeout=20_000)
    assert session.trainer.run is None
    commanded("v1")
    qtbot.waitUntil(lambda: session.trainer.under_way, timeout=20_000)
    assert session.trainer.run.name == "v1"


def test_a_disk_that_is_away_for_a_moment_is_looked_at_again(session, commanded, qtbot, monkeypatch):
    def away(_run):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as disk:
        disk.setattr(RunFolder, "state", away)
        commanded("v1")
        qtbot.wait(100)
    qtbot.waitUntil(lambda: session.trainer.state == "running", timeout=20_000)


def test_who_may_only_look_sees_the_training_and_the_version_that_another_window_makes(
    session, project, commanded, qtbot
):
    qtbot.waitUntil(lambda: not session._dirty(), timeout=20_000)  # the project is on disk, and locked
    other = Session()
    other.predictor.auto = False
    other.open_folder(project.image_root)
    assert other.read_only is not None
    other.trainer._lookout._timer.setInterval(10)
    run = commanded("v1")
    for one in (session, other):
        qtbot.waitUntil(lambda one=one: one.trainer.state == "running", timeout=20_000)
    make_model(run.best)
    run.emit(Finished("steps", 9, 1.0, str(run.best)))
    for one in (session, other):
        qtbot.waitUntil(lambda one=one: one.trainer.version == "v1", timeout=20_000)
        assert "v1" in {entry.name for entry in one.predictor.models()}
    other.shut_down()


# What the gate does


@pytest.fixture
def trained(session, tmp_path):
    """A call that makes a run that is over, with these scores, in a folder whose model in use is "old"."""
    session.open_folder(make_folder(tmp_path / "images", 1))
    project = session.project
    project.prepare()
    make_model(project.models_folder / "old")
    session.predictor.refresh()

    def make(before=(), after=(), rival="old"):
        session.predictor.set_model(rival or None)
        config = {"rival": str(project.models_folder / rival) if rival else ""}
        run = RunFolder.create(project.new_run("v1"), TrainingConfig.from_json(config))
        make_model(run.best, seed=1)
        if rival:
            first = scored("old", before or after)
            write_gate(run.path / GATE_FILE, first, scored("v1", after) if after else None)
        run.emit(Finished("steps", 9, 1.0, str(run.best)))
        return run

    return make


def scored(model, dice):
    images = tuple(f"{number}.png" for number in range(len(dice)))
    return ModelScores(model, images, {"object": tuple(dice)})


def over(session, qtbot, run):
    """Follow a run that is over until its model is there; returns what was said."""
    said = []
    session.message.connect(said.append)
    session.trainer._follower.follow(run)
    session.trainer._ended(session.trainer.events[-1])
    qtbot.waitUntil(lambda: session.trainer.verdict is not None, timeout=20_000)
    assert "v1" in {entry.name for entry in session.predictor.models()}
    return said[-1]


def test_a_better_version_predicts_from_now_on(session, trained, qtbot):
    said = over(session, qtbot, trained([0.5] * 5, [0.8] * 5))
    assert session.trainer.verdict.outcome == "promoted"
    assert session.predictor.model_name == "v1"
    assert "it is better" in said
    assert "Choose old to go back" in said


@pytest.mark.parametrize(
    ("before", "after", "outcome", "reason"),
    [
        ([0.8] * 5, [0.5] * 5, "candidate", "it is worse"),
        ([0.5] * 4, [0.8] * 4, "indicative", "you decide"),
        ([0.5] * 5, [], "candidate", "stopped before it could be measured"),
    ],
)
def test_what_is_not_promoted_waits_for_a_person(session, trained, qtbot, before, after, outcome, reason):
    said = over(session, qtbot, trained(before, after))
    assert session.trainer.verdict.outcome == outcome
    assert session.predictor.model_name == "old"
    assert reason in said
    assert "old stays until you choose v1" in said


def test_a_class_that_got_worse_is_told(session, trained, qtbot):
    run = trained([0.5] * 5, [0.8] * 5)
    images = tuple(f"{number}.png" for number in range(5))
    first = ModelScores("old", images, {"cell": (0.2,) * 5, "edge": (0.9,) * 5})
    second = ModelScores("v1", images, {"cell": (0.9,) * 5, "edge": (0.8,) * 5})
    write_gate(run.path / GATE_FILE, first, second)
    said = over(session, qtbot, run)
    assert session.predictor.model_name == "v1"
    assert "edge got worse: Dice 0.900 before, 0.800 now." in said


def test_the_first_model_predicts_at_once(session, trained, qtbot):
    said = over(session, qtbot, trained(rival=""))
    assert session.predictor.model_name == "v1"
    assert "nothing to compare" in said


def test_a_model_chosen_while_it_was_trained_stays(session, trained, qtbot):
    run = trained([0.5] * 5, [0.8] * 5)
    make_model(session.project.models_folder / "other")
    session.predictor.refresh()
    session.predictor.set_model("other")
    said = over(session, qtbot, run)
    assert session.trainer.verdict.outcome == "promoted"
    assert session.predictor.model_name == "other"
    assert "chosen meanwhile stays" in said


def test_the_verdict_is_read_again_when_the_folder_is_opened_again(session, trained, qtbot):
    over(session, qtbot, trained([0.8] * 5, [0.5] * 5))
    folder = session.project.image_root
    session.close_project()
    assert session.trainer.verdict is None
    said = []
    session.message.connect(said.append)
    session.open_folder(folder)
    qtbot.waitUntil(lambda: session.trainer.verdict is not None, timeout=20_000)
    assert session.trainer.verdict.outcome == "candidate"
    assert session.predictor.model_name == "old"
    assert not [text for text in said if "is ready" in text]


def test_a_command_that_was_faster_made_the_version(session, trained, qtbot):
    run = trained([0.5] * 5, [0.8] * 5)
    assert publish_once(run, session.project.models_folder, run.name) is not None
    said = over(session, qtbot, run)
    assert session.predictor.model_name == "v1"
    assert "it is better" in said
