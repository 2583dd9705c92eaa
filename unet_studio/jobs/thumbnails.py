"""Thumbnails, made in a thread when they come into view, and kept in the project's index."""

import io

from PIL import Image
from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QImage

from unet_studio.core.errors import StudioError
from unet_studio.core.image_io import read_info, read_thumbnail
from unet_studio.core.index import ThumbnailIndex
from unet_studio.core.project import Project
from unet_studio.jobs.tasks import TaskThread

SIZE = 160  # px of the longer side
WAITING = 200  # requests kept; older ones have scrolled out of view


class Thumbnails(QObject):
    """ready(name, QImage) and failed(name, StudioError), in the window's thread."""

    ready = Signal(str, QImage)
    failed = Signal(str, object)

    def __init__(self, project: Project) -> None:
        super().__init__()
        self._project = project
        self._index: ThumbnailIndex | None = None
        self._thread = TaskThread("thumbnails", newest_first=True)
        self._thread.done.connect(self._done)
        self._thread.failed.connect(self._failed)

    def request(self, name: str) -> None:
        """Make or find the thumbnail of an image."""
        self._thread.submit(name, lambda: self._make(name), WAITING)

    def stop(self) -> None:
        """End the thread."""
        self._thread.stop()
        if self._index is not None:
            self._index.close()

    def _make(self, name: str) -> QImage:
        path = self._project.image_path(name)
        try:
            facts = path.stat()
        except OSError as error:
            raise StudioError(f"{name} can't be read: {error.strerror}.", "Restore the file.") from error
        stamp = (facts.st_mtime_ns, facts.st_size)
        index = self._open_index()
        packed = index.get(name, stamp) if index else None
        if packed is None:
            info = read_info(path)
            stream = io.BytesIO()
            Image.fromarray(read_thumbnail(path, SIZE)).save(stream, "JPEG", quality=85)
            packed = stream.getvalue()
            if index:
                index.put(name, stamp, packed, info.width, info.height)
        return unpacked(packed)

    def _open_index(self) -> ThumbnailIndex | None:
        if self._index is None and self._project.index_file is not None:
            self._index = ThumbnailIndex(self._project.index_file)
        return self._index

    @Slot(object, object)
    def _done(self, name: str, image: QImage) -> None:
        self.ready.emit(name, image)

    @Slot(object, object)
    def _failed(self, name: str, error: StudioError) -> None:
        self.failed.emit(name, error)


def unpacked(packed: bytes) -> QImage:
    """The picture in a JPEG; none where the bytes are no picture.

    Pillow reads it, not Qt: QImage.fromData asks all of Qt's readers while it holds Python's lock, and the
    one for SVG connects a signal. Where the window's thread disconnects one at that moment, each waits for
    the other for ever.
    """
    try:
        with Image.open(io.BytesIO(packed), formats=["JPEG"]) as picture:
            width, height = picture.size
            data = picture.convert("RGB").tobytes()
    except OSError:
        return QImage()
    return QImage(data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()
