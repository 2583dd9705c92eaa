"""Scores of one model on many images, in little memory: a row of numbers an image, and one matrix for all.

Its means are those of core.metrics.Evaluation, which keeps a matrix an image: of 10,000 images and 150
classes 1.8 GB, where this takes 36 MB.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.boundary import TOLERANCE, Outlines, outlines
from unet_studio.core.metrics import Matrix, Scores, confusion, scores

Labels = NDArray[np.uint8]


@dataclass
class Tally:
    """classes: the class indices, in the order of all results. background: counts in no mean over classes."""

    classes: Sequence[int]
    background: int | None = None
    matrix: Matrix = field(init=False)
    found: Outlines = field(init=False)
    _rows: list[NDArray[np.float64]] = field(default_factory=list)

    def __post_init__(self) -> None:
        count = len(self.classes)
        self.matrix = np.zeros((count, count + 1), dtype=np.int64)
        self.found = np.zeros((count, 4), dtype=np.int64)

    def add(self, truth: Labels, labels: Labels) -> Scores:
        """Score one image; see core.metrics.confusion."""
        return self.add_counts(
            confusion(truth, labels, self.classes), outlines(truth, labels, self.classes, tolerance=TOLERANCE)
        )

    def add_counts(self, matrix: Matrix, found: Outlines) -> Scores:
        """Add one image by what was counted in it."""
        self.matrix += matrix
        self.found += found
        one = scores(matrix, self.classes, found)
        self._rows.append(np.array([one.pixel_accuracy, *one.iou, *one.dice, *one.boundary_f1]))
        return one

    def measured(self) -> tuple[int, ...]:
        """The class indices that count in means over classes: those that the truth of any image shows,
        without the background; where it shows nothing else, the background.
        """
        true = self.matrix.sum(axis=1)
        shown = tuple(index for index, count in zip(self.classes, true, strict=True) if count)
        return tuple(index for index in shown if index != self.background) or shown

    def image_dice(self) -> list[float]:
        """The mean Dice of every image, over the measured classes that it has a score of; NaN for none."""
        count = len(self.classes)
        chosen = [1 + count + self.classes.index(index) for index in self.measured()]
        return [float(value) for value in _means(np.array(self._rows)[:, chosen].T)] if self._rows else []

    def pooled(self) -> Scores:
        """Scores of all pixels, and of all pixels of outlines, together."""
        return scores(self.matrix, self.classes, self.found)

    def mean_over_images(self) -> Scores:
        """The mean of every score over the images that have it."""
        count = len(self.classes)
        rows = np.array(self._rows).reshape(-1, 1 + 3 * count)
        accuracy, *values = (float(value) for value in _means(rows))
        iou, dice, outline = (tuple(values[part * count : (part + 1) * count]) for part in range(3))
        return Scores(tuple(self.classes), accuracy, iou, dice, outline)


def _means(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of every column (n, m) -> (m,) over what is a number there; NaN where nothing is."""
    known = np.isfinite(rows)
    count = known.sum(axis=0)
    sums = np.where(known, rows, 0.0).sum(axis=0)
    return np.where(count > 0, sums / np.maximum(count, 1), np.nan)
