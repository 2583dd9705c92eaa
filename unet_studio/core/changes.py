"""What a model says better or worse than another one, image by image: the figures behind every comparison."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from unet_studio.core.gate import Change, ModelScores, class_changes, judge
from unet_studio.core.paired import PairedInterval, paired_interval

ALL = ""  # the mean over the foreground classes, where a class is asked for


@dataclass(frozen=True)
class ChangeTable:
    """Two models on the same images. first, second: their names; a difference is second - first.

    by_class: the images in their order, by class name; ALL for the mean foreground Dice. source: where the
    figures come from, as a sentence. notes: sentences; failures: (image, why) of what was left out.
    """

    first: str
    second: str
    by_class: Mapping[str, tuple[Change, ...]]
    source: str
    notes: tuple[str, ...] = ()
    failures: tuple[tuple[str, str], ...] = field(default=())

    @property
    def classes(self) -> list[str]:
        """The classes that there are figures of, without ALL."""
        return [name for name in self.by_class if name != ALL]

    @property
    def images(self) -> int:
        """How many images there are."""
        return len(self.by_class[ALL])

    def worst_first(self, name: str = ALL) -> list[Change]:
        """The images, those that lost most first; the ones that can't be compared last."""
        changes = self.by_class.get(name, ())
        return sorted(changes, key=lambda one: (math.isnan(one.difference), one.difference, one.image))

    def interval(self, name: str = ALL) -> PairedInterval:
        """The mean change with its interval; see core.paired."""
        changes = self.by_class.get(name, ())
        return paired_interval([one.before for one in changes], [one.after for one in changes])

    def means(self, name: str = ALL) -> tuple[float, float]:
        """The mean Dice of both models over the images that have one, NaN where none has."""
        changes = self.by_class.get(name, ())
        return _mean(one.before for one in changes), _mean(one.after for one in changes)


def changes_of_gate(before: ModelScores, after: ModelScores, source: str) -> ChangeTable:
    """What a run's gate compared, on the images of the second model; see core.gate.on_images_of."""
    verdict = judge(before, after)
    by_class = {ALL: verdict.changes, **class_changes(before, after)}
    return ChangeTable(before.model, after.model, by_class, source)


def _mean(values: Iterable[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan
