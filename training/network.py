"""The network that a run trains: built from the settings, or taken from the model that it starts from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import torch

from unet_studio.core.classes import ClassTable
from unet_studio.core.errors import StudioError
from unet_studio.core.model_card import (
    MODEL_FILE,
    Architecture,
    ModelCard,
    ModelClass,
    Preprocessing,
    read_card,
)
from unet_studio.core.training_config import TrainingConfig
from unet_studio.model.architectures import build_network, freeze_encoder_statistics
from unet_studio.model.checkpoint import adapt_head, load_state, model_folder
from unet_studio.model.foreign import Taken, load_foreign, load_imagenet
from unet_studio.model.network import Network
from unet_studio.model.weights_file import is_weights_file, read_state

# Which settings the plain U-Net takes, and which a U-Net on a pretrained encoder.
PLAIN_OPTIONS = (
    "depth",
    "channels",
    "bottleneck",
    "normalisation",
    "normalisations",
    "convolutions",
    "activation",
    "upsampling",
    "dropout",
    "decoder",
    "decoder_inner",
)
ENCODER_OPTIONS = ("normalisation", "upsampling", "dropout", "decoder")
OPEN = ("auto", 0, ())  # values that leave an option to the network


@dataclass(frozen=True)
class Origin:
    """The model that a run starts from: its folder and card."""

    folder: Path
    card: ModelCard


@dataclass(frozen=True)
class Beginning:
    """A network with its first weights. notes: where they came from, in sentences.

    knows_classes: whether its outputs mean something already, so that it can be judged before it learns.
    """

    network: Network
    notes: tuple[str, ...] = ()
    knows_classes: bool = False


def foreign_file(config: TrainingConfig) -> Path | None:
    """The weights file of another program that `init` names; None where it names something else."""
    path = Path(config.init).expanduser()
    return path if config.init not in ("imagenet", "random") and is_weights_file(path) else None


def find_origin(config: TrainingConfig) -> Origin | None:
    """The model named by `init`; None where the run starts from other weights than a model's."""
    if config.init in ("imagenet", "random") or foreign_file(config):
        return None
    folder = model_folder(Path(config.init).expanduser())
    return Origin(folder, read_card(folder))


def model_classes(table: ClassTable) -> tuple[ModelClass, ...]:
    """The outputs of a model for these classes, in their order."""
    return tuple(ModelClass(entry.index, entry.name, entry.color) for entry in table.active)


def choose_architecture(
    config: TrainingConfig, table: ClassTable, preprocessing: Preprocessing, origin: Origin | None
) -> Architecture:
    """The architecture of the origin with outputs for the classes, or the one that the settings describe.

    Background and one class share an output channel; otherwise each class has its own.
    """
    count = len(table.active)
    outputs = 1 if count == 2 and table.background is not None else count
    if origin is not None:
        own = origin.card.architecture
        return Architecture(own.name, own.in_channels, outputs, dict(own.options))
    names = PLAIN_OPTIONS if config.network == "unet" else ENCODER_OPTIONS
    options: dict[str, Any] = {
        name: getattr(config, name) for name in names if getattr(config, name) not in OPEN
    }
    return Architecture(config.network, preprocessing.channels, outputs, options)


def make_network(
    config: TrainingConfig,
    architecture: Architecture,
    classes: tuple[ModelClass, ...],
    origin: Origin | None,
    resumed: bool = False,
) -> Beginning:
    """The network with its first weights, drawn from the seed, on the CPU, statistics frozen as set.

    resumed: its weights come from a saved state, so that nothing they began with is needed any more.
    Raises StudioError where the network can't fit into the memory, before it is made.
    """
    _check_room(architecture)
    torch.manual_seed(config.seed)
    network = build_network(architecture)
    taken = Taken((), head=origin is not None)
    file = foreign_file(config)
    if resumed:
        pass
    elif origin is not None:
        state = read_state(origin.folder / MODEL_FILE)
        before = build_network(origin.card.architecture)
        load_state(before, state, str(origin.folder))
        adapted = adapt_head(state, origin.card.classes, classes, architecture.out_channels)
        network.load_state_dict(adapted, strict=False)
    elif file is not None:
        taken = load_foreign(network, file)
    elif config.init == "imagenet":
        taken = load_imagenet(network, config.encoder_weights)
    freeze_encoder_statistics(network, config.freeze_encoder_statistics and config.init != "random")
    return Beginning(network, taken.notes, taken.head)


def _check_room(architecture: Architecture) -> None:
    """Raise StudioError where the free memory can't hold the weights, their gradients and the momentum."""
    with torch.device("meta"):  # counts weights without memory for them
        weights = sum(value.numel() for value in build_network(architecture).parameters())
    needed, free = 3 * 4 * weights / 1e9, psutil.virtual_memory().available / 1e9
    if needed > free:
        raise StudioError(
            f"The network has {weights:,} weights: training needs {needed:,.1f} GB for them alone, and "
            f"{free:,.1f} GB are free.",
            "Set fewer channels or a smaller depth, or choose another network.",
        )
