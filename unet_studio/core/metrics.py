"""How good masks are: confusion matrices, and pixel accuracy, IoU and Dice from them.

IoU = TP / (TP + FP + FN), Dice = 2 TP / (2 TP + FP + FN), per class, over the pixels whose truth is known.
Two averages exist and are both named wherever they are shown: *pooled* adds the pixels of all images up
first; *mean over images* scores every image alone, so that small objects count as much as large ones.
A class absent from both truth and prediction of an image has no score there (NaN, left out of means); with
two classes it counts 1: nothing was there, and nothing was found.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
    """Scores by class, in the order of `classes` (class indices); NaN where a class has no score."""

    classes: tuple[int, ...]
    pixel_accuracy: float
    iou: tuple[float, ...]
    dice: tuple[float, ...]

    def mean_iou(self, without: int | None = None) -> float:
        """Mean IoU of the classes that have one; `without` leaves out a class index (the background)."""
        return self._mean(self.iou, without)

    def mean_dice(self, without: int | None = None) -> float:
        """Mean Dice of the classes that have one; `without` leaves out a class index (the background)."""
        return self._mean(self.dice, without)

    def iou_of(self, index: int) -> float:
        """IoU of one class index."""
        return self.iou[self.classes.index(index)]

    def dice_of(self, index: int) -> float:
        """Dice of one class index."""
        return self.dice[self.classes.index(index)]

    def _mean(self, values: tuple[float, ...], without: int | None) -> float:
        return _mean(value for index, value in zip(self.classes, values, strict=True) if index != without)


def scores(matrix: Matrix, classes: Sequence[int]) -> Scores:
    """The scores that a confusion matrix (see `confusion`) gives."""
    empty = 1.0 if len(classes) == 2 else float("nan")
    right = np.diagonal(matrix).astype(np.float64)
    true = matrix.sum(axis=1)
    found = matrix[:, :-1].sum(axis=0)
    union = true + found - right
    total = matrix.sum()
    return Scores(
        classes=tuple(classes),
        pixel_accuracy=float(right.sum() / total) if total else float("nan"),
        iou=_ratios(right, union, empty),
        dice=_ratios(2 * right, true + found, empty),
    )


@dataclass
class Evaluation:
    """Scores of many images. classes: the class indices, in the order of all results."""

    classes: Sequence[int]
    matrices: list[tuple[str, Matrix]] = field(default_factory=list)

    def add(
        self,
        name: str,
        truth: NDArray[np.integer[Any]],
        labels: NDArray[np.integer[Any]],
        ignore: int | None = UNLABELLED,
    ) -> Scores:
        """Score one image; see `confusion`."""
        return self.add_confusion(name, confusion(truth, labels, self.classes, ignore))

    def add_confusion(self, name: str, matrix: Matrix) -> Scores:
        """Add one image by its confusion matrix."""
        self.matrices.append((name, matrix))
        return scores(matrix, self.classes)

    @property
    def per_image(self) -> list[tuple[str, Scores]]:
        """Every image's name and scores, in the order added."""
        return [(name, scores(matrix, self.classes)) for name, matrix in self.matrices]

    def pooled(self) -> Scores:
        """Scores of all pixels together."""
        count = len(self.classes)
        total = sum((matrix for _, matrix in self.matrices), np.zeros((count, count + 1), dtype=np.int64))
        return scores(total, self.classes)

    def mean_over_images(self) -> Scores:
        """The mean of every score over the images that have it; an image without a known pixel has none."""
        each = [scores(matrix, self.classes) for _, matrix in self.matrices if matrix.sum()]
        return Scores(
            classes=tuple(self.classes),
            pixel_accuracy=_mean(one.pixel_accuracy for one in each),
            iou=tuple(_mean(one.iou[k] for one in each) for k in range(len(self.classes))),
            dice=tuple(_mean(one.dice[k] for one in each) for k in range(len(self.classes))),
        )

    def to_json(self, table: ClassTable) -> dict[str, Any]:
        """All scores as plain JSON values, null for none. Foreground means leave out table.background."""
        kinds = {"mean_over_images": self.mean_over_images(), "pooled": self.pooled()}
        return {
            "images": len(self.matrices),
            **{kind: _to_json(value, table) for kind, value in kinds.items()},
            "per_image": [{"name": name, **_to_json(value, table)} for name, value in self.per_image],
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
    entries = [
        {"index": index, "name": table.get(index).name, "iou": _null(iou), "dice": _null(dice)}
        for index, iou, dice in zip(value.classes, value.iou, value.dice, strict=True)
    ]
    return {
        "pixel_accuracy": _null(value.pixel_accuracy),
        "mean_iou": _null(value.mean_iou()),
        "mean_dice": _null(value.mean_dice()),
        "foreground_iou": _null(value.mean_iou(table.background)),
        "foreground_dice": _null(value.mean_dice(table.background)),
        "classes": entries,
    }


def _ratios(parts: NDArray[Any], wholes: NDArray[Any], empty: float) -> tuple[float, ...]:
    return tuple(float(part / whole) if whole else empty for part, whole in zip(parts, wholes, strict=True))


def _mean(values: Iterable[float]) -> float:
    present = [value for value in values if not np.isnan(value)]
    return float(np.mean(present)) if present else float("nan")


def _null(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 6)
