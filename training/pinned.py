"""One image that a person watches: what the model says of it at the start and after every validation.

Of a large image the middle is taken, so that a look costs no more than a validation image or two. The images
of the run itself are not touched, and no random number is drawn: a run learns the same with it and without.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from unet_studio.core.errors import Cancelled, StudioError
from unet_studio.core.events import Note
from unet_studio.core.image_io import read_image
from unet_studio.core.overlays import PictureStyle, plain
from unet_studio.core.pinned import SIDE, Frame, read_frame, steps_of, thin, write_frame, write_image
from unet_studio.core.pixels import Pixels
from unet_studio.core.run_folder import RunFolder
from unet_studio.model.predict import Model
from unet_studio.model.preprocess import resized_shape

MOST_PIXELS = 1 << 20  # that the network looks at, at its own scale
MOST_KEPT = 1 << 26  # pixels of the image that stay in memory


@dataclass
class Pinned:
    """The pinned image of a run. path: the image's file, "" for none; best: the best step so far."""

    run: RunFolder
    path: str
    best: int | None = None
    _image: Pixels | None = None

    def look(
        self, model: Model, step: int, dice: float, best: bool, check: Callable[[], None]
    ) -> Iterator[Note]:
        """Store what the model says at this step, unless that has been done.

        dice: of the validation at this step, NaN for none. check: called in every part; raises Cancelled
        where the run is to end, and then there is no frame. Whatever else goes wrong is said once in a Note:
        after that the run goes on without its pinned image.
        """
        if not self.path:
            return
        try:
            seen = steps_of(self.run.path)
            if self.best is None:  # a run that goes on
                found = (read_frame(self.run.path, one) for one in seen)
                self.best = max(
                    (frame.step for frame in found if frame is not None and frame.best), default=None
                )
            self.best = step if best else self.best
            if step in seen:
                return
            image = self._read(model)
            check()
            prediction = model.predict(image, lambda _fraction: check())
            write_frame(self.run.path, Frame(step, dice if math.isfinite(dice) else None, best), prediction)
            thin(self.run.path, self.best)
        except Cancelled:
            return
        except Exception as error:
            self.path, self._image = "", None
            reason = error.message if isinstance(error, StudioError) else error or type(error).__name__
            yield Note(f"The pinned image is no longer followed: {reason}")

    def _read(self, model: Model) -> Pixels:
        """The image, or the middle of it, read once; its picture is stored for whoever shows it."""
        if self._image is None:
            image = read_image(Path(self.path))
            self._image = middle(image, _side_of(image, model)).copy()
            write_image(self.run.path, plain(self._image, PictureStyle(side=SIDE)))
        return self._image


def _side_of(image: Pixels, model: Model) -> float:
    """The share of either side of an image that a look covers, 0..1."""
    height, width = resized_shape(image.shape[:2], model.card.preprocessing)
    looked_at, kept = MOST_PIXELS / (height * width), MOST_KEPT / (image.shape[0] * image.shape[1])
    return min(1.0, math.sqrt(min(looked_at, kept)))


def middle(image: Pixels, share: float) -> Pixels:
    """The middle of an image, (H, W) or (H, W, C), with this share of either side."""
    height, width = (max(1, int(length * share)) for length in image.shape[:2])
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return image[top : top + height, left : left + width]
