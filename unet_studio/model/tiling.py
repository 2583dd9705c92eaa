"""Where tiles lie along an axis, and how much each counts for each pixel."""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGEST = 1.25  # an axis up to so many tiles long is one tile: cheaper than two that overlap, and seamless
HALO = 0.25  # part of an overlap, at each of its ends, whose logits are not used: too close to a tile's edge


@dataclass(frozen=True)
class Axis:
    """Tiles along rows or columns.

    size: pixels of the image. side: of every tile. starts: first pixel of each tile, a multiple of the
    network's stride; the last tile may reach beyond the image, where it is reflected.
    weights: float32 (tiles, side); over the tiles that cover a pixel they sum to 1.
    """

    size: int
    side: int
    starts: tuple[int, ...]
    weights: NDArray[np.float32]

    def support(self, tile: int) -> tuple[int, int]:
        """The half-open range of pixels for which the tile counts."""
        used = np.flatnonzero(self.weights[tile])
        return self.starts[tile] + int(used[0]), self.starts[tile] + int(used[-1]) + 1


def lay_tiles(size: int, tile: int, overlap: float, stride: int) -> Axis:
    """Cover size pixels with as few tiles of at most about tile px as the overlap (part of a side) allows.

    Tiles are of one size, evenly spread, and start at multiples of stride, so that a network pools the same
    pixels together in every tile. Between two tiles the weight moves over along a raised cosine, HALO of
    their overlap away from either's edge.
    """
    length = up(size, stride)
    tile = up(tile, stride)
    shared = min(int(tile * overlap), tile // 2)
    if length <= LARGEST * tile:
        return Axis(size, length, (0,), np.ones((1, length), dtype=np.float32))
    count = max(2, math.ceil((length - shared) / (tile - shared)))
    side = min(tile, up(math.ceil((length + (count - 1) * shared) / count), stride))
    steps = (length - side) // stride
    spread = (stride * round(index * steps / (count - 1)) for index in range(count))
    starts = tuple(dict.fromkeys(spread))  # tiles of about the stride's size may fall together
    return Axis(size, side, starts, _weights(starts, side))


def up(value: int, stride: int) -> int:
    """The next multiple of stride."""
    return -(-value // stride) * stride


def _weights(starts: tuple[int, ...], side: int) -> NDArray[np.float32]:
    """Weights (tiles, side) that sum to 1 over the tiles at every pixel."""
    weights = np.ones((len(starts), side))
    centres = np.arange(side) + 0.5
    for tile, (start, following) in enumerate(pairwise(starts)):
        shared = start + side - following
        ramp = _raised_cosine(centres, HALO * shared, (1 - HALO) * shared)
        weights[tile + 1] *= ramp
        weights[tile] *= 1 - _raised_cosine(
            centres, side - shared + HALO * shared, side - shared + (1 - HALO) * shared
        )
    total = np.zeros(starts[-1] + side)
    for start, row in zip(starts, weights, strict=True):
        total[start : start + side] += row
    for start, row in zip(starts, weights, strict=True):
        row /= total[start : start + side]
    return weights.astype(np.float32)


def _raised_cosine(x: NDArray[Any], low: float, high: float) -> NDArray[Any]:
    """0 up to low, 1 from high on, half a period of the cosine between."""
    position = np.clip((x - low) / max(high - low, 1e-9), 0, 1)
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * position))
