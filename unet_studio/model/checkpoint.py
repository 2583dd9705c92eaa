"""Models on disk: a folder of safetensors and a card. Opening one never executes code."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor, nn

from unet_studio.core.errors import StudioError
from unet_studio.core.model_card import CARD_FILE, MODEL_FILE, ModelCard, ModelClass, read_card, write_card
from unet_studio.core.storage import atomic_write
from unet_studio.model.architectures import build_network
from unet_studio.model.devices import choose_device
from unet_studio.model.network import HEAD
from unet_studio.model.predict import Model
from unet_studio.model.weights_file import read_state

BEST = "best"  # the model folder inside a run folder
NEW_CLASS_MARGIN = 3.0  # logits by which a class that the head doesn't know yet stays below the known ones


def save_model(folder: Path, network: nn.Module, card: ModelCard) -> None:
    """Write a model folder: the weights, then the card that makes it one; each file whole or not at all."""
    state = {key: tensor.detach().cpu().contiguous().clone() for key, tensor in network.state_dict().items()}
    check_card(card)
    with atomic_write(folder / MODEL_FILE) as stream:
        stream.write(save(state, metadata={"format": "pt", "name": card.name}))
    write_card(folder, card)


def load_model(path: str | Path, device: str = "auto") -> Model:
    """The model of a model folder, or of a run folder (its best), ready to predict.

    device: as choose_device takes it. Raises StudioError where something is missing, broken or doesn't match.
    """
    folder = model_folder(Path(path))
    card = read_card(folder)
    check_card(card)
    network = build_network(card.architecture)
    load_state(network, read_state(folder / MODEL_FILE), str(folder))
    network.eval()
    return Model(card, network, choose_device(device))


def model_folder(path: Path) -> Path:
    """The folder with the card: path itself, or the best model of a run folder."""
    found = [folder for folder in (path, path / BEST) if (folder / CARD_FILE).is_file()]
    if found:
        return found[0]
    if not path.exists():
        raise StudioError(f"There is no model {path}.", "unet-studio models lists what is there.")
    raise StudioError(
        f"{path} is neither a model folder nor a run with a best model: it has no {CARD_FILE}.",
        "Choose another folder, or wait for the run's first validation.",
    )


def check_card(card: ModelCard) -> None:
    """Raise StudioError where the card contradicts itself."""
    outputs, classes = card.architecture.out_channels, len(card.classes)
    if classes != max(2, outputs):
        raise StudioError(
            f"The card of {card.name} names {classes} classes for {outputs} output channels.",
            "One output channel means two classes; otherwise each class has its own.",
        )
    if card.preprocessing.channels != card.architecture.in_channels:
        raise StudioError(
            f"The card of {card.name} prepares {card.preprocessing.channels} channels for a network of "
            f"{card.architecture.in_channels}.",
            "Mend model.json, or copy the model again from its source.",
        )


def load_state(network: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Load weights that fit key by key and shape by shape. Raises StudioError naming the first misfit."""
    own = network.state_dict()
    problems = [f"{key} is missing" for key in own if key not in state]
    problems += [f"{key} is unknown" for key in state if key not in own]
    problems += [
        f"{key} is {tuple(state[key].shape)} instead of {tuple(tensor.shape)}"
        for key, tensor in own.items()
        if key in state and state[key].shape != tensor.shape
    ]
    if problems:
        raise StudioError(
            f"The weights of {source} don't fit the network on its card: {problems[0]}"
            + (f", and {len(problems) - 1} more." if len(problems) > 1 else "."),
            "Copy the model again from its source, or choose another.",
        )
    network.load_state_dict(dict(state))


def adapt_head(
    state: Mapping[str, Tensor],
    old_classes: Sequence[ModelClass],
    new_classes: Sequence[ModelClass],
    out_channels: int,
) -> dict[str, Tensor]:
    """The weights with a head for other classes: known classes keep their rows, whatever their place.

    A class is known by its name, else by its index. A new class starts as the mean of the known rows minus
    NEW_CLASS_MARGIN, so that no pixel changes before it is learnt. out_channels: 1 (two classes, sigmoid) or
    the number of new classes; a head of one logit z counts as the rows (0, z).
    Where no class is known, the head's keys are left out: it starts anew (load_state_dict(strict=False)).
    """
    if f"{HEAD}.weight" not in state or f"{HEAD}.bias" not in state:
        raise StudioError("These weights have no head to adapt.", "Use a model made by U-Net Studio.")
    if len(new_classes) != max(2, out_channels):
        raise StudioError(f"{len(new_classes)} classes don't fit {out_channels} outputs.", "Check them.")
    sources = match_classes(old_classes, new_classes)
    adapted = dict(state)
    known = [source for source in sources if source is not None]
    for part, margin in (("weight", 0.0), ("bias", NEW_CLASS_MARGIN)):
        rows = adapted.pop(f"{HEAD}.{part}")
        if len(rows) == 1:
            rows = torch.cat([torch.zeros_like(rows), rows])
        if known:
            fresh = rows[known].mean(dim=0) - margin
            chosen = torch.stack([fresh if source is None else rows[source] for source in sources])
            adapted[f"{HEAD}.{part}"] = chosen[1:] - chosen[:1] if out_channels == 1 else chosen
    return adapted


def match_classes(old: Sequence[ModelClass], new: Sequence[ModelClass]) -> list[int | None]:
    """For each new class, the position of the old one it continues: of the same name, else the same index."""
    names = {entry.name.casefold(): position for position, entry in enumerate(old)}
    found = [names.get(entry.name.casefold()) for entry in new]
    indices = {entry.index: position for position, entry in enumerate(old) if position not in found}
    return [
        indices.pop(entry.index, None) if position is None else position
        for entry, position in zip(new, found, strict=True)
    ]
