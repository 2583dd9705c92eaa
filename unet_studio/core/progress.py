"""How long work tells how far it is: a call with a fraction of 0..1, which may raise Cancelled."""

from collections.abc import Callable

Progress = Callable[[float], None]


def unwatched(_: float) -> None:
    """Nobody watches."""


def part(progress: Progress, start: float, end: float) -> Progress:
    """The progress of a part that is start..end of the whole."""
    return lambda fraction: progress(start + (end - start) * fraction)
