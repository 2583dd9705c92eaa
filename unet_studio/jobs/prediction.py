"""Prediction in the background: one worker object in one QThread, and the queue that it serves.

The image on screen goes first, then its neighbours, then batch work. A request is cancelled within one tile;
a more urgent one takes over within one tile, and what it pushed aside is begun again later.
"""

import heapq
import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QThread, Signal, Slot

from unet_studio.core.document_files import IMAGE_HASH
from unet_studio.core.errors import Cancelled
from unet_studio.core.image_io import pixel_hash, read_image
from unet_studio.core.model_card import ModelEntry
from unet_studio.core.prediction import Prediction
from unet_studio.core.project import Project
from unet_studio.jobs.tasks import as_studio_error

if TYPE_CHECKING:
    from unet_studio.model import Model

CURRENT, NEIGHBOUR, BATCH = 0, 1, 2


@dataclass(frozen=True)
class Request:
    """Predict one image. lut: uint8 (256,), the model's class indices -> the project's.

    image: its pixels where they are in memory, else they are read. priority: CURRENT, NEIGHBOUR or BATCH.
    generation: requests of an older generation than the queue's are cancelled. store: write it to the
    project. replace: a person asked for it, so it may replace the prediction under painted pixels.
    """

    project: Project
    name: str
    model: ModelEntry
    lut: NDArray[np.uint8]
    image: NDArray[Any] | None = None
    image_hash: str = ""
    priority: int = BATCH
    generation: int = 0
    store: bool = True
    replace: bool = False
    order: int = field(default=0, compare=False)

    @property
    def key(self) -> tuple[int, str, str]:
        """What makes two requests the same work."""
        return self.generation, self.model.name, self.name


class PredictionWorker(QObject):
    """Lives in the prediction thread; takes the most urgent request, predicts, stores, announces."""

    progressed = Signal(object, float)  # Request, fraction
    predicted = Signal(object, object)  # Request, Prediction
    failed = Signal(object, object)  # Request, StudioError
    idle = Signal()
    wake = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.mutex = threading.Lock()
        self.waiting: dict[tuple[int, str, str], Request] = {}  # by key
        self._turns: list[tuple[int, int, tuple[int, str, str]]] = []  # heap: priority, order, key
        self.current: Request | None = None
        self.generation = 0
        self.device = "auto"
        self.threads: Callable[[], int] = lambda: 0
        self._model: tuple[Path, float, str, Model] | None = None
        self.wake.connect(self.work)

    @Slot()
    def work(self) -> None:
        """Serve requests until none waits."""
        while (request := self._take()) is not None:
            try:
                prediction = self._predict(request)
            except Cancelled:
                self._put_back(request)
            except Exception as error:
                self.failed.emit(request, as_studio_error(error))
            else:
                self.predicted.emit(request, prediction)
            with self.mutex:
                self.current = None
        self.idle.emit()

    def add(self, request: Request) -> None:
        """Let a request wait, in place of the same one; the mutex is held. As cheap however many wait."""
        self.waiting[request.key] = request
        heapq.heappush(self._turns, (request.priority, request.order, request.key))

    def clear(self) -> None:
        """Nothing waits any more; the mutex is held."""
        self.waiting.clear()
        self._turns.clear()

    def _next(self) -> Request | None:
        """The request whose turn it is, if one waits; turns of exchanged requests are passed over."""
        while self._turns:
            priority, order, key = self._turns[0]
            request = self.waiting.get(key)
            if request is not None and (request.priority, request.order) == (priority, order):
                return request
            heapq.heappop(self._turns)
        return None

    def _take(self) -> Request | None:
        with self.mutex:
            self.current = self._next()
            if self.current is not None:
                del self.waiting[self.current.key]
            return self.current

    def _put_back(self, request: Request) -> None:
        with self.mutex:
            if request.generation == self.generation and request.key not in self.waiting:
                self.add(request)

    def _check(self, request: Request, fraction: float) -> None:
        """The cancel point, called at every tile. Raises Cancelled where something else comes first."""
        with self.mutex:
            following = self._next()
            urgent = following is not None and following.priority < request.priority
            if request.generation != self.generation or urgent:
                raise Cancelled
        self.progressed.emit(request, fraction)

    def _predict(self, request: Request) -> Prediction:
        image = request.image
        if image is None:
            image = read_image(request.project.image_path(request.name))
        digest = request.image_hash or pixel_hash(image)
        self._check(request, 0.0)
        model = self._load(request.model)
        found = model.predict(image, lambda fraction: self._check(request, fraction))
        made = {**found.made, IMAGE_HASH: digest}
        prediction = replace(found, labels=request.lut[found.labels], model=request.model.name, made=made)
        if request.store and request.project.read_only is None:
            request.project.write_prediction(request.name, prediction)
        return prediction

    def _load(self, entry: ModelEntry) -> "Model":
        """The network of a model folder; loaded once while its file and the device stay the same."""
        from unet_studio.model import load_model  # torch is imported here, in this thread, when first needed
        from unet_studio.model.devices import set_threads

        set_threads(self.threads())
        changed = (entry.folder / "model.safetensors").stat().st_mtime
        if self._model is None or self._model[:3] != (entry.folder, changed, self.device):
            self._model = (entry.folder, changed, self.device, load_model(entry.folder, self.device))
        return self._model[3]


class PredictionQueue(QObject):
    """What the window sees of prediction: submit, cancel, and signals in the window's thread."""

    progressed = Signal(object, float)
    predicted = Signal(object, object)
    failed = Signal(object, object)
    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._thread = QThread()
        self._thread.setObjectName("prediction")
        self._worker = PredictionWorker()
        self._worker.moveToThread(self._thread)
        self._worker.progressed.connect(self._progressed)
        self._worker.predicted.connect(self._predicted)
        self._worker.failed.connect(self._failed)
        self._worker.idle.connect(self._idle)
        self._order = itertools.count()
        self._current: Request | None = None
        self.fraction = 0.0
        self.done = 0
        self.total = 0

    @property
    def active(self) -> bool:
        """Whether work runs or waits."""
        return self.done < self.total

    @property
    def current(self) -> Request | None:
        """The request in work, as last heard."""
        return self._current

    def submit(self, *requests: Request) -> None:
        """Queue requests; the same work asked for again only becomes more urgent."""
        worker = self._worker
        with worker.mutex:
            for request in requests:
                wanted = replace(request, generation=worker.generation, order=next(self._order))
                same = worker.waiting.get(wanted.key)
                if worker.current is not None and worker.current.key == wanted.key and not wanted.replace:
                    continue
                if same is not None:
                    wanted = replace(wanted, priority=min(wanted.priority, same.priority))
                else:
                    self.total += 1
                worker.add(wanted)
        if not self._thread.isRunning():
            self._thread.start(QThread.Priority.LowPriority)
        worker.wake.emit()
        self.changed.emit()

    def cancel(self) -> None:
        """Drop all requests; the one in work ends at its next tile."""
        with self._worker.mutex:
            self._worker.generation += 1
            self._worker.clear()
        self._reset()

    def set_device(self, device: str, threads: Callable[[], int]) -> None:
        """Where to compute from the next request on; threads(): CPU threads to use, 0 for all."""
        self._worker.device, self._worker.threads = device, threads

    def stop(self) -> None:
        """Cancel, and wait for the thread to end."""
        self.cancel()
        self._thread.quit()
        self._thread.wait()

    def _reset(self) -> None:
        self.done = self.total = 0
        self.fraction, self._current = 0.0, None
        self.changed.emit()

    def _stale(self, request: Request) -> bool:
        return request.generation != self._worker.generation

    @Slot(object, float)
    def _progressed(self, request: Request, fraction: float) -> None:
        if not self._stale(request):
            self._current, self.fraction = request, fraction
            self.progressed.emit(request, fraction)

    @Slot(object, object)
    def _predicted(self, request: Request, prediction: Prediction) -> None:
        if not self._stale(request):
            self.done += 1
        self.predicted.emit(request, prediction)
        self.changed.emit()

    @Slot(object, object)
    def _failed(self, request: Request, error: object) -> None:
        if not self._stale(request):
            self.done += 1
            self.failed.emit(request, error)
            self.changed.emit()

    @Slot()
    def _idle(self) -> None:
        with self._worker.mutex:
            idle = not self._worker.waiting and self._worker.current is None
        if idle:
            self._reset()
