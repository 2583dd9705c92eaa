"""List the models: a project's own versions, and those that ship with the program. ECE is the expected
calibration error, how far confidence is from the truth on validation images: before and after calibration;
images are those it learnt from and those it was validated on."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unet_studio.commands.options import add_json, add_project_dir, opened
from unet_studio.commands.terminal import Terminal

if TYPE_CHECKING:
    from unet_studio.core.model_card import ModelCard, ModelEntry


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("folder", metavar="FOLDER", nargs="?", type=Path, help="a folder of images")
    add_project_dir(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    from unet_studio.core.model_card import list_models
    from unet_studio.core.resources import resources

    terminal = Terminal(arguments.json)
    used = None
    if arguments.folder is None:
        entries = list_models(resources() / "models")
    else:
        with opened(arguments.folder, arguments.project) as project:
            entries, used = project.models(), project.model
    rows = [_row(entry, used) for entry in entries]
    if rows:
        terminal.table(
            ["model", "network", "classes", "parent", "images", "Dice", "IoU", "ECE", "temperature", "made"],
            rows,
        )
    else:
        terminal.say("There are no models here. unet-studio train makes one.")
    for entry in entries:
        if entry.problem:
            terminal.note(f"unet-studio: {entry.name} can't be used: {entry.problem}")
    terminal.result({"models": [describe(entry, used) for entry in entries]})
    return 0


def describe(entry: "ModelEntry", used: str | None = None) -> dict[str, Any]:
    """One model as JSON values. used: the name of the project's model in use."""
    value: dict[str, Any] = {
        "name": entry.name,
        "folder": str(entry.folder),
        "in_use": entry.name == used,
        "problem": entry.problem,
    }
    if entry.card is not None:
        value["network"] = entry.card.architecture.name
        value["classes"] = [{"index": one.index, "name": one.name} for one in entry.card.classes]
        value |= {key: getattr(entry.card, key) for key in ("parent", "created", "note")}
        value["metrics"] = dict(entry.card.metrics)
        value["temperature"] = entry.card.temperature
        value["images"] = _images(entry.card)
        value["weights"] = entry.card.training.get("weights")
    return value


def _images(card: "ModelCard") -> dict[str, int]:
    """How many images a model learnt from, was validated on, and never saw; nothing where that is unknown."""
    samples = card.training.get("samples")
    if not isinstance(samples, Mapping):
        return {}
    return {str(part): len(names) for part, names in samples.items() if isinstance(names, list)}


def _row(entry: "ModelEntry", used: str | None) -> list[str]:
    name = f"{entry.name} *" if entry.name == used else entry.name
    if entry.card is None:
        return [name, "broken", *[""] * 8]
    card = entry.card
    figures = [_figure(card.metrics.get(key)) for key in ("mean_dice", "mean_iou")]
    names = [one.name for one in card.classes]
    classes = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    parent, made = card.parent or "-", card.created[:10] or "-"
    counts = _images(card)
    images = f"{counts.get('train', 0)} + {counts.get('val', 0)}" if counts else "-"
    return [name, card.architecture.name, classes, parent, images, *figures, *_calibration(card), made]


def _calibration(card: "ModelCard") -> list[str]:
    """The calibration error before and after, and the temperature; dashes where none was fitted."""
    found = card.metrics.get("calibration")
    if not isinstance(found, Mapping):
        return ["-", "-" if card.temperature == 1 else f"{card.temperature:.2f}"]
    before, after = (_figure(found.get(key)) for key in ("ece_before", "ece_after"))
    return [f"{before} to {after}", f"{card.temperature:.2f}"]


def _figure(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else "-"
