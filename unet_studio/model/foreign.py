"""Weights that another program made, put into a network: what fits by name or order, and what was taken.

The file is opened as data (weights_file). Nothing is guessed: an encoder is taken whole or not at all, a
decoder and a head only with it, and a plain U-Net only where the order of its layers leaves no choice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from unet_studio.core.errors import StudioError
from unet_studio.model.encoder import for_channels
from unet_studio.model.encoder_unet import EncoderUNet
from unet_studio.model.encoder_weights import imagenet_weights
from unet_studio.model.encoders import ENCODERS
from unet_studio.model.foreign_names import COUNTER, find_decoder, find_encoder
from unet_studio.model.foreign_order import by_order
from unet_studio.model.network import HEAD, Network
from unet_studio.model.unet import UNet
from unet_studio.model.weights_file import read_state


@dataclass(frozen=True)
class Taken:
    """What a network took over. notes: sentences for a person. head: whether the outputs are among it."""

    notes: tuple[str, ...]
    head: bool


def load_imagenet(network: Network, file: str = "") -> Taken:
    """Fill a network's encoder with ImageNet weights, whatever its input channels (by for_channels' rule).

    file: holds them, in torchvision's, timm's or the packages' key names; "" for where they usually are
    (encoder_weights). Raises StudioError where the network has no such encoder, or they can't be had.
    """
    if not isinstance(network, EncoderUNet):
        raise StudioError(
            "There are no ImageNet weights for this network.",
            f"Choose one with an encoder (unet-{', unet-'.join(ENCODERS)}), or start from random weights.",
        )
    name = network.encoder.name
    path = Path(file).expanduser() if file else imagenet_weights(name)
    if file and not path.is_file():
        raise StudioError(f"There is no file {path}.", "Correct encoder_weights.")
    found = find_encoder(network.encoder, read_state(path), path.name)
    _put(network, {f"encoder.{key}": tensor for key, tensor in found.tensors.items()}, path.name)
    told = f"The encoder starts from {path} ({found.naming}, {_tensors(len(found.tensors))})."
    return Taken((told, *found.remarks) if file or not ENCODERS[name].package else (), head=False)


def load_foreign(network: Network, path: Path) -> Taken:
    """Fill a network, as far as they go, with the weights of a file that has no card.

    Raises StudioError where nothing fits, or the file doesn't say what belongs where.
    """
    state = read_state(path)
    if _is_own(network, state):
        found, remarks = dict(state), [f"From {path.name}, made by this program:"]
    elif isinstance(network, EncoderUNet):
        encoder = find_encoder(network.encoder, state, path.name)
        found = {f"encoder.{key}": tensor for key, tensor in encoder.tensors.items()}
        decoder, why = find_decoder(network, state, encoder)
        found |= decoder
        remarks = [f"From {path.name} ({encoder.naming}):", *why, *encoder.remarks]
    elif isinstance(network, UNet):
        found, why = by_order(network, state, path.name)
        remarks = [f"From {path.name}, layer by layer:", *why]
    else:
        raise StudioError("This network can't start from a weights file.", "Start from a model folder.")
    found = {key: tensor for key, tensor in found.items() if _fits_head(network, key, tensor)}
    _put(network, found, path.name)
    return Taken((_told(network, found, remarks),), head=f"{HEAD}.weight" in found)


def _is_own(network: Network, state: Mapping[str, Tensor]) -> bool:
    """Whether the state has this program's names, and all shapes but for the head's."""
    own = {key: tensor for key, tensor in network.state_dict().items() if not key.startswith(f"{HEAD}.")}
    return all(key in state and state[key].shape == tensor.shape for key, tensor in own.items())


def _fits_head(network: Network, key: str, tensor: Tensor) -> bool:
    """False for a head of other outputs, which starts anew."""
    own = network.state_dict()
    return key in own and (not key.startswith(f"{HEAD}.") or tensor.shape == own[key].shape)


def _put(network: Network, found: Mapping[str, Tensor], name: str) -> None:
    """Copy tensors into a network. Raises StudioError where one isn't finite."""
    own = network.state_dict()
    for key, tensor in found.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise StudioError(f"{name} holds weights that are no numbers ({key}).", "Use another file.")
    if isinstance(network, EncoderUNet):
        first = f"encoder.{network.encoder.first}"
        found = {**found, first: for_channels(found[first], own[first].shape[1])}
    network.load_state_dict({**own, **found})


def _told(network: Network, found: Mapping[str, Tensor], remarks: list[str]) -> str:
    """How many tensors each part of a network took, and how many of it start from random weights."""
    parts: dict[str, list[bool]] = {}
    encoder = {f"{name}." for name, part in network.named_children() if part in network.encoder_modules()}
    for key in network.state_dict():
        if not key.endswith(COUNTER):
            first = f"{key.partition('.')[0]}."
            part = "encoder" if first in encoder else HEAD if first == f"{HEAD}." else "decoder"
            parts.setdefault(part, []).append(key in found)
    taken = [f"{_tensors(sum(had))} of the {part}" for part, had in parts.items() if any(had)]
    fresh = [f"the {part} ({_tensors(had.count(False))})" for part, had in parts.items() if not all(had)]
    left = f" At random: {', '.join(fresh)}." if fresh else ""
    return f"{remarks[0]} {', '.join(taken)}.{left}{''.join(f' {remark}' for remark in remarks[1:])}"


def _tensors(count: int) -> str:
    return f"{count} tensor" if count == 1 else f"{count} tensors"
