"""What an export would do, said before anything is written: how much, and what a format can't carry."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from unet_studio.core.classes import ClassTable, PixelClass
from unet_studio.core.errors import StudioError
from unet_studio.core.project import Project
from unet_studio.formats.census import Census
from unet_studio.formats.destination import Destination
from unet_studio.formats.export_layers import StoredLayers, check_images_place, nothing_stored, parts_of
from unet_studio.formats.export_options import PARTS, Advance, ExportOptions, class_mapping
from unet_studio.formats.export_remarks import Facts, remarks
from unet_studio.formats.export_remarks import Remark as Remark
from unet_studio.formats.table import Format, format_named
from unet_studio.formats.trial import Pieces, refusal, traits


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
    census = (
        _count(layers, traits(format_name, layers.mapping.table.background is not None).pieces, advance)
        if count
        else None
    )
    obstacle, replaces = _obstacle(project, entry, destination, options, layers, count)
    parts = parts_of(project, entry, options, layers.names)
    facts = Facts(project, entry, options, layers, census, parts, replaces)
    found = _tally([project.split.get(name, "none") for name in layers.names])
    return ExportPlan(
        format_name,
        destination,
        tuple(layers.names),
        layers.empty,
        obstacle,
        _tally([project.status(name).value for name in layers.names]),
        dict.fromkeys(PARTS, 0) | found,
        layers.mapping.table,
        tuple(_planned(there, layers, census) for there in layers.mapping.table.active),
        remarks(facts),
        replaces,
        count,
        layers.problems,
    )


def _count(layers: StoredLayers, pieces: Pieces, advance: Advance) -> Census:
    """Look at every mask."""
    census, done = Census(layers.mapping, pieces), 0

    def seen() -> None:
        nonlocal done
        done += 1
        advance(done, len(layers.names))

    advance(0, len(layers.names))
    as_stored = replace(layers, mapping=class_mapping(layers.project.classes, ExportOptions()))
    for sample in as_stored.samples(layers.names, seen):
        census.add(sample.labels)
    return census


def _obstacle(
    project: Project,
    entry: Format,
    destination: Path | None,
    options: ExportOptions,
    layers: StoredLayers,
    count: bool,
) -> tuple[str, int]:
    """Why it can't be done as it is, or "", and how many files of an earlier export are in its place."""
    earlier = 0
    try:
        if not layers.names:
            raise nothing_stored(project, options)
        check_images_place(entry, options)
        if destination is not None:
            place = Destination.of(project, entry, destination, options)
            earlier = len(place.earlier)
            if count and not options.overwrite:
                place.check_unchanged()
        for names in parts_of(project, entry, options, layers.names).values():
            refused = refusal(entry, project.name, layers.mapping.table, names)
            if refused:
                return refused, earlier
    except StudioError as error:
        return str(error), earlier
    return "", earlier


def _planned(there: PixelClass, layers: StoredLayers, census: Census | None) -> PlannedClass:
    return PlannedClass(
        there.name,
        there.color,
        there.index,
        layers.mapping.sources(there.index),
        None if census is None else int(census.pixels[there.index]),
        None if census is None else int(census.objects[there.index]),
    )


def _tally(values: list[str]) -> dict[str, int]:
    return dict(Counter(values))
