"""Where in an image a model is least sure: connected areas of low confidence that nobody painted.

Along every border between classes runs a line of uncertain pixels, however good the model is. So an area
counts where it is at least CORE px wide; only where none is, lines count too. And where much of an image is
uncertain, only the least certain part of it stands out: else everything hangs together. Large images are
looked at in bands, and their areas told apart on a coarser grid: the memory needed is bounded.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.classes import UNLABELLED
from unet_studio.core.geometry import Rect
from unet_studio.core.prediction import UNCERTAIN

CORE = 5  # px, the least width of an area
SHARE = 0.05  # of the image, what stands out as uncertain at most
HOPELESS = 0.55  # the confidence below which a pixel does so however many there are
LARGEST = 256  # px, the longest side of a region: what is larger is looked at in parts
CELLS = 1 << 22  # cells of the grid on which areas are told apart, at most
BAND = 1 << 20  # px that are looked at at once
MOST = 200  # regions of an image; nobody goes on after so many
LIMITS = round(255 * HOPELESS), round(255 * UNCERTAIN)

Contour = tuple[tuple[float, float], ...]  # corners (row, column) in px of the image


@dataclass(frozen=True)
class Region:
    """One uncertain area. rect: around it, in px of the image. doubt: its pixels' sum of 1 - confidence.

    contour: its outline, closed. cells: its places in the grid, as indices into the flattened grid.
    """

    rect: Rect
    doubt: float
    contour: Contour
    cells: NDArray[np.int64]


class Survey:
    """The uncertain regions of one prediction, as far as nobody painted or visited them.

    confidence: uint8 (H, W). Not safe in threads: one call after the other.
    """

    def __init__(self, confidence: NDArray[np.uint8]) -> None:
        self._confidence = confidence
        height, width = confidence.shape
        self.step = 1
        while -(-height // self.step) * -(-width // self.step) > CELLS:
            self.step *= 2
        self._limit = 0  # the confidence below which a pixel is uncertain here, once that is known
        self._areas = False  # whether there ever was one
        self._visited = np.zeros((-(-height // self.step), -(-width // self.step)), dtype=np.bool_)

    def visit(self, region: Region) -> None:
        """Leave a region out from now on."""
        self._visited.reshape(-1)[region.cells] = True

    def regions(self, painted: NDArray[np.uint8], pause: Callable[[], None] = lambda: None) -> list[Region]:
        """What is left, the most uncertain first. painted: the annotation, uint8 (H, W), read alone.

        pause() is called between bands and may raise Cancelled.
        """
        self._limit = self._limit or self._find_limit(pause)
        wide, lines, doubt = self._look(painted, pause)
        self._areas = self._areas or bool(wide.any())
        return self._told_apart((wide if self._areas else lines) & ~self._visited, doubt)

    def _find_limit(self, pause: Callable[[], None]) -> int:
        """The confidence that SHARE of the pixels are below, within LIMITS."""
        counts = np.zeros(256, dtype=np.int64)
        for rows in self._bands():
            pause()
            counts += np.bincount(self._confidence[rows].ravel(), minlength=256)
        place = int(np.searchsorted(np.cumsum(counts), SHARE * counts.sum(), side="right"))
        return min(max(place, LIMITS[0]), LIMITS[1])

    def _look(
        self, painted: NDArray[np.uint8], pause: Callable[[], None]
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.float32]]:
        """By cell: whether a wide area touches it, whether anything uncertain does, and the doubt in it."""
        import cv2

        wide, lines = np.zeros_like(self._visited), np.zeros_like(self._visited)
        doubt = np.zeros(self._visited.shape, dtype=np.float32)
        kernel = np.ones((CORE, CORE), dtype=np.uint8)
        height = len(self._confidence)
        for rows in self._bands():
            pause()
            top, bottom = max(rows.start - CORE, 0), min(rows.stop + CORE, height)
            confidence = self._confidence[top:bottom]
            low = (confidence < self._limit) & (painted[top:bottom] == UNLABELLED)
            inside = slice(rows.start - top, rows.stop - top)
            if not low[inside].any():
                continue
            opened = cv2.morphologyEx(
                low.view(np.uint8), cv2.MORPH_OPEN, kernel, borderType=cv2.BORDER_REPLICATE
            ).view(np.bool_)
            cells = slice(rows.start // self.step, -(-rows.stop // self.step))
            missing = np.where(low[inside], 255 - confidence[inside], np.uint8(0))
            lines[cells], doubt[cells] = self._any(low[inside]), self._sum(missing)
            wide[cells] = self._any(opened[inside])
        return wide, lines, doubt

    def _bands(self) -> Iterator[slice]:
        """Bands of rows that begin with a row of cells."""
        height, width = self._confidence.shape
        rows = max(BAND // max(width, 1) // self.step, 1) * self.step
        return (slice(top, min(top + rows, height)) for top in range(0, height, rows))

    def _any(self, where: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return np.asarray(self._in_cells(where).any(axis=(1, 3)))

    def _sum(self, values: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.asarray(self._in_cells(values).sum(axis=(1, 3), dtype=np.float32))

    def _in_cells(self, band: NDArray[np.generic]) -> NDArray[np.generic]:
        """A band as (rows of cells, step, columns of cells, step), filled up with zeros."""
        step, (height, width) = self.step, band.shape
        if height % step or width % step:
            band = np.pad(band, ((0, -height % step), (0, -width % step)))
        return band.reshape(-(-height // step), step, -(-width // step), step)

    def _told_apart(self, where: NDArray[np.bool_], doubt: NDArray[np.float32]) -> list[Region]:
        """The 8-connected regions of the grid, the most uncertain first."""
        import cv2

        if not where.any():
            return []
        number, numbers, boxes, _ = cv2.connectedComponentsWithStats(where.view(np.uint8), connectivity=8)
        sums = np.bincount(numbers.ravel(), weights=doubt.ravel(), minlength=number)
        sums[0] = 0
        chosen = np.argsort(-sums, kind="stable")[: min(MOST, number - 1)]
        parts = [
            (numbers[part] == one, part)
            for one in chosen.tolist()
            for part in _parts(boxes[one], max(LARGEST // self.step, 1))
        ]
        found = [self._region(stencil, part, doubt[part]) for stencil, part in parts if stencil.any()]
        return sorted(found, key=lambda region: -region.doubt)[:MOST]

    def _region(
        self, stencil: NDArray[np.bool_], part: tuple[slice, slice], doubt: NDArray[np.float32]
    ) -> Region:
        """A region that lies in a part of the grid. stencil, doubt: of that part."""
        import cv2

        rows, columns = np.nonzero(stencil)
        top, left = part[0].start, part[1].start
        cells = (rows + top).astype(np.int64) * self._visited.shape[1] + columns + left
        step = self.step
        rect = Rect(rows.min() + top, columns.min() + left, rows.max() + top + 1, columns.max() + left + 1)
        rect = Rect(*(int(side) * step for side in (rect.top, rect.left, rect.bottom, rect.right)))
        found, _ = cv2.findContours(stencil.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        largest = max(found, key=len).reshape(-1, 2)
        contour = tuple(((y + top + 0.5) * step, (x + left + 0.5) * step) for x, y in largest.tolist())
        share = float(doubt[stencil].sum()) / 255
        return Region(rect.clip(self._confidence.shape), share, contour, cells)


def _parts(box: NDArray[np.int32], side: int) -> Iterator[tuple[slice, slice]]:
    """The box of a region, or equal parts of it no longer than side. box: left, top, width, height."""
    left, top, width, height = (int(value) for value in box[:4])
    down, across = -(-height // side), -(-width // side)
    for row in range(down):
        for column in range(across):
            yield (
                slice(top + height * row // down, top + height * (row + 1) // down),
                slice(left + width * column // across, left + width * (column + 1) // across),
            )
