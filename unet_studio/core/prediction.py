"""What a model says about one image, and which of it is shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.classes import UNLABELLED

# A pixel whose label is less probable than this is uncertain: the middle of what two classes can have.
UNCERTAIN = 0.75
_BAND = 1 << 16  # pixels that are counted at once: they stay in the processor's cache


@dataclass(frozen=True)
class Prediction:
    """Labels and confidence of one image, with how they were made.

    labels: uint8 (H, W), class indices. confidence: uint8 (H, W), round(255 * probability of the label).
    model: the name of the model. made: mode, tile, device and so on, as plain JSON values.
    """

    labels: NDArray[np.uint8]
    confidence: NDArray[np.uint8]
    model: str = ""
    made: Mapping[str, Any] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """The memory it takes, in bytes."""
        return self.labels.nbytes + self.confidence.nbytes

    @cached_property
    def confidence_counts(self) -> NDArray[np.int64]:
        """How many pixels have each confidence, (256,). Counted once, about 1.5 ms a megapixel."""
        counts = np.zeros(256, dtype=np.int64)
        rows = max(_BAND // max(self.confidence.shape[1], 1), 1)
        for top in range(0, len(self.confidence), rows):
            counts += np.bincount(self.confidence[top : top + rows].ravel(), minlength=256)
        return counts

    @property
    def mean_confidence(self) -> float:
        """The mean over all pixels of the confidence, 0..1; 0 of no pixels."""
        pixels = int(self.confidence_counts.sum())
        return float(self.confidence_counts @ np.arange(256)) / (255 * pixels) if pixels else 0.0

    @property
    def uncertain_share(self) -> float:
        """The part of all pixels whose confidence is below UNCERTAIN, 0..1; 0 of no pixels."""
        pixels = int(self.confidence_counts.sum())
        return int(self.confidence_counts[: round(255 * UNCERTAIN)].sum()) / pixels if pixels else 0.0


@dataclass(frozen=True)
class Thresholds:
    """The least confidence at which a predicted class is shown. values: class index -> 0..1.

    binary: (background, foreground) of a project with just these two. There the threshold of the foreground
    is exact: with two classes the confidence of one tells the probability of the other.
    """

    values: Mapping[int, float] = field(default_factory=dict)
    binary: tuple[int, int] | None = None

    def shown(self, labels: NDArray[np.uint8], confidence: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The labels to show, uint8 of the same shape: unlabelled where the confidence is too low."""
        if not self.values:
            return labels
        if self.binary is not None:
            background, foreground = self.binary
            probability = np.where(labels == foreground, confidence, 255 - confidence)
            threshold = round(255 * self.values.get(foreground, 0.5))
            shown = np.where(probability >= threshold, np.uint8(foreground), np.uint8(background))
            unlabelled = labels == UNLABELLED
            return np.where(unlabelled, np.uint8(UNLABELLED), shown) if unlabelled.any() else shown
        least = np.zeros(256, dtype=np.uint8)
        for index, value in self.values.items():
            least[index] = round(255 * value)
        return np.where(confidence >= least[labels], labels, np.uint8(UNLABELLED))
