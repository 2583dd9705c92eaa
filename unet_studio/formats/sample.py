"""What every format gives and takes: labelled samples, one at a time, so that memory stays bounded."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.classes import UNLABELLED, ClassTable, PixelClass
from unet_studio.core.errors import StudioError

if TYPE_CHECKING:
    from unet_studio.formats.regions import Legend, Scene

Labels = NDArray[np.uint8]
Shape = tuple[int, int]  # height, width in px


@dataclass(frozen=True)
class Sample:
    """One image's labels. name: the image's path in its folder. labels: uint8 (H, W), 255 unlabelled."""

    name: str
    labels: Labels


@dataclass(frozen=True)
class Incoming:
    """A foreign set of masks, opened but not yet read.

    classes: what the pixel values mean, or None where the files don't say. keys: what each mask is called
    there, a posix path with or without an image's suffix. read(key, shape): the labels of one, uint8 (H, W),
    255 where nothing is known; raises StudioError where they don't have that shape (None: any).
    is_blank(key): whether the set lists the image without a word on its pixels. notes: what a person should
    know before importing. size(key): the mask's (H, W) in px as the files state it, found without reading its
    pixels; None where they don't.

    numbered: the names of the classes are made up from the pixel values, so that a project's class of the
    same index is rather meant than one of that name.

    scene(key, shape): the regions that a mask is drawn from, in formats that store regions, with the legend
    that says what their names mean; read() gives the same drawn in the format's own order.

    also(key): another name that the files give the mask's image, tried where the key fits none; "" for none.
    remainder(key): what they say beside the mask, as JSON values, kept with the project and given back to the
    formats of that family when they write the image (see foreign.py); None for nothing. holds: what must live
    as long as the set is read, such as the folder that an archive was unpacked to.
    """

    classes: ClassTable | None
    keys: tuple[str, ...]
    read: Callable[[str, Shape | None], Labels]
    is_blank: Callable[[str], bool] = lambda _key: False
    notes: tuple[str, ...] = ()
    size: Callable[[str], Shape | None] = lambda _key: None
    scene: "Callable[[str, Shape | None], Scene] | None" = None
    legend: "Legend | None" = None
    numbered: bool = False
    also: Callable[[str], str] = lambda _key: ""
    family: str = ""
    remainder: Callable[[str], Mapping[str, Any] | None] = lambda _key: None
    holds: object = None


@dataclass(frozen=True)
class Outgoing:
    """A set of masks to write. names: every image's name, known beforehand; samples: the same ones, in order.

    title: what the set is called. classes: what the pixel values mean. split: image name -> "train", "val"
    or "test", for formats that have a place for it. picture: where an image's file is, for formats that hold
    the images as well; None where only masks go out. remainder(family, name): what a foreign file of that
    family of formats said of the image beside its mask, see Incoming; None for nothing.
    """

    title: str
    classes: ClassTable
    names: Sequence[str]
    samples: Callable[[], Iterable[Sample]]
    split: Mapping[str, str] = field(default_factory=dict)
    picture: Callable[[str], Path] | None = None
    remainder: Callable[[str, str], Mapping[str, Any] | None] = lambda _family, _name: None


# Writes a set to a place and says which file, relative to that place, holds each image's labels.
Writer = Callable[[Path, Outgoing], Mapping[str, str]]
Reader = Callable[[Path], Incoming]


def one_file(destination: Path, file_name: str) -> Path:
    """The file that a destination means for a format of one file: itself, or file_name in that folder."""
    own = destination.suffix.lower() == Path(file_name).suffix
    return destination if own else destination / file_name


def strange_values(labels: Labels, table: ClassTable) -> list[int]:
    """The pixel values of uint8 labels that are neither an active class nor unlabelled."""
    found = np.flatnonzero(np.bincount(labels.ravel(), minlength=256))
    return [int(value) for value in found if value != UNLABELLED and value not in table.indices]


def check_labels(sample: Sample, table: ClassTable) -> None:
    """Raise StudioError where a pixel is neither an active class nor unlabelled."""
    strange = strange_values(sample.labels, table)
    if strange:
        raise StudioError(
            f"{sample.name} holds class indices that are no classes: {strange}.",
            f"Add these classes or repaint those pixels. The classes are {table.describe()}.",
        )


def check_shape(key: str, found: Shape, wanted: Shape | None) -> None:
    """Raise StudioError where a mask's size (H, W) is not that of its image."""
    if wanted is not None and found != wanted:
        raise StudioError(
            f"The mask {key} is {found[1]} x {found[0]} px, but its image is {wanted[1]} x {wanted[0]} px.",
            "Choose the masks that were made for these images, or scale them to the images' size first.",
        )


def counterpart(entry: PixelClass, source: ClassTable, table: ClassTable) -> PixelClass | None:
    """The class of a project's table that a class called after its number is: the one of that index, else of
    that name; of black and white masks the only one that is no background. None where there is none.
    """
    if entry.index in table.indices:
        return table.get(entry.index)
    binary = len(source.foreground) == len(table.foreground) == 1
    only = table.get(table.foreground[0]) if binary and entry.index in source.foreground else None
    return table.named(entry.name) or only


def class_lut(
    source: ClassTable | None,
    table: ClassTable,
    renames: Mapping[str, str] | None = None,
    numbered: bool = False,
) -> NDArray[np.uint8]:
    """Look-up table, uint8 (256,), from a set's pixel values to a project's, matched by class name.

    renames: source name -> name in the project, "" meaning unlabelled. The source's background goes to the
    project's background, or to unlabelled where it has none. None as source: the values already are the
    project's. numbered: the source's names are made up from its numbers, see counterpart. Raises StudioError
    where a class of the source is missing in the project.
    """
    lut = np.full(256, UNLABELLED, dtype=np.uint8)
    if source is None:
        lut[list(table.indices)] = table.indices
        return lut
    wanted = dict(renames or {})
    missing = []
    for entry in source.active:
        name = wanted.pop(entry.name, entry.name)
        match = table.named(name) if name else None
        if numbered and name == entry.name:
            match = counterpart(entry, source, table)
        if match is not None:
            lut[entry.index] = match.index
        elif entry.index == source.background and name == entry.name:
            lut[entry.index] = UNLABELLED if table.background is None else table.background
        elif name:
            missing.append(name)
    if wanted:
        raise StudioError(
            f"The masks have no class named {', '.join(wanted)}.", f"They have {source.describe()}."
        )
    if missing:
        raise StudioError(
            f"The masks hold classes that the project lacks: {', '.join(missing)}.",
            f"Add them to the project or map them to one of its own ({table.describe()}).",
        )
    return lut
