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

from unet_studio.core.classes import ClassTable
from unet_studio.core.components import Areas, component_areas
from unet_studio.core.pixel_size import PixelSize
from unet_studio.core.storage import atomic_write, encodable


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
    titles = ["image", "status", "class", "image area (px)", *head(size)]
    write_csv(path, titles, _rows(images, size))


def _rows(images: Sequence[ImageStatistics], size: PixelSize | None) -> Iterator[list[str]]:
    for image in images:
        for found in image.classes:
            yield [encodable(image.name), image.status, found.name, str(image.total), *row(found, size)]


def write_summary(path: Path, found: Sequence[ClassStatistics], size: PixelSize | None = None) -> None:
    """Write one row for each class, over all images. CSV as in RFC 4180, UTF-8."""
    rows = ([entry.name, str(entry.images), *row(entry, size)] for entry in found)
    write_csv(path, ["class", "images", *head(size)], rows)


def write_csv(path: Path, titles: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a table, atomically. CSV as in RFC 4180, UTF-8."""
    with atomic_write(path) as stream:
        text = StringIO(newline="")
        writer = csv.writer(text)  # CR LF and quotes as RFC 4180 asks for
        writer.writerow(titles)
        for entry in rows:
            writer.writerow(entry)
        stream.write(text.getvalue().encode())
