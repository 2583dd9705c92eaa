"""The training panel when a run is over: what became of the model, why, and what can be done next."""

from pathlib import Path

import pytest
from PySide6.QtGui import QDesktopServices

from tests.helpers import make_model
from tests.ui.training.states import score, visible_box
from unet_studio.core.errors import StudioError
from unet_studio.core.events import Discarded, Failed, Finished, Note, Progress, Started, Stopped
from unet_studio.core.gate import GATE_FILE, ModelScores, write_gate
from unet_studio.core.model_card import CARD_FILE
from unet_studio.core.storage import write_json
from unet_studio.session import trainer
from unet_studio.ui.dialogs.changes.dialog import ChangesDialog


def test_a_run_that_was_stopped_before_it_learnt_has_no_model_and_says_so(approved, panel, run, qtbot):
    run.emit(Stopped(0, 0.0, "", {}))
    qtbot.waitUntil(lambda: "there is no model" in panel.result.note.text.text(), timeout=20_000)
    assert panel.start.isVisible()
    assert panel.guide.isVisible()


@pytest.mark.parametrize("killed", [False, True])
def test_the_best_model_of_a_run_that_could_not_go_on_can_be_kept(
    approved, panel, run, process, qtbot, killed
):
    run.emit(score(20, 0.7))
    if killed:
        process.kill()
        process.wait()
    else:
        run.emit(Failed("The disk is full.", "Free some space, then resume the run."))
    qtbot.waitUntil(panel.result.note.isVisible, timeout=10_000)
    assert not panel.result.keep.isVisible()
    make_model(run.best)
    approved.session.trainer.changed.emit()
    assert panel.result.keep.isVisible()
    panel.result.keep.click()
    qtbot.waitUntil(lambda: approved.session.predictor.model_name == "v1", timeout=20_000)
    assert run.state() == "stopped"
    assert "Stopped: the best model so far is kept." in panel.result.note.text.text()
    assert not panel.result.keep.isVisible()


def test_a_model_that_could_not_be_stored_is_stored_once_that_works(approved, panel, run, qtbot, monkeypatch):
    def full(_project, _run):
        raise StudioError("The disk is full.", "Free some space.")

    real = trainer.publish_run
    monkeypatch.setattr(trainer, "publish_run", full)
    make_model(run.best)
    run.emit(Finished("steps", 50, 60.0, str(run.best), {}))
    qtbot.waitUntil(
        lambda: "The model of v1 could not be stored: The disk is full." in panel.result.note.text.text()
    )
    monkeypatch.setattr(trainer, "publish_run", real)
    panel.result.note.button.click()
    qtbot.waitUntil(lambda: approved.session.predictor.model_name == "v1", timeout=20_000)
    assert "could not be stored" not in panel.result.note.text.text()
    assert not panel.result.note.button.isVisible()


def test_a_first_model_that_learnt_little_is_not_praised(approved, panel, run, qtbot):
    make_model(run.best)
    run.emit(score(50, 0.05))
    run.emit(Finished("steps", 50, 60.0, str(run.best), {"mean_dice": 0.05}))
    qtbot.waitUntil(lambda: "v1 is ready" in panel.result.note.text.text(), timeout=20_000)
    assert panel.state.text() == "Finished: the first model"
    assert "It has learnt little yet" in panel.result.note.text.text()
    assert panel.result.note.property("kind") == "info"


def test_what_the_next_round_learns_from_comes_first_once_a_run_is_over(approved, panel, run, qtbot):
    def first():
        return panel.layout().indexOf(panel.next_round) < panel.layout().indexOf(panel.course)

    qtbot.waitUntil(panel.controls.isVisible)
    assert not first()
    run.emit(Discarded(3))
    qtbot.waitUntil(first, timeout=20_000)


def test_a_failure_is_told_with_its_remedy(approved, panel, run, qtbot):
    run.emit(Failed("The memory is full.", "Set a smaller patch."))
    qtbot.waitUntil(panel.result.note.isVisible, timeout=20_000)
    assert panel.result.note.text.text() == "The memory is full. Set a smaller patch."
    assert panel.state.text() == "Failed: v1"
    assert panel.start.isEnabled()


def test_a_failure_that_other_settings_mend_is_not_tried_again_as_it_is(approved, panel, run, qtbot):
    make_model(run.best)
    run.emit(Failed("The loss is not a number at step 7.", "Lower the learning rate.", settings=True))
    qtbot.waitUntil(panel.result.note.isVisible, timeout=20_000)
    assert not panel.result.note.button.isVisible()
    assert "start anew" in panel.result.note.details.text()
    assert panel.result.keep.isVisible()


def test_another_training_is_not_begun_unasked_beside_one_that_can_go_on(approved, panel, run, begun, qtbot):
    make_model(run.best)
    run.emit(Failed("The disk is full.", "Make room."))
    qtbot.waitUntil(lambda: panel.state.text() == "Failed: v1", timeout=20_000)
    qtbot.waitUntil(panel.start.isEnabled, timeout=20_000)
    panel.start.click()
    box = visible_box(approved)
    assert "Leave v1 as it is?" in box.text()
    next(button for button in box.buttons() if button.text() == "Cancel").click()
    assert begun == []
    panel.start.click()
    box = visible_box(approved)
    next(button for button in box.buttons() if button.text() == "Start Anew").click()
    qtbot.waitUntil(lambda: bool(begun), timeout=20_000)


@pytest.mark.parametrize(
    ("after", "heading"),
    [(0.9, "Finished: better"), (0.796, "Finished: no worse"), (0.5, "Finished: not better")],
)
def test_the_heading_says_what_is_proven(approved, panel, run, qtbot, after, heading):
    """A version that is promoted may be a little worse."""
    write_json(run.path / "config.json", {**run.config().to_json(), "rival": "old"})
    make_model(run.best)
    images = tuple(f"{number}.png" for number in range(8))
    sides = (
        ModelScores(name, images, {"object": (dice,) * 8}) for name, dice in (("old", 0.8), ("v1", after))
    )
    write_gate(run.path / GATE_FILE, *sides)
    run.emit(Finished("steps", 50, 60.0, str(run.best), {}))
    qtbot.waitUntil(lambda: panel.state.text() == heading, timeout=20_000)


def test_a_finished_run_shows_before_and_after_and_the_way_back(approved, panel, run, qtbot, folder):
    session = approved.session
    make_model(session.project.models_folder / "old")
    session.refresh()
    session.predictor.set_model("old")
    made = make_model(run.best, seed=1)
    card = (made / CARD_FILE).read_text()
    (made / CARD_FILE).write_text(card.replace('"parent": null', '"parent": "old"'))
    run.emit(Progress(50, 100, 0.3, 1e-3, 50, 50))
    run.emit(score(0, 0.5))
    run.emit(score(50, 0.9))
    images = tuple("01234")
    before, after = (
        ModelScores(name, images, {"object": (dice,) * 5}) for name, dice in (("old", 0.5), ("v1", 0.9))
    )
    write_gate(run.path / GATE_FILE, before, after)
    run.emit(Finished("steps", 50, 60.0, str(run.best), {"mean_dice": 0.9}))
    qtbot.waitUntil(
        lambda: session.predictor.model is not None and session.predictor.model.name == "v1", timeout=20_000
    )
    qtbot.waitUntil(lambda: "in use" in panel.result.note.text.text(), timeout=20_000)
    assert panel.state.text() == "Finished: better"
    assert "Dice 0.500 → 0.900." in panel.result.note.text.text()
    assert panel.result.note.button.text() == "Go Back to old"
    panel.result.versus.click()
    assert [side.entry.name for side in session.comparer.sides] == ["old", "v1"]
    session.comparer.end()
    panel.result.by_image.click()
    qtbot.waitUntil(lambda: bool(approved.findChildren(ChangesDialog)), timeout=20_000)
    (changes,) = approved.findChildren(ChangesDialog)
    assert [entry.name for entry in changes.pair] == ["old", "v1"]
    changes.reject()
    panel.result.note.button.click()
    assert session.predictor.model.name == "old"
    assert panel.result.note.button.text() == "Use v1"


@pytest.mark.parametrize(
    ("dice", "images", "heading", "said", "kind"),
    [
        (0.2, 6, "Finished: not better", "it is worse", "warning"),
        (0.9, 2, "Finished: you decide", "on only 2", "info"),
    ],
)
def test_a_version_that_is_not_promoted_is_kept_beside(
    approved, panel, run, qtbot, dice, images, heading, said, kind
):
    session = approved.session
    make_model(session.project.models_folder / "old")
    session.refresh()
    session.predictor.set_model("old")
    make_model(run.best, seed=1)
    names = tuple(str(number) for number in range(images))
    scores = [
        ModelScores(name, names, {"object": (one,) * images}) for name, one in (("old", 0.5), ("v1", dice))
    ]
    write_gate(run.path / GATE_FILE, *scores)
    run.emit(score(50, dice))
    run.emit(Note("The device's memory is full: 4 patches at once from here on."))
    run.emit(Note("Scores on 2 validation images are only indicative."))
    run.emit(Finished("steps", 50, 60.0, str(run.best), {"mean_dice": dice}))
    qtbot.waitUntil(lambda: panel.result.note.button.text() == "Use v1", timeout=20_000)
    assert session.predictor.model.name == "old"
    assert panel.state.text() == heading
    assert said in panel.result.note.details.text()
    assert "4 patches at once" in panel.result.note.details.text()
    whole = panel.result.note.text.text() + panel.result.note.details.text()
    assert "only indicative" not in whole
    assert "object got worse" not in whole
    assert panel.result.note.property("kind") == kind
    told = []
    session.message.connect(told.append)
    session.trainer.discard()
    assert told == ["This training is over already."]
    assert run.requested() == set()


def test_a_run_that_broke_off_says_its_last_words_and_shows_its_log(approved, panel, run, process, qtbot):
    run.emit(Progress(7, 100, 0.3, 1e-3, 7, 50))
    run.log.write_text("Traceback (most recent call last):\n  ...\nRuntimeError: no such tensor\n")
    process.kill()
    process.wait()
    qtbot.waitUntil(panel.result.note.isVisible, timeout=10_000)
    assert "RuntimeError: no such tensor" in panel.result.note.text.text()
    assert "last saved state" in panel.result.note.text.text()
    assert panel.result.log.isVisible()
    assert not panel.result.report.isVisible()


def test_a_full_disk_is_said_and_the_run_can_be_tried_again(approved, panel, run, begun, qtbot):
    run.emit(Failed("The disk is full.", "Free some space, then resume the run."))
    qtbot.waitUntil(panel.result.note.isVisible, timeout=20_000)
    assert panel.result.note.button.text() == "Try Again"
    panel.result.note.button.click()
    qtbot.waitUntil(lambda: begun == [run], timeout=10_000)


def test_a_stopped_run_and_its_report(approved, panel, run, qtbot, monkeypatch):
    opened = []
    monkeypatch.setattr(
        QDesktopServices, "openUrl", lambda url: opened.append(Path(url.toLocalFile())) or True
    )
    make_model(run.best)
    run.report.write_text("<html>")
    run.emit(score(20, 0.7))
    run.emit(Stopped(20, 30.0, str(run.best), {}))
    qtbot.waitUntil(lambda: "v1 is ready" in panel.result.note.text.text(), timeout=20_000)
    assert "Stopped: the best model so far is kept." in panel.result.note.text.text()
    panel.result.report.click()
    assert opened == [run.report]


def test_a_discarded_run_is_told(approved, panel, run, qtbot):
    run.emit(Discarded(3))
    qtbot.waitUntil(lambda: panel.state.text() == "Discarded: v1", timeout=20_000)
    assert "as they were" in panel.result.note.text.text()
    assert panel.start.isVisible()


def test_a_run_that_went_on_after_its_model_was_stored_offers_the_new_version(
    approved, panel, run, process, qtbot
):
    make_model(run.best)
    run.emit(Stopped(10, 60.0, str(run.best), {}))
    models = approved.session.predictor.models
    qtbot.waitUntil(lambda: "v1" in [entry.name for entry in models()], timeout=20_000)
    run.expect_version()  # as a process that goes on with it does
    run.claim(process.pid)
    run.emit(Started("cpu", 1, 10, 100))
    qtbot.waitUntil(lambda: approved.session.trainer.under_way, timeout=20_000)
    assert approved.session.trainer.version == ""
    run.emit(Finished("steps", 100, 90.0, str(run.best), {}))
    qtbot.waitUntil(lambda: "v2 is ready" in panel.result.note.text.text(), timeout=20_000)
    assert "v2" in [entry.name for entry in models()]


def test_scores_that_can_not_be_read_are_said_to_be_so(approved, panel, run, qtbot):
    session = approved.session
    make_model(session.project.models_folder / "old")
    write_json(run.path / "config.json", {**run.config().to_json(), "rival": "old"})
    make_model(run.best)
    (run.path / GATE_FILE).write_text("{")
    run.emit(Finished("steps", 50, 60.0, str(run.best), {}))
    qtbot.waitUntil(lambda: panel.state.text() == "Finished: not better", timeout=20_000)
    assert "It can't be compared with the model in use" in panel.result.note.details.text()
