"""What foreign masks hold, found out by drawing them: overlaps, touching objects, pixels of each class."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

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
    """Objects of one class in one image. instances: how many the source holds; components: how many
    8-connected pieces they would be here.
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
        touching = _touching(scene, legend, result.labels)
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


def _touching(scene: Scene, legend: Legend, labels: Labels) -> dict[str, Touching]:
    """The classes of which objects would melt together: fewer pieces than objects."""
    import cv2

    objects: dict[int, set[object]] = {}
    for place, region in enumerate(scene.regions):
        index = legend.indices[region.name]
        if index not in (UNLABELLED, scene.ground):
            objects.setdefault(index, set()).add(region.instance or place)
    found = {}
    for index, instances in objects.items():
        if len(instances) < 2:
            continue
        count, _ = cv2.connectedComponents((labels == index).astype(np.uint8), connectivity=8)
        if count - 1 < len(instances):
            found[legend.table.get(index).name] = Touching(len(instances), count - 1)
    return found
