"""What tables and sentences of a comparison say, the same in every kind of file."""

import math
from collections.abc import Mapping

from unet_studio.core.curves import Curve, Points, curve_sheet
from unet_studio.core.error_picture import ERRORS
from unet_studio.core.metrics import Scores
from unet_studio.core.sheet import LINE_COLORS, Sheet
from unet_studio.core.words import count
from unet_studio.model.comparison import RED, Comparison

Rows = list[list[str]]
Curves = Mapping[str, Mapping[str, Points]]  # of the models that come from runs, by name; see run_curves

SUMMARY = (
    "model",
    "network",
    "pixel accuracy",
    "IoU",
    "Dice",
    "boundary F1",
    "IoU pooled",
    "Dice pooled",
)
EXPLAINED = (
    "IoU, Dice and boundary F1 are means over images first, then over the classes that the truth shows, "
    "without the background; pooled ones count the pixels of all images together."
)


def title(found: Comparison) -> str:
    """What is compared."""
    return f"{' and '.join(rival.name for rival in found.rivals)} on {count(len(found.names), 'image')}"


def summary_rows(found: Comparison) -> Rows:
    """A row a model, under SUMMARY."""
    rows = []
    for rival, evaluation in zip(found.rivals, found.evaluations, strict=True):
        mean, pooled, chosen = (
            evaluation.mean_over_images(),
            evaluation.pooled(),
            evaluation.measured(found.table.background),
        )
        part, whole = mean.only(chosen), pooled.only(chosen)
        values = (
            mean.pixel_accuracy,
            part.mean_iou(),
            part.mean_dice(),
            part.mean_boundary_f1(),
            whole.mean_iou(),
            whole.mean_dice(),
        )
        rows.append([rival.name, rival.card.architecture.name, *map(figure, values)])
    return rows


def class_rows(found: Comparison, score: str, pooled: bool) -> tuple[list[str], Rows]:
    """Head and rows, one a class, of one score (a field of Scores), one column a model."""
    columns = [
        _column(evaluation.pooled() if pooled else evaluation.mean_over_images(), score)
        for evaluation in found.evaluations
    ]
    rows = [
        [entry.name, *(figure(column[place]) for column in columns)]
        for place, entry in enumerate(found.table.active)
    ]
    return ["class", *(rival.name for rival in found.rivals)], rows


def _column(scores: Scores, score: str) -> tuple[float, ...]:
    values: tuple[float, ...] = getattr(scores, score)
    return values


def image_rows(found: Comparison) -> tuple[list[str], Rows]:
    """Head and rows, one an image, those that differ most first: the Dice of every model, or disagreement."""
    names = [rival.name for rival in found.rivals]
    order = sorted(range(len(found.names)), key=lambda number: -found.differences[number])
    if not found.has_truth:
        rows = [[found.names[number], f"{100 * found.differences[number]:.2f} %"] for number in order]
        return ["image", "pixels that differ"], rows
    dice = [evaluation.image_dice(found.table.background) for evaluation in found.evaluations]
    rows = [
        [
            found.names[number],
            *(figure(column[number]) for column in dice),
            *(signed(column[number] - dice[0][number]) for column in dice[1:]),
        ]
        for number in order
    ]
    return ["image", *names, *(f"{name} - {names[0]}" for name in names[1:])], rows


def differences(found: Comparison) -> list[str]:
    """A sentence on every model beside the first: how much its mean Dice differs, and how sure that is."""
    if not found.has_truth:
        return []
    told = []
    for number in range(1, len(found.rivals)):
        interval = found.interval(0, number)
        first, second = found.rivals[0].name, found.rivals[number].name
        if math.isnan(interval.low):
            told.append(
                f"{second} - {first}: mean Dice {signed(interval.mean)}; too few images for an interval."
            )
            continue
        verdict = "better" if interval.better else "worse" if interval.worse else "no clear difference"
        told.append(
            f"{second} - {first}: mean Dice {signed(interval.mean)}, "
            f"{100 * interval.level:.0f} % interval {signed(interval.low)} to {signed(interval.high)} "
            f"(paired bootstrap over {count(interval.images, 'image')}): {verdict}."
        )
    return told


def curve_sheets(found: Comparison, curves: Curves) -> list[Sheet]:
    """Loss and Dice of all models that come from runs, over one another."""
    lines: tuple[list[Curve], list[Curve]] = ([], [])
    for number, rival in enumerate(found.rivals):
        known, color = curves.get(rival.name, {}), LINE_COLORS[number % len(LINE_COLORS)]
        for kind, dashed in (("Loss/train", True), ("Loss/val", False)):
            part = "training" if dashed else "validation"
            lines[0].append(Curve(f"{rival.name}, {part}", color, known.get(kind, ()), dashed))
        for kind, dashed in (("IoU/train", True), ("IoU/val", False)):
            part = "training" if dashed else "validation"
            lines[1].append(Curve(f"{rival.name}, {part}", color, known.get(kind, ()), dashed))
    if not any(one.points for line in lines for one in line):
        return []
    return [curve_sheet("Loss", lines[0]), curve_sheet("IoU", lines[1], limits=(0, 1))]


def legend(found: Comparison) -> list[tuple[str, str]]:
    """What the colours of the pictures mean: #rrggbb and name."""
    if found.paint == "red":
        return [(RED, "every class but the background")]
    table = ERRORS if found.paint == "errors" else found.table
    return [(entry.color, entry.name) for entry in table.active if entry.index != table.background]


def columns(found: Comparison) -> list[str]:
    """What stands over the pictures of an image."""
    truth = ["truth"] if found.has_truth else []
    return ["image", *truth, *(rival.name for rival in found.rivals)]


def figure(value: float) -> str:
    """A score; a dash for none."""
    return "-" if math.isnan(value) else f"{value:.4f}"


def signed(value: float) -> str:
    """A difference of scores."""
    return "-" if math.isnan(value) else f"{value:+.4f}"
