"""Compare predicted masks with true ones: pixel accuracy, IoU and Dice; per class, pooled and as the mean
over images."""

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unet_studio.commands.options import add_json
from unet_studio.commands.terminal import Terminal
from unet_studio.core.errors import StudioError

if TYPE_CHECKING:
    from unet_studio.core.classes import ClassTable
    from unet_studio.core.metrics import Evaluation
    from unet_studio.formats.sample import Incoming


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--pred", metavar="DIR", type=Path, required=True, help="the predicted masks")
    parser.add_argument("--truth", metavar="DIR", type=Path, required=True, help="the true masks")
    parser.add_argument("--classes", metavar="FILE", type=Path, help="a classes.json; else the truth's own")
    parser.add_argument(
        "--ignore",
        metavar="N",
        type=int,
        help="pixel value that means void in the truth; else classes.json's",
    )
    parser.add_argument("--split", metavar="FILE", type=Path, help="a split.json; needs --subset")
    parser.add_argument("--subset", choices=("train", "val", "test"), help="the part of the split to compare")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    from unet_studio.formats.index_png import read_index_png_folder
    from unet_studio.formats.matching import match

    terminal = Terminal(arguments.json)
    truth = read_index_png_folder(arguments.truth, arguments.classes, arguments.ignore)
    pred = read_index_png_folder(arguments.pred)
    keys = _chosen(truth.keys, arguments)
    matches = match(pred.keys, keys)
    if matches.missing:
        raise StudioError(
            f"{len(matches.missing)} of {len(keys)} true masks have no prediction in {arguments.pred}: "
            f"{', '.join(matches.missing[:5])}.",
            "Predict these images too, or compare a part of them with --split and --subset.",
        )
    table = truth.classes or _found_classes(truth, keys)
    evaluation = _evaluate(terminal, truth, pred, matches.pairs, table)
    _show(terminal, evaluation, table)
    if matches.unused and not (arguments.split or arguments.subset):
        terminal.note(f"{len(matches.unused)} predictions have no true mask and were left out.")
    terminal.result(evaluation.to_json(table))
    return 0


def _chosen(keys: tuple[str, ...], arguments: argparse.Namespace) -> list[str]:
    """The true masks to compare, all or those of a subset."""
    from unet_studio.core.storage import read_json
    from unet_studio.formats.matching import match

    if arguments.split is None and arguments.subset is None:
        return list(keys)
    if arguments.split is None or arguments.subset is None:
        raise StudioError("--split and --subset belong together.", "Give both, for example --subset test.")
    value = read_json(arguments.split)
    names = value.get(arguments.subset) if isinstance(value, dict) else None
    if not isinstance(names, list) or not names:
        raise StudioError(f"{arguments.split} has no {arguments.subset} images.", "Choose another --subset.")
    matches = match([str(name) for name in names], keys)
    if matches.unused:
        raise StudioError(
            f"{len(matches.unused)} images of the {arguments.subset} split have no true mask: "
            f"{', '.join(matches.unused[:5])}.",
            "Check that --split belongs to --truth.",
        )
    return [key for key in keys if key in matches.pairs]


def _found_classes(truth: "Incoming", keys: list[str]) -> "ClassTable":
    """Classes named by their pixel value, where no classes.json names them. Index 0 counts as background."""
    import numpy as np

    from unet_studio.core.classes import DEFAULT_COLORS, UNLABELLED, ClassTable, PixelClass

    found: set[int] = set()
    for key in keys:
        found |= {int(value) for value in np.unique(truth.read(key, None))} - {UNLABELLED}
    if not found:
        raise StudioError("The true masks hold no labelled pixel.", "Choose another --truth.")
    names = {value: "background" if value == 0 else str(value) for value in sorted(found)}
    classes = (
        PixelClass(value, name, DEFAULT_COLORS[value % len(DEFAULT_COLORS)]) for value, name in names.items()
    )
    return ClassTable(tuple(classes), 0 if 0 in found else None)


def _evaluate(
    terminal: Terminal, truth: "Incoming", pred: "Incoming", pairs: dict[str, str], table: "ClassTable"
) -> "Evaluation":
    from unet_studio.core.metrics import Evaluation

    lut = _same_names(pred, table)
    evaluation = Evaluation(table.indices)
    with terminal.progress("Comparing", "images") as meter:
        for done, (key, pred_key) in enumerate(pairs.items()):
            meter.advance(done, len(pairs), key)
            true = truth.read(key, None)
            shape = (true.shape[0], true.shape[1])
            evaluation.add(key, true, lut[pred.read(pred_key, shape)])
    return evaluation


def _same_names(pred: "Incoming", table: "ClassTable") -> Any:
    """Look-up table, uint8 (256,), from the predictions' class indices to the truth's, by class name.

    Where the predictions come without names, or with none that the truth knows, their indices count as they
    are. A class that the truth lacks becomes 255: wrong wherever it is predicted.
    """
    import numpy as np

    from unet_studio.core.classes import UNLABELLED

    if pred.classes is None or not any(table.named(entry.name) for entry in pred.classes.active):
        return np.arange(256, dtype=np.uint8)
    lut = np.full(256, UNLABELLED, dtype=np.uint8)
    for entry in pred.classes.active:
        match = table.named(entry.name)
        if match is not None:
            lut[entry.index] = match.index
        elif entry.index == pred.classes.background and table.background is not None:
            lut[entry.index] = table.background
    return lut


def _show(terminal: Terminal, evaluation: "Evaluation", table: "ClassTable") -> None:
    """A table of both averages, and the pixel accuracy."""
    mean, pooled = evaluation.mean_over_images(), evaluation.pooled()
    columns = [_column(mean.iou, mean.mean_iou, table), _column(mean.dice, mean.mean_dice, table)]
    columns += [_column(pooled.iou, pooled.mean_iou, table), _column(pooled.dice, pooled.mean_dice, table)]
    names = [*(table.get(index).name for index in table.indices), "mean of classes", "without background"]
    terminal.say(f"{len(evaluation.names)} images")
    terminal.table(
        ["", "IoU mean", "Dice mean", "IoU pooled", "Dice pooled"], list(zip(names, *columns, strict=False))
    )
    accuracies = f"{_figure(mean.pixel_accuracy)} mean over images, {_figure(pooled.pixel_accuracy)} pooled"
    terminal.say(f"Pixel accuracy {accuracies}")


def _column(values: tuple[float, ...], mean: Callable[[int | None], float], table: "ClassTable") -> list[str]:
    """One score by class, then its mean over the classes, and over those that are not background."""
    means = [mean(None)] if table.background is None else [mean(None), mean(table.background)]
    return [_figure(value) for value in (*values, *means)]


def _figure(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.4f}"
