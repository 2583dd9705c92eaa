"""One walk over an image's tiles: predicted, blended, and decided in bands.

Memory beyond the image, its resized copy and the result stays bounded (BUFFER_BYTES and a few tiles),
whatever the image's size.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unet_studio.core.model_card import ModelCard
from unet_studio.model.network import Network
from unet_studio.model.plan import Plan
from unet_studio.model.preprocess import scale
from unet_studio.model.resample import Linear, crop, resample
from unet_studio.model.tiling import lay_tiles

Progress = Callable[[float], None]
Watch = Callable[[int, slice, Tensor], None]  # first row, columns, logits (K, n, m) of a band as blended

BUFFER_BYTES = 128 * 2**20  # of logits that wait for the tiles below them
FLIPS: dict[bool, tuple[tuple[int, ...], ...]] = {False: ((),), True: ((), (2,), (3,), (2, 3))}  # dims


class Sweep:
    """The tiles of an image under a network.

    pixels: (h, w, C), resized but not yet scaled: scaling happens a tile at a time.
    """

    def __init__(self, network: Network, card: ModelCard, pixels: NDArray[np.generic], plan: Plan) -> None:
        self.network, self.card, self.pixels, self.plan = network, card, pixels, plan
        self.outputs = card.architecture.out_channels
        self.rows, self.columns = (
            lay_tiles(size, plan.tile, plan.overlap, network.stride) for size in pixels.shape[:2]
        )
        self._down = torch.from_numpy(self.rows.weights).to(plan.device)[:, :, None]
        self._across = torch.from_numpy(self.columns.weights).to(plan.device)[:, None, :]

    def decide(
        self, shape: tuple[int, ...], progress: Progress, watch: Watch | None = None
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Labels (class indices of the card) and confidence, uint8, in the shape (H, W) of the image."""
        labels = np.empty(shape, dtype=np.uint8)
        confidence = np.empty(shape, dtype=np.uint8)
        lut = np.array([entry.index for entry in self.card.classes], dtype=np.uint8)
        stripes = self._stripes(shape[1])
        tick = _counter(progress, len(self.rows.starts) * sum(len(tiles) for _, _, tiles in stripes))
        progress(0.0)
        for part, window, tiles in stripes:
            for top, logits in self._at_size(shape, part, window, self._bands(window, tiles, tick)):
                rows = slice(top, top + logits.shape[1])
                if watch is not None:
                    watch(top, part, logits)
                best, certainty = decide(logits, self.card.temperature)
                labels[rows, part] = lut[best.cpu().numpy()]
                confidence[rows, part] = certainty.cpu().numpy()
        progress(1.0)
        return labels, confidence

    def _stripes(self, width: int) -> list[tuple[slice, tuple[int, int], list[int]]]:
        """Columns of the result, made one after another so that waiting logits fit into BUFFER_BYTES.

        Each with the range of the network's columns that it needs and the tile columns that count there.
        Mostly it is one stripe: only many classes on a wide image need more, and tiles between two are
        predicted twice.
        """
        own = self.pixels.shape[1]
        wanted = -(-4 * self.outputs * self.rows.side * own // BUFFER_BYTES)
        count = max(1, min(wanted, own // (2 * self.columns.side)))
        edges = [width * index // count for index in range(count + 1)]
        stripes = []
        for left, right in pairwise(edges):
            part = slice(left, right)
            low, high = (left, right) if own == width else Linear.between(own, width)[part].needs
            spans = [self.columns.support(tile) for tile in range(len(self.columns.starts))]
            tiles = [tile for tile, (start, stop) in enumerate(spans) if start < high and stop > low]
            stripes.append((part, (low, high), tiles))
        return stripes

    def _at_size(
        self, shape: tuple[int, ...], part: slice, window: tuple[int, int], bands: Iterator[Tensor]
    ) -> Iterator[tuple[int, Tensor]]:
        """The bands of a stripe at the image's own size, each with its first row."""
        if self.pixels.shape[:2] == tuple(shape):
            return crop(bands, shape[0])
        rows = Linear.between(self.pixels.shape[0], shape[0])
        columns = Linear.between(self.pixels.shape[1], shape[1])[part]
        return resample(bands, window[0], rows, columns)

    def _bands(self, window: tuple[int, int], tiles: list[int], tick: Callable[[], None]) -> Iterator[Tensor]:
        """Consecutive rows of blended logits, float32 (K, n, width of the window), ready for good."""
        side = self.rows.side
        left, right = window
        waiting = torch.zeros(self.outputs, side, right - left, device=self.plan.device)
        stops = [*self.rows.starts[1:], self.rows.starts[-1] + side]
        for row, (top, stop) in enumerate(zip(self.rows.starts, stops, strict=True)):
            for first in range(0, len(tiles), self.plan.batch):
                batch = tiles[first : first + self.plan.batch]
                logits = self._logits(top, [self.columns.starts[tile] for tile in batch])
                for tile, values in zip(batch, logits, strict=True):
                    start = self.columns.starts[tile]
                    low, high = max(start, left), min(start + self.columns.side, right)
                    inside = slice(low - start, high - start)
                    weights = self._down[row] * self._across[tile][:, inside]
                    waiting[:, :, low - left : high - left].addcmul_(values[:, :, inside], weights)
                    tick()
            ready = stop - top
            yield waiting[:, :ready]
            kept = waiting[:, ready:].clone()
            waiting[:, : side - ready] = kept
            waiting[:, side - ready :] = 0

    def _logits(self, top: int, lefts: list[int]) -> Tensor:
        """The network's answer to tiles of one row, float32 (N, K, side, side); the mean of the flips."""
        arrays = [scale(self._tile(top, left), self.card.preprocessing) for left in lefts]
        images = torch.from_numpy(np.stack(arrays)).to(self.plan.device)
        images = images.contiguous(memory_format=torch.channels_last)
        flips = FLIPS[self.plan.tta]
        answers = [self.network(images.flip(dims)).float().flip(dims) for dims in flips]
        return answers[0] if len(answers) == 1 else torch.stack(answers).mean(dim=0)

    def _tile(self, top: int, left: int) -> NDArray[np.generic]:
        """The pixels of a tile, (side, side, C), reflected where it reaches beyond the image."""
        height, width = self.pixels.shape[:2]
        bottom, right = top + self.rows.side, left + self.columns.side
        if bottom <= height and right <= width:
            return self.pixels[top:bottom, left:right]
        rows = reflected(np.arange(top, bottom), height)
        columns = reflected(np.arange(left, right), width)
        return self.pixels[rows[:, np.newaxis], columns]


def decide(logits: Tensor, temperature: float = 1.0) -> tuple[Tensor, Tensor]:
    """Output channel and confidence, both uint8 (n, m), of logits (K, n, m).

    One channel z stands for two, (0, z). Confidence is round(255 * p), p the softmax of the winner, of the
    logits divided by the temperature (see calibration).
    """
    if temperature != 1.0:
        logits = logits / temperature
    if len(logits) == 1:
        best = logits[0] > 0
        certainty = torch.sigmoid(logits[0].abs())
    else:
        highest, best = logits.max(dim=0)
        certainty = torch.exp(logits - highest).sum(dim=0).reciprocal_()
    return best.to(torch.uint8), certainty.mul_(255).round_().to(torch.uint8)


def reflected(positions: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Positions beyond the end of an axis, mirrored at its first and last pixel as often as needed."""
    period = max(1, 2 * (size - 1))
    folded = positions % period
    return np.minimum(folded, period - folded)


def _counter(progress: Progress, total: int) -> Callable[[], None]:
    """A function that reports one more tile of `total` as done."""
    done = 0

    def tick() -> None:
        nonlocal done
        done += 1
        progress(done / total)

    return tick
