"""The table of networks: one line makes a new one available to cards, training and the window."""

import difflib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from unet_studio.core.errors import StudioError
from unet_studio.core.model_card import Architecture
from unet_studio.model.encoder_unet import EncoderUNet, EncoderUNetOptions
from unet_studio.model.encoders import ENCODERS, Statistics, make_encoder
from unet_studio.model.encoders import input_statistics as encoder_statistics
from unet_studio.model.network import Network
from unet_studio.model.unet import UNet, UNetOptions


def _unet(in_channels: int, out_channels: int, options: Mapping[str, Any]) -> Network:
    return UNet(in_channels, out_channels, UNetOptions(**options))


def _encoder_unet(encoder: str, in_channels: int, out_channels: int, options: Mapping[str, Any]) -> Network:
    chosen = EncoderUNetOptions(**options)
    return EncoderUNet(make_encoder(encoder, in_channels), out_channels, chosen)


PREFIX = "unet-"  # before the name of an encoder
DEFAULT_ARCHITECTURE = "unet-efficientnet-lite0"
ARCHITECTURES: dict[str, Callable[[int, int, Mapping[str, Any]], Network]] = {
    "unet": _unet,
    **{f"{PREFIX}{name}": partial(_encoder_unet, name) for name in ENCODERS},
}


def encoder_of(architecture: str) -> str | None:
    """The key of ENCODERS that a key of ARCHITECTURES is built on; None for one without a pretrained part."""
    name = architecture.removeprefix(PREFIX)
    return name if name in ENCODERS and architecture in ARCHITECTURES else None


def input_statistics(architecture: str, channels: int) -> Statistics | None:
    """Mean and deviation that a pretrained network of this name expects; None where it has no such part."""
    encoder = encoder_of(architecture)
    return None if encoder is None else encoder_statistics(encoder, channels)


def build_network(architecture: Architecture) -> Network:
    """The network of a card, with random weights, in training mode, on the CPU.

    Raises StudioError where the name or an option is unknown, or a value is out of range.
    """
    if architecture.name not in ARCHITECTURES:
        near = difflib.get_close_matches(architecture.name, ARCHITECTURES, 1)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise StudioError(
            f"There is no network {architecture.name!r}.",
            f"{hint}Use one of {', '.join(ARCHITECTURES)}, or update U-Net Studio.",
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


def freeze_encoder_statistics(network: Network, frozen: bool = True) -> None:
    """Keep the encoder's batch-norm layers in eval mode, also after network.train(); or let them go again.

    Small batches of a few images spoil running statistics; their weights still learn.
    """
    network.statistics_frozen = frozen
    network.train(network.training)
