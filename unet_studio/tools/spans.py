"""Areas as the runs of pixels that they cover, row by row: polygons, ellipses, rectangles, swept discs.

The rule for all of them: a pixel belongs to an area where its centre lies inside. A centre exactly on an edge
of a polygon or rectangle belongs to the area below or right of that edge, so that areas which share an edge
share no pixel and leave none out. What an outline goes around in either direction is inside, also where it
goes around more than once (the nonzero winding rule), so a hand-drawn loop that crosses itself has no holes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.geometry import EMPTY, TILE, Rect, tile_rect
from unet_studio.core.mask import Tile
from unet_studio.tools.disc import swept_rows
from unet_studio.tools.tool import Point

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Spans:
    """Pixels first[i]..end[i]-1 of row rows[i], int64 (n,), inside an image of that shape.

    Sorted by row, then column; the spans of a row have a gap between them.
    """

    shape: tuple[int, int]
    rows: Ints
    first: Ints
    end: Ints

    @property
    def area(self) -> int:
        """The number of pixels."""
        return int((self.end - self.first).sum())

    @property
    def bounds(self) -> Rect:
        """The smallest rectangle around it."""
        if self.rows.size == 0:
            return EMPTY
        left, right = int(self.first.min()), int(self.end.max())
        return Rect(int(self.rows[0]), left, int(self.rows[-1]) + 1, right)

    def touched(self) -> list[Tile]:
        """The 256-px tiles that hold a pixel of it, in order."""
        if self.rows.size == 0:
            return []
        left, right = self.first // TILE, (self.end - 1) // TILE
        wide = right - left + 1
        offset = np.arange(wide.sum()) - np.repeat(np.cumsum(wide) - wide, wide)
        across = -(-self.shape[1] // TILE)
        numbers = np.unique(np.repeat(self.rows // TILE * across + left, wide) + offset)
        return [(int(number) // across, int(number) % across) for number in numbers]

    def tiles(self) -> Iterator[tuple[Tile, Rect, NDArray[np.bool_]]]:
        """Every tile that holds a pixel of it, the tile's rectangle, and which of its pixels these are."""
        band, low, high = -1, 0, 0
        for row, column in self.touched():
            if row != band:
                band = row
                low, high = np.searchsorted(self.rows, (row * TILE, (row + 1) * TILE))
            rect = tile_rect(row, column, self.shape)
            yield (row, column), rect, self._stencil(rect, slice(int(low), int(high)))

    def _stencil(self, rect: Rect, part: slice) -> NDArray[np.bool_]:
        """Which pixels of rect are inside, bool (height, width); part: the spans of its rows."""
        first = np.clip(self.first[part] - rect.left, 0, rect.width)
        end = np.clip(self.end[part] - rect.left, 0, rect.width)
        here = first < end
        rows, first, end = self.rows[part][here] - rect.top, first[here], end[here]
        if (np.diff(rows) > 0).all():  # one span a row, ten times as fast
            stencil = np.zeros((rect.height, rect.width), dtype=np.bool_)
            columns = np.arange(rect.width, dtype=np.int16)
            begun = columns >= first.astype(np.int16)[:, None]
            stencil[rows] = begun & (columns < end.astype(np.int16)[:, None])
            return stencil
        steps = np.zeros((rect.height, rect.width + 1), dtype=np.int8)
        steps[rows, first] = 1
        steps[rows, end] = -1
        return np.cumsum(steps[:, :-1], axis=1, dtype=np.int8).view(np.bool_)


def polygon_spans(points: Sequence[Point], shape: tuple[int, int]) -> Spans:
    """The inside of a closed outline; fewer than three points have none."""
    corners = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    rows, columns, turns = _crossings(corners, np.roll(corners, -1, axis=0), shape)
    order = np.lexsort((columns, rows))
    rows, columns = rows[order], columns[order]
    winding = np.cumsum(turns[order])  # of every row together: a closed outline leaves none at 0
    before = winding - turns[order]
    begins, ends = (before == 0) & (winding != 0), (before != 0) & (winding == 0)
    return _joined(shape, rows[begins], columns[begins], columns[ends])


def rectangle_spans(corner: Point, opposite: Point, shape: tuple[int, int]) -> Spans:
    """The inside of a rectangle: whole numbers fill exactly the pixels between them."""
    (top, bottom), (left, right) = (
        sorted(min(max(_first_at(side[axis]), 0), shape[axis]) for side in (corner, opposite))
        for axis in (0, 1)
    )
    rows = np.arange(top, bottom if right > left else top, dtype=np.int64)
    return Spans(shape, rows, np.full_like(rows, left), np.full_like(rows, right))


def ellipse_spans(corner: Point, opposite: Point, shape: tuple[int, int]) -> Spans:
    """The ellipse that touches the sides of a rectangle; centres exactly on its edge belong to it."""
    height, width = (abs(corner[axis] - opposite[axis]) / 2 for axis in (0, 1))
    middle = (corner[0] + opposite[0]) / 2, (corner[1] + opposite[1]) / 2
    top = min(max(int(np.ceil(middle[0] - height - 0.5)), 0), shape[0])
    bottom = min(max(int(np.floor(middle[0] + height - 0.5)) + 1, top), shape[0])
    rows = np.arange(top, bottom if height > 0 and width > 0 else top, dtype=np.int64)
    up = (rows + 0.5 - middle[0]) / height if rows.size else np.zeros(0)
    half = width * np.sqrt(np.maximum(1 - up * up, 0))
    first = np.ceil(middle[1] - half - 0.5).astype(np.int64)
    end = np.floor(middle[1] + half - 0.5).astype(np.int64) + 1
    return _joined(shape, rows, first, end)


def line_spans(start: Point, end: Point, radius: float, shape: tuple[int, int]) -> Spans:
    """What a round tip covers on a straight way: see swept_disc, of which it has the very pixels."""
    rect, first, last = swept_rows(start, end, radius, radius, shape)
    rows = np.arange(rect.top, rect.bottom, dtype=np.int64)
    return _joined(shape, rows, first.astype(np.int64), last.astype(np.int64) + 1)


def _first_at(position: float) -> int:
    """The first pixel whose centre is not before a position."""
    return int(np.ceil(position - 0.5))


def _crossings(one: Floats, other: Floats, shape: tuple[int, int]) -> tuple[Ints, Ints, Ints]:
    """Where edges from one to other, both (n, 2), cross the middles of rows.

    Returns for every crossing, int64 each: the row, the first column whose centre is not left of the
    crossing, and 1 where the edge goes down, -1 where it goes up. Worked out from the upper end, so that an
    edge gives the same columns in both directions.
    """
    down = one[:, 0] < other[:, 0]
    upper, lower = np.where(down[:, None], one, other), np.where(down[:, None], other, one)
    top = np.clip(np.ceil(upper[:, 0] - 0.5), 0, shape[0]).astype(np.int64)
    bottom = np.clip(np.ceil(lower[:, 0] - 0.5), 0, shape[0]).astype(np.int64)
    count = bottom - top
    edge = np.repeat(np.arange(len(one)), count)
    rows = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + top[edge]
    with np.errstate(all="ignore"):  # level edges, which cross nothing
        slope = (lower[:, 1] - upper[:, 1]) / (lower[:, 0] - upper[:, 0])
    across = upper[edge, 1] + (rows + 0.5 - upper[edge, 0]) * slope[edge]
    columns = np.clip(np.ceil(across - 0.5), 0, shape[1]).astype(np.int64)
    return rows, columns, np.where(down[edge], 1, -1)


def _joined(shape: tuple[int, int], rows: Ints, first: Ints, end: Ints) -> Spans:
    """Spans clipped to the image, without empty ones; those of a row that touch become one."""
    first, end = np.clip(first, 0, shape[1]), np.clip(end, 0, shape[1])
    here = first < end
    rows, first, end = rows[here], first[here], end[here]
    apart = np.ones(rows.size + 1, dtype=np.bool_)
    apart[1:-1] = (rows[1:] != rows[:-1]) | (first[1:] != end[:-1])
    return Spans(shape, rows[apart[:-1]], first[apart[:-1]], end[apart[1:]])
