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
    start: Point, end: Point, radius: float, shape: tuple[int, int], end_radius: float | None = None
) -> tuple[Rect, NDArray[np.bool_]]:
    """The pixels whose centre lies within radius of the segment, and the pixels under its two ends.

    end_radius: where given, the radius grows or shrinks evenly to it. Returns the rectangle around them
    inside an image of that shape, and the stencil, bool (rect.height, rect.width). The area is convex, so
    each of its rows is one interval: the cost is that of the rectangle.
    """
    rect, first, last = swept_rows(start, end, radius, radius if end_radius is None else end_radius, shape)
    columns = np.arange(rect.left, rect.right, dtype=np.int32)
    stencil = columns >= first[:, None]
    stencil &= columns <= last[:, None]
    return rect, stencil


def swept_rows(
    start: Point, end: Point, radius: float, end_radius: float, shape: tuple[int, int]
) -> tuple[Rect, NDArray[np.int32], NDArray[np.int32]]:
    """The pixels of swept_disc: their rectangle, and the first and last column of each of its rows."""
    radius, end_radius = max(radius, MINIMUM_RADIUS), max(end_radius, MINIMUM_RADIUS)
    rect = _bounds((start, end), (radius, end_radius)).clip(shape)
    if rect.empty:
        nothing = np.zeros(0, dtype=np.int32)
        return Rect(0, 0, 0, 0), nothing, nothing
    centres = np.arange(rect.top, rect.bottom, dtype=np.float64) + 0.5
    parts = [_disc_rows(centres, start, radius), _disc_rows(centres, end, end_radius)]
    if math.dist(start, end) > max(STRAIGHT, abs(radius - end_radius)):  # else one disc holds the other
        parts.append(_band_rows(centres, start, end, radius, end_radius))
    low = np.minimum.reduce([part[0] for part in parts])
    high = np.maximum.reduce([part[1] for part in parts])
    first = np.clip(np.ceil(low - 0.5), rect.left, rect.right).astype(np.int32)
    last = np.clip(np.floor(high - 0.5), rect.left - 1, rect.right - 1).astype(np.int32)
    for row, column in (start, end):
        if rect.top <= row < rect.bottom and rect.left <= column < rect.right:
            place, under = int(row) - rect.top, int(column)
            alone = first[place] > last[place]
            first[place] = under if alone else min(first[place], under)
            last[place] = under if alone else max(last[place], under)
    return rect, first, last


def pieces(
    start: Point, end: Point, radius: float, end_radius: float
) -> Iterator[tuple[Point, Point, float, float]]:
    """Cut a segment so that the rectangles around its swept discs stay small; they sweep the same.

    Yields the two ends of every piece, and the radius at each of them.
    """
    count = max(1, math.ceil(math.dist(start, end) / max(4 * max(radius, end_radius), 128.0)))
    parts = [part / count for part in range(count + 1)]
    stops = [
        (start[0] + (end[0] - start[0]) * part, start[1] + (end[1] - start[1]) * part) for part in parts[:-1]
    ]
    radii = [radius + (end_radius - radius) * part for part in parts]
    yield from zip(stops, [*stops[1:], end], radii[:-1], radii[1:], strict=True)


def _bounds(ends: tuple[Point, Point], radii: tuple[float, float]) -> Rect:
    """Whole pixels around a swept disc; one px wider where the ends' own pixels need it."""
    both = list(zip(ends, radii, strict=True))
    return Rect(
        math.floor(min(at[0] - radius for at, radius in both)),
        math.floor(min(at[1] - radius for at, radius in both)),
        math.floor(max(at[0] + radius for at, radius in both)) + 1,
        math.floor(max(at[1] + radius for at, radius in both)) + 1,
    )


def _disc_rows(centres: NDArray[np.float64], middle: Point, radius: float) -> Interval:
    """The columns of each row that lie in a disc; inf, -inf where none does."""
    square = radius**2 - (centres - middle[0]) ** 2
    half = np.sqrt(np.maximum(square, 0))
    inside = square >= 0
    return np.where(inside, middle[1] - half, np.inf), np.where(inside, middle[1] + half, -np.inf)


def _band_rows(
    centres: NDArray[np.float64], start: Point, end: Point, radius: float, end_radius: float
) -> Interval:
    """The columns of each row between the two lines that touch both discs, and between where they touch.

    With u along the segment of length d and v across, a line touches the discs where their radius points to
    lean * u +- sqrt(1 - lean^2) * v, lean = (radius - end_radius) / d. Radii that are equal lean nowhere.
    """
    down, right = end[0] - start[0], end[1] - start[1]
    length = math.hypot(down, right)
    lean = (radius - end_radius) / length
    level = math.sqrt(1 - lean * lean)
    along = np.array([down, right]) / length
    across = np.array([right, -down]) / length
    limits = [  # normal, least and most distance along it from start
        (along, radius * lean, length + end_radius * lean),
        (lean * along + level * across, -np.inf, radius),
        (lean * along - level * across, -np.inf, radius),
    ]
    below = centres - start[0]
    parts = [
        _between(least - below * normal[0], most - below * normal[0], normal[1])
        for normal, least, most in limits
    ]
    low = np.maximum.reduce([part[0] for part in parts])
    high = np.minimum.reduce([part[1] for part in parts])
    inside = low <= high
    return np.where(inside, low + start[1], np.inf), np.where(inside, high + start[1], -np.inf)


def _between(lower: NDArray[np.float64], upper: NDArray[np.float64], factor: float) -> Interval:
    """The x with lower <= factor * x <= upper, row by row."""
    if abs(factor) < STRAIGHT:
        always = (lower <= 0) & (upper >= 0)
        return np.where(always, -np.inf, np.inf), np.where(always, np.inf, -np.inf)
    one, other = lower / factor, upper / factor
    return np.minimum(one, other), np.maximum(one, other)
