"""One walk over an image, predicted and decided in bands: streamed through the network, or tile by tile.

Memory beyond the image, its resized copy and the result stays bounded (BUFFER_BYTES and a few tiles),
whatever the image's size.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from unet_studio.core.model_card import ModelCard
from unet_studio.core.progress import part as share_of
from unet_studio.model.network import Network
from unet_studio.model.plan import WHOLE, Plan
from unet_studio.model.preprocess import scale
from unet_studio.model.resample import Linear, crop, resample
from unet_studio.model.streaming import Stream, reach
from unet_studio.model.tiling import lay_tiles, up

Progress = Callable[[float], None]
Watch = Callable[[int, slice, Tensor], None]  # first row, columns, logits (K, n, m) of a band as blended
# Columns of the result; the range of the network's columns that they need; logits (K, n, m) of that range.
Stripe = tuple[slice, tuple[int, int], Iterator[Tensor]]

BUFFER_BYTES = 128 * 2**20  # of logits that wait for the tiles below them
HELD_BYTES = 160 * 2**20  # of rows that a streamed network holds; a wider image is made in stripes
NARROW = 4096  # px: of what is no wider, no network holds that much
FLIPS: dict[bool, tuple[tuple[int, ...], ...]] = {False: ((),), True: ((), (2,), (3,), (2, 3))}  # dims


class Sweep:
    """An image under a network, by a plan.

    pixels: (h, w, C), resized but not yet scaled: scaling happens a band or a tile at a time.
    """

    def __init__(self, network: Network, card: ModelCard, pixels: NDArray[np.generic], plan: Plan) -> None:
        self.network, self.card, self.pixels, self.plan = network, card, pixels, plan
        self.outputs = card.architecture.out_channels
        tile = plan.tile
        height, width = (up(size, network.stride) for size in pixels.shape[:2])
        self.streamed = plan.band > 0 and height * width > min(WHOLE.get(plan.device.type, 0), 2 * plan.band)
        if plan.band and not self.streamed:
            tile = max(height, width)  # one pass
        self.rows, self.columns = (
            lay_tiles(size, tile, plan.overlap, network.stride) for size in pixels.shape[:2]
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
        progress(0.0)
        for part, window, bands in (self._streams if self.streamed else self._tiled)(shape[1], progress):
            for top, logits in self._at_size(shape, part, window, bands):
                rows = slice(top, top + logits.shape[1])
                if watch is not None:
                    watch(top, part, logits)
                best, certainty = decide(logits, self.card.temperature)
                labels[rows, part] = lut[best.cpu().numpy()]
                confidence[rows, part] = certainty.cpu().numpy()
        progress(1.0)
        return labels, confidence

    def _streams(self, width: int, progress: Progress) -> Iterator[Stripe]:
        """Stripes of the result for a streamed network. Mostly it is one.

        Where a network would hold too many rows of a very wide image, stripes read as many columns beyond
        their own as the network sees.
        """
        own, beyond, count = self.pixels.shape[1], 0, 1
        if own > NARROW:
            beyond, held = reach(self.network, self.card.preprocessing.channels, self.plan.device)
            count = max(1, min(-(-held * own // HELD_BYTES), own // (2 * beyond)))
        for index, (part, (low, high)) in enumerate(self._parts(width, count)):
            stride = self.network.stride
            left = max(0, low - beyond) // stride * stride
            right = min(up(high + beyond, stride), up(own, stride))
            share = share_of(progress, index / count, (index + 1) / count)
            yield part, (low, high), self._stream(left, right, (low - left, high - left), share)

    def _stream(self, left: int, right: int, inside: tuple[int, int], progress: Progress) -> Iterator[Tensor]:
        """Consecutive rows of logits, float32 (K, n, width of inside), of the columns left..right."""
        stride, height = self.network.stride, up(self.pixels.shape[0], self.network.stride)
        rows = max(1, self.plan.band // ((right - left) * stride)) * stride
        steps, total = 0, 1

        def pause() -> None:
            nonlocal steps
            steps += 1
            progress(min(1.0, (top + rows * min(1.0, steps / total)) / height))

        stream = Stream(self.network, pause)
        total = stream.parts
        for top in range(0, height, rows):
            steps, bottom = 0, min(top + rows, height)
            for logits in stream.push(self._input([self._cut(top, bottom, left, right)]), bottom == height):
                yield logits[0, :, :, slice(*inside)]

    def _tiled(self, width: int, progress: Progress) -> Iterator[Stripe]:
        """Stripes of the result, so that logits that wait for tiles below fit into BUFFER_BYTES.

        Mostly it is one stripe: only many classes on a wide image need more, and tiles between two are
        predicted twice.
        """
        own = self.pixels.shape[1]
        wanted = -(-4 * self.outputs * self.rows.side * own // BUFFER_BYTES)
        spans = [self.columns.support(tile) for tile in range(len(self.columns.starts))]
        stripes = []
        for part, (low, high) in self._parts(width, max(1, min(wanted, own // (2 * self.columns.side)))):
            tiles = [tile for tile, (start, stop) in enumerate(spans) if start < high and stop > low]
            stripes.append((part, (low, high), tiles))
        total = len(self.rows.starts) * sum(len(tiles) for _, _, tiles in stripes)
        done = 0
        for part, window, tiles in stripes:
            share = share_of(progress, done / total, 1.0)
            tick = Ticks(share, total - done)
            done += len(self.rows.starts) * len(tiles)
            yield part, window, self._bands(window, tiles, tick)

    def _parts(self, width: int, count: int) -> list[tuple[slice, tuple[int, int]]]:
        """Columns of the result in so many parts, each with the range of the network's columns it needs."""
        own = self.pixels.shape[1]
        edges = [width * index // count for index in range(count + 1)]
        parts = []
        for left, right in pairwise(edges):
            part = slice(left, right)
            parts.append((part, (left, right) if own == width else Linear.between(own, width)[part].needs))
        return parts

    def _at_size(
        self, shape: tuple[int, ...], part: slice, window: tuple[int, int], bands: Iterator[Tensor]
    ) -> Iterator[tuple[int, Tensor]]:
        """The bands of a stripe at the image's own size, each with its first row."""
        if self.pixels.shape[:2] == tuple(shape):
            return crop(bands, shape[0])
        rows = Linear.between(self.pixels.shape[0], shape[0])
        columns = Linear.between(self.pixels.shape[1], shape[1])[part]
        return resample(bands, window[0], rows, columns)

    def _bands(self, window: tuple[int, int], tiles: list[int], tick: "Ticks") -> Iterator[Tensor]:
        """Consecutive rows of blended logits, float32 (K, n, width of the window), ready for good."""
        side = self.rows.side
        left, right = window
        waiting = torch.zeros(self.outputs, side, right - left, device=self.plan.device)
        stops = [*self.rows.starts[1:], self.rows.starts[-1] + side]
        for row, (top, stop) in enumerate(zip(self.rows.starts, stops, strict=True)):
            for first in range(0, len(tiles), self.plan.batch):
                batch = tiles[first : first + self.plan.batch]
                logits = self._logits(top, [self.columns.starts[tile] for tile in batch], tick)
                for tile, values in zip(batch, logits, strict=True):
                    start = self.columns.starts[tile]
                    low, high = max(start, left), min(start + self.columns.side, right)
                    inside = slice(low - start, high - start)
                    weights = self._down[row] * self._across[tile][:, inside]
                    waiting[:, :, low - left : high - left].addcmul_(values[:, :, inside], weights)
                    tick.tile()
            ready = stop - top
            yield waiting[:, :ready]
            kept = waiting[:, ready:].clone()
            waiting[:, : side - ready] = kept
            waiting[:, side - ready :] = 0

    def _logits(self, top: int, lefts: list[int], tick: "Ticks") -> Tensor:
        """The network's answer to tiles of one row, float32 (N, K, side, side); the mean of the flips."""
        bottom, side = top + self.rows.side, self.columns.side
        images = self._input([self._cut(top, bottom, left, left + side) for left in lefts])
        flips = FLIPS[self.plan.tta]
        with watched(self.network, len(flips), lambda part: tick.within(part * len(lefts))):
            answers = [self.network(images.flip(dims)).float().flip(dims) for dims in flips]
        return answers[0] if len(answers) == 1 else torch.stack(answers).mean(dim=0)

    def _input(self, parts: list[NDArray[np.generic]]) -> Tensor:
        """Parts of the image, (h, w, C) each, as the network takes them, (N, C, h, w), on the device."""
        arrays = [scale(part, self.card.preprocessing) for part in parts]
        images = torch.from_numpy(arrays[0][np.newaxis] if len(arrays) == 1 else np.stack(arrays))
        if self.plan.device.type == "cuda":  # pinned memory is copied while the card computes
            images = images.pin_memory()
        images = images.to(self.plan.device, non_blocking=True)
        return images.contiguous(memory_format=torch.channels_last)

    def _cut(self, top: int, bottom: int, left: int, right: int) -> NDArray[np.generic]:
        """Pixels (h, w, C) of these rows and columns, reflected where they reach beyond the image."""
        height, width = self.pixels.shape[:2]
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


class Ticks:
    """Tells how many of `total` tiles are done, and what part of the ones in work."""

    def __init__(self, progress: Progress, total: int) -> None:
        self.progress, self.total, self.done = progress, total, 0

    def tile(self) -> None:
        """One more is done."""
        self.done += 1
        self.progress(self.done / self.total)

    def within(self, tiles: float) -> None:
        """So much of the next ones is done."""
        self.progress(min(1.0, (self.done + tiles) / self.total))


@contextmanager
def watched(network: Network, passes: int, report: Progress) -> Iterator[None]:
    """Within, report(fraction) is called after every block of a network that is run `passes` times.

    What it raises ends the pass.
    """
    blocks = [block for part in network.modules() if isinstance(part, nn.ModuleList) for block in part]
    done = 0

    def tell(*_: object) -> None:
        nonlocal done
        done += 1
        report(min(1.0, done / (passes * len(blocks))))

    handles = [block.register_forward_hook(tell) for block in blocks]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
