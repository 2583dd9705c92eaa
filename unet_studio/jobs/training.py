"""Follows a training process through its run folder, and asks it to stop, pause or leave.

The window never waits for that process: it starts it detached, then looks at the run's files a few times a
second, and finds the run again when it was closed meanwhile.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil
from PySide6.QtCore import QObject, QTimer, Signal, Slot

from unet_studio.core.events import FINAL, Event
from unet_studio.core.run_folder import UNDER_WAY, Request, RunFolder

POLL_MS = 300
RESTING_MS = 2000  # between two looks at a run that is not under way: a command may resume it
LIVENESS_POLLS = 5  # ask for the process itself at every fifth look: that costs more than reading events
NOTICED = 5_000_000  # bytes of memory more or less that are announced
ANSWERS = {"pause": ("paused",), "resume": ("running",)}  # states in which a request is heard; else its end
SLICE = 1 << 16  # bytes of events read at a time: a long run found again is read in turns, some 5 ms each


class TrainingFollower(QObject):
    """One run at a time. changed() after new events or another state; ended(Event) when it is over.

    resumed(): a run that was over or cut off goes on, by somebody else's command; it will end once more.
    """

    changed = Signal()
    ended = Signal(object)
    resumed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.run: RunFolder | None = None
        self.events: list[Event] = []
        self._fresh: list[Event] = []  # read, and not announced yet
        self.state: str = "none"
        self.asked: Request | None = None  # what the run was asked to do last, until it does
        self.memory = 0  # bytes that the process holds, as far as it can be seen from here
        self._offset = 0
        self._polls = 0
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_MS)
        self._timer.timeout.connect(self._poll)

    @property
    def active(self) -> bool:
        """Whether the run is under way or paused."""
        return self.run is not None and self.state in UNDER_WAY

    def follow(self, run: RunFolder) -> None:
        """Follow a run that was started, here or by another window, or that is over."""
        self.run, self.events, self._offset, self._polls, self.memory = run, [], 0, 0, 0
        self._fresh, self.asked = [], None
        behind = self._read()
        if not behind:
            self._fresh = []  # who follows looks at these events; ended() is for those that come
        self.state = run.state()
        self._pace(behind)
        self._timer.start()
        self.changed.emit()

    def leave(self) -> None:
        """Look no longer; the process goes on."""
        self._timer.stop()
        self.run, self.events, self.state, self.asked = None, [], "none", None

    def request(self, what: Request) -> None:
        """Ask the run to stop (keeping its best model), pause, resume or discard itself; it does so in time.

        One that is over is asked nothing. Raises OSError where that can't be written down.
        """
        if self.run is not None and self.active:
            self.run.request(what)
            self.asked = what
            self.changed.emit()

    def _read(self) -> bool:
        """Read on; returns whether there is more to read at once."""
        if self.run is None:
            return False
        before = self._offset
        fresh, self._offset = self.run.events(before, SLICE)
        self.events += fresh
        self._fresh += fresh
        behind = self._offset - before > SLICE // 2
        self._pace(behind)
        return behind

    def _pace(self, behind: bool) -> None:
        """When to look again. behind: whether there is more to read."""
        self._timer.setInterval(0 if behind else POLL_MS if self.active else RESTING_MS)

    def _measure(self) -> None:
        """How much memory the process holds; 0 where it is gone, or runs on another computer."""
        self.memory = 0
        if self.run is not None and self.active and self.run.pid is not None:
            with suppress(psutil.Error):
                self.memory = int(psutil.Process(self.run.pid).memory_info().rss)

    @Slot()
    def _poll(self) -> None:
        try:
            self._look()
        except OSError:  # the disk is away, or busy: what is known stays, and it is looked at again
            self._timer.setInterval(RESTING_MS)

    def _look(self) -> None:
        if self.run is None or self._read():
            return
        self._polls += 1
        before, held = self.state, self.memory
        if self._fresh or before == "gone" or self._polls % LIVENESS_POLLS == 0:
            self.state = self.run.state()
            self._hear()
            if self._polls % LIVENESS_POLLS == 0:
                self._measure()
        fresh, self._fresh = self._fresh, []
        self._pace(False)
        if self.active and before not in UNDER_WAY:
            self.resumed.emit()
        if fresh or before != self.state or abs(held - self.memory) > NOTICED:
            self.changed.emit()
        over = next((event for event in reversed(fresh) if isinstance(event, FINAL)), None)
        if over is not None and not self.active:
            self.ended.emit(over)

    def _hear(self) -> None:
        """Forget what was asked once it is done, or can't be done any more."""
        if not self.active or (self.asked is not None and self.state in ANSWERS.get(self.asked, ())):
            self.asked = None


class RunLookout(QObject):
    """Looks for trainings that begin in a project without this window's doing.

    Another window of the same project begins them, or a command while none has it open for writing.
    appeared(RunFolder): one is under way.
    """

    appeared = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._folder: Path | None = None
        self._known: set[str] = set()
        self._timer = QTimer(self, interval=RESTING_MS)
        self._timer.timeout.connect(self._look)

    def watch(self, folder: Path, known: Iterable[str]) -> None:
        """Look in a project's folder of runs, which need not exist yet, for others than these names."""
        self._folder, self._known = folder, set(known)
        self._timer.start()

    def leave(self) -> None:
        """Look no longer."""
        self._timer.stop()
        self._folder, self._known = None, set()

    @Slot()
    def _look(self) -> None:
        """Only new names cost a look. A disk that is away for a moment is looked at again."""
        if self._folder is None:
            return
        with suppress(OSError):  # as before the first run
            names = set(os.listdir(self._folder))  # noqa: PTH208 - asked often; names are enough
            self._known &= names
            for name in sorted(names - self._known):
                self._look_at(RunFolder(self._folder / name))

    def _look_at(self, run: RunFolder) -> None:
        if not run.exists():
            return  # it is still being made
        state = run.state()
        self._known.add(run.name)
        if state in UNDER_WAY:
            self.appeared.emit(run)
