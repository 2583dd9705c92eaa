"""How good masks are: confusion matrices, and pixel accuracy, IoU and Dice from them; and boundary F1.

IoU = TP / (TP + FP + FN), Dice = 2 TP / (2 TP + FP + FN), per class, over the pixels whose truth is known;
boundary F1: see core.boundary. Two averages exist and are both named wherever they are shown: *pooled* adds
the pixels of all images up first; *mean over images* scores every image alone, so that small objects count as
much as large ones.

A class absent from both truth and prediction of an image has no score there (NaN, left out of means); with
two classes it counts 1: nothing was there, and nothing was found. An image without a known pixel has none at
all. Without an outline in either, boundary F1 follows the same rule; a class that is in one of them alone
scores 0, and one that is in both none.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.boundary import TOLERANCE, Outlines, boundary_f1, outlines
from unet_studio.core.classes import UNLABELLED, ClassTable
from unet_studio.core.errors import StudioError

Matrix = NDArray[np.int64]


def confusion(
    truth: NDArray[np.integer[Any]],
    labels: NDArray[np.integer[Any]],
    classes: Sequence[int],
    ignore: int | None = UNLABELLED,
) -> Matrix:
    """Count pixels by true class (rows) and predicted class (columns): int64 (K, K + 1).

    truth, labels: class indices, the same shape. Pixels whose truth is `ignore` are left out. The last column
    takes predictions that are none of the classes (unlabelled, for example): errors of the true class.
    Raises StudioError where the shapes differ or the truth holds a value that is no class.
    """
    if truth.shape != labels.shape:
        raise StudioError(
            f"A mask of shape {labels.shape} can't be compared with a truth of shape {truth.shape}.",
            "Compare masks of the same size.",
        )
    count = len(classes)
    known = np.full(256, count, dtype=np.int64)
    known[list(classes)] = np.arange(count)
    asked = truth.ravel() if ignore is None else truth[truth != ignore]
    given = labels.ravel() if ignore is None else labels[truth != ignore]
    rows = known[asked]
    if rows.size and int(rows.max()) == count:
        strange = sorted({int(value) for value in np.unique(asked)} - set(classes))
        raise StudioError(
            f"The truth holds values that are no class: {strange}.",
            f"The classes are {list(classes)}; name the value that means void with --ignore.",
        )
    cells = np.bincount(rows * (count + 1) + known[given], minlength=count * (count + 1))
    return cells.reshape(count, count + 1).astype(np.int64)


@dataclass(frozen=True)
class Scores:
    """Scores by class, in the order of `classes` (class indices); NaN where a class has no score.

    boundary_f1: all NaN where outlines were not compared.
    """

    classes: tuple[int, ...]
    pixel_accuracy: float
    iou: tuple[float, ...]
    dice: tuple[float, ...]
    boundary_f1: tuple[float, ...]

    def mean_iou(self, without: int | None = None) -> float:
        """Mean IoU of the classes that have one; `without` leaves out a class index (the background)."""
        return self._mean(self.iou, without)

    def mean_dice(self, without: int | None = None) -> float:
        """Mean Dice of the classes that have one; `without` leaves out a class index (the background)."""
        return self._mean(self.dice, without)

    def mean_boundary_f1(self, without: int | None = None) -> float:
        """Mean boundary F1 of the classes that have one; `without` leaves out a class index."""
        return self._mean(self.boundary_f1, without)

    def only(self, chosen: Iterable[int]) -> "Scores":
        """These scores of some class indices alone, in the same order; the pixel accuracy stays."""
        places = [place for place, index in enumerate(self.classes) if index in set(chosen)]
        return Scores(
            classes=tuple(self.classes[place] for place in places),
            pixel_accuracy=self.pixel_accuracy,
            iou=tuple(self.iou[place] for place in places),
            dice=tuple(self.dice[place] for place in places),
            boundary_f1=tuple(self.boundary_f1[place] for place in places),
        )

    def iou_of(self, index: int) -> float:
        """IoU of one class index."""
        return self.iou[self.classes.index(index)]

    def dice_of(self, index: int) -> float:
        """Dice of one class index."""
        return self.dice[self.classes.index(index)]

    def _mean(self, values: tuple[float, ...], without: int | None) -> float:
        return _mean(value for index, value in zip(self.classes, values, strict=True) if index != without)


def scores(matrix: Matrix, classes: Sequence[int], found: Outlines | None = None) -> Scores:
    """The scores that a confusion matrix (see `confusion`) and the outlines (see core.boundary) give."""
    total = matrix.sum()
    empty = 1.0 if len(classes) == 2 and total else float("nan")
    right = np.diagonal(matrix).astype(np.float64)
    true = matrix.sum(axis=1)
    said = matrix[:, :-1].sum(axis=0)
    return Scores(
        classes=tuple(classes),
        pixel_accuracy=float(right.sum() / total) if total else float("nan"),
        iou=_ratios(right, true + said - right, empty),
        dice=_ratios(2 * right, true + said, empty),
        boundary_f1=_boundary_f1(found, true > 0, said > 0, empty),
    )


def _boundary_f1(
    found: Outlines | None, true: NDArray[np.bool_], said: NDArray[np.bool_], empty: float
) -> tuple[float, ...]:
    """Boundary F1 a class. true, said: which classes the truth and the prediction hold, bool (K,)."""
    if found is None:
        return (float("nan"),) * len(true)
    without = np.select([~true & ~said, true ^ said], [empty, 0.0], float("nan"))
    value = boundary_f1(found)
    return tuple(float(one) for one in np.where(np.isnan(value), without, value))


def row_shares(matrix: Matrix) -> NDArray[np.float64]:
    """A confusion matrix as shares of each true class, (K, K + 1): rows add up to 1, or are NaN."""
    true = matrix.sum(axis=1, keepdims=True)
    return np.where(true > 0, matrix / np.maximum(true, 1), np.nan)


@dataclass
class Evaluation:
    """Scores of many images, a row of numbers an image (36 MB for 10,000 images and 150 classes).

    classes: the class indices, in the order of all results. tolerance: of boundary F1, a share of an image's
    diagonal; None leaves boundary F1 out. names: of the images; pixels: how many are known of each.
    """

    classes: Sequence[int]
    tolerance: float | None = TOLERANCE
    names: list[str] = field(default_factory=list, init=False)
    pixels: list[int] = field(default_factory=list, init=False)
    _rows: list[NDArray[np.float64]] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        count = len(self.classes)
        self._matrix = np.zeros((count, count + 1), dtype=np.int64)
        self._found = None if self.tolerance is None else np.zeros((count, 4), dtype=np.int64)

    def add(
        self,
        name: str,
        truth: NDArray[np.integer[Any]],
        labels: NDArray[np.integer[Any]],
        ignore: int | None = UNLABELLED,
    ) -> Scores:
        """Score one image; see `confusion`."""
        matrix, found = confusion(truth, labels, self.classes, ignore), None
        if self._found is not None and self.tolerance is not None:
            found = outlines(truth, labels, self.classes, ignore, self.tolerance)
            self._found += found
        self._matrix += matrix
        one = scores(matrix, self.classes, found)
        self.names.append(name)
        self.pixels.append(int(matrix.sum()))
        self._rows.append(np.array([one.pixel_accuracy, *one.iou, *one.dice, *one.boundary_f1]))
        return one

    @property
    def per_image(self) -> list[tuple[str, Scores]]:
        """Every image's name and scores, in the order added."""
        return [(name, self._scores(row)) for name, row in zip(self.names, self._rows, strict=True)]

    def confusion(self) -> Matrix:
        """The confusion matrix of all pixels together, int64 (K, K + 1); see row_shares for pictures."""
        return self._matrix.copy()

    def pooled(self) -> Scores:
        """Scores of all pixels, and of all pixels of outlines, together."""
        return scores(self._matrix, self.classes, self._found)

    def mean_over_images(self) -> Scores:
        """The mean of every score over the images that have it."""
        rows = np.array(self._rows).reshape(len(self._rows), 1 + 3 * len(self.classes))
        known = np.isfinite(rows)
        count = known.sum(axis=0)
        means = np.where(known, rows, 0.0).sum(axis=0) / np.maximum(count, 1)
        return self._scores(np.where(count > 0, means, np.nan))

    def measured(self, background: int | None) -> tuple[int, ...]:
        """The class indices that a model is judged by: those that the truth shows, without the background.

        A class that no image shows would count only where it is found by mistake, as 0: a single pixel of it
        would outweigh all that is right elsewhere, and a model that never says it would seem the better one.
        Where the truth shows nothing but background, the background's score tells how much is found there.
        """
        true = self._matrix.sum(axis=1)
        shown = tuple(index for index, count in zip(self.classes, true, strict=True) if count)
        return tuple(index for index in shown if index != background) or shown

    def image_dice(self, background: int | None) -> list[float]:
        """The mean Dice of every image, over the measured classes that it has a score of; NaN for none."""
        chosen = self.measured(background)
        return [found.only(chosen).mean_dice() for _, found in self.per_image]

    def _scores(self, row: NDArray[np.float64]) -> Scores:
        """A row as it is kept: pixel accuracy, then IoU, Dice and boundary F1 of every class."""
        accuracy, *values = row.tolist()
        count = len(self.classes)
        iou, dice, boundary = (tuple(values[part * count : (part + 1) * count]) for part in range(3))
        return Scores(tuple(self.classes), accuracy, iou, dice, boundary)

    def to_json(self, table: ClassTable) -> dict[str, Any]:
        """All scores as plain JSON values, null for none. Foreground means leave out table.background."""
        kinds = {"mean_over_images": self.mean_over_images(), "pooled": self.pooled()}
        per_image = zip(self.per_image, self.pixels, strict=True)
        return {
            "images": len(self.names),
            "boundary_tolerance": self.tolerance,
            **{kind: _to_json(value, table) for kind, value in kinds.items()},
            "confusion": {
                "classes": [table.get(index).name for index in self.classes],
                "pixels": self._matrix.tolist(),
                "row_shares": [[_null(value) for value in row] for row in row_shares(self._matrix).tolist()],
            },
            "per_image": [
                {"name": name, "pixels": pixels, **_to_json(value, table)}
                for (name, value), pixels in per_image
            ],
        }


def mean_iou(
    truth: NDArray[np.integer[Any]],
    labels: NDArray[np.integer[Any]],
    table: ClassTable,
    background: bool = False,
) -> float:
    """Mean IoU over the classes of one image; the background counts only where asked for."""
    result = scores(confusion(truth, labels, table.indices), table.indices)
    return result.mean_iou(None if background else table.background)


def foreground_dice(
    truth: NDArray[np.integer[Any]], labels: NDArray[np.integer[Any]], table: ClassTable
) -> float:
    """Dice of everything that is not background, right only where the class is right; 1 where both are empty.

    2 * (foreground pixels with the right class) / (true + predicted foreground pixels), known pixels only.
    """
    matrix = confusion(truth, labels, table.indices)
    front = np.array([index != table.background for index in table.indices], dtype=bool)
    right = int(np.diagonal(matrix)[front].sum())
    size = int(matrix[front].sum()) + int(matrix[:, :-1][:, front].sum())
    return 2 * right / size if size else 1.0


def _to_json(value: Scores, table: ClassTable) -> dict[str, Any]:
    rows = zip(value.classes, value.iou, value.dice, value.boundary_f1, strict=True)
    entries = [
        {
            "index": index,
            "name": table.get(index).name,
            "iou": _null(iou),
            "dice": _null(dice),
            "boundary_f1": _null(outline),
        }
        for index, iou, dice, outline in rows
    ]
    return {
        "pixel_accuracy": _null(value.pixel_accuracy),
        "mean_iou": _null(value.mean_iou()),
        "mean_dice": _null(value.mean_dice()),
        "mean_boundary_f1": _null(value.mean_boundary_f1()),
        "foreground_iou": _null(value.mean_iou(table.background)),
        "foreground_dice": _null(value.mean_dice(table.background)),
        "foreground_boundary_f1": _null(value.mean_boundary_f1(table.background)),
        "classes": entries,
    }


def _ratios(parts: NDArray[Any], wholes: NDArray[Any], empty: float) -> tuple[float, ...]:
    return tuple(float(part / whole) if whole else empty for part, whole in zip(parts, wholes, strict=True))


def _mean(values: Iterable[float]) -> float:
    present = [value for value in values if not np.isnan(value)]
    return float(np.mean(present)) if present else float("nan")


def _null(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 6)
