"""Which part of the split a sample belongs to, so that nothing is measured on what was learnt.

Samples that belong together stay together in a new split: images of the same pixels, whatever their files
are, and those that their source or the setting group_by puts into one group.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from training.frozen import FrozenSample
from unet_studio.core.split import PARTS, Split, divide, stable_part
from unet_studio.core.training_config import TrainingConfig

COARSE = 0.05  # a part whose share differs by more from what was asked for is told
FIRST = 3  # leaks named in a note


@dataclass(frozen=True)
class Rule:
    """How samples without a part get one. shares: of train, val and maybe test; empty: a sixth validates."""

    shares: tuple[float, ...] = ()
    seed: int = 0

    @classmethod
    def of(cls, config: TrainingConfig) -> "Rule":
        """As the settings say."""
        return cls(config.shares, config.split_seed)


def assign_parts(
    samples: Sequence[FrozenSample], groups: Mapping[str, str], rule: Rule
) -> tuple[list[FrozenSample], list[str]]:
    """Give every sample without a place one; with notes on what a person should know of the split.

    groups: name -> group, for samples that belong to one. A sample that belongs together with others that
    have a place gets theirs; where those were put into different parts, they stay there and a note says so.
    """
    units = _units(samples, groups)
    parts: dict[str, str] = {sample.name: sample.part for sample in samples if sample.part}
    members: dict[str, list[FrozenSample]] = {}
    for sample in samples:
        members.setdefault(units[sample.name], []).append(sample)
    open_units: dict[str, list[FrozenSample]] = {}
    for alike in members.values():
        said = Counter(sample.part for sample in alike if sample.part)
        unsaid = [sample for sample in alike if not sample.part]
        if said:
            parts.update(dict.fromkeys((sample.name for sample in unsaid), said.most_common(1)[0][0]))
        else:
            # Hashes of files, not of pixels: these depend on the version of a JPEG decoder.
            key = min(groups.get(sample.name, sample.image_hash) for sample in alike)
            open_units[key] = alike
    drawn = _draw(open_units, rule)
    parts.update({sample.name: drawn[key] for key, alike in open_units.items() for sample in alike})
    placed = [replace(sample, part=parts[sample.name]) for sample in samples]
    return placed, [*_coarse(open_units, drawn, rule), *leaks(placed, groups)]


def group_names(names: Sequence[str], pattern: str) -> tuple[dict[str, str], list[str]]:
    """Name -> what the first group of a regular expression finds in it, or all that it finds; with notes."""
    expression = re.compile(pattern)
    groups = {}
    for name in names:
        if found := expression.search(name):
            groups[name] = found[1] if expression.groups and found[1] is not None else found[0]
    notes = [f"group_by makes {len(set(groups.values()))} groups of {len(groups)} images."]
    if len(groups) < len(names):
        alone = next(name for name in names if name not in groups)
        notes.append(
            f"It finds nothing in {len(names) - len(groups)} names, {alone} first: they stand alone."
        )
    return groups, notes


def leaks(samples: Sequence[FrozenSample], groups: Mapping[str, str]) -> list[str]:
    """What lies in several parts and should not: the same pixels, and images of one group."""
    alike: dict[str, list[FrozenSample]] = {}
    for sample in samples:
        alike.setdefault(_content(sample), []).append(sample)
    apart = [found for found in alike.values() if len({sample.part for sample in found}) > 1]
    notes = []
    if apart:
        shown = "; ".join(
            " and ".join(f"{sample.name} ({sample.part})" for sample in found[:2]) for found in apart[:FIRST]
        )
        notes.append(
            f"{len(apart)} images are the same, pixel for pixel, in two parts of the split: {shown}. "
            "Scores on them say nothing."
        )
    where: dict[str, set[str]] = {}
    for sample in samples:
        if sample.name in groups:
            where.setdefault(groups[sample.name], set()).add(sample.part)
    torn = sorted(group for group, parts in where.items() if len(parts) > 1)
    if torn:
        notes.append(
            f"Images of one group lie in several parts of the split, those of {torn[0]} for one"
            f"{f' of {len(torn)}' if len(torn) > 1 else ''}: they may be nearly alike."
        )
    return notes


def _content(sample: FrozenSample) -> str:
    return sample.pixel_hash or sample.image_hash


def _units(samples: Sequence[FrozenSample], groups: Mapping[str, str]) -> dict[str, str]:
    """Name -> the unit it belongs to, a name too: samples joined by equal pixels or groups, in any chain."""
    leader: dict[str, str] = {}

    def find(key: str) -> str:
        while leader.setdefault(key, key) != key:
            leader[key] = key = leader[leader[key]]
        return key

    for sample in samples:
        own = find(f"name {sample.name}")
        for key in (
            f"pixels {_content(sample)}",
            f"group {groups[sample.name]}" if sample.name in groups else "",
        ):
            if key:
                leader[find(key)] = own
                own = find(own)
    return {sample.name: find(f"name {sample.name}") for sample in samples}


def _draw(units: Mapping[str, Sequence[FrozenSample]], rule: Rule) -> dict[str, Split]:
    """A part for every unit: by the shares, or one in six validates, the same one whatever comes and goes."""
    sizes = {key: len(alike) for key, alike in units.items()}
    if rule.shares:
        return divide(sizes, rule.shares, rule.seed)
    drawn = {key: stable_part(key, rule.seed) for key in units}
    alone = len(set(drawn.values())) == 1
    if alone and (len(drawn) > 1 or "val" in drawn.values()):
        # Too few for chance: one of them is moved, the same one in whatever order they come.
        moved = min(drawn)
        drawn[moved] = "train" if drawn[moved] == "val" else "val"
    return drawn


def _coarse(units: Mapping[str, Sequence[FrozenSample]], drawn: Mapping[str, Split], rule: Rule) -> list[str]:
    """A note where the groups are too large for the shares that were asked for."""
    counts: Counter[str] = Counter()
    for key, alike in units.items():
        counts[drawn[key]] += len(alike)
    total = sum(counts.values())
    if not rule.shares or not total:
        return []
    wanted = dict(zip(PARTS, rule.shares, strict=False))
    if all(abs(counts[part] / total - share) <= COARSE for part, share in wanted.items()):
        return []
    found = ", ".join(f"{part} {counts[part] / total:.0%}" for part in wanted)
    return [f"{len(units)} groups can't be divided as asked for; the parts hold: {found}."]
