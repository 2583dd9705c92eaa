"""Connected pieces of equal value in an image of any size, found band by band.

A band becomes horizontal runs of equal value; runs that touch are joined, first inside the band, then across
its border to the band above. All but the runs themselves is counted in runs, not in pixels, and several
classes cost as much as one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SPREAD = 1 << 18  # px that are written in one go, about a millisecond

Ints = NDArray[Any]  # int32 or int64


@dataclass(frozen=True)
class Runs:
    """The runs of a band in scan order. starts: flat index of the first px, int32 (n,). values: uint8 (n,).

    A run never goes beyond its row. shape: (height, width) of the band.
    """

    starts: Ints
    values: NDArray[np.uint8]
    shape: tuple[int, int]

    @classmethod
    def of(cls, keys: NDArray[np.uint8]) -> "Runs":
        """The runs of keys, uint8 (height, width)."""
        begins = np.ones(keys.shape, dtype=np.bool_)
        np.not_equal(keys[:, 1:], keys[:, :-1], out=begins[:, 1:])
        starts = np.flatnonzero(begins)
        values = keys.reshape(-1)[starts]
        return cls(starts.astype(np.int32 if keys.size < 2**31 else np.int64), values, keys.shape)

    @property
    def lengths(self) -> Ints:
        """Px in each run."""
        return np.diff(self.starts, append=self.starts.dtype.type(self.shape[0] * self.shape[1]))

    @property
    def in_first_row(self) -> int:
        """How many runs the first row has; they come first."""
        return int(np.searchsorted(self.starts, self.shape[1]))

    @property
    def before_last_row(self) -> int:
        """How many runs come before those of the last row."""
        return int(np.searchsorted(self.starts, (self.shape[0] - 1) * self.shape[1]))

    def spread(self, values: NDArray[Any]) -> NDArray[Any]:
        """One value a run, (n,), as an image (height, width)."""
        result = np.empty(self.shape[0] * self.shape[1], dtype=values.dtype)
        lengths, end = self.lengths, 0
        for limit in range(SPREAD, len(result) + SPREAD, SPREAD):  # in parts: repeat holds up other threads
            start, end = end, int(np.searchsorted(self.starts, limit))
            if start < end:
                part = np.repeat(values[start:end], lengths[start:end])
                result[self.starts[start] :][: len(part)] = part
        return result.reshape(self.shape)

    def at_the_sides(self) -> NDArray[np.bool_]:
        """Which runs touch the first or the last column."""
        ends = self.starts + self.lengths
        sides: NDArray[np.bool_] = (self.starts % self.shape[1] == 0) | (ends % self.shape[1] == 0)
        return sides

    def beside(self) -> Ints:
        """The runs that have another one right of them in their row: it is the next one."""
        return np.flatnonzero(self.starts[1:] % self.shape[1] != 0)

    def stacked(self) -> tuple[Ints, Ints, Ints, NDArray[np.bool_]]:
        """Runs above each other: upper, lower, px they share, whether both begin where their contact does."""
        starts, width = self.starts, self.shape[1]
        end = (self.shape[0] - 1) * width
        marks = np.concatenate((starts[: self.before_last_row], starts[self.in_first_row :] - width))
        marks.sort(kind="stable")  # merges two sorted halves
        fresh = np.ones(len(marks), dtype=np.bool_)
        np.not_equal(marks[1:], marks[:-1], out=fresh[1:])
        twice = ~np.append(fresh[1:], True)[fresh]
        marks = marks[fresh]
        upper = np.searchsorted(starts, marks, "right") - 1
        lower = np.searchsorted(starts, marks + width, "right") - 1
        return upper, lower, np.diff(marks, append=marks.dtype.type(end)), twice

    def touching(self, diagonal: bool) -> tuple[Ints, Ints]:
        """Pairs of runs of equal value in neighbouring rows that touch; diagonal: also at a corner."""
        upper, lower, _, twice = self.stacked()
        if diagonal:
            corner = twice & (self.starts[upper] % self.shape[1] != 0)
            above, below = upper[corner], lower[corner]
            upper = np.concatenate((upper, above - 1, above))
            lower = np.concatenate((lower, below, below - 1))
        same = self.values[upper] == self.values[lower]
        return upper[same], lower[same]


def join(count: int, one: Ints, other: Ints) -> Ints:
    """The lowest member of each item's group, int (count,), where one[i] and other[i] belong together.

    Hooks every root onto the lowest neighbouring one and flattens, until nothing changes (Shiloach and
    Vishkin, "An O(log n) parallel connectivity algorithm", 1982).
    """
    parent = np.arange(count, dtype=np.int32 if count < 2**31 else np.int64)
    while len(one):
        left, right = parent[one], parent[other]
        apart = left != right
        one, other, left, right = one[apart], other[apart], left[apart], right[apart]
        np.minimum.at(parent, np.maximum(left, right), np.minimum(left, right))
        while True:
            higher = parent[parent]
            if np.array_equal(higher, parent):
                break
            parent = higher
    return parent


class Pieces:
    """The pieces of an image that is given in bands of whole rows, from top to bottom: add each, then close.

    diagonal: whether px that meet at a corner belong together (8-connected), else 4-connected. After close,
    by the number of a piece: values, uint8; areas, in px; border, whether it touches the image's border;
    root, the number by which all parts of one piece go. Numbers of parts other than the root mean nothing.
    """

    def __init__(self, diagonal: bool) -> None:
        self._diagonal = diagonal
        self._offsets = [0]
        self._values: list[NDArray[np.uint8]] = []
        self._areas: list[Ints] = []
        self._border: list[NDArray[np.bool_]] = []
        self._seams: list[tuple[Ints, Ints]] = []
        self._above: tuple[NDArray[np.uint8], Ints] | None = None  # the last row so far, and its runs' pieces
        self.values = np.empty(0, dtype=np.uint8)
        self.areas: Ints = np.empty(0, dtype=np.int32)
        self.border = np.empty(0, dtype=np.bool_)
        self.root: Ints = np.empty(0, dtype=np.int32)

    def add(self, keys: NDArray[np.uint8]) -> None:
        """The next band, uint8 (height, width)."""
        runs = Runs.of(keys)
        pieces, count = self._label(runs)
        values = np.empty(count, dtype=np.uint8)
        values[pieces] = runs.values
        border = np.zeros(count, dtype=np.bool_)
        border[pieces[runs.at_the_sides()]] = True
        ids = pieces + self._offsets[-1]
        if self._above is None:
            border[pieces[: runs.in_first_row]] = True
        else:
            row, above = self._above
            both = Runs.of(np.stack((row, keys[0])))
            number = np.concatenate((above, ids[: runs.in_first_row]))
            upper, lower = both.touching(self._diagonal)
            self._seams.append((number[upper], number[lower]))
        self._above = keys[-1].copy(), ids[runs.before_last_row :]
        self._values.append(values)
        self._areas.append(np.bincount(pieces, runs.lengths, count).astype(runs.starts.dtype))
        self._border.append(border)
        self._offsets.append(self._offsets[-1] + count)

    def close(self) -> None:
        """Join what reaches over several bands."""
        if self._above is None:
            return
        self._border[-1][self._above[1] - self._offsets[-2]] = True
        self.values = np.concatenate(self._values)
        areas, border = np.concatenate(self._areas), np.concatenate(self._border)
        one = np.concatenate([pair[0] for pair in self._seams] or [np.empty(0, dtype=np.intp)])
        other = np.concatenate([pair[1] for pair in self._seams] or [np.empty(0, dtype=np.intp)])
        self._values, self._areas, self._border, self._seams = [], [], [], []
        self.root = join(len(areas), one, other)
        parts = np.flatnonzero(self.root != np.arange(len(self.root), dtype=self.root.dtype))
        np.add.at(areas, self.root[parts], areas[parts])
        np.logical_or.at(border, self.root[parts], border[parts])
        self.areas, self.border = areas, border

    @property
    def whole(self) -> NDArray[np.bool_]:
        """Which numbers are roots: one a piece."""
        roots: NDArray[np.bool_] = self.root == np.arange(len(self.root), dtype=self.root.dtype)
        return roots

    def band(self, number: int, keys: NDArray[np.uint8]) -> tuple[Runs, Ints]:
        """The runs of a band that was added, given once more, and the root of each of them."""
        runs = Runs.of(keys)
        return runs, self.root[self._label(runs)[0] + self._offsets[number]]

    def around(self, asking: NDArray[np.bool_], bands: Iterator[NDArray[np.uint8]]) -> NDArray[np.int16]:
        """The value with which each asking piece shares the longest border, in sides of px; -1 without any.

        asking: bool, by root. Pieces that ask have no say; of equals the lowest value wins. bands: the same
        bands once more.
        """
        found: list[tuple[Ints, Ints]] = []
        above: tuple[NDArray[np.uint8], Ints] | None = None
        for number, keys in enumerate(bands):
            runs, roots = self.band(number, keys)
            left = runs.beside()
            upper, lower, shared, _ = runs.stacked()
            ones = np.ones(len(left), dtype=shared.dtype)
            first, second = np.concatenate((left, upper)), np.concatenate((left + 1, lower))
            found.append(_votes(asking, roots, runs.values, first, second, np.concatenate((ones, shared))))
            if above is not None:
                both = Runs.of(np.stack((above[0], keys[0])))
                joined = np.concatenate((above[1], roots[: runs.in_first_row]))
                upper, lower, shared, _ = both.stacked()
                found.append(_votes(asking, joined, both.values, upper, lower, shared))
            above = keys[-1].copy(), roots[runs.before_last_row :]
        return _winners(len(asking), *_summed(found))

    def _label(self, runs: Runs) -> tuple[Ints, int]:
        """The piece of each run, counted from 0 in scan order, and how many there are."""
        lowest = join(len(runs.starts), *runs.touching(self._diagonal))
        first = lowest == np.arange(len(lowest), dtype=lowest.dtype)
        numbers = np.cumsum(first, dtype=lowest.dtype) - 1
        return numbers[lowest], int(np.count_nonzero(first))


def _votes(
    asking: NDArray[np.bool_],
    roots: Ints,
    values: NDArray[np.uint8],
    one: Ints,
    other: Ints,
    weights: Ints,
) -> tuple[Ints, Ints]:
    """What runs one[i] and other[i] in contact say to each other: 256 * root + value, sides of px."""
    asks, answers = asking[roots[one]], asking[roots[other]]
    to_one, to_other = asks & ~answers, answers & ~asks
    asked = np.concatenate((roots[one[to_one]], roots[other[to_other]])).astype(np.int64)
    said = np.concatenate((values[other[to_one]], values[one[to_other]]))
    return _summed([(asked * 256 + said, np.concatenate((weights[to_one], weights[to_other])))])


def _summed(votes: list[tuple[Ints, Ints]]) -> tuple[Ints, Ints]:
    """Each key once, ascending, with the sum of its weights."""
    if not votes:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    keys, place = np.unique(np.concatenate([keys for keys, _ in votes]), return_inverse=True)
    weights = np.concatenate([weights for _, weights in votes])
    return keys, np.bincount(place, weights, len(keys)).astype(np.int64)


def _winners(count: int, keys: Ints, weights: Ints) -> NDArray[np.int16]:
    """The value with the greatest weight by root, int16 (count,); -1 where nobody voted."""
    winners = np.full(count, -1, dtype=np.int16)
    order = np.lexsort((-(keys % 256), weights))  # the last one written wins: most sides, then lowest value
    winners[keys[order] // 256] = keys[order] % 256
    return winners
