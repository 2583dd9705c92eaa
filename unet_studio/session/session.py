"""The open project and document: the one place that changes them and announces it.

Widgets call methods and listen to signals; nothing else holds state. Long work runs in the jobs; what they
find comes back to slots here, in the window's thread. The model is the predictor's affair, fine-tuning the
trainer's.
"""

import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Literal

from PySide6.QtCore import QObject, QTimer, Signal, Slot
from PySide6.QtGui import QImage

from unet_studio.core import journal
from unet_studio.core.classes import UNLABELLED, ClassTable
from unet_studio.core.document import Change, Document, UnfinishedError
from unet_studio.core.errors import StudioError
from unet_studio.core.lock import HEARTBEAT_SECONDS
from unet_studio.core.project import Project, Status
from unet_studio.core.pyramid import Pyramid
from unet_studio.jobs.documents import DocumentLoader
from unet_studio.jobs.tasks import TaskThread, as_studio_error
from unet_studio.jobs.thumbnails import Thumbnails
from unet_studio.jobs.writer import Writer
from unet_studio.session.predictor import Predictor
from unet_studio.session.trainer import Trainer
from unet_studio.tools import TOOLS, Tool, ToolContext

LOADING_PATIENCE_MS = 200  # so long the previous image stays on screen while the next one is read
LARGE_IMAGE = 4_000_000  # px; above it, approval looks at the mask in a thread
IDLE_SECONDS = 30.0  # a longer rest between two edits is not counted as time spent
CLOSE_SECONDS = 30.0  # so long closing waits for the last save


class Session(QObject):
    """Everything the window shows and changes. Signals carry what changed, so that views redraw only that."""

    projectChanged = Signal()
    imagesChanged = Signal()
    documentChanged = Signal()
    documentLoading = Signal(str)
    documentFailed = Signal(str, str, str)
    maskChanged = Signal(object)
    classesChanged = Signal()
    activeClassChanged = Signal(int)
    toolChanged = Signal(str)
    statusChanged = Signal(str)
    historyChanged = Signal()
    thumbnailReady = Signal(str, QImage)
    message = Signal(str)
    failed = Signal(str, str)
    unfinished = Signal(str, str)
    savedChanged = Signal(bool)
    exported = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.project: Project | None = None
        self.current: str | None = None
        self.broken: dict[str, str] = {}
        self.tools: dict[str, Tool] = {name: tool() for name, tool in TOOLS.items()}
        self.tool = next(iter(self.tools))
        self.active_class = 1
        self.brush_radius = 12
        self._document: Document | None = None
        self._pyramid: Pyramid | None = None
        self._last_edit = 0.0
        self._regraded: set[str] = set()  # images of another status than on disk
        self._loader: DocumentLoader | None = None
        self._thumbnails: Thumbnails | None = None
        self._writer: Writer | None = None
        self._tasks = TaskThread("tasks")
        self._tasks.done.connect(self._task_done)
        self._tasks.failed.connect(self._task_failed)
        self.trainer = Trainer(self)
        self.predictor = Predictor(self)
        self._patience = QTimer(self, singleShot=True, interval=LOADING_PATIENCE_MS)
        self._patience.timeout.connect(self.documentChanged)
        self._heartbeat = QTimer(self, interval=int(HEARTBEAT_SECONDS * 1000))
        self._heartbeat.timeout.connect(self._beat)

    # -- project ------------------------------------------------------------------------------------------

    def open_folder(self, folder: str | Path, project_dir: str | Path | None = None) -> None:
        """Open a folder of images; what is open is saved and closed first. Raises StudioError."""
        project = Project.open(folder, project_dir)
        again = self.project is not None and self.project.folder == project.folder
        self.close_project()
        if again:  # it was locked by ourselves, and what closing saved was not in it
            project.close()
            project = Project.open(folder, project_dir)
        self.project = project
        self._loader = DocumentLoader(project, self._in_use)
        self._loader.loaded.connect(self._loaded)
        self._loader.failed.connect(self._load_failed)
        self._thumbnails = Thumbnails(project)
        self._thumbnails.ready.connect(self.thumbnailReady)
        self._thumbnails.failed.connect(self._thumbnail_failed)
        self._writer = Writer(project)
        self._writer.saved.connect(self._saved)
        self._writer.failed.connect(self._save_failed)
        self._heartbeat.start()
        self._set_default_class()
        for signal in (self.projectChanged, self.imagesChanged, self.classesChanged):
            signal.emit()
        self.predictor.open(project)
        self.trainer.open(project)
        if project.images:
            self.open_image(project.images[0])

    def close_project(self) -> bool:
        """Save and close. False where something could not be saved within CLOSE_SECONDS."""
        if self.project is None:
            return True
        self._abandon_drag()
        self.predictor.close()
        saved = self._writer is None or self._writer.flush(CLOSE_SECONDS) or not self._writer.dirty()
        for job in (self._loader, self._thumbnails, self._writer):
            if job is not None:
                job.stop()
        self.trainer.close()
        self._heartbeat.stop()
        self.project.close()
        self.project = self._loader = self._thumbnails = self._writer = None
        self.current = self._document = self._pyramid = None
        self.broken.clear()
        self.documentChanged.emit()
        self.projectChanged.emit()
        return saved

    def shut_down(self) -> bool:
        """Close the project and end every thread. A training under way goes on."""
        saved = self.close_project()
        self.predictor.stop()
        self.trainer.stop_thread()
        self._tasks.stop()
        return saved

    def refresh(self) -> None:
        """Look at the folder again."""
        if self.project is not None:
            self.project.refresh()
            self.imagesChanged.emit()
            self.predictor.refresh()

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
        """The picture levels of the document on screen."""
        return self._pyramid

    def open_image(self, name: str) -> None:
        """Show an image. It is read in a thread where it is not in memory."""
        if self.project is None or self._loader is None or name == self.current:
            return
        self._leave_document()
        self.current = name
        if self._loader.get(name) is not None:
            self._show(name)
            return
        self._document, self._pyramid = None, None
        self._patience.start()
        self.documentLoading.emit(name)
        self.historyChanged.emit()
        self._loader.request(name, self.predictor.model_name)

    def step_image(self, by: int) -> None:
        """Show the image that comes `by` after the current one."""
        if self.current in self.images:
            place = self.images.index(self.current) + by
            if 0 <= place < len(self.images):
                self.open_image(self.images[place])

    def set_aside(self) -> None:
        """Move the mask of the current image out of the way and begin it anew: nothing is deleted."""
        if self.project is None or self._loader is None or self.current is None:
            return
        name = self.current
        try:
            moved = self.project.set_aside(name)
        except (StudioError, OSError) as error:
            self.say_failed(as_studio_error(error))
            return
        self.current = None
        self._loader.drop(name)
        self.broken.pop(name, None)
        self.statusChanged.emit(name)
        self.message.emit(f"The mask of {name} was moved to {moved[0].parent}." if moved else "")
        self.open_image(name)

    def _leave_document(self) -> None:
        self._abandon_drag()
        if self._writer is not None:
            self._writer.hurry()

    def _abandon_drag(self) -> None:
        if self._document is not None and self._document.editing:
            self.pointer("cancel", 0.0, 0.0)
            if self._document.editing:
                self.maskChanged.emit(self._document.rollback())

    def _show(self, name: str) -> None:
        opened = self._loader.get(name) if self._loader else None
        if opened is None or self.project is None:
            return
        self._patience.stop()
        self._document, self._pyramid = opened.document, opened.pyramid
        self._document.classes, self._document.thresholds = self.classes, self.project.thresholds
        self.documentChanged.emit()
        self.historyChanged.emit()
        self.savedChanged.emit(self._dirty())
        self._last_edit = 0.0
        self.predictor.as_needed()
        self._prefetch()

    def _prefetch(self) -> None:
        if self._loader is None or self.current not in self.images:
            return
        place = self.images.index(self.current)
        near = [self.images[i] for i in (place + 1, place - 1) if 0 <= i < len(self.images)]
        self._loader.prefetch([name for name in near if name not in self.broken], self.predictor.model_name)

    @Slot(str)
    def _loaded(self, name: str) -> None:
        opened = self._loader.get(name) if self._loader else None
        self.broken.pop(name, None)
        unsaved = opened is not None and opened.document.replayed and self.read_only is None
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

    @Slot(str, object)
    def _thumbnail_failed(self, name: str, error: StudioError) -> None:
        self.broken[name] = str(error)
        self.statusChanged.emit(name)

    # -- editing ------------------------------------------------------------------------------------------

    @property
    def editable(self) -> bool:
        """Whether a person may change the document on screen."""
        return self._document is not None and self.read_only is None

    def set_active_class(self, index: int) -> None:
        """Choose the class that the tools paint."""
        if index in self.classes.indices and index != self.active_class:
            self.active_class = index
            self.activeClassChanged.emit(index)

    def set_tool(self, name: str) -> None:
        """Choose a tool."""
        if name in self.tools and name != self.tool:
            self._abandon_drag()
            self.tool = name
            self.toolChanged.emit(name)

    def set_brush_radius(self, radius: int) -> None:
        """Set the radius of the brushes, 1 to 500 px."""
        self.brush_radius = min(max(int(radius), 1), 500)
        self.toolChanged.emit(self.tool)

    def pointer(self, kind: str, row: float, column: float, modifiers: Collection[str] = frozenset()) -> None:
        """Give a pointer event to the tool. kind: press, move, release or cancel; position in image px."""
        document = self._document
        if document is None or (not self.editable and self.tool != "pick"):
            return
        context = ToolContext(
            document,
            self.active_class,
            self.brush_radius,
            self.classes.background,
            self.set_active_class,
            self._announce,
        )
        tool = self.tools[self.tool]
        if kind == "cancel":
            changed = tool.cancel(context)
        else:
            changed = getattr(tool, kind)(context, row, column, frozenset(modifiers))
        if changed is not None and not changed.empty:
            self.maskChanged.emit(changed)
        if not document.editing:
            self.predictor.drag_ended()

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to take back."""
        return self.editable and self.undo_name is not None

    @property
    def can_redo(self) -> bool:
        """Whether there is a step to do again."""
        return self.editable and self.redo_name is not None

    @property
    def undo_name(self) -> str | None:
        """What undo would take back."""
        return self._document.history.undo_name if self._document else None

    @property
    def redo_name(self) -> str | None:
        """What redo would do again."""
        return self._document.history.redo_name if self._document else None

    def undo(self) -> None:
        """Take the last step back."""
        self._edit(Document.undo)

    def redo(self) -> None:
        """Do the step last undone again."""
        self._edit(Document.redo)

    def clear_annotation(self) -> None:
        """Return every painted pixel of this image to unlabelled, as one step."""
        self._edit(Document.forget_all)

    def fill_rest(self) -> None:
        """Make background, or else the active class, of every pixel that has no class yet."""
        background = self.classes.background
        value = self.active_class if background is None else background
        self._edit(lambda document: document.fill_rest(value))

    def unapprove(self) -> None:
        """Take the approval back."""
        self._edit(Document.unapprove)

    def approve(self) -> None:
        """Say that the whole mask is right. Large masks are looked at in a thread first."""
        document = self._document
        if document is None or not self.editable or document.approved:
            return
        if self.predictor.stale:
            self.failed.emit(
                "The prediction shown is of another model.",
                "Wait until it is renewed, or predict this image.",
            )
        elif document.shape[0] * document.shape[1] > LARGE_IMAGE:
            self._tasks.submit(("approve", document.name), lambda: (document, document.judge()))
        else:
            self._edit(Document.approve)

    def _edit(self, action: Callable[[Document], Change | None]) -> None:
        """Do something undoable to the document and announce it; say what is in the way."""
        if self._document is None or not self.editable:
            return
        self._abandon_drag()
        try:
            change = action(self._document)
        except UnfinishedError as error:
            self.unfinished.emit(error.message, error.remedy)
            return
        except StudioError as error:
            self.failed.emit(error.message, error.remedy)
            return
        if change is not None:
            self.maskChanged.emit(change.rect)
            self._announce(change)

    def _announce(self, change: Change) -> None:
        """After a step: journal it, save it some time, tell the views."""
        document, writer = self._document, self._writer
        if document is None or writer is None or self.project is None:
            return
        self._count_time(document)
        tiles = document.annotation.copy_tiles(change.step.diff) if change.step.diff else {}
        kind = journal.APPROVED if document.approved else journal.EDIT
        writer.record(document, journal.Entry(kind, tiles))
        if change.approval_changed:
            writer.save(document)  # an approval is a decision: it goes to disk at once
        painted = Status.PAINTED if change.step.diff or document.painted else Status.UNLABELLED
        status = Status.APPROVED if document.approved else painted
        if status is not self.project.status(document.name):
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
        if name in self._regraded:
            self._regraded.discard(name)
            self.trainer.forget_plan()

    @Slot(str, object)
    def _save_failed(self, name: str, error: StudioError) -> None:
        self.savedChanged.emit(True)
        self.failed.emit(f"{name} could not be saved: {error.message}", f"{error.remedy} It is tried again.")

    # -- classes ------------------------------------------------------------------------------------------

    def add_class(self, name: str) -> None:
        """Add a class."""
        self._set_classes(lambda table: table.add(name))

    def rename_class(self, index: int, name: str) -> None:
        """Give a class another name."""
        self._set_classes(lambda table: table.renamed(index, name))

    def recolor_class(self, index: int, color: str) -> None:
        """Give a class another colour, #rrggbb."""
        self._set_classes(lambda table: table.recolored(index, color))

    def adopt_model_classes(self) -> None:
        """Take over the classes of the chosen model; possible while nobody painted anything."""
        model = self.predictor.model
        if model is None or model.card is None or self.project is None:
            return
        if self.project.with_status(Status.PAINTED, Status.APPROVED):
            self.failed.emit("Masks exist already.", "Rename your classes to match the model's instead.")
            return
        table = model.card.table()
        self._set_classes(lambda _: table)

    def delete_class(self, index: int, into: int | None) -> None:
        """Retire a class; its pixels become the class `into`, or unlabelled. Clears the undo history."""
        if self.project is None or self._loader is None or not self.saved_or_said():
            return
        self.predictor.cancel()  # what it finds would still hold the class
        try:
            table = self.classes.retire(index)
            self.project.replace_class(index, UNLABELLED if into is None else into)
            self.project.drop_predictions()
        except (StudioError, OSError) as error:
            self.say_failed(as_studio_error(error))
            return
        name, self.current, self._document = self.current, None, None
        self._loader.drop_all()
        self._set_classes(lambda _: table)
        if name is not None:
            self.open_image(name)

    def _set_classes(self, change: Callable[[ClassTable], ClassTable]) -> None:
        if self.project is None:
            return
        try:
            self.project.set_classes(change(self.classes))
        except (StudioError, OSError) as error:
            self.say_failed(as_studio_error(error))
            return
        if self._document is not None:
            self._document.classes, self._document.thresholds = self.classes, self.project.thresholds
        self._set_default_class()
        self.trainer.forget_plan()
        self.classesChanged.emit()
        self.predictor.modelChanged.emit()
        self.predictor.as_needed()

    def _set_default_class(self) -> None:
        if self.active_class not in self.classes.indices:
            choices = self.classes.foreground or self.classes.indices
            self.active_class = choices[0] if choices else 0
            self.activeClassChanged.emit(self.active_class)

    # -- export and tasks ---------------------------------------------------------------------------------

    def export(
        self,
        format_name: str,
        destination: Path,
        which: Literal["approved", "all"] = "approved",
        layer: Literal["mask", "annotation", "prediction"] = "mask",
    ) -> None:
        """Write masks in a format in a thread; exported() or failed() says how it went. See export_masks."""
        if self.project is None or not self.saved_or_said():
            return
        from unet_studio.formats.exporting import export_masks  # OpenCV and pycocotools: not at start-up

        project = self.project
        self._tasks.submit(
            "export", lambda: export_masks(project, format_name, destination, which=which, layer=layer)
        )

    @Slot(object, object)
    def _task_done(self, key: Any, result: Any) -> None:
        if key == "export":
            self.exported.emit(result)
        elif isinstance(key, tuple) and key[0] == "approve":
            judged, judgement = result
            if judged is self._document:  # another project may have an image of the same name
                self._edit(lambda document: document.approve(judgement))

    @Slot(object, object)
    def _task_failed(self, _key: Any, error: StudioError) -> None:
        self.say_failed(error)

    def say_failed(self, error: StudioError) -> None:
        """Announce what went wrong, with its remedy."""
        self.failed.emit(error.message, error.remedy)

    def saved_or_said(self) -> bool:
        """Whether everything is on disk now; where that fails, a person is told."""
        if self._writer is None or self._writer.flush(CLOSE_SECONDS):
            return True
        self.failed.emit("Unsaved work is in the way.", "Wait until everything is saved, then try again.")
        return False
