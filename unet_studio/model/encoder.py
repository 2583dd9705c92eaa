"""What every encoder of a U-Net is: feature maps of an image, each half as large as the one before."""

import torch
from torch import Tensor, nn

from unet_studio.core.errors import StudioError


class Encoder(nn.Module):
    """Image (N, C, H, W) -> feature maps, shallow to deep, whose sizes are halved rounding up.

    Attributes carry the key names of the published weights, so that these load key for key; a classifier that
    the weights also hold is left out.
    name: key of the table of encoders. first: key of the weights of the first convolution, the only one that
    sees the image's channels.
    channels: of the maps. Five start at half the image's size, six at its own size; the last is at 1/32.
    """

    name: str = ""
    channels: list[int]
    first: str

    def forward(self, x: Tensor) -> list[Tensor]:
        """The feature maps, shallow to deep."""
        raise NotImplementedError


def for_channels(weight: Tensor, channels: int) -> Tensor:
    """A first convolution's weights (C', 3, k, k), learnt from RGB, for another number of input channels.

    One channel: the sum of the three colours' weights, which is what a grey image repeated to RGB would meet.
    N channels: the colours' weights in turn, times 3 / N, so that activations keep their size. Weights that
    have the channels already stay as they are. Raises StudioError where they were learnt from others.
    """
    if weight.shape[1] == channels:
        return weight
    if weight.shape[1] != 3:
        raise StudioError(
            f"The weights were learnt from images of {weight.shape[1]} channels; these have {channels}.",
            "Use weights for images of 3 channels, or of as many as yours have.",
        )
    if channels == 1:
        return weight.sum(dim=1, keepdim=True)
    turns = torch.arange(channels) % 3
    return weight[:, turns] * (3 / channels)
