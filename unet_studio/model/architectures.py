"""The table of networks: one line makes a new one available to cards, training and the window."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from torch import nn

from unet_studio.core.errors import StudioError
from unet_studio.core.model_card import Architecture
from unet_studio.model.efficientnet_lite import ENCODERS, LiteEncoder, load_encoder, weights_file
from unet_studio.model.encoder_unet import EncoderUNet, EncoderUNetOptions
from unet_studio.model.network import Network
from unet_studio.model.unet import UNet, UNetOptions


def _unet(in_channels: int, out_channels: int, options: Mapping[str, Any]) -> Network:
    return UNet(in_channels, out_channels, UNetOptions(**options))


def _encoder_unet(encoder: str, in_channels: int, out_channels: int, options: Mapping[str, Any]) -> Network:
    chosen = EncoderUNetOptions(**options)
    return EncoderUNet(LiteEncoder(ENCODERS[encoder], in_channels), out_channels, chosen)


DEFAULT_ARCHITECTURE = "unet-efficientnet-lite0"
ARCHITECTURES: dict[str, Callable[[int, int, Mapping[str, Any]], Network]] = {
    "unet": _unet,
    **{f"unet-{name}": partial(_encoder_unet, name) for name in ENCODERS},
}


def build_network(architecture: Architecture) -> Network:
    """The network of a card, with random weights, in training mode, on the CPU.

    Raises StudioError where the name or an option is unknown, or a value is out of range.
    """
    if architecture.name not in ARCHITECTURES:
        raise StudioError(
            f"There is no network {architecture.name!r}.",
            f"Use one of {', '.join(ARCHITECTURES)}, or update U-Net Studio.",
        )
    if architecture.in_channels < 1 or architecture.out_channels < 1:
        raise StudioError(
            "A network needs at least one input and one output channel.", "Check the model card."
        )
    try:
        return ARCHITECTURES[architecture.name](
            architecture.in_channels, architecture.out_channels, architecture.options
        )
    except TypeError as error:
        raise StudioError(
            f"{architecture.name} doesn't know an option of {dict(architecture.options)} ({error}).",
            "Remove the option, or update U-Net Studio.",
        ) from error


def load_imagenet(network: nn.Module) -> None:
    """Fill a network's encoder with ImageNet weights, whatever its input channels (by load_encoder's rule).

    Raises StudioError where the network has no such encoder or the weights are not installed.
    """
    if not isinstance(network, EncoderUNet):
        raise StudioError(
            "There are no ImageNet weights for this network.",
            f"Choose {DEFAULT_ARCHITECTURE}, or start from random weights.",
        )
    load_encoder(network.encoder, weights_file(network.encoder.spec))


def freeze_encoder_statistics(network: Network, frozen: bool = True) -> None:
    """Keep the encoder's batch-norm layers in eval mode, also after network.train(); or let them go again.

    Small batches of a few images spoil running statistics; their weights still learn.
    """
    network.statistics_frozen = frozen
    network.train(network.training)
