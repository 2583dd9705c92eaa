"""Export from the window: what would be written, and the writing, in a thread while a person works on."""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from PySide6.QtCore import QObject, Signal, Slot

from unet_studio.core.errors import Cancelled, StudioError
from unet_studio.core.project import Project
from unet_studio.core.words import count
from unet_studio.jobs.tasks import TaskThread
from unet_studio.jobs.writer import Writer
from unet_studio.session.pace import seconds_left, watching

if TYPE_CHECKING:
    from unet_studio.formats.export_options import ExportOptions
    from unet_studio.formats.exporting import ExportReport
    from unet_studio.session.session import Session

SAVING = 30.0  # s that an export waits for unsaved work


Kind = Literal["plan", "count", "run"]


@dataclass(frozen=True)
class ExportWish:
    """What a person wants to have written: the format's name, where to, and what of the project.

    destination: None while nobody chose one; such a wish can be planned, not run.
    """

    format_name: str
    destination: Path | None
    options: "ExportOptions"


@dataclass(frozen=True)
class Exported:
    """What came of an export. meanwhile: the images written that were changed while it ran."""

    wish: ExportWish
    report: "ExportReport"
    meanwhile: tuple[str, ...]


@dataclass(eq=False)
class _Job:
    """One look ahead or one export. stop: set where nobody waits any more. since: when its work began."""

    kind: Kind
    wish: ExportWish
    project: Project
    writer: Writer
    stop: threading.Event
    since: float = math.nan


class Exporter(QObject):
    """One export at a time. Plans are looked ahead of it; a newer one takes the place of the one before.

    planned(wish, ExportPlan), planFailed(wish, StudioError), planProgressed(done, total). changed(): an
    export begins or ends. progressed(done, total, seconds left or NaN), exported(Exported) and
    failed(StudioError): of the export; cancelled() comes at once, while the thread may take until its next
    cancel point.

    Stored layers are read. What is unsaved when it begins is waited for, in the thread; an image painted
    while it runs is written as it was when its turn came, and named in Exported.meanwhile.
    """

    planned = Signal(object, object)
    planFailed = Signal(object, object)
    planProgressed = Signal(int, int)
    changed = Signal()
    progressed = Signal(int, int, float)
    exported = Signal(object)
    failed = Signal(object)
    cancelled = Signal()
    _worked = Signal(object, int, int)

    def __init__(self, session: "Session") -> None:
        super().__init__(session)
        self._session = session
        self._plan: _Job | None = None
        self._run: _Job | None = None
        self._touched: set[str] = set()  # images changed since the export began
        self._thread = TaskThread("export")
        self._thread.done.connect(self._done)
        self._thread.failed.connect(self._failed)
        self._worked.connect(self._tell)
        session.predictor.stored.connect(self.note_change)

    def close(self) -> None:
        """The project is left."""
        self.drop_plan()
        self.cancel()

    def stop(self) -> None:
        """End the thread."""
        self.close()
        self._thread.stop()

    # -- what would be written ----------------------------------------------------------------------------

    def plan(self, wish: ExportWish, count: bool = False) -> None:
        """Find out what an export would write; planned() or planFailed() says it.

        count: also read the masks, which may take as long as the export.
        """
        self.drop_plan()
        self._plan = self._begin("count" if count else "plan", wish)

    def drop_plan(self) -> None:
        """Nobody wants to know any more."""
        if self._plan is not None:
            self._plan.stop.set()
            self._plan = None

    # -- the export ---------------------------------------------------------------------------------------

    @property
    def running(self) -> ExportWish | None:
        """What is being written, or None."""
        return self._run.wish if self._run else None

    def run(self, wish: ExportWish) -> None:
        """Write masks; exported() or failed() says how it went. Does nothing while another export runs."""
        if self._run is not None or wish.destination is None:
            return
        busy = self._session.importer.running
        if busy:  # half of the masks would be of before, half of after
            self.failed.emit(StudioError(f"{busy} is under way.", "Wait for it; then try again."))
            return
        self.drop_plan()
        self._session.settle()
        self._touched.clear()
        self._run = self._begin("run", wish)
        self.changed.emit()

    def cancel(self) -> None:
        """Stop the export: the destination stays as it was."""
        if self._run is not None:
            self._finish()
            self.cancelled.emit()

    def _begin(self, kind: Kind, wish: ExportWish) -> _Job | None:
        project, writer = self._session.project, self._session.writer
        if project is None or writer is None:
            return None
        job = _Job(kind, wish, project, writer, threading.Event())
        self._thread.submit(job, lambda: self._carry_out(job))
        return job

    def _finish(self) -> None:
        job, self._run = self._run, None
        if job is not None:
            job.stop.set()
            self.changed.emit()

    # -- the thread ---------------------------------------------------------------------------------------

    def _carry_out(self, job: _Job) -> Any:
        """In the thread."""
        from unet_studio.formats.export_plan import plan_export  # OpenCV and pycocotools: not at start-up
        from unet_studio.formats.exporting import export_masks

        def watch() -> None:
            if job.stop.is_set():
                raise Cancelled

        watch()
        if job.kind != "plan":
            job.writer.settle(SAVING, watch)
        job.since = time.monotonic()
        work: dict[Kind, Callable[..., Any]] = {
            "plan": plan_export,
            "count": partial(plan_export, count=True),
            "run": export_masks,
        }
        wish, advance = job.wish, self._watching(job)
        return work[job.kind](job.project, wish.format_name, wish.destination, wish.options, advance)

    def _watching(self, job: _Job) -> Callable[[int, int], None]:
        """What the engine calls at every step."""
        return watching(job.stop, lambda done, total: self._worked.emit(job, done, total))

    @Slot(object, int, int)
    def _tell(self, job: _Job, done: int, total: int) -> None:
        if job is self._plan:
            self.planProgressed.emit(done, total)
        elif job is self._run:
            self.progressed.emit(done, total, seconds_left(time.monotonic() - job.since, done, total))

    @Slot(object, object)
    def _done(self, job: _Job, found: Any) -> None:
        if job is self._plan:
            self._plan = None
            self.planned.emit(job.wish, found)
        elif job is self._run:
            self._finish()
            meanwhile = tuple(name for name in found.images if name in self._touched)
            self._session.message.emit(f"{count(len(found.images), 'mask')} exported to {found.destination}.")
            self.exported.emit(Exported(job.wish, found, meanwhile))

    @Slot(object, object)
    def _failed(self, job: _Job, error: StudioError) -> None:
        if job is self._plan:
            self._plan = None
            self.planFailed.emit(job.wish, error)
        elif job is self._run:
            self._finish()
            self.failed.emit(error)

    # -- what changes meanwhile ---------------------------------------------------------------------------

    @Slot(str)
    def note_change(self, name: str) -> None:
        """The mask of an image is another one now."""
        if self._run is not None:
            self._touched.add(name)

    def note_rules(self) -> None:
        """Other thresholds hold: the mask of any image may be another one now."""
        if self._run is not None:
            self._touched.update(self._session.images)
