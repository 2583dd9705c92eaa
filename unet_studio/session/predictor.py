"""Which model predicts, what it predicts next, and where its answers go."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer, Signal, Slot

from unet_studio.core.document_files import IMAGE_HASH, fits
from unet_studio.core.errors import StudioError
from unet_studio.core.geometry import Rect
from unet_studio.core.model_card import ModelEntry, class_mapping
from unet_studio.core.prediction import Prediction
from unet_studio.core.project import Project
from unet_studio.jobs.prediction import BATCH, CURRENT, NEIGHBOUR, PredictionQueue, Request
from unet_studio.jobs.tasks import TaskThread, as_studio_error

if TYPE_CHECKING:
    from unet_studio.session.session import Session

AT_ONCE = 200  # images of a batch that are queued in one go


@dataclass(frozen=True)
class PredictionState:
    """How far the prediction queue is. fraction: of the image `name`; done of total images."""

    active: bool = False
    name: str = ""
    fraction: float = 0.0
    done: int = 0
    total: int = 0
    device: str = ""


class Predictor(QObject):
    """The session's model and its predictions."""

    modelsChanged = Signal()
    modelChanged = Signal()
    stateChanged = Signal(object)  # PredictionState
    predicted = Signal(str)  # the document of that name shows another prediction
    stored = Signal(str)  # another prediction of the image of that name is on disk

    def __init__(self, session: "Session") -> None:
        super().__init__(session)
        self.model: ModelEntry | None = None
        self.auto = True
        self.device = "auto"
        self._session = session
        self._models: list[ModelEntry] = []
        self._postponed: tuple[Request, Prediction] | None = None
        self._batch: list[str] = []  # images to predict that are not queued yet
        self._tasks = TaskThread("predictor")
        self._tasks.done.connect(self._task_done)
        self._tasks.failed.connect(self._not_found)
        self._queue = PredictionQueue()
        self._queue.set_device(self.device, self._threads)
        self._queue.changed.connect(self._announce)
        self._queue.progressed.connect(self._announce)
        self._queue.predicted.connect(self._answered)
        self._queue.failed.connect(self._failed)

    def open(self, project: Project) -> None:
        """Begin with a project: its models, and the one it used last."""
        self._models = project.shown_models()
        self.model = next((entry for entry in self._models if entry.name == project.model), None)
        self.modelsChanged.emit()
        self.modelChanged.emit()

    def close(self) -> None:
        """Let go of the project."""
        self.cancel()
        self._models, self.model, self._postponed = [], None, None

    def stop(self) -> None:
        """End the threads."""
        self._tasks.stop()
        self._queue.stop()

    def refresh(self) -> None:
        """Look at the models on disk again."""
        project = self._session.project
        self._models = project.shown_models() if project else []
        self.modelsChanged.emit()

    # What there is

    def models(self) -> list[ModelEntry]:
        """The models one can choose."""
        return self._models

    @property
    def model_name(self) -> str | None:
        """The name of the chosen model."""
        return self.model.name if self.model else None

    @property
    def problem(self) -> str:
        """Why the chosen model can't predict here, with the remedy, or ""."""
        return self._mapping()[1]

    @property
    def stale(self) -> bool:
        """Whether the prediction shown is of another model than the chosen one, and nobody corrected it."""
        document = self._session.document
        if document is None or document.prediction is None or document.approved or document.painted:
            return False
        return self.model is not None and document.prediction.model != self.model.name

    # What to do

    def set_model(self, name: str | None) -> None:
        """Choose the model that predicts; None for none."""
        project = self._session.project
        if project is None:
            return
        self.model = next((entry for entry in self._models if entry.name == name), None)
        try:
            project.set_model(name)
        except (StudioError, OSError) as error:
            self._session.say_failed(as_studio_error(error))
        self.cancel()
        self.modelChanged.emit()
        self.as_needed()

    def set_auto(self, on: bool) -> None:
        """Whether images are predicted as one browses."""
        self.auto = on
        self.modelChanged.emit()
        self.as_needed()

    def set_device(self, device: str) -> None:
        """Where to predict: auto, cpu, cuda, cuda:N or mps."""
        self.device = device
        self._queue.set_device(device, self._threads)

    def predict_current(self) -> None:
        """Predict the image on screen; a new prediction replaces the one under painted pixels too."""
        if self.model is not None and self.model.imported:
            self._session.message.emit(self.model.problem)
        if self._session.document is not None:
            self._submit([self._session.document.name], CURRENT, replace=True)

    def predict_all(self) -> None:
        """Predict every image without a stored prediction by the chosen model; a thread finds out which."""
        model, names = self.model, self._session.images
        if model is not None and model.imported:
            self._session.failed.emit(model.problem, "")
        elif model is not None:
            self._tasks.submit("missing", lambda: (model, names, self._missing(names)))

    @Slot(object, object)
    def _task_done(self, key: object, found: Any) -> None:
        if key == "missing":
            self._missing_found(key, found)
        else:
            self._show(*found)

    def _missing_found(self, _key: object, found: tuple[ModelEntry, list[str], list[str]]) -> None:
        model, names, missing = found
        if model is not self.model or names is not self._session.images:
            return
        if not missing:
            self._session.message.emit("Every image has a prediction by this model.")
        self._batch = missing
        self._submit_some()

    @Slot(object, object)
    def _not_found(self, _key: object, error: StudioError) -> None:
        self._session.say_failed(error)

    @Slot()
    def _submit_some(self) -> None:
        """Queue a part of the batch; the window has its turn between two parts."""
        some, self._batch = self._batch[:AT_ONCE], self._batch[AT_ONCE:]
        self._submit(some, BATCH)
        if self._batch:
            QTimer.singleShot(0, self._submit_some)

    def cancel(self) -> None:
        """Stop predicting, within one tile."""
        self._batch = []
        self._tasks.forget()
        self._queue.cancel()

    def as_needed(self) -> None:
        """Predict what is on screen and what comes next, where predictions are missing."""
        session = self._session
        document = session.document
        if document is None or self.model is None or not (self.auto or self.model.imported):
            return
        if (document.prediction is None or self.stale) and not document.approved:
            self._submit([document.name], CURRENT)
        following = session.browser.beside(1)
        if following is not None:
            self._submit(self._missing([following]), NEIGHBOUR)

    def drag_ended(self) -> None:
        """Show the answer that came while a stroke was open."""
        if self._postponed is not None:
            answer, self._postponed = self._postponed, None
            self._show(*answer)

    def _missing(self, names: list[str]) -> list[str]:
        project, model = self._session.project, self.model_name
        if project is None or model is None:
            return []
        return [
            name
            for name in names
            if name not in self._session.broken and not project.prediction_path(model, name).is_file()
        ]

    def _threads(self) -> int:
        """One CPU thread while a training runs beside, else all."""
        return 1 if self._session.trainer.state == "running" else 0

    def _mapping(self) -> tuple[NDArray[np.uint8] | None, str]:
        """The look-up table from the model's classes to the project's, or why there is none."""
        if self.model is None or self.model.imported:
            return None, ""
        if self.model.card is None:
            return None, f"This model can't be used: {self.model.problem} Choose another one."
        try:
            return class_mapping(self.model.card, self._session.classes), ""
        except StudioError as error:
            return None, str(error)

    def _submit(self, names: list[str], priority: int, replace: bool = False) -> None:
        lut, problem = self._mapping()
        if problem and replace:
            self._session.failed.emit(problem, "")
        project = self._session.project
        if self.model is not None and self.model.imported and priority == CURRENT:
            self._read_imported(names, replace)
        if lut is None or project is None or self.model is None or not names:
            return
        requests = []
        for name in names:
            document = self._session.in_memory(name) if priority == CURRENT else None
            requests.append(
                Request(
                    project,
                    name,
                    self.model,
                    lut,
                    document.image if document else None,
                    document.facts[IMAGE_HASH] if document else "",
                    priority,
                    store=project.read_only is None,
                    replace=replace,
                )
            )
        self._queue.submit(*requests)

    def _read_imported(self, names: list[str], replace: bool) -> None:
        """Show what was imported as a prediction, where it is not shown: a thread reads it."""
        project, model = self._session.project, self.model
        if project is None or model is None:
            return
        nothing = np.arange(256, dtype=np.uint8)
        for name in names:
            request = Request(project, name, model, nothing, priority=CURRENT, store=False, replace=replace)
            self._tasks.submit(("imported", name), partial(_stored, request))

    # Answers

    @Slot()
    def _announce(self, *_: object) -> None:
        queue = self._queue
        name = queue.current.name if queue.current else ""
        self.stateChanged.emit(
            PredictionState(queue.active, name, queue.fraction, queue.done, queue.total, self.device)
        )

    @Slot(object, object)
    def _answered(self, request: Request, prediction: Prediction) -> None:
        if request.project is self._session.project:
            if request.store:
                self._session.browser.note(request.name, prediction)
                self.stored.emit(request.name)
            self._show(request, prediction)

    def _show(self, request: Request, prediction: Prediction | None) -> None:
        """Put a prediction into the document it belongs to, if that is in memory and may take it."""
        document = self._session.in_memory(request.name)
        if document is None or prediction is None or request.project is not self._session.project:
            return
        if request.model.name != self.model_name or not fits(prediction, document):
            return
        if document.editing:
            self._postponed = request, prediction
            return
        if document.prediction is not None and document.painted and not request.replace:
            return
        document.set_prediction(prediction)
        self.predicted.emit(request.name)
        if document is self._session.document and not document.approved:
            self._session.maskChanged.emit(Rect.of(document.shape))

    @Slot(object, object)
    def _failed(self, request: Request, error: StudioError) -> None:
        if request.priority != NEIGHBOUR:
            self._session.failed.emit(f"{request.name} was not predicted: {error.message}", error.remedy)


def _stored(request: Request) -> tuple[Request, Prediction | None]:
    """What is stored of what a request asks for."""
    return request, request.project.read_prediction(request.model.name, request.name)
