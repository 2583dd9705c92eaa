"""How much two model versions differ on each validation image: what a gate said, or measured in a thread."""

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from unet_studio.core.changes import ChangeTable
from unet_studio.core.errors import Cancelled, StudioError
from unet_studio.core.model_card import ModelEntry
from unet_studio.core.project import Project
from unet_studio.jobs.comparing import gate_changes, measure_changes
from unet_studio.jobs.tasks import TaskThread
from unet_studio.jobs.writer import Writer
from unet_studio.session.exporter import SAVING

if TYPE_CHECKING:
    from unet_studio.session.session import Session

NO_GATE = "No training compared these two. Measure them on the approved validation images."


@dataclass(eq=False)
class _Job:
    """One look at two models. measure: predict with both, not only read what a gate said."""

    project: Project
    writer: Writer
    first: ModelEntry
    second: ModelEntry
    device: str
    measure: bool
    stop: threading.Event


class Changes(QObject):
    """One pair at a time; a newer one takes the place of the one before.

    found(ChangeTable), failed(StudioError) or cancelled() ends it; progressed(images done, of how many, the
    image in work) tells how far a measuring is. missing(): a gate never compared these two.
    """

    found = Signal(object)
    missing = Signal()
    failed = Signal(object)
    cancelled = Signal()
    progressed = Signal(float, int, str)
    _told = Signal(object, float, int, str)

    def __init__(self, session: "Session") -> None:
        super().__init__(session)
        self._session = session
        self._job: _Job | None = None
        self._thread = TaskThread("changes")
        self._thread.done.connect(self._done)
        self._thread.failed.connect(self._failed)
        self._told.connect(self._tell)

    def close(self) -> None:
        """The project is left."""
        self._drop()
        self._thread.forget()

    def stop(self) -> None:
        """End the thread."""
        self.close()
        self._thread.stop()

    @property
    def measuring(self) -> bool:
        """Whether images are being predicted to compare."""
        return self._job is not None and self._job.measure

    def look(self, first: ModelEntry, second: ModelEntry) -> None:
        """Read what the gate of a training said of these two."""
        self._begin(first, second, measure=False)

    def measure(self, first: ModelEntry, second: ModelEntry) -> None:
        """Predict the approved validation images with both, and score them."""
        self._begin(first, second, measure=True)

    def cancel(self) -> None:
        """Stop measuring."""
        if self._job is not None:
            self._drop()
            self.cancelled.emit()

    def _drop(self) -> None:
        job, self._job = self._job, None
        if job is not None:
            job.stop.set()

    def _begin(self, first: ModelEntry, second: ModelEntry, measure: bool) -> None:
        session = self._session
        self._drop()
        if session.project is None or session.writer is None:
            return
        device, stop = session.predictor.wish.device, threading.Event()
        job = _Job(session.project, session.writer, first, second, device, measure, stop)
        self._job = job
        self._thread.submit(job, lambda: self._carry_out(job))

    def _carry_out(self, job: _Job) -> ChangeTable | None:
        """In the thread."""
        if not job.measure:
            return gate_changes(job.project, job.first, job.second)

        def watch() -> None:
            if job.stop.is_set():
                raise Cancelled

        def advance(done: float, total: int, name: str) -> None:
            watch()
            self._told.emit(job, done, total, name)

        job.writer.settle(SAVING, watch)  # what was approved a moment ago counts
        return measure_changes(job.project, job.first, job.second, job.device, self._threads, advance)

    def _threads(self) -> int:
        """One CPU thread while a training runs beside, else all."""
        return 1 if self._session.trainer.state == "running" else 0

    @Slot(object, float, int, str)
    def _tell(self, job: _Job, done: float, total: int, name: str) -> None:
        if job is self._job:
            self.progressed.emit(done, total, name)

    @Slot(object, object)
    def _done(self, job: _Job, table: ChangeTable | None) -> None:
        if job is not self._job:
            return
        self._job = None
        if table is None:
            self.missing.emit()
        else:
            self.found.emit(table)

    @Slot(object, object)
    def _failed(self, job: _Job, error: StudioError) -> None:
        if job is self._job:
            self._job = None
            self.failed.emit(error)
