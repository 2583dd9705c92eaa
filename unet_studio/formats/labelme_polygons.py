"""Masks as polygons that labelme draws to the very same pixels, holes included.

labelme fills a polygon and draws its outline (Pillow), both through the centres of pixels, and lays a later
shape over an earlier one. A contour through the centres of a component's outermost pixels gives that
component back, its holes filled; what lies in the holes is drawn after it, as a polygon of its own, of the
background where need be. Components are 4-connected, so that of two one lies wholly inside the other or
wholly outside: larger ones first is an order that always works.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from unet_studio.core.classes import UNLABELLED, ClassTable
from unet_studio.core.geometry import Rect
from unet_studio.formats.regions import split
from unet_studio.formats.sample import Labels

Points = list[list[int]]  # x, y


@dataclass(frozen=True)
class _Component:
    """index: the class. rect: around it. points: its contour (n, 2). area: px, holes filled."""

    index: int
    rect: Rect
    points: NDArray[np.int32]
    area: int


def polygons(labels: Labels, table: ClassTable, unlabelled: str) -> Iterator[tuple[str, Points]]:
    """The polygons of labels, uint8 (H, W), in the order in which they are to be drawn, with their names.

    unlabelled: the name for pixels without a class. Pixels under no polygon are background.
    """
    written = {name for name, _, _ in split(labels, table, unlabelled)}
    ground = UNLABELLED if table.background is None else table.background
    names = {entry.index: entry.name for entry in table.active} | {UNLABELLED: unlabelled}
    everywhere = names[ground] in written  # the image is background alone
    canvas = np.full(labels.shape, ground, dtype=np.uint8)
    found = [part for index in np.unique(labels).tolist() for part in _components(labels == index, index)]
    found.sort(key=lambda part: -part.area)
    for part in found:
        place = part.rect.slices
        inside = _drawn(part)
        if everywhere or (canvas[place][inside] != part.index).any():
            canvas[place][inside] = part.index
            yield names[part.index], np.add(part.points, (part.rect.left, part.rect.top)).tolist()


def _components(stencil: NDArray[np.bool_], index: int) -> Iterator[_Component]:
    """The 4-connected components of a stencil, bool (H, W)."""
    import cv2

    count, numbers, facts, _ = cv2.connectedComponentsWithStats(stencil.astype(np.uint8), connectivity=4)
    for number in range(1, count):
        left, top, width, height = facts[number, :4].tolist()
        rect = Rect(top, left, top + height, left + width)
        one = (numbers[rect.slices] == number).astype(np.uint8)
        contours, _ = cv2.findContours(one, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        points = contours[0][:, 0]
        if len(points) < 3:  # a pixel or a straight row of them; labelme wants three points
            points = points[np.arange(3) % len(points)]
        part = _Component(index, rect, points, 0)
        yield _Component(index, rect, points, int(np.count_nonzero(_drawn(part))))


def _drawn(part: _Component) -> NDArray[np.bool_]:
    """The pixels that the contour of a component stands for, bool, inside its rectangle."""
    picture = Image.new("1", (part.rect.width, part.rect.height))
    ImageDraw.Draw(picture).polygon(list(map(tuple, part.points.tolist())), outline=1, fill=1)
    return np.array(picture, dtype=np.bool_)
