"""A U-Net on a pretrained encoder: five times half the size down, five decoder blocks up."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from unet_studio.model.encoder import Encoder
from unet_studio.model.network import (
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
class EncoderUNetOptions:
    """What can be chosen for the decoder.

    decoder: channels of its five blocks, deep to shallow. normalisation: none, batch or group.
    upsampling: nearest, bilinear or transposed (2x2 convolution). dropout: probability, before the head, that
    a channel is dropped.
    """

    decoder: tuple[int, ...] = (256, 128, 64, 32, 16)
    normalisation: str = "batch"
    upsampling: str = "nearest"
    dropout: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "decoder", tuple(self.decoder))  # JSON gives a list
        check_range("number of decoder blocks", len(self.decoder), 5, 5)
        for width in self.decoder:
            check_range("decoder", width, 1, 4096)
        check_choice("normalisation", self.normalisation, NORMALISATIONS)
        check_choice("upsampling", self.upsampling, (*ENLARGEMENTS, "transposed"))
        check_range("dropout", self.dropout, 0.0, 0.95)


class DecoderBlock(nn.Module):
    """Twice the size, the skip beside it, then two of (3x3 convolution, normalisation, ReLU)."""

    def __init__(self, deep: int, skip: int, outputs: int, options: EncoderUNetOptions) -> None:
        super().__init__()
        self.outputs = outputs
        self.up = Enlarge(options.upsampling) if options.upsampling in ENLARGEMENTS else doubling(deep, deep)
        layers: list[nn.Module] = []
        for inputs in (deep + skip, outputs):
            norm = normalisation(options.normalisation, outputs)
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1, bias=not norm), *norm, nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers)
        initialise(self)

    def forward(self, x: Tensor, size: torch.Size, skip: Tensor | None) -> Tensor:
        """(N, C, h, w) and the skip (N, S, H, W), if there is one -> (N, C', H, W), where H, W end size."""
        x = crop_to(self.up(x), size)
        return self.layers(x if skip is None else torch.cat([x, skip], dim=1))  # type: ignore[no-any-return]


class EncoderUNet(Network):
    """Logits (N, K, H, W) of images (N, C, H, W): an encoder's feature maps, decoded.

    The last decoder block has a skip connection only where the encoder gives a map of the image's own size.
    """

    stride = 32

    def __init__(self, encoder: Encoder, out_channels: int, options: EncoderUNetOptions) -> None:
        super().__init__()
        self.encoder = encoder
        deep = [encoder.channels[-1], *options.decoder[:-1]]
        skips = [*encoder.channels[-2::-1], 0][: len(options.decoder)]
        self.decoder = nn.ModuleList(
            DecoderBlock(inputs, skip, outputs, options)
            for inputs, skip, outputs in zip(deep, skips, options.decoder, strict=True)
        )
        self.dropout = nn.Dropout2d(options.dropout)
        self.head = nn.Conv2d(options.decoder[-1], out_channels, 3, padding=1)

    def encoder_modules(self) -> list[nn.Module]:
        """The pretrained part."""
        return [self.encoder]

    def forward(self, x: Tensor) -> Tensor:
        """Float (N, C, H, W) -> logits (N, K, H, W)."""
        features = self.encoder(x)
        skips = [*features[-2::-1], None][: len(self.decoder)]
        size = x.shape
        x = features[-1]
        for layer, skip in zip(self.decoder, skips, strict=True):
            x = layer(x, size if skip is None else skip.shape, skip)
        return self.head(self.dropout(x))  # type: ignore[no-any-return]
