"""Opens documents off the window's thread, and keeps the last few with their undo history."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal, Slot

from unet_studio.core.document import Document
from unet_studio.core.document_files import load_document
from unet_studio.core.errors import StudioError
from unet_studio.core.kept_histories import Histories
from unet_studio.core.project import Project
from unet_studio.core.pyramid import Pyramid
from unet_studio.jobs.tasks import TaskThread

CACHE_BYTES = 1 << 30


@dataclass(frozen=True)
class Opened:
    """A document with the picture levels that the canvas paints."""

    document: Document
    pyramid: Pyramid

    @property
    def nbytes(self) -> int:
        """About the memory it takes, in bytes."""
        pixels = self.document.shape[0] * self.document.shape[1]
        return self.document.image.nbytes + 7 * pixels + self.document.history.nbytes


class DocumentLoader(QObject):
    """loaded(name) and failed(name, StudioError) in the window's thread; get(name) then has the document."""

    loaded = Signal(str)
    failed = Signal(str, object)

    def __init__(self, project: Project, in_use: Callable[[str], bool], histories: Histories) -> None:
        super().__init__()
        self._histories = histories
        self._project = project
        self._in_use = in_use
        self._thread = TaskThread("documents")
        self._thread.done.connect(self._done)
        self._thread.failed.connect(self._failed)
        self._kept: OrderedDict[str, Opened] = OrderedDict()
        self._age = 0  # what was read before the last drop_all is out of date

    def get(self, name: str) -> Opened | None:
        """A document that is in memory; it becomes the one used last."""
        if name in self._kept:
            self._kept.move_to_end(name)
        return self._kept.get(name)

    def request(self, name: str, model: str | None) -> None:
        """Open an image next; what waited before it is no longer wanted."""
        self._thread.forget()
        age = self._age
        self._thread.submit(name, lambda: (age, self._open(name, model)))

    def prefetch(self, names: list[str], model: str | None) -> None:
        """Open these when nothing else is to be done."""
        age = self._age
        for name in names:
            if name not in self._kept:
                self._thread.submit(name, lambda name=name: (age, self._open(name, model)))  # type: ignore[misc]

    def drop(self, name: str) -> None:
        """Forget a document; the next request reads its files again."""
        self._kept.pop(name, None)

    def drop_all(self) -> None:
        """Forget every document, also the one that is being read: all files are others."""
        self._thread.forget()
        self._kept.clear()
        self._age += 1

    def clear(self) -> None:
        """Forget every document that is not in use."""
        for name in [name for name in self._kept if not self._in_use(name)]:
            self._leave(name)

    def stop(self) -> None:
        """End the thread."""
        self._thread.stop()

    def _open(self, name: str, model: str | None) -> Opened:
        document = load_document(self._project, name, model)
        self._histories.enter(document)
        return Opened(document, Pyramid.build(document.image))

    @Slot(object, object)
    def _done(self, name: str, found: tuple[int, Opened]) -> None:
        age, opened = found
        if age != self._age:
            return
        if name not in self._kept:
            self._kept[name] = opened
            self._shrink()
        self.loaded.emit(name)

    @Slot(object, object)
    def _failed(self, name: str, error: StudioError) -> None:
        self.failed.emit(name, error)

    def _shrink(self) -> None:
        """Forget the documents used longest ago, but never one with unsaved work or on screen."""
        total = sum(opened.nbytes for opened in self._kept.values())
        for name in list(self._kept)[:-1]:
            if total <= CACHE_BYTES:
                return
            if not self._in_use(name):
                total -= self._leave(name).nbytes

    def _leave(self, name: str) -> Opened:
        """Forget a document, but not its history."""
        opened = self._kept.pop(name)
        self._histories.leave(opened.document)
        return opened
