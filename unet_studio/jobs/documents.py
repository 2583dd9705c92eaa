"""Opens documents off the window's thread, and keeps the last few in memory."""

import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal, Slot

from unet_studio.core.decoding import NoRoomError
from unet_studio.core.document import Document
from unet_studio.core.document_files import load_document
from unet_studio.core.errors import Cancelled, StudioError
from unet_studio.core.image_io import ImageInfo, read_info
from unet_studio.core.kept_histories import Histories
from unet_studio.core.memory import amount, free_memory
from unet_studio.core.progress import Progress, part
from unet_studio.core.project import Project
from unet_studio.core.pyramid import Pyramid
from unet_studio.jobs.tasks import TaskThread

CACHE_BYTES = 1 << 30  # of documents that are kept beside the one on screen
AHEAD_BYTES = 1 << 28  # that an image may need which nobody asked for yet
LAYERS = 3  # bytes a pixel of annotation, predicted labels and their confidence
WORKING = 4  # bytes a pixel that reading a layer takes for a moment
PYRAMID = 1 / 12  # of the image's memory
RELEASE_SECONDS = 1.0  # so long a document that was dropped may take to give its memory back
REPORT_SECONDS = 0.05  # between two reports of progress
_READ = 0.9  # of the time of opening that reading takes; the rest is the pyramid


@dataclass(frozen=True)
class Opened:
    """A document with the picture levels that the canvas paints."""

    document: Document
    pyramid: Pyramid

    @property
    def nbytes(self) -> int:
        """About the memory it takes, in bytes."""
        pixels = self.document.shape[0] * self.document.shape[1]
        return self.document.image.nbytes + self.pyramid.nbytes + LAYERS * pixels


@dataclass
class Reading:
    """An image that is to be read or being read. wanted: a person waits for it. stopped: nobody does now."""

    name: str
    wanted: bool
    stopped: bool = False


def opening_need(info: ImageInfo) -> int:
    """The most memory that opening and correcting such an image takes, in bytes: all of it, layers too."""
    pixels = info.width * info.height
    kept = info.nbytes * PYRAMID + LAYERS * pixels
    return info.nbytes + round(max(info.working * pixels, kept + WORKING * pixels))


class DocumentLoader(QObject):
    """loaded(name) and failed(name, StudioError) in the window's thread; get(name) then has the document.

    progressed(name, fraction): of an image that a person waits for.
    """

    loaded = Signal(str)
    failed = Signal(str, object)
    progressed = Signal(str, float)

    def __init__(self, project: Project, in_use: Callable[[str], bool], histories: Histories) -> None:
        super().__init__()
        self._histories = histories
        self._project = project
        self._in_use = in_use
        self._thread = TaskThread("documents")
        self._thread.done.connect(self._done)
        self._thread.failed.connect(self._failed)
        self._kept: OrderedDict[str, Opened] = OrderedDict()
        self._lock = threading.RLock()  # of what is kept and of what is read: the thread makes room by itself
        self._reading: Reading | None = None
        self._asked: Reading | None = None
        self._age = 0  # what was read before the last drop_all is out of date
        self._ages: Counter[str] = Counter()  # and of an image, what was read before it was dropped last

    def get(self, name: str) -> Opened | None:
        """A document that is in memory; it becomes the one used last."""
        with self._lock:
            if name in self._kept:
                self._kept.move_to_end(name)
            return self._kept.get(name)

    def request(self, name: str, model: str | None) -> None:
        """Open an image next; what waits is no longer wanted, and the reading of another one stops."""
        self._thread.forget()
        with self._lock:
            if self._reading is not None and self._reading.name == name and not self._reading.stopped:
                self._reading.wanted = True
                return
            self._stop_reading()
            self._asked = Reading(name, wanted=True)
            self._submit(self._asked, model)

    def prefetch(self, names: list[str], model: str | None) -> None:
        """Open these when nothing else is to be done, as far as they are not large."""
        with self._lock:
            for name in names:
                if name not in self._kept and (self._reading is None or self._reading.name != name):
                    self._submit(Reading(name, wanted=False), model)

    def cancel(self) -> None:
        """Read nothing any more that was asked for."""
        self._thread.forget()
        with self._lock:
            self._stop_reading()

    def drop(self, name: str) -> None:
        """Forget a document; the next request reads its files again."""
        with self._lock:
            self._ages[name] += 1
            self._kept.pop(name, None)
            if self._reading is not None and self._reading.name == name:
                self._reading.stopped = True

    def drop_all(self) -> None:
        """Forget every document, also the one that is being read: all files are others."""
        self.cancel()
        with self._lock:
            self._kept.clear()
            self._age += 1

    def clear(self) -> None:
        """Forget every document that is not in use."""
        with self._lock:
            for name in [name for name in self._kept if not self._in_use(name)]:
                self._leave(name)

    def stop(self) -> None:
        """End the thread."""
        self.cancel()
        self._thread.stop()

    # -- in the thread ------------------------------------------------------------------------------------

    def _submit(self, reading: Reading, model: str | None) -> None:
        age = self._age, self._ages[reading.name]
        self._thread.submit(reading.name, lambda: (age, self._open(reading, model)))

    def _open(self, reading: Reading, model: str | None) -> Opened:
        with self._lock:
            self._reading = reading
        try:
            self._ensure_room(reading)
            progress = self._progress(reading)
            document = load_document(self._project, reading.name, model, part(progress, 0.0, _READ))
            opened = Opened(document, Pyramid.build(document.image, progress=part(progress, _READ, 1.0)))
            progress(1.0)
            self._histories.enter(document)
            return opened
        finally:
            with self._lock:
                self._reading = None

    def _progress(self, reading: Reading) -> Progress:
        """What tells the window how far it is, not too often, and stops what nobody waits for."""
        said = time.monotonic()

        def report(fraction: float) -> None:
            nonlocal said
            if reading.stopped:
                raise Cancelled
            now = time.monotonic()
            if reading.wanted and now - said > REPORT_SECONDS:
                said = now
                self.progressed.emit(reading.name, fraction)

        return report

    def _ensure_room(self, reading: Reading) -> None:
        """Make room for an image by dropping others; raise NoRoomError where it does not fit even so.

        Raises Cancelled for a large image that nobody asked for.
        """
        if reading.stopped:
            raise Cancelled
        path = self._project.image_path(reading.name)
        need = opening_need(read_info(path))
        free = free_memory()
        with self._lock:
            if not reading.wanted and need > min(AHEAD_BYTES, free / 2):
                reading.stopped = True
                raise Cancelled
        if need > free:
            self.clear()
            deadline = time.monotonic() + RELEASE_SECONDS
            while need > (free := free_memory()) and time.monotonic() < deadline:
                time.sleep(0.05)
        if need > free:
            raise NoRoomError(
                f"{path} needs {amount(need)} of memory to be worked on; {amount(free)} are free.",
                "Close other programs and open it again, or cut it into smaller images.",
            )

    # -- in the window's thread ---------------------------------------------------------------------------

    @Slot(object, object)
    def _done(self, name: str, found: tuple[tuple[int, int], Opened]) -> None:
        age, opened = found
        if age != (self._age, self._ages[name]):
            return
        with self._lock:
            if name not in self._kept:
                self._kept[name] = opened
                self._shrink()
        self.loaded.emit(name)

    @Slot(object, object)
    def _failed(self, name: str, error: StudioError) -> None:
        self.failed.emit(name, error)

    def _stop_reading(self) -> None:
        for reading in (self._reading, self._asked):
            if reading is not None:
                reading.stopped = True

    def _shrink(self) -> None:
        """Forget the documents used longest ago, but never one with unsaved work or on screen."""
        spare = [name for name in self._kept if not self._in_use(name)]
        total = sum(self._kept[name].nbytes for name in spare)
        for name in spare[:-1]:
            if total <= CACHE_BYTES:
                return
            total -= self._leave(name).nbytes

    def _leave(self, name: str) -> Opened:
        """Forget a document, but not its history."""
        opened = self._kept.pop(name)
        self._histories.leave(opened.document)
        return opened
