"""The round-trip proof: what was written, read back and compared pixel by pixel."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.classes import UNLABELLED, ClassTable
from unet_studio.core.document_files import digest
from unet_studio.core.errors import StudioError
from unet_studio.formats.matching import match
from unet_studio.formats.sample import Labels, Outgoing, Shape, class_lut
from unet_studio.formats.table import Format


@dataclass(frozen=True)
class Proof:
    """How well a set came back. images: how many were compared. iou: class name -> IoU of its pixels over
    all images, 1.0 where the class occurs in neither; "unlabelled" among them where there are any.
    differing: the images that differ. pixels: that were compared. losses: what was meant, what came back
    instead, and of how many pixels; the greatest first.
    """

    images: int
    iou: dict[str, float]
    differing: tuple[str, ...]
    pixels: int = 0
    losses: tuple[tuple[str, str, int], ...] = ()

    @property
    def exact(self) -> bool:
        """Whether every pixel came back."""
        return not self.differing

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "exact": self.exact,
            "images": self.images,
            "iou": self.iou,
            "differing": [*self.differing],
            "pixels": self.pixels,
            "losses": [{"meant": meant, "back": back, "pixels": px} for meant, back, px in self.losses],
        }


@dataclass
class Comparison:
    """Adds up what was meant and what came back. counts: int64 (256, 256), rows meant, columns came back."""

    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros((256, 256), dtype=np.int64))
    images: int = 0
    differing: list[str] = field(default_factory=list)

    def add(self, name: str, meant: Labels, back: Labels) -> None:
        """Compare one image's labels, both uint8 (H, W)."""
        self.images += 1
        if meant is back or np.array_equal(meant, back):
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
        wrong = self.counts - np.diag(self.counts.diagonal())
        losses = [
            (
                names.get(int(meant), f"index {meant}"),
                names.get(int(back), f"index {back}"),
                int(wrong[meant, back]),
            )
            for meant, back in np.argwhere(wrong)
        ]
        losses.sort(key=lambda loss: -loss[2])
        return Proof(self.images, iou, tuple(self.differing), int(self.counts.sum()), tuple(losses))


@dataclass(frozen=True)
class Fingerprint:
    """What tells labels, uint8 (H, W), from all others without keeping them."""

    shape: Shape
    digest: str

    @classmethod
    def of(cls, labels: Labels) -> "Fingerprint":
        """Of these labels."""
        return cls((labels.shape[0], labels.shape[1]), digest(labels))


def prove(
    entry: Format, destination: Path, outgoing: Outgoing, seen: Callable[[], None] = lambda: None
) -> Proof:
    """Read back what was written to a destination and compare it with the samples, one at a time.

    seen is called once a sample. Raises StudioError where a sample is missing there.
    """
    comparison = Comparison()
    read = _reading(entry, destination, outgoing.names, outgoing.classes)
    for sample in outgoing.samples():
        back = read(sample.name, (sample.labels.shape[0], sample.labels.shape[1]))
        comparison.add(sample.name, sample.labels, back)
        seen()
    return comparison.proof(outgoing.classes)


def compare(
    entry: Format,
    destination: Path,
    classes: ClassTable,
    meant: Mapping[str, Fingerprint],
    again: Callable[[str], Labels],
    comparison: Comparison,
    seen: Callable[[], None] = lambda: None,
) -> None:
    """The same into a comparison, with samples known by their fingerprints.

    again(name): the labels of a sample anew, asked for where what came back is not exactly the same; raises
    StudioError where they are others meanwhile.
    """
    read = _reading(entry, destination, list(meant), classes)
    for name, fingerprint in meant.items():
        back = read(name, fingerprint.shape)
        same = Fingerprint.of(back) == fingerprint
        comparison.add(name, back if same else again(name), back)
        seen()


def _reading(
    entry: Format, destination: Path, names: Sequence[str], classes: ClassTable
) -> Callable[[str, Shape], Labels]:
    """How the labels of an image come back from a destination, in the classes of the set."""
    incoming = entry.read(destination)
    lut = class_lut(incoming.classes, classes)
    matches = match(incoming.keys, names)
    if matches.missing:
        raise StudioError(
            f"{destination} lacks {matches.missing[0]}, which was just written.",
            "Check the free space there and export again.",
        )

    def read(name: str, shape: Shape) -> Labels:
        return lut[incoming.read(matches.pairs[name], shape)]

    return read
