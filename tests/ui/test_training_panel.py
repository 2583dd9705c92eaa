"""The training panel in all its states, fed by a run folder as a training process writes it."""

import subprocess
import sys

import pytest
from PySide6.QtWidgets import QMessageBox

from tests.helpers import make_model
from tests.ui.conftest import paint_all, shown
from unet_studio.core.events import Failed, Finished, Froze, Note, Paused, Progress, Started, Validated
from unet_studio.core.gate import GATE_FILE, ModelScores, write_gate
from unet_studio.core.model_card import CARD_FILE
from unet_studio.core.run_folder import RunFolder
from unet_studio.core.training_config import recipe
from unet_studio.session import trainer
from unet_studio.ui.panels.curve import MOST_POINTS, loss_curve, smoothed


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
    return Validated(step, 0.4, {"object": dice}, {"background": 0.9, "object": dice}, 0.9, dice, dice, True)


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
    qtbot.waitUntil(lambda: "background" in panel.warnings.text.text(), timeout=20_000)


def test_unfinished_images_count_on_request(opened, panel, qtbot):
    paint_all(opened.session, 1)
    qtbot.waitUntil(lambda: panel.painted.isVisible(), timeout=20_000)
    assert panel.painted.text() == "Use 1 unfinished image too"
    assert not panel.start.isEnabled()
    panel.painted.click()
    assert panel.start.isEnabled()


def test_without_a_model_the_form_says_that_training_starts_from_imagenet(opened, panel):
    assert panel.start_from.currentText() == "ImageNet encoder"
    make_model(opened.session.project.models_folder / "small")
    opened.session.predictor.refresh()
    opened.session.predictor.set_model("small")
    assert panel.start_from.currentText() == "Its base (steadiest)"
    assert panel.start_from.findText("ImageNet encoder") == 1


def test_the_form_gives_settings_of_a_training(approved, panel, monkeypatch):
    given = []
    monkeypatch.setattr(approved.session.trainer, "start", given.append)
    make_model(approved.session.project.models_folder / "small")
    approved.session.predictor.refresh()
    approved.session.predictor.set_model("small")
    panel.minutes.setValue(3)
    panel.start_from.setCurrentIndex(panel.start_from.findData("imagenet"))
    panel.pictures.setCurrentIndex(panel.pictures.findData("aerial"))
    panel.start.click()
    assert given == [{"minutes": 3.0, "painted": False, "init": "imagenet", "augmentation": "aerial"}]


def test_a_run_shows_its_course_and_curve(approved, panel, run, qtbot):
    qtbot.waitUntil(panel.controls.isVisible)
    assert panel.doing.text().startswith("Preparing 1 image…\nOn CPU, 1 thread.")
    assert (panel.form.isVisible(), panel.start.isVisible()) == (False, False)
    for step in range(1, 41):
        run.emit(Progress(step, 100, 2.0 / step, 1e-3, step, 100 - step))
    run.emit(score(20, 0.6))
    run.emit(score(40, 0.8))
    run.emit(Note("The images are small."))
    qtbot.waitUntil(lambda: "Step 40 of at most 100" in panel.doing.text(), timeout=5_000)
    assert "The images are small." in panel.doing.text()
    assert panel.progress.value() == 400
    qtbot.waitUntil(lambda: panel.curve.ready, timeout=30_000)
    steps, losses = panel.curve._lines["steps"].getData()
    assert list(steps) == list(range(1, 41))
    assert losses[1] == 1.0
    assert list(panel.curve._lines["mean"].getData()[1]) == [0.6, 0.8]
    assert list(panel.curve._lines["best"].getData()[0]) == [40]


def test_pause_stop_and_discard_reach_the_run(approved, panel, run, qtbot):
    qtbot.waitUntil(panel.controls.isVisible)
    panel.pause.click()
    assert "pause" in run.requested()
    run.emit(Paused(3))
    qtbot.waitUntil(lambda: panel.pause.text().strip() == "Resume", timeout=5_000)
    assert panel.state.text() == "Paused: v1"
    panel.pause.click()
    assert "pause" not in run.requested()
    panel.stop.click()
    assert "stop" in run.requested()
    panel.discard.click()
    box = visible_box(approved)
    assert box.text() == "Throw this training away?"
    assert "discard" not in run.requested()
    next(button for button in box.buttons() if button.text() == "Discard").click()
    assert "discard" in run.requested()


def visible_box(window):
    return next(box for box in window.findChildren(QMessageBox) if box.isVisible())


def test_a_failure_is_told_with_its_remedy(approved, panel, run, qtbot):
    run.emit(Failed("The memory is full.", "Set a smaller patch."))
    qtbot.waitUntil(panel.failure.isVisible, timeout=5_000)
    assert panel.failure.text.text() == "The memory is full. Set a smaller patch."
    assert panel.start.isEnabled()


def test_a_killed_run_can_go_on(approved, panel, run, process, qtbot, monkeypatch):
    process.kill()
    process.wait()
    qtbot.waitUntil(panel.failure.isVisible, timeout=10_000)
    assert "cut off" in panel.failure.text.text()
    asked = []
    monkeypatch.setattr(trainer, "start", asked.append)
    panel.failure.button.click()
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
    qtbot.waitUntil(lambda: "in use" in panel.result.text.text(), timeout=5_000)
    assert "Dice 0.500 → 0.900 on 1 validation image." in panel.result.text.text()
    assert panel.result.button.text() == "Go Back to old"
    panel.result.button.click()
    assert session.predictor.model.name == "old"
    assert panel.result.button.text() == "Use v1"


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
