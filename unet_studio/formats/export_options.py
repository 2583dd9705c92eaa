"""What an export shall do: which images, which layer, classes under which names, what beside the masks."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.classes import UNLABELLED, ClassTable, PixelClass
from unet_studio.core.errors import StudioError
from unet_studio.core.overlays import PictureStyle
from unet_studio.core.pixel_size import PixelSize
from unet_studio.core.project import Project, Status

Layer = Literal["mask", "annotation", "prediction"]
Which = Literal["approved", "all", "selection"]
PictureKind = Literal["overlay", "side-by-side"]
PARTS = ("train", "val", "test", "none")  # of split folders; none: images without a place in the split
Advance = Callable[[int, int], None]  # steps done, steps in all; may raise Cancelled


@dataclass(frozen=True)
class ExportOptions:
    """What goes out, and how.

    which: "selection" takes names. layer: "mask" is what was painted, over the prediction. model: whose
    stored predictions count, by default the project's.

    split_folders: one complete export in each of train, val, test and none; formats that have a place of
    their own for the split use theirs. renames: class name here -> name there, "" for unlabelled there; two
    classes with one name there become one. order: the names there, in the order in which they are numbered
    0, 1, ...; () keeps the project's indices. The background stays the background, wherever it comes.

    pictures: pictures to look at, beside the masks; style: how they look.
    with_images: whether a format that has a place for the images takes copies along; None: where its users
    expect them. statistics: a table of objects and areas, and one summed up; pixel_size: for their areas, by
    default the project's. overwrite: also files of an earlier export that somebody changed since. resume: go
    on with an export that was broken off; keep_aside: where this one is, keep what it has written in a hidden
    folder, to be gone on with.
    """

    which: Which = "approved"
    names: tuple[str, ...] = ()
    layer: Layer = "mask"
    model: str | None = None
    split_folders: bool = False
    renames: Mapping[str, str] = field(default_factory=dict)
    order: tuple[str, ...] = ()
    pictures: frozenset[PictureKind] = frozenset()
    style: PictureStyle = field(default_factory=PictureStyle)
    with_images: bool | None = None
    statistics: bool = False
    pixel_size: PixelSize | None = None
    overwrite: bool = False
    resume: bool = False
    keep_aside: bool = False

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; without how the export was carried out."""
        value = asdict(self)
        del value["overwrite"], value["resume"], value["keep_aside"]
        return {**value, "names": [*self.names], "order": [*self.order], "pictures": sorted(self.pictures)}


def chosen_images(project: Project, options: ExportOptions) -> list[str]:
    """The images that the options choose, in the project's order. Raises StudioError for an unknown name."""
    if options.which == "approved":
        return project.with_status(Status.APPROVED)
    if options.which == "all":
        return list(project.images)
    wanted = set(options.names)
    found = [name for name in project.images if name in wanted]
    unknown = sorted(wanted.difference(found))
    if unknown:
        raise StudioError(
            f"{len(unknown)} of the chosen images are not in {project.name}: {', '.join(unknown[:5])}.",
            "Name images by their path in the folder, for example sub/a.png.",
        )
    return found


@dataclass(frozen=True)
class ClassMapping:
    """What a project's classes become in an export. table: the classes there. lut: uint8 (256,), the
    project's index -> the one there, 255 for unlabelled; indices that are no class stay themselves. here: the
    project's classes.
    """

    table: ClassTable
    lut: NDArray[np.uint8]
    here: ClassTable

    @property
    def dropped(self) -> tuple[PixelClass, ...]:
        """The project's classes that become unlabelled."""
        return tuple(entry for entry in self.here.active if self.lut[entry.index] == UNLABELLED)

    def sources(self, index: int) -> tuple[str, ...]:
        """The names of the project's classes that become a class there."""
        return tuple(entry.name for entry in self.here.active if self.lut[entry.index] == index)

    @property
    def changes(self) -> bool:
        """Whether any pixel gets another value."""
        return bool((self.lut != np.arange(256)).any())

    def to_json(self) -> list[dict[str, Any]]:
        """For each class here its index, and name and index there; null where it becomes unlabelled."""
        there = {entry.index: entry.name for entry in self.table.active}
        return [
            {
                "here": entry.name,
                "index": entry.index,
                "there": there.get(int(self.lut[entry.index])),
                "index_there": None if self.lut[entry.index] == UNLABELLED else int(self.lut[entry.index]),
            }
            for entry in self.here.active
        ]


def class_mapping(table: ClassTable, options: ExportOptions) -> ClassMapping:
    """The classes of an export. Raises StudioError where the options name classes that there are not.

    A class that takes in others keeps the index and colour of the one that has its name already, else of the
    first. Where the background takes part in a class, that is the background there.
    """
    unknown = [name for name in options.renames if all(entry.name != name for entry in table.active)]
    if unknown:
        raise StudioError(f"There is no class named {', '.join(unknown)}.", f"There are {table.describe()}.")
    groups: dict[str, list[int]] = {}
    for entry in table.active:
        there = options.renames.get(entry.name, entry.name).strip()
        if there:
            groups.setdefault(there, []).append(entry.index)
    if not groups:
        raise StudioError("No class is left to export.", "Keep a name for at least one class.")
    lut = np.arange(256, dtype=np.uint8)
    lut[list(table.indices)] = UNLABELLED
    entries, background = [], None
    for number, name in enumerate(_ordered(list(groups), options.order)):
        members = groups[name]
        own = [index for index in members if table.get(index).name == name]
        first = (own or members)[0]
        index = number if options.order else first
        entries.append(replace(table.get(first), index=index, name=name, key=None))
        lut[members] = index
        background = index if table.background in members else background
    return ClassMapping(ClassTable(tuple(entries), background), lut, table)


def _ordered(names: list[str], order: tuple[str, ...]) -> list[str]:
    """The names in the wanted order; those that it leaves out come last."""
    unknown = [name for name in order if name not in names]
    if unknown or len(set(order)) < len(order):
        raise StudioError(
            f"The order of the classes names {', '.join(unknown) or 'one of them twice'}.",
            f"Order these: {', '.join(names)}.",
        )
    return [*order, *(name for name in names if name not in order)]
