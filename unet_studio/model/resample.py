"""Logits brought to the image's size, band by band, as if the whole had been interpolated at once."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

BAND_BYTES = 32 * 2**20  # of logits in one band of the result


@dataclass(frozen=True)
class Linear:
    """Linear interpolation along an axis: sample i is low[i] * (1 - part[i]) + high[i] * part[i].

    Pixels are squares, aligned at the image's edges (PyTorch's align_corners=False, and OpenCV's way).
    """

    low: NDArray[np.int64]
    high: NDArray[np.int64]
    part: NDArray[np.float32]

    @classmethod
    def between(cls, before: int, after: int) -> "Linear":
        """From `before` samples to `after`."""
        position = np.maximum((np.arange(after) + 0.5) * (before / after) - 0.5, 0)
        low = np.minimum(position.astype(np.int64), before - 1)
        return cls(low, np.minimum(low + 1, before - 1), (position - low).astype(np.float32))

    def __getitem__(self, samples: slice) -> "Linear":
        return Linear(self.low[samples], self.high[samples], self.part[samples])

    @property
    def needs(self) -> tuple[int, int]:
        """The half-open range of the samples it reads."""
        return int(self.low[0]), int(self.high[-1]) + 1

    def apply(self, values: Tensor, dim: int, first: int) -> Tensor:
        """Interpolate along dim of values, whose first entry there is sample number `first`."""
        low = torch.from_numpy(self.low - first).to(values.device)
        high = torch.from_numpy(self.high - first).to(values.device)
        shape = [1] * values.ndim
        shape[dim] = len(self.low)
        part = torch.from_numpy(self.part).to(values.device).reshape(shape)
        return torch.lerp(values.index_select(dim, low), values.index_select(dim, high), part)


def resample(
    bands: Iterable[Tensor], left: int, rows: Linear, columns: Linear
) -> Iterator[tuple[int, Tensor]]:
    """Turn consecutive bands of logits (K, n, w), from row 0 and column `left` on, into bands of the result.

    Yields (first row, logits (K, m, len(columns))) until all rows are done; a row waits until both rows that
    it lies between have come.
    """
    first = done = 0
    carried: Tensor | None = None
    for band in bands:
        known = band if carried is None else torch.cat([carried, band], dim=1)
        ready = int(np.searchsorted(rows.high, first + known.shape[1]))
        step = max(1, BAND_BYTES // (4 * known.shape[0] * len(columns.low)))
        for top in range(done, ready, step):
            chosen = rows[top : min(top + step, ready)]
            yield top, columns.apply(chosen.apply(known, 1, first), 2, left)
        done = ready
        first += known.shape[1] - 1
        carried = known[:, -1:].clone()


def crop(bands: Iterable[Tensor], height: int) -> Iterator[tuple[int, Tensor]]:
    """As resample, where the result has the logits' own size: cut into bands, padding rows left out."""
    top = 0
    for band in bands:
        step = max(1, BAND_BYTES // (4 * band.shape[0] * band.shape[2]))
        for start in range(0, min(band.shape[1], height - top), step):
            yield top + start, band[:, start : min(start + step, height - top)]
        top += band.shape[1]
