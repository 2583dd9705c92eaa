"""What the masks of an export hold that a format may not carry, counted over all of them."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.classes import UNLABELLED
from unet_studio.core.components import component_areas, hole_counts, touching_components
from unet_studio.formats.export_options import ClassMapping
from unet_studio.formats.sample import Labels
from unet_studio.formats.trial import Pieces

MOST_OBJECTS = 65_534  # in one image: what pictures of object numbers of 16 bit hold, 0 and 65,535 apart


def _none() -> NDArray[np.int64]:
    return np.zeros(256, dtype=np.int64)


@dataclass
class Census:
    """Counts over images. mapping: to the classes there. pieces: what one object is there, see Traits.

    here: px by the project's class index. pixels, objects, written, holes, touching: by index there: px,
    8-connected pieces, objects that the format makes of them, holes of these where they are 4-connected, and
    objects that touch one of another class. unlabelled: images with such pixels. crowded: those of more than
    MOST_OBJECTS objects. joined: objects that become one with another because their classes do.
    """

    mapping: ClassMapping
    pieces: Pieces
    here: NDArray[np.int64] = field(default_factory=_none)
    pixels: NDArray[np.int64] = field(default_factory=_none)
    objects: NDArray[np.int64] = field(default_factory=_none)
    written: NDArray[np.int64] = field(default_factory=_none)
    holes: NDArray[np.int64] = field(default_factory=_none)
    touching: NDArray[np.int64] = field(default_factory=_none)
    unlabelled: int = 0
    crowded: int = 0
    joined: int = 0

    def add(self, labels: Labels) -> None:
        """Count one image's labels, uint8 (H, W), in the project's classes."""
        background = self.mapping.table.background
        there = self.mapping.lut[labels] if self.mapping.changes else labels
        self.here += np.bincount(labels.ravel(), minlength=256)
        pixels = np.bincount(there.ravel(), minlength=256)
        self.pixels += pixels
        self.unlabelled += int(pixels[UNLABELLED] > 0)
        objects, touching = _counts(touching_components(there, background))
        self.objects += objects
        self.touching += touching
        if self.pieces:
            written, holes = objects, _none()
            if self.pieces == 4:
                written, holes = _counts(hole_counts(there))
            self.written += written
            self.holes += holes
            foreground = [index for index in self.mapping.table.indices if index != background]
            self.crowded += int(written[foreground].sum() > MOST_OBJECTS)
        self.joined += self._joined(labels, objects)

    def _joined(self, labels: Labels, objects: NDArray[np.int64]) -> int:
        """How many objects fewer there are because classes became one."""
        merged = [index for index, count in enumerate(self._members()) if count > 1]
        if not merged:
            return 0
        before = {index: len(areas) for index, areas in component_areas(labels).items()}
        apart = sum(
            count
            for index, count in before.items()
            if self.mapping.lut[index] in merged and index in self.mapping.here.indices
        )
        return apart - int(objects[merged].sum())

    def _members(self) -> list[int]:
        """How many of the project's classes each index there takes in."""
        own = list(self.mapping.here.indices)
        counts: list[int] = np.bincount(self.mapping.lut[own], minlength=256)[:UNLABELLED].tolist()
        return counts


def _counts(found: dict[int, tuple[int, int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Two counts by index as two arrays."""
    first, second = _none(), _none()
    for index, counts in found.items():
        first[index], second[index] = counts
    return first, second
