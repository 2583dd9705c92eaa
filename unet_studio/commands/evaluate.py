"""Compare predicted masks with true ones: pixel accuracy, IoU, Dice and boundary F1; per class, pooled and as
the mean over images."""

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unet_studio.commands.options import add_json, add_subset, read_subset
from unet_studio.commands.terminal import Terminal
from unet_studio.core.errors import StudioError
from unet_studio.core.words import count

if TYPE_CHECKING:
    from unet_studio.core.classes import ClassTable
    from unet_studio.core.metrics import Evaluation, Scores
    from unet_studio.formats.sample import Incoming

KINDS = ("IoU", "Dice", "boundary F1")
NONE = "-"  # where there is no score


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
    add_subset(parser)
    parser.add_argument(
        "--boundary-tolerance",
        metavar="SHARE",
        type=float,
        help="how far outlines may lie apart for boundary F1, as a share of an image's diagonal (0.0075)",
    )
    parser.add_argument("--per-image", metavar="FILE.csv", type=Path, help="also write every image's scores")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    from unet_studio.core.boundary import TOLERANCE
    from unet_studio.core.metrics import Evaluation
    from unet_studio.formats.index_png import read_index_png_folder
    from unet_studio.formats.mask_folder import read_mask_folder
    from unet_studio.formats.matching import match

    terminal = Terminal(arguments.json)
    given = arguments.boundary_tolerance
    tolerance = TOLERANCE if given is None else given
    if not 0 <= tolerance <= 1:
        raise StudioError(f"The tolerance can't be {given}.", f"Give a share of 0 to 1, such as {TOLERANCE}.")
    truth = read_mask_folder(arguments.truth, arguments.classes, arguments.ignore, guess=False)
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
    evaluation = Evaluation(table.indices, tolerance)
    _evaluate(terminal, truth, pred, matches.pairs, evaluation, _same_names(pred, table))
    _show(terminal, evaluation, table)
    if arguments.per_image is not None:
        _write_per_image(arguments.per_image, evaluation, table)
        terminal.note(f"The scores of every image are in {arguments.per_image}.")
    if matches.unused and not (arguments.split or arguments.subset):
        terminal.note(f"{len(matches.unused)} predictions have no true mask and were left out.")
    terminal.result(evaluation.to_json(table))
    return 0


def _chosen(keys: tuple[str, ...], arguments: argparse.Namespace) -> list[str]:
    """The true masks to compare, all or those of a subset."""
    from unet_studio.formats.matching import match

    names = read_subset(arguments.split, arguments.subset)
    if names is None:
        return list(keys)
    matches = match(names, keys)
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
    terminal: Terminal,
    truth: "Incoming",
    pred: "Incoming",
    pairs: dict[str, str],
    evaluation: "Evaluation",
    lut: Any,
) -> None:
    """Add every pair of masks. lut: from the predictions' class indices to the truth's, uint8 (256,)."""
    with terminal.progress("Comparing", "images") as meter:
        for done, (key, pred_key) in enumerate(pairs.items()):
            meter.advance(done, len(pairs), key)
            true = truth.read(key, None)
            shape = (true.shape[0], true.shape[1])
            evaluation.add(key, true, lut[pred.read(pred_key, shape)])


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
        match = table.like(entry.name, entry.index == pred.classes.background)
        if match is not None:
            lut[entry.index] = match.index
    return lut


def _show(terminal: Terminal, evaluation: "Evaluation", table: "ClassTable") -> None:
    """A table of both averages, and the pixel accuracy."""
    mean, pooled = evaluation.mean_over_images(), evaluation.pooled()
    columns = [column for found in (mean, pooled) for column in _columns(found, table)]
    head = [f"{kind} {average}" for average in ("mean", "pooled") for kind in KINDS]
    names = [*(table.get(index).name for index in table.indices), "mean of classes", "without background"]
    terminal.say(count(len(evaluation.names), "image"))
    terminal.table(["", *head], list(zip(names, *columns, strict=False)))
    accuracies = f"{_figure(mean.pixel_accuracy)} mean over images, {_figure(pooled.pixel_accuracy)} pooled"
    terminal.say(f"Pixel accuracy {accuracies}")
    terminal.say("mean: over images, each alone; pooled: of the pixels of all images together")


def _columns(found: "Scores", table: "ClassTable") -> list[list[str]]:
    """Every kind of score by class, then its mean over the classes, and over those but the background."""
    backgrounds = [None] if table.background is None else [None, table.background]
    kinds = (
        (found.iou, found.mean_iou),
        (found.dice, found.mean_dice),
        (found.boundary_f1, found.mean_boundary_f1),
    )
    return [
        [_figure(value) for value in (*values, *(mean(without) for without in backgrounds))]
        for values, mean in kinds
    ]


def _write_per_image(path: Path, evaluation: "Evaluation", table: "ClassTable") -> None:
    """One row an image: known pixels, pixel accuracy, and every kind of score by class and as means."""
    from unet_studio.core.statistics import write_csv
    from unet_studio.core.storage import encodable

    means = ["mean of classes"] if table.background is None else ["mean of classes", "without background"]
    names = [*(table.get(index).name for index in table.indices), *means]
    rows = []
    for (name, found), pixels in zip(evaluation.per_image, evaluation.pixels, strict=True):
        columns = _columns(found, table)
        figures = [value for column in columns for value in column]
        cells = ["" if value == NONE else value for value in (_figure(found.pixel_accuracy), *figures)]
        rows.append([encodable(name), str(pixels), *cells])
    head = [f"{kind}: {name}" for kind in KINDS for name in names]
    write_csv(path, ["image", "known pixels", "pixel accuracy", *head], rows)


def _figure(value: float) -> str:
    return NONE if math.isnan(value) else f"{value:.4f}"
