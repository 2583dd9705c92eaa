"""The training panel in all its states, fed by a run folder as a training process writes it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog, QMessageBox

from tests.helpers import make_model
from tests.ui.conftest import paint_all, shown
from unet_studio.core.classes import ClassTable, PixelClass
from unet_studio.core.errors import StudioError
from unet_studio.core.events import (
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
from unet_studio.core.gate import GATE_FILE, ModelScores, write_gate
from unet_studio.core.model_card import CARD_FILE
from unet_studio.core.project import Status
from unet_studio.core.run_folder import RunFolder
from unet_studio.core.training_choices import CHOICES_FILE, read_choices
from unet_studio.core.training_config import recipe
from unet_studio.jobs.training import LIVENESS_POLLS, TrainingFollower
from unet_studio.session import trainer
from unet_studio.ui.dialogs.changes.dialog import ChangesDialog
from unet_studio.ui.graph import round_end
from unet_studio.ui.icons import icons
from unet_studio.ui.panels.curve import MOST_POINTS, loss_curve, readable, smoothed
from unet_studio.ui.theme import DARK, LIGHT


@pytest.fixture
def panel(opened):
    return opened.panels["training"]


@pytest.fixture
def approved(opened, qtbot):
    """Two finished images: one to learn from, one to check with."""
    for name in ("0.png", "1.png"):
        shown(qtbot, opened.session, name)
        paint_all(opened.session, 1)
        opened.session.editor.approve()
    qtbot.waitUntil(lambda: not opened.session._dirty(), timeout=20_000)
    return opened


@pytest.fixture
def begun(monkeypatch):
    """The runs whose processes would have been started."""
    runs = []
    monkeypatch.setattr(trainer, "start", runs.append)
    return runs


@pytest.fixture
def process():
    """A process that stands for the training's."""
    made = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield made
    made.kill()
    made.wait()


@pytest.fixture
def run(approved, process):
    """A run under way, followed by the session."""
    session = approved.session
    made = RunFolder.create(session.project.new_run("v1"), recipe())
    made.claim(process.pid)
    made.emit(Started("cpu", 1, 0, 100))
    made.emit(Froze(1, 1, 0, {"object": 100}))
    session.trainer._follower.follow(made)
    return made


def score(step, dice):
    iou = round(dice - 0.1, 3)
    return Validated(step, 0.4, {"object": iou}, {"background": 0.9, "object": dice}, 0.9, iou, dice, True)


def test_nothing_approved_nothing_to_learn(opened, panel):
    assert "approve" in panel.plan.text()
    assert not panel.start.isEnabled()
    assert "approve" in panel.start.toolTip()
    assert not panel.curve.isVisible()


def test_the_plan_counts_images_and_pixels(approved, panel, qtbot):
    told = "Learns from 1 approved image, is checked on 1 it never learns from."
    qtbot.waitUntil(lambda: panel.plan.text() == told, timeout=20_000)
    assert panel.start.isEnabled()
    qtbot.waitUntil(panel.bars.isVisible, timeout=20_000)
    assert "object: 24,576 labelled px" in panel.bars.toolTip()
    qtbot.waitUntil(lambda: "nothing to tell apart" in panel.warnings.text.text(), timeout=20_000)


def test_unfinished_images_count_on_request_and_the_panel_says_what_that_costs(opened, panel, qtbot):
    paint_all(opened.session, 1)
    qtbot.waitUntil(lambda: panel.form.painted.isVisible(), timeout=20_000)
    assert panel.form.painted.text() == "Loose strokes of 1 unfinished image too"
    assert "finishing it teaches more" in panel.unfinished.text()
    assert not panel.start.isEnabled()
    assert not panel.form.cost.isVisible()
    panel.form.painted.click()
    assert panel.start.isEnabled()
    assert "counts as right, as you left it" in panel.form.cost.text()
    assert panel.form.cost.isVisible()
    qtbot.waitUntil(lambda: (panel._session.trainer.plan().pixels or {}).get(1, 0) > 0, timeout=20_000)


def test_the_next_unfinished_image_is_a_click_away(opened, panel, qtbot):
    paint_all(opened.session, 1)
    shown(qtbot, opened.session, "2.png")
    qtbot.waitUntil(panel.finish_next.isVisible, timeout=20_000)
    panel.finish_next.click()
    qtbot.waitUntil(lambda: opened.session.current == "0.png", timeout=20_000)
    qtbot.waitUntil(lambda: not panel.finish_next.isVisible(), timeout=20_000)


def test_a_cold_start_is_guided(opened, panel, qtbot):
    guide = panel.guide
    assert guide.isVisible()
    assert guide.step == 1
    assert "background, object" in guide.details[0].text()
    for number in range(3):
        assert f"{number} of 3 approved" in guide.details[1].text()
        shown(qtbot, opened.session, f"{number}.png")
        paint_all(opened.session, 1)
        opened.session.editor.approve()
        qtbot.waitUntil(lambda: len(guide._session.project.with_status(Status.APPROVED)) == number + 1)  # noqa: B023
    qtbot.waitUntil(lambda: guide.step == 2, timeout=20_000)
    assert [sign.text() for sign in guide.signs] == ["\u2713", "\u2713", "3"]
    assert "At most 5 minutes" in guide.details[2].text()
    assert panel.start.text().strip() == "Train"
    qtbot.waitUntil(panel.start.isEnabled, timeout=20_000)
    make_model(opened.session.project.models_folder / "small")
    opened.session.predictor.refresh()
    opened.session.predictor.set_model("small")
    assert not guide.isVisible()
    assert panel.start.text().strip() == "Fine-tune"


def test_one_sees_how_the_images_are_divided(approved, panel):
    assert panel.split.summary.text() == "1 trains, 1 validates"
    panel.split.set_open(True)
    assert "Train: 0.png\nValidate: 1.png" in panel.split.list.text()
    assert "five train to one" in panel.split.list.text()


def test_where_no_image_validates_one_can_be_put_aside(approved, panel, qtbot):
    approved.session.browser.set_split(["1.png"], "train")
    qtbot.waitUntil(lambda: panel.warnings.button.text() == "Check on 1.png", timeout=20_000)
    assert "none is left to check on" in panel.warnings.text.text()
    panel.warnings.button.click()
    qtbot.waitUntil(lambda: approved.session.project.split["1.png"] == "val", timeout=20_000)
    qtbot.waitUntil(lambda: panel.split.summary.text() == "1 trains, 1 validates", timeout=20_000)


def test_where_all_images_validate_it_says_that_none_is_left_to_learn_from(approved, panel, qtbot):
    approved.session.browser.set_split(["0.png"], "val")
    qtbot.waitUntil(lambda: "all are for checking" in panel.warnings.text.text(), timeout=20_000)
    assert not panel.start.isEnabled()


def test_without_a_model_the_form_says_that_training_starts_from_imagenet(opened, panel, qtbot):
    start_from = panel.form.start_from
    assert start_from.currentText() == "ImageNet encoder"
    make_model(opened.session.project.models_folder / "small")
    opened.session.predictor.refresh()
    opened.session.predictor.set_model("small")
    qtbot.waitUntil(lambda: start_from.currentText() == "Base: small (steadiest)", timeout=20_000)
    assert start_from.findText("ImageNet encoder") == 1
    assert start_from.findText("small") > 1
    assert start_from.itemText(start_from.count() - 1) == "A file…"


def choose(choice, text):
    """Choose an entry as a click does."""
    place = choice.findText(text)
    choice.setCurrentIndex(place)
    choice.activated.emit(place)


def test_what_is_changed_is_stored_alone_and_used_and_taken_back(approved, panel, begun, qtbot):
    project, trainer = approved.session.project, approved.session.trainer
    assert not panel.form.reset.isVisible()
    panel.form.minutes.setValue(3)
    choose(panel.form.pictures, "Aerial")
    choose(panel.form.recipe, "From scratch")
    wanted = {"minutes": 3.0, "augmentation": "aerial", "recipe": "from-scratch"}
    qtbot.waitUntil(lambda: read_choices(project.folder) == wanted, timeout=20_000)
    panel.start.click()
    qtbot.waitUntil(lambda: bool(begun), timeout=20_000)
    config = begun[0].config()
    assert (config.minutes, config.augmentation, config.network, config.init) == (
        3,
        "aerial",
        "unet",
        "random",
    )
    trainer._follower.leave()
    panel.refresh()
    panel.form.reset.click()
    assert trainer.choices == {}
    assert panel.form.minutes.value() == 5
    qtbot.waitUntil(lambda: not (project.folder / CHOICES_FILE).exists(), timeout=20_000)


def test_a_file_to_start_from_is_asked_for_and_listed(approved, panel, qtbot, tmp_path):
    choose(panel.form.start_from, "A file…")
    dialog = next(box for box in approved.findChildren(QFileDialog) if box.isVisible())
    assert panel.form.start_from.currentText() == "ImageNet encoder"
    dialog.fileSelected.emit(str(tmp_path / "theirs.unet.zip"))
    dialog.reject()
    assert approved.session.trainer.choices == {"init": str(tmp_path / "theirs.unet.zip")}
    assert panel.form.start_from.currentText() == "theirs.unet.zip"
    assert "matched with yours by name" in panel.form.fit.text()


def test_a_start_from_a_model_of_other_classes_is_asked_about_once(approved, panel, begun, qtbot):
    table = ClassTable(
        (PixelClass(0, "background", "#000000"), PixelClass(7, "sky", "#3366cc")), background=0
    )
    make_model(approved.session.project.models_folder / "skies", table)
    approved.session.predictor.refresh()
    choose(panel.form.start_from, "skies")
    assert "object begins anew" in panel.form.fit.text()
    assert "sky is forgotten" in panel.form.fit.text()
    panel.start.click()
    assert begun == []
    box = visible_box(approved)
    assert "Start from skies all the same?" in box.text()
    next(button for button in box.buttons() if button.text() == "Start").click()
    qtbot.waitUntil(lambda: bool(begun), timeout=20_000)
    assert begun[0].config().init.endswith("skies")


def test_a_run_shows_its_course_and_curve(approved, panel, run, qtbot):
    qtbot.waitUntil(panel.controls.isVisible)
    assert panel.doing.text().startswith("Preparing 1 image…\nOn CPU, 1 thread")
    assert (panel.form.isVisible(), panel.start.isVisible()) == (False, False)
    assert panel.plan.text().startswith("Next round: learns from 1 approved image")
    for step in range(1, 41):
        run.emit(Progress(step, 100, 2.0 / step, 1e-3, step, 100 - step))
    run.emit(score(20, 0.6))
    run.emit(score(40, 0.8))
    run.emit(Note("The images are small."))
    qtbot.waitUntil(lambda: "Step 40 of at most 100" in panel.doing.text(), timeout=5_000)
    assert "The images are small." in panel.doing.text()
    assert panel.progress.value() == 400
    qtbot.waitUntil(lambda: panel.curve.ready, timeout=30_000)
    qtbot.waitUntil(lambda: "MB of memory" in panel.doing.text(), timeout=10_000)
    steps, losses = panel.curve._lines["steps"].getData()
    assert list(steps) == list(range(1, 41))
    assert losses[1] == 1.0
    assert list(panel.curve._lines["mean"].getData()[1]) == [0.6, 0.8]
    assert list(panel.curve._lines["best"].getData()[0]) == [40]
    assert "loss in training 0." in panel.curve.loss_legend.text()
    assert "on validation images 0.400" in panel.curve.loss_legend.text()
    assert "mean 0.800" in panel.curve.score_legend.text()
    view, name = panel.curve.scores.view, panel.curve.scores.bottom.label
    assert name.mapRectToScene(name.boundingRect()).bottom() <= view.height()  # "step" is whole
    panel.curve.measure.setCurrentIndex(panel.curve.measure.findData("IoU"))
    assert list(panel.curve._lines["mean"].getData()[1]) == [0.5, 0.7]
    assert "best: 0.700, at step 40" in panel.curve.score_legend.text()


def test_a_curve_is_drawn_for_what_is_new_alone(approved, panel, run, qtbot, monkeypatch):
    run.emit(Progress(1, 100, 1.0, 1e-3, 1, 99))
    qtbot.waitUntil(lambda: panel.curve.ready, timeout=30_000)
    approved.session.trainer._follower._timer.stop()  # else it tells of the process's memory meanwhile
    drawn, curve = [], panel.curve
    qtbot.waitUntil(curve.scores.view.isVisible)
    for name in ("steps", "mean"):
        line = curve._lines[name]
        monkeypatch.setattr(line, "setData", lambda *data, own=name, put=line.setData: note(own, put, data))

    def note(name, put, data):
        put(*data)
        drawn.append(name)

    def after(change, table):
        """Which of the two lines are drawn anew."""
        drawn.clear()
        change()
        curve.show_events(events, table)
        qtbot.wait(100)
        return drawn

    events, table = approved.session.trainer.events, approved.session.classes
    other, nothing = ClassTable.binary("other"), list
    assert after(nothing, table) == []
    assert after(lambda: events.append(Progress(2, 100, 0.5, 1e-3, 2, 98)), table) == ["steps"]
    assert list(curve._lines["steps"].getData()[0]) == [1, 2]
    assert after(lambda: events.append(score(2, 0.6)), table) == ["steps", "mean"]
    assert after(nothing, other) == ["steps", "mean"]
    assert after(nothing, other) == []


@pytest.mark.parametrize(
    ("value", "end"), [(1, 1), (2, 2), (7, 8), (13, 15), (99, 100), (101, 120), (0.31, 0.4), (1.01, 1.2)]
)
def test_an_axis_ends_at_a_round_number(value, end):
    assert round_end(value) == pytest.approx(end)


def test_an_axis_seldom_moves():
    ends = [round_end(step) for step in range(1, 1001)]
    assert all(end >= step > 0.75 * end - 1 for step, end in enumerate(ends, 1))
    assert len(set(ends)) <= 30


def test_pause_stop_and_discard_reach_the_run(approved, panel, run, qtbot):
    qtbot.waitUntil(panel.controls.isVisible)
    panel.pause.click()
    assert "pause" in run.requested()
    run.emit(Paused(3))
    qtbot.waitUntil(lambda: panel.state.text() == "Paused: v1", timeout=5_000)
    assert panel.pause.text().strip() == "Resume"
    icons().load_now()
    assert panel.pause.icon().cacheKey() == icons().icon("play").cacheKey()
    panel.pause.click()
    assert panel.pause.icon().cacheKey() == icons().icon("pause").cacheKey()
    assert "pause" not in run.requested()
    panel.stop.click()
    assert "stop" in run.requested()
    panel.discard.click()
    box = visible_box(approved)
    assert box.text() == "Throw this training away?"
    assert "discard" not in run.requested()
    next(button for button in box.buttons() if button.text() == "Discard").click()
    assert "discard" in run.requested()


def test_what_is_asked_of_a_run_shows_at_once_and_can_be_taken_back(approved, panel, run, qtbot):
    qtbot.waitUntil(panel.controls.isVisible)
    panel.pause.click()
    assert panel.state.text() == "Pausing: v1"
    assert panel.doing.text().startswith("It does so at its next step.")
    assert panel.pause.text().strip() == "Resume"
    panel.pause.click()
    assert run.requested() == set()
    run.emit(Progress(1, 100, 0.5, 1e-3, 1, 99))
    qtbot.waitUntil(lambda: panel.state.text() == "Learning: v1", timeout=5_000)
    panel.stop.click()
    assert panel.state.text() == "Stopping: v1"
    assert [one.isEnabled() for one in (panel.pause, panel.stop, panel.discard)] == [False, False, True]
    run.emit(Stopped(1, 1.0, "", {}))
    qtbot.waitUntil(lambda: panel.state.text() == "Stopped: v1", timeout=5_000)


def test_a_run_that_was_stopped_before_it_learnt_has_no_model_and_says_so(approved, panel, run, qtbot):
    run.emit(Stopped(0, 0.0, "", {}))
    qtbot.waitUntil(lambda: "there is no model" in panel.result.note.text.text(), timeout=5_000)
    assert panel.start.isVisible()
    assert panel.guide.isVisible()


def test_a_run_whose_folder_is_deleted_is_gone_and_another_one_can_start(
    approved, panel, run, begun, process, qtbot
):
    qtbot.waitUntil(panel.controls.isVisible)
    shutil.rmtree(run.path)
    panel.stop.click()
    assert not run.path.exists()
    qtbot.waitUntil(lambda: panel.state.text() == "Gone: v1", timeout=10_000)
    panel.start.click()
    qtbot.waitUntil(lambda: bool(begun), timeout=20_000)


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
    qtbot.waitUntil(lambda: "v1 could not be stored: The disk is full." in panel.result.note.text.text())
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
    qtbot.waitUntil(first, timeout=5_000)


def visible_box(window):
    return next(box for box in window.findChildren(QMessageBox) if box.isVisible())


def test_a_failure_is_told_with_its_remedy(approved, panel, run, qtbot):
    run.emit(Failed("The memory is full.", "Set a smaller patch."))
    qtbot.waitUntil(panel.result.note.isVisible, timeout=5_000)
    assert panel.result.note.text.text() == "The memory is full. Set a smaller patch."
    assert panel.state.text() == "Failed: v1"
    assert panel.start.isEnabled()


def test_a_killed_run_can_go_on(approved, panel, run, process, qtbot, monkeypatch):
    process.kill()
    process.wait()
    qtbot.waitUntil(panel.result.note.isVisible, timeout=10_000)
    assert panel.state.text() == "Cut off: v1"
    assert "ended from outside" in panel.result.note.text.text()
    asked = []
    monkeypatch.setattr(trainer, "start", asked.append)
    panel.result.note.button.click()
    qtbot.waitUntil(lambda: bool(asked), timeout=10_000)
    assert asked[0].name == "v1"


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
    qtbot.waitUntil(lambda: "in use" in panel.result.note.text.text(), timeout=5_000)
    assert panel.state.text() == "Finished: better"
    assert "Dice 0.500 → 0.900." in panel.result.note.text.text()
    assert panel.result.note.button.text() == "Go Back to old"
    panel.result.versus.click()
    assert [side.entry.name for side in session.comparer.sides] == ["old", "v1"]
    session.comparer.end()
    panel.result.by_image.click()
    qtbot.waitUntil(lambda: bool(approved.findChildren(ChangesDialog)), timeout=5_000)
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
    qtbot.waitUntil(panel.result.note.isVisible, timeout=5_000)
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
    qtbot.waitUntil(lambda: panel.state.text() == "Discarded: v1", timeout=5_000)
    assert "as they were" in panel.result.note.text.text()
    assert panel.start.isVisible()


def test_images_finished_meanwhile_join_the_next_round(approved, panel, run, qtbot):
    run.data.mkdir()
    (run.data / "samples.json").write_text("[]")
    shown(qtbot, approved.session, "2.png")
    paint_all(approved.session, 1)
    approved.session.editor.approve()
    told = "1 image finished meanwhile joins the next round."
    qtbot.waitUntil(lambda: panel.joining.text() == told and panel.joining.isVisible(), timeout=20_000)
    run.emit(Discarded(3))
    qtbot.waitUntil(lambda: "the next round learns from it too" in panel.joining.text(), timeout=20_000)


def test_a_run_is_found_again_after_reopening(approved, panel, run, qtbot, folder):
    run.emit(Progress(5, 100, 0.3, 1e-3, 5, 50))
    approved.session.close_project()
    assert not panel.controls.isVisibleTo(panel)
    approved.open_folder(folder)
    qtbot.waitUntil(lambda: "It went on while the window was closed." in panel.doing.text(), timeout=20_000)
    assert panel.state.text() == "Learning: v1"
    assert "Step 5 of at most 100" in panel.doing.text()


def test_a_long_run_is_read_in_turns_and_its_end_still_heard(approved, run, qtbot, monkeypatch):
    monkeypatch.setattr("unet_studio.jobs.training.SLICE", 1 << 12)
    for step in range(200):
        run.emit(Progress(step, 400, 0.3, 1e-3, step, 50))
    run.emit(Discarded(200))
    follower, heard = TrainingFollower(), []
    follower.ended.connect(heard.append)
    follower.follow(run)
    assert len(follower.events) < 100
    qtbot.waitUntil(lambda: heard == [Discarded(200)], timeout=20_000)
    assert len(follower.events) == 203
    follower.leave()


def test_a_color_that_would_not_show_is_mixed_with_the_texts():
    assert readable("#e53935", LIGHT) == "#e53935"
    assert readable("#fbfbff", LIGHT) != "#fbfbff"
    assert readable("#101010", DARK) != "#101010"


@pytest.mark.parametrize("end", [None, Failed("The disk is full.", "Make room.")])
def test_a_run_that_a_command_resumes_is_followed_on(approved, panel, run, process, qtbot, end):
    if end is not None:
        run.emit(end)
    process.kill()
    process.wait()
    state = "interrupted" if end is None else "failed"
    qtbot.waitUntil(lambda: approved.session.trainer.state == state, timeout=10_000)
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as command:
        try:
            run.claim(command.pid)
            run.emit(Started("cpu", 1, 1, 100))
            qtbot.waitUntil(lambda: approved.session.trainer.state == "running", timeout=10_000)
            run.emit(Stopped(2, 1.0, ""))
            with qtbot.waitSignal(approved.session.trainer._follower.ended, timeout=10_000):
                pass
        finally:
            command.kill()
    assert approved.session.trainer.state == "stopped"
    assert approved.session.trainer.found == ""


def test_a_run_whose_disk_is_away_for_a_while_is_found_again(
    approved, panel, run, process, qtbot, monkeypatch
):
    follower = approved.session.trainer._follower
    process.kill()
    process.wait()
    qtbot.waitUntil(lambda: follower.state == "interrupted", timeout=10_000)
    many = len(follower.events)
    away = run.path.with_name("away")
    run.path.rename(away)
    for _ in range(LIVENESS_POLLS):
        follower._poll()
    assert follower.state == "gone"
    away.rename(run.path)
    follower._poll()
    assert (follower.state, len(follower.events)) == ("interrupted", many)

    def stale(*_):
        raise OSError(116, "Stale file handle")

    with monkeypatch.context() as broken:
        broken.setattr(RunFolder, "events", stale)
        follower._poll()
        broken.undo()
        broken.setattr(RunFolder, "state", stale)
        run.emit(Note("It is back."))
        follower._poll()
    assert follower.state == "interrupted"
    follower._poll()
    assert (follower.state, len(follower.events)) == ("interrupted", many + 1)


def test_a_resumed_run_is_drawn_once(approved, panel, run, qtbot):
    for step in range(1, 131):
        run.emit(Progress(step, 200, 2.0 / step, 1e-3, step, 200 - step))
    run.emit(score(40, 0.6))
    run.emit(score(120, 0.8))
    run.emit(Started("cpu", 1, 50, 200, resumed=True))
    run.emit(Progress(51, 200, 0.3, 1e-3, 51, 149))
    qtbot.waitUntil(lambda: panel.curve.ready, timeout=30_000)
    steps = panel.curve._lines["steps"]
    qtbot.waitUntil(lambda: list(steps.getData()[0]) == list(range(1, 52)))
    assert list(panel.curve._lines["mean"].getData()[0]) == [40]


def test_long_curves_are_thinned_and_smoothing_starts_at_the_first_value():
    events = [Progress(step, 9000, 1.0, 1e-3, step, 1.0) for step in range(9000)]
    assert len(loss_curve(events)[0]) <= MOST_POINTS
    assert smoothed([4.0, 4.0, 4.0]) == pytest.approx([4.0, 4.0, 4.0])
    assert smoothed([]) == []


def test_who_may_only_look_does_not_end_anothers_training(run, panel, qtbot):
    controls = (panel.pause, panel.stop, panel.discard)
    panel.refresh()
    assert all(control.isEnabled() for control in controls)
    panel._session.project.read_only = "It is open in another window."
    panel.refresh()
    assert not any(control.isEnabled() for control in controls)
