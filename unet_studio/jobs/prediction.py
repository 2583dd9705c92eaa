"""Prediction in the background: one worker object in one QThread, and the queue that it serves.

The image on screen goes first, then its neighbours, then batch work. A request is cancelled within one tile;
a more urgent one takes over within one tile, and what it pushed aside is begun again later.
"""

import itertools
from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QObject, QThread, Signal, Slot

from unet_studio.jobs.prediction_worker import (
    BATCH,
    CURRENT,
    NEIGHBOUR,
    MakeRoom,
    PredictionWorker,
    Request,
)

__all__ = ["BATCH", "CURRENT", "NEIGHBOUR", "PredictionQueue", "Request"]


class PredictionQueue(QObject):
    """What the window sees of prediction: submit, browse, cancel, and signals in the window's thread.

    done of total: requests since the queue was empty last. finished(): it is empty again, its work done.
    """

    progressed = Signal(object, float)
    predicted = Signal(object, object)
    failed = Signal(object, object)
    lost = Signal(object, object)
    unstored = Signal(object, object)
    changed = Signal()
    finished = Signal()
    devicesFound = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._thread = QThread()
        self._thread.setObjectName("prediction")
        self._worker = PredictionWorker()
        self._worker.moveToThread(self._thread)
        self._worker.progressed.connect(self._progressed)
        self._worker.loading.connect(self._loading)
        self._worker.predicted.connect(self._predicted)
        self._worker.failed.connect(self._failed)
        self._worker.lost.connect(self._lost)
        self._worker.unstored.connect(self.unstored)
        self._worker.dropped.connect(self._dropped)
        self._worker.idle.connect(self._idle)
        self._worker.devices.connect(self._devices)
        self._order = itertools.count()
        self._current: Request | None = None
        self.fraction = 0.0
        self.loading = False
        self.devices: list[tuple[str, str]] = []
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
        with self._worker.mutex:
            for request in requests:
                self._add(request)
        self._wake(bool(requests))

    def browse(self, *requests: Request, keep: str = "") -> None:
        """Queue what is wanted while a person looks at an image; what was wanted before for others goes.

        keep: an image that may be wanted still; what waits or runs for it stays.
        """
        worker = self._worker
        with worker.mutex:
            wanted = {replace(request, generation=worker.generation).key for request in requests}
            for key, request in list(worker.waiting.items()):
                if request.browsing and key not in wanted and request.name != keep:
                    del worker.waiting[key]
                    self.total -= 1
            current = worker.current
            if current is not None and current.browsing:
                worker.unwanted = current.key not in wanted and current.name != keep
            for request in requests:
                self._add(request)
        self._wake(bool(requests))

    def _add(self, request: Request) -> None:
        """Let a request wait; the mutex is held."""
        worker = self._worker
        wanted = replace(request, generation=worker.generation, order=next(self._order))
        same, running = worker.waiting.get(wanted.key), worker.under_way(wanted.key)
        if running is not None and not wanted.replace and (wanted.browsing or not running.browsing):
            return
        if same is not None:
            wanted = replace(
                wanted,
                priority=min(wanted.priority, same.priority),
                browsing=wanted.browsing and same.browsing,
                replace=wanted.replace or same.replace,
            )
        else:
            self.total += 1
        worker.add(wanted)

    def _wake(self, any_work: bool) -> None:
        if any_work and not self._thread.isRunning():
            self._thread.start(QThread.Priority.LowPriority)
        if any_work:
            self._worker.wake.emit()
        self.changed.emit()

    def cancel(self) -> None:
        """Drop all requests; the one in work ends at its next cancel point, within a tile."""
        with self._worker.mutex:
            self._worker.generation += 1
            self._worker.clear()
        self._reset()

    def set_up(
        self, threads: Callable[[], int], make_room: MakeRoom, is_painted: Callable[[str], bool]
    ) -> None:
        """threads(): CPU threads to use, 0 for all. make_room: what is asked when the disk is full.

        is_painted(image): whether somebody corrects it, saved or not. All are called in other threads.
        """
        worker = self._worker
        worker.threads, worker.make_room, worker.is_painted = threads, make_room, is_painted

    def stop(self) -> None:
        """Cancel, and wait for the thread to end."""
        self.cancel()
        self._thread.quit()
        self._thread.wait()
        self._worker.stop()

    def _reset(self) -> None:
        self.done = self.total = 0
        self.fraction, self._current, self.loading = 0.0, None, False
        self.changed.emit()

    def _stale(self, generation: int) -> bool:
        return generation != self._worker.generation

    @Slot(object, float)
    def _progressed(self, request: Request, fraction: float) -> None:
        if not self._stale(request.generation):
            self._current, self.fraction, self.loading = request, fraction, False
            self.progressed.emit(request, fraction)

    @Slot(object)
    def _loading(self, request: Request) -> None:
        if not self._stale(request.generation):
            self._current, self.fraction, self.loading = request, 0.0, True
            self.changed.emit()

    @Slot(object, object)
    def _predicted(self, request: Request, prediction: object) -> None:
        if not self._stale(request.generation):
            self.done += 1
            self.fraction = 0.0
        self.predicted.emit(request, prediction)
        self.changed.emit()

    @Slot(object, object)
    def _failed(self, request: Request, error: object) -> None:
        if not self._stale(request.generation):
            self.done += 1
            self.fraction = 0.0
            self.failed.emit(request, error)
            self.changed.emit()

    @Slot(object, object)
    def _lost(self, requests: list[Request], error: object) -> None:
        of_now = [request for request in requests if not self._stale(request.generation)]
        if of_now:
            self.done += len(of_now)
            self.fraction = 0.0
            self.lost.emit(of_now, error)
            self.changed.emit()

    @Slot(object)
    def _devices(self, found: list[tuple[str, str]]) -> None:
        self.devices = found
        self.devicesFound.emit()

    @Slot(int, int)
    def _dropped(self, generation: int, count: int) -> None:
        if not self._stale(generation):
            self.total -= count
            self.changed.emit()

    @Slot()
    def _idle(self) -> None:
        with self._worker.mutex:
            worker = self._worker
            idle = not worker.waiting and worker.current is None and worker.storing is None
        if idle:
            worked = self.total > 0
            self._reset()
            if worked:
                self.finished.emit()
