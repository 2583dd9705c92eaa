"""The round-trip proof: what was written, read back and compared pixel by pixel."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.classes import UNLABELLED, ClassTable
from unet_studio.core.errors import StudioError
from unet_studio.formats.matching import match
from unet_studio.formats.sample import Labels, Outgoing, class_lut
from unet_studio.formats.table import Format


@dataclass(frozen=True)
class Proof:
    """How well a set came back. images: how many were compared. iou: class name -> IoU of its pixels over
    all images, 1.0 where the class occurs in neither; "unlabelled" among them where there are any.
    differing: the images that differ.
    """

    images: int
    iou: dict[str, float]
    differing: tuple[str, ...]

    @property
    def exact(self) -> bool:
        """Whether every pixel came back."""
        return not self.differing

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"exact": self.exact, "images": self.images, "iou": self.iou, "differing": [*self.differing]}


@dataclass
class Comparison:
    """Adds up what was meant and what came back. counts: int64 (256, 256), rows meant, columns came back."""

    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros((256, 256), dtype=np.int64))
    images: int = 0
    differing: list[str] = field(default_factory=list)

    def add(self, name: str, meant: Labels, back: Labels) -> None:
        """Compare one image's labels, both uint8 (H, W)."""
        self.images += 1
        if np.array_equal(meant, back):
            self.counts[np.diag_indices(256)] += np.bincount(meant.ravel(), minlength=256)
            return
        self.differing.append(name)
        joint = meant.astype(np.uint16) * np.uint16(256) + back
        self.counts += np.bincount(joint.ravel(), minlength=65536).reshape(256, 256)

    def proof(self, table: ClassTable) -> Proof:
        """The result, with the classes by name."""
        names = {entry.index: entry.name for entry in table.active}
        if self.counts[UNLABELLED].any() or self.counts[:, UNLABELLED].any():
            names[UNLABELLED] = "unlabelled"
        iou = {}
        for index, name in names.items():
            both = int(self.counts[index, index])
            either = int(self.counts[index].sum() + self.counts[:, index].sum()) - both
            iou[name] = both / either if either else 1.0
        return Proof(self.images, iou, tuple(self.differing))


def prove(
    entry: Format, destination: Path, outgoing: Outgoing, seen: Callable[[], None] = lambda: None
) -> Proof:
    """Read back what was written to a destination and compare it with the samples. See compare."""
    comparison = Comparison()
    compare(entry, destination, outgoing, comparison, seen)
    return comparison.proof(outgoing.classes)


def compare(
    entry: Format,
    destination: Path,
    outgoing: Outgoing,
    comparison: Comparison,
    seen: Callable[[], None] = lambda: None,
) -> None:
    """Read back what was written to a destination and add it to a comparison, one sample at a time.

    seen is called once a sample. Raises StudioError where a sample is missing there.
    """
    incoming = entry.read(destination)
    lut = class_lut(incoming.classes, outgoing.classes)
    matches = match(incoming.keys, outgoing.names)
    if matches.missing:
        raise StudioError(
            f"{destination} lacks {matches.missing[0]}, which was just written.",
            "Check the free space there and export again.",
        )
    for sample in outgoing.samples():
        back = incoming.read(matches.pairs[sample.name], sample.labels.shape)
        comparison.add(sample.name, sample.labels, lut[back])
        seen()
