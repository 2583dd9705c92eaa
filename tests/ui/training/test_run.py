"""The training panel while a run is under way: requests, interruptions, and being found again."""

import shutil
import subprocess
import sys

import pytest

from tests.ui.conftest import paint_all, shown
from tests.ui.training.states import visible_box
from unet_studio.core.events import Discarded, Failed, Note, Paused, Progress, Started, Stopped
from unet_studio.core.run_folder import RunFolder
from unet_studio.jobs.training import LIVENESS_POLLS, TrainingFollower
from unet_studio.session import trainer
from unet_studio.ui.icons import icons


def test_on_a_graphics_card_its_own_memory_is_told(approved, panel, run, qtbot):
    run.emit(Started("cuda:0", 1, 0, 100))
    run.emit(Progress(1, 100, 1.0, 1e-3, 1.0, 99.0, 3_200_000_000))
    qtbot.waitUntil(lambda: "On cuda:0, 3.2 GB of its memory." in panel.doing.text(), timeout=20_000)


def test_pause_stop_and_discard_reach_the_run(approved, panel, run, qtbot):
    qtbot.waitUntil(panel.controls.isVisible)
    panel.pause.click()
    assert "pause" in run.requested()
    run.emit(Paused(3))
    qtbot.waitUntil(lambda: panel.state.text() == "Paused: v1", timeout=20_000)
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
    qtbot.waitUntil(lambda: panel.state.text() == "Learning: v1", timeout=20_000)
    panel.stop.click()
    assert panel.state.text() == "Stopping: v1"
    assert [one.isEnabled() for one in (panel.pause, panel.stop, panel.discard)] == [False, False, True]
    run.emit(Stopped(1, 1.0, "", {}))
    qtbot.waitUntil(lambda: panel.state.text() == "Stopped: v1", timeout=20_000)


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


def test_images_finished_meanwhile_join_the_next_round(approved, panel, run, qtbot):
    run.data.mkdir()
    (run.data / "samples.json").write_text('{"samples": [{"name": "0.png"}, {"name": "1.png"}]}')
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


def test_who_may_only_look_does_not_end_anothers_training(run, panel, qtbot):
    controls = (panel.pause, panel.stop, panel.discard)
    panel.refresh()
    assert all(control.isEnabled() for control in controls)
    panel._session.project.read_only = "It is open in another window."
    panel.refresh()
    assert not any(control.isEnabled() for control in controls)
