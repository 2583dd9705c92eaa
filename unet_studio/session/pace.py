"""How far long work is: told now and then, ended where nobody waits for it, its rest guessed."""

import math
import threading
import time
from collections.abc import Callable

from unet_studio.core.errors import Cancelled

TELLING = 0.1  # s between two words about how far it is
GUESSING = 0.5  # s of work after which it is guessed how long the rest takes


def watching(stop: threading.Event, tell: Callable[[int, int], None]) -> Callable[[int, int], None]:
    """What a thread calls with steps done and steps in all: tells them now and then.

    It raises Cancelled once stop is set. The first call is told at once.
    """
    told = -math.inf

    def advance(done: int, total: int) -> None:
        nonlocal told
        if stop.is_set():
            raise Cancelled
        now = time.monotonic()
        if now - told > TELLING:
            told = now
            tell(done, total)

    return advance


def seconds_left(seconds: float, done: int, total: int) -> float:
    """How long the rest takes, when so much took so many seconds; NaN where that can't be told yet."""
    if seconds < GUESSING or done <= 0:
        return math.nan
    return seconds * max(0, total - done) / done
