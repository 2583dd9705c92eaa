"""What was measured, as arrays with an entry for each class of each image, to sort, filter and add up."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.statistics import ImageStatistics

UNKNOWN = np.nan  # a mean or median of no object


@dataclass(frozen=True)
class Columns:
    """All (rows,). image, of: which image and which class, as places in their lists, int32. objects, area,
    least, most: int64, areas in px; least and most are 0 without an object. mean, median: float64, in px, of
    one object; NaN without any. labelled, total: int64, px of the image that have a class, and all.
    """

    image: NDArray[np.int32]
    of: NDArray[np.int32]
    objects: NDArray[np.int64]
    area: NDArray[np.int64]
    mean: NDArray[np.float64]
    median: NDArray[np.float64]
    least: NDArray[np.int64]
    most: NDArray[np.int64]
    labelled: NDArray[np.int64]
    total: NDArray[np.int64]

    @classmethod
    def of_images(cls, images: Sequence[ImageStatistics], first: int = 0) -> "Columns":
        """The columns of some images. first: the place of the first one in the list of all."""
        rows = [
            (
                first + number,
                place,
                found.components,
                found.pixels,
                UNKNOWN if found.mean is None else found.mean,
                UNKNOWN if found.median is None else found.median,
                found.least or 0,
                found.most or 0,
                found.labelled,
                found.total,
            )
            for number, image in enumerate(images)
            for place, found in enumerate(image.classes)
        ]
        made: list[NDArray[Any]] = []
        for number, field in enumerate(fields(cls)):
            kind: type = np.int32 if field.name in ("image", "of") else np.int64
            kind = np.float64 if field.name in ("mean", "median") else kind
            made.append(np.array([row[number] for row in rows], dtype=kind))
        return cls(*made)

    def __add__(self, more: "Columns") -> "Columns":
        """These rows, then those."""
        names = [field.name for field in fields(self)]
        return Columns(*(np.concatenate((getattr(self, name), getattr(more, name))) for name in names))

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.image)

    @property
    def of_image(self) -> NDArray[np.float64]:
        """The share of all pixels of the image, 0..1."""
        return self.area / np.maximum(self.total, 1)

    @property
    def of_labelled(self) -> NDArray[np.float64]:
        """The share of the pixels that have a class, 0..1."""
        return self.area / np.maximum(self.labelled, 1)


@dataclass(frozen=True)
class Totals:
    """Rows added up. objects, area in px; mean: area of one object, NaN without any. least, most: likewise.

    images: how many there are; share, of_labelled: of all px of these images, and of those with a class.
    """

    images: int
    objects: int
    area: int
    mean: float
    least: int
    most: int
    share: float
    of_labelled: float


def add_up(columns: Columns, rows: NDArray[np.intp]) -> Totals:
    """The totals of some rows."""
    area, objects = int(columns.area[rows].sum()), int(columns.objects[rows].sum())
    images, first = np.unique(columns.image[rows], return_index=True)
    total = int(columns.total[rows][first].sum())
    labelled = int(columns.labelled[rows][first].sum())
    least = columns.least[rows][columns.objects[rows] > 0]
    return Totals(
        len(images),
        objects,
        area,
        area / objects if objects else UNKNOWN,
        int(least.min()) if least.size else 0,
        int(columns.most[rows].max()) if len(rows) else 0,
        area / total if total else 0.0,
        area / labelled if labelled else 0.0,
    )
