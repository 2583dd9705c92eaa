"""A run on disk: all that a training process and whoever watches it share.

config.json   the settings                      owner.json   pid, its start time, host
data/         masks, samples.json, split.json   control/     requests, one empty file each
events.jsonl  one event a line, append-only     log.txt      what the process printed
best/         the best model so far             last.pt      state to resume from
tensorboard/  scalars and pictures              report.html  all of it to look at, made at the end
validation.json   figures and small pictures of the best validation
pinned/       one image as the model saw it, step by step
gate.json     what the model in use and the new one score on the same images, where they are compared
unpublished   empty; there until the best model is a version     version      the name of that version
publishing.lock   held while that version is made
"""

import errno
import json
import os
import platform
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import psutil

from unet_studio.core.errors import StudioError
from unet_studio.core.events import (
    Continued,
    Discarded,
    Event,
    Failed,
    Finished,
    Paused,
    Progress,
    Started,
    Stopped,
    from_line,
    to_line,
)
from unet_studio.core.model_card import CARD_FILE
from unet_studio.core.storage import HALF_WRITTEN, atomic_write, read_json, write_json
from unet_studio.core.training_config import TrainingConfig

Request = Literal["stop", "pause", "resume", "discard", "interrupt"]
State = Literal[
    "new", "running", "paused", "finished", "failed", "stopped", "discarded", "interrupted", "gone"
]

ENDS: dict[type[Event], State] = {
    Finished: "finished",
    Stopped: "stopped",
    Discarded: "discarded",
    Failed: "failed",
}
UNDER_WAY = ("new", "starting", "running", "paused")  # and "starting", as a window calls it meanwhile
RESUMABLE = ("interrupted", "failed")  # states that the last saved state can go on from
START_TOLERANCE = 2.0  # seconds; process start times are rounded differently by different calls
AWAKE = (Started, Continued, Progress)
BEGINNING = 60.0  # seconds after which a run that no process has taken counts as cut off
RECENT = 1 << 16  # bytes at the end of events.jsonl that tell the state
RESERVE = 1 << 14  # bytes kept for the last event of a run that has filled the disk
NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP)  # of some shared disks
PUBLISHING = 120.0  # seconds that one waits for another process that makes the model a version
SILENCE = 600.0  # seconds without an event after which a run of another computer counts as dead


class RunFolder:
    """One training: a folder. Any process may read it and make requests; the owner alone writes the rest."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self.data = self.path / "data"
        self.best = self.path / "best"
        self.last = self.path / "last.pt"
        self.log = self.path / "log.txt"
        self.tensorboard = self.path / "tensorboard"
        self.validation = self.path / "validation.json"
        self.report = self.path / "report.html"
        self._events = self.path / "events.jsonl"
        self._owner = self.path / "owner.json"
        self._control = self.path / "control"
        self._reserve = self.path / ".reserve"
        self._unpublished = self.path / "unpublished"
        self._version = self.path / "version"

    @classmethod
    def create(cls, path: Path, config: TrainingConfig) -> "RunFolder":
        """Make a run folder with its config.json; nothing of it stays where that fails.

        Raises StudioError where a run or a file is already there, OSError where it can't be written.
        """
        run = cls(path)
        if run._config.exists():
            raise StudioError(f"{run.path} holds a run already.", "Resume it, or choose another folder.")
        new = not run.path.exists()
        if not new and not run.path.is_dir():
            raise StudioError(f"{run.path} is a file.", "Choose another folder for the run.")
        try:
            run.path.mkdir(parents=True, exist_ok=True)
            run.expect_version()
            write_json(run._config, config.to_json())  # the last: with it, this is a run
        except OSError:
            with suppress(OSError):
                run._unpublished.unlink()
            if new:
                with suppress(OSError):
                    run.path.rmdir()
            raise
        return run

    def exists(self) -> bool:
        """Whether there are settings, so that this is a run."""
        return self._config.is_file()

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.name

    @property
    def has_best(self) -> bool:
        """Whether the run, however it ended, left a best model."""
        return (self.best / CARD_FILE).is_file()

    @property
    def _config(self) -> Path:
        return self.path / "config.json"

    def config(self) -> TrainingConfig:
        """The settings of this run."""
        if not self._config.is_file():
            raise StudioError(
                f"{self.path} is not a run: it has no config.json.", "Start one with unet-studio train."
            )
        return TrainingConfig.from_json(read_json(self._config))

    # Events

    def emit(self, event: Event) -> None:
        """Append an event; it is on its way to disk when this returns.

        Raises OSError, and leaves no half line, where the disk is full.
        """
        with self._events.open("ab", buffering=0) as stream:
            whole, line = stream.seek(0, os.SEEK_END), (to_line(event) + "\n").encode()
            try:
                written = stream.write(line)
                if written != len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._events))
            except OSError:
                stream.truncate(whole)
                raise

    def events(self, offset: int = 0, most: int = -1) -> tuple[list[Event], int]:
        """The events from a byte offset on, and the offset to go on from.

        A last line without its end is left for the next call. A line broken by a crash is passed over.
        most: bytes to read at once, and the rest of their last line; -1 for all. Without the file, as before
        the first event or while its disk is away, there is nothing new.
        """
        try:
            with self._events.open("rb") as stream:
                stream.seek(offset)
                text = stream.read(most)
                if most >= 0:
                    text += stream.readline()
        except FileNotFoundError:
            return [], offset
        complete = text[: text.rfind(b"\n") + 1]
        found = []
        for line in complete.splitlines():
            with suppress(StudioError):
                found.append(from_line(line.decode("utf-8", "replace")))
        return found, offset + len(complete)

    def mend(self) -> None:
        """Clear away what a crash left half-done. For the owner alone, before it begins."""
        if self._old_best.is_dir() and not self.best.is_dir():
            os.replace(self._old_best, self.best)  # noqa: PTH105 - as in fresh_best
        for folder in (self._old_best, self._new_best):
            shutil.rmtree(folder, ignore_errors=True)
        for half in (*self.path.glob(HALF_WRITTEN), *self.best.glob(HALF_WRITTEN)):
            half.unlink(missing_ok=True)
        self._mend_events()

    def _mend_events(self) -> None:
        """End a line that a crash left half-written, so that the next event starts on its own line."""
        if not self._events.is_file() or not self._events.stat().st_size:
            return
        with self._events.open("rb+") as stream:
            stream.seek(-1, os.SEEK_END)
            if stream.read(1) != b"\n":
                stream.write(b"\n")

    def keep_reserve(self) -> None:
        """Take a little of the disk, so that a run that fills it can still say so."""
        with self._reserve.open("wb") as stream:
            stream.write(os.urandom(RESERVE))

    def release_reserve(self) -> None:
        """Give it back."""
        with suppress(OSError):
            self._reserve.unlink()

    # The best model

    @property
    def _new_best(self) -> Path:
        return self.path / ".best.new"

    @property
    def _old_best(self) -> Path:
        return self.path / ".best.old"

    @contextmanager
    def fresh_best(self) -> Iterator[Path]:
        """A folder to write a model to; once that is done, it is the run's best.

        On any error the best stays as it was. A crash between the two renames is mended by mend().
        """
        shutil.rmtree(self._new_best, ignore_errors=True)
        try:
            yield self._new_best
            self._swap_best()
        except BaseException:
            shutil.rmtree(self._new_best, ignore_errors=True)
            raise
        shutil.rmtree(self._old_best, ignore_errors=True)

    def _swap_best(self) -> None:
        """Put the new best in the place of the old; put the old one back where that fails."""
        shutil.rmtree(self._old_best, ignore_errors=True)
        if self.best.is_dir():
            os.replace(self.best, self._old_best)  # noqa: PTH105 - the same call on every platform
        try:
            os.replace(self._new_best, self.best)  # noqa: PTH105
        except OSError:
            if self._old_best.is_dir():
                os.replace(self._old_best, self.best)  # noqa: PTH105
            raise

    # The version that its model becomes

    @property
    def unpublished(self) -> bool:
        """Whether its model has not been made a version of the project yet, or it went on since."""
        return self._unpublished.exists()

    @property
    def version(self) -> str:
        """The name of the version that its model has become; "" before."""
        with suppress(FileNotFoundError):
            return self._version.read_text(encoding="utf-8")
        return ""

    def expect_version(self) -> None:
        """Have the model made a version once the run is over. For who begins the run, or goes on with it."""
        self._unpublished.touch()

    def note_version(self, name: str) -> None:
        """The model has become the version of this name. For who is publishing()."""
        with atomic_write(self._version) as stream:
            stream.write(name.encode())
        self._unpublished.unlink(missing_ok=True)

    @contextmanager
    def publishing(self) -> Iterator[None]:
        """Alone in making the model a version, among threads and processes; waits for who is at it.

        Raises StudioError where that takes too long. A process that dies gives it back.
        """
        from filelock import FileLock, Timeout

        lock = FileLock(self.path / "publishing.lock")
        try:
            lock.acquire(timeout=PUBLISHING)
        except Timeout as error:
            raise StudioError(
                f"Another program has been storing the model of {self.name} for long.",
                "Try again once it is done, or close it.",
            ) from error
        except (NotImplementedError, OSError) as error:
            # Without locks, two that store at the same moment may make two versions; else none could.
            if isinstance(error, OSError) and error.errno not in NO_LOCKS:
                raise
        try:
            yield
        finally:
            lock.release()

    # Requests

    def request(self, what: Request) -> None:
        """Ask the run to stop (keeping its best), pause, resume, discard itself, or leave to be resumed.

        Raises OSError where that can't be written down, as where the run's folder is gone.
        """
        self._control.mkdir(exist_ok=True)
        if what != "pause":
            (self._control / "pause").unlink(missing_ok=True)
        if what != "resume":
            (self._control / what).touch()

    def requested(self) -> set[str]:
        """The requests that stand."""
        try:
            return set(os.listdir(self._control))  # noqa: PTH208 - asked at every step; names are enough
        except FileNotFoundError:
            return set()

    def clear_requests(self) -> None:
        """Forget all requests; a run that starts or resumes does so."""
        shutil.rmtree(self._control, ignore_errors=True)

    # The process

    def claim(self, pid: int | None = None) -> None:
        """Write this process (or `pid`) down as the owner. Raises StudioError while another one lives."""
        mine = os.getpid() if pid is None else pid
        if self.alive() and self.pid != mine:
            raise StudioError(
                f"{self.path} is in use by process {self.pid}.", "Wait for it, stop it, or start another run."
            )
        started = psutil.Process(mine).create_time()
        write_json(self._owner, {"pid": mine, "started": started, "host": platform.node()})

    @property
    def pid(self) -> int | None:
        """The process that owns the run, or owned it last."""
        owner = self._read_owner()
        return None if owner is None else int(owner["pid"])

    def alive(self) -> bool:
        """Whether the owner still runs: same pid, same start time. On another computer: whether it speaks."""
        owner = self._read_owner()
        if owner is None:
            return False
        if owner.get("host") != platform.node():
            with suppress(OSError):
                return time.time() - self._events.stat().st_mtime < SILENCE
            return False
        try:
            process = psutil.Process(int(owner["pid"]))
            same = abs(process.create_time() - float(owner["started"])) < START_TOLERANCE
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False

    def _read_owner(self) -> dict[str, Any] | None:
        if not self._owner.is_file():
            return None
        try:
            owner = read_json(self._owner)
            return owner if {"pid", "started"} <= set(owner) else None
        except StudioError:
            return None

    def state(self) -> State:
        """What the run is doing; "interrupted" means that its process is gone and it can be resumed.

        "gone": there is no such run, as after somebody deleted its folder.
        """
        events = self._recent_events()
        alive = self.alive()
        if not self._owner_is_newest():
            for event in reversed(events):
                if type(event) in ENDS:
                    return ENDS[type(event)]
                if isinstance(event, Started):
                    break
        if alive:
            change = next((event for event in reversed(events) if isinstance(event, (Paused, *AWAKE))), None)
            return "paused" if isinstance(change, Paused) else "running"
        return "interrupted" if events or self._owner.is_file() else self._before_it_began()

    def _before_it_began(self) -> State:
        """The state of a run without owner and events: whoever set it up may have been killed right then."""
        try:
            age = time.time() - self._config.stat().st_mtime
        except OSError:
            return "gone"
        return "new" if abs(age) < BEGINNING else "interrupted"

    def _recent_events(self) -> list[Event]:
        """The last events, enough to tell the state; a long run's file need not be read whole."""
        try:
            size = self._events.stat().st_size
        except FileNotFoundError:
            return []
        return self.events(max(0, size - RECENT))[0]

    def _owner_is_newest(self) -> bool:
        """Whether a process has claimed the run since its last event, as a resumed one does."""
        try:
            return self._owner.stat().st_mtime_ns > self._events.stat().st_mtime_ns
        except FileNotFoundError:
            return False


def start(run: RunFolder) -> int:
    """Start `python -m training RUN` as a process of its own that outlives this one; return its pid.

    What it prints goes to log.txt. Raises StudioError while the run has a living owner.
    """
    if run.alive():
        raise StudioError(f"{run.path} is running already.", "Stop it first, or start another run.")
    run.config()
    run.clear_requests()
    with run.log.open("ab") as log:
        process = subprocess.Popen(
            # -P: a folder of images named "training" where we happen to stand must not be imported.
            [sys.executable, "-P", "-m", "training", str(run.path)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=_environment(),
            start_new_session=True,
            creationflags=_creation_flags(),
        )
    with suppress(psutil.Error, StudioError):
        run.claim(process.pid)
    # Waiting for it keeps a finished child from staying a zombie, which looks alive.
    threading.Thread(target=process.wait, name=f"reap-{process.pid}", daemon=True).start()
    return process.pid


def ask(module: str, *arguments: str) -> dict[str, Any]:
    """Run `python -m MODULE` of the training program to its end; return the JSON object that it prints.

    Raises StudioError with what it says is wrong, or with the last line of its errors where it breaks off.
    """
    done = subprocess.run(
        [sys.executable, "-P", "-m", module, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        env=_environment(),
        check=False,
    )
    try:
        found = json.loads(done.stdout)
    except ValueError:
        said = done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
        raise StudioError(f"{module} broke off: {said[0][:300]}", "Report it, please.") from None
    if done.returncode:
        raise StudioError(str(found["error"]), str(found["remedy"]))
    return dict(found)


def _environment() -> dict[str, str]:
    """This process's environment, with passive OpenMP waiting, and a checkout's root on PYTHONPATH.

    Two OpenMP threads that spin while they wait on a busy machine make a step up to 15 times slower.
    """
    environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "PYTHONUNBUFFERED": "1"}
    root = Path(__file__).resolve().parents[2]
    if (root / "pyproject.toml").is_file():
        before = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = os.pathsep.join([str(root), before] if before else [str(root)])
    return environment


def _creation_flags() -> int:
    """Windows alone: no console and a process group of its own, so that closing ours does not end it."""
    if sys.platform == "win32":
        return subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
    return 0
