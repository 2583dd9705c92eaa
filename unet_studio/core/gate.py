"""The gate: whether a new model version takes the place of the one in use.

Both are scored on the same images, the approved validation images as they were when the training began. What
counts is the change of the mean foreground Dice, image by image, with its 90 % paired-bootstrap interval
(core.paired). A new version is promoted where the lower end of that interval lies above -TOLERANCE: it is
better, or at least not noticeably worse. Few images prove nothing: below FEWEST a person decides.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from unet_studio.core.errors import StudioError
from unet_studio.core.paired import PairedInterval, paired_interval
from unet_studio.core.storage import read_json, write_json

TOLERANCE = 0.01  # of Dice that a version may lose at worst
FEWEST = 5  # images that an automatic decision needs
GATE_FILE = "gate.json"  # in a run's folder: the scores of the model in use and of the best one so far
NOTICED = 0.02  # of Dice that a class may lose on average before it is warned of

Outcome = Literal["promoted", "candidate", "indicative"]


@dataclass(frozen=True)
class ModelScores:
    """The Dice of one model on each image of a snapshot.

    dice: by foreground class, one value an image, in the order of images; NaN where the class is neither in
    the truth nor in what the model says. unknown: classes that the model has no output for.
    """

    model: str
    images: tuple[str, ...]
    dice: Mapping[str, tuple[float, ...]]
    unknown: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, null for NaN."""
        dice = {name: [_plain(value) for value in values] for name, values in self.dice.items()}
        return {
            "model": self.model,
            "images": list(self.images),
            "dice": dice,
            "unknown": list(self.unknown),
        }

    @classmethod
    def from_json(cls, value: Any) -> "ModelScores":
        """The inverse of to_json. Raises StudioError where that is not what it is."""
        try:
            images = tuple(str(name) for name in value["images"])
            dice = {
                str(name): tuple(_number(one) for one in values) for name, values in value["dice"].items()
            }
            if any(len(values) != len(images) for values in dice.values()):
                raise ValueError("scores and images differ in number")
            return cls(str(value["model"]), images, dice, tuple(map(str, value["unknown"])))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise StudioError(
                f"The scores of a comparison can't be understood ({error!r}).", "Train again to compare."
            ) from error


@dataclass(frozen=True)
class Change:
    """One image: the mean foreground Dice of both models, NaN where no foreground class counts there."""

    image: str
    before: float
    after: float

    @property
    def difference(self) -> float:
        """after - before."""
        return self.after - self.before


@dataclass(frozen=True)
class Verdict:
    """What the gate says. reasons: sentences; warnings: one a class that got worse or can't be judged.

    before, after: mean over images of the mean foreground Dice, NaN without images. rival: the name of the
    model that was in use, "" where there was none.
    """

    outcome: Outcome
    interval: PairedInterval
    before: float
    after: float
    changes: tuple[Change, ...]
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    rival: str = ""

    @property
    def worst_first(self) -> list[Change]:
        """The images, those that lost most first; the ones that can't be compared last."""
        return sorted(self.changes, key=lambda one: (math.isnan(one.difference), one.difference, one.image))

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values: what a model's card says of its gate."""
        return {
            "outcome": self.outcome,
            "change": self.interval.to_json(),
            "before": _plain(self.before),
            "after": _plain(self.after),
            "reasons": list(self.reasons),
            "warnings": list(self.warnings),
            "rival": self.rival,
        }


def on_images_of(before: ModelScores, after: ModelScores) -> ModelScores:
    """The scores of the first model on the images of the second, which may be fewer: a stopped training's.

    Raises ValueError where the first was not scored on all of these.
    """
    places = {name: place for place, name in enumerate(before.images)}
    if not places.keys() >= set(after.images):
        raise ValueError("the models were scored on different images")
    chosen = [places[name] for name in after.images]
    dice = {name: tuple(values[place] for place in chosen) for name, values in before.dice.items()}
    return replace(before, images=after.images, dice=dice)


def judge(before: ModelScores, after: ModelScores) -> Verdict:
    """Compare two models on the images of the second; see on_images_of.

    Where a class is absent from an image's truth and only one model sees it there, the other was right: its
    score counts as 1.
    """
    whole = len(before.images)
    before = on_images_of(before, after)
    pairs = _paired(before, after)
    changes = tuple(
        Change(name, *(_mean(pair[place][index] for pair in pairs.values()) for place in (0, 1)))
        for index, name in enumerate(before.images)
    )
    first, second = [one.before for one in changes], [one.after for one in changes]
    interval = paired_interval(first, second)
    outcome, reason = _decide(interval, whole - len(before.images))
    means = _mean(first), _mean(second)
    return Verdict(outcome, interval, *means, changes, (reason,), _warnings(after, pairs), before.model)


def undecided(outcome: Outcome, reason: str, rival: str = "") -> Verdict:
    """A verdict without a comparison, and why there is none."""
    nothing = paired_interval((), ())
    return Verdict(outcome, nothing, math.nan, math.nan, (), (reason,), (), rival)


def class_changes(before: ModelScores, after: ModelScores) -> dict[str, tuple[Change, ...]]:
    """By class the Dice of both models on every image of the second, in the order of judge()."""
    return {
        name: tuple(Change(*row) for row in zip(after.images, *pair, strict=True))
        for name, pair in _paired(on_images_of(before, after), after).items()
    }


def write_gate(path: Path, before: ModelScores, after: ModelScores | None) -> None:
    """Store what a gate compares; after: None until the new model is measured."""
    write_json(path, {"before": before.to_json(), "after": None if after is None else after.to_json()})


def read_gate(path: Path) -> tuple[ModelScores, ModelScores | None] | None:
    """The inverse of write_gate; None where there is no such file. Raises StudioError where it is broken."""
    if not path.is_file():
        return None
    value = read_json(path)
    if not isinstance(value, dict) or "before" not in value:
        raise StudioError(f"{path} holds no scores.", "Train again to compare.")
    before, after = ModelScores.from_json(value["before"]), value.get("after")
    return before, None if after is None else ModelScores.from_json(after)


def read_verdict(value: Any) -> tuple[Outcome, PairedInterval]:
    """Outcome and interval of a Verdict.to_json. Raises StudioError where that is not what it is."""
    try:
        outcome = value["outcome"]
        if outcome not in get_args(Outcome):
            raise ValueError(outcome)
        change = value["change"]
        mean, low, high = (_number(change[key]) for key in ("mean", "low", "high"))
        return outcome, PairedInterval(mean, low, high, int(change["images"]), float(change["level"]))
    except (KeyError, TypeError, ValueError) as error:
        raise StudioError(f"What the gate said can't be understood ({error!r}).", "Train again.") from error


def _decide(interval: PairedInterval, left_out: int) -> tuple[Outcome, str]:
    """left_out: images that the new model was not scored on."""
    images = "1 validation image" if interval.images == 1 else f"{interval.images:,} validation images"
    if left_out:
        images = f"{interval.images:,} of the {interval.images + left_out:,} validation images"
    if interval.images < FEWEST:
        found = f"Compared on only {images}" if interval.images else "No validation image to compare on"
        few = f"{found}: you decide. From {FEWEST} on, a version that is no worse is used at once."
        return "indicative", few
    range_ = f"between {interval.low:+.3f} and {interval.high:+.3f}"
    course = f"On {images} Dice changed by {interval.mean:+.3f}, {interval.level:.0%} surely {range_}"
    if interval.low > -TOLERANCE:
        better = "it is better" if interval.better else "it is not noticeably worse"
        return "promoted", f"{course}: {better}."
    worse = "it is worse" if interval.worse else "it may be worse"
    return "candidate", f"{course}: {worse}."


Pairs = Mapping[str, tuple[Sequence[float], Sequence[float]]]


def _paired(before: ModelScores, after: ModelScores) -> Pairs:
    """By class the scores of both models, one an image; both NaN where the class counts for neither."""
    names = [*before.dice, *(name for name in after.dice if name not in before.dice)]
    nothing = (math.nan,) * len(before.images)
    found = {}
    for name in names:
        sides = before.dice.get(name, nothing), after.dice.get(name, nothing)
        found[name] = (_right_where_absent(sides[0], sides[1]), _right_where_absent(sides[1], sides[0]))
    return found


def _right_where_absent(own: Sequence[float], other: Sequence[float]) -> list[float]:
    return [
        1.0 if math.isnan(mine) and not math.isnan(theirs) else mine
        for mine, theirs in zip(own, other, strict=True)
    ]


def _warnings(after: ModelScores, pairs: Pairs) -> tuple[str, ...]:
    said = []
    for name, (first, second) in pairs.items():
        interval = paired_interval(first, second)
        if name in after.unknown:
            said.append(f"The new version does not know {name}.")
        elif not interval.images:
            said.append(f"No validation image shows {name}: nothing is known of it.")
        elif len(pairs) > 1 and interval.mean < -NOTICED:  # of the only one, the reason has said so
            said.append(f"{name} got worse: Dice {_mean(first):.3f} before, {_mean(second):.3f} now.")
    return tuple(said)


def _mean(values: Any) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


def _plain(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)
