"""The open project, document and model: the one place that changes them and announces it.

Widgets call methods and listen to signals; nothing else holds state. Long work runs in the jobs; what they
find comes back to slots here, in the window's thread.
"""

import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer, Signal, Slot
from PySide6.QtGui import QImage

from unet_studio.core import journal
from unet_studio.core.classes import UNLABELLED, ClassTable
from unet_studio.core.document import Change, Document
from unet_studio.core.document_files import fits
from unet_studio.core.errors import StudioError
from unet_studio.core.events import Event, Finished, Stopped
from unet_studio.core.geometry import Rect
from unet_studio.core.lock import HEARTBEAT_SECONDS
from unet_studio.core.model_card import ModelEntry, class_mapping
from unet_studio.core.prediction import Prediction
from unet_studio.core.project import Project, Status
from unet_studio.core.pyramid import Pyramid
from unet_studio.core.run_folder import RunFolder
from unet_studio.jobs.documents import DocumentLoader
from unet_studio.jobs.prediction import BATCH, CURRENT, NEIGHBOUR, PredictionQueue, Request
from unet_studio.jobs.tasks import TaskThread
from unet_studio.jobs.thumbnails import Thumbnails
from unet_studio.jobs.training import TrainingFollower
from unet_studio.jobs.training_plan import TrainingPlan, make_plan, make_run, publish_run
from unet_studio.jobs.writer import Writer
from unet_studio.tools import TOOLS, Tool, ToolContext

LOADING_PATIENCE_MS = 200  # so long the previous image stays on screen while the next one is read
LARGE_IMAGE = 4_000_000  # px; above it, approval looks at the mask in a thread
IDLE_SECONDS = 30.0  # a longer rest between two edits is not counted as time spent
CLOSE_SECONDS = 30.0  # so long closing waits for the last save


@dataclass(frozen=True)
class PredictionState:
    """How far the prediction queue is. fraction: of the image `name`; done of total images."""

    active: bool = False
    name: str = ""
    fraction: float = 0.0
    done: int = 0
    total: int = 0
    device: str = ""


class Session(QObject):
    """Everything the window shows and changes. Signals carry what changed, so that views redraw only that."""

    projectChanged = Signal()
    imagesChanged = Signal()
    documentChanged = Signal()
    documentLoading = Signal(str)
    documentFailed = Signal(str, str, str)
    maskChanged = Signal(object)
    predictionChanged = Signal(str)
    classesChanged = Signal()
    activeClassChanged = Signal(int)
    toolChanged = Signal(str)
    statusChanged = Signal(str)
    historyChanged = Signal()
    modelsChanged = Signal()
    modelChanged = Signal()
    predictionState = Signal(object)
    trainingChanged = Signal()
    thumbnailReady = Signal(str, QImage)
    message = Signal(str)
    failed = Signal(str, str)
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
        self.model: ModelEntry | None = None
        self.auto_predict = True
        self.device = "auto"
        self._document: Document | None = None
        self._pyramid: Pyramid | None = None
        self._models: list[ModelEntry] = []
        self._plan: TrainingPlan | None = None
        self._last_edit = 0.0
        self._loader: DocumentLoader | None = None
        self._thumbnails: Thumbnails | None = None
        self._writer: Writer | None = None
        self._tasks = TaskThread("tasks")
        self._tasks.done.connect(self._task_done)
        self._tasks.failed.connect(self._task_failed)
        self._queue = PredictionQueue()
        self._queue.set_device(self.device, self._prediction_threads)
        self._queue.changed.connect(self._announce_prediction)
        self._queue.progressed.connect(self._announce_prediction)
        self._queue.predicted.connect(self._predicted)
        self._queue.failed.connect(self._prediction_failed)
        self._follower = TrainingFollower()
        self._follower.changed.connect(self.trainingChanged)
        self._follower.ended.connect(self._training_ended)
        self._patience = QTimer(self, singleShot=True, interval=LOADING_PATIENCE_MS)
        self._patience.timeout.connect(self.documentChanged)
        self._heartbeat = QTimer(self, interval=int(HEARTBEAT_SECONDS * 1000))
        self._heartbeat.timeout.connect(self._beat)

    # -- project ------------------------------------------------------------------------------------------

    def open_folder(self, folder: str | Path, project_dir: str | Path | None = None) -> None:
        """Open a folder of images; what is open is saved and closed first. Raises StudioError."""
        project = Project.open(folder, project_dir)
        self.close_project()
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
        self._models = project.models()
        self.model = next((entry for entry in self._models if entry.name == project.model), None)
        self._set_default_class()
        self._find_run()
        for signal in (self.projectChanged, self.imagesChanged, self.classesChanged, self.modelsChanged):
            signal.emit()
        self.modelChanged.emit()
        if project.images:
            self.open_image(project.images[0])

    def close_project(self) -> bool:
        """Save and close. False where something could not be saved within CLOSE_SECONDS."""
        if self.project is None:
            return True
        self._abandon_drag()
        self._queue.cancel()
        saved = self._writer is None or self._writer.flush(CLOSE_SECONDS) or not self._writer.dirty()
        for job in (self._loader, self._thumbnails, self._writer):
            if job is not None:
                job.stop()
        self._follower.leave()
        self._heartbeat.stop()
        self.project.close()
        self.project = self._loader = self._thumbnails = self._writer = None
        self.current = self._document = self._pyramid = self.model = None
        self._models, self._plan = [], None
        self.broken.clear()
        self.documentChanged.emit()
        self.projectChanged.emit()
        return saved

    def shut_down(self) -> bool:
        """Close the project and end every thread. A training under way goes on."""
        saved = self.close_project()
        self._queue.stop()
        self._tasks.stop()
        return saved

    def refresh(self) -> None:
        """Look at the folder again."""
        if self.project is not None:
            self.project.refresh()
            self._models = self.project.models()
            self.imagesChanged.emit()
            self.modelsChanged.emit()

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
        self._loader.request(name, self._model_name())

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
        name, self.current = self.current, None
        moved = self.project.set_aside(name)
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
        self._predict_as_needed()
        self._prefetch()

    def _prefetch(self) -> None:
        if self._loader is None or self.current not in self.images:
            return
        place = self.images.index(self.current)
        near = [self.images[i] for i in (place + 1, place - 1) if 0 <= i < len(self.images)]
        self._loader.prefetch([name for name in near if name not in self.broken], self._model_name())

    @Slot(str)
    def _loaded(self, name: str) -> None:
        opened = self._loader.get(name) if self._loader else None
        self.broken.pop(name, None)
        if opened is not None and opened.document.replayed and self._writer is not None:
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

    def unapprove(self) -> None:
        """Take the approval back."""
        self._edit(Document.unapprove)

    def approve(self) -> None:
        """Say that the whole mask is right. Large masks are looked at in a thread first."""
        document = self._document
        if document is None or not self.editable or document.approved:
            return
        if self.prediction_stale:
            self.failed.emit(
                "The prediction shown is of another model.",
                "Wait until it is renewed, or predict this image.",
            )
        elif document.shape[0] * document.shape[1] > LARGE_IMAGE:
            self._tasks.submit(("approve", document.name), document.judge)
        else:
            self._edit(Document.approve)

    def _edit(self, action: Any) -> None:
        """Do something undoable to the document and announce it; say what is in the way."""
        if self._document is None or not self.editable:
            return
        self._abandon_drag()
        try:
            change = action(self._document)
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
            self._plan = None
            writer.save(document)  # an approval is a decision: it goes to disk at once
        painted = Status.PAINTED if change.step.diff or document.painted else Status.UNLABELLED
        self.project.mark(document.name, Status.APPROVED if document.approved else painted)
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

    def _in_use(self, name: str) -> bool:
        return name == self.current or (self._writer is not None and name in self._writer.dirty())

    @Slot(str, int)
    def _saved(self, name: str, _version: int) -> None:
        self._plan = None
        self.statusChanged.emit(name)
        self.savedChanged.emit(self._dirty())
        self.trainingChanged.emit()

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
        if self.model is None or self.model.card is None or self.project is None:
            return
        if self.project.with_status(Status.PAINTED, Status.APPROVED):
            self.failed.emit("Masks exist already.", "Rename your classes to match the model's instead.")
            return
        table = self.model.card.table()
        self._set_classes(lambda _: table)

    def delete_class(self, index: int, into: int | None) -> None:
        """Retire a class; its pixels become the class `into`, or unlabelled. Clears the undo history."""
        if self.project is None or self._writer is None or self._loader is None:
            return
        if not self._writer.flush(CLOSE_SECONDS):
            self.failed.emit("Unsaved work is in the way.", "Wait until everything is saved, then try again.")
            return
        try:
            table = self.classes.retire(index)
            self.project.replace_class(index, UNLABELLED if into is None else into)
            self.project.drop_predictions()
        except StudioError as error:
            self.failed.emit(error.message, error.remedy)
            return
        name, self.current, self._document = self.current, None, None
        for opened in self._loader.opened():
            self._loader.drop(opened.document.name)
        self._set_classes(lambda _: table)
        if name is not None:
            self.open_image(name)

    def _set_classes(self, change: Any) -> None:
        if self.project is None:
            return
        try:
            self.project.set_classes(change(self.classes))
        except (StudioError, OSError) as error:
            self.failed.emit(*_words(error))
            return
        if self._document is not None:
            self._document.classes, self._document.thresholds = self.classes, self.project.thresholds
        self._set_default_class()
        self._plan = None
        self.classesChanged.emit()
        self.modelChanged.emit()
        self._predict_as_needed()

    def _set_default_class(self) -> None:
        if self.active_class not in self.classes.indices:
            choices = self.classes.foreground or self.classes.indices
            self.active_class = choices[0] if choices else 0
            self.activeClassChanged.emit(self.active_class)

    # -- prediction ---------------------------------------------------------------------------------------

    def models(self) -> list[ModelEntry]:
        """The models one can choose."""
        return self._models

    def set_model(self, name: str | None) -> None:
        """Choose the model that predicts; None for none."""
        if self.project is None:
            return
        self.model = next((entry for entry in self._models if entry.name == name), None)
        try:
            self.project.set_model(name)
        except (StudioError, OSError) as error:
            self.failed.emit(*_words(error))
        self._queue.cancel()
        self.modelChanged.emit()
        self._predict_as_needed()

    @property
    def model_problem(self) -> str:
        """Why the chosen model can't predict here, with the remedy, or ""."""
        return self._mapping()[1]

    @property
    def prediction_stale(self) -> bool:
        """Whether the prediction shown is of another model than the chosen one, and nobody corrected it."""
        document = self._document
        if document is None or document.prediction is None or document.approved or document.painted:
            return False
        return self.model is not None and document.prediction.model != self.model.name

    def predict_current(self) -> None:
        """Predict the image on screen; a new prediction replaces the one under painted pixels too."""
        if self._document is not None:
            self._submit([self._document.name], CURRENT, replace=True)

    def predict_all(self) -> None:
        """Predict every image whose prediction by the chosen model is not stored yet."""
        if self.project is None or self.model is None:
            return
        project, model = self.project, self.model.name
        names = [name for name in self.images if name not in self.broken]
        missing = [name for name in names if not project.prediction_path(model, name).is_file()]
        if missing:
            self._submit(missing, BATCH)
        else:
            self.message.emit("Every image has a prediction by this model.")

    def cancel_prediction(self) -> None:
        """Stop predicting, within one tile."""
        self._queue.cancel()

    def set_auto_predict(self, on: bool) -> None:
        """Whether images are predicted as one browses."""
        self.auto_predict = on
        self.modelChanged.emit()
        self._predict_as_needed()

    def set_device(self, device: str) -> None:
        """Where to predict: auto, cpu, cuda, cuda:N or mps."""
        self.device = device
        self._queue.set_device(device, self._prediction_threads)

    def _prediction_threads(self) -> int:
        """One CPU thread while a training runs beside, else all."""
        return 1 if self._follower.state == "running" else 0

    def _model_name(self) -> str | None:
        return self.model.name if self.model else None

    def _mapping(self) -> tuple[NDArray[np.uint8] | None, str]:
        """The look-up table from the model's classes to the project's, or why there is none."""
        if self.model is None:
            return None, ""
        if self.model.card is None:
            return None, f"This model can't be used: {self.model.problem} Choose another one."
        try:
            return class_mapping(self.model.card, self.classes), ""
        except StudioError as error:
            return None, str(error)

    def _predict_as_needed(self) -> None:
        """Predict what is on screen and what comes next, where predictions are missing."""
        document = self._document
        if document is None or not self.auto_predict or self.model is None:
            return
        if (document.prediction is None or self.prediction_stale) and not document.approved:
            self._submit([document.name], CURRENT)
        if self.current in self.images and self.project is not None:
            place = self.images.index(self.current) + 1
            near = [name for name in self.images[place : place + 1] if name not in self.broken]
            missing = [
                name for name in near if not self.project.prediction_path(self.model.name, name).is_file()
            ]
            self._submit(missing, NEIGHBOUR)

    def _submit(self, names: list[str], priority: int, replace: bool = False) -> None:
        lut, problem = self._mapping()
        if problem and replace:
            self.failed.emit(problem, "")
        if lut is None or self.project is None or self.model is None or not names:
            return
        requests = []
        for name in names:
            opened = self._loader.get(name) if self._loader and priority == CURRENT else None
            image = opened.document.image if opened else None
            digest = opened.document.facts["image-hash"] if opened else ""
            requests.append(
                Request(
                    self.project,
                    name,
                    self.model,
                    lut,
                    image,
                    digest,
                    priority,
                    store=self.read_only is None,
                    replace=replace,
                )
            )
        self._queue.submit(*requests)

    @Slot()
    def _announce_prediction(self, *_: object) -> None:
        queue = self._queue
        name = queue.current.name if queue.current else ""
        self.predictionState.emit(
            PredictionState(queue.active, name, queue.fraction, queue.done, queue.total, self.device)
        )

    @Slot(object, object)
    def _predicted(self, request: Request, prediction: Prediction) -> None:
        """Put a prediction into the document it belongs to, if that is in memory and may take it."""
        self.broken.pop(request.name, None)
        opened = self._loader.get(request.name) if self._loader and request.project is self.project else None
        if opened is None:
            return
        document = opened.document
        wanted = self.model is not None and request.model.name == self.model.name
        kept = document.prediction is not None and document.painted and not request.replace
        if not wanted or kept or document.editing or not fits(prediction, document):
            return
        document.set_prediction(prediction)
        self.predictionChanged.emit(request.name)
        if document is self._document and not document.approved:
            self.maskChanged.emit(Rect.of(document.shape))

    @Slot(object, object)
    def _prediction_failed(self, request: Request, error: StudioError) -> None:
        if request.priority != NEIGHBOUR:
            self.failed.emit(f"{request.name} was not predicted: {error.message}", error.remedy)

    # -- training -----------------------------------------------------------------------------------------

    @property
    def run(self) -> RunFolder | None:
        """The training that is shown, if any."""
        return self._follower.run

    @property
    def run_events(self) -> list[Event]:
        """What that training said so far."""
        return self._follower.events

    @property
    def run_state(self) -> str:
        """none, starting, running, paused, finished, failed, stopped, discarded or interrupted."""
        return self._follower.state

    def training_plan(self) -> TrainingPlan:
        """What a training would learn from now; counted in a thread, then trainingChanged comes again."""
        if self._plan is None and self.project is not None:
            project = self.project
            self._plan = TrainingPlan.of_counts(project)
            self._tasks.submit("plan", lambda: make_plan(project))
        return self._plan or TrainingPlan()

    def start_training(self, settings: dict[str, Any] | None = None) -> None:
        """Start a training on what is finished. settings: see make_run; values of TrainingConfig override."""
        if self.project is None or self._writer is None or self._follower.active:
            return
        if not self._writer.flush(CLOSE_SECONDS):
            self.failed.emit("Unsaved work is in the way.", "Wait until everything is saved, then try again.")
            return
        try:
            run = make_run(self.project, self.model, settings or {})
            self._follower.begin(run)
        except (StudioError, OSError) as error:
            self.failed.emit(*_words(error))

    def resume_training(self) -> None:
        """Go on with a run whose process was killed."""
        if self.run is not None and self.run_state == "interrupted":
            try:
                self._follower.begin(self.run)
            except (StudioError, OSError) as error:
                self.failed.emit(*_words(error))

    def stop_training(self) -> None:
        """End the training at its next step and keep its best model."""
        self._follower.request("stop")

    def pause_training(self, pause: bool) -> None:
        """Let the training wait, or go on."""
        self._follower.request("pause" if pause else "resume")

    def discard_training(self) -> None:
        """End the training and throw it away."""
        self._follower.request("discard")

    def _find_run(self) -> None:
        """Find the training that was under way, or ended, while this window was closed."""
        runs = self.project.runs() if self.project else []
        if runs:
            self._follower.follow(RunFolder(runs[-1]))
        self.trainingChanged.emit()

    @Slot(object)
    def _training_ended(self, event: Event) -> None:
        run, project = self.run, self.project
        made = isinstance(event, Finished | Stopped) and bool(event.model)
        if made and run is not None and project is not None and project.read_only is None:
            self._tasks.submit(("publish", run.name), lambda: publish_run(project, run))
        self.trainingChanged.emit()

    def _published(self, entry: ModelEntry | None) -> None:
        """A new version is there: choose it."""
        if self.project is None or entry is None:
            return
        self._models = self.project.models()
        self.modelsChanged.emit()
        self.message.emit(f"{entry.name} is ready and now predicts. Choose another model to go back.")
        self.set_model(entry.name)
        self.trainingChanged.emit()

    # -- export and tasks ---------------------------------------------------------------------------------

    def export(
        self,
        format_name: str,
        destination: Path,
        which: Literal["approved", "all"] = "approved",
        layer: Literal["mask", "annotation", "prediction"] = "mask",
    ) -> None:
        """Write masks in a format in a thread; exported() or failed() says how it went. See export_masks."""
        if self.project is None or self._writer is None:
            return
        from unet_studio.formats.exporting import export_masks  # OpenCV and pycocotools: not at start-up

        if not self._writer.flush(CLOSE_SECONDS):
            self.failed.emit("Unsaved work is in the way.", "Wait until everything is saved, then try again.")
            return
        project = self.project
        self._tasks.submit(
            "export", lambda: export_masks(project, format_name, destination, which=which, layer=layer)
        )

    @Slot(object, object)
    def _task_done(self, key: Any, result: Any) -> None:
        if key == "plan":
            self._plan = result
            self.trainingChanged.emit()
        elif key == "export":
            self.exported.emit(result)
        elif isinstance(key, tuple) and key[0] == "publish":
            self._published(result)
        elif isinstance(key, tuple) and key[0] == "approve" and self.current == key[1]:
            self._edit(lambda document: document.approve(result))

    @Slot(object, object)
    def _task_failed(self, _key: Any, error: StudioError) -> None:
        self.failed.emit(error.message, error.remedy)


def _words(error: Exception) -> tuple[str, str]:
    """Message and remedy of what went wrong at the disk or in the project."""
    if isinstance(error, StudioError):
        return error.message, error.remedy
    return f"{error}.", "Check the disk and the permissions, then try again."
