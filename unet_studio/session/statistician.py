"""What the masks of the open project hold, in numbers: measured in a thread, image by image."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal, Slot

from unet_studio.core.errors import Cancelled, StudioError
from unet_studio.core.pixel_size import PixelSize
from unet_studio.core.project import Project
from unet_studio.core.statistics import ImageStatistics, measure, write_statistics
from unet_studio.core.statistics_columns import Columns
from unet_studio.jobs.tasks import TaskThread, as_studio_error
from unet_studio.jobs.writer import Writer
from unet_studio.session.exporter import SAVING
from unet_studio.session.pace import seconds_left

if TYPE_CHECKING:
    from unet_studio.formats.export_options import ExportOptions
    from unet_studio.session.session import Session

TELLING = 0.3  # s between two announcements of what was measured
LOOKED_AT = 20  # images that are asked how long their pixels are
TOGETHER = 500  # images announced at once, at most: the window takes them in within a frame


@dataclass(frozen=True)
class Measured:
    """What came of it. images: how many were measured. empty: those of which nothing is stored.

    problems: image -> why it could not be measured.
    """

    images: int
    empty: tuple[str, ...]
    problems: dict[str, str]


@dataclass(eq=False)
class _Job:
    """One measuring. stop: set where nobody waits any more."""

    options: "ExportOptions"
    project: Project
    writer: Writer
    stop: threading.Event


class Statistician(QObject):
    """One measuring at a time; a newer one takes the place of the one before.

    found(list of ImageStatistics, their Columns), in the order of the images, and progressed(done, total,
    seconds left or NaN); then finished(Measured), failed(StudioError) or cancelled(). saved(path), of save();
    listed(text), of list_rows(). pixelSizeChanged(): the project's is another. suggested(): what the files of
    its images say of it is known.
    """

    found = Signal(object, object)
    progressed = Signal(int, int, float)
    finished = Signal(object)
    failed = Signal(object)
    cancelled = Signal()
    pixelSizeChanged = Signal()
    suggested = Signal()
    saved = Signal(object)
    listed = Signal(str)
    _told = Signal(object, object, object, int, int, float)

    def __init__(self, session: "Session") -> None:
        super().__init__(session)
        self._session = session
        self._job: _Job | None = None
        self.suggestion: PixelSize | None = None
        self._asked: Project | None = None  # whose images were asked
        self._thread = TaskThread("statistics")
        self._thread.done.connect(self._done)
        self._thread.failed.connect(self._failed)
        self._told.connect(self._tell)

    def close(self) -> None:
        """The project is left."""
        self.cancel()
        self._thread.forget()
        self.suggestion, self._asked = None, None

    def stop(self) -> None:
        """End the thread."""
        self.close()
        self._thread.stop()

    # -- measuring ----------------------------------------------------------------------------------------

    @property
    def measuring(self) -> bool:
        """Whether masks are being measured."""
        return self._job is not None

    def measure(self, options: "ExportOptions") -> None:
        """Measure the stored layers that the options choose, as an export would write them."""
        project, writer = self._session.project, self._session.writer
        self._drop()
        if project is None or writer is None:
            return
        self._job = job = _Job(options, project, writer, threading.Event())
        self._thread.submit(job, lambda: self._carry_out(job))

    def cancel(self) -> None:
        """Stop measuring; what was found stays."""
        if self._job is not None:
            self._drop()
            self.cancelled.emit()

    def _drop(self) -> None:
        job, self._job = self._job, None
        if job is not None:
            job.stop.set()

    def _carry_out(self, job: _Job) -> Measured:
        """In the thread."""
        from unet_studio.formats.export_layers import StoredLayers  # OpenCV: not at start-up

        def watch() -> None:
            if job.stop.is_set():
                raise Cancelled

        job.writer.settle(SAVING, watch)
        layers = StoredLayers.chosen(job.project, job.options)
        began = told = time.monotonic()
        kept: list[ImageStatistics] = []
        total, done, first = len(layers.names), 0, 0

        def seen() -> None:
            nonlocal told, done, kept, first
            watch()
            done += 1
            now = time.monotonic()
            if now - told > TELLING or len(kept) >= TOGETHER or done == total:
                columns, left = Columns.of_images(kept, first), seconds_left(now - began, done, total)
                self._told.emit(job, kept, columns, done, total, left)
                first, kept, told = first + len(kept), [], now

        table = layers.mapping.table
        for sample in layers.samples(layers.names, seen):
            watch()
            status = job.project.status(sample.name).value
            kept.append(measure(sample.name, sample.labels, table, status))
        return Measured(total - len(layers.problems), layers.empty, dict(layers.problems))

    @Slot(object, object, object, int, int, float)
    def _tell(
        self, job: _Job, kept: list[ImageStatistics], columns: Columns, done: int, total: int, left: float
    ) -> None:
        if job is self._job:
            if kept:
                self.found.emit(kept, columns)
            self.progressed.emit(done, total, left)

    # -- what is done with it -----------------------------------------------------------------------------

    def save(self, path: Path, images: Sequence[ImageStatistics]) -> None:
        """Write what was measured as CSV; saved(path) or failed() says how it went."""
        project = self._session.project
        size = project.pixel_size if project else None
        self._thread.submit(("save", path), lambda: write_statistics(path, images, size))

    def list_rows(self, rows: Callable[[], str]) -> None:
        """Make a long text in the thread; listed(text) has it."""
        self._thread.submit(("list", None), rows)

    @property
    def pixel_size(self) -> PixelSize | None:
        """How long a pixel of the project's images is; None where nobody said."""
        return self._session.project.pixel_size if self._session.project else None

    def want_suggestion(self) -> None:
        """Ask once a project what its images say; suggested() comes when that is known."""
        project = self._session.project
        if project is None or project is self._asked:
            return
        self._asked = project
        paths = [project.image_path(name) for name in self._session.images[:LOOKED_AT]]
        self._thread.submit(("suggest", None), lambda: (project, _suggested(paths)))

    def set_pixel_size(self, size: PixelSize | None) -> None:
        """Say how long a pixel is; it is stored in the project."""
        project = self._session.project
        if project is None or size == project.pixel_size:
            return
        try:
            project.set_pixel_size(size)
        except (StudioError, OSError) as error:
            self._session.say_failed(as_studio_error(error))
        self.pixelSizeChanged.emit()

    @Slot(object, object)
    def _done(self, key: Any, result: Any) -> None:
        if isinstance(key, tuple):
            what, path = key
            if what == "save":
                self.saved.emit(path)
            elif what == "suggest":
                self._take_suggestion(*result)
            else:
                self.listed.emit(result)
        elif key is self._job:
            self._job = None
            self.finished.emit(result)

    def _take_suggestion(self, project: Project, found: PixelSize | None) -> None:
        if project is self._session.project:
            self.suggestion = found
            self.suggested.emit()

    @Slot(object, object)
    def _failed(self, key: Any, error: StudioError) -> None:
        if isinstance(key, tuple):
            self._session.say_failed(error)
        elif key is self._job:
            self._job = None
            self.failed.emit(error)


def _suggested(paths: Sequence[Path]) -> PixelSize | None:
    """In the thread."""
    from unet_studio.core.pixel_size_tags import first_suggestion  # readers of files: not at start-up

    return first_suggestion(iter(paths))
