"""What masks hold, in numbers: objects and areas of each class, of an image and of many; and as CSV.

An object is a component: pixels of one class that touch at a side or a corner (8-connected). Two objects of
one class that touch count as one, because a mask of class indices can't tell them apart.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.classes import UNLABELLED, ClassTable
from unet_studio.core.pixel_size import PixelSize
from unet_studio.core.storage import atomic_write, encodable

BAND = 1 << 22  # px whose components are looked for at a time: some 50 MB beside the mask
Areas = NDArray[np.int64]  # (objects,), the area of each, in px


@dataclass(frozen=True)
class ClassStatistics:
    """One class in one image, or in many together. name: of the class. color: #rrggbb.

    pixels: its area. areas: of each object, in px, the smallest first. labelled, total: px of the image (or
    of all of them) that have a class, and all px. images: in how many the class occurs.
    """

    name: str
    color: str
    areas: Areas = field(repr=False)
    labelled: int
    total: int
    images: int = 1

    @property
    def pixels(self) -> int:
        """The area of the class, in px."""
        return int(self.areas.sum())

    @property
    def components(self) -> int:
        """How many objects there are."""
        return len(self.areas)

    @property
    def of_labelled(self) -> float:
        """Its share of the pixels that have a class, 0..1; 0 where none has."""
        return self.pixels / self.labelled if self.labelled else 0.0

    @property
    def of_image(self) -> float:
        """Its share of all pixels, 0..1."""
        return self.pixels / self.total if self.total else 0.0

    @property
    def mean(self) -> float | None:
        """The mean area of an object, in px; None where there is none."""
        return self.pixels / self.components if self.components else None

    @property
    def median(self) -> float | None:
        """The median area of an object, in px; None where there is none."""
        return float(np.median(self.areas)) if self.components else None

    @property
    def least(self) -> int | None:
        """The area of the smallest object, in px; None where there is none."""
        return int(self.areas[0]) if self.components else None

    @property
    def most(self) -> int | None:
        """The area of the largest object, in px; None where there is none."""
        return int(self.areas[-1]) if self.components else None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        shares = {"of_labelled": self.of_labelled, "of_image": self.of_image}
        areas = {"mean": self.mean, "median": self.median, "least": self.least, "most": self.most}
        return {
            "name": self.name,
            "images": self.images,
            "components": self.components,
            "pixels": self.pixels,
            **shares,
            **areas,
        }


@dataclass(frozen=True)
class ImageStatistics:
    """What one image's mask holds. classes: one of each active class, in their order. total: px of the image.

    unlabelled: px without a class.
    """

    name: str
    status: str
    classes: tuple[ClassStatistics, ...]
    total: int
    unlabelled: int


def measure(name: str, labels: NDArray[np.uint8], table: ClassTable, status: str = "") -> ImageStatistics:
    """Count the objects of every class in labels, uint8 (H, W), 255 unlabelled."""
    areas = component_areas(labels)
    total = labels.size
    unlabelled = total - sum(int(found.sum()) for found in areas.values())
    none = np.zeros(0, dtype=np.int64)
    rows = []
    for entry in table.active:
        found = areas.get(entry.index, none)
        row = ClassStatistics(entry.name, entry.color, found, total - unlabelled, total, int(found.size > 0))
        rows.append(row)
    return ImageStatistics(name, status, tuple(rows), total, unlabelled)


def summary(images: Iterable[ImageStatistics]) -> tuple[ClassStatistics, ...]:
    """Each class over all images together: the objects of all of them."""
    kept = list(images)
    labelled = sum(image.total - image.unlabelled for image in kept)
    total = sum(image.total for image in kept)
    result = []
    for rows in zip(*(image.classes for image in kept), strict=True):
        areas = np.sort(np.concatenate([row.areas for row in rows]))
        found = sum(row.images for row in rows)
        result.append(ClassStatistics(rows[0].name, rows[0].color, areas, labelled, total, found))
    return tuple(result)


def component_areas(labels: NDArray[np.uint8]) -> dict[int, Areas]:
    """The areas in px, sorted, of the 8-connected components of each value of uint8 (H, W) but 255.

    Looked for in bands of rows whose components are joined where they touch, so that the memory beside the
    mask stays the same for an image of any size (8 bytes an object apart).
    """
    import cv2

    rows = max(1, BAND // max(1, labels.shape[1]))
    found: dict[int, _Joined] = {}
    for top in range(0, len(labels), rows):
        band = labels[top : top + rows]
        present = np.flatnonzero(np.bincount(band.ravel(), minlength=256)[:UNLABELLED]).tolist()
        for index in {*present, *found}:
            joined = found.setdefault(index, _Joined())
            if index not in present:
                joined.edge = None
                continue
            stencil = (band == index).view(np.uint8)
            _, numbers, facts, _ = cv2.connectedComponentsWithStats(stencil, connectivity=8)
            joined.add(numbers, facts[1:, cv2.CC_STAT_AREA].astype(np.int64))
    return {index: found[index].areas() for index in sorted(found)}


@dataclass
class _Joined:
    """Components of one class in the bands so far. edge: the numbers in the last row; 0 where none is.

    parents: of the union-find over all numbers, from 0 on.
    """

    sizes: list[Areas] = field(default_factory=list)
    parents: dict[int, int] = field(default_factory=dict)
    count: int = 0
    edge: NDArray[np.int64] | None = None

    def add(self, numbers: NDArray[np.int32], areas: Areas) -> None:
        """A band below: its components' numbers, 0 where none is, else from 1 on, and their areas."""
        first, last = self._numbered(numbers[0]), self._numbered(numbers[-1])
        if self.edge is not None:
            for one, other in _touching(self.edge, first):
                self.parents[self._root(other - 1)] = self._root(one - 1)
        self.sizes.append(areas)
        self.count += len(areas)
        self.edge = last

    def _numbered(self, row: NDArray[np.int32]) -> NDArray[np.int64]:
        """A row's numbers among all bands', 0 where none is."""
        return np.where(row > 0, row.astype(np.int64) + self.count, 0)

    def _root(self, number: int) -> int:
        path = []
        while (parent := self.parents.get(number, number)) != number:
            path.append(number)
            number = parent
        for passed in path:
            self.parents[passed] = number
        return number

    def areas(self) -> Areas:
        """The areas of the components, joined, the smallest first."""
        sizes = np.concatenate(self.sizes)
        for number in list(self.parents):
            root = self._root(number)
            if root != number:
                sizes[root] += sizes[number]
                sizes[number] = 0
        return np.sort(sizes[sizes > 0])


def _touching(above: NDArray[np.int64], below: NDArray[np.int64]) -> list[list[int]]:
    """Which components of two rows, one under the other, touch at a side or a corner: pairs, each once."""
    pairs = [
        np.stack((above, below)),
        np.stack((above[:-1], below[1:])),
        np.stack((above[1:], below[:-1])),
    ]
    joint = np.concatenate(pairs, axis=1)
    found: list[list[int]] = np.unique(joint[:, (joint > 0).all(axis=0)], axis=1).T.tolist()
    return found


# -- tables -----------------------------------------------------------------------------------------------


def head(size: PixelSize | None) -> list[str]:
    """What the columns of rows() are called."""
    areas = ("area", "mean area", "median area", "smallest area", "largest area")
    pixels = [f"{name} (px)" for name in areas]
    units = [f"{name} ({size.unit}²)" for name in areas] if size else []
    return ["objects", *pixels, "share of labelled", "share of image", *units]


def row(found: ClassStatistics, size: PixelSize | None) -> list[str]:
    """One class as text, in the order of head(); "" where there is nothing to say."""
    values = (found.pixels, found.mean, found.median, found.least, found.most)
    units = [_text(None if value is None else value * size.area) for value in values] if size else []
    shares = [f"{found.of_labelled:.6f}", f"{found.of_image:.6f}"]
    return [str(found.components), *(_text(value) for value in values), *shares, *units]


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.10g}"


def write_statistics(path: Path, images: Sequence[ImageStatistics], size: PixelSize | None = None) -> None:
    """Write one row for each image and class. CSV as in RFC 4180, UTF-8."""
    titles = ["image", "status", "class", "width x height (px)", *head(size)]
    _write_csv(path, titles, _rows(images, size))


def _rows(images: Sequence[ImageStatistics], size: PixelSize | None) -> Iterator[list[str]]:
    for image in images:
        for found in image.classes:
            yield [encodable(image.name), image.status, found.name, str(image.total), *row(found, size)]


def write_summary(path: Path, found: Sequence[ClassStatistics], size: PixelSize | None = None) -> None:
    """Write one row for each class, over all images. CSV as in RFC 4180, UTF-8."""
    rows = ([entry.name, str(entry.images), *row(entry, size)] for entry in found)
    _write_csv(path, ["class", "images", *head(size)], rows)


def _write_csv(path: Path, titles: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with atomic_write(path) as stream:
        text = StringIO(newline="")
        writer = csv.writer(text)  # CR LF and quotes as RFC 4180 asks for
        writer.writerow(titles)
        for entry in rows:
            writer.writerow(entry)
        stream.write(text.getvalue().encode())
