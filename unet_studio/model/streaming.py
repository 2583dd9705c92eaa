"""A network that reads an image from top to bottom and gives, band by band, what one pass would give.

Every layer keeps the few rows that its next output needs, and skip connections wait for the rows that come up
from the deep levels. So no tile is computed with made-up surroundings, none overlaps another, there are no
seams, and memory grows with an image's width alone.

Rows come as tensors (1, C, n, W); the image's height and width must be multiples of the network's stride.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from unet_studio.model.flows import NETWORKS
from unet_studio.model.network import Network
from unet_studio.model.rows import NotStreamable, Rows

DEEPEST = 2**14  # rows; no network that anybody trains looks further


class Stream:
    """A network, folded for prediction, in the midst of one image. Raises NotStreamable where it can't be.

    pause() is called between any two parts of the network, and may raise.
    """

    def __init__(self, network: Network, pause: Callable[[], None] = lambda: None) -> None:
        if type(network) not in NETWORKS:
            raise NotStreamable(f"{type(network).__name__} is not described here")
        self._down, self._up, self._head = NETWORKS[type(network)](network)
        self._pause = pause

    @property
    def held(self) -> int:
        """Bytes of the rows that wait in queues now; what single layers keep is little beside them."""
        return sum(join.skip.nbytes for join in self._up)

    @property
    def parts(self) -> int:
        """How often pause is called for one band, but for the last one."""
        return len(self._down) + len(self._up)

    def push(self, rows: Tensor, last: bool) -> Iterator[Tensor]:
        """The next rows of the image -> float32 logits (1, K, n, W) of the rows that are complete by now."""
        skips = [join.skip for join in self._up]
        limit, x = rows.shape[2], rows
        for level, part in enumerate(self._down):
            deeper: Rows = part.push(x, last)
            self._pause()
            if level < len(self._down) - 1:
                skips[len(self._down) - 2 - level].add(deeper)
            if deeper is None and not last:
                return
            x = deeper  # type: ignore[assignment]
        yield from self._rise(0, x, last, limit)

    def _rise(self, level: int, rows: Rows, last: bool, limit: int) -> Iterator[Tensor]:
        """Up from a level, in portions: what waited for the image's end would be large at once."""
        if level == len(self._up):
            logits = self._head.push(rows, last)
            if logits is not None:
                yield logits.float()
            return
        most = max(1, limit >> (len(self._up) - level))
        count = 0 if rows is None else rows.shape[2]
        for top in range(0, max(count, 1), most):
            portion = None if rows is None else rows[:, :, top : top + most]
            final = last and top + most >= count
            result = self._up[level].push(portion, final)
            self._pause()
            if result is not None or final:
                yield from self._rise(level + 1, result, final, limit)


def reach(network: Network, channels: int, device: torch.device) -> tuple[int, int]:
    """(pixels beyond its own that an output depends on, bytes that a Stream holds for an image's column).

    Told by a strip of one stride's width: the network holds back the rows that it could not do without.
    """
    stream, stride = Stream(network), network.stride
    strip = torch.zeros(1, channels, stride, stride, device=device)
    strip = strip.contiguous(memory_format=torch.channels_last)
    given, taken = 0, 0
    while not taken and given < DEEPEST:
        taken = sum(rows.shape[2] for rows in stream.push(strip, last=False))
        given += stride
    # As far to the right as downwards; upwards and to the left at most by half a deepest pixel more.
    return given - taken + stride, stream.held // stride
