"""Encoders and decoders that other programs saved under names of their own.

torchvision: pytorch/vision, torchvision/models; the names that our encoders carry, too.
timm: huggingface/pytorch-image-models, timm/models/_efficientnet_blocks.py and _efficientnet_builder.py.
efficientnet_pytorch: lukemelas/EfficientNet-PyTorch, model.py; the packages of the Lite weights use its
names.
segmentation_models.pytorch ("SMP"): qubvel-org/segmentation_models.pytorch, decoders/unet/decoder.py and
base/heads.py; its encoders have the names of what they were taken from.

Whatever stands before all of these names (module., model., encoder., a Lightning module's attribute) is found
by the first convolution's name.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from torch import Tensor

from unet_studio.core.errors import StudioError
from unet_studio.model.efficientnet import EfficientNetEncoder
from unet_studio.model.efficientnet_lite import LiteEncoder
from unet_studio.model.encoder import Encoder
from unet_studio.model.encoder_unet import EncoderUNet
from unet_studio.model.network import HEAD
from unet_studio.model.resnet import ResNetEncoder
from unet_studio.model.vgg import VGGEncoder

COUNTER = "num_batches_tracked"  # files before PyTorch 0.4.1 lack it, and nothing needs it
PADDING = (
    "Such an encoder pads its input otherwise than this one: its features are a little off until it has been "
    "trained further."
)
# Layers of a block, in timm's names and in those of efficientnet_pytorch; first stages lack the expansion.
TIMM_FIRST = {
    "conv_dw": "_depthwise_conv",
    "bn1": "_bn1",
    "conv_pw": "_project_conv",
    "bn2": "_bn2",
}
TIMM_OTHERS = {
    "conv_pw": "_expand_conv",
    "bn1": "_bn0",
    "conv_dw": "_depthwise_conv",
    "bn2": "_bn1",
    "conv_pwl": "_project_conv",
    "bn3": "_bn2",
}
TIMM_GATE = {"se.conv_reduce": "_se_reduce", "se.conv_expand": "_se_expand"}
# The same layers in torchvision's blocks; one place further up where the expansion is missing.
TORCHVISION = {
    "_expand_conv": (0, "0"),
    "_bn0": (0, "1"),
    "_depthwise_conv": (1, "0"),
    "_bn1": (1, "1"),
    "_se_reduce": (2, "fc1"),
    "_se_expand": (2, "fc2"),
    "_project_conv": (3, "0"),
    "_bn2": (3, "1"),
}
STEM = {"conv_stem": "_conv_stem", "bn1": "_bn0"}
TIMM_BLOCK = re.compile(r"blocks\.(\d{1,3})\.(\d{1,3})\.(.+)\.(\w+)")
BLOCK = re.compile(r"_blocks\.(\d{1,4})\.(\w+)\.(\w+)")

Translation = Callable[[Encoder, Iterable[str]], Mapping[str, str]]  # their key -> ours


def _same(_encoder: Encoder, keys: Iterable[str]) -> Mapping[str, str]:
    return {key: key for key in keys}


def _timm_to_original(_encoder: Encoder, keys: Iterable[str]) -> Mapping[str, str]:
    """From timm's names to those of efficientnet_pytorch, which count blocks through all stages."""
    keys = list(keys)
    found = {key: match for key in keys if (match := TIMM_BLOCK.fullmatch(key))}
    places = sorted({(int(match[1]), int(match[2])) for match in found.values()})
    numbers = {place: number for number, place in enumerate(places)}
    names: dict[str, str] = {}
    for key in keys:
        layer, _, tensor = key.rpartition(".")
        if layer in STEM:
            names[key] = f"{STEM[layer]}.{tensor}"
    for key, match in found.items():
        stage, block = int(match[1]), int(match[2])
        layer = {**(TIMM_FIRST if stage == 0 else TIMM_OTHERS), **TIMM_GATE}.get(match[3], "")
        if layer:
            names[key] = f"_blocks.{numbers[stage, block]}.{layer}.{match[4]}"
    return names


def _original_to_torchvision(encoder: Encoder, keys: Iterable[str]) -> Mapping[str, str]:
    """From the names of efficientnet_pytorch to torchvision's."""
    stages = list(encoder.features)[1:]  # type: ignore[arg-type]
    places = [(stage + 1, block) for stage, layers in enumerate(stages) for block in range(len(layers))]
    names = {}
    for key in keys:
        layer, _, tensor = key.rpartition(".")
        match = BLOCK.fullmatch(key)
        if layer in ("_conv_stem", "_bn0"):
            names[key] = f"features.0.{int(layer == '_bn0')}.{tensor}"
        elif match and int(match[1]) < len(places) and match[2] in TORCHVISION:
            stage, block = places[int(match[1])]
            step, name = TORCHVISION[match[2]]
            names[key] = f"features.{stage}.{block}.block.{step - (stage == 1)}.{name}.{match[3]}"
    return names


def _timm_to_torchvision(encoder: Encoder, keys: Iterable[str]) -> Mapping[str, str]:
    middle = _timm_to_original(encoder, keys)
    names = _original_to_torchvision(encoder, middle.values())
    return {key: names[value] for key, value in middle.items() if value in names}


@dataclass(frozen=True)
class Naming:
    """How a program names an encoder. first: its first convolution. remark: what a person should know."""

    title: str
    first: str
    translate: Translation
    remark: str = ""


# Whose names an encoder's weights may have, by its class.
NAMINGS: dict[type[Encoder], tuple[Naming, ...]] = {
    ResNetEncoder: (Naming("torchvision's names", "conv1.weight", _same),),
    VGGEncoder: (Naming("torchvision's names", "features.0.weight", _same),),
    EfficientNetEncoder: (
        Naming("torchvision's names", "features.0.0.weight", _same),
        Naming("timm's names", "conv_stem.weight", _timm_to_torchvision),
        Naming("efficientnet_pytorch's names", "_conv_stem.weight", _original_to_torchvision, PADDING),
    ),
    LiteEncoder: (
        Naming("efficientnet_lite_pytorch's names", "_conv_stem.weight", _same),
        Naming("timm's names", "conv_stem.weight", _timm_to_original),
    ),
}


@dataclass(frozen=True)
class FoundEncoder:
    """An encoder in a file: its tensors by our keys. prefix: what stood before their names."""

    tensors: Mapping[str, Tensor]
    naming: str
    prefix: str
    remarks: tuple[str, ...]


def find_encoder(encoder: Encoder, state: Mapping[str, Tensor], source: str) -> FoundEncoder:
    """The whole encoder in a file. Raises StudioError where it isn't there, or there twice."""
    found, misfits = [], []
    for naming in NAMINGS[type(encoder)]:
        for prefix in _prefixes(state, naming.first):
            names = naming.translate(encoder, (key[len(prefix) :] for key in state if key.startswith(prefix)))
            tensors = {ours: state[prefix + theirs] for theirs, ours in names.items()}
            misfit = _misfit(encoder, tensors)
            if misfit:
                misfits.append((len(tensors), misfit))
                continue
            remarks = (naming.remark,) if naming.remark else _remarks(encoder, naming, prefix)
            own = encoder.state_dict()
            kept = {key: tensor for key, tensor in tensors.items() if key in own}
            found.append(FoundEncoder(kept, naming.title, prefix, remarks))
    if len(found) > 1:
        raise StudioError(
            f"{source} holds more than one {encoder.name}: "
            f"{', '.join(repr(one.prefix) for one in found[:3])}.",
            "Save only the one that is meant.",
        )
    if not found:
        nearest = max(misfits, default=(0, "none of its layers has a known name"))[1]
        raise StudioError(
            f"{source} doesn't hold an encoder {encoder.name}: {nearest}.",
            "Choose the network that the file was made with (--set network=...), or another file.",
        )
    return found[0]


def _prefixes(state: Mapping[str, Tensor], first: str) -> list[str]:
    """What stands before a first convolution's name, wherever it may be one."""
    return [key[: -len(first)] for key in state if key == first or key.endswith(f".{first}")]


def _misfit(encoder: Encoder, tensors: Mapping[str, Tensor]) -> str:
    """What keeps tensors from filling an encoder; "" where nothing does. The image's channels may differ."""
    for key, own in encoder.state_dict().items():
        given = tensors.get(key)
        if given is None:
            if not key.endswith(COUNTER):
                return f"{key} is missing"
            continue
        wanted, found = tuple(own.shape), tuple(given.shape)
        if key == encoder.first and len(found) == len(wanted):
            wanted = (wanted[0], found[1], *wanted[2:])
        if wanted != found:
            return f"{key} is {found} instead of {tuple(own.shape)}"
    return ""


def _remarks(encoder: Encoder, naming: Naming, prefix: str) -> tuple[str, ...]:
    """SMP's own copy of timm's Lite encoders, "timm-tf_efficientnet_lite0", pads evenly."""
    copied = prefix.endswith("encoder.") and naming.first == "conv_stem.weight"
    return (PADDING,) if copied and isinstance(encoder, LiteEncoder) else ()


def find_decoder(
    network: EncoderUNet, state: Mapping[str, Tensor], encoder: FoundEncoder
) -> tuple[dict[str, Tensor], list[str]]:
    """The decoder and head beside an encoder, by our keys, and a sentence where they can't be taken.

    A decoder is taken whole or not at all; none of a file that holds an encoder alone.
    """
    root = re.sub(r"encoder\.(model\.)?$", "", encoder.prefix)
    if root == encoder.prefix or not any(key.startswith(f"{root}decoder.") for key in state):
        return {}, []
    own = network.state_dict()
    theirs = [key for key in state if key.startswith(f"{root}decoder.") and not key.endswith(COUNTER)]
    names = {ours: root + name for ours, name in _decoder_names(network).items()}
    found = {ours: state[name] for ours, name in names.items() if name in state}
    fits = all(tensor.shape == own[ours].shape for ours, tensor in found.items())
    counted = [key for key in own if key.startswith("decoder.") and not key.endswith(COUNTER)]
    if not fits or any(key not in found for key in counted) or len(theirs) != len(counted):
        return {}, ["Its decoder has other layers than this one and was left out."]
    head = {f"{HEAD}.{part}": state.get(f"{root}segmentation_head.0.{part}") for part in ("weight", "bias")}
    return {**found, **{key: tensor for key, tensor in head.items() if tensor is not None}}, []


def _decoder_names(network: EncoderUNet) -> dict[str, str]:
    """Our keys of the decoder -> SMP's: decoder.0.layers.3.weight -> decoder.blocks.0.conv2.0.weight."""
    names = {}
    for key in network.decoder.state_dict():
        block, part, rest = key.split(".", 2)
        if part == "layers":
            place, tensor = rest.split(".")
            step, layer = divmod(int(place), 3)  # a convolution, its normalisation and activation, twice
            names[f"decoder.{key}"] = f"decoder.blocks.{block}.conv{1 + step}.{layer}.{tensor}"
    return names
