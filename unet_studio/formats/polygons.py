"""Polygons on pixel edges: masks to rings of whole numbers and back, without losing a pixel.

A ring runs along the cracks between pixels, so its corners are whole numbers, (x, y) with (0, 0) the top left
corner of the first pixel. Seen with y downwards, outer rings run clockwise and holes the other way. Where two
pixels touch at a corner alone, the ring turns right, which keeps them apart (4-connected). Who fills such
rings half-open in continuous coordinates (COCO, YOLO, CVAT) gets the very mask back; a contour through pixel
centres, the usual way, loses half a pixel all around.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ring = NDArray[np.int32]  # (n, 2), x and y, not closed
RIGHT, DOWN, LEFT, UP = range(4)
PORTION = 1 << 20  # crossings of edges and rows that are held at a time

# Into and out of the corner that four pixels make, as _corners counts them: one turn, and a second one where
# two pixels touch at the corner alone. -1 where there is none.
_FIRST = np.full((16, 2), -1, dtype=np.int8)
_FIRST[[8, 4, 1, 2]] = (UP, RIGHT), (RIGHT, DOWN), (DOWN, LEFT), (LEFT, UP)
_FIRST[[7, 11, 14, 13]] = (LEFT, DOWN), (UP, LEFT), (RIGHT, UP), (DOWN, RIGHT)
_FIRST[[9, 6]] = (DOWN, LEFT), (RIGHT, DOWN)
_SECOND = np.full((16, 2), -1, dtype=np.int8)
_SECOND[[9, 6]] = (UP, RIGHT), (LEFT, UP)
_IS_CORNER = _FIRST[:, 0] >= 0


@dataclass(frozen=True)
class Part:
    """A 4-connected piece of a mask: its outer ring, and one ring for each hole."""

    outer: Ring
    holes: tuple[Ring, ...] = ()


def trace(stencil: NDArray[np.bool_]) -> list[Part]:
    """The parts of a stencil, bool (H, W), from top to bottom; none where it is empty."""
    import cv2

    if not stencil.any():
        return []
    count, found = cv2.connectedComponents(stencil.astype(np.uint8), connectivity=4)
    components = np.asarray(found, dtype=np.int32)
    outers: list[Ring | None] = [None] * count
    holes: list[list[Ring]] = [[] for _ in range(count)]
    for owner, is_outer, ring in _owned_rings(stencil, components):
        if is_outer:
            outers[owner] = ring
        else:
            holes[owner].append(ring)
    return [
        Part(outer, tuple(inner)) for outer, inner in zip(outers, holes, strict=True) if outer is not None
    ]


def outlines(components: NDArray[np.int32], count: int) -> list[list[Ring] | None]:
    """The outer rings of each of the components 1..count-1 of int32 (H, W), 0 elsewhere.

    Filled together they give the component. None for one with a hole, which they can't say.
    """
    found: list[list[Ring] | None] = [None, *([] for _ in range(count - 1))]
    for owner, is_outer, ring in _owned_rings(components > 0, components) if count > 1 else ():
        rings = found[owner]
        if not is_outer:
            found[owner] = None
        elif rings is not None:
            rings.append(ring)
    return found


def _owned_rings(
    stencil: NDArray[np.bool_], components: NDArray[np.int32]
) -> Iterator[tuple[int, bool, Ring]]:
    """Each ring of a stencil: the component that it is of, whether it is an outer one, and its corners."""
    points, firsts, pixels = _rings(stencil)
    owners = components[pixels[:, 0], pixels[:, 1]].tolist()
    x, y = points[:, 0].astype(np.int64), points[:, 1].astype(np.int64)
    after = np.arange(1, len(x) + 1)
    after[np.append(firsts[1:], len(x)) - 1] = firsts  # the last corner of a ring leads to its first
    outer = (np.add.reduceat(x * y[after] - x[after] * y, firsts) > 0).tolist()
    ends = [*firsts[1:].tolist(), len(points)]
    for owner, is_outer, first, end in zip(owners, outer, firsts.tolist(), ends, strict=True):
        yield owner, is_outer, points[first:end]


def signed_area(ring: NDArray[np.generic]) -> float:
    """Twice the area inside a ring (n, 2), positive where it runs clockwise on a screen."""
    x, y = ring[:, 0].astype(np.float64), ring[:, 1].astype(np.float64)
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))


def keyhole(part: Part) -> Ring:
    """One ring for a part with holes: each hole hangs on the outer ring by a cut of no width.

    Where a format can't say "hole". The cut runs along a row of pixel corners straight to the left, from the
    hole's leftmost corner, to whatever ring is there, so that it crosses nothing.
    """
    ring = [(int(x), int(y)) for x, y in part.outer]
    left_first = sorted(part.holes, key=lambda hole: int(hole[:, 0].min()))
    for hole in left_first:
        start = int(np.lexsort((hole[:, 1], hole[:, 0]))[0])
        x, y = (int(value) for value in hole[start])
        place, x_there = _left_of(ring, x, y)
        around = [(int(a), int(b)) for a, b in np.roll(hole, -start, axis=0)]
        ring[place + 1 : place + 1] = [(x_there, y), *around, (x, y), (x_there, y)]
    return _tidy(ring)


def inset(part: Part) -> Part:
    """A part whose rings lie a quarter of a pixel inside of it. Its numbers are quarters of a pixel.

    Who asks for the pixels whose centre lies inside gets the same ones. So does who cuts the corners to whole
    numbers and fills what lies on and between them (cv2.fillPoly), which on pixel edges is a pixel too many.
    """
    return Part(_inset_ring(part.outer), tuple(map(_inset_ring, part.holes)))


def _inset_ring(ring: Ring) -> Ring:
    """A ring's edges moved to its right hand, where the part is, in quarters of a pixel."""
    edges = np.roll(ring, -1, axis=0) - ring
    before = np.roll(edges, 1, axis=0)
    across = edges[:, 0] + before[:, 0]  # of the two edges at a corner, one runs along a row
    down = edges[:, 1] + before[:, 1]
    moved = 4 * ring + np.stack((-np.sign(down), np.sign(across)), axis=1)
    return np.asarray(moved, dtype=np.int32)


def _left_of(ring: list[tuple[int, int]], x: int, y: int) -> tuple[int, int]:
    """The vertical edge, by the place of its first corner, that is met first going left from (x, y)."""
    points = np.asarray(ring, dtype=np.int64)
    after = np.roll(points, -1, axis=0)
    upright = (points[:, 0] == after[:, 0]) & (points[:, 0] <= x)
    low, high = np.minimum(points[:, 1], after[:, 1]), np.maximum(points[:, 1], after[:, 1])
    meets = np.flatnonzero(upright & (low <= y) & (y <= high) & (low < high))
    nearest = meets[np.argmax(points[meets, 0])]
    return int(nearest), int(points[nearest, 0])


def _tidy(ring: list[tuple[int, int]]) -> Ring:
    """Without corners that repeat the one before."""
    kept = [point for number, point in enumerate(ring) if point != ring[number - 1]]
    return np.asarray(kept, dtype=np.int32)


def fill(rings: list[NDArray[np.float64]], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """The pixels, bool (H, W), whose centre lies inside the rings, (n, 2) of x and y, by the even-odd rule.

    Exact for rings on pixel edges. For any others it is the rule "a pixel belongs to what its centre lies
    in"; a centre on an edge belongs to the right and lower side.
    """
    height, width = shape
    # What an odd number of edges crosses on the left of a pixel's centre. Counted modulo 256, which keeps odd
    # numbers odd.
    crossings = np.zeros((height, width + 1), dtype=np.uint8)
    for ring in rings:
        points = np.asarray(ring, dtype=np.float64)
        after = np.roll(points, -1, axis=0)
        for places in _crossed(points, after, height, width):
            np.add.at(crossings.reshape(-1), places, np.uint8(1))
    crossings &= 1
    return np.asarray(np.bitwise_xor.accumulate(crossings, axis=1)[:, :width] == 1)


def _crossed(
    starts: NDArray[np.float64], ends: NDArray[np.float64], height: int, width: int
) -> Iterator[NDArray[np.int64]]:
    """Where edges from (x, y) to (x, y), both (n, 2), cross the rows of centres, some at a time.

    A place is row * (width + 1) + the first column whose centre is not on the left of the crossing.
    """
    y = np.stack((starts[:, 1], ends[:, 1]))
    first, last = (np.clip(np.ceil(side - 0.5), 0, height).astype(np.int64) for side in (y.min(0), y.max(0)))
    edges = np.flatnonzero(last > first)
    counts = (last - first)[edges]
    across, down = (ends - starts)[edges].T
    until = np.cumsum(counts)
    cuts = np.searchsorted(until, np.arange(PORTION, until[-1] if len(until) else 0, PORTION))
    for part in np.split(np.arange(len(edges)), np.unique(cuts)):
        each = np.repeat(part, counts[part])
        before = np.cumsum(counts[part]) - counts[part]
        rows = first[edges[each]] + np.arange(len(each)) - np.repeat(before, counts[part])
        x0, y0 = starts[edges[each]].T
        x = x0 + (rows + 0.5 - y0) * across[each] / down[each]
        yield rows * (width + 1) + np.clip(np.ceil(x - 0.5), 0, width).astype(np.int64)


def _rings(
    stencil: NDArray[np.bool_],
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
    """Every ring of a stencil, one after the other.

    Returns the corners (n, 2), x and y; where each ring begins; and for each ring a pixel of the stencil,
    row and column, that lies along it.
    """
    x, y, into, out = _corners(stencil)
    chain = _links(x, y, into, out).tolist()
    seen = bytearray(len(chain))
    order: list[int] = []
    firsts: list[int] = []
    for first in range(len(chain)):
        if seen[first]:
            continue
        firsts.append(len(order))
        place = first
        while not seen[place]:
            seen[place] = 1
            order.append(place)
            place = chain[place]
    heads = np.asarray(order)[firsts]
    # The pixel on the ring's right hand, behind the corner, going into it.
    row = y[heads] - np.choose(into[heads], (0, 1, 1, 0))
    column = x[heads] - np.choose(into[heads], (1, 1, 0, 0))
    points = np.stack((x[order], y[order]), axis=1).astype(np.int32)
    return points, np.asarray(firsts), np.stack((row, column), axis=1)


def _corners(stencil: NDArray[np.bool_]) -> tuple[NDArray[np.int64], ...]:
    """x, y and the directions into and out of every corner; corners that two rings share come twice.

    a b
    c d  are the pixels around a lattice point. Every kind of corner is one turn, or two, of a ring that has
    the stencil's pixels on its right hand.
    """
    height, width = stencil.shape
    # Counted as bits: a 1, b 2, c 4, d 8.
    kinds = np.zeros((height + 1, width + 1), dtype=np.uint8)
    for bit, (top, left) in enumerate(((1, 1), (1, 0), (0, 1), (0, 0))):
        kinds[top : top + height, left : left + width] |= stencil.view(np.uint8) << np.uint8(bit)
    places = np.flatnonzero(_IS_CORNER[kinds])
    kind = kinds.ravel()[places]
    shared = _SECOND[kind, 0] >= 0
    twice, again = places[shared], kind[shared]
    y, x = np.divmod(np.concatenate((places, twice)), width + 1)
    turns = np.concatenate((_FIRST[kind], _SECOND[again])).astype(np.int64)
    return x, y, turns[:, 0], turns[:, 1]


def _links(
    x: NDArray[np.int64], y: NDArray[np.int64], into: NDArray[np.int64], out: NDArray[np.int64]
) -> NDArray[np.int64]:
    """For each corner the next one of its ring.

    On one line of the lattice the runs in one direction never overlap, so the n-th corner that begins one
    belongs to the n-th that ends one.
    """
    follows = np.empty(len(x), dtype=np.int64)
    orders = {RIGHT: (x, y), LEFT: (-x, y), DOWN: (y, x), UP: (-y, x)}  # last key first
    for direction, (along, line) in orders.items():
        starts, ends = np.flatnonzero(out == direction), np.flatnonzero(into == direction)
        starts = starts[np.lexsort((along[starts], line[starts]))]
        follows[starts] = ends[np.lexsort((along[ends], line[ends]))]
    return follows
