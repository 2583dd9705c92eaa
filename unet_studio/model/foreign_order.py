"""A plain U-Net that another program saved: its layers are known by their order and shapes alone.

Names differ from author to author, but a file keeps layers in the order in which they were made. There are
a few such orders (ORDERS); a file is taken where exactly one of them fits it, layer by layer.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from unet_studio.core.errors import StudioError
from unet_studio.model.encoder import for_channels
from unet_studio.model.unet import UNet

ASSUMED = "Taken for granted: skip connections come first where they are joined, as in most U-Nets."


@dataclass(frozen=True)
class Layer:
    """A convolution and the normalisation after it, as tensors by the last part of their keys.

    name, norm_name: their keys' first parts; norm is empty, and norm_name "", where there is none.
    """

    name: str
    tensors: Mapping[str, Tensor]
    norm_name: str = ""
    norm: Mapping[str, Tensor] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the convolution's weights."""
        return tuple(self.tensors["weight"].shape)


@dataclass(frozen=True)
class Parts:
    """The layers of a U-Net. down: without the bottleneck; up, merge: steps up, and the blocks after them."""

    down: Sequence[Sequence[Layer]]
    bottleneck: Sequence[Layer]
    up: Sequence[Sequence[Layer]]
    merge: Sequence[Sequence[Layer]]
    head: Sequence[Layer]

    @property
    def rising(self) -> list[Layer]:
        """Each step up with the block after it."""
        return [layer for pair in zip(self.up, self.merge, strict=True) for part in pair for layer in part]


def _flat(parts: Sequence[Sequence[Layer]]) -> list[Layer]:
    return [layer for part in parts for layer in part]


# In which order programs make the parts of a U-Net.
ORDERS: tuple[Callable[[Parts], list[Layer]], ...] = (
    lambda p: [*_flat(p.down), *p.bottleneck, *p.rising, *p.head],
    lambda p: [*_flat(p.down), *p.bottleneck, *_flat(p.up), *_flat(p.merge), *p.head],
    lambda p: [*_flat(p.down), *p.bottleneck, *_flat(p.merge), *_flat(p.up), *p.head],
    lambda p: [*_flat(p.down), *p.rising, *p.bottleneck, *p.head],
    lambda p: [*p.rising, *_flat(p.down), *p.bottleneck, *p.head],
    lambda p: [*p.bottleneck, *_flat(p.down), *p.rising, *p.head],
)


def by_order(network: UNet, state: Mapping[str, Tensor], source: str) -> tuple[dict[str, Tensor], list[str]]:
    """The tensors of a file by our keys, and what a person should know.

    Raises StudioError where no order fits, or more than one.
    """
    theirs = layers_of(state)
    parts = _parts(network)
    fitting: list[tuple[list[str], list[Layer]]] = []
    for order in ORDERS:
        ours = order(parts)
        places = [one.name for one in ours]
        if not _misfit(ours, theirs) and places not in [names for names, _ in fitting]:
            fitting.append((places, ours))
    if not fitting:
        raise StudioError(
            f"The layers of {source} are not those of this network: {_misfit(ORDERS[0](parts), theirs)}.",
            "Describe the network that the file was made with (--set network=unet, depth, channels, ...).",
        )
    if len(fitting) > 1:
        raise StudioError(
            f"The layers of {source} fit this network in more than one way.",
            "Save the weights under the names of U-Net Studio, or train from random weights.",
        )
    found: dict[str, Tensor] = {}
    for own, given in zip(fitting[0][1], theirs, strict=True):
        found |= _mapped(own, given)
    used = sum(len(layer.tensors) + len(layer.norm or {}) for layer in theirs)
    ignored = len(state) - used
    extra = [f"{ignored} tensors of the file belong to no layer."] if ignored else []
    first, last = theirs[0].name, theirs[-1].name
    return found, [f"{first!r} became the first layer, {last!r} the last.", ASSUMED, *extra]


def layers_of(state: Mapping[str, Tensor]) -> list[Layer]:
    """The convolutions in the order of a state, each with the normalisation that follows it."""
    groups: dict[str, dict[str, Tensor]] = {}
    for key, tensor in state.items():
        name, _, last = key.rpartition(".")
        groups.setdefault(name, {})[last] = tensor
    found: list[Layer] = []
    for name, tensors in groups.items():
        weight = tensors.get("weight")
        if weight is not None and weight.dim() == 4:
            found.append(Layer(name, tensors))
        elif found and weight is not None and weight.dim() == 1 and "bias" in tensors and not found[-1].norm:
            found[-1] = Layer(found[-1].name, found[-1].tensors, name, tensors)
    return found


def _parts(network: UNet) -> Parts:
    """Our own network's layers."""
    state = network.state_dict()

    def block(prefix: str) -> list[Layer]:
        return layers_of({key: tensor for key, tensor in state.items() if key.startswith(prefix)})

    depth = len(network.up)
    levels = [block(f"down.{level}.") for level in range(depth + 1)]
    up, merge = ([block(f"{part}.{level}.") for level in range(depth)] for part in ("up", "merge"))
    return Parts(levels[:-1], levels[-1], up, merge, block("head."))


def _misfit(ours: Sequence[Layer], theirs: Sequence[Layer]) -> str:
    """The first thing in which layers differ; "" where nothing does.

    The first one may see RGB, whatever the network sees; the last one may have other outputs.
    """
    for place, (own, given) in enumerate(zip(ours, theirs, strict=False)):
        wanted, found = own.shape, given.shape
        if own.name == "down.0.0" and found[1:2] == (3,):
            wanted = (wanted[0], 3, *wanted[2:])
        if own.name == "head":
            wanted = (found[0], *wanted[1:])
        if wanted != found:
            return f"layer {place + 1}, {given.name!r}, has weights of {found} instead of {own.shape}"
        running = "running_mean" in (given.norm or {})
        if (own.norm is None) != (given.norm is None) or running != ("running_mean" in (own.norm or {})):
            return f"layer {place + 1}, {given.name!r}, is normalised otherwise"
        if "bias" in given.tensors and "bias" not in own.tensors and not running:
            return f"layer {place + 1}, {given.name!r}, has a bias"
    if len(ours) != len(theirs):
        return f"it has {len(theirs)} convolutions instead of {len(ours)}"
    return ""


def _mapped(own: Layer, given: Layer) -> dict[str, Tensor]:
    """A layer's tensors under our keys.

    A bias before a batch normalisation, which ours has not, is taken off the mean that this one subtracts.
    """
    weight = given.tensors["weight"]
    if own.name == "down.0.0":
        weight = for_channels(weight, own.shape[1])
    found = {f"{own.name}.weight": weight}
    bias = given.tensors.get("bias")
    if "bias" in own.tensors:
        found[f"{own.name}.bias"] = torch.zeros(weight.shape[0]) if bias is None else bias
    norm = dict(given.norm or {})
    if bias is not None and "bias" not in own.tensors:
        norm["running_mean"] = norm["running_mean"] - bias
    return found | {f"{own.norm_name}.{key}": tensor for key, tensor in norm.items()}
