"""A mask that is edited in steps, each remembered as the XOR of the 256-px tiles it touched.

The XOR of before and after is its own inverse, so one difference serves undo and redo, and where a tile
changed little it compresses to a few bytes.

One thread edits. Others may read what is committed, at one moment and exactly, while a drag is open: every
step is taken under a lock, the tiles of an open edit are known as they were before it, and a Watch knows
which tiles changed since they were read.
"""

import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unet_studio.core import tile_codec
from unet_studio.core.geometry import EMPTY, TILE, Rect, tile_rect

T = TypeVar("T")

Tile = tuple[int, int]  # row and column in the grid of tiles
Tiles = dict[Tile, NDArray[np.uint8]]

AT_ONCE = 64  # tiles read under one hold of the lock, about a millisecond: so long an edit may have to wait
WHOLE = 512  # tiles from which a plan brings a whole new mask: writing so many would keep the window waiting
_KEY_BYTES = 170  # of a dict's entry with a pair of numbers as its key, about; CPython 3.11


@dataclass(frozen=True)
class TileDiff:
    """What one edit changed. tiles: tile (row, column) -> its XOR, packed (see tile_codec).

    rect: the pixels touched. pixels: how many of them differ.
    """

    rect: Rect
    tiles: dict[Tile, bytes]
    pixels: int = 0

    @cached_property
    def nbytes(self) -> int:
        """The memory it takes, in bytes."""
        return sum(sys.getsizeof(packed) + _KEY_BYTES for packed in self.tiles.values())


@dataclass(frozen=True)
class Plan:
    """An edit that was worked out beforehand: what it changes, and the tiles as they will be.

    pixels: the whole mask as it will be, where so many tiles change that writing them would take long; tiles
    are parts of it then.
    """

    diff: TileDiff
    tiles: Tiles
    pixels: NDArray[np.uint8] | None = None


class Watch:
    """The tiles of a mask that changed since somebody took them."""

    def __init__(self, lock: AbstractContextManager[Any]) -> None:
        self._lock = lock
        self._keys: set[Tile] = set()

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, keys: Iterable[Tile]) -> None:
        """Note that these tiles changed, or put back what was taken in vain."""
        with self._lock:
            self._keys.update(keys)

    def peek(self) -> set[Tile]:
        """The tiles, which go on counting as changed."""
        with self._lock:
            return set(self._keys)

    def take(self) -> set[Tile]:
        """The tiles, which count as read from now on."""
        with self._lock:
            keys, self._keys = self._keys, set()
            return keys


class Mask:
    """Class indices, uint8 (H, W), that change only inside an edit.

    pixels is a read-only view. begin, then paint or write as often as one likes, then commit or rollback;
    or `with mask.edit():`, which rolls back when the block raises.
    """

    def __init__(self, pixels: NDArray[np.uint8], copy: bool = True) -> None:
        """copy: without it, a C-contiguous uint8 array becomes the mask's own; nobody else may change it."""
        own = np.array(pixels, dtype=np.uint8, order="C", copy=True if copy else None)
        if own.ndim != 2:
            raise ValueError(f"a mask has two dimensions, not {own.ndim}")
        self._show(own)
        self._before: Tiles | None = None
        self._touched = EMPTY
        self._watches: list[Watch] = []
        self.lock = threading.RLock()

    @classmethod
    def full(cls, shape: tuple[int, int], value: int) -> "Mask":
        """A mask of one value."""
        return cls(np.full(shape, value, dtype=np.uint8), copy=False)

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """The pixels, uint8 (H, W), read-only; a live view, not a copy. Ask again after a large step."""
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
        with self.lock:
            before, touched = self._close()
        found = (
            (key, np.bitwise_xor(old, self._pixels[tile_rect(*key, self.shape).slices]))
            for key, old in before.items()
        )
        return _diff_of(touched, found)

    def rollback(self) -> Rect:
        """Close the edit and put everything back. Returns the pixels that may have changed."""
        with self.lock:
            for key, old in (self._before or {}).items():
                self._pixels[tile_rect(*key, self.shape).slices] = old
            return self._close()[1]

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
        with self._between_edits(diff.tiles):
            for key, packed in diff.tiles.items():
                tile_codec.exchange(packed, self._pixels[tile_rect(*key, self.shape).slices])
        return diff.rect

    def plan(self, tiles: Iterable[tuple[Tile, NDArray[np.uint8]]]) -> Plan | None:
        """Work out an edit that makes these whole tiles of a mask; None where nothing differs.

        For what takes long: it reads alone, so it may run in another thread as long as nothing is painted.
        """
        rect, packed, after, count = EMPTY, {}, {}, 0
        whole: NDArray[np.uint8] | None = None
        for key, pixels in tiles:
            area = tile_rect(*key, self.shape)
            found = tile_codec.pack(np.bitwise_xor(self._pixels[area.slices], pixels))
            if found is None:
                continue
            packed[key], after[key] = found[0], pixels
            count += found[1]
            rect = rect.union(area)
            if whole is None and len(after) >= WHOLE:
                whole = self._pixels.copy()
                for other in after:
                    after[other] = _put(whole, other, after[other])
            elif whole is not None:
                after[key] = _put(whole, key, pixels)
        return Plan(TileDiff(rect, packed, count), after, whole) if packed else None

    def plan_back(
        self, diffs: Sequence[TileDiff], progress: Callable[[float], None] = lambda _: None
    ) -> Plan:
        """Work out what undoing or redoing all of these makes; reads alone, like plan."""
        rect, tiles = EMPTY, Tiles()
        many = len({key for diff in diffs for key in diff.tiles}) >= WHOLE
        whole = self._pixels.copy() if many else None
        for number, diff in enumerate(diffs):
            progress(number / len(diffs))
            rect = rect.union(diff.rect)
            for key, packed in diff.tiles.items():
                if key not in tiles:
                    pixels = (self._pixels if whole is None else whole)[tile_rect(*key, self.shape).slices]
                    tiles[key] = pixels.copy() if whole is None else pixels
                tile_codec.exchange(packed, tiles[key])
        return Plan(TileDiff(rect, {}), tiles, whole)

    def land(self, plan: Plan) -> TileDiff:
        """Do what was planned on these very pixels. Raises RuntimeError while an edit is open."""
        with self._between_edits(plan.tiles):
            if plan.pixels is not None:
                self._show(plan.pixels)
            else:
                for key, pixels in plan.tiles.items():
                    _put(self._pixels, key, pixels)
        return plan.diff

    def restore_tiles(self, tiles: Tiles) -> None:
        """Put whole tiles back outside any edit, for a replay. Raises ValueError on a wrong shape."""
        with self._between_edits(tiles):
            for key, pixels in tiles.items():
                rect = tile_rect(*key, self.shape)
                if rect.empty or (rect.height, rect.width) != pixels.shape:
                    raise ValueError(f"tile {key} does not fit a mask of {self.shape}")
                self._pixels[rect.slices] = pixels

    # -- for other threads --------------------------------------------------------------------------------

    def watch(self) -> Watch:
        """Follow which tiles change from now on."""
        watch = Watch(self.lock)
        with self.lock:
            self._watches.append(watch)
        return watch

    def read_changes(self, watch: Watch, put: Callable[[Tiles], object], finish: Callable[[], T]) -> T:
        """Hand over copies of the tiles that changed since watch was asked last, as they are committed.

        put: gets them in portions; one that comes again has changed meanwhile, so that the last ones are all
        of one moment. finish: is called at that moment, before any other step is taken, and what it returns
        comes back. Where put raises, all of them count as changed again.
        """
        taken: set[Tile] = set()
        try:
            while True:
                with self.lock:
                    keys = watch.take()
                    taken |= keys
                    few = self._committed(keys) if len(keys) <= AT_ONCE else {}
                    if len(keys) <= AT_ONCE:
                        result = finish()
                if len(keys) <= AT_ONCE:
                    put(few)
                    return result
                rest = iter(keys)
                while some := list(islice(rest, AT_ONCE)):
                    with self.lock:
                        part = self._committed(some)
                    put(part)
        except BaseException:
            watch.add(taken)
            raise

    def copy(self, finish: Callable[[], T]) -> tuple[NDArray[np.uint8], T]:
        """The committed pixels of one moment, uint8 (H, W), also while a drag is open. finish: as above."""
        watch = self.watch()
        try:
            copied = self._pixels.copy()  # may be torn; the watch knows where
            with self.lock:
                watch.add(self._before or ())

            def put(tiles: Tiles) -> None:
                for key, pixels in tiles.items():
                    _put(copied, key, pixels)

            return copied, self.read_changes(watch, put, finish)
        finally:
            with self.lock:
                self._watches.remove(watch)

    def committed(self, rect: Rect, step: int = 1) -> NDArray[np.uint8]:
        """A copy of every step-th row and column of rect without what an open edit did.

        step: a power of two, at most TILE, of which the rect's top and left are multiples.
        """
        with self.lock:
            found = self._pixels[rect.top : rect.bottom : step, rect.left : rect.right : step].copy()
            before = self._before or {}
            for key in before.keys() & set(rect.tiles(TILE)):
                tile = tile_rect(*key, self.shape)
                both = tile.intersect(rect)
                rows = slice((both.top - rect.top) // step, -(-(both.bottom - rect.top) // step))
                columns = slice((both.left - rect.left) // step, -(-(both.right - rect.left) // step))
                top, left = both.top - tile.top, both.left - tile.left
                old = before[key][top : both.bottom - tile.top, left : both.right - tile.left]
                found[rows, columns] = old[::step, ::step]
        return found

    def _committed(self, keys: Iterable[Tile]) -> Tiles:
        """Copies of tiles without what an open edit did to them. Hold the lock."""
        before = self._before or {}
        return {
            key: before[key] if key in before else self._pixels[tile_rect(*key, self.shape).slices].copy()
            for key in keys
        }

    # -- inside -------------------------------------------------------------------------------------------

    def _keep(self, rect: Rect) -> None:
        """Remember the tiles that rect touches as they were before this edit."""
        if self._before is None:
            raise RuntimeError("open an edit before changing pixels")
        new = [key for key in rect.tiles(TILE) if key not in self._before]
        if new:
            with self.lock:
                for key in new:
                    self._before[key] = self._pixels[tile_rect(*key, self.shape).slices].copy()
        self._touched = self._touched.union(rect)

    def _show(self, pixels: NDArray[np.uint8]) -> None:
        """Make an array of one's own the mask."""
        self._pixels = pixels
        self._view = pixels.view()
        self._view.flags.writeable = False

    def _close(self) -> tuple[Tiles, Rect]:
        if self._before is None:
            raise RuntimeError("no edit is open")
        before, touched = self._before, self._touched
        self._before, self._touched = None, EMPTY
        self._note(before)
        return before, touched

    @contextmanager
    def _between_edits(self, keys: Iterable[Tile]) -> Iterator[None]:
        """Hold the lock to change these tiles outside any edit."""
        with self.lock:
            if self._before is not None:
                raise RuntimeError("an edit is open")
            try:
                yield
            finally:
                self._note(keys)

    def _note(self, keys: Iterable[Tile]) -> None:
        for watch in self._watches:
            watch.add(keys)


def _diff_of(rect: Rect, differences: Iterable[tuple[Tile, NDArray[np.uint8]]]) -> TileDiff | None:
    """Pack the XORs of tiles; None where nothing differs. rect: the pixels touched."""
    tiles, count = {}, 0
    for key, difference in differences:
        found = tile_codec.pack(difference)
        if found is not None:
            tiles[key] = found[0]
            count += found[1]
    return TileDiff(rect, tiles, count) if tiles else None


def _put(whole: NDArray[np.uint8], key: Tile, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Write a tile into a whole mask and return it as a part of that."""
    part = whole[tile_rect(*key, whole.shape).slices]
    part[...] = pixels
    return part
