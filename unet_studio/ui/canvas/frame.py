"""What the canvas shows, kept in device px, so that a paint event only copies.

A change of the mask redraws its own pixels; a pan moves the frame and draws what came into view. Zoomed in,
device px are looked up by whole numbers, so that a partial redraw never differs from a full one; zoomed out,
the coarsest level with a px for every device px is scaled smoothly. Drawing a new view may take longer than a
frame has: then it goes on in the next one, and until then the old view, scaled, stands in for it.
"""

import math
import time
from collections.abc import Iterator

import numpy as np
from PySide6.QtCore import QPointF, QRect, QRectF
from PySide6.QtGui import QColor, QImage, QPainter, QRegion

from unet_studio.core.geometry import EMPTY, Rect
from unet_studio.ui.canvas.borders import paint_borders
from unet_studio.ui.canvas.tiles import OVERLAY, Composer, Scratch, Tile
from unet_studio.ui.canvas.view import View

STRIP = 100_000  # device px drawn at a time
REACH = 2  # px of a level that smooth scaling may look at beyond its own


class Frame:
    """A picture of the canvas, (height, width) device px, and the view that it shows, None for no view yet.

    ratio: device px a logical px.
    """

    def __init__(self, width: int, height: int, ratio: float) -> None:
        self._tile = Tile.blank(max(height, 1), max(width, 1))
        self._tile.image.setDevicePixelRatio(ratio)
        self._other: Tile | None = None  # what the frame is moved or scaled from
        self._wide, self._over = Scratch(), Scratch()
        self._ratio = ratio
        self._todo: list[Rect] = []
        self.view: View | None = None

    @property
    def image(self) -> QImage:
        """The picture; do not keep it."""
        return self._tile.image

    @property
    def bounds(self) -> Rect:
        """All of the frame, in device px."""
        return Rect.of(self._tile.pixels.shape)

    @property
    def finished(self) -> bool:
        """Whether all of it is drawn."""
        return not self._todo

    def invalidate(self) -> None:
        """All of it is to be drawn again; until then what is there stays."""
        self._todo = self._strips()

    def show(self, view: View, composer: Composer | None, background: QColor, seconds: float) -> None:
        """Show a snapped view, as far as it can be drawn in that time; call it again for the rest."""
        before, self.view = self.view, view
        if before is None:
            self._tile.pixels.fill(background.rgb())
            self._todo = self._strips()
        elif before.zoom != view.zoom:
            self._exchange()
            self._todo = self._strips()
        elif before != view:
            self._scroll(round(view.y - before.y), round(view.x - before.x))
        deadline = time.perf_counter() + seconds
        while self._todo and self._prepared(self._todo[-1], view, composer, deadline):
            self.draw(self._todo.pop(), view, composer, background)
            if time.perf_counter() > deadline:
                break
        if self._todo and before is not None and before != view:
            self._stand_in(before, view, background)

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
        for strip in _cut(inside):
            draw(strip, view, level, composer)
            if composer.decorated:
                self._decorate(strip, view, level, composer)

    def _prepared(self, rect: Rect, view: View, composer: Composer | None, deadline: float) -> bool:
        """Make the tiles that rect needs, at least one, until the deadline. Returns whether all are there."""
        if composer is None:
            return True
        inside = rect.intersect(_image_area(view, composer.pyramid.shape))
        level = view.level(len(composer.pyramid.levels))
        return inside.empty or composer.prepare(level, _source(inside, view, level, composer), deadline)

    def _strips(self) -> list[Rect]:
        """All of the frame in strips, the middle one last: it is drawn first."""
        middle = self.bounds.bottom / 2
        return sorted(_cut(self.bounds), key=lambda strip: -abs((strip.top + strip.bottom) / 2 - middle))

    def _exchange(self) -> None:
        """Draw into the other picture from now on; what was shown becomes the other one."""
        other = self._other or Tile.blank(*self._tile.pixels.shape)
        other.image.setDevicePixelRatio(self._ratio)
        self._tile, self._other = other, self._tile

    def _scroll(self, down: int, right: int) -> None:
        """Move what is there, and remember to draw what came into view."""
        bounds = self.bounds
        kept = _moved(bounds, down, right).intersect(bounds)
        self._exchange()
        if kept.empty or self._other is None:
            self._todo = self._strips()
            return
        self._tile.pixels[kept.slices] = self._other.pixels[_moved(kept, -down, -right).slices]
        moved = [_moved(rect, down, right).intersect(bounds) for rect in self._todo]
        bands = (
            Rect(0, 0, kept.top, bounds.right),
            Rect(kept.bottom, 0, bounds.bottom, bounds.right),
            Rect(kept.top, 0, kept.bottom, kept.left),
            Rect(kept.top, kept.right, kept.bottom, bounds.right),
        )
        self._todo = [rect for rect in (*moved, *bands) if not rect.empty]

    def _stand_in(self, before: View, view: View, background: QColor) -> None:
        """Put the old view, scaled and moved, where the new one is not drawn yet."""
        if self._other is None:
            return
        factor = view.zoom / before.zoom
        height, width = self._other.pixels.shape
        place = QRectF(
            view.x - before.x * factor, view.y - before.y * factor, width * factor, height * factor
        )
        region = QRegion()
        for rect in self._todo:
            region += QRegion(rect.left, rect.top, rect.width, rect.height)
        painter = self._painter()
        painter.setClipRegion(region)
        painter.fillRect(QRectF(0, 0, width, height), background)
        painter.drawImage(place, self._other.image, QRectF(0, 0, width, height))
        painter.end()

    def _painter(self) -> QPainter:
        """A painter on the frame, in device px."""
        painter = QPainter(self._tile.image)
        painter.scale(1 / self._ratio, 1 / self._ratio)
        return painter

    def _draw_nearest(self, rect: Rect, view: View, level: int, composer: Composer) -> None:
        """Every device px shows the image px under its centre."""
        height, width = composer.pyramid.level_shape(level)
        rows = np.floor((np.arange(rect.top, rect.bottom) + 0.5 - view.y) / view.zoom).astype(np.intp)
        columns = np.floor((np.arange(rect.left, rect.right) + 0.5 - view.x) / view.zoom).astype(np.intp)
        rows, columns = np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)
        source = Rect(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)
        target = self._tile.pixels[rect.slices]
        if view.zoom == 1:
            composer.copy(level, source, target)
            return
        patch = composer.region(level, source).pixels
        wide = self._wide.array(source.height, rect.width)
        np.take(patch, columns - source.left, axis=1, out=wide, mode="clip")
        np.take(wide, rows - source.top, axis=0, out=target, mode="clip")

    def _draw_smooth(self, rect: Rect, view: View, level: int, composer: Composer) -> None:
        """Bilinear from a level that has at least one px for every device px."""
        scale, source = view.zoom * (1 << level), _source(rect, view, level, composer)
        patch = composer.region(level, source)
        painter = self._painter()
        painter.setClipRect(QRect(rect.left, rect.top, rect.width, rect.height))
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.translate(view.x, view.y)
        painter.scale(scale, scale)
        painter.drawImage(QPointF(source.left, source.top), patch.image)
        painter.end()

    def _decorate(self, rect: Rect, view: View, level: int, composer: Composer) -> None:
        """Draw borders and marks over what is there."""
        over = self._over.array(rect.height, rect.width)
        if paint_borders(rect, view, level, composer, self._ratio, over):
            painter = self._painter()
            image = QImage(over.data, rect.width, rect.height, 4 * rect.width, OVERLAY)
            painter.drawImage(rect.left, rect.top, image)
            painter.end()


def _image_area(view: View, shape: tuple[int, int]) -> Rect:
    """The device px whose centre lies on the image; at least one, however far it is zoomed out."""
    top, left = round(view.y), round(view.x)
    bottom = math.ceil(view.y + shape[0] * view.zoom - 0.5)
    right = math.ceil(view.x + shape[1] * view.zoom - 0.5)
    return Rect(top, left, max(bottom, top + 1), max(right, left + 1))


def _source(rect: Rect, view: View, level: int, composer: Composer) -> Rect:
    """The pixels of a level that rect, in device px, is drawn from."""
    scale = view.zoom * (1 << level)
    return Rect(
        math.floor((rect.top - view.y) / scale) - REACH,
        math.floor((rect.left - view.x) / scale) - REACH,
        math.ceil((rect.bottom - view.y) / scale) + REACH,
        math.ceil((rect.right - view.x) / scale) + REACH,
    ).clip(composer.pyramid.level_shape(level))


def _moved(rect: Rect, down: int, right: int) -> Rect:
    return Rect(rect.top + down, rect.left + right, rect.bottom + down, rect.right + right)


def _cut(rect: Rect) -> Iterator[Rect]:
    """The rectangle in strips of at most STRIP px."""
    rows = max(STRIP // max(rect.width, 1), 16)
    for top in range(rect.top, rect.bottom, rows):
        yield Rect(top, rect.left, min(top + rows, rect.bottom), rect.right)
