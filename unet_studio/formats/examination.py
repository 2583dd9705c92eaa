"""What foreign masks hold, found out by drawing them: overlaps, touching objects, pixels of each class."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.classes import UNLABELLED
from unet_studio.core.errors import StudioError
from unet_studio.core.project import Project
from unet_studio.formats.import_options import Advance, ImportOptions
from unet_studio.formats.import_plan import COMING, ImageRow, ImportPlan
from unet_studio.formats.regions import MALFORMED, Legend, Order, Scene, arranged
from unet_studio.formats.sample import Incoming, Labels, strange_values


@dataclass(frozen=True)
class Drawn:
    """A mask as it was drawn. labels: uint8 (H, W). shared: px under regions of more than one class."""

    labels: Labels
    shared: int


def drawn(scene: Scene, legend: Legend, order: Order) -> Drawn:
    """Draw a scene as draw_scene does, counting what overlaps on the way."""
    labels = np.full(scene.shape, scene.ground, dtype=np.uint8)
    covered = np.zeros(scene.shape, dtype=np.bool_)
    shared = np.zeros(scene.shape, dtype=np.bool_)
    try:
        for region in arranged(scene, legend, order):
            rect, stencil = region.draw(scene.shape)
            here, number = labels[rect.slices], legend.indices[region.name]
            shared[rect.slices] |= stencil & covered[rect.slices] & (here != number)
            covered[rect.slices] |= stencil
            here[stencil] = number
    except MALFORMED as error:
        raise scene.broken(str(error) or repr(error)) from error
    return Drawn(labels, int(np.count_nonzero(shared)))


@dataclass(frozen=True)
class Touching:
    """Objects of one class in one image. instances: how many of the source's can be seen; components: how
    many of them would be left here, where those that share an 8-connected piece are one.
    """

    instances: int
    components: int


@dataclass(frozen=True)
class Examination:
    """What the masks of a plan hold. images: how many were drawn.

    overlapping: image -> px under regions of several classes. touching: image -> class there -> counts, where
    objects would melt into fewer pieces. pixels: class there -> px, with the chosen order of overlaps, and
    unlabelled: px without a class. strange: image -> pixel values that are no classes. problems: image -> why
    it can't be drawn.
    """

    images: int = 0
    overlapping: dict[str, int] = field(default_factory=dict)
    touching: dict[str, dict[str, Touching]] = field(default_factory=dict)
    pixels: dict[str, int] = field(default_factory=dict)
    unlabelled: int = 0
    strange: dict[str, tuple[int, ...]] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)

    def merged(self) -> int:
        """How many objects of the source would melt into others."""
        return sum(
            one.instances - one.components for found in self.touching.values() for one in found.values()
        )

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "images": self.images,
            "overlapping_pixels": self.overlapping,
            "touching": {
                name: {
                    label: {"instances": one.instances, "components": one.components}
                    for label, one in found.items()
                }
                for name, found in self.touching.items()
            },
            "merged_instances": self.merged(),
            "pixels": self.pixels,
            "unlabelled": self.unlabelled,
            "strange_values": {name: list(values) for name, values in self.strange.items()},
            "problems": self.problems,
        }


def examine(
    plan: ImportPlan,
    project: Project,
    names: Iterable[str] | None = None,
    options: ImportOptions | None = None,
    advance: Advance = lambda _done, _total: None,
) -> Examination:
    """Draw the masks of a plan, one at a time, and count.

    names: of these images alone, by default of all whose mask would come in. options: by default the plan's.
    Takes as long as an import about, so it belongs in a thread; advance may raise Cancelled.
    """
    options = options or plan.options
    wanted = None if names is None else set(names)
    rows = [
        row
        for row in plan.rows
        if row.key and not row.blank and (row.fate in COMING if wanted is None else row.name in wanted)
    ]
    found = _Count(plan.incoming, options)
    for done, row in enumerate(rows):
        advance(done, len(rows))
        found.add(row)
    advance(len(rows), len(rows))
    return found.result(project)


@dataclass
class _Count:
    """An examination under way."""

    incoming: Incoming
    options: ImportOptions
    found: Examination = field(default_factory=Examination)
    images: int = 0
    values: Any = field(default_factory=lambda: np.zeros(256, dtype=np.int64))

    def add(self, row: ImageRow) -> None:
        """Draw one mask; one that is broken becomes a problem."""
        try:
            labels = self._draw(row)
        except StudioError as error:
            self.found.problems[row.name] = str(error)
            return
        self.images += 1
        self.values += np.bincount(labels.ravel(), minlength=256)
        table = self.incoming.classes
        strange = strange_values(labels, table) if table is not None else []
        if strange:
            self.found.strange[row.name] = tuple(strange)

    def _draw(self, row: ImageRow) -> Labels:
        """The labels of one mask, uint8 of its own size, counting what overlaps and touches in it."""
        shape = row.theirs or row.ours
        legend = self.incoming.legend
        if self.incoming.scene is None or legend is None:
            return self.incoming.read(row.key, shape)
        scene = self.incoming.scene(row.key, shape)
        result = drawn(scene, legend, self.options.order)
        if result.shared:
            self.found.overlapping[row.name] = result.shared
        touching = _touching(scene, legend, self.options.order, result.labels)
        if touching:
            self.found.touching[row.name] = touching
        return result.labels

    def result(self, project: Project) -> Examination:
        """Everything that was counted."""
        table = self.incoming.classes or project.classes
        pixels = {entry.name: int(self.values[entry.index]) for entry in table.active}
        return Examination(
            self.images,
            self.found.overlapping,
            self.found.touching,
            pixels,
            int(self.values[UNLABELLED]),
            self.found.strange,
            self.found.problems,
        )


def _touching(scene: Scene, legend: Legend, order: Order, labels: Labels) -> dict[str, Touching]:
    """The classes of which objects melt together. labels: the scene as it was drawn, uint8 (H, W)."""
    objects: dict[int, dict[object, int]] = {}  # class -> object -> its number, from 1 on
    for place, region in enumerate(scene.regions):
        index = legend.indices[region.name]
        if index not in (UNLABELLED, scene.ground):
            numbers = objects.setdefault(index, {})
            numbers.setdefault(region.instance or place, len(numbers) + 1)
    several = {index: numbers for index, numbers in objects.items() if len(numbers) > 1}
    if not several:
        return {}
    owners = _owners(scene, legend, order, several)
    found = {}
    for index in several:
        one = _melted(labels == index, owners)
        if one.components < one.instances:
            found[legend.table.get(index).name] = one
    return found


def _owners(
    scene: Scene, legend: Legend, order: Order, objects: Mapping[int, Mapping[object, int]]
) -> NDArray[np.int32]:
    """Which object of its class each pixel belongs to, int32 (H, W), 0 where none."""
    owners = np.zeros(scene.shape, dtype=np.int32)
    places = {id(region): place for place, region in enumerate(scene.regions)}
    for region in arranged(scene, legend, order):
        numbers = objects.get(legend.indices[region.name])
        if numbers is not None:
            rect, stencil = region.draw(scene.shape)
            owners[rect.slices][stencil] = numbers[region.instance or places[id(region)]]
    return owners


def _melted(stencil: NDArray[np.bool_], owners: NDArray[np.int32]) -> Touching:
    """How many objects can be seen in the pixels of a class, and how many would be left of them.

    Objects that share a piece are one object here; a piece may link several objects, and an object of
    several pieces links those.
    """
    import cv2

    _, pieces = cv2.connectedComponents(stencil.astype(np.uint8), connectivity=8)
    width = int(owners.max()) + 1
    pairs = np.unique(pieces[stencil].astype(np.int64) * width + owners[stencil])
    leaders: dict[int, int] = {}  # object -> another one that it is one with, or itself

    def leader(owner: int) -> int:
        while leaders[owner] != owner:
            owner = leaders[owner]
        return owner

    first: dict[int, int] = {}  # piece -> the first object in it
    for piece, owner in zip((pairs // width).tolist(), (pairs % width).tolist(), strict=True):
        if owner:
            leaders.setdefault(owner, owner)
            leaders[leader(owner)] = leader(first.setdefault(piece, owner))
    return Touching(len(leaders), sum(1 for owner in leaders if leaders[owner] == owner))
