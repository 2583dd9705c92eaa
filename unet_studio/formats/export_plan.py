"""What an export would do, said before anything is written: how much, and what a format can't carry."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unet_studio.core.classes import ClassTable
from unet_studio.core.errors import StudioError
from unet_studio.core.project import Project
from unet_studio.core.statistics import ClassStatistics, measure, summary
from unet_studio.formats.destination import Destination
from unet_studio.formats.export_layers import StoredLayers
from unet_studio.formats.export_options import PARTS, Advance, ExportOptions
from unet_studio.formats.table import format_named


@dataclass(frozen=True)
class Remark:
    """One thing to know before an export. kind: tells remarks apart, for programs. count: the number in it.

    text: a sentence that holds the number. loss: whether the masks come back otherwise than they are.
    """

    kind: str
    count: int
    text: str
    loss: bool = False


@dataclass(frozen=True)
class PlannedClass:
    """A class there. pixels, objects: over all images, None where they were not counted.

    sources: the project's classes that become it.
    """

    name: str
    color: str
    index: int
    sources: tuple[str, ...]
    pixels: int | None = None
    objects: int | None = None


@dataclass(frozen=True)
class ExportPlan:
    """What an export would do. images: those to be written. empty: chosen ones of which nothing is stored.

    obstacle: why it can't be done as it is, a sentence with its remedy, or "". statuses: how many images are
    how far. parts: train, val, test, none -> how many images. classes: those there. table: the same as a
    table. counted: whether pixels were looked at; only then are remarks on them and pixel counts there.
    problems: image -> why it can't be exported, of those that were looked at. replaces: files of an earlier
    export at the destination that this one would replace or remove.
    """

    format: str
    destination: Path | None
    images: tuple[str, ...]
    empty: tuple[str, ...]
    obstacle: str
    statuses: Mapping[str, int]
    parts: Mapping[str, int]
    table: ClassTable
    classes: tuple[PlannedClass, ...]
    remarks: tuple[Remark, ...]
    replaces: int = 0
    counted: bool = False
    problems: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "format": self.format,
            "destination": None if self.destination is None else str(self.destination),
            "images": len(self.images),
            "empty": [*self.empty],
            "obstacle": self.obstacle,
            "statuses": dict(self.statuses),
            "parts": dict(self.parts),
            "classes": [{**vars(entry), "sources": [*entry.sources]} for entry in self.classes],
            "remarks": [vars(remark) for remark in self.remarks],
            "replaces": self.replaces,
            "counted": self.counted,
            "problems": dict(self.problems),
        }


def plan_export(
    project: Project,
    format_name: str,
    destination: Path | None,
    options: ExportOptions | None = None,
    advance: Advance = lambda _done, _total: None,
    *,
    count: bool = False,
) -> ExportPlan:
    """What export_masks would do with the same arguments. Writes nothing.

    destination: None where nobody chose one yet. count: also read the masks, for the numbers in px and
    objects; without it, no pixel is read. advance: after each image that is read; may raise Cancelled.
    Raises StudioError where format, classes, names or model don't exist; what is wrong with the images or
    the destination is the plan's obstacle.
    """
    options = options or ExportOptions()
    entry = format_named(format_name)
    layers = StoredLayers.chosen(project, options)
    obstacle, replaces = "", 0
    try:
        if destination is not None:
            replaces = len(Destination.of(project, entry, destination, options).earlier)
    except StudioError as error:
        obstacle = str(error)
    table = layers.mapping.table
    found = _summary(layers, advance) if count else ()
    return ExportPlan(
        format_name,
        destination,
        tuple(layers.names),
        layers.empty,
        obstacle,
        _tally([project.status(name).value for name in layers.names]),
        dict.fromkeys(PARTS, 0) | _tally([project.split.get(name, "none") for name in layers.names]),
        table,
        tuple(
            PlannedClass(
                there.name,
                there.color,
                there.index,
                _sources(project, layers, there.index),
                found[place].pixels if found else None,
                found[place].components if found else None,
            )
            for place, there in enumerate(table.active)
        ),
        (),
        replaces,
        count,
        layers.problems,
    )


def _summary(layers: StoredLayers, advance: Advance) -> tuple[ClassStatistics, ...]:
    """Each class there over all images."""
    done = 0

    def seen() -> None:
        nonlocal done
        done += 1
        advance(done, len(layers.names))

    samples = layers.samples(layers.names, seen)
    return summary(measure(sample.name, sample.labels, layers.mapping.table) for sample in samples)


def _sources(project: Project, layers: StoredLayers, index: int) -> tuple[str, ...]:
    lut = layers.mapping.lut
    return tuple(entry.name for entry in project.classes.active if lut[entry.index] == index)


def _tally(values: list[str]) -> dict[str, int]:
    return {value: values.count(value) for value in dict.fromkeys(values)}
