"""The worker of the prediction thread: takes the most urgent request, predicts, announces.

Other threads read the images that come next and store what was predicted before, so that the network, and
the card that it runs on, need not wait for files.
"""

import errno
import heapq
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal, Slot

from unet_studio.core.decoding import NoRoomError
from unet_studio.core.document_files import IMAGE_HASH
from unet_studio.core.errors import Cancelled, StudioError
from unet_studio.core.image_io import pixel_hash, read_image, read_info
from unet_studio.core.memory import amount, free_memory
from unet_studio.core.model_card import MODEL_FILE, ModelEntry
from unet_studio.core.prediction import Prediction
from unet_studio.core.prediction_files import read_made
from unet_studio.core.prediction_wish import PredictionWish
from unet_studio.core.project import Project, Status
from unet_studio.jobs.documents import AHEAD_BYTES, opening_need
from unet_studio.jobs.reading_ahead import AHEAD, Read, ReadingAhead
from unet_studio.jobs.tasks import as_studio_error

if TYPE_CHECKING:
    from unet_studio.model import Model
    from unet_studio.model.predict import Prepared

CURRENT, NEIGHBOUR, BATCH = 0, 1, 2
REPORT_SECONDS = 0.05  # between two reports of progress
LOOK_SECONDS = 0.02  # between two looks whether an image that is awaited is still wanted

Key = tuple[int, str, str, str, bool]
MakeRoom = Callable[[Project, int], int]  # bytes that a full disk lacks -> bytes that came free


@dataclass(frozen=True)
class Request:
    """Predict one image. lut: uint8 (256,), the model's class indices -> the project's.

    image: its pixels where they are in memory, else they are read. priority: CURRENT, NEIGHBOUR or BATCH.
    generation: requests of an older generation than the queue's are cancelled. store: write it to the
    project; in an answer, whether it was written. replace: a person asked for it, so it may replace the
    prediction under painted pixels. wish: how to predict. browsing: nobody asked for it by name, so it is
    dropped once a person has gone on to other images.
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
    wish: PredictionWish = field(default_factory=PredictionWish)
    browsing: bool = False
    order: int = field(default=0, compare=False)

    @property
    def key(self) -> Key:
        """What makes two requests the same work."""
        return self.generation, self.model.name, self.name, self.wish.mode, self.wish.tta


class UnusableModelError(Exception):
    """No image can be predicted, because the model or its device can't be used. reason: for people."""

    def __init__(self, reason: StudioError) -> None:
        super().__init__(str(reason))
        self.reason = reason


class NotNeeded(Exception):
    """A request turned out to need no work: it is there already, or too large for what nobody asked for."""


class PredictionWorker(QObject):
    """Lives in the prediction thread.

    failed, lost: images have no prediction. unstored: one has, and it could not be written.
    dropped(generation, count): so many requests will have no answer. waiting, current, storing (what is
    predicted and not yet announced) and generation belong to the mutex.
    """

    progressed = Signal(object, float)  # Request, fraction
    loading = Signal(object)  # Request: its model is being loaded
    predicted = Signal(object, object)  # Request, Prediction
    failed = Signal(object, object)  # Request, StudioError
    lost = Signal(object, object)  # requests that a model which can't be used leaves, StudioError
    unstored = Signal(object, object)  # Request, StudioError
    dropped = Signal(int, int)
    devices = Signal(object)  # (name, title) of each that can compute, once that is known
    idle = Signal()
    wake = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.mutex = threading.Lock()
        self.waiting: dict[Key, Request] = {}
        self._turns: list[tuple[int, int, Key]] = []  # heap: priority, order, key
        self.current: Request | None = None
        self.storing: Request | None = None
        self.unwanted = False  # whether nobody waits for the current request any more
        self.generation = 0
        self.threads: Callable[[], int] = lambda: 0
        self.make_room: MakeRoom = lambda _project, _need: 0
        self.is_painted: Callable[[str], bool] = lambda _name: False
        self._model: tuple[Path, float, str, Model] | None = None
        self._ahead = ReadingAhead()
        self._writer: ThreadPoolExecutor | None = None  # of one thread
        self._written: Future[None] | None = None
        self._told = 0.0
        self._looked = False  # whether devices was emitted
        self.wake.connect(self.work)

    @Slot()
    def work(self) -> None:
        """Serve requests until none waits."""
        while (request := self._take()) is not None:
            try:
                prediction = self._predict(request)
                self._store_soon(request, prediction)
                del prediction  # the thread may wait for long, and would keep it in memory
            except Cancelled:
                self._put_back(request)
            except NotNeeded:
                self.dropped.emit(request.generation, 1)
            except UnusableModelError as error:
                self._drop_model(request, error.reason)
            except Exception as error:
                self.failed.emit(request, as_studio_error(error))
            with self.mutex:
                self.current = None
        self._ahead.want(())
        self._await_storing()
        self.idle.emit()

    def stop(self) -> None:
        """End the threads beside; the worker's own has ended."""
        self._ahead.stop()
        if self._writer is not None:
            self._writer.shutdown()

    # -- the queue, whose mutex is held by the caller -----------------------------------------------------

    def add(self, request: Request) -> None:
        """Let a request wait, in place of the same one. As cheap however many wait."""
        self.waiting[request.key] = request
        heapq.heappush(self._turns, (request.priority, request.order, request.key))

    def clear(self) -> None:
        """Nothing waits any more."""
        self.waiting.clear()
        self._turns.clear()

    def under_way(self, key: Key) -> Request | None:
        """What is being predicted or stored for the same work, unless nobody waits for it."""
        current = None if self.unwanted else self.current
        return next((one for one in (current, self.storing) if one is not None and one.key == key), None)

    def _next(self) -> Request | None:
        """The request whose turn it is, if one waits; turns of exchanged requests are passed over."""
        while self._turns:
            priority, order, key = self._turns[0]
            request = self.waiting.get(key)
            if request is not None and (request.priority, request.order) == (priority, order):
                return request
            heapq.heappop(self._turns)
        return None

    def _coming(self, count: int) -> list[Request]:
        """The requests whose turns come next."""
        found: list[Request] = []
        while len(found) < count and (request := self._next()) is not None:
            found.append(request)
            heapq.heappop(self._turns)
        for request in found:
            heapq.heappush(self._turns, (request.priority, request.order, request.key))
        return found

    # -- in the thread ------------------------------------------------------------------------------------

    def _take(self) -> Request | None:
        with self.mutex:
            self.unwanted, self._told = False, 0.0
            self.current = self._next()
            if self.current is not None:
                del self.waiting[self.current.key]
            return self.current

    def _put_back(self, request: Request) -> None:
        """Let a request wait that another one took the turn of; one that nobody wants any more goes."""
        with self.mutex:
            gone = self.unwanted or request.generation != self.generation
            again = not gone and request.key not in self.waiting
            if again:
                self.add(request)
        if not again:
            self.dropped.emit(request.generation, 1)

    def _drop_model(self, request: Request, reason: StudioError) -> None:
        """Forget what waits for a model that can't be used on a device: all fail for the same reason.

        Every image that somebody asked for is told; of images ahead nothing is said.
        """
        meant = request.model.name, request.wish.device
        with self.mutex:
            same = [one for one in self.waiting.values() if (one.model.name, one.wish.device) == meant]
            for one in same:
                del self.waiting[one.key]
        failed = [one for one in (request, *same) if one.priority != NEIGHBOUR] or [request]
        if len(failed) <= len(same):
            self.dropped.emit(request.generation, len(same) + 1 - len(failed))
        self.lost.emit(failed, reason)

    def _check(self, request: Request, fraction: float) -> None:
        """The cancel point, several in every tile. Raises Cancelled where something else comes first."""
        with self.mutex:
            following = self._next()
            urgent = following is not None and following.priority < request.priority
            if request.generation != self.generation or urgent or self.unwanted:
                raise Cancelled
        now = time.monotonic()
        if now - self._told >= REPORT_SECONDS:
            self._told = now
            self.progressed.emit(request, fraction)

    def _predict(self, request: Request) -> Prediction:
        begun = self._ahead.take(request.key)
        if request.browsing and request.priority != CURRENT and _is_there(request):
            raise NotNeeded
        model = self._usable(request)
        if request.image is None:
            read = (begun and self._awaited(request, begun)) or _read(model, request)
        else:
            read = Read(request.image, request.image_hash or pixel_hash(request.image))
        self._check(request, 0.0)
        self._read_ahead(model, request)
        found = self._run(model, request, read.image)
        self._check(request, 1.0)  # what a class that is deleted now has changed must not be stored
        made = {**found.made, IMAGE_HASH: read.digest}
        return replace(found, labels=request.lut[found.labels], model=request.model.name, made=made)

    def _read_ahead(self, model: "Model", request: Request) -> None:
        """Let other threads read what comes next, where it is for the model that is loaded."""
        with self.mutex:
            coming = self._coming(AHEAD)
        same = [
            one
            for one in coming
            if one.image is None and one.model is request.model and one.wish.device == request.wish.device
        ]
        self._ahead.want((one.key, partial(_read_if_small, model, one)) for one in same)

    def _awaited(self, request: Request, begun: Future[Read | None]) -> Read | None:
        """What another thread reads; waiting for it can be cancelled."""
        while True:
            try:
                return begun.result(LOOK_SECONDS)
            except TimeoutError:
                if begun.done():
                    raise
                self._check(request, 0.0)

    def _run(self, model: "Model", request: Request, image: "NDArray[Any] | Prepared") -> Prediction:
        from unet_studio.model import PredictSettings

        settings = PredictSettings(mode=request.wish.mode, tta=request.wish.tta)
        return model.predict(image, lambda fraction: self._check(request, fraction), settings)

    def _store_soon(self, request: Request, prediction: Prediction) -> None:
        """Store and announce a prediction in another thread, once the one before is."""
        self._await_storing()
        with self.mutex:
            self.storing = request
        if self._writer is None:
            self._writer = ThreadPoolExecutor(1, "storing predictions")
        self._written = self._writer.submit(self._finish, request, prediction)

    def _await_storing(self) -> None:
        if self._written is not None:
            self._written.result()
            self._written = None

    def _finish(self, request: Request, prediction: Prediction) -> None:
        """Store and announce; what was cancelled meanwhile is neither."""
        with self.mutex:
            gone = request.generation != self.generation
        if not gone:
            stored = self._store(request, prediction)
            self.predicted.emit(stored, prediction)
        with self.mutex:
            self.storing = None

    def _store(self, request: Request, prediction: Prediction) -> Request:
        """Write it where it may be written; a full disk is made room on once. Returns what came of it."""
        if not (request.store and self._may_be_written(request)):
            return replace(request, store=False)
        try:
            try:
                request.project.write_prediction(request.name, prediction)
            except OSError as error:
                full = error.errno in (errno.ENOSPC, errno.EDQUOT)
                if not full or not self.make_room(request.project, prediction.nbytes):
                    raise
                request.project.write_prediction(request.name, prediction)
        except Exception as error:
            self.unstored.emit(request, as_studio_error(error))
            return replace(request, store=False)
        return request

    def _may_be_written(self, request: Request) -> bool:
        """Whether the project can be written to, and no one else's correction rests on what is stored there.

        A correction may not be saved yet.
        """
        project = request.project
        if project.read_only is not None:
            return False
        untouched = project.status(request.name) is Status.UNLABELLED and not self.is_painted(request.name)
        return (
            untouched
            or request.replace
            or not project.prediction_path(request.model.name, request.name).is_file()
        )

    def _usable(self, request: Request) -> "Model":
        try:
            return self._load(request)
        except Cancelled:
            raise
        except FileNotFoundError as error:
            told = StudioError(
                f"The model {request.model.name} is gone: there is no {request.model.folder}.",
                "Choose another model, or put this one back.",
            )
            raise UnusableModelError(told) from error
        except Exception as error:
            raise UnusableModelError(as_studio_error(error)) from error

    def _load(self, request: Request) -> "Model":
        """The network of a model folder; loaded once while its file and the device stay the same."""
        folder, device = request.model.folder, request.wish.device
        changed = (folder / MODEL_FILE).stat().st_mtime
        if self._model is None or self._model[:3] != (folder, changed, device):
            self.loading.emit(request)
            self._model = None  # two of them may not fit into a graphics card
            from unet_studio.model.torch_libraries import load_torch_libraries

            load_torch_libraries()
            from unet_studio.model import load_model  # torch is imported here, in this thread, when needed

            self._look_for_devices()
            self._model = (folder, changed, device, load_model(folder, device))
        from unet_studio.model.devices import set_threads

        set_threads(self.threads())
        return self._model[3]

    def _look_for_devices(self) -> None:
        from unet_studio.model import describe_devices

        if not self._looked:
            self._looked = True
            self.devices.emit([(found.name, found.title) for found in describe_devices()])


def _read(model: "Model", request: Request) -> Read:
    """The image of a request, as its model wants it. Raises NoRoomError where it does not fit into memory."""
    _ensure_room(request)
    image = read_image(request.project.image_path(request.name))
    return Read(model.prepare(image), pixel_hash(image))


def _read_if_small(model: "Model", request: Request) -> Read | None:
    """The same ahead of its turn; None where it is to be read, or found not to be needed, at its turn."""
    need = opening_need(read_info(request.project.image_path(request.name)))
    if need > min(AHEAD_BYTES, free_memory() / 2) / AHEAD or (request.browsing and _is_there(request)):
        return None
    return _read(model, request)


def _is_there(request: Request) -> bool:
    """Whether a prediction by the model is stored that is as careful as is asked for, and of this image."""
    project, name = request.project, request.name
    found = read_made(project.prediction_path(request.model.name, name))
    same = found is not None and found[0] == request.model.name and request.wish.met_by(found[1])
    return same and not project.image_is_newer(request.model.name, name)


def _ensure_room(request: Request) -> None:
    """Raise NoRoomError where an image does not fit into the memory, NotNeeded where nobody asked for it."""
    path = request.project.image_path(request.name)
    need, free = opening_need(read_info(path)), free_memory()
    if request.priority == NEIGHBOUR and need > min(AHEAD_BYTES, free / 2):
        raise NotNeeded
    if need > free:
        raise NoRoomError(
            f"{path} needs {amount(need)} of memory to be predicted; {amount(free)} are free.",
            "Close other programs and try again, or cut it into smaller images.",
        )
