"""Connected pieces of masks: how many, how large, with how many holes, and which touch another class.

Masks are looked at in bands of rows whose pieces are joined where they touch, so that the memory beside the
mask stays the same for an image of any size (8 bytes a piece apart).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.classes import UNLABELLED

BAND = 1 << 22  # px whose pieces are looked for at a time: some 50 MB beside the mask
Areas = NDArray[np.int64]  # (pieces,), the area of each, in px
Labels = NDArray[np.uint8]
Connectivity = Literal[4, 8]  # whether pixels that share a corner alone hang together: 8
_NOTHING = np.zeros(0, dtype=np.int64)


def component_areas(labels: Labels, connectivity: Connectivity = 8) -> dict[int, Areas]:
    """The areas in px, the smallest first, of the pieces of each value of uint8 (H, W) but 255."""
    return {index: joined.areas() for index, joined in _pieces(labels, connectivity).items()}


def touching_components(labels: Labels, background: int | None) -> dict[int, tuple[int, int]]:
    """How many 8-connected pieces of each value but 255 there are, and how many touch one of another class.

    They touch at a side or a corner. The background and unlabelled pixels touch nothing.
    """
    nothing = UNLABELLED if background is None else background

    def beside(rows: slice) -> NDArray[np.bool_]:
        first = max(rows.start - 1, 0)
        around = labels[first : rows.stop + 1]
        known = (around != UNLABELLED) & (around != nothing)
        marks = np.zeros(around.shape, dtype=np.bool_)
        for one, other in _NEIGHBOURS:
            meet = (around[one] != around[other]) & known[one] & known[other]
            marks[one] |= meet
            marks[other] |= meet
        return marks[rows.start - first :]

    found = _pieces(labels, 8, beside)
    return {index: (len(joined.areas()), joined.marked()) for index, joined in found.items()}


def hole_counts(labels: Labels) -> dict[int, tuple[int, int]]:
    """How many 4-connected pieces each value but 255 has, and how many holes they have.

    The number of pieces less Euler's number, which is counted on blocks of four pixels: S. B. Gray, "Local
    Properties of Binary Images in Two Dimensions", IEEE Transactions on Computers C-20 (1971).
    """
    pieces = component_areas(labels, 4)
    return {index: (len(areas), len(areas) - _euler(labels, index)) for index, areas in pieces.items()}


_ALL, _FROM, _TO = slice(None), slice(1, None), slice(None, -1)
# Each pair of neighbours once: beside, below, and on both diagonals.
_NEIGHBOURS = (
    ((_ALL, _FROM), (_ALL, _TO)),
    ((_FROM, _ALL), (_TO, _ALL)),
    ((_FROM, _FROM), (_TO, _TO)),
    ((_FROM, _TO), (_TO, _FROM)),
)


def _euler(labels: Labels, index: int) -> int:
    """The number of 4-connected pieces of a value less that of their holes."""
    total = 0
    for rows in _bands(labels, overlap=1):
        stencil = np.pad(
            labels[rows] == index, ((int(rows.start == 0), int(rows.stop >= len(labels))), (1, 1))
        )
        a, b, c, d = stencil[:-1, :-1], stencil[:-1, 1:], stencil[1:, :-1], stencil[1:, 1:]
        count = a.view(np.uint8) + b + c + d
        diagonal = (count == 2) & (a == d)
        single, triple = np.count_nonzero(count == 1), np.count_nonzero(count == 3)
        total += int(single) - int(triple) + 2 * int(np.count_nonzero(diagonal))
    return total // 4


def _bands(labels: Labels, overlap: int = 0) -> Iterator[slice]:
    """Bands of rows from top to bottom; each begins overlap rows before the one above it ends."""
    rows = max(1, BAND // max(1, labels.shape[1])) + overlap
    for top in range(0, max(len(labels) - overlap, 1), rows - overlap):
        yield slice(top, top + rows)


def _pieces(
    labels: Labels,
    connectivity: Connectivity,
    marks: Callable[[slice], NDArray[np.bool_]] | None = None,
) -> dict[int, "_Joined"]:
    """The pieces of each value but 255. marks: tells for a band which of its pixels mark their piece."""
    import cv2

    found: dict[int, _Joined] = {}
    for rows in _bands(labels):
        band = labels[rows]
        marked = marks(rows)[: len(band)] if marks else None
        present = np.flatnonzero(np.bincount(band.ravel(), minlength=256)[:UNLABELLED]).tolist()
        for index in {*present, *found}:
            joined = found.setdefault(index, _Joined(connectivity, labels.shape[1]))
            if index not in present:
                joined.edge = None
                continue
            stencil = band == index
            box = _bounds(stencil)
            part = stencil[box]
            _, numbers, facts, _ = cv2.connectedComponentsWithStats(
                part.view(np.uint8), connectivity=connectivity
            )
            hits = _NOTHING if marked is None else np.unique(numbers[marked[box] & part])
            joined.add(numbers, facts[1:, cv2.CC_STAT_AREA].astype(np.int64), hits, box, len(band))
    return dict(sorted(found.items()))


def _bounds(stencil: NDArray[np.bool_]) -> tuple[slice, slice]:
    """The smallest box around the true pixels of a stencil that has some."""
    rows, columns = np.flatnonzero(stencil.any(axis=1)), np.flatnonzero(stencil.any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


@dataclass
class _Joined:
    """Pieces of one class in the bands so far. width: of the mask, in px.

    edge: the pieces' numbers, from 1 on, in the last row, 0 where none is; None where no piece reaches it.
    parents: of the union-find over all numbers, from 0 on. hits: the numbers that are marked.
    """

    connectivity: Connectivity
    width: int
    sizes: list[Areas] = field(default_factory=list)
    parents: dict[int, int] = field(default_factory=dict)
    hits: list[Areas] = field(default_factory=list)
    count: int = 0
    edge: NDArray[np.int64] | None = None

    def add(
        self,
        numbers: NDArray[np.int32],
        areas: Areas,
        hits: NDArray[np.integer],
        box: tuple[slice, slice],
        height: int,
    ) -> None:
        """A band below, height rows high: what lies in its box. numbers: of the pieces, 0 where none is."""
        if self.edge is not None and box[0].start == 0:
            for one, other in _meeting(self.edge, self._numbered(numbers[0], box), self.connectivity):
                self.parents[self._root(other - 1)] = self._root(one - 1)
        self.edge = self._numbered(numbers[-1], box) if box[0].stop == height else None
        self.sizes.append(areas)
        self.hits.append(hits.astype(np.int64) - 1 + self.count)
        self.count += len(areas)

    def _numbered(self, row: NDArray[np.int32], box: tuple[slice, slice]) -> NDArray[np.int64]:
        """A row's numbers among all bands', 0 where none is, as wide as the mask."""
        whole = np.zeros(self.width, dtype=np.int64)
        whole[box[1]] = np.where(row > 0, row.astype(np.int64) + self.count, 0)
        return whole

    def _root(self, number: int) -> int:
        path = []
        while (parent := self.parents.get(number, number)) != number:
            path.append(number)
            number = parent
        for passed in path:
            self.parents[passed] = number
        return number

    def areas(self) -> Areas:
        """The areas of the pieces, joined, the smallest first."""
        sizes = np.concatenate(self.sizes)
        for number in list(self.parents):
            root = self._root(number)
            if root != number:
                sizes[root] += sizes[number]
                sizes[number] = 0
        return np.sort(sizes[sizes > 0])

    def marked(self) -> int:
        """How many pieces are marked."""
        return len({self._root(int(number)) for number in np.concatenate(self.hits)})


def _meeting(
    above: NDArray[np.int64], below: NDArray[np.int64], connectivity: Connectivity
) -> list[list[int]]:
    """Which pieces of two rows, one under the other, hang together: pairs, each once."""
    pairs = [np.stack((above, below))]
    if connectivity == 8:
        pairs += [np.stack((above[:-1], below[1:])), np.stack((above[1:], below[:-1]))]
    joint = np.concatenate(pairs, axis=1)
    found: list[list[int]] = np.unique(joint[:, (joint > 0).all(axis=0)], axis=1).T.tolist()
    return found
