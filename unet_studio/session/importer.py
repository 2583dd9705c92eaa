"""Importing masks into the open project, and taking an import back: in a thread, one at a time.

While it runs the project's masks can't be changed, so that nothing painted is lost and no mask is half of one
and half of the other. What is open stays on screen, and is read again when it is over.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from PySide6.QtCore import QObject, Signal, Slot

from unet_studio.core.errors import Cancelled, StudioError
from unet_studio.core.project import Project
from unet_studio.core.restoring import ChangedSinceError, Undone, undo
from unet_studio.core.snapshots import Snapshot, accept, broken_off, last_undoable
from unet_studio.core.words import count
from unet_studio.jobs.tasks import TaskThread
from unet_studio.jobs.writer import Writer
from unet_studio.session.exporter import SAVING
from unet_studio.session.import_preview import ImportPreview, ImportWish, plan_of_wish
from unet_studio.session.pace import seconds_left, watching

if TYPE_CHECKING:
    from unet_studio.formats.import_plan import ImportPlan
    from unet_studio.formats.import_report import ImportReport
    from unet_studio.session.session import Session

Kind = Literal["import", "undo"]
TITLES: dict[Kind, str] = {"import": "An import of masks", "undo": "Taking an import back"}


@dataclass(frozen=True)
class Imported:
    """What came of an import that went to its end."""

    wish: ImportWish
    report: "ImportReport"


@dataclass(frozen=True)
class Halted:
    """An import that was cancelled. done: images it had come to, of how many.

    snapshot: what takes them back; None where nothing was changed.
    """

    wish: ImportWish
    done: int
    total: int
    snapshot: Snapshot | None


@dataclass(eq=False)
class _Job:
    """One import, or one undoing. plan: of the wish's source, if one was made. changed: as undo says.

    done, total: images, for the window.
    """

    kind: Kind
    project: Project
    writer: Writer | None
    wish: ImportWish | None = None
    plan: "ImportPlan | None" = None
    snapshot: Snapshot | None = None
    changed: str = "refuse"
    stop: threading.Event = field(default_factory=threading.Event)
    since: float = 0.0
    done: int = 0
    total: int = 0

    def let_go(self) -> None:
        """Stop, and forget what must not end in the import's thread."""
        self.stop.set()
        self.writer = None


class Importer(QObject):
    """changed(): an import, or its undoing, begins or ends, or another one is the last. progressed(done,
    total, seconds left or NaN).

    imported(Imported), halted(Halted): how an import ended; failed(StudioError): an import or its undoing.
    undone(Undone); undoRefused(ChangedSinceError): a person changed images since, and is to be asked.
    brokenOff(Snapshot): the project that was opened holds an import that was killed in the midst of it.
    """

    changed = Signal()
    progressed = Signal(int, int, float)
    imported = Signal(object)
    halted = Signal(object)
    failed = Signal(object)
    undone = Signal(object)
    undoRefused = Signal(object)
    brokenOff = Signal(object)
    _worked = Signal(object, int, int)

    def __init__(self, session: "Session") -> None:
        super().__init__(session)
        self._session = session
        self._job: _Job | None = None
        self.last: Snapshot | None = None  # the import that can be taken back
        self._thread = TaskThread("import", newest_first=True)
        self.preview = ImportPreview(session, self._thread)
        self._thread.done.connect(self._done)
        self._thread.failed.connect(self._failed)
        self._worked.connect(self._tell)

    # -- the open project ---------------------------------------------------------------------------------

    def open(self, project: Project) -> None:
        """Look in the thread which import could be taken back."""
        self.last = None
        if project.exists:
            self._thread.submit("import last", lambda: (project, last_import(project), _broken(project)))

    def close(self) -> None:
        """Let go of the project. An import stops after the image it is at; it can be taken back later."""
        self.preview.drop()
        self._thread.forget()
        if self._job is not None:
            self._job.stop.set()
            while not self._thread.idle:
                time.sleep(0.01)
            self._job.let_go()
            self._job = None
        self.last = None
        self.changed.emit()

    def stop(self) -> None:
        """End the thread."""
        if self._job is not None:
            self._job.stop.set()
        self._thread.stop()

    # -- what is under way --------------------------------------------------------------------------------

    @property
    def running(self) -> str:
        """What is under way, or ""."""
        return TITLES[self._job.kind] if self._job else ""

    @property
    def cancellable(self) -> bool:
        """Whether what is under way can be cancelled: an import, but not its undoing."""
        return self._job is not None and self._job.kind == "import"

    def say_running(self) -> bool:
        """Say that masks can't be changed now, where that is so, and why. Returns whether it is so."""
        if self._job is not None:
            how = "Wait for it, or cancel it" if self.cancellable else "Wait for it"
            self._session.message.emit(f"{self.running} is under way. {how}; then go on.")
        return self._job is not None

    def run(self, wish: ImportWish) -> None:
        """Import masks; imported(), halted() or failed() says how it went."""
        self._begin("import", wish=wish, plan=self.preview.plan_of(wish))

    def cancel(self) -> None:
        """Stop the import after the image it is at; halted() says how far it came."""
        if self._job is not None and self.cancellable:
            self._job.stop.set()

    def undo(self, changed: str = "refuse") -> None:
        """Take the last import back. changed: "keep" or "restore" images that a person changed since."""
        if self.last is not None:
            self._begin("undo", snapshot=self.last, changed=changed)

    def leave_broken_off(self, snapshot: Snapshot) -> None:
        """A person leaves an import that was killed as it is."""
        self._thread.submit("import accept", lambda: accept(snapshot))

    def _begin(self, kind: Kind, **what: Any) -> None:
        session, project, writer = self._session, self._session.project, self._session.writer
        if project is None or writer is None or self._job is not None:
            return
        if project.read_only is not None:
            session.failed.emit("Nothing can be changed in this project.", project.read_only)
            return
        if session.exporter.running is not None:
            self.failed.emit(
                StudioError("An export is under way.", "Wait for it, or cancel it; then try again.")
            )
            return
        if project.rewriting:
            text = "The masks are being rewritten, because a class was deleted."
            self.failed.emit(StudioError(text, "Wait a moment, then try again."))
            return
        session.settle()
        self.preview.pause()
        session.predictor.cancel()  # what it stores would be of classes that become others
        job = self._job = _Job(kind, project, writer, **what)
        self.changed.emit()
        self._thread.submit(job, lambda: self._carry_out(job))

    # -- in the thread ------------------------------------------------------------------------------------

    def _carry_out(self, job: _Job) -> Any:
        """Do it once everything is saved."""
        if job.kind == "undo":
            return self._take_back(job)
        before = last_import(job.project)
        try:
            _wait_until_saved(job)
            return self._import(job)
        except Cancelled:
            last = last_import(job.project)
            own = last is not None and (before is None or last.folder != before.folder or _resumed(job))
            return Halted(_wish(job), job.done, job.total, last if own else None)

    def _import(self, job: _Job) -> Imported:
        from unet_studio.formats.importing import import_masks

        wish, job.since = _wish(job), time.monotonic()
        advance = self._watching(job)
        plan = plan_of_wish(job.project, wish, job.plan, advance)
        report = import_masks(job.project, wish.format_name, wish.source, wish.options, advance, plan)
        return Imported(wish, report)

    def _take_back(self, job: _Job) -> Undone:
        _wait_until_saved(job)
        job.since = time.monotonic()
        if job.snapshot is None:
            raise StudioError(
                "There is no import to take back.", "Only imports of this project can be undone."
            )
        return undo(job.project, job.snapshot, job.changed, self._watching(job))

    def _watching(self, job: _Job) -> Callable[[int, int], None]:
        """What the engine calls at every image."""
        watch = watching(job.stop, lambda done, total: self._worked.emit(job, done, total))

        def advance(done: int, total: int) -> None:
            job.done, job.total = done, total
            watch(done, total)

        return advance

    # -- answers ------------------------------------------------------------------------------------------

    @Slot(object, int, int)
    def _tell(self, job: _Job, done: int, total: int) -> None:
        if job is self._job:
            self.progressed.emit(done, total, seconds_left(time.monotonic() - job.since, done, total))

    @Slot(object, object)
    def _done(self, key: Any, found: Any) -> None:
        if key == "import last":
            self._found_last(*found)
        elif isinstance(key, _Job) and key is self._job:
            self._finish(key)
            if isinstance(found, Undone):
                self._session.message.emit(
                    f"The import was taken back, in {count(len(found.images), 'image')}."
                )
                self.undone.emit(found)
            elif isinstance(found, Halted):
                self._session.message.emit("The import was cancelled.")
                self.halted.emit(found)
            else:
                self._session.message.emit(f"Masks of {count(len(found.report.imported), 'image')} came in.")
                self.imported.emit(found)

    @Slot(object, object)
    def _failed(self, key: Any, error: StudioError) -> None:
        if not isinstance(key, _Job) or key is not self._job:
            return
        if isinstance(error, ChangedSinceError):
            key.let_go()
            self._job = None  # nothing was touched
            self.changed.emit()
            self.undoRefused.emit(error)
        else:
            self._finish(key)
            self.failed.emit(error)

    def _finish(self, job: _Job) -> None:
        """Masks may be changed again: read everything anew, for the files are others."""
        job.let_go()
        self._job = None
        session = self._session
        with session.reread():
            session.class_editor.follow()
        session.predictor.open(job.project)  # another model may be in use
        session.trainer.forget_plan()
        session.class_editor.go_on_rewriting(job.project)  # undoing may bring deleted classes back
        session.imagesChanged.emit()
        session.browser.splitChanged.emit()  # the list draws states and parts of all images anew
        self.open(job.project)
        self.changed.emit()

    def _found_last(self, project: Project, last: Snapshot | None, broken: Snapshot | None) -> None:
        if project is self._session.project:
            self.last = last
            self.changed.emit()
            if broken is not None and self._job is None:
                self.brokenOff.emit(broken)


def last_import(project: Project) -> Snapshot | None:
    """The import that can be taken back, if the last large change was one."""
    found = last_undoable(project)
    return found if found is not None and found.kind == "import" else None


def _broken(project: Project) -> Snapshot | None:
    """An import that was killed; only the writer of a project may ask."""
    found = broken_off(project) if project.read_only is None else None
    return found if found is not None and found.kind == "import" else None


def _wish(job: _Job) -> ImportWish:
    if job.wish is None:
        raise ValueError("an import needs a wish")
    return job.wish


def _resumed(job: _Job) -> bool:
    return _wish(job).options.resume


def _wait_until_saved(job: _Job) -> None:
    """Wait until files tell all that a person did. Raises StudioError where they can't."""

    def watch() -> None:
        if job.stop.is_set():
            raise Cancelled

    end = time.monotonic() + SAVING
    while job.writer is not None and job.writer.dirty():  # a journal alone would be saved over what comes in
        job.writer.settle(max(0.0, end - time.monotonic()), watch)
