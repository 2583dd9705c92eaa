"""What the canvas shows, kept in device px, so that a paint event only copies.

A change of the mask redraws its own pixels, a pan moves the frame and draws what came into view. Zoomed in,
device px are looked up by whole numbers, so that a partial redraw never differs from a full one; zoomed out,
the level below one px a px is scaled smoothly.
"""

import math
from collections.abc import Iterator

import numpy as np
from PySide6.QtCore import QPointF, QRect
from PySide6.QtGui import QColor, QImage, QPainter

from unet_studio.core.geometry import EMPTY, Rect
from unet_studio.ui.canvas.tiles import Composer, Tile
from unet_studio.ui.canvas.view import View

STRIP = 128  # device rows drawn at a time: what is put together for them stays in the processor's cache
REACH = 2  # px of a level that smooth scaling may look at beyond its own


class Frame:
    """A picture of the canvas, (height, width) device px, and the view that it shows."""

    def __init__(self, width: int, height: int, ratio: float) -> None:
        self._tile = Tile.blank(max(height, 1), max(width, 1))
        self._spare: Tile | None = None
        self._ratio = ratio
        self._tile.image.setDevicePixelRatio(ratio)
        self.view: View | None = None

    @property
    def image(self) -> QImage:
        """The picture; do not keep it."""
        return self._tile.image

    @property
    def bounds(self) -> Rect:
        """All of the frame, in device px."""
        return Rect.of(self._tile.pixels.shape)

    def draw(self, rect: Rect, view: View, composer: Composer | None, background: QColor) -> None:
        """Draw rect, in device px, as a snapped view shows it."""
        rect = rect.clip(self._tile.pixels.shape)
        if rect.empty:
            return
        inside = EMPTY if composer is None else rect.intersect(_image_area(view, composer.pyramid.shape))
        if inside != rect:
            self._tile.pixels[rect.slices] = background.rgb()
        if composer is None or inside.empty:
            return
        level = view.level(len(composer.pyramid.levels))
        draw = self._draw_nearest if level == 0 and view.zoom >= 1 else self._draw_smooth
        for strip in _strips(inside):
            draw(strip, view, level, composer)

    def scroll(self, view: View, composer: Composer, background: QColor) -> None:
        """Show another offset at the same zoom: move what is there, draw what came into view."""
        if self.view is None or view.zoom != self.view.zoom:
            raise ValueError("only a frame of the same zoom can be scrolled")
        down, right = round(view.y - self.view.y), round(view.x - self.view.x)
        bounds = self.bounds
        kept = Rect(down, right, bounds.bottom + down, bounds.right + right).intersect(bounds)
        if kept.empty:
            self.draw(bounds, view, composer, background)
        else:
            source = Rect(kept.top - down, kept.left - right, kept.bottom - down, kept.right - right)
            self._move(source, kept)
            for strip in (
                Rect(0, 0, kept.top, bounds.right),
                Rect(kept.bottom, 0, bounds.bottom, bounds.right),
                Rect(kept.top, 0, kept.bottom, kept.left),
                Rect(kept.top, kept.right, kept.bottom, bounds.right),
            ):
                self.draw(strip, view, composer, background)
        self.view = view

    def _move(self, source: Rect, target: Rect) -> None:
        """Copy within the frame, by way of a second one, since the two overlap."""
        spare = self._spare or Tile.blank(*self._tile.pixels.shape)
        spare.image.setDevicePixelRatio(self._ratio)
        spare.pixels[target.slices] = self._tile.pixels[source.slices]
        self._tile, self._spare = spare, self._tile

    def _draw_nearest(self, rect: Rect, view: View, level: int, composer: Composer) -> None:
        """Every device px shows the image px under its centre."""
        height, width = composer.pyramid.level_shape(level)
        rows = np.floor((np.arange(rect.top, rect.bottom) + 0.5 - view.y) / view.zoom).astype(np.intp)
        columns = np.floor((np.arange(rect.left, rect.right) + 0.5 - view.x) / view.zoom).astype(np.intp)
        rows, columns = np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)
        source = Rect(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)
        patch = composer.region(level, source).pixels
        if view.zoom == 1:
            self._tile.pixels[rect.slices] = patch
        else:
            wide = np.take(patch, columns - source.left, axis=1)
            self._tile.pixels[rect.slices] = wide[rows - source.top]

    def _draw_smooth(self, rect: Rect, view: View, level: int, composer: Composer) -> None:
        """Bilinear from a level that has at least one px for every device px."""
        scale = view.zoom * (1 << level)
        source = Rect(
            math.floor((rect.top - view.y) / scale) - REACH,
            math.floor((rect.left - view.x) / scale) - REACH,
            math.ceil((rect.bottom - view.y) / scale) + REACH,
            math.ceil((rect.right - view.x) / scale) + REACH,
        ).clip(composer.pyramid.level_shape(level))
        patch = composer.region(level, source)
        painter = QPainter(self._tile.image)
        painter.scale(1 / self._ratio, 1 / self._ratio)
        painter.setClipRect(QRect(rect.left, rect.top, rect.width, rect.height))
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.translate(view.x, view.y)
        painter.scale(scale, scale)
        painter.drawImage(QPointF(source.left, source.top), patch.image)
        painter.end()


def _image_area(view: View, shape: tuple[int, int]) -> Rect:
    """The device px whose centre lies on the image; at least one, however far it is zoomed out."""
    top, left = round(view.y), round(view.x)
    bottom = math.ceil(view.y + shape[0] * view.zoom - 0.5)
    right = math.ceil(view.x + shape[1] * view.zoom - 0.5)
    return Rect(top, left, max(bottom, top + 1), max(right, left + 1))


def _strips(rect: Rect) -> Iterator[Rect]:
    for top in range(rect.top, rect.bottom, STRIP):
        yield Rect(top, rect.left, min(top + STRIP, rect.bottom), rect.right)
