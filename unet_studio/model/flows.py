"""Which parts a network is, row by row: one line a kind of layer, of encoder and of network.

All of it as `fold` leaves it, in evaluation mode. What needs all pixels at once (group normalisation,
squeeze-and-excitation) has no line, and the networks that hold it are not streamed.
"""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from unet_studio.model.efficientnet_lite import Bottleneck, LiteEncoder, SameConv
from unet_studio.model.encoder import Encoder
from unet_studio.model.encoder_unet import DecoderBlock, EncoderUNet
from unet_studio.model.folding import FoldedBlock
from unet_studio.model.network import Enlarge, Network
from unet_studio.model.resnet import PAIRS, ResNetEncoder
from unet_studio.model.rows import (
    Chain,
    Concatenation,
    Flow,
    Join,
    NotStreamable,
    Pointwise,
    Residual,
    Rows,
    Window,
)
from unet_studio.model.unet import ReducedUp, UNet
from unet_studio.model.vgg import VGGEncoder


def flow(module: nn.Module) -> Flow:
    """A module's flow. Raises NotStreamable where the table knows none."""
    if type(module) not in FLOWS:
        raise NotStreamable(f"{type(module).__name__} is not described here")
    return FLOWS[type(module)](module)


def _sequence(module: Any) -> Flow:
    return Chain(*(flow(part) for part in module))


def _convolution(module: Any) -> Flow:
    """A convolution with an odd kernel and a stride of 1 or 2 that halves an even size.

    With stride 2, SameConv pads one less at the start; any other pads as much there as at the end, where the
    last padded row is never reached.
    """
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

    start = end - 1 if isinstance(module, SameConv) else end
    end -= start == end > 0

    def strided(x: Tensor) -> Tensor:
        return functional.conv2d(functional.pad(x, (start, end)), weight, bias, step, groups=groups)

    return Window(strided, max(size, step), step, above=start, below=end)


def _bottleneck(module: Any) -> Flow:
    parts = [flow(module._depthwise_conv), flow(module._bn1), Pointwise(_relu6_)]
    if not isinstance(module._expand_conv, nn.Identity):
        parts[:0] = [flow(module._expand_conv), flow(module._bn0), Pointwise(_relu6_)]
    chain = Chain(*parts, flow(module._project_conv), flow(module._bn2))
    return Residual(chain) if module.residual else chain


def _relu6_(x: Tensor) -> Tensor:
    return functional.relu6(x, inplace=True)


def _residual(block: Any) -> Flow:
    """A block of torchvision's ResNets: an activation after each convolution but the last, then the sum's."""
    parts: list[Flow] = []
    for convolution, norm in PAIRS:
        if hasattr(block, convolution):
            parts += [flow(getattr(block, convolution)), flow(getattr(block, norm)), Pointwise(block.relu)]
    shortcut = None if block.downsample is None else flow(block.downsample)
    return Chain(Residual(Chain(*parts[:-1]), shortcut), Pointwise(block.relu))


def _enlarge(module: Any) -> Flow:
    if module.mode == "nearest":
        return Pointwise(module)
    # Twice the size, as interpolate does it: two rows out of three, the edges repeated.
    return Window(lambda x: module(x)[:, :, 2:-2], 3, above=1, below=1, repeated=True)


def _pool() -> Flow:
    return Window(lambda x: functional.max_pool2d(x, 2), 2, 2)


def _overlapping_pool() -> Flow:
    """ResNet's: of what is never negative, rows of zeros beyond the edge change no maximum."""
    return Window(lambda x: functional.max_pool2d(x, 3, 2, padding=(0, 1)), 3, 2, above=1)


FLOWS: dict[type[nn.Module], Callable[[Any], Flow]] = {
    nn.Sequential: _sequence,
    nn.Conv2d: _convolution,
    SameConv: _convolution,
    Bottleneck: _bottleneck,
    nn.ConvTranspose2d: Pointwise,  # of networks here: its windows don't overlap
    Enlarge: _enlarge,
    ReducedUp: lambda module: Chain(flow(module.reduce), flow(module.enlarge)),
    **dict.fromkeys((nn.BatchNorm2d, nn.ReLU, nn.GELU, nn.Identity, nn.Dropout2d), Pointwise),
}

Described = tuple[list[Flow], list[Join], Flow]  # the levels down, the joins up, the head


def _lite(encoder: Any) -> list[Flow]:
    levels: list[Flow] = []
    parts = [flow(encoder._conv_stem), flow(encoder._bn0), Pointwise(_relu6_)]
    for position, layer in enumerate(encoder._blocks):
        parts.append(flow(layer))
        if position in encoder._taken:
            levels.append(Chain(*parts))
            parts = []
    return levels


def _resnet(encoder: Any) -> list[Flow]:
    stem = Chain(flow(encoder.conv1), flow(encoder.bn1), Pointwise(functional.relu))
    levels = [Chain(*(_residual(block) for block in layer)) for layer in encoder.layers]
    return [stem, Chain(_overlapping_pool(), levels[0]), *levels[1:]]


def _vgg(encoder: Any) -> list[Flow]:
    levels: list[Flow] = []
    parts: list[Flow] = []
    for layer in encoder.features:
        if isinstance(layer, nn.MaxPool2d):
            levels.append(Chain(*parts))
            parts = [_pool()]
        else:
            parts.append(flow(layer))
    return [*levels, Chain(*parts)]


# One flow for each feature map. EfficientNet's squeeze-and-excitation needs all pixels.
ENCODERS: dict[type[Encoder], Callable[[Any], list[Flow]]] = {
    LiteEncoder: _lite,
    ResNetEncoder: _resnet,
    VGGEncoder: _vgg,
}


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


def _decoder_block(block: nn.Module) -> Join:
    if isinstance(block, FoldedBlock):
        return FoldedJoin(block)
    if isinstance(block, DecoderBlock):
        return Concatenation(flow(block.up), flow(block.layers), skip_first=False)
    raise NotStreamable(f"{type(block).__name__} is not described here")


def _encoder_unet(network: Any) -> Described:
    kind = type(network.encoder)
    if kind not in ENCODERS:
        raise NotStreamable(f"{kind.__name__} is not described here")
    ups = [_decoder_block(block) for block in network.decoder]
    return ENCODERS[kind](network.encoder), ups, flow(network.head)


def _unet(network: Any) -> Described:
    first, *others = (flow(level) for level in network.down)
    down = [first, *(Chain(_pool(), level) for level in others)]
    up: list[Join] = [
        Concatenation(flow(enlarge), flow(merge), skip_first=True)
        for enlarge, merge in zip(network.up, network.merge, strict=True)
    ]
    return down, up, flow(network.head)


NETWORKS: dict[type[Network], Callable[[Any], Described]] = {EncoderUNet: _encoder_unet, UNet: _unet}


def streamable(network: Network) -> bool:
    """Whether a network can be streamed; that it isn't folded doesn't count."""
    if isinstance(network, EncoderUNet) and type(network.encoder) not in ENCODERS:
        return False
    normalised = any(isinstance(module, nn.GroupNorm) for module in network.modules())
    return type(network) in NETWORKS and not normalised
