"""Pictures of object numbers: 0 the background, every other number one object. Touching ones stay apart."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.geometry import Rect
from unet_studio.formats.regions import Region, Stencil
from unet_studio.formats.sample import Shape

Numbers = NDArray[np.integer]  # (H, W)


def number_objects(stencil: Stencil) -> tuple[NDArray[np.int32], int]:
    """The pieces of a stencil, bool (H, W), numbered from 1 on, int32 (H, W), and how many there are.

    8-connected, as the program counts components: pixels that touch at a corner are one object.
    """
    import cv2

    count, numbers = cv2.connectedComponents(stencil.astype(np.uint8), connectivity=8, ltype=cv2.CV_32S)
    return np.asarray(numbers, dtype=np.int32), int(count) - 1


def regions_of(numbers: Numbers, name: str) -> tuple[Region, ...]:
    """A region for each number of a picture, all of one class, in the order of their numbers."""
    found, rects = rectangles(numbers)
    return tuple(
        Region(name, _drawing(numbers, number, Rect(*edges)))
        for number, edges in zip(found.tolist(), rects.tolist(), strict=True)
    )


def _drawing(numbers: Numbers, number: int, rect: Rect) -> Callable[[Shape], tuple[Rect, Stencil]]:
    def draw(shape: Shape) -> tuple[Rect, Stencil]:
        if shape != numbers.shape:
            raise ValueError(f"it is {numbers.shape[1]} x {numbers.shape[0]} px")
        return rect, np.asarray(numbers[rect.slices] == number)

    return draw


def rectangles(numbers: Numbers) -> tuple[NDArray[np.integer], NDArray[np.int64]]:
    """The numbers in a picture but 0, (n,), and the rectangle around each, int64 (n, 4): top, left, bottom,
    right, half-open.

    Memory goes with the runs of equal numbers, not with the largest number.
    """
    height, width = numbers.shape
    flat = numbers.ravel()
    changes = flat[1:] != flat[:-1]
    changes[width - 1 :: width] = True  # no run goes on in the next row
    starts = np.concatenate(([0], np.flatnonzero(changes) + 1)) if flat.size else np.empty(0, np.int64)
    ends = np.append(starts[1:], flat.size)
    values = flat[starts]
    kept = values != 0
    starts, ends, values = starts[kept], ends[kept], values[kept]
    found, places = np.unique(values, return_inverse=True)
    rects = np.empty((len(found), 4), dtype=np.int64)
    rects[:, :2] = max(height, width)
    rects[:, 2:] = 0
    rows, columns = np.divmod(starts, width)
    np.minimum.at(rects[:, 0], places, rows)
    np.minimum.at(rects[:, 1], places, columns)
    np.maximum.at(rects[:, 2], places, rows + 1)
    np.maximum.at(rects[:, 3], places, columns + ends - starts)
    return found, rects
