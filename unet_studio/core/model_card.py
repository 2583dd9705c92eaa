"""The card beside every model's weights: what it is, what it tells apart, and how an image becomes its input.

A model is a folder of two files: model.safetensors (weights) and model.json (this card).
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.classes import UNLABELLED, ClassTable
from unet_studio.core.errors import StudioError
from unet_studio.core.storage import read_json, write_json

MODEL_FILE = "model.safetensors"
CARD_FILE = "model.json"
CARD_VERSION = 1

Scaling = Literal["dtype", "percentile"]
Resize = Literal["none", "factor", "long_side", "stretch"]
_CHOICES = {"scaling": get_args(Scaling), "resize": get_args(Resize)}


@dataclass(frozen=True)
class Architecture:
    """How to build the network. name: key of ARCHITECTURES. out_channels: 1 means two classes by sigmoid."""

    name: str
    in_channels: int
    out_channels: int
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Preprocessing:
    """How an image becomes the network's input; the same in training and prediction.

    scaling: "dtype" maps uint8 and uint16 to 0..1 and leaves float32 as it is; "percentile" maps low..high
    (one pair a channel, in pixel values) to 0..1. Then (x - mean) / std, one value a channel.
    resize: "none"; "factor", size (f,); "long_side", size (px,), aspect kept; "stretch", (height, width).
    """

    channels: int
    scaling: Scaling = "dtype"
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    resize: Resize = "none"
    size: tuple[float, ...] = ()


@dataclass(frozen=True)
class ModelClass:
    """One output of a model: the class index it writes, with name and colour (#rrggbb)."""

    index: int
    name: str
    color: str


@dataclass(frozen=True)
class ModelCard:
    """What a person and the program need to know of a model. classes: in the order of the output channels.

    parent: the model it was fine-tuned from; base: the one that every round restarts from.
    tile: side of the prediction tiles in px. metrics and training: plain JSON values. temperature: what
    logits are divided by before they become confidence, fitted to validation images; 1 leaves them as is.
    name never changes, as stored predictions go by it; title and note are what a person calls and says of it.
    """

    name: str
    architecture: Architecture
    classes: tuple[ModelClass, ...]
    background: int | None
    preprocessing: Preprocessing
    parent: str | None = None
    base: str | None = None
    created: str = ""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    tile: int = 512
    note: str = ""
    temperature: float = 1.0
    title: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"version": CARD_VERSION, **asdict(self)}

    @classmethod
    def from_json(cls, value: Any, source: str = "model card") -> "ModelCard":
        """The inverse of to_json. Raises StudioError where something is missing or wrong."""
        try:
            if value["version"] > CARD_VERSION:
                raise StudioError(f"{source} was written by a newer U-Net Studio.", "Update U-Net Studio.")
            fields = {key: item for key, item in value.items() if key != "version"}
            preprocessing: dict[str, Any] = {
                key: tuple(item) if isinstance(item, list) else item
                for key, item in fields["preprocessing"].items()
            }
            fields["preprocessing"] = Preprocessing(**preprocessing)
            fields["architecture"] = Architecture(**fields["architecture"])
            fields["classes"] = tuple(ModelClass(**entry) for entry in fields["classes"])
            card = cls(**fields)
            card._check()
            return card
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise StudioError(
                f"{source} is not a valid model card ({error!r}).", "Copy the model again from its source."
            ) from error

    def _check(self) -> None:
        """Raise ValueError where the parts can't belong together."""
        table = self.table()  # indices in range and told apart, colours and background
        outputs = self.architecture.out_channels
        if (2 if outputs == 1 else outputs) != len(table.classes):
            raise ValueError(f"{outputs} outputs for {len(table.classes)} classes")
        if not 0 < self.temperature < math.inf:
            raise ValueError(f"the temperature is {self.temperature!r}")
        for name, choices in _CHOICES.items():
            if getattr(self.preprocessing, name) not in choices:
                raise ValueError(f"{name} is {getattr(self.preprocessing, name)!r}")

    def table(self) -> ClassTable:
        """The model's classes as a class table, for a project that has none of its own yet."""
        return ClassTable.from_json(
            {"classes": [asdict(entry) for entry in self.classes], "background": self.background}
        )


@dataclass(frozen=True)
class ModelEntry:
    """One model folder as found on disk. problem: why it can't be used, or ""; then card is None.

    imported: no model at all, but masks that were imported as predictions, see core.imported.
    """

    name: str
    folder: Path
    card: ModelCard | None
    problem: str = ""
    imported: bool = False

    @property
    def shown(self) -> str:
        """What people read: the title they gave it with its name, else the name alone."""
        title = self.card.title if self.card is not None else ""
        return f"{title} ({self.name})" if title and title != self.name else self.name


def read_card(folder: Path) -> ModelCard:
    """The card of a model folder."""
    path = folder / CARD_FILE
    if not path.is_file():
        raise StudioError(f"{folder} is not a model: it has no {CARD_FILE}.", "Choose a folder that has one.")
    return ModelCard.from_json(read_json(path), str(path))


def write_card(folder: Path, card: ModelCard) -> None:
    """Write the card of a model folder, atomically."""
    write_json(folder / CARD_FILE, card.to_json())


def list_models(*roots: Path) -> list[ModelEntry]:
    """The models in these folders, by name; an earlier root hides the same name in a later one."""
    found: dict[str, ModelEntry] = {}
    for root in roots:
        if not root.is_dir():
            continue
        for folder in sorted(root.iterdir()):
            if folder.name in found or not (folder / CARD_FILE).is_file():
                continue
            try:
                card = read_card(folder)
                missing = not (folder / MODEL_FILE).is_file()
                problem = f"{MODEL_FILE} is missing." if missing else ""
                found[folder.name] = ModelEntry(folder.name, folder, None if missing else card, problem)
            except StudioError as error:
                found[folder.name] = ModelEntry(folder.name, folder, None, str(error))
    return list(found.values())


def class_mapping(card: ModelCard, table: ClassTable) -> NDArray[np.uint8]:
    """Look-up table, uint8 (256,), from the model's class indices to the project's, matched by name.

    The model's background goes to the project's background, and a class that was merged or deleted here
    since to what its pixels became. Raises StudioError where a class of the model is missing in the project.
    """
    lut = np.full(256, UNLABELLED, dtype=np.uint8)
    since = table.successors()
    missing = []
    for entry in card.classes:
        match = table.like(entry.name, entry.index == card.background) or table.gone(entry.name)
        if match is None:
            missing.append(entry.name)
        else:
            lut[entry.index] = match.index if since is None else since[match.index]
    if missing:
        raise StudioError(
            f"The model {card.name} knows classes that this project lacks: {', '.join(missing)}.",
            f"Add them, rename one of yours ({table.describe()}), or choose another model.",
        )
    return lut
