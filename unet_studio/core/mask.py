"""A mask that is edited in steps, each remembered as the XOR of the 256-px tiles it touched.

The XOR of before and after is its own inverse, so one difference serves undo and redo, and where a tile
changed little it compresses to a few bytes.
"""

import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unet_studio.core.geometry import EMPTY, TILE, Rect, tile_rect

Tile = tuple[int, int]  # row and column in the grid of tiles
Tiles = dict[Tile, NDArray[np.uint8]]


@dataclass(frozen=True)
class TileDiff:
    """What one edit changed. tiles: tile (row, column) -> zlib of the XOR. rect: the pixels touched."""

    rect: Rect
    tiles: dict[tuple[int, int], bytes]

    @property
    def nbytes(self) -> int:
        """The memory the compressed tiles take, in bytes."""
        return sum(len(packed) + 64 for packed in self.tiles.values())


@dataclass(frozen=True)
class Plan:
    """An edit that was worked out beforehand: what it changes, and the tiles as they will be."""

    diff: TileDiff
    tiles: Tiles


class Mask:
    """Class indices, uint8 (H, W), that change only inside an edit.

    pixels is a read-only view. begin, then paint or write as often as one likes, then commit or rollback;
    or `with mask.edit():`, which rolls back when the block raises.
    """

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self._pixels = np.array(pixels, dtype=np.uint8, order="C")
        if self._pixels.ndim != 2:
            raise ValueError(f"a mask has two dimensions, not {self._pixels.ndim}")
        self._view = self._pixels.view()
        self._view.flags.writeable = False
        self._before: Tiles | None = None
        self._touched = EMPTY

    @classmethod
    def full(cls, shape: tuple[int, int], value: int) -> "Mask":
        """A mask of one value."""
        return cls(np.full(shape, value, dtype=np.uint8))

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """The pixels, uint8 (H, W), read-only; a live view, not a copy."""
        return self._view

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in px."""
        return self._pixels.shape[0], self._pixels.shape[1]

    @property
    def editing(self) -> bool:
        """Whether an edit is open."""
        return self._before is not None

    def begin(self) -> None:
        """Open an edit. Raises RuntimeError where one is open."""
        if self._before is not None:
            raise RuntimeError("an edit is open already")
        self._before, self._touched = {}, EMPTY

    def paint(self, rect: Rect, stencil: NDArray[np.bool_], value: int) -> Rect:
        """Set the pixels of rect where stencil, bool (rect.height, rect.width), is true.

        rect may reach over the border. Returns the pixels that may have changed.
        """
        inside = rect.clip(self.shape)
        if inside.empty:
            return EMPTY
        rows = slice(inside.top - rect.top, inside.bottom - rect.top)
        columns = slice(inside.left - rect.left, inside.right - rect.left)
        part = stencil[rows, columns]
        self._keep(inside)
        np.copyto(self._pixels[inside.slices], np.uint8(value), where=part)
        return inside

    def write(self, rect: Rect, labels: ArrayLike) -> Rect:
        """Replace the pixels of rect, which lies inside the mask, by labels, uint8 (height, width)."""
        self._keep(rect)
        self._pixels[rect.slices] = labels
        return rect

    def commit(self) -> TileDiff | None:
        """Close the edit and return what it changed; None where nothing differs."""
        before, touched = self._close()
        tiles = {}
        for key, old in before.items():
            difference = np.bitwise_xor(old, self._pixels[tile_rect(*key, self.shape).slices])
            if difference.any():
                tiles[key] = zlib.compress(difference.tobytes(), 1)
        return TileDiff(touched, tiles) if tiles else None

    def rollback(self) -> Rect:
        """Close the edit and put everything back. Returns the pixels that may have changed."""
        before, touched = self._close()
        for key, old in before.items():
            self._pixels[tile_rect(*key, self.shape).slices] = old
        return touched

    @contextmanager
    def edit(self) -> Iterator["Mask"]:
        """An edit that commits at the end of the block and rolls back when it raises."""
        self.begin()
        try:
            yield self
        except BaseException:
            self.rollback()
            raise
        else:
            if self.editing:
                self.commit()

    def apply(self, diff: TileDiff) -> Rect:
        """Undo or redo what diff holds. Raises RuntimeError while an edit is open."""
        if self._before is not None:
            raise RuntimeError("an edit is open")
        for key, packed in diff.tiles.items():
            part = self._pixels[tile_rect(*key, self.shape).slices]
            part ^= np.frombuffer(zlib.decompress(packed), dtype=np.uint8).reshape(part.shape)
        return diff.rect

    def plan(self, tiles: Iterable[tuple[Tile, NDArray[np.uint8]]]) -> Plan | None:
        """Work out an edit that makes these whole tiles of a mask; None where nothing differs.

        For what takes long: it reads alone, so it may run in another thread as long as nothing is painted.
        """
        rect, packed, after = EMPTY, {}, {}
        for key, pixels in tiles:
            area = tile_rect(*key, self.shape)
            difference = np.bitwise_xor(self._pixels[area.slices], pixels)
            if difference.any():
                packed[key], after[key] = zlib.compress(difference.tobytes(), 1), pixels
                rect = rect.union(area)
        return Plan(TileDiff(rect, packed), after) if packed else None

    def land(self, plan: Plan) -> TileDiff:
        """Do what was planned on these very pixels. Raises RuntimeError while an edit is open."""
        if self._before is not None:
            raise RuntimeError("an edit is open")
        for key, pixels in plan.tiles.items():
            self._pixels[tile_rect(*key, self.shape).slices] = pixels
        return plan.diff

    def copy_tiles(self, diff: TileDiff) -> Tiles:
        """The present pixels of the tiles that diff names, as copies, for the journal."""
        return {key: self._pixels[tile_rect(*key, self.shape).slices].copy() for key in diff.tiles}

    def restore_tiles(self, tiles: Tiles) -> None:
        """Put whole tiles back outside any edit, for a replay. Raises ValueError on a wrong shape."""
        for key, pixels in tiles.items():
            rect = tile_rect(*key, self.shape)
            if rect.empty or (rect.height, rect.width) != pixels.shape:
                raise ValueError(f"tile {key} does not fit a mask of {self.shape}")
            self._pixels[rect.slices] = pixels

    def _keep(self, rect: Rect) -> None:
        """Remember the tiles that rect touches as they were before this edit."""
        if self._before is None:
            raise RuntimeError("open an edit before changing pixels")
        for key in rect.tiles(TILE):
            if key not in self._before:
                self._before[key] = self._pixels[tile_rect(*key, self.shape).slices].copy()
        self._touched = self._touched.union(rect)

    def _close(self) -> tuple[Tiles, Rect]:
        if self._before is None:
            raise RuntimeError("no edit is open")
        before, touched = self._before, self._touched
        self._before, self._touched = None, EMPTY
        return before, touched
