"""The tiles behind the canvas: picture with mask over it, 256 px square, made when first seen.

A tile of level n shows every 2**n-th pixel of the mask over level n of the image's pyramid. Composing before
scaling costs one scaling instead of two, and leaves mask and image seamless at any zoom.
"""

import time
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage, QPainter

from unet_studio.core.document import Document
from unet_studio.core.geometry import EMPTY, TILE, Rect, tile_rect
from unet_studio.core.pyramid import Pyramid
from unet_studio.ui.canvas.layers import LAYERS, Codes, Layer, Table

CACHE_BYTES = 64 * 2**20  # a cache's least size; a large window needs more and gets it
PICTURE = QImage.Format.Format_RGB32
OVERLAY = QImage.Format.Format_ARGB32_Premultiplied
RGB = QImage.Format.Format_RGB888

Key = tuple[int, int, int]  # level, tile row, tile column


@dataclass(frozen=True)
class Tile:
    """pixels, uint32 (height, width), own the memory; image, of 32 bits a pixel, shows the same memory.

    codes: what lies over the picture, uint8 (height, width), where that is kept. Keep the tile for as long as
    its image is in use.
    """

    pixels: NDArray[np.uint32]
    image: QImage
    codes: NDArray[np.uint8] | None = None

    @classmethod
    def on(cls, pixels: NDArray[np.uint32], codes: NDArray[np.uint8] | None = None) -> "Tile":
        """A tile in memory that exists, C-contiguous."""
        height, width = pixels.shape
        return cls(pixels, QImage(pixels.data, width, height, 4 * width, PICTURE), codes)

    @classmethod
    def blank(cls, height: int, width: int, coded: bool = False) -> "Tile":
        """A tile whose pixels, and codes if it has any, are still to be written."""
        codes = np.empty((height, width), dtype=np.uint8) if coded else None
        return cls.on(np.empty((height, width), dtype=np.uint32), codes)

    @property
    def nbytes(self) -> int:
        """The memory it takes, in bytes."""
        return self.pixels.nbytes + (0 if self.codes is None else self.codes.nbytes)


class Scratch:
    """Memory for what lives for one call only: fresh memory costs more than all that is done with it."""

    def __init__(self) -> None:
        self._memory = np.empty(0, dtype=np.uint32)

    def array(self, height: int, width: int) -> NDArray[np.uint32]:
        """Pixels to be written, uint32 (height, width), valid until the next call."""
        if self._memory.size < height * width:
            self._memory = np.empty(height * width, dtype=np.uint32)
        return self._memory[: height * width].reshape(height, width)


class TileCache:
    """Tiles by key, bounded in bytes; what was used longest ago goes first, and its memory is used again.

    coded: whether they keep their codes.
    """

    def __init__(self, limit: int = CACHE_BYTES, coded: bool = False) -> None:
        self.limit = limit
        self.bytes_per_pixel = 5 if coded else 4
        self.nbytes = 0
        self._tiles: OrderedDict[Key, Tile] = OrderedDict()
        self._free: list[Tile] = []  # of full size

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

    def peek(self, key: Key) -> Tile | None:
        """The tile or None, without counting as use."""
        return self._tiles.get(key)

    def make(self, key: Key, height: int, width: int) -> Tile:
        """A new tile, kept under that key, whose pixels are still to be written; drops old ones."""
        self.discard(key)
        size = self.bytes_per_pixel * height * width
        while self._tiles and self.nbytes + size > self.limit:
            self.discard(next(iter(self._tiles)))
        full = (height, width) == (TILE, TILE)
        coded = self.bytes_per_pixel > 4
        tile = self._free.pop() if full and self._free else Tile.blank(height, width, coded)
        self._tiles[key] = tile
        self.nbytes += size
        return tile

    def discard(self, key: Key) -> None:
        """Forget a tile, if it is there."""
        tile = self._tiles.pop(key, None)
        if tile is not None:
            self.nbytes -= tile.nbytes
            free = len(self._free) * self.bytes_per_pixel * TILE * TILE
            if tile.pixels.shape == (TILE, TILE) and self.nbytes + free < self.limit:
                self._free.append(tile)

    def clear(self) -> None:
        """Forget all tiles."""
        for key in list(self._tiles):
            self.discard(key)


class Composer:
    """Makes and keeps the tiles of one document. colors: of the layer's codes.

    plain: show the image with nothing over it. lines: colours of the borders between codes, None for no
    borders; marked: whether painted pixels are marked; both are drawn over the tiles, by the frame. composed
    counts the tiles that were made or mended; tests hold it against what changed. caches: for tiles with the
    mask and for plain ones, emptied here.
    """

    def __init__(
        self,
        document: Document,
        pyramid: Pyramid,
        colors: Table,
        layer: str = "mask",
        caches: tuple[TileCache, TileCache] | None = None,
    ) -> None:
        self.document = document
        self.pyramid = pyramid
        self.plain = False
        self.lines: Table | None = None
        self.marked = False
        self.composed = 0
        self.tiles, self.plain_tiles = caches or (TileCache(coded=True), TileCache())
        self.tiles.clear()
        self.plain_tiles.clear()
        self._patch, self._overlay = Scratch(), Scratch()
        self._foreseen: Document | None = None
        self._colors = colors
        self._name = layer
        self._instead: Layer | None = None
        self._level = 0
        self._later: dict[int, Rect] = {}  # level -> pixels of the image that changed while it was not shown

    def show(self, layer: str, colors: Table) -> None:
        """Show another layer of LAYERS, or other colours."""
        if layer == self._name and np.array_equal(colors, self._colors):
            return
        self._name, self._colors = layer, colors
        self.forget()

    def compare(self, layer: Layer, colors: Table) -> None:
        """Show this layer in place of the chosen one, until compare_no_more()."""
        if layer is not self._instead or not np.array_equal(colors, self._colors):
            self._instead, self._colors = layer, colors
            self.forget()

    def compare_no_more(self) -> None:
        """Show the chosen layer again; what colours it has is said by show()."""
        if self._instead is not None:
            self._instead = None
            self.forget()

    @property
    def _layer(self) -> Layer:
        """What is shown."""
        return self._instead or LAYERS[self._name]

    @property
    def decorated(self) -> bool:
        """Whether anything is drawn over the tiles."""
        return self.lines is not None or (self.marked and self._layer.marks is not None)

    def line_codes(self, level: int, rect: Rect) -> NDArray[np.uint8]:
        """The codes whose borders are drawn, uint8 (rect.height, rect.width), in px of a level."""
        return self._codes(self._layer.lines, level, rect)

    def marks(self, level: int, rect: Rect) -> NDArray[np.uint8] | None:
        """The marks of the pixels, uint8 (rect.height, rect.width), in px of a level; None without."""
        source = self._layer.marks if self.marked else None
        return None if source is None else self._codes(source, level, rect)

    def foresee(self, document: Document | None) -> None:
        """Show the layers of a document as it would become, or again as they are."""
        self._foreseen = document
        self.forget()

    def show_picture(self, pyramid: Pyramid) -> None:
        """Show the same picture in another way: brightness, contrast, channels."""
        self.pyramid = pyramid
        self.plain_tiles.clear()
        self.forget()

    def forget(self) -> None:
        """The whole mask changed."""
        self.tiles.clear()
        self._later.clear()

    def changed(self, rect: Rect, visible: Rect) -> list[Rect]:
        """The mask may have changed in rect; tiles in visible are mended, others forgotten.

        Returns where the picture did change, which is often much less. All in image px.
        """
        for level in range(len(self.pyramid.levels)):
            if level != self._level:
                self._later[level] = self._later.get(level, EMPTY).union(rect)
        step, mended = 1 << self._level, self._mend(rect, visible)
        layer = self._layer
        if self.decorated and (self.marked or layer.lines is not layer.fill):
            return [rect]  # borders and marks may have changed where the fill did not
        if self.plain and not self.decorated:
            return []
        return [
            Rect(part.top * step, part.left * step, part.bottom * step, part.right * step) for part in mended
        ]

    def make_room(self, pixels: int) -> None:
        """Let the caches hold twice that many pixels: what a window shows, and where it came from."""
        for cache in (self.tiles, self.plain_tiles):
            cache.limit = max(CACHE_BYTES, 2 * cache.bytes_per_pixel * pixels)

    def region(self, level: int, rect: Rect) -> Tile:
        """A rectangle of a level, in px of that level, put together from its tiles.

        It is valid until the next call.
        """
        patch = Tile.on(self._patch.array(rect.height, rect.width))
        self.copy(level, rect, patch.pixels)
        return patch

    def copy(self, level: int, rect: Rect, target: NDArray[np.uint32]) -> None:
        """Write a rectangle of a level, in px of that level, to target, uint32 (rect.height, rect.width)."""
        self._enter(level)
        for row, column in rect.tiles(TILE):
            pixels = self.tile((level, row, column)).pixels
            above, before = row * TILE, column * TILE
            top, bottom = max(rect.top, above), min(rect.bottom, above + TILE)
            left, right = max(rect.left, before), min(rect.right, before + TILE)
            part = pixels[top - above : bottom - above, left - before : right - before]
            target[top - rect.top : bottom - rect.top, left - rect.left : right - rect.left] = part

    def prepare(self, level: int, rect: Rect, deadline: float) -> bool:
        """Make the tiles of a rectangle of a level, at least one, until time.perf_counter() is deadline.

        Returns whether all are there.
        """
        self._enter(level)
        cache = self.plain_tiles if self.plain else self.tiles
        missing = [key for tile in rect.tiles(TILE) if (key := (level, *tile)) not in cache]
        for left, key in enumerate(missing, 1 - len(missing)):
            self.tile(key)
            if time.perf_counter() > deadline:
                return left == 0
        return True

    def tile(self, key: Key) -> Tile:
        """A finished tile, from the cache or made now."""
        cache = self.plain_tiles if self.plain else self.tiles
        found = cache.get(key)
        if found is not None:
            return found
        area = self._area(key)
        tile = cache.make(key, area.height, area.width)
        codes = None if self.plain else self._codes(self._layer.fill, key[0], area)
        if codes is not None and tile.codes is not None:
            tile.codes[...] = codes
        self._paint(key, tile, area, codes)
        return tile

    def _paint(self, key: Key, tile: Tile, part: Rect, codes: NDArray[np.uint8] | None) -> None:
        """Write part, in px of the level, of a tile: the picture, and over it the colours of codes."""
        inside = _inside(part, self._area(key))
        width, height = part.width, part.height
        _copy_picture(self.pyramid.region(key[0], part), tile.pixels[inside.slices])
        if codes is not None:
            self.composed += 1
        if codes is not None and not self._clear(codes):
            colors = self._overlay.array(height, width)
            np.take(self._colors, codes, out=colors, mode="clip")  # "clip" needs no buffer, "raise" does
            painter = QPainter(tile.image)
            painter.drawImage(inside.left, inside.top, QImage(colors.data, width, height, 4 * width, OVERLAY))
            painter.end()

    def _clear(self, codes: NDArray[np.uint8]) -> bool:
        """Whether nothing is seen of these codes: all are one without a colour, as in most tiles."""
        first = codes[0, 0]
        return bool(self._colors[first] == 0) and not bool((codes != first).any())

    def _codes(self, source: Codes, level: int, part: Rect) -> NDArray[np.uint8]:
        """What a layer says about part, in px of a level: every 2**level-th pixel of the image."""
        step = 1 << level
        whole = Rect(part.top * step, part.left * step, part.bottom * step, part.right * step)
        return source(self._foreseen or self.document, whole.clip(self.document.shape), step)

    def _enter(self, level: int) -> None:
        """Make a level the one that is kept up to date; what it missed is forgotten."""
        if level == self._level:
            return
        self._level = level
        missed = self._later.pop(level, EMPTY)
        if not missed.empty:
            self._mend(missed, EMPTY)

    def _mend(self, rect: Rect, visible: Rect) -> list[Rect]:
        """Bring the present level's kept tiles up to date where the mask changed.

        Returns what is to be drawn again, in px of the level.
        """
        scaled, seen = self._in_level(rect), self._in_level(visible)
        mended = []
        for row, column in scaled.tiles(TILE):
            key = (self._level, row, column)
            tile, area = self.tiles.peek(key), self._area(key)
            part = area.intersect(scaled)
            if tile is not None and area.intersect(seen).empty:
                self.tiles.discard(key)
            elif tile is not None and tile.codes is not None:
                part = self._mend_tile(key, tile, tile.codes, part)
            if not part.empty:
                mended.append(part)
        return mended

    def _mend_tile(self, key: Key, tile: Tile, kept: NDArray[np.uint8], part: Rect) -> Rect:
        """Paint what changed in part, in px of the level. Returns what that is: of a dab the new crescent."""
        area = self._area(key)
        fresh, before = self._codes(self._layer.fill, key[0], part), kept[_inside(part, area).slices]
        changed = _bounds(fresh != before)
        if changed.empty:
            return EMPTY
        before[...] = fresh
        moved = Rect(
            part.top + changed.top,
            part.left + changed.left,
            part.top + changed.bottom,
            part.left + changed.right,
        )
        self._paint(key, tile, moved, fresh[changed.slices])
        return moved

    def _area(self, key: Key) -> Rect:
        """The pixels of a tile in its level."""
        return tile_rect(key[1], key[2], self.pyramid.level_shape(key[0]))

    def _in_level(self, rect: Rect) -> Rect:
        """A rectangle of the image in px of the present level, rounded outwards."""
        step = 1 << self._level
        bottom, right = -(-rect.bottom // step), -(-rect.right // step)
        whole = self.pyramid.level_shape(self._level)
        return Rect(rect.top // step, rect.left // step, bottom, right).clip(whole)


def _bounds(marked: NDArray[np.bool_]) -> Rect:
    """The smallest rectangle around what is true."""
    rows = np.flatnonzero(marked.any(axis=1))
    if not rows.size:
        return EMPTY
    columns = np.flatnonzero(marked[rows[0] : rows[-1] + 1].any(axis=0))
    return Rect(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)


def _copy_picture(picture: NDArray[np.uint8], target: NDArray[np.uint32]) -> None:
    """Write a picture, uint8 (h, w, 3), as pixels of a tile, uint32 (h, w), whatever its rows are apart."""
    import cv2  # loaded with the pyramid

    shape = (*target.shape, 4)
    cv2.cvtColor(picture, cv2.COLOR_RGB2BGRA, dst=target.view(np.uint8).reshape(shape))


def _inside(part: Rect, outer: Rect) -> Rect:
    """A part of a rectangle as seen from that rectangle's corner."""
    top, left = outer.top, outer.left
    return Rect(part.top - top, part.left - left, part.bottom - top, part.right - left)
