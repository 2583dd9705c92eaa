"""The run folder: events that survive crashes, requests, owners and states."""

import errno
import os
import shutil
import subprocess
import sys
import time

import pytest

from unet_studio.core import run_folder
from unet_studio.core.errors import StudioError
from unet_studio.core.events import Continued, Discarded, Failed, Finished, Note, Paused, Started, Stopped
from unet_studio.core.run_folder import RunFolder, start
from unet_studio.core.storage import read_json, write_json
from unet_studio.core.training_config import TrainingConfig

STARTED = Started("cpu", 1, 0, 10)


@pytest.fixture
def run(tmp_path):
    return RunFolder.create(tmp_path / "run", TrainingConfig(seed=5))


def test_a_run_keeps_its_settings_and_is_made_once(run):
    assert RunFolder(run.path).config().seed == 5
    with pytest.raises(StudioError, match="a run already"):
        RunFolder.create(run.path, TrainingConfig())
    with pytest.raises(StudioError, match="not a run"):
        RunFolder(run.path / "elsewhere").config()


def test_a_run_that_cannot_be_made_leaves_nothing(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    with pytest.raises(StudioError, match=r"file is a file\. Choose another folder"):
        RunFolder.create(tmp_path / "file", TrainingConfig())

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    (tmp_path / "mine").mkdir()
    for name in ("run", "mine"):
        with pytest.raises(OSError, match="No space left"):
            RunFolder.create(tmp_path / name, TrainingConfig())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "mine"]
    assert not list((tmp_path / "mine").iterdir())


def test_events_are_read_from_where_the_reader_was(run):
    assert run.events() == ([], 0)
    run.emit(Note("ä"))
    first, offset = run.events()
    run.emit(Note("b"))
    assert (first, run.events(offset)[0]) == ([Note("ä")], [Note("b")])
    assert run.events(run.events(offset)[1])[0] == []


def test_a_half_written_line_waits_for_its_end(run):
    run.emit(Note("a"))
    path = run.path / "events.jsonl"
    whole = path.read_bytes()
    for cut in range(len(whole)):
        path.write_bytes(whole + whole[:cut])
        events, offset = run.events()
        assert events == [Note("a")]
        with path.open("ab") as stream:
            stream.write(whole[cut:])
        assert run.events(offset)[0] == [Note("a")]


def test_a_line_broken_by_a_crash_costs_only_itself(run):
    run.emit(Note("a"))
    with (run.path / "events.jsonl").open("ab") as stream:
        stream.write(b'{"event": "no')
    run.mend()
    run.mend()
    run.emit(Note("b"))
    assert run.events()[0] == [Note("a"), Note("b")]


def test_requests_stand_until_cleared_and_resume_lifts_a_pause(run):
    assert run.requested() == set()
    run.request("pause")
    assert run.requested() == {"pause"}
    run.request("resume")
    assert run.requested() == set()
    run.request("pause")
    run.request("stop")
    assert run.requested() == {"stop"}
    run.clear_requests()
    assert run.requested() == set()


@pytest.mark.parametrize(
    ("event", "state"),
    [
        (Finished("steps", 10, 1.0, "best"), "finished"),
        (Stopped(10, 1.0, "best"), "stopped"),
        (Discarded(3), "discarded"),
        (Failed("x", "y"), "failed"),
    ],
)
def test_the_last_word_is_the_state(run, event, state):
    assert run.state() == "new"
    run.claim()
    assert run.state() == "running"
    run.emit(STARTED)
    assert run.state() == "running"
    run.emit(event)
    assert run.state() == state


def test_a_pause_shows_and_ends(run):
    run.claim()
    for event, state in ((STARTED, "running"), (Paused(1), "paused"), (Continued(1), "running")):
        run.emit(event)
        assert run.state() == state


def test_a_resumed_run_is_no_longer_what_it_was(run):
    run.emit(STARTED)
    run.emit(Failed("x", "y"))
    later = time.time() + 5
    run.claim()
    os.utime(run.path / "owner.json", (later, later))
    assert run.state() == "running"


def test_a_run_that_nobody_began_is_cut_off_after_a_while(run):
    assert run.state() == "new"
    before = time.time() - 100
    os.utime(run.path / "config.json", (before, before))
    assert run.state() == "interrupted"


def test_a_deleted_run_is_gone_and_a_request_does_not_bring_its_folder_back(run):
    run.claim()
    run.emit(STARTED)
    shutil.rmtree(run.path)
    assert run.state() == "gone"
    with pytest.raises(OSError, match="No such file"):
        run.request("stop")
    assert not run.path.exists()


def test_a_dead_owner_leaves_an_interrupted_run(run):
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    run.claim(sleeper.pid)
    run.emit(STARTED)
    assert run.alive()
    with pytest.raises(StudioError, match="in use"):
        run.claim()
    with pytest.raises(StudioError, match="running already"):
        start(run)
    sleeper.kill()
    sleeper.wait()
    assert not run.alive()
    assert run.state() == "interrupted"
    run.claim()
    assert run.alive()


def test_another_process_with_the_same_pid_is_not_the_owner(run):
    run.claim()
    owner = read_json(run.path / "owner.json")
    write_json(run.path / "owner.json", {**owner, "started": owner["started"] - 100})
    assert not run.alive()


def test_a_run_of_another_computer_lives_while_it_speaks(run):
    run.claim()
    owner = read_json(run.path / "owner.json")
    write_json(run.path / "owner.json", {**owner, "host": "elsewhere", "pid": 1})
    assert not run.alive()
    run.emit(STARTED)
    assert run.alive()
    os.utime(run.path / "events.jsonl", (1, 1))
    assert not run.alive()


def test_a_broken_owner_file_is_no_owner(run):
    (run.path / "owner.json").write_text("{")
    assert not run.alive()


def test_a_run_starts_as_a_process_of_its_own_from_anywhere(run, tmp_path, monkeypatch):
    """A stand-in for training that says where it runs: here, a package of that name must not win."""
    (tmp_path / "training").mkdir()
    (tmp_path / "training" / "__init__.py").write_text("raise SystemExit('the wrong training')")
    monkeypatch.chdir(tmp_path)
    run.request("stop")
    seen = []

    class Recorder(subprocess.Popen):
        def __init__(self, command, **options):
            seen.append((command, options))
            say = "import os, training; print(os.getpid() == os.getsid(0), training.__file__)"
            super().__init__([command[0], command[1], "-c", say], **options)

    monkeypatch.setattr(run_folder.subprocess, "Popen", Recorder)
    pid = start(run)
    command, options = seen[0]
    assert command == [sys.executable, "-P", "-m", "training", str(run.path)]
    assert options["env"]["OMP_WAIT_POLICY"] == "PASSIVE"
    assert run.requested() == set()
    deadline = time.monotonic() + 30
    while run.alive() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert run.pid == pid
    assert run.state() == "interrupted"
    said = run.log.read_text()
    assert said.startswith("True ")
    assert str(tmp_path) not in said


def test_watching_a_run_needs_no_torch():
    code = (
        "import sys, unet_studio.core.run_folder, unet_studio.core.metrics;"
        "sys.exit(bool({'torch', 'cv2', 'PySide6'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
