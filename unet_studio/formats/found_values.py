"""What the numbers in a set of index masks mean, where no list of classes says it: found by looking at them.

At most some thousand masks are looked at, spread evenly over the set. A number that turns up later is refused
when its mask is read, so nothing is taken for what it is not.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.classes import DEFAULT_COLORS, UNLABELLED, ClassTable, PixelClass
from unet_studio.core.errors import StudioError
from unet_studio.formats.mask_pictures import MaskPicture, Values, read_picture
from unet_studio.formats.sample import Labels

LOOKED_AT = 4096  # masks
ENOUGH = 1 << 32  # px
MANY = 32  # numbers without names; more are rather objects or grey levels than classes
FOREGROUND = "foreground"
_WORKERS = 4  # Pillow lets go of Python's lock while it decodes
_RANGE = 1 << 16  # numbers that a mask can hold


@dataclass(frozen=True)
class Meaning:
    """What numbers become. lut: uint8 (65536,), class index or 255. known: bool (65536,)."""

    lut: Labels
    known: NDArray[np.bool_]

    @classmethod
    def of(cls, indices: Mapping[int, int]) -> "Meaning":
        """From number -> class index, 255 for unlabelled."""
        lut = np.full(_RANGE, UNLABELLED, dtype=np.uint8)
        known = np.zeros(_RANGE, dtype=np.bool_)
        for value, index in indices.items():
            lut[value], known[value] = index, True
        return cls(lut, known)

    def strange(self, values: Values) -> list[int]:
        """The numbers that mean nothing."""
        top = 256 if values.dtype == np.uint8 else _RANGE
        found = np.flatnonzero(np.bincount(values.ravel(), minlength=top))
        return [int(value) for value in found[~self.known[found]]]

    def labels(self, values: Values) -> Labels:
        """The class indices, uint8 (H, W)."""
        return self.lut[: 256 if values.dtype == np.uint8 else _RANGE][values]


@dataclass(frozen=True)
class Found:
    """What a set holds. values: the numbers, in order. palette: uint8 (n, 3), of the first mask that has one.

    looked, total: masks looked at and masks in all. greys: how many store a grey as three equal channels.
    """

    values: tuple[int, ...]
    palette: NDArray[np.uint8] | None
    looked: int
    total: int
    greys: int

    @property
    def binary(self) -> bool:
        """Whether only 0 and 255 occur, or 0 and 65535: what programs call black and white."""
        return bool(self.values) and set(self.values) in ({0, 255}, {255}, {0, 65535}, {65535})

    def notes(self) -> tuple[str, ...]:
        """What a person should know of how the masks are stored."""
        notes = []
        if self.greys:
            notes.append(
                "The masks are stored in colour, but all channels are equal: they are taken as numbers."
            )
        if self.looked < self.total:
            notes.append(f"{self.looked} of {self.total} masks were looked at for their numbers.")
        return tuple(notes)


def spread(files: Sequence[Path]) -> list[Path]:
    """At most LOOKED_AT of the files, evenly spread."""
    step = max(1, -(-len(files) // LOOKED_AT))
    return list(files[::step])


def pictures(
    files: Sequence[Path], read: Callable[[Path], MaskPicture] = read_picture
) -> Iterator[MaskPicture]:
    """The pictures that can be read, a few at a time; the first error where none can."""
    first: StudioError | None = None
    some = False
    with ThreadPoolExecutor(_WORKERS, "looking") as pool:
        for start in range(0, len(files), 2 * _WORKERS):
            for future in [pool.submit(read, path) for path in files[start : start + 2 * _WORKERS]]:
                try:
                    yield future.result()
                except StudioError as error:
                    first = first or error
                else:
                    some = True
    if not some and first is not None:
        raise first


def look(files: Sequence[Path], read: Callable[[Path], MaskPicture], only_binary: bool = False) -> Found:
    """The numbers in a set. read: gives pictures that have values. only_binary: stop once it can't be.

    Raises StudioError where no mask can be read.
    """
    seen = np.zeros(_RANGE, dtype=np.bool_)
    palette, looked, greys, area = None, 0, 0, 0
    for picture in pictures(spread(files), read):
        assert picture.values is not None  # read sees to that
        looked += 1
        greys += picture.colors is not None
        palette = picture.palette if palette is None else palette
        top = 256 if picture.values.dtype == np.uint8 else _RANGE
        seen[:top] |= np.bincount(picture.values.ravel(), minlength=top) > 0
        area += picture.values.size
        if area > ENOUGH or (only_binary and seen[1:255].any()):
            break
    return Found(tuple(np.flatnonzero(seen).tolist()), palette, looked, len(files), greys)


def classes_of(found: Found, place: Path) -> tuple[ClassTable, Meaning, tuple[str, ...]]:
    """Classes called after their numbers, what each number becomes, and what a person should know.

    Raises StudioError where there are more numbers than classes can be.
    """
    if found.binary:
        table = ClassTable.binary(FOREGROUND)
        white = max(found.values)
        note = f"Only 0 and {white} occur: {white} is taken for the foreground."
        return table, Meaning.of({0: 0, white: 1}), (note, *found.notes())
    values = [value for value in found.values if value != UNLABELLED or max(found.values) > UNLABELLED]
    if len(values) > UNLABELLED:
        raise StudioError(
            f"The masks in {place} hold {len(values)} different numbers, and there can be 255 classes.",
            "If these are numbers of objects, import them as Cellpose masks; photographs are no masks.",
        )
    low = {value for value in values if value < UNLABELLED}
    free = iter(sorted(set(range(UNLABELLED)) - low))
    indices = {value: value if value in low else next(free) for value in values}
    entries = tuple(
        PixelClass(index, "background" if value == 0 else f"class {value}", _color(found, value))
        for value, index in sorted(indices.items(), key=lambda item: item[1])
    )
    notes = [*_remarks(values), *found.notes()]
    if UNLABELLED in found.values and UNLABELLED not in values:
        notes.append("255 is taken for unlabelled, since other numbers occur.")
        indices[UNLABELLED] = UNLABELLED
    indices.setdefault(UNLABELLED, UNLABELLED)
    return ClassTable(entries, 0 if 0 in indices else None), Meaning.of(indices), tuple(notes)


def _remarks(values: Sequence[int]) -> Iterator[str]:
    """How the classes were made up."""
    yield f"No list of classes was found: they are called after the numbers in the masks, {listed(values)}."
    if values and max(values) >= UNLABELLED:
        yield f"Numbers up to {max(values)} occur; those above 254 got other class indices."
    if len(values) > MANY:
        yield f"{len(values)} different numbers occur: they may be objects or grey levels, not classes."


def listed(values: Sequence[int]) -> str:
    """The first few of some numbers, in words."""
    shown = ", ".join(map(str, values[:12]))
    return shown if len(values) <= 12 else f"{shown}, ... {values[-1]}"


def _color(found: Found, value: int) -> str:
    """The palette's colour of a number, else one of the usual ones; black for 0."""
    if found.palette is not None and value < len(found.palette):
        return "#{:02x}{:02x}{:02x}".format(*found.palette[value].tolist())
    return "#000000" if value == 0 else DEFAULT_COLORS[(value - 1) % len(DEFAULT_COLORS)]
