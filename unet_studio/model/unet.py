"""The plain U-Net, with the options of its many write-ups.

Olaf Ronneberger, Philipp Fischer, Thomas Brox: "U-Net: Convolutional Networks for Biomedical Image
Segmentation", MICCAI 2015 (arXiv 1505.04597). Differences to the paper: convolutions are padded, so that
the logits have the image's size, and every image size works.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from unet_studio.model.network import (
    ACTIVATIONS,
    ENLARGEMENTS,
    NORMALISATIONS,
    Enlarge,
    Network,
    check_choice,
    check_range,
    crop_to,
    doubling,
    initialise,
    normalisation,
)


@dataclass(frozen=True)
class UNetOptions:
    """What can be chosen. The defaults are the paper's network with batch normalisation.

    depth: number of poolings. channels: of the first level; each level doubles them.
    bottleneck: channels of the deepest level; None doubles once more.
    normalisation: none, batch or group. normalisations: how many of a block's convolutions have one (1 or 2).
    convolutions: 3x3 convolutions a block (1 or 2). activation: relu, or gelu (tanh approximation).
    upsampling: transposed (2x2 convolution), or bilinear or nearest (after a 1x1 convolution).
    decoder: channels that each block of the decoder gives, deep to shallow; none: those of its level.
    decoder_inner: channels between the two convolutions of these blocks; none: those of its level.
    dropout: probability, 0 to below 1, that a block drops one of its output channels.
    """

    depth: int = 4
    channels: int = 64
    bottleneck: int | None = None
    normalisation: str = "batch"
    normalisations: int = 2
    convolutions: int = 2
    activation: str = "relu"
    upsampling: str = "transposed"
    dropout: float = 0.0
    decoder: tuple[int, ...] = ()
    decoder_inner: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name in ("decoder", "decoder_inner"):
            object.__setattr__(self, name, tuple(getattr(self, name)))  # JSON gives a list
        check_range("depth", self.depth, 1, 8)
        check_range("channels", self.channels, 1, 1024)
        check_range("bottleneck", 1 if self.bottleneck is None else self.bottleneck, 1, 16384)
        check_choice("normalisation", self.normalisation, NORMALISATIONS)
        check_choice("normalisations", self.normalisations, (1, 2))
        check_choice("convolutions", self.convolutions, (1, 2))
        check_choice("activation", self.activation, ACTIVATIONS)
        check_choice("upsampling", self.upsampling, UPSAMPLINGS)
        check_range("dropout", self.dropout, 0.0, 0.95)
        for name in ("decoder", "decoder_inner"):
            given = getattr(self, name)
            check_range(f"number of {name} blocks", len(given) or self.depth, self.depth, self.depth)
            for width in given:
                check_range(name, width, 1, 16384)
        if self.decoder_inner:
            check_choice("convolutions beside decoder_inner", self.convolutions, (2,))

    @property
    def widths(self) -> list[int]:
        """Channels of every level, the bottleneck last."""
        widths = [self.channels * 2**level for level in range(self.depth + 1)]
        return [*widths[:-1], self.bottleneck or widths[-1]]


def block(inputs: int, outputs: int, options: UNetOptions, inner: int = 0) -> nn.Sequential:
    """One or two of (3x3 convolution, normalisation, activation), then dropout if asked for.

    inner: channels between two convolutions; 0 for as many as outputs. The convolutions of a normalised
    network have no bias: a normalisation would subtract it again.
    """
    biased = options.normalisation == "none"
    layers: list[nn.Module] = []
    widths = [inputs, inner or outputs, outputs] if options.convolutions == 2 else [inputs, outputs]
    for step, (before, after) in enumerate(pairwise(widths)):
        kind = options.normalisation if step < options.normalisations else "none"
        layers += [nn.Conv2d(before, after, 3, padding=1, bias=biased), *normalisation(kind, after)]
        layers.append(ACTIVATIONS[options.activation]())
    if options.dropout:
        layers.append(nn.Dropout2d(options.dropout))
    return nn.Sequential(*layers)


class ReducedUp(nn.Module):
    """A 1x1 convolution, then twice the size: in this order the same result at a quarter of the work."""

    def __init__(self, mode: str, inputs: int, outputs: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(inputs, outputs, 1)
        self.enlarge = Enlarge(mode)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C', 2H, 2W)."""
        return self.enlarge(self.reduce(x))  # type: ignore[no-any-return]


UPSAMPLINGS: dict[str, Callable[[int, int], nn.Module]] = {
    "transposed": doubling,
    **{mode: partial(ReducedUp, mode) for mode in ENLARGEMENTS},
}


class UNet(Network):
    """The plain U-Net: logits (N, K, H, W) of images (N, C, H, W).

    Odd sizes: pooling rounds up, and what upsampling brings too much is cut off at the bottom and right, so
    that no pixel is made up and levels stay aligned at the top left.
    """

    def __init__(self, in_channels: int, out_channels: int, options: UNetOptions) -> None:
        super().__init__()
        self.stride = 2**options.depth
        widths = options.widths
        pairs = list(zip([in_channels, *widths[:-1]], widths, strict=True))
        self.down = nn.ModuleList(block(before, after, options) for before, after in pairs)
        skips = widths[-2::-1]
        given, inner = options.decoder or skips, options.decoder_inner or [0] * options.depth
        upsample = UPSAMPLINGS[options.upsampling]
        below = [widths[-1], *given[:-1]]
        self.up = nn.ModuleList(upsample(deep, skip) for deep, skip in zip(below, skips, strict=True))
        self.merge = nn.ModuleList(
            block(2 * skip, wide, options, between)
            for skip, wide, between in zip(skips, given, inner, strict=True)
        )
        initialise(self)
        self.head = nn.Conv2d(given[-1], out_channels, 1)

    def encoder_modules(self) -> list[nn.Module]:
        """The contracting path with the bottleneck."""
        return [self.down]

    def forward(self, x: Tensor) -> Tensor:
        """Float (N, C, H, W) -> logits (N, K, H, W)."""
        x = self.down[0](x)
        skips = []
        for level in self.down[1:]:
            skips.append(x)
            x = level(functional.max_pool2d(x, 2, ceil_mode=True))
        for up, merge, skip in zip(self.up, self.merge, reversed(skips), strict=True):
            x = merge(torch.cat([skip, crop_to(up(x), skip.shape)], dim=1))
        return self.head(x)  # type: ignore[no-any-return]
