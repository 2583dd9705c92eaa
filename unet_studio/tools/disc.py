"""Stencils of discs and of discs swept along a line, exact to the pixel centre."""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.geometry import Rect
from unet_studio.tools.tool import Point

Interval = tuple[NDArray[np.float64], NDArray[np.float64]]  # first and last column position of each row

MINIMUM_RADIUS = 0.5  # one pixel
STRAIGHT = 1e-9  # px; a smaller step along an axis counts as none


def swept_disc(
    start: Point, end: Point, radius: float, shape: tuple[int, int]
) -> tuple[Rect, NDArray[np.bool_]]:
    """The pixels whose centre lies within radius of the segment, and the pixels under its two ends.

    Returns the rectangle around them inside an image of that shape, and the stencil, bool (rect.height,
    rect.width). The area is convex, so each of its rows is one interval: the cost is that of the rectangle.
    """
    radius = max(radius, MINIMUM_RADIUS)
    rect = _bounds(start, end, radius).clip(shape)
    if rect.empty:
        return Rect(0, 0, 0, 0), np.zeros((0, 0), dtype=np.bool_)
    centres = np.arange(rect.top, rect.bottom, dtype=np.float64) + 0.5
    parts = [_disc_rows(centres, start, radius), _disc_rows(centres, end, radius)]
    if math.dist(start, end) > STRAIGHT:
        parts.append(_band_rows(centres, start, end, radius))
    low = np.minimum.reduce([part[0] for part in parts])
    high = np.maximum.reduce([part[1] for part in parts])
    first = np.clip(np.ceil(low - 0.5), rect.left, rect.right).astype(np.int32)
    last = np.clip(np.floor(high - 0.5), rect.left - 1, rect.right - 1).astype(np.int32)
    columns = np.arange(rect.left, rect.right, dtype=np.int32)
    stencil = columns >= first[:, None]
    stencil &= columns <= last[:, None]
    for row, column in (start, end):
        if rect.top <= row < rect.bottom and rect.left <= column < rect.right:
            stencil[int(row) - rect.top, int(column) - rect.left] = True
    return rect, stencil


def pieces(start: Point, end: Point, radius: float) -> Iterator[tuple[Point, Point]]:
    """Cut a segment so that the rectangles around its swept discs stay small; they sweep the same."""
    count = max(1, math.ceil(math.dist(start, end) / max(4 * radius, 128.0)))
    stops = [
        (start[0] + (end[0] - start[0]) * part / count, start[1] + (end[1] - start[1]) * part / count)
        for part in range(count)
    ]
    yield from zip(stops, [*stops[1:], end], strict=True)


def _bounds(start: Point, end: Point, radius: float) -> Rect:
    """Whole pixels around a swept disc; one px wider where the ends' own pixels need it."""
    return Rect(
        math.floor(min(start[0], end[0]) - radius),
        math.floor(min(start[1], end[1]) - radius),
        math.floor(max(start[0], end[0]) + radius) + 1,
        math.floor(max(start[1], end[1]) + radius) + 1,
    )


def _disc_rows(centres: NDArray[np.float64], middle: Point, radius: float) -> Interval:
    """The columns of each row that lie in a disc; inf, -inf where none does."""
    square = radius**2 - (centres - middle[0]) ** 2
    half = np.sqrt(np.maximum(square, 0))
    inside = square >= 0
    return np.where(inside, middle[1] - half, np.inf), np.where(inside, middle[1] + half, -np.inf)


def _band_rows(centres: NDArray[np.float64], start: Point, end: Point, radius: float) -> Interval:
    """The columns of each row within radius of the segment's line and between its ends."""
    down, right = end[0] - start[0], end[1] - start[1]
    length = math.hypot(down, right)
    below = centres - start[0]
    beside = _between(-radius * length + below * right, radius * length + below * right, down)
    along = _between(-below * down, length**2 - below * down, right)
    low, high = np.maximum(beside[0], along[0]), np.minimum(beside[1], along[1])
    inside = low <= high
    return np.where(inside, low + start[1], np.inf), np.where(inside, high + start[1], -np.inf)


def _between(lower: NDArray[np.float64], upper: NDArray[np.float64], factor: float) -> Interval:
    """The x with lower <= factor * x <= upper, row by row."""
    if abs(factor) < STRAIGHT:
        always = (lower <= 0) & (upper >= 0)
        return np.where(always, -np.inf, np.inf), np.where(always, np.inf, -np.inf)
    one, other = lower / factor, upper / factor
    return np.minimum(one, other), np.maximum(one, other)
