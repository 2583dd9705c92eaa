"""How far the prediction queue is, how fast it goes, and what came of it: values for the window."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from unet_studio.core.errors import StudioError

RECENT = 30  # images that the rate is about
NOTICED = 2  # images after which a rate says something


@dataclass(frozen=True)
class PredictionState:
    """How far the prediction queue is. fraction: of the image `name`; done of total images.

    rate: images a second, 0 while unknown. seconds_left: or None while unknown. loading: the model is being
    loaded.
    """

    active: bool = False
    name: str = ""
    fraction: float = 0.0
    done: int = 0
    total: int = 0
    device: str = ""
    rate: float = 0.0
    seconds_left: float | None = None
    loading: bool = False


@dataclass(frozen=True)
class Failure:
    """An image that was not predicted, or not stored, and why."""

    name: str
    reason: str
    remedy: str = ""


@dataclass
class Report:
    """What came of predicting so far. done: images. failures: by image, each the last one of that image.

    notes: what had to be done another way, as where memory ran out; each is there once.
    """

    done: int = 0
    failures: dict[str, Failure] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def fail(self, name: str, error: StudioError) -> None:
        """One more image failed."""
        self.failures[name] = Failure(name, error.message, error.remedy)

    def note(self, text: str) -> bool:
        """Note something. Returns whether it is new."""
        new = text not in self.notes
        if new:
            self.notes.append(text)
        return new


class Pace:
    """How fast images are done. clock: seconds, as time.monotonic gives them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._times: deque[float] = deque(maxlen=RECENT)

    def begin(self) -> None:
        """The first image is begun: what was before, loading a model say, doesn't count."""
        if not self._times:
            self._times.append(self._clock())

    def step(self) -> None:
        """One more is done."""
        self._times.append(self._clock())

    def reset(self) -> None:
        """Nothing is being done."""
        self._times.clear()

    @property
    def rate(self) -> float:
        """Images a second, lately; 0 while unknown."""
        span = self._times[-1] - self._times[0] if len(self._times) > NOTICED else 0.0
        return (len(self._times) - 1) / span if span > 0 else 0.0

    def seconds_left(self, images: float) -> float | None:
        """How long so many images take, if that can be told."""
        rate = self.rate
        return images / rate if rate else None
