"""Which model predicts, what it predicts next, and where its answers go."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer, Signal, Slot

from unet_studio.core.document import Document
from unet_studio.core.document_files import IMAGE_HASH, fits
from unet_studio.core.errors import StudioError
from unet_studio.core.geometry import Rect
from unet_studio.core.model_card import ModelEntry, class_mapping
from unet_studio.core.prediction import Prediction
from unet_studio.core.prediction_files import read_made
from unet_studio.core.prediction_store import GIGABYTE, Tidied, keep_within
from unet_studio.core.prediction_wish import PredictionWish
from unet_studio.core.project import Project, Status
from unet_studio.core.words import count
from unet_studio.jobs.prediction import BATCH, CURRENT, NEIGHBOUR, PredictionQueue, Request
from unet_studio.jobs.tasks import TaskThread
from unet_studio.session.prediction_run import Pace, PredictionState, Report
from unet_studio.session.prediction_shelf import Shelf

if TYPE_CHECKING:
    from unet_studio.session.session import Session

AT_ONCE = 200  # images of a batch that are queued in one go
AHEAD = 3  # images predicted ahead in the direction in which a person goes
KEPT_GB = 20  # of predictions on disk
TIDY_SHARE = 0.05  # of the limit: after so much was written, predictions on disk are counted again


@dataclass(frozen=True)
class Batch:
    """Images to predict that a thread looks for. again: also those that have a prediction."""

    model: ModelEntry
    wish: PredictionWish
    images: Sequence[str]
    again: bool = False


class Predictor(QObject):
    """The session's model and its predictions.

    wish: how to predict. ahead: how many images to predict before a person gets there. kept_gb: how much of
    predictions to keep on disk, 0 for all. report: what came of predicting since it was last asked for.
    """

    modelsChanged = Signal()
    modelChanged = Signal()
    stateChanged = Signal(object)  # PredictionState
    predicted = Signal(str)  # the document of that name shows another prediction
    stored = Signal(str)  # another prediction of the image of that name is on disk
    staleChanged = Signal()  # what is shown is stale now, or no longer
    reportChanged = Signal()
    devicesFound = Signal()  # see devices

    def __init__(self, session: "Session") -> None:
        super().__init__(session)
        self.model: ModelEntry | None = None
        self.auto = True
        self.wish = PredictionWish()
        self.ahead = AHEAD
        self.kept_gb = KEPT_GB
        self.report = Report()
        self._session = session
        self._models: list[ModelEntry] = []
        self._postponed: tuple[Request, Prediction] | None = None
        self._batch: list[str] = []  # images to predict that are not queued yet
        self._cancelled = 0  # how often: what was asked for before is then of no interest
        self._batching = False  # whether a batch was asked for since the queue was empty last
        self._failed_before: set[str] = set()  # images that are not tried again unasked
        self._was_stale = False
        self._written = 0  # bytes of predictions since those on disk were counted last
        self._pace = Pace()
        self._shelf = Shelf()
        self._tasks = TaskThread("predictor")
        self._tasks.done.connect(self._task_done)
        self._tasks.failed.connect(self._not_found)
        self._keeper = TaskThread("choice of model")  # alone: what is cancelled must not take it along
        self._keeper.failed.connect(self._not_found)
        self._reader = TaskThread("stored predictions")
        self._reader.done.connect(self._read)
        self._queue = PredictionQueue()
        self._queue.set_up(self._threads, self._make_room, self._is_painted)
        self._queue.changed.connect(self._announce)
        self._queue.progressed.connect(self._progressed)
        self._queue.predicted.connect(self._answered)
        self._queue.failed.connect(self._failed)
        self._queue.lost.connect(self._lost)
        self._queue.unstored.connect(self._unstored)
        self._queue.finished.connect(self._finished)
        self._queue.devicesFound.connect(self.devicesFound)
        session.classesChanged.connect(self._shelf.clear)  # their indices mean something else
        for signal in (session.documentChanged, session.historyChanged):
            signal.connect(self._check_stale)

    def open(self, project: Project) -> None:
        """Begin with a project: its models, and the one it used last."""
        self._forget()
        self._models = project.shown_models()
        self.model = next((entry for entry in self._models if entry.name == project.model), None)
        self.modelsChanged.emit()
        self.modelChanged.emit()

    def close(self) -> None:
        """Let go of the project."""
        self.cancel()
        self._keeper.forget()
        self._forget()
        self._models, self.model, self._postponed = [], None, None

    def _forget(self) -> None:
        self._shelf.clear()
        self._failed_before.clear()
        self._written = 0
        self.forget_report()

    def stop(self) -> None:
        """End the threads."""
        self._tasks.stop()
        self._keeper.stop()
        self._reader.stop()
        self._queue.stop()

    def refresh(self, models: list[ModelEntry] | None = None) -> None:
        """Look at the models on disk again. models: those of the project, where a thread has read them."""
        project = self._session.project
        if models is None:
            models = project.shown_models() if project else []
        self._models = models
        self._failed_before.clear()
        self.modelsChanged.emit()

    # -- what there is ------------------------------------------------------------------------------------

    def models(self) -> list[ModelEntry]:
        """The models one can choose."""
        return self._models

    @property
    def predicts(self) -> bool:
        """Whether a model is chosen that can predict; masks that were imported are none."""
        return self.model is not None and not self.model.imported

    @property
    def model_name(self) -> str | None:
        """The name of the chosen model."""
        return self.model.name if self.model else None

    @property
    def devices(self) -> list[tuple[str, str]]:
        """Name and title of what can compute here; empty until PyTorch was loaded."""
        return self._queue.devices

    @property
    def problem(self) -> str:
        """Why the chosen model can't predict here, with the remedy, or ""."""
        return self._mapping()[1]

    @property
    def stale(self) -> bool:
        """Whether the prediction shown is another than the chosen model's, and nobody corrected it.

        It may be of another model, or made in a way less careful than is wished now.
        """
        document = self._session.document
        if document is None or self.model is None or not self._may_be_stale(document):
            return False
        return not document.approved and not document.painted

    @property
    def stale_because(self) -> str:
        """In a few words why what is shown is stale, or ""."""
        document = self._session.document
        shown = document.prediction if document is not None else None
        if shown is None or not self.stale:
            return ""
        if shown.model != self.model_name:
            return f"by {shown.model}" if shown.model else "by another model"
        return "in fast mode" if shown.made.get("mode") != self.wish.mode else "without flips"

    def _may_be_stale(self, document: Document) -> bool:
        """The same without looking at pixels."""
        shown = document.prediction
        return shown is not None and not (shown.model == self.model_name and self.wish.met_by(shown.made))

    # -- what is chosen -----------------------------------------------------------------------------------

    def set_model(self, name: str | None) -> None:
        """Choose the model that predicts; None for none."""
        project = self._session.project
        if project is None:
            return
        self.model = next((entry for entry in self._models if entry.name == name), None)
        project.try_model(name)
        self._keeper.submit("model", lambda: project.set_model(name))
        self.cancel()
        self._failed_before.clear()
        self.forget_report()
        self.modelChanged.emit()
        self._check_stale()
        self.as_needed()

    def set_auto(self, on: bool) -> None:
        """Whether images are predicted as one browses."""
        self.auto = on
        if not on:
            self._queue.browse()
        self.modelChanged.emit()
        self.as_needed()

    def set_wish(self, wish: PredictionWish) -> None:
        """How to predict from now on; a batch under way ends as it was begun."""
        if wish == self.wish:
            return
        self.wish = wish
        self._failed_before.clear()
        self._queue.browse()
        self.modelChanged.emit()
        self._check_stale()
        self.as_needed()

    def set_device(self, device: str) -> None:
        """Where to predict: auto, cpu, cuda, cuda:N or mps."""
        self.set_wish(replace(self.wish, device=device))

    def set_ahead(self, count: int) -> None:
        """How many images to predict ahead."""
        self.ahead = count
        self.as_needed()

    def set_kept_gb(self, gigabytes: int) -> None:
        """How much of predictions to keep on disk, in GB; 0 for all."""
        self.kept_gb = gigabytes
        self._tidy()

    # -- what to do ---------------------------------------------------------------------------------------

    def predict_current(self) -> None:
        """Predict the image on screen; a new prediction replaces the one under painted pixels too."""
        if self.model is not None and self.model.imported:
            self._session.message.emit(self.model.problem)
        if self._session.document is not None:
            self._begin_report()
            self._submit([self._session.document.name], CURRENT, asked=True)

    def predict_all(self, again: bool = False) -> None:
        """Predict every image without a stored prediction as it is wished; a thread finds out which.

        again: also those that have one, but for images that somebody paints or approved.
        """
        self.predict_these(self._session.images, again)

    def predict_these(self, names: Sequence[str], again: bool = True) -> None:
        """Predict some images, in the background; see predict_all."""
        model = self.model
        if model is not None and model.imported:
            self._session.failed.emit(model.problem, "")
        elif model is not None and self.problem:
            self._session.failed.emit(self.problem, "")
        elif self._session.read_only and len(names) > 1:
            self._session.failed.emit(
                "Predictions of many images can't be stored here: the project can't be changed.",
                "Images that you open are predicted; unet-studio predict writes all to another folder.",
            )
        elif model is not None and names:
            self._begin_report()
            batch = Batch(model, self.wish, names, again)
            asked = self._cancelled
            self._tasks.submit("missing", lambda: (asked, batch, self._wanted(batch)))

    def _wanted(self, batch: Batch) -> list[str]:
        """Which of the images are to be predicted. Runs in a thread."""
        project, known = self._session.project, batch.model.name
        if project is None:
            return []
        wanted = []
        for name in batch.images:
            path = project.prediction_path(known, name)
            there = path.is_file()
            if there and batch.again:
                there = project.status(name) is not Status.UNLABELLED
            elif there:
                found = read_made(path)
                there = found is not None and batch.wish.met_by(found[1])
                there = there and not project.image_is_newer(known, name)
                there = there or project.status(name) is not Status.UNLABELLED
            if not there and name not in self._session.broken:
                wanted.append(name)
        return wanted

    @Slot(object, object)
    def _task_done(self, key: object, found: Any) -> None:
        if key == "missing":
            self._missing_found(*found)

    def _missing_found(self, asked: int, batch: Batch, wanted: list[str]) -> None:
        if asked != self._cancelled or batch.model is not self.model or self._session.project is None:
            return
        broken = [name for name in batch.images if name in self._session.broken]
        for name in broken:
            self.report.fail(name, StudioError(self._session.broken[name], ""))
        self.reportChanged.emit()
        left_out = len(batch.images) - len(wanted) - len(broken)
        if not wanted:
            reason = "is painted or approved and keeps its prediction" if batch.again else "has a prediction"
            self._session.message.emit(f"Every image {reason}{'' if batch.again else ' by this model'}.")
        elif batch.again and left_out:
            images = "1 image keeps its" if left_out == 1 else f"{left_out:,} images keep their"
            self._session.message.emit(f"{images} prediction: somebody painted or approved there.")
        self._batch += wanted
        self._batching = self._batching or bool(wanted)
        self._submit_some()

    @Slot(object, object)
    def _not_found(self, _key: object, error: StudioError) -> None:
        self._session.say_failed(error)

    @Slot()
    def _submit_some(self) -> None:
        """Queue a part of the batch; the window has its turn between two parts."""
        some, self._batch = self._batch[:AT_ONCE], self._batch[AT_ONCE:]
        if some:
            self._submit(some, BATCH)
        if self._batch:
            QTimer.singleShot(0, self._submit_some)

    def cancel(self) -> None:
        """Stop predicting, within one tile."""
        self._cancelled += 1
        self._batch, self._batching = [], False
        self._tasks.forget()
        self._reader.forget()
        self._queue.cancel()

    def as_needed(self) -> None:
        """Show what is stored of the image on screen, and predict what is missing of it and of what follows.

        What is stored is shown also where nothing is to be predicted unasked.
        """
        session, model = self._session, self.model
        document = session.document
        if document is None or model is None:
            return
        wanted = self._following() if self.auto and not model.imported else []
        if document.approved or not (document.prediction is None or self.stale):
            self._browse(wanted)
            return
        kept = self._shelf.get(model.name, document.name)
        request = self._request(document.name, CURRENT, browsing=True)
        if request is None:
            return
        if kept is not None and self._suits(kept, document):
            self._show(request, kept)
            self._browse(wanted)
        else:
            self._browse(wanted, keep=document.name)
            self._reader.submit("stored", partial(_stored, request), limit=1)

    def _following(self) -> list[str]:
        """The next images in the direction in which a person goes."""
        session = self._session
        beside = (session.browser.beside(step * session.direction) for step in range(1, self.ahead + 1))
        return [name for name in beside if name is not None and name not in session.broken]

    def _browse(self, following: Sequence[str], current: Request | None = None, keep: str = "") -> None:
        """Predict these while one looks at the image on screen, and no longer what was wanted before.

        keep: an image of which it isn't known yet whether it is wanted.
        """
        names = [name for name in following if name not in self._failed_before]
        requests = [self._request(name, NEIGHBOUR, browsing=True) for name in names]
        self._queue.browse(*(one for one in (current, *requests) if one is not None), keep=keep)

    @Slot(object, object)
    def _read(self, _key: object, found: tuple[Request, Prediction | None]) -> None:
        """What is stored of an image was read: it is shown, or else the image is predicted."""
        request, prediction = found
        session, document = self._session, self._session.document
        if request.project is not session.project or request.model is not self.model or document is None:
            return
        if prediction is not None and self._suits(prediction, document, request):
            self._shelf.put(request.name, prediction)
            self._show(request, prediction)
        elif document.name == request.name and self._may_predict(request):
            self._browse(self._following(), request)

    def _may_predict(self, request: Request) -> bool:
        """Whether the image on screen is to be predicted unasked."""
        usable = self.auto and not request.model.imported and not self.problem
        return usable and request.name not in self._failed_before

    def _suits(self, prediction: Prediction, document: Document, request: Request | None = None) -> bool:
        """Whether a prediction is of this image's pixels, and as careful as is wished."""
        name = request.name if request else document.name
        return name == document.name and fits(prediction, document) and self.wish.met_by(prediction.made)

    def drag_ended(self) -> None:
        """Show the answer that came while a stroke was open."""
        if self._postponed is not None:
            answer, self._postponed = self._postponed, None
            self._show(*answer)

    def _threads(self) -> int:
        """One CPU thread while a training runs beside, else all."""
        return 1 if self._session.trainer.state == "running" else 0

    def _is_painted(self, name: str) -> bool:
        """Whether an image in memory has painted pixels. Runs in other threads."""
        document = self._session.in_memory(name)
        return document is not None and (document.editing or document.painted)

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

    def _request(
        self, name: str, priority: int, asked: bool = False, browsing: bool = False
    ) -> Request | None:
        """A request as things are now; None where nothing can be predicted."""
        project, model = self._session.project, self.model
        lut = np.arange(256, dtype=np.uint8) if model is not None and model.imported else self._mapping()[0]
        if lut is None or project is None or model is None:
            return None
        document = self._session.in_memory(name) if priority == CURRENT else None
        return Request(
            project,
            name,
            model,
            lut,
            document.image if document else None,
            document.facts[IMAGE_HASH] if document else "",
            priority,
            store=project.read_only is None,
            replace=asked,
            wish=self.wish,
            browsing=browsing,
        )

    def _submit(self, names: list[str], priority: int, asked: bool = False) -> None:
        problem = self.problem
        if problem and asked:
            self._session.failed.emit(problem, "")
        if self.model is not None and self.model.imported:
            self.as_needed()
            return
        requests = [self._request(name, priority, asked) for name in names]
        self._queue.submit(*(one for one in requests if one is not None))

    # -- answers ------------------------------------------------------------------------------------------

    @Slot(object, float)
    def _progressed(self, *_: object) -> None:
        self._pace.begin()
        self._announce()

    @Slot()
    def _announce(self) -> None:
        queue = self._queue
        if not queue.active:
            self._pace.reset()
        request = queue.current
        device = request.wish.device if request else self.wish.device
        self.stateChanged.emit(
            PredictionState(
                queue.active,
                request.name if request else "",
                queue.fraction,
                queue.done,
                queue.total,
                device,
                self._pace.rate,
                self._pace.seconds_left(queue.total - queue.done - queue.fraction),
                queue.loading,
            )
        )

    @Slot(object, object)
    def _answered(self, request: Request, prediction: Prediction) -> None:
        if request.project is not self._session.project:
            return
        now = self._session.classes.successors()
        if now is not None:  # it may have been under way here while a class was deleted
            prediction = replace(prediction, labels=now[prediction.labels])
        self._pace.step()
        self._note(prediction)
        self.report.done += not request.browsing
        self._failed_before.discard(request.name)
        self._shelf.put(request.name, prediction)
        if request.store:
            self._written += prediction.nbytes
            self._session.browser.note(request.name, prediction)
            self.stored.emit(request.name)
        self._show(request, prediction)

    def _note(self, prediction: Prediction) -> None:
        """Say once what had to be done another way, as where memory ran out."""
        for note in prediction.made.get("notes", ()):
            if self.report.note(note):
                self._session.message.emit(f"{note[:1].upper()}{note[1:]}.")
                self.reportChanged.emit()

    def _show(self, request: Request, prediction: Prediction) -> None:
        """Put a prediction into the document it belongs to, if that is in memory and may take it."""
        document = self._session.in_memory(request.name)
        if document is None or request.project is not self._session.project:
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
        self._check_stale()
        if document is self._session.document and not document.approved:
            self._session.maskChanged.emit(Rect.of(document.shape))

    @Slot()
    def _check_stale(self) -> None:
        """Announce where what is shown became stale, or is so no longer."""
        stale = self.stale
        if stale is not self._was_stale:
            self._was_stale = stale
            self.staleChanged.emit()

    @Slot(object, object)
    def _failed(self, request: Request, error: StudioError) -> None:
        """It goes into the report; only who waits for this very image is told at once."""
        if request.project is not self._session.project:
            return
        self._failed_before.add(request.name)
        if request.priority == NEIGHBOUR:
            return
        self.report.fail(request.name, error)
        self.reportChanged.emit()
        if request.replace:
            self._session.failed.emit(f"{request.name} was not predicted: {error.message}", error.remedy)

    @Slot(object, object)
    def _lost(self, requests: list[Request], error: StudioError) -> None:
        """A model can't be used: all that waited for it failed, for one reason that is told once."""
        first = requests[0]
        if first.project is self._session.project:
            for request in requests[1:]:
                self._failed_before.add(request.name)
                self.report.fail(request.name, error)
            self._failed(first, error)

    @Slot(object, object)
    def _unstored(self, request: Request, error: StudioError) -> None:
        if request.project is self._session.project:
            said = StudioError(f"It is predicted, but could not be stored: {error.message}", error.remedy)
            self.report.fail(request.name, said)
            self.reportChanged.emit()

    @Slot()
    def _finished(self) -> None:
        """The queue is empty: say what came of a batch, and look what the disk holds."""
        batching, self._batching = self._batching, False
        report = self.report
        if batching and not self._batch:
            failed = f"; {len(report.failures):,} failed, see the Model panel" if report.failures else ""
            images = count(report.done, "image")
            self._session.message.emit(f"{images} predicted{failed}.")
        self.reportChanged.emit()
        if batching or self._written > TIDY_SHARE * self.kept_gb * GIGABYTE:
            self._tidy()

    def _begin_report(self) -> None:
        """A person asks for something: what came of what was asked before is over, unless it still runs."""
        if not self._queue.active:
            self.forget_report()

    def forget_report(self) -> None:
        """What came of predicting was seen. A note is not said again."""
        self.report = Report(notes=self.report.notes)
        self.reportChanged.emit()

    # -- the disk -----------------------------------------------------------------------------------------

    def _tidy(self) -> None:
        """Keep what is on disk within the limit, in a thread."""
        project, self._written = self._session.project, 0
        if project is None or project.read_only is not None or not self.kept_gb or not self._models:
            return
        if self._session.exporter.running is None and not self._session.importer.running:
            self._tasks.submit("tidy", partial(self._remove_spare, project, self.kept_gb * GIGABYTE))

    def _make_room(self, project: Project, need: int) -> int:
        """The disk is full: predictions that can be made again go first. Runs in the prediction thread."""
        return self._remove_spare(project, self.kept_gb * GIGABYTE or 2**62, need).freed

    def _remove_spare(self, project: Project, limit: int, need: int = 0) -> Tidied:
        in_use = {self.model_name or "", project.model or ""}
        held = self._session.in_memory
        return keep_within(project, limit, in_use, lambda name: held(name) is not None, need)


def _stored(request: Request) -> tuple[Request, Prediction | None]:
    """What is stored of what a request asks for."""
    return request, request.project.read_prediction(request.model.name, request.name)
