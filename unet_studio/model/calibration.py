"""How sure a model may be: one temperature for its logits, fitted to images it did not learn from.

Chuan Guo, Geoff Pleiss, Yu Sun, Kilian Q. Weinberger: "On Calibration of Modern Neural Networks", ICML 2017
(arXiv 1706.04599): section 4.2 for temperature scaling, section 2 for the expected calibration error.
Dividing all logits by one number changes how sure the model is, never which class wins.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

BINS = 15  # of equal width, as in the paper's experiments
COLDEST, HOTTEST = 0.05, 20.0  # a temperature beyond these says that the labels are wrong, not the model
STEPS = 60  # of the search; each narrows the range to 0.618 of it
GOLDEN = (5**0.5 - 1) / 2
LEAST_PIXELS = 1000  # fewer say nothing


@dataclass(frozen=True)
class Calibration:
    """What was fitted. before, after: the expected calibration error, 0..1, without and with the temperature,
    on the pixels that it was fitted to. pixels: how many.
    """

    temperature: float
    before: float
    after: float
    pixels: int

    def to_json(self) -> dict[str, Any]:
        """For the model card."""
        return {
            "temperature": round(self.temperature, 4),
            "ece_before": round(self.before, 5),
            "ece_after": round(self.after, 5),
            "pixels": self.pixels,
        }


@dataclass
class Evidence:
    """Logits and true channels of pixels, gathered image by image. logits: float32 (n, K) each, K >= 2."""

    logits: list[Tensor] = field(default_factory=list)
    truth: list[Tensor] = field(default_factory=list)

    def add(self, logits: Tensor, truth: Tensor) -> None:
        """Pixels of a band: logits (K, n), one channel z standing for (0, z), and channel numbers (n,)."""
        values = logits.detach().float().cpu()
        if len(values) == 1:
            values = torch.cat([torch.zeros_like(values), values])
        self.logits.append(values.T)
        self.truth.append(truth.long().cpu())

    def calibration(self) -> Calibration | None:
        """The temperature of least cross-entropy; None where too few pixels were seen."""
        if sum(len(part) for part in self.truth) < LEAST_PIXELS:
            return None
        logits, truth = torch.cat(self.logits), torch.cat(self.truth)
        temperature = fit_temperature(logits, truth)
        before, after = (calibration_error(logits / value, truth) for value in (1.0, temperature))
        return Calibration(temperature, before, after, len(truth))


def fit_temperature(logits: Tensor, truth: Tensor) -> float:
    """The temperature T of least mean cross-entropy of logits / T (n, K) with channels (n,).

    The cross-entropy is convex in 1 / T, so that a golden-section search finds the minimum.
    """
    low, high = 1 / HOTTEST, 1 / COLDEST

    def cost(inverse: float) -> float:
        return float(functional.cross_entropy(logits * inverse, truth))

    left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    at_left, at_right = cost(left), cost(right)
    for _ in range(STEPS):
        if at_left < at_right:
            high, right, at_right = right, left, at_left
            left = high - GOLDEN * (high - low)
            at_left = cost(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + GOLDEN * (high - low)
            at_right = cost(right)
    return 2 / (low + high)


def calibration_error(logits: Tensor, truth: Tensor) -> float:
    """Expected calibration error, 0..1, of logits (n, K) and channels (n,).

    Pixels are sorted into BINS by the confidence of the winning class; it is the mean difference between a
    bin's confidence and the part of it that is right.
    """
    confidence, winner = logits.softmax(dim=1).max(dim=1)
    right: NDArray[np.float64] = (winner == truth).double().numpy()
    sure: NDArray[np.float64] = confidence.double().numpy()
    places = np.minimum((sure * BINS).astype(np.int64), BINS - 1)
    gaps = np.bincount(places, weights=right - sure, minlength=BINS)
    return float(np.abs(gaps).sum() / len(sure))
