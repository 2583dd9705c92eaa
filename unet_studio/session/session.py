"""The open project and document: the one place that changes them and announces it.

Widgets call methods and listen to signals; nothing else holds state. Long work runs in the jobs; what they
find comes back to slots here, in the window's thread. Tools and undo are the editor's affair, work on a whole
mask the operator's, classes the class editor's, the model the predictor's, fine-tuning the trainer's.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot
from PySide6.QtGui import QImage

from unet_studio.core.classes import ClassTable
from unet_studio.core.decoding import NoRoomError
from unet_studio.core.display import Display
from unet_studio.core.document import Change, Document
from unet_studio.core.errors import StudioError
from unet_studio.core.kept_histories import Histories
from unet_studio.core.lock import HEARTBEAT_SECONDS
from unet_studio.core.project import Project, Status
from unet_studio.core.pyramid import Pyramid
from unet_studio.jobs.documents import DocumentLoader
from unet_studio.jobs.tasks import TaskThread, as_studio_error
from unet_studio.jobs.thumbnails import Thumbnails
from unet_studio.jobs.writer import Writer
from unet_studio.session.browser import LISTING_PATIENCE, Browser
from unet_studio.session.changes import Changes
from unet_studio.session.class_editor import ClassEditor
from unet_studio.session.comparer import Comparer
from unet_studio.session.displays import Displays
from unet_studio.session.editor import Editor
from unet_studio.session.exporter import Exporter
from unet_studio.session.importer import Importer
from unet_studio.session.operator import Operator
from unet_studio.session.predictor import Predictor
from unet_studio.session.statistician import Statistician
from unet_studio.session.strip import Strip
from unet_studio.session.thresholds import ThresholdEditor
from unet_studio.session.trainer import Trainer
from unet_studio.session.trust import Trust
from unet_studio.session.uncertain import Uncertain
from unet_studio.session.versions import Versions

LOADING_PATIENCE_MS = 200  # so long the previous image stays on screen while the next one is read
IDLE_SECONDS = 30.0  # a longer rest between two edits is not counted as time spent
AHEAD = (1, 2, -1)  # the images read ahead, counted in the direction a person goes
CLOSE_SECONDS = 30.0  # so long closing waits for the last save


@dataclass(frozen=True)
class Unsaved:
    """Work that is not in its PNGs. unsafe: images with work that no journal holds either.

    reason: why all of it failed to be saved, where it did.
    """

    images: frozenset[str] = frozenset()
    unsafe: frozenset[str] = frozenset()
    reason: StudioError | None = None


class Session(QObject):
    """Everything the window shows and changes. Signals carry what changed, so that views redraw only that."""

    projectChanged = Signal()
    imagesChanged = Signal()
    documentChanged = Signal()
    documentLoading = Signal(str)
    documentProgress = Signal(str, float)
    documentFailed = Signal(str, str, str)
    displayChanged = Signal()
    maskChanged = Signal(object)
    classesChanged = Signal()
    statusChanged = Signal(str)
    historyChanged = Signal()
    thumbnailReady = Signal(str, QImage)
    message = Signal(str)
    failed = Signal(str, str)
    unfinished = Signal(str, str)
    savedChanged = Signal(bool)
    saveFailed = Signal(str, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.project: Project | None = None
        self.current: str | None = None
        self.broken: dict[str, str] = {}
        self._document: Document | None = None
        self._pyramid: Pyramid | None = None
        self._cancelled: str | None = None  # the image whose opening a person cancelled last
        self._direction = 1  # in which a person goes through the images
        self._last_edit = 0.0
        self._regraded: set[str] = set()  # images of another status than on disk
        self.histories = Histories()
        self._loader: DocumentLoader | None = None
        self._thumbnails: Thumbnails | None = None
        self._writer: Writer | None = None
        self._tasks = TaskThread("tasks")
        self._tasks.failed.connect(self._task_failed)
        self.editor = Editor(self)
        self.operator = Operator(self)
        self.class_editor = ClassEditor(self)
        self.displays = Displays(self)
        self.trainer = Trainer(self)
        self.predictor = Predictor(self)
        self.comparer = Comparer(self)
        self.changes = Changes(self)
        self.browser = Browser(self)
        self.exporter = Exporter(self)
        self.importer = Importer(self)
        self.statistician = Statistician(self)
        self.thresholds = ThresholdEditor(self)
        self.uncertain = Uncertain(self)
        self.versions = Versions(self)
        self.strip = Strip(self)
        self.trust = Trust(self)
        self._patience = QTimer(self, singleShot=True, interval=LOADING_PATIENCE_MS)
        self._patience.timeout.connect(self.documentChanged)
        self._heartbeat = QTimer(self, interval=int(HEARTBEAT_SECONDS * 1000))
        self._heartbeat.timeout.connect(self._beat)

    # -- project ------------------------------------------------------------------------------------------

    def open_folder(self, folder: str | Path, project_dir: str | Path | None = None) -> None:
        """Open a folder of images; what is open is saved and closed first. Raises StudioError."""
        project = Project.open(folder, project_dir, patience=LISTING_PATIENCE)
        again = self.project is not None and self.project.folder == project.folder
        self.close_project()
        if again:  # it was locked by ourselves, and what closing saved was not in it
            project.close()
            project = Project.open(folder, project_dir, patience=LISTING_PATIENCE)
        self.project = project
        self._loader = DocumentLoader(project, self._in_use, self.histories)
        self._loader.loaded.connect(self._loaded)
        self._loader.failed.connect(self._load_failed)
        self._loader.progressed.connect(self.documentProgress)
        self._thumbnails = Thumbnails(project)
        self._thumbnails.ready.connect(self.thumbnailReady)
        self._thumbnails.failed.connect(self._thumbnail_failed)
        self._writer = Writer(project)
        self._writer.saved.connect(self._saved)
        self._writer.failed.connect(self._save_failed)
        self._writer.recovered.connect(self._save_recovered)
        self._heartbeat.start()
        self.browser.open(project)
        self.editor.ensure_active_class()
        for signal in (self.projectChanged, self.imagesChanged, self.classesChanged):
            signal.emit()
        self.predictor.open(project)
        self.trainer.open(project)
        self.class_editor.open(project)
        self.importer.open(project)
        if project.images:
            self.open_image(project.images[0])
        else:
            self.browser.list_rest()

    def _keep_what_is_tried(self, project: Project) -> None:
        """Store thresholds and model that no thread has stored yet."""
        if project.trying and project.read_only is None:
            try:
                project.keep_what_is_tried()
            except (StudioError, OSError) as error:
                self.say_failed(as_studio_error(error))

    def close_project(self) -> bool:
        """Save and close. False where something could not be saved within CLOSE_SECONDS."""
        if self.project is None:
            return True
        self.settle()
        self.comparer.close()
        self.changes.close()
        self.importer.close()
        self.exporter.close()
        self.statistician.close()
        self.predictor.close()
        self.uncertain.close()
        self.thresholds.close()
        self._keep_what_is_tried(self.project)
        saved = self._writer is None or self._writer.flush(CLOSE_SECONDS) or not self._writer.dirty()
        for job in (self._loader, self._thumbnails, self._writer):
            if job is not None:
                job.stop()
        self.class_editor.close()
        self.browser.close()
        self.trainer.close()
        self.versions.close()
        self.strip.close()
        self.trust.close()
        self._heartbeat.stop()
        self.project.close()
        self.project = self._loader = self._thumbnails = self._writer = None
        self.current = self._document = self._pyramid = None
        self.broken.clear()
        self.histories.clear()
        self.displays.forget()
        self.documentChanged.emit()
        self.projectChanged.emit()
        return saved

    def shut_down(self) -> bool:
        """Close the project and end every thread. A training under way goes on."""
        saved = self.close_project()
        self.comparer.stop()
        self.changes.stop()
        self.predictor.stop()
        self.trainer.stop_thread()
        self.browser.stop()
        self.operator.stop()
        self.editor.stop()
        self.displays.stop()
        self.exporter.stop()
        self.importer.stop()
        self.statistician.stop()
        self.versions.stop()
        self.thresholds.stop()
        self.uncertain.stop()
        self.strip.stop()
        self.trust.stop()
        self._tasks.stop()
        return saved

    def refresh(self) -> None:
        """Look at the folder again, also at files that could not be read and at those kept in memory."""
        if self.project is None or self._loader is None:
            return
        self.browser.refresh()
        self.predictor.refresh()
        self._loader.clear()
        if self.current in self._try_broken_again():
            self.read_again(self.current)

    def _try_broken_again(self) -> list[str]:
        """Take nothing for broken any more; returns the images that were."""
        broken = list(self.broken)
        self.broken.clear()
        for name in broken:
            self.browser.fileChanged.emit(name)
            self.statusChanged.emit(name)
        return broken

    @property
    def images(self) -> list[str]:
        """The images of the project, in natural order."""
        return self.project.images if self.project else []

    @property
    def read_only(self) -> str | None:
        """Why nothing can be changed, or None."""
        return self.project.read_only if self.project else None

    @property
    def classes(self) -> ClassTable:
        """The classes of the project."""
        return self.project.classes if self.project else ClassTable.binary()

    def status(self, name: str) -> Status:
        """How far an image is."""
        return self.project.status(name) if self.project else Status.UNLABELLED

    def thumbnail(self, name: str) -> None:
        """Ask for a thumbnail; thumbnailReady brings it."""
        if self._thumbnails is not None:
            self._thumbnails.request(name)

    @Slot()
    def _beat(self) -> None:
        if self.project is not None:
            self._tasks.submit("heartbeat", self.project.lock.beat)

    # -- document -----------------------------------------------------------------------------------------

    @property
    def document(self) -> Document | None:
        """The document on screen; None while none is open or it is being read."""
        return self._document

    @property
    def pyramid(self) -> Pyramid | None:
        """The picture levels of the document on screen, with how they are shown."""
        return self._pyramid

    @property
    def direction(self) -> int:
        """In which direction a person goes through the images, 1 or -1."""
        return self._direction

    def set_display(self, display: Display) -> None:
        """Show the picture with other brightness, contrast, gamma or channels. The file is not touched."""
        if self._pyramid is not None and display != self._pyramid.display:
            self._pyramid = self._pyramid.with_display(display)
            self.displays.chosen(display)
            self.displayChanged.emit()

    def open_image(self, name: str) -> None:
        """Show an image. It is read in a thread where it is not in memory."""
        again = name == self.current and name != self._cancelled
        if self.project is None or self._loader is None or again:
            return
        self._leave_document()
        self._cancelled = None
        self._turn(name)
        self.current = name
        if self._loader.get(name) is not None:
            self._show(name)
            return
        self._document, self._pyramid = None, None
        self._patience.start()
        self.documentLoading.emit(name)
        self.historyChanged.emit()
        self._loader.request(name, self.predictor.model_name)

    @property
    def opening(self) -> str | None:
        """The image that is being read to be shown."""
        reading = self._document is None and self.current not in self.broken
        return self.current if reading and self.current != self._cancelled else None

    def cancel_opening(self) -> None:
        """Stop reading the image that is to be shown; read_again() or open_image() begins anew."""
        if self.opening is None or self._loader is None:
            return
        self._cancelled = self.current
        self._loader.cancel()
        self._patience.stop()
        self.documentChanged.emit()
        self.browser.list_rest()

    def _turn(self, name: str) -> None:
        """Note in which direction a person goes through the images: the next ones are read ahead."""
        before, now = self.browser.order.row(self.current), self.browser.order.row(name)
        if before is not None and now is not None and before != now:
            self._direction = 1 if now > before else -1

    def step_image(self, by: int) -> None:
        """Show the image that comes `by` after the current one, as they are listed."""
        self.browser.step(by)

    def set_aside(self, name: str | None = None) -> None:
        """Move the mask of an image, or the current one, out of the way: nothing is deleted."""
        name = name or self.current
        if self.project is None or name is None or self.importer.say_running() or not self._at_rest(name):
            return
        try:
            moved = self.project.set_aside(name)
        except (StudioError, OSError) as error:
            self.say_failed(as_studio_error(error))
            return
        self.message.emit(f"The mask of {name} was moved to {moved[0].parent}." if moved else "")
        self.read_again(name)

    def read_again(self, name: str) -> None:
        """Forget what is known of an image and its mask, and read both from disk."""
        if self.project is None or self._loader is None or not self._at_rest(name):
            return
        self._loader.drop(name)
        self.broken.pop(name, None)
        self.project.look_again(name)
        self.browser.fileChanged.emit(name)
        self.statusChanged.emit(name)
        if name == self.current:
            self.current = None
            self.open_image(name)

    def _at_rest(self, name: str) -> bool:
        """Whether no work on an image waits to be saved; where some does, a person is told."""
        if self._writer is None or name not in self._writer.dirty():
            return True
        self._writer.hurry()
        self.failed.emit(f"{name} is being saved.", "Try again in a moment.")
        return False

    def _leave_document(self) -> None:
        self.operator.abandon()
        self.editor.leave()
        if self._writer is not None:
            self._writer.hurry()

    @contextmanager
    def reread(self) -> Iterator[None]:
        """Forget every document while all masks become others, and open the current image again after."""
        self.operator.abandon()
        name, self.current, self._document = self.current, None, None
        if self._loader is not None:
            self._loader.drop_all()
        self.histories.clear()
        yield
        self._try_broken_again()
        if name is not None:
            self.open_image(name)

    def _show(self, name: str) -> None:
        opened = self._loader.get(name) if self._loader else None
        if opened is None or self.project is None:
            return
        self._patience.stop()
        self._document, self._pyramid = opened.document, self.displays.applied(name, opened.pyramid)
        self._document.classes, self._document.thresholds = self.classes, self.project.thresholds
        self.documentChanged.emit()
        self.historyChanged.emit()
        self.savedChanged.emit(self._dirty())
        self._last_edit = 0.0
        self.browser.list_rest()
        self.predictor.as_needed()
        self._prefetch()

    def _prefetch(self) -> None:
        if self._loader is None:
            return
        beside = (self.browser.beside(by * self._direction) for by in AHEAD)
        near = [name for name in beside if name is not None and name not in self.broken]
        self._loader.prefetch(near, self.predictor.model_name)

    @Slot(str)
    def _loaded(self, name: str) -> None:
        opened = self._loader.get(name) if self._loader else None
        self.broken.pop(name, None)
        writable = self.read_only is None and not self.importer.running
        unsaved = opened is not None and opened.document.replayed and writable
        if opened is not None and unsaved and self._writer is not None:
            self._writer.save(opened.document)  # what a crash left in the journal goes where it belongs
            opened.document.replayed = False
            self.message.emit(f"Unsaved work on {name} was restored.")
        if name == self.current and self._document is None:
            self._show(name)

    @Slot(str, object)
    def _load_failed(self, name: str, error: StudioError) -> None:
        self.broken[name] = str(error)
        self.statusChanged.emit(name)
        if name == self.current:
            self._patience.stop()
            self.documentChanged.emit()
            self.documentFailed.emit(name, error.message, error.remedy)
            self.browser.list_rest()

    @Slot(str, object)
    def _thumbnail_failed(self, name: str, error: StudioError) -> None:
        if isinstance(error, NoRoomError):
            return  # of the picture nothing is known
        self.broken[name] = str(error)
        self.statusChanged.emit(name)

    # -- editing ------------------------------------------------------------------------------------------

    @property
    def writer(self) -> Writer | None:
        """The thread that saves the open project's work."""
        return self._writer

    @property
    def editable(self) -> bool:
        """Whether a person may change the document on screen now; not while versions are compared there."""
        busy = self.operator.running or self.importer.running or self.comparer.on
        return self._document is not None and self.read_only is None and not busy

    def announce(self, change: Change) -> None:
        """After a step: journal it, save it some time, tell the views."""
        document, writer = self._document, self._writer
        if document is None or writer is None or self.project is None:
            return
        self._count_time(document)
        writer.record(document)
        self.exporter.note_change(document.name)
        if change.approval_changed:
            writer.save(document)  # an approval is a decision: it goes to disk at once
        painted = Status.PAINTED if document.painted else Status.UNLABELLED
        status = Status.APPROVED if document.approved else painted
        if status is not self.project.status(document.name):  # most strokes leave it
            self._regraded.add(document.name)
            self.project.mark(document.name, status)
            self.statusChanged.emit(document.name)
        self.historyChanged.emit()
        self.savedChanged.emit(True)

    def _count_time(self, document: Document) -> None:
        now = time.monotonic()
        rest = now - self._last_edit if self._last_edit else 0.0
        spent = float(document.facts.get("seconds", "0")) + (rest if rest < IDLE_SECONDS else 0.0)
        document.facts["seconds"] = f"{spent:.1f}"
        self._last_edit = now

    def _dirty(self) -> bool:
        return self._writer is not None and bool(self._writer.dirty())

    def in_memory(self, name: str) -> Document | None:
        """The document of an image, if it is open or kept."""
        opened = self._loader.get(name) if self._loader else None
        return opened.document if opened else None

    def _in_use(self, name: str) -> bool:
        return name == self.current or (self._writer is not None and name in self._writer.dirty())

    @Slot(str, int)
    def _saved(self, name: str, _version: int) -> None:
        self.statusChanged.emit(name)
        self.savedChanged.emit(self._dirty())
        self.browser.look_again(name)
        if name in self._regraded:
            self._regraded.discard(name)
            self.trainer.forget_plan()

    @Slot()
    def _save_recovered(self) -> None:
        self.savedChanged.emit(self._dirty())
        self.message.emit("What could not be saved is saved now.")

    @Slot(str, object)
    def _save_failed(self, name: str, error: StudioError) -> None:
        self.savedChanged.emit(True)
        message = f"{name} could not be saved: {error.message}"
        self.saveFailed.emit(message, f"{error.remedy} It is tried again.")

    # -- saving and what fails ----------------------------------------------------------------------------

    @Slot(object, object)
    def _task_failed(self, _key: Any, error: StudioError) -> None:
        self.say_failed(error)

    def say_failed(self, error: StudioError) -> None:
        """Announce what went wrong, with its remedy."""
        self.failed.emit(error.message, error.remedy)

    def settle(self) -> None:
        """End what is unfinished on the document on screen, as before it is left."""
        self.operator.abandon()
        self.editor.leave()

    def save_now(self) -> int:
        """Save all that waits, without waiting for it. Returns what unsaved wants to know."""
        if self._writer is None:
            return 0
        began = self._writer.failures
        self._writer.hurry()
        return began

    @property
    def save_problem(self) -> StudioError | None:
        """Why something could not be saved that still waits, or None."""
        problems = self._writer.problems() if self._writer is not None else {}
        return next(iter(problems.values()), None)

    def unsaved(self, since: int = 0) -> Unsaved:
        """What is not on disk yet. since: what save_now returned, to be told why it failed."""
        if self._writer is None:
            return Unsaved()
        writer = self._writer
        return Unsaved(frozenset(writer.dirty()), frozenset(writer.unsafe()), writer.stuck(since))

    def saved_soon(self) -> bool:
        """Whether everything is on disk now; what is not is written next. Does not wait."""
        if self._writer is not None:
            self._writer.hurry()
        drawing = self._document is not None and self._document.editing
        return not drawing and not self._dirty()
