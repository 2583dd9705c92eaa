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
_FEW = 8  # thresholds that are quicker held against their class one by one than looked up
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
        """The labels to show, uint8 of the same shape: unlabelled where the confidence is too low.

        Comparing bytes with the thresholds of a few classes costs a fraction of looking every one up.
        """
        if not self.values:
            return labels
        if self.binary is not None:
            return self._exact(labels, confidence, *self.binary)
        least = {index: round(255 * value) for index, value in self.values.items() if index != UNLABELLED}
        if len(set(least.values())) == 1 and set(least) == set(range(len(least))):  # one for all classes
            low = (confidence < next(iter(least.values()))) & (labels < len(least))
        elif len(least) > _FEW:
            table = np.zeros(256, dtype=np.uint8)
            table[list(least)] = list(least.values())
            low = confidence < np.take(table, labels, mode="clip")  # "clip" needs no buffer, "raise" does
        else:
            low = np.zeros(labels.shape, dtype=np.bool_)
            for index, limit in least.items():
                low |= (labels == index) & (confidence < limit)
        return labels | _all_bits(low)  # all bits: UNLABELLED

    def _exact(
        self, labels: NDArray[np.uint8], confidence: NDArray[np.uint8], background: int, foreground: int
    ) -> NDArray[np.uint8]:
        """Foreground where its probability reaches its threshold, background elsewhere."""
        limit = round(255 * self.values.get(foreground, 0.5))
        said = labels == foreground
        wanted = (confidence ^ _all_bits(~said)) >= limit  # with all bits turned: 255 - confidence
        shown = _all_bits(wanted) & np.uint8(foreground ^ background) ^ np.uint8(background)
        return shown | _all_bits(labels == UNLABELLED)


def _all_bits(where: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """255 where true, else 0, in the memory of where."""
    bits = where.view(np.uint8)
    return np.negative(bits, out=bits)
