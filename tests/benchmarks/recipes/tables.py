"""Means with their spread, and tables in Markdown."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

# 97.5 % quantiles of Student's t by degrees of freedom, from 1 on (NIST/SEMATECH e-Handbook of Statistical
# Methods, section 1.3.6.7.2).
QUANTILES = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160)
QUANTILES += (2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056)
QUANTILES += (2.052, 2.048, 2.045, 2.042)


def mean(values: Sequence[float]) -> float:
    """NaN of nothing."""
    return sum(values) / len(values) if values else math.nan


def deviation(values: Sequence[float]) -> float:
    """Standard deviation of a sample (n - 1); NaN of fewer than two."""
    if len(values) < 2:
        return math.nan
    middle = mean(values)
    return math.sqrt(sum((value - middle) ** 2 for value in values) / (len(values) - 1))


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The 95 % interval of the mean by Student's t; NaN of fewer than two."""
    count = len(values)
    if count < 2:
        return math.nan, math.nan
    quantile = QUANTILES[count - 2] if count - 2 < len(QUANTILES) else 1.96
    half = quantile * deviation(values) / math.sqrt(count)
    return mean(values) - half, mean(values) + half


def shown(value: float | None, digits: int = 4) -> str:
    """A figure, or a dash for none."""
    return "-" if value is None or math.isnan(value) else f"{value:.{digits}f}"


def spread(values: Sequence[float], digits: int = 4) -> str:
    """mean ± standard deviation (n)."""
    return f"{shown(mean(values), digits)} ± {shown(deviation(values), digits)} (n={len(values)})"


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


@dataclass(frozen=True)
class Table:
    """What a figure comes to: a table, and sentences that say what it is of."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()

    def markdown(self) -> str:
        """The table, and the notes as paragraphs."""
        return "\n\n".join([markdown(self.head, self.rows), *self.notes])
