"""Follows a training process through its run folder, and asks it to stop, pause or leave.

The window never waits for that process: it starts it detached, then looks at the run's files a few times a
second, and finds the run again when it was closed meanwhile.
"""

from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from unet_studio.core.events import FINAL, Event
from unet_studio.core.run_folder import RunFolder

POLL_MS = 300
LIVENESS_POLLS = 5  # ask for the process itself at every fifth look: that costs more than reading events


class TrainingFollower(QObject):
    """One run at a time. changed() after new events or another state; ended(Event) once, when it is over."""

    changed = Signal()
    ended = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.run: RunFolder | None = None
        self.events: list[Event] = []
        self.state: str = "none"
        self._offset = 0
        self._polls = 0
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_MS)
        self._timer.timeout.connect(self._poll)

    @property
    def active(self) -> bool:
        """Whether the run is under way or paused."""
        return self.run is not None and self.state in ("new", "starting", "running", "paused")

    def follow(self, run: RunFolder) -> None:
        """Follow a run that was started, here or by another window, or that is over."""
        self.run, self.events, self._offset, self._polls = run, [], 0, 0
        self._read()
        self.state = run.state()
        self._timer.start()
        self.changed.emit()

    def leave(self) -> None:
        """Look no longer; the process goes on."""
        self._timer.stop()
        self.run, self.events, self.state = None, [], "none"

    def request(self, what: Any) -> None:
        """Ask the run to "stop" (keeping its best model), "pause", "resume" or "discard" itself."""
        if self.run is not None:
            self.run.request(what)

    def _read(self) -> list[Event]:
        if self.run is None:
            return []
        fresh, self._offset = self.run.events(self._offset)
        self.events += fresh
        return fresh

    @Slot()
    def _poll(self) -> None:
        if self.run is None:
            return
        fresh = self._read()
        self._polls += 1
        if fresh or self._polls % LIVENESS_POLLS == 0:
            before, self.state = self.state, self.run.state()
            if fresh or before != self.state:
                self.changed.emit()
        over = next((event for event in reversed(fresh) if isinstance(event, FINAL)), None)
        if over is not None:
            self._timer.stop()
            self.ended.emit(over)
        elif self.state == "interrupted":
            self._timer.stop()
