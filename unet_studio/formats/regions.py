"""Masks as a list of named regions, one over the other: what most annotation tools store.

A pixel under no region is background. Pixels that nobody labelled are a region of their own, called
"unlabelled"; an image that is background alone holds one region that says so, because an image without any
region is one that nobody may have looked at.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.classes import DEFAULT_COLORS, UNLABELLED, ClassTable, PixelClass
from unet_studio.core.errors import StudioError
from unet_studio.core.geometry import Rect
from unet_studio.core.memory import free_memory
from unet_studio.formats.polygons import fill
from unet_studio.formats.sample import Incoming, Labels, Shape

Stencil = NDArray[np.bool_]

UNLABELLED_NAME = "unlabelled"
# Names, without regard to case, that tools and data sets give to "no class" and to "nobody knows".
BACKGROUND_NAMES = frozenset({"background", "_background_", "__background__"})
IGNORED_NAMES = frozenset({UNLABELLED_NAME, "__ignore__", "ignore", "void"})
MAX_SIDE = 1 << 20  # px; a picture wider than that is a broken number


@dataclass(frozen=True)
class Region:
    """name: the class as the file calls it. draw(shape): the pixels, as a rectangle inside an image of that
    (H, W) and a stencil, bool (rect.height, rect.width); raises ValueError where the region is malformed.

    instance: the object that it is a part of; "" where it is an object by itself.
    """

    name: str
    draw: Callable[[Shape], tuple[Rect, Stencil]]
    instance: str = ""


class Order(Enum):
    """Which region lies on top where two overlap."""

    FILE = "file"  # the one that the format says
    REVERSED = "reversed"  # the other one
    SMALLEST = "smallest"  # the one of fewer pixels
    CLASSES = "classes"  # the one whose class comes later in the list of classes


# What broken files make their readers raise while regions are drawn.
MALFORMED = (
    ValueError, KeyError, TypeError, IndexError, OverflowError, OSError, SyntaxError, MemoryError,
)  # fmt: skip
HARMLESS = 1 << 26  # px of an image that any machine has room for
ROOM = 8  # bytes a pixel that drawing takes, at most


@dataclass(frozen=True)
class Scene:
    """What one mask is drawn from. shape: (H, W). regions: the lowest first, as the format says.

    ground: the class index of pixels under no region, or 255. broken(reason): the error to raise where one
    of the regions turns out to be malformed.
    """

    shape: Shape
    regions: tuple[Region, ...]
    broken: Callable[[str], StudioError]
    ground: int = 0


@dataclass(frozen=True)
class Legend:
    """What the names in a file mean. indices: name -> class index, 255 for an ignored one."""

    table: ClassTable
    indices: Mapping[str, int]

    @classmethod
    def of(cls, names: Iterable[str], colors: Mapping[str, str] | None = None) -> "Legend":
        """Index 0 the background, then the names in their order; names that mean "ignore" are no classes."""
        table = ClassTable((PixelClass(0, "background", "#000000"),), 0)
        indices: dict[str, int] = {}
        for name in names:
            folded = name.strip().casefold()
            if name in indices:
                continue
            if folded in BACKGROUND_NAMES:
                indices[name] = 0
            elif folded in IGNORED_NAMES:
                indices[name] = UNLABELLED
            else:
                number = len(table.classes)
                if number >= UNLABELLED:
                    raise StudioError(
                        "The masks have more than 254 classes.", "Split them into several sets."
                    )
                color = (colors or {}).get(name, "")
                if not re.fullmatch(r"#[0-9a-fA-F]{6}", color):
                    color = DEFAULT_COLORS[(number - 1) % len(DEFAULT_COLORS)]
                entry = PixelClass(number, name.strip() or f"class {number}", color)
                table = ClassTable((*table.classes, entry), 0)
                indices[name] = number
        return cls(table, indices)


def draw_scene(scene: Scene, legend: Legend, order: Order = Order.FILE) -> Labels:
    """The labels, uint8 (H, W), of a scene. Raises StudioError where a region is malformed, or where the
    image that the file claims does not fit into memory.
    """
    check_room(scene)
    labels = np.full(scene.shape, scene.ground, dtype=np.uint8)
    try:
        for region in arranged(scene, legend, order):
            rect, stencil = region.draw(scene.shape)
            labels[rect.slices][stencil] = legend.indices[region.name]
    except MALFORMED as error:
        raise scene.broken(str(error) or repr(error)) from error
    return labels


def check_room(scene: Scene) -> None:
    """Raise StudioError where a scene is too large to be drawn: its size is a number in a file."""
    height, width = scene.shape
    if height * width > HARMLESS and ROOM * height * width > free_memory():
        raise scene.broken(f"an image of {width} x {height} px does not fit into memory")


def arranged(scene: Scene, legend: Legend, order: Order) -> Sequence[Region]:
    """The regions of a scene, the lowest first. Those of unlabelled pixels stay below all others."""
    if order is Order.FILE:
        return scene.regions
    # Regions are drawn once more for their size: keeping all stencils could fill the memory.
    height = {
        Order.REVERSED: lambda place: -place,
        Order.SMALLEST: lambda place: -np.count_nonzero(scene.regions[place].draw(scene.shape)[1]),
        Order.CLASSES: lambda place: legend.indices[scene.regions[place].name],
    }[order]
    known = [place for place, region in enumerate(scene.regions) if legend.indices[region.name] != UNLABELLED]
    unknown = [region for region in scene.regions if legend.indices[region.name] == UNLABELLED]
    return [*unknown, *(scene.regions[place] for place in sorted(known, key=height))]


def from_scenes(
    legend: Legend,
    keys: Iterable[str],
    scene: Callable[[str, Shape | None], Scene],
    is_blank: Callable[[str], bool] = lambda _key: False,
    notes: tuple[str, ...] = (),
    size: Callable[[str], Shape | None] = lambda _key: None,
) -> Incoming:
    """An opened set of masks that are stored as regions."""
    return Incoming(
        legend.table,
        tuple(keys),
        lambda key, shape: draw_scene(scene(key, shape), legend),
        is_blank,
        notes,
        size,
        scene,
        legend,
    )


def overlap(scene: Scene, legend: Legend) -> int:
    """The number of pixels under regions of more than one class."""
    check_room(scene)
    first = np.full(scene.shape, -1, dtype=np.int16)
    shared = np.zeros(scene.shape, dtype=np.bool_)
    try:
        for region in scene.regions:
            rect, stencil = region.draw(scene.shape)
            before, number = first[rect.slices], legend.indices[region.name]
            shared[rect.slices] |= stencil & (before >= 0) & (before != number)
            before[stencil] = number
    except MALFORMED as error:
        raise scene.broken(str(error) or repr(error)) from error
    return int(np.count_nonzero(shared))


def split(
    labels: Labels, table: ClassTable, unlabelled: str = UNLABELLED_NAME
) -> Iterator[tuple[str, Rect, Stencil]]:
    """The regions to write for labels, uint8 (H, W): name, smallest rectangle, stencil inside it.

    unlabelled: what the format calls the region of pixels without a class, one of IGNORED_NAMES.
    """
    present = np.flatnonzero(np.bincount(labels.ravel(), minlength=256)).tolist()
    names = {entry.index: entry.name for entry in table.active if entry.index != table.background}
    if table.background is not None:
        names[UNLABELLED] = unlabelled
        if present == [table.background]:
            names = {table.background: table.get(table.background).name}
    for index, name in names.items():
        if index in present:
            stencil = labels == index
            rect = bounds(stencil)
            yield name, rect, stencil[rect.slices]


def draw_ring(points: list[tuple[float, float]], shape: Shape) -> tuple[Rect, Stencil]:
    """The pixels whose centre lies in a ring of (x, y). Raises ValueError where it is none."""
    ring = np.asarray(points, dtype=np.float64)
    limit = 4 * max(shape) + 16
    if len(ring) < 3 or not np.isfinite(ring).all() or (np.abs(ring) > limit).any():
        raise ValueError("a polygon has too few points or lies far outside of its image")
    left, top = np.floor(ring.min(axis=0)).astype(int).tolist()
    right, bottom = np.ceil(ring.max(axis=0)).astype(int).tolist()
    rect = Rect(top, left, bottom, right).clip(shape)
    if rect.empty:
        return Rect(0, 0, 0, 0), np.zeros((0, 0), dtype=np.bool_)
    return rect, fill([ring - (rect.left, rect.top)], (rect.height, rect.width))


def bounds(stencil: Stencil) -> Rect:
    """The smallest rectangle around the true pixels of a stencil that has some."""
    rows, columns = np.flatnonzero(stencil.any(axis=1)), np.flatnonzero(stencil.any(axis=0))
    return Rect(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)


def names_to_write(table: ClassTable) -> tuple[tuple[str, str], ...]:
    """Every name that split may use, with its colour #rrggbb."""
    own = tuple((entry.name, entry.color) for entry in table.active)
    return own if table.background is None else (*own, (UNLABELLED_NAME, "#808080"))


def check_names(table: ClassTable) -> None:
    """Raise StudioError where a class could not be told from the region of unlabelled pixels."""
    taken = [entry.name for entry in table.active if entry.name.strip().casefold() in IGNORED_NAMES]
    if taken:
        raise StudioError(f"A class is called {taken[0]!r}, which means no class here.", "Rename that class.")
