"""An image at every halving, so that a view of any size costs what is on screen and not what is in the file.

Level 0 is the image itself, never copied; level n has a pixel for every 2**n x 2**n of it, in the image's own
dtype, so that brightness and contrast are chosen when a tile is shown. Level 1, which would take a quarter of
the image's memory, is made of level 0 whenever it is looked at (a tile of 256 px: 0.1 ms); the levels above
it are kept and take a twelfth.
"""

from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.display import Display
from unet_studio.core.geometry import TILE, Rect
from unet_studio.core.progress import Progress, unwatched

MANY = 4  # channels that OpenCV shrinks quickly together
BAND = 1024  # rows of a level that are made between two reports of progress


@dataclass(frozen=True)
class Pyramid:
    """image: (H, W) or (H, W, C). kept: levels 2, 3, ... down to one tile. display: how all are shown."""

    image: NDArray[Any]
    kept: tuple[NDArray[Any], ...]
    display: Display

    @classmethod
    def build(
        cls, image: NDArray[Any], display: Display | None = None, progress: Progress = unwatched
    ) -> "Pyramid":
        """Make all levels; takes a while for a large image, so call it off the window's thread.

        display: what suits the image where None. progress(fraction) is called after every band and is the
        cancel point: it may raise Cancelled.
        """
        import_module("cv2")  # here, so that the window's thread never waits for it
        pyramid = cls(image, (), display or Display.of(image))
        total = max(sum(height * width for height, width in _shapes(image.shape)[2:]), 1)
        done = 0
        for level, (height, width) in enumerate(_shapes(image.shape)[2:], start=2):
            made = np.empty((height, width, *image.shape[2:]), dtype=image.dtype)
            for top in range(0, height, BAND):
                bottom = min(top + BAND, height)
                below = Rect(2 * top, 0, 2 * bottom, 2 * width).clip(pyramid.level_shape(level - 1))
                made[top:bottom] = halve(pyramid.pixels(level - 1, below))
                done += (bottom - top) * width
                progress(done / total)
            pyramid = replace(pyramid, kept=(*pyramid.kept, made))
        return pyramid

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the image in px."""
        return self.level_shape(0)

    @property
    def levels(self) -> range:
        """The numbers of the levels; the last is the first that one tile holds."""
        return range(len(_shapes(self.shape)))

    @property
    def nbytes(self) -> int:
        """The memory that the levels above the image take, in bytes."""
        return sum(level.nbytes for level in self.kept)

    def level_shape(self, level: int) -> tuple[int, int]:
        """Height and width of a level in its own px."""
        half = (1 << level) - 1
        return (self.image.shape[0] + half) >> level, (self.image.shape[1] + half) >> level

    def pixels(self, level: int, rect: Rect) -> NDArray[Any]:
        """The values of a level, (rect.height, rect.width[, C]), read-only; rect is in px of that level."""
        if level == 1:
            return halve(self._below(rect))
        return (self.image if level == 0 else self.kept[level - 2])[rect.slices]

    def _below(self, rect: Rect) -> NDArray[Any]:
        """The pixels of the image under a rectangle of level 1."""
        below = Rect(2 * rect.top, 2 * rect.left, 2 * rect.bottom, 2 * rect.right)
        return self.image[below.clip(self.shape).slices]

    def region(self, level: int, rect: Rect) -> NDArray[np.uint8]:
        """What to show of a level, uint8 (rect.height, rect.width, 3); rect is in px of that level."""
        if level == 1 and self.image.ndim == 3 and self.image.shape[2] > MANY:
            channels, display = self.display.narrowed()
            below = self._below(rect)
            return display.apply(np.stack([halve(below[..., channel]) for channel in channels], axis=-1))
        return self.display.apply(self.pixels(level, rect))

    def with_display(self, display: Display) -> "Pyramid":
        """The same levels shown in another way."""
        return replace(self, display=display)


def halve(image: NDArray[Any]) -> NDArray[Any]:
    """Means of 2 x 2 px, (ceil(H/2), ceil(W/2)[, C]), same dtype; an odd last row or column counts alone.

    So a pixel of the result always stands for the same square of the image, whatever its size.
    """
    import cv2

    height, width = image.shape[:2]
    if height % 2 or width % 2:
        edges = ((0, height % 2), (0, width % 2)) + ((0, 0),) * (image.ndim - 2)
        image = np.pad(image, edges, mode="edge")
    size = (image.shape[1] // 2, image.shape[0] // 2)
    small = np.empty((size[1], size[0], *image.shape[2:]), dtype=image.dtype)
    for few in range(0, image.shape[2] if image.ndim == 3 else 1, MANY):
        part = np.s_[..., few : few + MANY] if image.ndim == 3 else np.s_[...]
        resized = np.asarray(cv2.resize(image[part], size, interpolation=cv2.INTER_AREA))
        small[part] = resized.reshape(small[part].shape)
    return small


def _shapes(shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """Height and width of every level, the image first, in px."""
    shapes = [(shape[0], shape[1])]
    while max(shapes[-1]) > TILE:
        height, width = shapes[-1]
        shapes.append(((height + 1) // 2, (width + 1) // 2))
    return shapes
