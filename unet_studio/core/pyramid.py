"""An image at every halving, so that a view of any size costs what is on screen and not what is in the file.

Level 0 is the image itself, never copied; level n has a pixel for every 2**n x 2**n of it, in the image's own
dtype, so that brightness and contrast are chosen when a tile is shown. All levels above 0 take a third of
the image's memory.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.geometry import TILE, Rect
from unet_studio.core.image_io import to_display

BAND = 1024  # rows of a level that are made between two reports of progress

Window = tuple[float, float]  # the pixel values shown as black and as white


def _ignore(_: float) -> None:
    """Nobody watches."""


@dataclass(frozen=True)
class Pyramid:
    """levels: the image, (H, W) or (H, W, C), and its halvings down to one tile. window: black and white."""

    levels: tuple[NDArray[Any], ...]
    window: Window

    @classmethod
    def build(
        cls, image: NDArray[Any], window: Window, progress: Callable[[float], None] = _ignore
    ) -> "Pyramid":
        """Make all levels; takes a while for a large image, so call it off the window's thread.

        progress(fraction) is called after every band and is the cancel point: it may raise Cancelled.
        """
        levels = [image]
        total, done = _pixels_to_make(image.shape), 0
        while max(levels[-1].shape[:2]) > TILE:
            above = _empty_level(levels[-1])
            for top in range(0, above.shape[0], BAND):
                bottom = min(top + BAND, above.shape[0])
                above[top:bottom] = halve(levels[-1][2 * top : 2 * bottom])
                done += (bottom - top) * above.shape[1]
                progress(done / total)
            levels.append(above)
        return cls(tuple(levels), window)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the image in px."""
        return self.level_shape(0)

    @property
    def nbytes(self) -> int:
        """The memory that the levels above the image take, in bytes."""
        return sum(level.nbytes for level in self.levels[1:])

    def level_shape(self, level: int) -> tuple[int, int]:
        """Height and width of a level in its own px."""
        return self.levels[level].shape[0], self.levels[level].shape[1]

    def region(self, level: int, rect: Rect) -> NDArray[np.uint8]:
        """What to show of a level, uint8 (rect.height, rect.width, 3); rect is in px of that level."""
        return to_display(self.levels[level][rect.slices], self.window)

    def with_window(self, window: Window) -> "Pyramid":
        """The same levels shown with another black and white."""
        return replace(self, window=window)


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
    small = cv2.resize(np.ascontiguousarray(image), size, interpolation=cv2.INTER_AREA)
    return np.asarray(small).reshape(size[1], size[0], *image.shape[2:])


def _empty_level(image: NDArray[Any]) -> NDArray[Any]:
    height, width = image.shape[:2]
    return np.empty(((height + 1) // 2, (width + 1) // 2, *image.shape[2:]), dtype=image.dtype)


def _pixels_to_make(shape: tuple[int, ...]) -> int:
    """The pixels of all levels above the image, for the progress."""
    height, width, total = shape[0], shape[1], 0
    while max(height, width) > TILE:
        height, width = (height + 1) // 2, (width + 1) // 2
        total += height * width
    return max(total, 1)
