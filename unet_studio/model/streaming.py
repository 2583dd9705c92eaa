"""A network that reads an image from top to bottom and gives, band by band, what one pass would give.

Every layer keeps the few rows that its next output needs (as line buffers do in image processors), and skip
connections wait in queues for the rows that come up from the deep levels. So no tile is computed with made-up
surroundings, none overlaps another, there are no seams, and memory grows with an image's width alone.

Rows come as tensors (1, C, n, W); the image's height and width must be multiples of the network's stride.
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from unet_studio.model.efficientnet_lite import Bottleneck, LiteEncoder, SameConv
from unet_studio.model.encoder_unet import DecoderBlock, EncoderUNet
from unet_studio.model.folding import FoldedBlock
from unet_studio.model.network import Network
from unet_studio.model.unet import BilinearUp, UNet

DEEPEST = 2**14  # rows; no network that anybody trains looks further
Rows = Tensor | None  # (1, C, n, W), or None where there are none yet


class NotStreamable(Exception):
    """The network holds something that needs the whole image at once, or that nobody described here."""


class Flow:
    """A part of a network: rows in, and out come the rows of its result that are complete."""

    def push(self, rows: Rows, last: bool) -> Rows:
        """last: no rows follow these."""
        raise NotImplementedError


class Pointwise(Flow):
    """What needs no neighbours below or above."""

    def __init__(self, compute: Callable[[Tensor], Tensor]) -> None:
        self.compute = compute

    def push(self, rows: Rows, last: bool) -> Rows:  # noqa: ARG002
        """See Flow."""
        return None if rows is None else self.compute(rows)


class Window(Flow):
    """What needs `kernel` rows for an output and goes on by `step` rows.

    compute: the windows of n rows, with no rows made up beyond them. above, below: rows beyond the image's
    edges, of zeros or the edge repeated.
    """

    def __init__(
        self,
        compute: Callable[[Tensor], Tensor],
        kernel: int,
        step: int = 1,
        above: int = 0,
        below: int = 0,
        repeated: bool = False,
    ) -> None:
        self.compute, self.kernel, self.step = compute, kernel, step
        self.above, self.below, self.repeated = above, below, repeated
        self._held: Rows = None

    def push(self, rows: Rows, last: bool) -> Rows:
        """See Flow."""
        parts = [part for part in (self._held, rows) if part is not None and part.shape[2]]
        if self._held is None and rows is not None and self.above:
            parts.insert(0, self._beyond(rows[:, :, :1], self.above))
        if last and self.below:
            parts.append(self._beyond(parts[-1][:, :, -1:], self.below))
        if not parts:
            return None
        x = parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)
        steps = (x.shape[2] - self.kernel) // self.step + 1
        if steps <= 0:
            self._held = x.clone()
            return None
        self._held = x[:, :, steps * self.step :].clone()
        return self.compute(x[:, :, : (steps - 1) * self.step + self.kernel])

    def _beyond(self, row: Tensor, count: int) -> Tensor:
        """So many rows beyond an edge, given its outermost row."""
        rows = row if self.repeated else torch.zeros_like(row)
        return rows if count == 1 else torch.cat([rows] * count, dim=2)


class Chain(Flow):
    """One after the other."""

    def __init__(self, *parts: Flow) -> None:
        self.parts = parts

    def push(self, rows: Rows, last: bool) -> Rows:
        """See Flow."""
        for part in self.parts:
            rows = part.push(rows, last)
            if rows is None and not last:
                return None
        return rows


class Queue:
    """Rows that wait for others to come as far."""

    def __init__(self) -> None:
        self._parts: deque[Tensor] = deque()
        self.count = 0

    @property
    def nbytes(self) -> int:
        """The memory of the rows."""
        return sum(part.nbytes for part in self._parts)

    def add(self, rows: Rows) -> None:
        """Put rows at the end."""
        if rows is not None:
            self._parts.append(rows)
            self.count += rows.shape[2]

    def take(self, count: int) -> Rows:
        """The first rows; no more than there are."""
        count = min(count, self.count)
        self.count -= count
        taken = []
        while count:
            part = self._parts.popleft()
            if part.shape[2] > count:
                self._parts.appendleft(part[:, :, count:])
                part = part[:, :, :count]
            taken.append(part)
            count -= part.shape[2]
        if not taken:
            return None
        return taken[0] if len(taken) == 1 else torch.cat(taken, dim=2)


class Residual(Flow):
    """What goes in is added to what comes out."""

    def __init__(self, inner: Flow) -> None:
        self.inner, self._waiting = inner, Queue()

    def push(self, rows: Rows, last: bool) -> Rows:
        """See Flow."""
        self._waiting.add(rows)
        result = self.inner.push(rows, last)
        waited = None if result is None else self._waiting.take(result.shape[2])
        return result if result is None or waited is None else result.add_(waited)


class Join:
    """A step up: the rows from below, twice as large, and the skip connection beside them."""

    def __init__(self) -> None:
        self.skip = Queue()

    def push(self, rows: Rows, last: bool) -> Rows:
        """Rows from below; those of the skip connection were added to the queue before."""
        raise NotImplementedError


class Concatenation(Join):
    """As networks are written: both beside each other, then the layers."""

    def __init__(self, up: Flow, layers: Flow, skip_first: bool) -> None:
        super().__init__()
        self.up, self.layers, self.skip_first = up, layers, skip_first

    def push(self, rows: Rows, last: bool) -> Rows:
        """See Join."""
        x = self.up.push(rows, last)
        if x is not None:
            skip = self.skip.take(x.shape[2])
            if skip is not None:
                x = torch.cat([skip, x] if self.skip_first else [x, skip], dim=1)
        return self.layers.push(x, last)


class FoldedJoin(Join):
    """As FoldedBlock: a convolution for each of the two, added, then the other layers."""

    def __init__(self, block: FoldedBlock) -> None:
        super().__init__()
        # Three rows below make two rows of output; the padding cuts off what other rows would add to.
        self.up = Window(
            lambda x: functional.conv_transpose2d(x, block.deep, block.bias, stride=2, padding=(3, 1)),
            3,
            above=1,
            below=1,
        )
        self.beside: Window | None = None
        if block.skip is not None:
            weight = block.skip
            self.beside = Window(lambda x: functional.conv2d(x, weight, padding=(0, 1)), 3, above=1, below=1)
        self.others = flow(block.others)
        self._given = self._taken = 0

    def push(self, rows: Rows, last: bool) -> Rows:
        """See Join."""
        x = self.up.push(rows, last)
        if x is not None and self.beside is not None:
            self._given += x.shape[2]
            skip = self.skip.take(self._given + 1 - self._taken)  # one row below the last one
            self._taken += 0 if skip is None else skip.shape[2]
            added = self.beside.push(skip, last)
            x = x if added is None else x.add_(added)
        return self.others.push(x, last)


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


def streamable(network: Network) -> bool:
    """Whether a Stream can be made of a network; that it isn't folded doesn't count."""
    normalised = any(isinstance(module, nn.GroupNorm) for module in network.modules())
    return type(network) in NETWORKS and not normalised


def flow(module: nn.Module) -> Flow:
    """A module's flow. Raises NotStreamable where the table knows none."""
    if type(module) not in FLOWS:
        raise NotStreamable(f"{type(module).__name__} is not described here")
    return FLOWS[type(module)](module)


def _sequence(module: Any) -> Flow:
    return Chain(*(flow(part) for part in module))


def _convolution(module: Any) -> Flow:
    """A convolution with an odd kernel; SameConv with stride 2 pads one less at the start."""
    size, step, groups = module.kernel_size[0], module.stride[0], module.groups
    weight, bias = module.weight, module.bias
    end = size // 2
    if size == 1 and step == 1:
        return Pointwise(module)
    if step == 1:
        return Window(
            lambda x: functional.conv2d(x, weight, bias, padding=(0, end), groups=groups),
            size,
            above=end,
            below=end,
        )

    def strided(x: Tensor) -> Tensor:
        return functional.conv2d(functional.pad(x, (end - 1, end)), weight, bias, step, groups=groups)

    return Window(strided, size, step, above=end - 1, below=end)


def _bottleneck(module: Any) -> Flow:
    parts = [flow(module._depthwise_conv), flow(module._bn1), Pointwise(_relu6_)]
    if not isinstance(module._expand_conv, nn.Identity):
        parts[:0] = [flow(module._expand_conv), flow(module._bn0), Pointwise(_relu6_)]
    chain = Chain(*parts, flow(module._project_conv), flow(module._bn2))
    return Residual(chain) if module.residual else chain


def _relu6_(x: Tensor) -> Tensor:
    return functional.relu6(x, inplace=True)


def _bilinear() -> Flow:
    """Twice the size, as interpolate does it: two rows out of three, the edges repeated."""
    return Window(
        lambda x: functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)[:, :, 2:-2],
        3,
        above=1,
        below=1,
        repeated=True,
    )


def _pool() -> Flow:
    return Window(lambda x: functional.max_pool2d(x, 2), 2, 2)


# What a module is, row by row; in evaluation mode, as fold leaves it. Group normalisation needs all pixels.
FLOWS: dict[type[nn.Module], Callable[[Any], Flow]] = {
    nn.Sequential: _sequence,
    nn.Conv2d: _convolution,
    SameConv: _convolution,
    Bottleneck: _bottleneck,
    nn.ConvTranspose2d: Pointwise,  # of UNet: its windows don't overlap
    BilinearUp: lambda module: Chain(flow(module.reduce), _bilinear()),
    **dict.fromkeys((nn.BatchNorm2d, nn.ReLU, nn.GELU, nn.Identity, nn.Dropout2d), Pointwise),
}

Described = tuple[list[Flow], list[Join], Flow]  # the levels down, the joins up, the head


def _encoder(encoder: LiteEncoder) -> list[Flow]:
    """One flow for each of the five feature maps."""
    levels: list[Flow] = []
    parts = [flow(encoder._conv_stem), flow(encoder._bn0), Pointwise(_relu6_)]
    for position, layer in enumerate(encoder._blocks):
        parts.append(flow(layer))
        if position in encoder._taken:
            levels.append(Chain(*parts))
            parts = []
    return levels


def _decoder_block(block: nn.Module) -> Join:
    if isinstance(block, FoldedBlock):
        return FoldedJoin(block)
    if isinstance(block, DecoderBlock) and block.mode == "bilinear":
        return Concatenation(_bilinear(), flow(block.layers), skip_first=False)
    raise NotStreamable(f"{type(block).__name__} is not described here")


def _encoder_unet(network: Any) -> Described:
    return _encoder(network.encoder), [_decoder_block(block) for block in network.decoder], flow(network.head)


def _unet(network: Any) -> Described:
    first, *others = (flow(level) for level in network.down)
    down = [first, *(Chain(_pool(), level) for level in others)]
    up: list[Join] = [
        Concatenation(flow(enlarge), flow(merge), skip_first=True)
        for enlarge, merge in zip(network.up, network.merge, strict=True)
    ]
    return down, up, flow(network.head)


NETWORKS: dict[type[Network], Callable[[Any], Described]] = {EncoderUNet: _encoder_unet, UNet: _unet}
