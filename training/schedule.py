"""The course of the learning rate: a table of curves over the part of the training that is done."""

import math
from collections.abc import Callable

FALL = 0.2  # share of the training in which "trapezoidal" falls

# Each maps the share of the training done, 0..1, to a factor on the highest learning rate. trapezoidal: with
# the rise before it, by A. Hägele et al., "Scaling laws and compute-optimal training beyond fixed training
# durations", NeurIPS 2024, who let it fall in the last fifth.
SCHEDULES: dict[str, Callable[[float], float]] = {
    "trapezoidal": lambda done: min(1.0, (1 - done) / FALL),
    "cosine": lambda done: 0.5 * (1 + math.cos(math.pi * done)),
    "poly": lambda done: (1 - done) ** 0.9,
    "constant": lambda _done: 1.0,
}


LONGEST_RISE = 0.1  # share of the training; with a time limit the number of steps is not known beforehand


def factor(schedule: str, step: int, warmup: int, done: float) -> float:
    """Factor on the learning rate of a step (from 0 on): a linear rise over `warmup` steps, then the curve.

    The rise ends with the first tenth of the training at the latest.
    done: share of the training that is over, 0..1, by steps or by the clock, whichever is further.
    """
    rise = min(1.0, max((step + 1) / (warmup + 1), done / LONGEST_RISE))
    return rise * SCHEDULES[schedule](min(1.0, max(0.0, done)))
