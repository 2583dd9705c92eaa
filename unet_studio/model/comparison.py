"""Two or more models on the same images: figures of every image and model, and pictures of a few images.

An image is predicted by all models, scored, and forgotten, but for small pictures of those that are shown.
What one model can't predict counts for none of them, so that all figures are of the same images.
"""

import heapq
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.classes import UNLABELLED, ClassTable, one_line
from unet_studio.core.error_picture import error_picture
from unet_studio.core.errors import StudioError
from unet_studio.core.metrics import Evaluation, Scores, confusion
from unet_studio.core.model_card import ModelCard
from unet_studio.core.overlays import Picture, PictureStyle, overlay, plain
from unet_studio.core.paired import PairedInterval, paired_interval
from unet_studio.core.pixels import Pixels
from unet_studio.core.progress import Progress, part, unwatched
from unet_studio.core.words import count
from unet_studio.model.preprocess import resize_mask, same_aspect

if TYPE_CHECKING:
    from unet_studio.model import Model, PredictSettings

Labels = NDArray[np.uint8]
Sort = Literal["name", "difference"]
Paint = Literal["palette", "red", "errors"]
STRIKES = 3  # images that a model fails on before it has done any: then it is left out
RED = "#e00000"


@dataclass(frozen=True)
class Rival:
    """A model that is compared. predict(image, progress): its own class indices, uint8 (H, W)."""

    name: str
    card: ModelCard
    predict: Callable[[Pixels, Progress], Labels]


def labels_of(model: "Model", settings: "PredictSettings", image: Pixels, progress: Progress) -> Labels:
    """What a Rival's predict gives of a model. Raises StudioError where PyTorch can't cope with the image."""
    try:
        return model.predict(image, progress, settings).labels
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise StudioError(
            f"It can't be predicted: {reason}.", "Please report this with the image."
        ) from error


@dataclass(frozen=True)
class Shown:
    """An image in small pictures: itself, its truth where there is one, and what each model says."""

    name: str
    pictures: tuple[Picture, ...]
    dice: tuple[float, ...]
    difference: float


@dataclass(frozen=True)
class Comparison:
    """What came out. table: the classes all was scored in. evaluations: one a model, empty without truth.

    names: the images that count, in their order; differences: of each, how much the models differ there.
    choice: which images are shown, as a sentence. failures: (what, why) of what was left out.
    """

    table: ClassTable
    rivals: tuple[Rival, ...]
    evaluations: tuple[Evaluation, ...]
    names: tuple[str, ...]
    differences: tuple[float, ...]
    shown: tuple[Shown, ...]
    choice: str
    notes: tuple[str, ...] = ()
    failures: tuple[tuple[str, str], ...] = ()
    paint: Paint = "palette"

    @property
    def has_truth(self) -> bool:
        """Whether there are figures."""
        return _any_truth(self.evaluations)

    def interval(self, first: int, second: int) -> PairedInterval:
        """The difference of two models' mean Dice, second - first; see core.paired."""
        return paired_interval(
            self.evaluations[first].image_dice(self.table.background),
            self.evaluations[second].image_dice(self.table.background),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, null for what there is not."""
        value: dict[str, Any] = {
            "images": len(self.names),
            "classes": [{"index": one.index, "name": one.name} for one in self.table.active],
            "models": [self._model(number) for number in range(len(self.rivals))],
            "choice": self.choice,
            "shown": [one.name for one in self.shown],
            "per_image": self._images(),
            "notes": list(self.notes),
            "failures": [{"what": what, "why": why} for what, why in self.failures],
        }
        if self.has_truth:
            value["differences"] = [
                {
                    "first": self.rivals[0].name,
                    "second": self.rivals[number].name,
                    "mean_dice": self.interval(0, number).to_json(),
                }
                for number in range(1, len(self.rivals))
            ]
        return value

    def _model(self, number: int) -> dict[str, Any]:
        rival = self.rivals[number]
        value: dict[str, Any] = {"name": rival.name, "network": rival.card.architecture.name}
        if self.has_truth:
            evaluation = self.evaluations[number]
            for kind, scores in (
                ("mean_over_images", evaluation.mean_over_images()),
                ("pooled", evaluation.pooled()),
            ):
                value[kind] = _scores_json(scores, self.table, evaluation.measured(self.table.background))
        return value

    def _images(self) -> list[dict[str, Any]]:
        dice = {
            rival.name: evaluation.image_dice(self.table.background)
            for rival, evaluation in zip(self.rivals, self.evaluations, strict=True)
        }
        rows = []
        for number, name in enumerate(self.names):
            row: dict[str, Any] = {"name": name, "difference": _plain(self.differences[number])}
            if self.has_truth:
                row["dice"] = {rival: _plain(scores[number]) for rival, scores in dice.items()}
            rows.append(row)
        return rows


@dataclass
class Comparing:
    """A comparison under way. count: images to be added. most: images to be shown. paint: how masks are.

    offered: images that those to be added were chosen from; 0 where these are all.
    """

    rivals: list[Rival]
    table: ClassTable
    count: int
    most: int
    sort: Sort = "name"
    style: PictureStyle = field(default_factory=lambda: PictureStyle(side=256))
    paint: Paint = "palette"
    offered: int = 0
    notes: list[str] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)
    _names: list[str] = field(default_factory=list)
    _differences: list[float] = field(default_factory=list)
    _heap: list[tuple[float, int, Shown]] = field(default_factory=list)
    _seen: int = 0

    def __post_init__(self) -> None:
        self._evaluations = [Evaluation(self.table.indices) for _ in self.rivals]
        self._strikes = [0] * len(self.rivals)
        self._luts = []
        for rival in self.rivals:
            lut, told = class_lut(rival.name, rival.card, self.table)
            self._luts.append(lut)
            self.notes += told
        self._spread = set(evenly_spread(self.count, self.most))
        self._scaled = 0

    def fail(self, name: str, reason: str) -> None:
        """An image that can't be read."""
        self._seen += 1
        self.failures.append((name, reason))

    def add(
        self, name: str, image: Pixels, truth: Labels | None = None, progress: Progress = unwatched
    ) -> None:
        """Predict, score, and perhaps picture one image. truth: indices of the table, 255 unknown, or None.

        Raises StudioError where no two models are left.
        """
        place, self._seen = self._seen, self._seen + 1
        try:
            fitted = None if truth is None else self._fit(truth, image)
            if fitted is not None:
                confusion(fitted, fitted, self.table.indices)  # whether it holds classes alone
            said = self._predict(image, progress)
        except StudioError as error:
            self.failures.append((name, error.message))
            self._drop_failing()
            return
        dice: list[float] = []
        if fitted is not None:
            found = [
                evaluation.add(name, fitted, labels)
                for evaluation, labels in zip(self._evaluations, said, strict=True)
            ]
            dice = [scores.mean_dice(self.table.background) for scores in found]
        difference = _spread(dice) if fitted is not None else _disagreement(said)
        self._names.append(name)
        self._differences.append(difference)
        self._show(place, name, image, fitted, said, dice, difference)

    def _fit(self, truth: Labels, image: Pixels) -> Labels:
        """The truth in the size of its image, scaled where only the scale differs."""
        shape = image.shape[0], image.shape[1]
        if truth.shape == shape:
            return truth
        if not same_aspect(truth.shape, shape):
            raise StudioError(
                f"Its mask is {truth.shape[1]} x {truth.shape[0]} px, the image {shape[1]} x {shape[0]} px: "
                "another shape.",
                "Make the mask again from this image.",
            )
        self._scaled += 1
        return resize_mask(truth, shape)

    def _predict(self, image: Pixels, progress: Progress) -> list[Labels]:
        """What every model says, in the classes of the table. Raises StudioError where one of them can't."""
        said, problem = [], ""
        many = len(self.rivals)
        for number, rival in enumerate(self.rivals):
            try:
                labels = rival.predict(image, part(progress, number / many, (number + 1) / many))
                said.append(self._luts[number][labels])
                self._strikes[number] = -1  # it can
            except StudioError as error:
                problem = problem or f"{rival.name}: {error.message}"
                if self._strikes[number] >= 0:
                    self._strikes[number] += 1
        if problem:
            raise StudioError(problem, "")
        return said

    def _drop_failing(self) -> None:
        """Leave out models that have failed on every image so far, where another one could do them."""
        if not any(strikes == -1 for strikes in self._strikes):
            return
        for number in reversed(range(len(self.rivals))):
            if self._strikes[number] >= STRIKES:
                self.failures.append((self.rivals[number].name, "It can predict none of these images."))
                for entries in (self.rivals, self._evaluations, self._strikes, self._luts):
                    del entries[number]
        if len(self.rivals) < 2:
            what, why = self.failures[0]
            raise StudioError(f"Less than two models are left. {what}: {why}", "Choose other models.")

    def _show(
        self,
        place: int,
        name: str,
        image: Pixels,
        truth: Labels | None,
        said: Sequence[Labels],
        dice: Sequence[float],
        difference: float,
    ) -> None:
        rank = difference if self.sort == "difference" else 0.0
        if self.sort == "name" and place not in self._spread:
            return
        if len(self._heap) == self.most and (rank, -place) < self._heap[0][:2]:
            return
        masks = [truth, *said] if truth is not None else list(said)
        pictures = [plain(image, self.style)]
        pictures += [self._paint(image, labels, truth) for labels in masks]
        entry = rank, -place, Shown(name, tuple(pictures), tuple(dice), difference)
        (heapq.heappush if len(self._heap) < self.most else heapq.heapreplace)(self._heap, entry)

    def _paint(self, image: Pixels, labels: Labels, truth: Labels | None) -> Picture:
        """A mask over its image."""
        if self.paint == "errors" and truth is not None and labels is not truth:
            return error_picture(image, truth, labels, self.table.background, self.style)
        if self.paint == "red":
            return overlay(image, labels, _reddened(self.table), self.style)
        return overlay(image, labels, self.table, self.style)

    def result(self) -> Comparison:
        """What came out. Raises StudioError where no image could be compared."""
        if not self._names:
            what, why = self.failures[0] if self.failures else ("", "there are no images")
            raise StudioError(f"No image could be compared. {what}: {why}", "Mend that, and try again.")
        notes = list(self.notes)
        if self._scaled:
            notes.append(f"{count(self._scaled, 'mask')} of another size than its image, scaled to it.")
        order = sorted(self._heap, key=lambda entry: (-entry[0], -entry[1]))
        return Comparison(
            self.table,
            tuple(self.rivals),
            tuple(self._evaluations),
            tuple(self._names),
            tuple(self._differences),
            tuple(shown for _, _, shown in order),
            self._choice(),
            tuple(notes),
            tuple(self.failures),
            self.paint,
        )

    def _choice(self) -> str:
        shown, compared = len(self._heap), len(self._names)
        if self.sort == "difference":
            measure = "in Dice" if _any_truth(self._evaluations) else "in their pixels"
            return f"The {shown} of {compared:,} images on which the models differ most {measure}."
        offered = self.offered or self.count
        if offered <= self.most:
            return f"All {shown} images, by name."
        return f"{shown} of {offered:,} images, evenly spread by name."


def evenly_spread(count: int, most: int) -> list[int]:
    """At most so many places of 0..count - 1, the middles of equal parts."""
    if count <= most:
        return list(range(count))
    return [(2 * number + 1) * count // (2 * most) for number in range(most)]


def class_lut(name: str, card: ModelCard, table: ClassTable) -> tuple[Labels, list[str]]:
    """Look-up table, uint8 (256,), from a model's class indices to the table's, by name, and notes on it.

    The model's background is the table's. A class that the table lacks becomes 255, which is wrong wherever
    the truth is known. Where both have two classes, the other one is the other one, whatever it is called.
    """
    lut = np.full(256, UNLABELLED, dtype=np.uint8)
    unknown = []
    found = set()
    for entry in card.classes:
        match = table.like(entry.name, entry.index == card.background)
        if match is None:
            unknown.append(entry)
        else:
            lut[entry.index] = match.index
            found.add(match.index)
    lacking = [entry for entry in table.active if entry.index not in found]
    if len(unknown) == len(lacking) == 1 and len(card.classes) == len(table.active) == 2:
        lut[unknown[0].index] = lacking[0].index
        return lut, [f"{name}: {unknown[0].name} is taken for {lacking[0].name}."]
    notes = []
    if unknown:
        names = ", ".join(entry.name for entry in unknown)
        notes.append(f"{name} knows classes that the truth lacks, wrong wherever it sees them: {names}.")
    if lacking:
        names = ", ".join(entry.name for entry in lacking)
        notes.append(f"{name} does not know {names}.")
    return lut, notes


def common_table(cards: Iterable[ModelCard]) -> ClassTable:
    """The classes of all models, each name once, where no truth says which there are."""
    tables = [card.table() for card in cards]
    union = tables[0]
    for table in tables[1:]:
        for entry in table.active:
            background = entry.index == table.background and union.background is not None
            if union.named(one_line(entry.name)) is None and not background:
                union = union.add(entry.name, entry.color)
    return union


def _reddened(table: ClassTable) -> ClassTable:
    for entry in table.active:
        if entry.index != table.background:
            table = table.recolored(entry.index, RED)
    return table


def _spread(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return max(known) - min(known) if known else 0.0


def _disagreement(said: Sequence[Labels]) -> float:
    """The part of the pixels on which not all say the same, 0..1."""
    differ = np.zeros(said[0].shape, dtype=np.bool_)
    for labels in said[1:]:
        differ |= labels != said[0]
    return float(differ.mean()) if differ.size else 0.0


def _any_truth(evaluations: Iterable[Evaluation]) -> bool:
    return any(any(evaluation.pixels) for evaluation in evaluations)


def _scores_json(scores: Scores, table: ClassTable, measured: Sequence[int]) -> dict[str, Any]:
    chosen = scores.only(measured)
    rows = zip(scores.classes, scores.iou, scores.dice, scores.boundary_f1, strict=True)
    return {
        "pixel_accuracy": _plain(scores.pixel_accuracy),
        "mean_iou": _plain(chosen.mean_iou()),
        "mean_dice": _plain(chosen.mean_dice()),
        "mean_boundary_f1": _plain(chosen.mean_boundary_f1()),
        "classes": [
            {
                "name": table.get(index).name,
                "iou": _plain(iou),
                "dice": _plain(dice),
                "boundary_f1": _plain(outline),
            }
            for index, iou, dice, outline in rows
        ],
    }


def _plain(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None
