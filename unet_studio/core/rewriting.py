"""Prepares what an operation does to a document as one step, beside the person who paints."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.classes import ClassTable
from unet_studio.core.document import Document
from unet_studio.core.geometry import TILE, Rect, tile_rect
from unet_studio.core.mask import Plan, Tile
from unet_studio.core.neighbours import among, within
from unet_studio.core.operations import Layers, Operation, Subject
from unet_studio.core.pieces import Pieces
from unet_studio.core.prediction import Thresholds

READING = 0.1  # the part of the progress that putting the mask together takes
STRIP = 1024  # rows that are put together at once


@dataclass(frozen=True)
class Basis:
    """What a prepared step rests on; it holds while the document's is equal to it."""

    version: int
    thresholds: Thresholds
    classes: ClassTable
    locked: frozenset[int]


@dataclass(frozen=True)
class Prepared:
    """What an operation would do. plan: the step, or None where nothing changes. pixels: how many change.

    places: how many 8-connected groups these are. area: the part of the image that was looked at, in whole
    tiles.
    """

    operation: Operation
    basis: Basis
    plan: Plan | None
    pixels: int
    places: int
    area: Rect

    def holds_for(self, document: Document, locked: frozenset[int]) -> bool:
        """Whether the document is still as it was."""
        return not document.editing and self.basis == basis_of(document, locked)


class Foreseen(Document):
    """A document as it would become by a plan; to look at. What changes it changes the document itself."""

    def __init__(self, document: Document, plan: Plan) -> None:
        own = {entry.name: getattr(document, entry.name) for entry in fields(Document) if entry.init}
        super().__init__(**{**own, "prediction": document.under, "approval": None})
        self._plan = plan

    def __post_init__(self) -> None:
        """Watch nothing: looking leaves no trace in what is looked at."""

    def annotation_region(self, rect: Rect, step: int = 1) -> NDArray[np.uint8]:
        """Painted pixels of rect as they would be, every step-th row and column; 255 where unlabelled."""
        found = super().annotation_region(rect, step)
        keys = [key for key in rect.tiles(TILE) if key in self._plan.tiles]
        if keys:
            found = found.copy()
        for key in keys:
            tile = tile_rect(*key, self.shape)
            top, left = _next(tile.top, rect.top, step), _next(tile.left, rect.left, step)
            row, column = (top - rect.top) // step, (left - rect.left) // step
            new = self._plan.tiles[key][top - tile.top :: step, left - tile.left :: step]
            place = found[row : row + new.shape[0], column : column + new.shape[1]]
            place[...] = new[: place.shape[0], : place.shape[1]]
        return found


def _next(start: int, origin: int, step: int) -> int:
    """The first row of those every step px from origin that is not before start."""
    return max(origin, start + (origin - start) % step)


def basis_of(document: Document, locked: Collection[int]) -> Basis:
    """What a step prepared now would rest on."""
    return Basis(document.version, document.thresholds, document.classes, frozenset(locked))


def in_whole_tiles(rect: Rect, shape: tuple[int, int]) -> Rect:
    """The smallest rectangle around rect whose sides lie on borders of tiles or of the image."""
    top, left = rect.top // TILE * TILE, rect.left // TILE * TILE
    bottom, right = -(-rect.bottom // TILE) * TILE, -(-rect.right // TILE) * TILE
    return Rect(top, left, bottom, right).clip(shape)


def prepare(
    document: Document,
    operation: Operation,
    index: int | None,
    values: Mapping[str, Any],
    locked: Collection[int] = (),
    progress: Callable[[float], None] = lambda _: None,
    area: Rect | None = None,
    source: NDArray[np.uint8] | None = None,
) -> Prepared:
    """Find out what an operation would change; px whose mask shows a locked class never do.

    area: look at this part alone, in whole tiles; only a local operation finds there what it finds in all of
    the image. source: another mask, uint8 (H, W), for operations that take from one. progress: gets the part
    done, 0..1, and raises Cancelled to stop. It only reads, so it may run in a thread while somebody paints;
    what it finds does not hold any more then. Needs about 2 bytes a px of the image.
    """
    basis = basis_of(document, locked)
    area = Rect.of(document.shape) if area is None else in_whole_tiles(area, document.shape)
    outer = area.expand(operation.reach(values) or 0).clip(document.shape)
    subject = Subject(
        _mask_of(document, outer, progress),
        index,
        document.classes.foreground,
        document.classes.background,
        {**operation.defaults, **values},
        lambda done: progress(READING + (1 - READING) * done),
        outer.top,
        None if source is None else source[outer.slices],
    )
    counted = Counted()
    plan = document.annotation.plan(_tiles(document, operation, subject, outer, area, locked, counted))
    counted.pieces.close()
    places = counted.pieces.whole & (counted.pieces.values == 1)
    return Prepared(operation, basis, plan, counted.pixels, int(np.count_nonzero(places)), area)


@dataclass
class Counted:
    """How many px change, and the pieces that they form: those of value 1."""

    pixels: int = 0
    pieces: Pieces = field(default_factory=lambda: Pieces(diagonal=True))

    def add(self, changed: NDArray[np.bool_]) -> None:
        """The next rows."""
        self.pixels += int(np.count_nonzero(changed))
        self.pieces.add(changed.view(np.uint8))


def _tiles(
    document: Document,
    operation: Operation,
    subject: Subject,
    outer: Rect,
    area: Rect,
    locked: Collection[int],
    counted: Counted,
) -> Iterator[tuple[Tile, NDArray[np.uint8]]]:
    """The tiles of the annotation in area that change, as they become. outer: what the subject is of."""
    for rect, band in operation.change(subject):
        here = Rect(rect.top + outer.top, outer.left, rect.bottom + outer.top, outer.right)
        place = here.intersect(area)
        if place.empty:
            continue
        layers = Layers(
            subject.labels[within(place, outer)],
            document.annotation_region(place),
            partial(document.prediction_region, place),
            subject.background,
        )
        found = operation.what_to(band[within(place, here)], layers)
        if locked:
            found = np.where(among(layers.mask, locked), layers.annotation, found)
        changed = found != layers.annotation
        counted.add(changed)
        if changed.any():
            for key in place.tiles(TILE):
                inside = within(tile_rect(*key, document.shape), place)
                if changed[inside].any():
                    yield key, found[inside].copy()


def _mask_of(document: Document, rect: Rect, progress: Callable[[float], None]) -> NDArray[np.uint8]:
    """A copy of the mask that later painting does not change."""
    labels = np.empty((rect.height, rect.width), dtype=np.uint8)
    for top in range(0, rect.height, STRIP):
        progress(READING * top / rect.height)
        bottom = min(top + STRIP, rect.height)
        strip = Rect(rect.top + top, rect.left, rect.top + bottom, rect.right)
        labels[top:bottom] = document.mask_region(strip)
    return labels
