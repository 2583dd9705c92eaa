"""The pinned image of the training that is shown: its frames and their pictures, read in a thread."""

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtGui import QImage

from unet_studio.core import pinned
from unet_studio.core.classes import ClassTable
from unet_studio.core.errors import StudioError
from unet_studio.core.overlays import Picture
from unet_studio.core.pinned import Frame
from unet_studio.core.render import overlay_picture
from unet_studio.core.run_folder import RunFolder
from unet_studio.jobs.tasks import TaskThread

if TYPE_CHECKING:
    from unet_studio.session.session import Session

THUMB = (84, 60)  # px, width and height at most
MOST_PICTURES = 16  # of full size that stay in memory, about 1 MB each

Found = tuple[list[int], list[tuple[Frame, QImage]], Path | None]


@dataclass(frozen=True)
class Look:
    """Which run in which colours; where either changes, every picture is made anew."""

    run: Path
    table: ClassTable


class Strip(QObject):
    """changed: there are other frames. pictured(step): the picture of a frame that was asked for is there."""

    changed = Signal()
    pictured = Signal(int)

    def __init__(self, session: "Session") -> None:
        super().__init__(session)
        self._session = session
        self._look: Look | None = None
        self.image: Path | None = None  # the file that is watched
        self._frames: dict[int, Frame] = {}
        self._thumbs: dict[int, QImage] = {}
        self._pictures: OrderedDict[int, QImage] = OrderedDict()
        self._tasks = TaskThread("pinned image", newest_first=True)
        self._tasks.done.connect(self._done)
        self._tasks.failed.connect(self._failed)
        session.trainer.changed.connect(self.refresh)
        session.classesChanged.connect(self.refresh)

    def close(self) -> None:
        """The project is left."""
        self._follow(None)

    def stop(self) -> None:
        """End the thread."""
        self._tasks.stop()

    @property
    def frames(self) -> list[Frame]:
        """The frames that are known by now, by step."""
        return [self._frames[step] for step in sorted(self._frames)]

    @property
    def best(self) -> int | None:
        """The step of the best frame so far; None where no validation found one."""
        return max((frame.step for frame in self._frames.values() if frame.best), default=None)

    def thumb(self, step: int) -> QImage:
        """A frame in small, THUMB at most."""
        return self._thumbs.get(step, QImage())

    def picture(self, step: int) -> QImage | None:
        """A frame at its full size; None while it is being read, then pictured comes."""
        look, found = self._look, self._pictures.get(step)
        if found is not None:
            self._pictures.move_to_end(step)
        elif look is not None and step in self._frames:
            self._tasks.submit(("picture", look), lambda: (step, _picture(look, step)))
        return found

    @Slot()
    def refresh(self) -> None:
        """Look for new frames of the training that is shown."""
        session = self._session
        run = session.trainer.run
        look = None if run is None else Look(run.path, session.classes)
        if look != self._look:
            self._follow(look)
        if look is not None:
            known = frozenset(self._frames)
            self._tasks.submit(("frames", look), lambda: _frames(look, known))

    def _follow(self, look: Look | None) -> None:
        self._tasks.forget()
        self._look, self.image = look, None
        for kept in (self._frames, self._thumbs, self._pictures):
            kept.clear()
        self.changed.emit()

    @Slot(object, object)
    def _done(self, key: tuple[str, Look], result: Any) -> None:
        if key[1] != self._look or result is None:
            return
        if key[0] == "picture":
            step, image = result
            self._pictures[step] = image
            while len(self._pictures) > MOST_PICTURES:
                self._pictures.popitem(last=False)
            self.pictured.emit(step)
            return
        steps, fresh, self.image = result
        gone = set(self._frames) - set(steps)
        for step in gone:
            del self._frames[step], self._thumbs[step]
        for frame, image in fresh:
            self._frames[frame.step], self._thumbs[frame.step] = frame, image
        if gone or fresh:
            self.changed.emit()

    @Slot(object, object)
    def _failed(self, _key: Any, error: StudioError) -> None:
        self._session.say_failed(error)


def _frames(look: Look, known: frozenset[int]) -> Found:
    """The steps there are, the frames that were not known, in small, and the image they are of."""
    steps = pinned.steps_of(look.run)[-2 * pinned.MOST_FRAMES :]
    unknown = [step for step in steps if step not in known]
    fresh = []
    for step in unknown:
        frame = pinned.read_frame(look.run, step)
        if frame is not None:
            size = Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
            fresh.append((frame, _picture(look, step).scaled(*THUMB, *size)))
    return steps, fresh, _image(look.run) if steps else None


def _image(run: Path) -> Path | None:
    try:
        path = RunFolder(run).config().pinned
    except StudioError:
        return None
    return Path(path) if path else None


def _picture(look: Look, step: int) -> QImage:
    """The classes of a frame over the image; grey where either can't be read."""
    labels, image = pinned.read_labels(look.run, step), pinned.read_image(look.run)
    if labels is None:
        return _qimage(np.full((3, 4, 3), 128, dtype=np.uint8))
    if image is None or image.shape[:2] != labels.shape:
        image = np.full((*labels.shape, 3), 128, dtype=np.uint8)
    return _qimage(_drawn(image, labels, look.table))


def _drawn(image: Picture, labels: NDArray[np.uint8], table: ClassTable) -> Picture:
    return overlay_picture(image, labels, table.palette(), 0.5, table.background)


def _qimage(picture: Picture) -> QImage:
    height, width = picture.shape[:2]
    return QImage(picture.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888).copy()
