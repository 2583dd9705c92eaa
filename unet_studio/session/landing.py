"""An edit of the document on screen that is planned in a thread and lands as one step."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from unet_studio.core.document import Change, Document
from unet_studio.core.errors import Cancelled, StudioError
from unet_studio.core.mask import Plan
from unet_studio.jobs.tasks import TaskThread, as_studio_error
from unet_studio.tools.tool import Work

if TYPE_CHECKING:
    from unet_studio.session.session import Session

Land = Callable[[Plan | None], Change | None]

TELLING = 0.1  # s between two words about how far it is


@dataclass(frozen=True, eq=False)
class _Flight:
    """One edit under way. version: of the document when its planning began. land: makes the plan real."""

    document: Document
    name: str
    work: Work
    version: int
    land: Land


class Landing(QObject):
    """One edit at a time; who wants to edit otherwise asks under_way first, or settles it.

    changed(name, fraction): an edit is planned, 0..1 of it; an empty name: nothing is under way any more.
    """

    changed = Signal(str, float)
    _told = Signal(object, float)

    def __init__(self, session: "Session") -> None:
        super().__init__(session)
        self._session = session
        self._flight: _Flight | None = None
        self._tasks = TaskThread("landing")
        self._tasks.done.connect(self._planned)
        self._tasks.failed.connect(self._failed)
        self._told.connect(self._tell)

    @property
    def under_way(self) -> bool:
        """Whether an edit is being planned."""
        return self._flight is not None

    def begin(self, name: str, work: Work, land: Land | None = None) -> None:
        """Plan an edit of the document on screen in the thread, and land it; name: what undo calls it.

        land: how, if not as a new step.
        """
        document = self._session.document
        if document is None:
            return
        self.settle()
        new_step = partial(document.land, name)
        self._start(_Flight(document, name, work, document.version, land or new_step))
        self.changed.emit(name, 0.0)

    def cancel(self) -> None:
        """Forget the edit: nothing of it has been painted."""
        if self._flight is not None:
            self._flight = None
            self.changed.emit("", 1.0)

    def settle(self) -> None:
        """Land the edit now, where the document is about to be left or edited otherwise."""
        flight = self._flight
        if flight is None:
            return
        try:
            plan = flight.work(lambda _fraction: None)
        except Exception as error:  # whatever it is must not keep a person on this image
            self._failed(flight, as_studio_error(error))
            return
        self._land(flight, plan)

    def stop(self) -> None:
        """End the thread."""
        self._flight = None
        self._tasks.stop()

    def _start(self, flight: _Flight) -> None:
        self._flight = flight
        self._tasks.submit(flight, lambda: flight.work(self._watching(flight)))

    def _watching(self, flight: _Flight) -> Callable[[float], None]:
        """What the thread calls: tells how far it is now and then, and ends what nobody waits for."""
        last = time.monotonic()

        def watch(fraction: float) -> None:
            nonlocal last
            if flight is not self._flight:
                raise Cancelled
            if time.monotonic() - last > TELLING:
                last = time.monotonic()
                self._told.emit(flight, fraction)

        return watch

    @Slot(object, float)
    def _tell(self, flight: _Flight, fraction: float) -> None:
        if flight is self._flight:
            self.changed.emit(flight.name, fraction)

    @Slot(object, object)
    def _planned(self, flight: _Flight, plan: Plan | None) -> None:
        if flight is not self._flight:
            return
        if flight.version != flight.document.version:  # a prediction came, or an approval
            self._start(replace(flight, version=flight.document.version))
        else:
            self._land(flight, plan)

    def _land(self, flight: _Flight, plan: Plan | None) -> None:
        self._flight = None
        change = flight.land(plan)
        if change is not None:
            self._session.maskChanged.emit(change.rect)
            self._session.announce(change)
        self.changed.emit("", 1.0)

    @Slot(object, object)
    def _failed(self, flight: _Flight, error: StudioError) -> None:
        if flight is self._flight:
            self.cancel()
            self._session.say_failed(error)
