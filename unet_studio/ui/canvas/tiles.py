"""The tiles behind the canvas: picture with mask over it, 256 px square, made when first seen.

A tile of level n shows every 2**n-th pixel of the mask over level n of the image's pyramid. Composing before
scaling costs one scaling instead of two, and leaves mask and image seamless at any zoom.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage, QPainter

from unet_studio.core.document import Document
from unet_studio.core.geometry import EMPTY, TILE, Rect, tile_rect
from unet_studio.core.pyramid import Pyramid

CACHE_BYTES = 64 * 2**20  # a cache's least size; a large window needs more and gets it
PICTURE = QImage.Format.Format_RGB32
OVERLAY = QImage.Format.Format_ARGB32_Premultiplied

Key = tuple[int, int, int]  # level, tile row, tile column
Layer = Callable[[Rect, int], NDArray[np.uint8]]  # rect in image px, step -> class indices

# What the canvas can show over the image.
LAYERS: dict[str, Callable[[Document], Layer]] = {
    "mask": lambda document: document.mask_region,
    "annotation": lambda document: document.annotation_region,
    "prediction": lambda document: document.prediction_region,
}


@dataclass(frozen=True)
class Tile:
    """pixels, uint32 (height, width), own the memory; image, of 32 bits a pixel, shows the same memory.

    Keep the tile for as long as its image is in use.
    """

    pixels: NDArray[np.uint32]
    image: QImage

    @classmethod
    def blank(cls, height: int, width: int) -> "Tile":
        """A picture tile whose pixels are still to be written."""
        pixels = np.empty((height, width), dtype=np.uint32)
        return cls(pixels, QImage(pixels.data, width, height, 4 * width, PICTURE))


class TileCache:
    """Tiles by key, bounded in bytes; what was used longest ago goes first."""

    def __init__(self, limit: int = CACHE_BYTES) -> None:
        self.limit = limit
        self.nbytes = 0
        self._tiles: OrderedDict[Key, Tile] = OrderedDict()

    def __len__(self) -> int:
        return len(self._tiles)

    def __contains__(self, key: Key) -> bool:
        return key in self._tiles

    def get(self, key: Key) -> Tile | None:
        """The tile, which becomes the one used last, or None."""
        tile = self._tiles.get(key)
        if tile is not None:
            self._tiles.move_to_end(key)
        return tile

    def put(self, key: Key, tile: Tile) -> Tile:
        """Keep a tile and drop old ones over the limit; the newest always stays."""
        self.discard(key)
        self._tiles[key] = tile
        self.nbytes += tile.pixels.nbytes
        while self.nbytes > self.limit and len(self._tiles) > 1:
            self.discard(next(iter(self._tiles)))
        return tile

    def discard(self, key: Key) -> None:
        """Forget a tile, if it is there."""
        tile = self._tiles.pop(key, None)
        if tile is not None:
            self.nbytes -= tile.pixels.nbytes

    def peek(self, key: Key) -> Tile | None:
        """The tile or None, without counting as use."""
        return self._tiles.get(key)

    def clear(self) -> None:
        """Forget all tiles."""
        self._tiles.clear()
        self.nbytes = 0


class Composer:
    """Makes and keeps the tiles of one document. colors: uint32 (256,), premultiplied, by class index.

    composed counts the tiles that were made or mended; tests hold it against what changed.
    """

    def __init__(
        self, document: Document, pyramid: Pyramid, colors: NDArray[np.uint32], layer: str = "mask"
    ) -> None:
        self.document = document
        self.pyramid = pyramid
        self.plain = False  # whether the image is shown without anything over it
        self.composed = 0
        self.pictures = TileCache()
        self.composites = TileCache()
        self._colors = colors
        self._layer = layer
        self._labels = LAYERS[layer](document)
        self._level = 0
        self._later: dict[int, Rect] = {}  # level -> pixels of the image that changed while it was not shown

    def show(self, layer: str, colors: NDArray[np.uint32]) -> None:
        """Show another layer of LAYERS, or other colours."""
        if layer == self._layer and np.array_equal(colors, self._colors):
            return
        self._layer, self._labels, self._colors = layer, LAYERS[layer](self.document), colors
        self.forget()

    def forget(self) -> None:
        """The whole mask changed."""
        self.composites.clear()
        self._later.clear()

    def changed(self, rect: Rect, visible: Rect) -> None:
        """The mask changed in rect; tiles in visible are mended, others forgotten. Both in image px."""
        for level in range(len(self.pyramid.levels)):
            if level != self._level:
                self._later[level] = self._later.get(level, EMPTY).union(rect)
        self._mend(rect, visible)

    def make_room(self, pixels: int) -> None:
        """Let the caches hold twice that many pixels: what a window shows, and where it came from."""
        for cache in (self.pictures, self.composites):
            cache.limit = max(CACHE_BYTES, 2 * 4 * pixels)

    def region(self, level: int, rect: Rect) -> Tile:
        """A rectangle of a level, in px of that level, put together from its tiles."""
        self._enter(level)
        patch = Tile.blank(rect.height, rect.width)
        for row, column in rect.tiles(TILE):
            area = self._area((level, row, column))
            part = rect.intersect(area)
            tile = self.tile((level, row, column))
            patch.pixels[_inside(part, rect).slices] = tile.pixels[_inside(part, area).slices]
        return patch

    def tile(self, key: Key) -> Tile:
        """A finished tile, from the cache or made now."""
        if self.plain:
            return self._picture(key)
        found = self.composites.get(key)
        if found is not None:
            return found
        rect = self._area(key)
        tile = Tile.blank(rect.height, rect.width)
        self._compose(key, tile, rect)
        return self.composites.put(key, tile)

    def _picture(self, key: Key) -> Tile:
        """The image alone."""
        found = self.pictures.get(key)
        if found is not None:
            return found
        rect = self._area(key)
        rgb = np.ascontiguousarray(self.pyramid.region(key[0], rect))
        plain = QImage(rgb.data, rect.width, rect.height, 3 * rect.width, QImage.Format.Format_RGB888)
        converted = plain.convertToFormat(PICTURE)
        tile = Tile.blank(rect.height, rect.width)
        tile.pixels[...] = np.frombuffer(converted.constBits(), np.uint32).reshape(tile.pixels.shape)
        return self.pictures.put(key, tile)

    def _compose(self, key: Key, tile: Tile, part: Rect) -> None:
        """Write part, in px of the level, of a tile: the picture, and the layer's colours over it."""
        self.composed += 1
        step = 1 << key[0]
        inside = _inside(part, self._area(key))
        tile.pixels[inside.slices] = self._picture(key).pixels[inside.slices]
        source = Rect(part.top * step, part.left * step, part.bottom * step, part.right * step)
        colors = self._colors[self._labels(source.clip(self.document.shape), step)]
        overlay = QImage(colors.data, part.width, part.height, 4 * part.width, OVERLAY)
        painter = QPainter(tile.image)
        painter.drawImage(inside.left, inside.top, overlay)
        painter.end()

    def _enter(self, level: int) -> None:
        """Make a level the one that is kept up to date; what it missed is forgotten."""
        if level == self._level:
            return
        self._level = level
        missed = self._later.pop(level, EMPTY)
        if not missed.empty:
            self._mend(missed, EMPTY)

    def _mend(self, rect: Rect, visible: Rect) -> None:
        """Bring the present level's kept tiles up to date where the mask changed."""
        scaled, seen = self._in_level(rect), self._in_level(visible)
        for row, column in scaled.tiles(TILE):
            key = (self._level, row, column)
            tile, area = self.composites.peek(key), self._area(key)
            if tile is None:
                continue
            if area.intersect(seen).empty:
                self.composites.discard(key)
            else:
                self._compose(key, tile, area.intersect(scaled))

    def _area(self, key: Key) -> Rect:
        """The pixels of a tile in its level."""
        return tile_rect(key[1], key[2], self.pyramid.level_shape(key[0]))

    def _in_level(self, rect: Rect) -> Rect:
        """A rectangle of the image in px of the present level, rounded outwards."""
        step = 1 << self._level
        bottom, right = -(-rect.bottom // step), -(-rect.right // step)
        whole = self.pyramid.level_shape(self._level)
        return Rect(rect.top // step, rect.left // step, bottom, right).clip(whole)


def _inside(part: Rect, outer: Rect) -> Rect:
    """A part of a rectangle as seen from that rectangle's corner."""
    return Rect(
        part.top - outer.top, part.left - outer.left, part.bottom - outer.top, part.right - outer.left
    )
