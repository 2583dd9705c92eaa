"""Borders of classes and marks on painted pixels, drawn over the tiles in device px: crisp at every zoom.

A device px lies on a border where one of its neighbours shows a pixel with another code; it gets the colour
of its own code. Each device px looks at its own neighbourhood in the image, whatever rectangle is drawn, so
that neither tiles nor partial redraws leave seams.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.geometry import Rect
from unet_studio.ui.canvas.layers import EMPTY_MARK, PAINTED
from unet_studio.ui.canvas.tiles import Composer
from unet_studio.ui.canvas.view import View

HATCH = 9  # logical px between two lines of the hatch on painted pixels
DOTS = 12  # logical px between two dots where the mask has no class
LIGHT, SHADE = np.uint32(0x70707070), np.uint32(0x40000000)  # premultiplied: together seen on any picture

Places = NDArray[np.intp]
Overlay = NDArray[np.uint32]  # premultiplied 0xAARRGGBB


def line_width(ratio: float) -> int:
    """The width of a border in device px, on a screen with that many device px a logical px."""
    return max(1, round(ratio))


def paint_borders(rect: Rect, view: View, level: int, composer: Composer, ratio: float, out: Overlay) -> bool:
    """Write what lies over rect, in device px on the image, to out. Returns whether there is anything."""
    reach = line_width(ratio)
    shape, scale = composer.pyramid.level_shape(level), view.zoom * (1 << level)
    rows = _places(rect.top - reach, rect.bottom + reach, view.y, scale, shape[0])
    columns = _places(rect.left - reach, rect.right + reach, view.x, scale, shape[1])
    drawn = False
    out.fill(0)
    if composer.lines is not None:
        codes = _looked_up(composer.line_codes(level, _around(rows, columns)), rows, columns)
        drawn = _paint_lines(codes, composer.lines, reach, out)
    rows, columns = rows[reach:-reach], columns[reach:-reach]
    marks = composer.marks(level, _around(rows, columns))
    if marks is not None:
        corner = rect.top - round(view.y), rect.left - round(view.x)
        drawn = _paint_marks(_looked_up(marks, rows, columns), corner, ratio, out) or drawn
    return drawn


def _places(first: int, end: int, offset: float, scale: float, length: int) -> Places:
    """The px of a level under the centres of device px first..end-1 of a row or column."""
    places = np.floor((np.arange(first, end) + 0.5 - offset) / scale).astype(np.intp)
    return np.asarray(np.clip(places, 0, length - 1))


def _around(rows: Places, columns: Places) -> Rect:
    return Rect(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)


def _looked_up(codes: NDArray[np.uint8], rows: Places, columns: Places) -> NDArray[np.uint8]:
    """The codes of all pairs of rows and columns; codes begins with the first of each."""
    for axis, places in ((1, columns), (0, rows)):
        if len(places) != codes.shape[axis] or (np.diff(places) != 1).any():
            codes = codes.take(places - places[0], axis=axis)
    return codes


def _paint_lines(codes: NDArray[np.uint8], colors: Overlay, reach: int, out: Overlay) -> bool:
    """Give the pixels within reach of another code the colour of their own; codes is reach px larger."""
    if codes.min() == codes.max():
        return False
    height, width = out.shape
    own = codes[reach : reach + height, reach : reach + width]
    edge = np.zeros(own.shape, dtype=bool)
    differs = np.empty(own.shape, dtype=bool)
    for far in range(1, reach + 1):
        for down, right in ((-far, 0), (far, 0), (0, -far), (0, far)):
            top, left = reach + down, reach + right
            np.not_equal(own, codes[top : top + height, left : left + width], out=differs)
            np.logical_or(edge, differs, out=edge)
    np.take(colors, own, out=out, mode="clip")
    np.multiply(out, edge, out=out)
    return True


def _paint_marks(marks: NDArray[np.uint8], corner: tuple[int, int], ratio: float, out: Overlay) -> bool:
    """Lay the pattern of each mark over what has no border; corner: of out, from the image's corner."""
    drawn = False
    free = out == 0
    for mark, make in ((PAINTED, _hatch), (EMPTY_MARK, _dots)):
        here = marks == mark
        if here.any():
            pattern = make(line_width(ratio), ratio)
            rows = (np.arange(out.shape[0]) + corner[0]) % len(pattern)
            columns = (np.arange(out.shape[1]) + corner[1]) % len(pattern)
            np.copyto(out, pattern.take(rows, axis=0).take(columns, axis=1), where=here & free)
            drawn = True
    return drawn


@lru_cache(maxsize=8)
def _hatch(width: int, ratio: float) -> Overlay:
    """Thin diagonal lines, each light with a shade beside it; a square that repeats."""
    side = round(HATCH * ratio)
    place = np.indices((side, side)).sum(axis=0) % side
    return np.select([place < width, place < 2 * width], [LIGHT, SHADE], np.uint32(0)).astype(np.uint32)


@lru_cache(maxsize=8)
def _dots(width: int, ratio: float) -> Overlay:
    """Single dots, each light with a shade below it; a square that repeats."""
    side = round(DOTS * ratio)
    pattern = np.zeros((side, side), dtype=np.uint32)
    middle = side // 2
    pattern[middle : middle + width, middle : middle + width] = LIGHT
    pattern[middle + width : middle + 2 * width, middle : middle + width] = SHADE
    return pattern
