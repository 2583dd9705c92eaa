"""Areas that are found in an image rather than drawn: by connection or by likeness, tile by tile.

Only tiles that the area reaches are looked at, so that a small area costs the same on an image of any size.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.geometry import EMPTY, TILE, Rect, tile_rect
from unet_studio.core.mask import Plan, Tile
from unet_studio.core.progress import Progress, part, unwatched
from unet_studio.tools.tool import ToolContext, Work

Stencil = NDArray[np.bool_]
Bytes = NDArray[np.uint8]
Member = Callable[[Rect], Bytes]  # 1 where a pixel of a rect belongs, else 0, as an array to keep

AT_ONCE = 36  # tiles; an area that reaches more is worked out off the window's thread
PREVIEWED = 200  # tiles of a large area that are painted while it is being chosen
LEFT_OUT, MEMBER, FOUND = 0, 1, 2  # what a pixel is in the middle of a search

_SIDES = tuple((down, right) for down in (-1, 0, 1) for right in (-1, 0, 1) if down or right)


@dataclass(frozen=True)
class Region:
    """Pixels of an image. tiles: tile -> stencil, bool (height, width) of the tile. shape: of the image.

    open: whether the search ended because it came to the border of the image.
    """

    shape: tuple[int, int]
    tiles: Mapping[Tile, Stencil] = field(default_factory=dict)
    open: bool = False

    @property
    def bounds(self) -> Rect:
        """The tiles, together."""
        bounds = EMPTY
        for key in self.tiles:
            bounds = bounds.union(tile_rect(*key, self.shape))
        return bounds

    def parts(self) -> Iterator[tuple[Tile, Rect, Stencil]]:
        """The tiles, with what they cover, in the order in which they were found."""
        for key, stencil in self.tiles.items():
            yield key, tile_rect(*key, self.shape), stencil

    def part(self, rect: Rect, step: int = 1) -> Stencil:
        """Which pixels of a rect inside the image belong, bool (height, width).

        step: every step-th row and column alone; a power of two up to 256, of which the rect's top and left
        are multiples.
        """
        stencil = np.zeros((-(-rect.height // step), -(-rect.width // step)), dtype=np.bool_)
        for key in self.tiles.keys() & set(rect.tiles()):
            tile = tile_rect(*key, self.shape)
            both = rect.intersect(tile)
            index = tuple(slice(s.start // step, -(-s.stop // step)) for s in within(both, rect))
            stencil[index] = self.tiles[key][within(both, tile)][::step, ::step]
        return stencil


def members(belongs: Stencil) -> Bytes:
    """What a Member returns, of a stencil."""
    return belongs.view(np.uint8)


class Find(Protocol):
    """A search: the region, or None where it reaches more than `most` tiles."""

    def __call__(self, most: int | None, progress: Progress) -> Region | None:
        """Search now."""


def flood(
    member: Member,
    shape: tuple[int, int],
    seed: tuple[int, int],
    *,
    diagonal: bool = False,
    enclosed: bool = False,
    most: int | None = None,
    partly: bool = False,
    progress: Progress = unwatched,
) -> Region | None:
    """The members that are connected with seed, (row, column); None where they reach more than most tiles.

    partly: return what lies in the first tiles instead of None. diagonal: whether pixels that touch at a
    corner are connected. enclosed: end at the border of the image, with an open region. The seed belongs in
    any case.
    """
    search = _Search(member, shape, diagonal)
    search.begin(seed)
    total = -(-shape[0] // TILE) * -(-shape[1] // TILE)
    while search.waiting:
        progress(len(search.grid) / total)
        search.step()
        if most is not None and len(search.grid) > most:
            if not partly:
                return None
            break
        if enclosed and search.at_border:
            return Region(shape, open=True)
    found = ((key, pixels == FOUND) for key, pixels in search.grid.items())
    return Region(shape, {key: stencil for key, stencil in found if stencil.any()})


def everywhere(
    member: Member,
    shape: tuple[int, int],
    *,
    most: int | None = None,
    near: tuple[int, int] | None = None,
    progress: Progress = unwatched,
) -> Region | None:
    """All members; None where the image has more than most tiles.

    near: a pixel; return what lies in the tiles nearest to it instead of None.
    """
    keys = list(Rect.of(shape).tiles())
    if most is not None and len(keys) > most:
        if near is None:
            return None
        row, column = near[0] // TILE, near[1] // TILE
        keys = sorted(keys, key=lambda key: max(abs(key[0] - row), abs(key[1] - column)))[:most]
    tiles = {}
    for number, key in enumerate(keys):
        progress(number / len(keys))
        stencil = member(tile_rect(*key, shape)) != LEFT_OUT
        if stencil.any():
            tiles[key] = stencil
    return Region(shape, tiles)


def smoothed(region: Region, radius: int, progress: Progress = unwatched) -> Region:
    """The pixels most of whose neighbours in a square of 2 * radius + 1 px belong: no specks, no pinholes."""
    import cv2

    if radius <= 0 or not region.tiles:
        return region
    keys = dict.fromkeys(
        near
        for row, column in region.tiles
        for near in [(row, column), *((row + down, column + right) for down, right in _SIDES)]
    )
    tiles = {}
    for number, key in enumerate(keys):
        progress(number / len(keys))
        tile = tile_rect(*key, region.shape)
        if tile.empty:
            continue
        around = tile.expand(radius).clip(region.shape)
        votes = cv2.medianBlur(region.part(around).view(np.uint8), 2 * radius + 1)
        stencil = votes[within(tile, around)] != 0
        if stencil.any():
            tiles[key] = stencil
    return Region(region.shape, tiles)


def lay(context: ToolContext, name: str, find: Find, value: int) -> Rect | None:
    """Paint what a search finds as one step, as the rule allows. Returns the pixels that may have changed.

    What reaches many tiles is searched off the window's thread: then None, and it is announced when it lands.
    """
    region = find(AT_ONCE, unwatched)
    if region is None:
        land(context, name, find, value)
        return None
    context.document.begin(name)
    paint(context, region, value)
    return finish(context, region.bounds)


def land(context: ToolContext, name: str, find: Find, value: int) -> None:
    """Search off the window's thread, and paint what is found as one step when it is ready."""
    context.land(name, _planning(context, find, value))


def paint(context: ToolContext, region: Region, value: int, most: int | None = None) -> Rect:
    """Paint a region, or its first tiles, inside an open edit. Returns the pixels that may have changed."""
    changed = EMPTY
    for number, (_, rect, stencil) in enumerate(region.parts()):
        if most is not None and number >= most:
            break
        changed = changed.union(context.paint(rect, stencil, value))
    return changed


def finish(context: ToolContext, painted: Rect) -> Rect | None:
    """Commit the open edit and hand it on. Returns the pixels that may have changed; None where none did."""
    change = context.document.commit()
    if change is None:
        return None
    context.committed(change)
    return painted.union(change.rect if change.approval_changed else EMPTY)


def _planning(context: ToolContext, find: Find, value: int) -> Work:
    """What searches, and works out the tiles as they will be."""

    def work(progress: Progress) -> Plan | None:
        region = find(None, part(progress, 0, 0.5))
        if region is None or not region.tiles:
            return None
        return context.document.annotation.plan(tiles(region, progress))

    def tiles(region: Region, progress: Progress) -> Iterator[tuple[Tile, Bytes]]:
        for number, (key, rect, stencil) in enumerate(region.parts()):
            progress((1 + number / len(region.tiles)) / 2)
            yield key, context.painted(rect, stencil, value)

    return work


def within(part: Rect, whole: Rect) -> tuple[slice, slice]:
    """The index of a part in an array of the whole."""
    return (
        slice(part.top - whole.top, part.bottom - whole.top),
        slice(part.left - whole.left, part.right - whole.left),
    )


class _Search:
    """A flood in progress. grid: tile -> LEFT_OUT, MEMBER or FOUND. waiting: tile -> where to go on in it."""

    def __init__(self, member: Member, shape: tuple[int, int], diagonal: bool) -> None:
        self.grid: dict[Tile, Bytes] = {}
        self.waiting: dict[Tile, list[tuple[int, int]]] = {}
        self.at_border = False
        self._member = member
        self._shape = shape
        self._diagonal = diagonal

    def begin(self, seed: tuple[int, int]) -> None:
        """Start at a pixel."""
        key = seed[0] // TILE, seed[1] // TILE
        row, column = seed[0] % TILE, seed[1] % TILE
        self._look(key)[row, column] = MEMBER
        self.waiting[key] = [(row, column)]

    def step(self) -> None:
        """Fill the tile that waits longest, and hand on what goes beyond it."""
        import cv2

        key = next(iter(self.waiting))
        pixels = self._look(key)
        connection = 8 if self._diagonal else 4
        filled = False
        for row, column in self.waiting.pop(key):
            if pixels[row, column] == MEMBER:
                cv2.floodFill(pixels, None, (column, row), FOUND, 0, 0, connection)
                filled = True
        if filled:
            for down, right in _SIDES:
                if self._diagonal or not (down and right):
                    self._go_over(key, down, right)

    def _look(self, key: Tile) -> Bytes:
        if key not in self.grid:
            self.grid[key] = np.ascontiguousarray(self._member(tile_rect(*key, self._shape)))
        return self.grid[key]

    def _go_over(self, key: Tile, down: int, right: int) -> None:
        """Hand what was found at one side or corner of a tile on to the tile beyond."""
        found = self.grid[key][_edge(down), _edge(right)] == FOUND
        if not found.any():
            return
        beyond = key[0] + down, key[1] + right
        if beyond[0] < 0 or beyond[1] < 0 or tile_rect(*beyond, self._shape).empty:
            self.at_border = True
            return
        if self._diagonal:
            found = _widened(found)
        pixels = self._look(beyond)
        height, width = pixels.shape
        places = found & (pixels[_edge(-down), _edge(-right)] == MEMBER)
        along = np.flatnonzero(_beginnings(places.ravel()))
        rows = along if not down else np.full(along.shape, 0 if down > 0 else height - 1)
        columns = along if not right else np.full(along.shape, 0 if right > 0 else width - 1)
        if along.size:
            seeds = zip(rows.tolist(), columns.tolist(), strict=True)
            self.waiting.setdefault(beyond, []).extend(seeds)


def _edge(direction: int) -> slice:
    """The last px in a direction; all of them where it is no direction."""
    return slice(None) if not direction else slice(-1, None) if direction > 0 else slice(0, 1)


def _widened(found: Stencil) -> Stencil:
    """The pixels of a row or column, and their neighbours in it."""
    wide = found.copy()
    along = wide.reshape(-1)
    along[1:] |= found.reshape(-1)[:-1]
    along[:-1] |= found.reshape(-1)[1:]
    return wide


def _beginnings(places: Stencil) -> Stencil:
    """The first pixel of every run: the others are connected with it."""
    first = places.copy()
    first[1:] &= ~places[:-1]
    return first
