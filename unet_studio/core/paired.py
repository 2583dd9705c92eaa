"""How sure a difference is: two models on the same images, the mean difference and its bootstrap interval.

Bradley Efron, Robert J. Tibshirani: "An Introduction to the Bootstrap", Chapman & Hall 1993, chapter 13:
the percentile interval. What is drawn again and again is the *difference on an image*, so that how hard an
image is for both models drops out. The pixels of an image are no independent samples and are never drawn one
by one.

Of few images the interval is too narrow: of ten, 0.85 times as wide as Student's for normal differences (0.95
for 30 images). Of one there is none.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

LEVEL = 0.90  # of the interval, where nobody asks for another
RESAMPLES = 10_000  # the ends of the interval then vary by about a hundredth of its width
_AT_ONCE = 1 << 20  # numbers drawn at a time


@dataclass(frozen=True)
class PairedInterval:
    """The mean of second - first over the images that both have a score of, with its interval.

    low, high: NaN where there are fewer than two such images; mean as well where there is none. images: how
    many there are. level: the part of all repetitions whose interval would hold the true mean, 0..1.
    """

    mean: float
    low: float
    high: float
    images: int
    level: float = LEVEL

    @property
    def better(self) -> bool:
        """Whether the second is better beyond chance: all of the interval lies above 0."""
        return self.low > 0

    @property
    def worse(self) -> bool:
        """Whether the second is worse beyond chance: all of the interval lies below 0."""
        return self.high < 0

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, null for what there is not."""
        values = {"mean": self.mean, "low": self.low, "high": self.high}
        rounded = {key: round(one, 6) if math.isfinite(one) else None for key, one in values.items()}
        return {**rounded, "images": self.images, "level": self.level}


def paired_interval(
    first: Sequence[float],
    second: Sequence[float],
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> PairedInterval:
    """The interval of the mean of second - first, image by image; the same seed gives the same interval.

    first, second: one score an image, in the same order; an image without one (NaN) in either is left out.
    Raises ValueError where they are not equally many.
    """
    if len(first) != len(second):
        raise ValueError(f"{len(first)} scores can't be paired with {len(second)}")
    difference = np.asarray(second, dtype=np.float64) - np.asarray(first, dtype=np.float64)
    difference = difference[np.isfinite(difference)]
    count = len(difference)
    mean = float(difference.mean()) if count else math.nan
    if count < 2:
        return PairedInterval(mean, math.nan, math.nan, count, level)
    random = np.random.default_rng(seed)
    means = np.empty(resamples)
    rows = max(1, _AT_ONCE // count)
    for start in range(0, resamples, rows):
        stop = min(start + rows, resamples)
        means[start:stop] = difference[random.integers(count, size=(stop - start, count))].mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return PairedInterval(mean, float(low), float(high), count, level)
