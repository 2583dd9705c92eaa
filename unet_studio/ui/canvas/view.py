"""Where an image lies in the canvas: zoom, offset, and the way between image and screen. No Qt.

Screen positions are (x, y) in device px from the canvas's corner, so that a zoom of 1 shows every pixel of
the image as one pixel of the screen on any display. Image positions are (row, column) floats: pixel (r, c)
covers r..r+1 and c..c+1, its centre is (r + 0.5, c + 0.5).
"""

import math
from dataclasses import dataclass, replace

from unet_studio.core.geometry import Rect

MAXIMUM_ZOOM = 64.0  # device px an image px
SMALLEST_SIDE = 64.0  # device px that the longer side of an image keeps when zoomed out
MARGIN = 0.96  # the part of the canvas that a fitted image fills


@dataclass(frozen=True)
class View:
    """zoom: device px an image px. x, y: where the image's top left corner lies, in device px."""

    zoom: float = 1.0
    x: float = 0.0
    y: float = 0.0

    @classmethod
    def fit(cls, shape: tuple[int, int], size: tuple[int, int]) -> "View":
        """All of an image of shape (height, width), in the middle of a canvas of size (width, height)."""
        room = MARGIN * min(size[0] / shape[1], size[1] / shape[0])
        return cls(min(max(room, 1e-6), MAXIMUM_ZOOM)).centred((shape[0] / 2, shape[1] / 2), size)

    def centred(self, position: tuple[float, float], size: tuple[int, int]) -> "View":
        """The same zoom, with an image position (row, column) in the middle of the canvas."""
        row, column = position
        return replace(self, x=size[0] / 2 - column * self.zoom, y=size[1] / 2 - row * self.zoom)

    def to_image(self, x: float, y: float) -> tuple[float, float]:
        """The image position (row, column) at a screen position."""
        return (y - self.y) / self.zoom, (x - self.x) / self.zoom

    def to_screen(self, row: float, column: float) -> tuple[float, float]:
        """The screen position (x, y) of an image position."""
        return self.x + column * self.zoom, self.y + row * self.zoom

    def zoomed(self, factor: float, x: float, y: float) -> "View":
        """Larger by factor, with the image position under (x, y) staying there."""
        return View(self.zoom * factor, x - (x - self.x) * factor, y - (y - self.y) * factor)

    def moved(self, dx: float, dy: float) -> "View":
        """The image moved by device px."""
        return replace(self, x=self.x + dx, y=self.y + dy)

    def snapped(self) -> "View":
        """The same with its corner on a whole device px, as it is painted and pointed at."""
        return View(self.zoom, float(round(self.x)), float(round(self.y)))

    def clamped(self, shape: tuple[int, int], size: tuple[int, int]) -> "View":
        """Moved so that the middle of the canvas stays on the image."""
        row, column = self.to_image(size[0] / 2, size[1] / 2)
        inside = min(max(row, 0.0), float(shape[0])), min(max(column, 0.0), float(shape[1]))
        return self if inside == (row, column) else self.centred(inside, size)

    def visible(self, shape: tuple[int, int], size: tuple[int, int]) -> Rect:
        """The pixels of the image that the canvas shows, at least in part."""
        top, left = self.to_image(0, 0)
        bottom, right = self.to_image(size[0], size[1])
        return Rect(math.floor(top), math.floor(left), math.ceil(bottom), math.ceil(right)).clip(shape)

    def level(self, levels: int) -> int:
        """The level of a pyramid to paint from: the coarsest with at least one px for every device px."""
        if self.zoom >= 1:
            return 0
        return min(math.floor(-math.log2(self.zoom) + 1e-9), levels - 1)


def zoom_range(shape: tuple[int, int], size: tuple[int, int]) -> tuple[float, float]:
    """The smallest and the largest zoom that make sense for an image in a canvas of size (width, height)."""
    fit = View.fit(shape, size).zoom
    return min(fit, 1.0, SMALLEST_SIDE / max(shape)), MAXIMUM_ZOOM
