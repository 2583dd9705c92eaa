"""Operations on the mask on screen: worked out in a thread, foreseen on the canvas, made one step at once.

While one is carried out the document can't be painted on, so that nothing painted is lost; whoever leaves the
image cancels it. A preview changes nothing and locks nothing: when somebody paints, it is out of date.
"""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal, Slot

from unet_studio.core.document import Document
from unet_studio.core.document_files import load_document
from unet_studio.core.errors import Cancelled, StudioError
from unet_studio.core.geometry import Rect
from unet_studio.core.operations import OPERATIONS, Operation
from unet_studio.core.project import Project
from unet_studio.core.rewriting import Prepared, prepare
from unet_studio.core.words import count
from unet_studio.jobs.tasks import TaskThread

if TYPE_CHECKING:
    from unet_studio.session.session import Session

PREVIEW_PIXELS = 16_000_000  # that many are looked at while a person moves a slider
MARGIN = 256  # px around what is in view that a preview covers too
PROGRESS_SECONDS = 0.05  # between two announcements
TRIES = 3  # for an operation on a document that changes under it


@dataclass(frozen=True)
class Request:
    """What a person wants. index: the class it is about, or None.

    title: what undo calls it, where that is not the title of the operation.
    """

    name: str
    index: int | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    title: str = ""

    @property
    def operation(self) -> Operation:
        """The row of the table."""
        return OPERATIONS[self.name]

    @property
    def called(self) -> str:
        """What undo and messages call it."""
        return self.title or self.operation.title


@dataclass(frozen=True)
class Source:
    """The image that is copied from: in memory, or to be read."""

    name: str
    document: Document | None
    project: Project
    model: str | None

    def mask(self, shape: tuple[int, int]) -> NDArray[np.uint8]:
        """Its mask, uint8 (H, W). Raises StudioError where it has another size or nothing in it."""
        document = self.document or load_document(self.project, self.name, self.model)
        if document.shape != shape:
            other, this = (f"{width:,} × {height:,} px" for height, width in (document.shape, shape))
            raise StudioError(
                f"{self.name} is {other}, but this image is {this}.",
                "A mask can be copied between images of one size only: copy from another image, or predict.",
            )
        if document.under is None and not document.painted:
            raise StudioError(f"{self.name} has no mask yet.", "Paint or predict it first, then copy.")
        return document.mask()


@dataclass(eq=False)
class Job:
    """One request on its way. area: None for all of the image. stop: set where nobody waits any more."""

    document: Document
    request: Request
    locked: frozenset[int]
    area: Rect | None = None
    source: Source | None = None
    tries: int = 1
    stop: threading.Event = field(default_factory=threading.Event)


class Operator(QObject):
    """changed(): an operation begins or ends. progressed(done): of it, or else of the preview, 0..1.

    previewed(prepared): what an operation would do, or None: nothing is foreseen any more. previewFailed(
    message, remedy): why that can't be known.
    """

    changed = Signal()
    progressed = Signal(float)
    previewed = Signal(object)
    previewFailed = Signal(str, str)
    _worked = Signal(object, float)

    def __init__(self, session: "Session") -> None:
        super().__init__(session)
        self._session = session
        self._running: Job | None = None
        self._preview: Job | None = None
        self._foreseen: tuple[Request, Prepared] | None = None
        self._thread = TaskThread("operations")
        self._thread.done.connect(self._done)
        self._thread.failed.connect(self._failed)
        self._worked.connect(self._work_goes_on)
        session.maskChanged.connect(self.drop_preview)

    def stop(self) -> None:
        """End the thread."""
        self.abandon()
        self._thread.stop()

    # -- carrying out -------------------------------------------------------------------------------------

    @property
    def running(self) -> str:
        """What is being carried out, or ""."""
        return self._running.request.called if self._running else ""

    def apply(self, request: Request) -> None:
        """Carry an operation out on the document on screen; where it has been foreseen already, at once."""
        session, document = self._session, self._session.document
        if document is None or not session.editable:
            self.say_running()
            session.importer.say_running()
            return
        session.editor.abandon()
        foreseen = self._foreseen
        self.drop_preview()
        try:
            job = self._job(document, request)
        except StudioError as error:
            session.say_failed(error)
            return
        if foreseen is not None and foreseen[0] == request and self._is_all(foreseen[1], job):
            self._land(job, foreseen[1])
            return
        self._running = job
        self.changed.emit()
        self.progressed.emit(0.0)
        self._submit(job)

    def cancel(self) -> None:
        """Stop what is being carried out; the mask stays as it was."""
        if self._running is not None:
            name = self.running
            self._finish()
            self._session.message.emit(f"{name} was cancelled: nothing changed.")

    def abandon(self) -> None:
        """The document is left: forget preview and operation."""
        self.cancel()
        self.drop_preview()

    def say_running(self) -> None:
        """Say that the mask can't be changed now, where that is so, and why."""
        if self._running is not None:
            self._session.message.emit(
                f"{self.running} is under way on this image. Wait for it, or cancel it; then go on painting."
            )

    # -- foreseeing ---------------------------------------------------------------------------------------

    def preview(self, request: Request, view: Rect) -> bool:
        """Find out what an operation would do; previewed() says it. Returns False where that takes too long.

        view: what is on screen. A large image is looked at there alone, with a margin, where the operation
        allows it; Prepared.area says what was looked at.
        """
        document = self._session.document
        self._stop_preview()
        if document is None or not self._session.editable:
            return False
        area = None
        if request.operation.local and document.shape[0] * document.shape[1] > PREVIEW_PIXELS:
            area = view.expand(MARGIN).clip(document.shape)
            if area.width * area.height > PREVIEW_PIXELS:
                self.drop_preview()
                return False
        try:
            self._preview = self._job(document, request, area)
        except StudioError as error:
            self.previewFailed.emit(error.message, error.remedy)
        else:
            self._submit(self._preview)
        return True

    @Slot()
    def drop_preview(self, *_: object) -> None:
        """Foresee nothing any more."""
        self._stop_preview()
        if self._foreseen is not None:
            self._foreseen = None
            self.previewed.emit(None)

    def _stop_preview(self) -> None:
        if self._preview is not None:
            self._preview.stop.set()
            self._preview = None

    # -- the thread ---------------------------------------------------------------------------------------

    def _job(self, document: Document, request: Request, area: Rect | None = None) -> Job:
        """A job. Raises StudioError where there is nothing to copy from."""
        session, source = self._session, None
        if request.operation.copies:
            name = session.browser.beside(-1)
            if name is None or session.project is None:
                raise StudioError("There is no image before this one.", "Go to a later image, then copy.")
            source = Source(name, session.in_memory(name), session.project, session.predictor.model_name)
        return Job(document, request, session.editor.rule.locked, area, source)

    def _submit(self, job: Job) -> None:
        self._thread.submit(job, lambda: self._carry_out(job))

    def _carry_out(self, job: Job) -> Prepared:
        """In the thread."""
        said = time.monotonic()

        def progress(done: float) -> None:
            nonlocal said
            if job.stop.is_set():
                raise Cancelled
            if time.monotonic() > said + PROGRESS_SECONDS:
                said = time.monotonic()
                self._worked.emit(job, done)

        progress(0.0)
        source = job.source.mask(job.document.shape) if job.source else None
        request = job.request
        return prepare(
            job.document,
            request.operation,
            request.index,
            request.values,
            job.locked,
            progress,
            job.area,
            source,
        )

    @Slot(object, float)
    def _work_goes_on(self, job: Job, done: float) -> None:
        if job is (self._running or self._preview):
            self.progressed.emit(done)

    @Slot(object, object)
    def _done(self, job: Job, prepared: Prepared) -> None:
        fits = job.document is self._session.document and prepared.holds_for(job.document, job.locked)
        if job is self._preview:
            self._preview = None
            if fits:
                self._foreseen = job.request, prepared
                self.previewed.emit(prepared)
        elif job is self._running:
            if fits:
                self._land(job, prepared)
            elif job.document is self._session.document and job.tries < TRIES:  # a prediction came meanwhile
                job.tries += 1
                self._submit(job)
            else:
                self._finish()
                self._session.failed.emit(
                    f"{job.request.called} was not done: the mask kept changing meanwhile.", "Try it again."
                )

    @staticmethod
    def _is_all(prepared: Prepared, job: Job) -> bool:
        """Whether what was foreseen is of the whole image as it is."""
        whole = Rect.of(job.document.shape)
        return prepared.area == whole and prepared.holds_for(job.document, job.locked)

    def _land(self, job: Job, prepared: Prepared) -> None:
        """Make it one step."""
        self._finish()
        name = job.request.called
        if prepared.plan is None:
            self._session.message.emit(f"{name}: there is nothing to change.")
            return
        self._session.editor.edit(lambda document: document.land(name, prepared.plan))
        pixels, places = count(prepared.pixels, "pixel"), count(prepared.places, "place")
        self._session.message.emit(f"{name} changed {pixels} in {places}.")

    def _finish(self) -> None:
        """The document may be painted on again."""
        job, self._running = self._running, None
        if job is not None:
            job.stop.set()
            self.changed.emit()

    @Slot(object, object)
    def _failed(self, job: Job, error: StudioError) -> None:
        if job is self._preview:
            self._preview = None
            self.previewFailed.emit(error.message, error.remedy)
        elif job is self._running:
            self._finish()
            self._session.say_failed(error)
