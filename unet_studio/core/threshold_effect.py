"""What thresholds do to the mask of an image, told from counts alone: no pixel is looked at twice."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.classes import UNLABELLED
from unet_studio.core.document import Document
from unet_studio.core.prediction import Thresholds

BAND = 1 << 20  # px that are counted at once
_LABELS, _CONFIDENCE = np.divmod(np.arange(1 << 16, dtype=np.uint32), 256)
Counts = NDArray[np.int64]


def count(document: Document, pause: Callable[[], None] = lambda: None) -> Counts | None:
    """How many pixels that nobody painted have which predicted class and confidence, (256, 256).

    None where thresholds have no say: without a prediction, and where a person approved the mask. Reads
    alone, so it may run beside painting; pause() is called between bands and may raise Cancelled.
    """
    under, painted = document.prediction, document.annotation.pixels
    if under is None or document.approved:
        return None
    counts = np.zeros(1 << 16, dtype=np.int64)
    rows = max(BAND // document.shape[1], 1)
    for top in range(0, document.shape[0], rows):
        pause()
        band = np.s_[top : top + rows]
        pairs = under.labels[band].astype(np.uint16) << 8 | under.confidence[band]
        counts += np.bincount(pairs[painted[band] == UNLABELLED], minlength=1 << 16)
    return counts.reshape(256, 256)


def becomes(counts: Counts, thresholds: Thresholds) -> dict[int, int]:
    """How many pixels turn into which class index, 255 for unlabelled, against no thresholds at all."""
    labels, confidence = _LABELS.astype(np.uint8), _CONFIDENCE.astype(np.uint8)
    shown = thresholds.shown(labels, confidence)
    turned = np.bincount(shown, weights=counts.ravel() * (shown != labels), minlength=256)
    return {int(index): int(turned[index]) for index in np.flatnonzero(turned)}
