"""What a training says while it runs: typed events, one JSON object a line in the run's events.jsonl."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, get_args

from unet_studio.core.errors import StudioError


@dataclass(frozen=True)
class Started:
    """The training is up. step: where it begins, 0 unless resumed. steps: where it will end at the latest.

    threads: of each of the processes.
    """

    device: str
    threads: int
    step: int
    steps: int
    resumed: bool = False
    processes: int = 1


@dataclass(frozen=True)
class Freezing:
    """The data of the run are being looked at. Counts of samples; said now and then while that takes long."""

    done: int
    total: int


@dataclass(frozen=True)
class Froze:
    """The data of the run are copied and fixed. Counts of samples; pixels: known pixels by class name."""

    train: int
    val: int
    test: int
    pixels: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Progress:
    """A step is done. seconds: since the start, without pauses; seconds_left: an estimate.

    memory: bytes that the process holds on its graphics card; 0 on a processor.
    """

    step: int
    steps: int
    loss: float
    learning_rate: float
    seconds: float
    seconds_left: float
    memory: int = 0


@dataclass(frozen=True)
class Validated:
    """The model was tried on the validation images. What is not called pooled is a mean over images.

    iou, dice, boundary_f1: by class name. mean_iou, mean_dice, mean_boundary_f1: over the classes but the
    background that the truth of these images shows. best: whether mean_dice is the highest so far; that model
    is kept. pooled: pixel_accuracy, mean_iou, mean_dice and mean_boundary_f1 of all pixels together.
    train_iou: mean_iou of the training patches since the last validation, pooled.
    """

    step: int
    loss: float
    iou: Mapping[str, float]
    dice: Mapping[str, float]
    pixel_accuracy: float
    mean_iou: float
    mean_dice: float
    best: bool
    seconds: float = 0.0
    train_iou: float = math.nan
    boundary_f1: Mapping[str, float] = field(default_factory=dict)
    mean_boundary_f1: float = math.nan
    pooled: Mapping[str, float] = field(default_factory=dict)
    pooled_iou: Mapping[str, float] = field(default_factory=dict)
    pooled_dice: Mapping[str, float] = field(default_factory=dict)
    pooled_boundary_f1: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Note:
    """Something that a person should know, in a sentence."""

    text: str


@dataclass(frozen=True)
class Paused:
    """The run waits, its state saved."""

    step: int


@dataclass(frozen=True)
class Continued:
    """The run goes on after a pause."""

    step: int


@dataclass(frozen=True)
class Finished:
    """The run ended by itself. reason: "steps", "minutes" or "patience". model: its best model's folder."""

    reason: str
    step: int
    seconds: float
    model: str
    metrics: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Stopped:
    """A person ended the run. model: its best model's folder."""

    step: int
    seconds: float
    model: str
    metrics: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Discarded:
    """A person threw the run away; it has no model."""

    step: int


@dataclass(frozen=True)
class Failed:
    """The run could not go on. The best model so far, if there is one, is kept.

    settings: whether other settings are the remedy, so that going on as it is would fail again.
    """

    message: str
    remedy: str
    settings: bool = False


Event = (
    Started
    | Freezing
    | Froze
    | Progress
    | Validated
    | Note
    | Paused
    | Continued
    | Finished
    | Stopped
    | Discarded
    | Failed
)
KINDS: dict[str, type[Event]] = {kind.__name__.lower(): kind for kind in get_args(Event)}
FINAL = (Finished, Stopped, Discarded, Failed)  # after one of these, a run says nothing more until resumed


def scores_before_and_after(events: Sequence[Event]) -> tuple[float | None, float | None]:
    """Mean Dice of the model that a fine-tuning started from, and of the one it made; None where unknown."""
    scored = [event for event in events if isinstance(event, Validated)]
    start = scored[0].mean_dice if scored and scored[0].step == 0 else math.nan
    made = max((event.mean_dice for event in scored if event.best), default=math.nan)
    return (start if math.isfinite(start) else None), (made if math.isfinite(made) else None)


def to_line(event: Event) -> str:
    """One line of strict JSON without its line end; a float that is not finite becomes null."""
    value = {"event": type(event).__name__.lower(), **asdict(event)}
    return json.dumps(_finite(value), ensure_ascii=False, allow_nan=False)


def from_line(line: str) -> Event:
    """The inverse of to_line; null floats become NaN. Raises StudioError where the line is no event."""
    try:
        value = json.loads(line)
        kind = KINDS[value.pop("event")]
        known = {entry.name: entry for entry in fields(kind)}
        return kind(**{key: _restore(item, known[key].type) for key, item in value.items() if key in known})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StudioError(
            f"This is no training event: {line[:80]!r}.", "Update U-Net Studio, or start another run."
        ) from error


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _restore(value: Any, kind: Any) -> Any:
    if value is None and kind is float:
        return math.nan
    if isinstance(value, dict) and kind == Mapping[str, float]:
        return {key: math.nan if item is None else item for key, item in value.items()}
    return value
