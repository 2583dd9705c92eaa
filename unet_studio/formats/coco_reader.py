"""Reading COCO instance JSON: polygons as pycocotools draws them, run lengths in every spelling."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from unet_studio.core.classes import DEFAULT_COLORS, UNLABELLED, ClassTable, PixelClass
from unet_studio.core.decoding import ensure_fits
from unet_studio.core.errors import StudioError
from unet_studio.core.geometry import Rect
from unet_studio.formats.coco_files import CocoFile, find_coco_files
from unet_studio.formats.coco_index import CocoIndex, broken, index_coco
from unet_studio.formats.regions import (
    BACKGROUND_NAMES,
    UNLABELLED_NAME,
    Legend,
    Region,
    Scene,
    Stencil,
    from_scenes,
)
from unet_studio.formats.sample import Incoming, Shape, check_shape

# The points along a polygon's edges that pycocotools makes at a time; their memory is some 100 bytes each.
LONGEST_EDGE = 1 << 22  # px


@dataclass(frozen=True)
class _Part:
    """A file of a set. names: category id -> class as the legend calls it."""

    index: CocoIndex
    names: Mapping[Any, str]


def read_coco(source: Path, *, uncovered: str = "auto") -> Incoming:
    """Open a COCO file, or the folder of one or of the parts of a set (see coco_files).

    The file is looked through once; an image's annotations are read again when it is asked for, so memory
    does not grow with their number. Where they overlap, the later one in the file lies on top; crowd regions
    count like others. Categories of one name are one class. Pixels under no annotation: with "auto", what
    our own exports say; else background in an image that has annotations, and unlabelled in one that has
    none (nobody may have looked at it). "background" and "unlabelled" say it for every pixel under no
    annotation.
    """
    files, notes = find_coco_files(source)
    indexes = [index_coco(file.path) for file in files]
    legend, names = _legend(indexes)
    parts = [_Part(index, of_file) for index, of_file in zip(indexes, names, strict=True)]
    places = _places(source, files, parts)
    hidden = next(name for name in _spellings(UNLABELLED_NAME) if name not in legend.indices)
    legend = Legend(legend.table, {**legend.indices, hidden: UNLABELLED})

    def scene(key: str, shape: Shape | None) -> Scene:
        part, number = places[key]
        return _scene(part, number, shape, uncovered, hidden)

    def is_blank(key: str) -> bool:
        part, number = places[key]
        told = part.index.count(number) or part.index.says_unlabelled[number]
        return uncovered == "auto" and not told

    def size(key: str) -> Shape:
        part, number = places[key]
        return part.index.shape(number)

    return from_scenes(legend, places, scene, is_blank, (*notes, *_notes(files, indexes)), size)


def _spellings(name: str) -> Iterator[str]:
    while True:
        yield name
        name += "_"


def _notes(files: tuple[CocoFile, ...], indexes: list[CocoIndex]) -> Iterator[str]:
    """What a person should know. Raises StudioError where there is no mask at all."""
    skipped = sum(index.skipped for index in indexes)
    if skipped and not any(len(index.places) for index in indexes):
        raise StudioError("The file has boxes alone, no masks.", "Export it again with segmentations.")
    if len(files) > 1:
        for file, index in zip(files, indexes, strict=True):
            yield f"{file.path.name} ({file.part}): {len(index.names)} images."
    if skipped:
        yield f"{skipped} annotations without a mask (boxes alone) are passed over."


def _places(source: Path, files: tuple[CocoFile, ...], parts: list[_Part]) -> dict[str, tuple[_Part, int]]:
    """Where each image is. One that two parts list under one name is called after its part as well."""
    shared = len({name for part in parts for name in part.index.names}) < sum(
        len(part.index.names) for part in parts
    )
    found: dict[str, tuple[_Part, int]] = {}
    for file, part in zip(files, parts, strict=True):
        prefix = file.folder or (file.part if shared else "")
        for number, name in enumerate(part.index.names):
            key = f"{prefix}/{name}" if prefix else name
            if key in found:
                raise broken(source, f"two of its files list {key}")
            found[key] = part, number
    return found


def _legend(indexes: list[CocoIndex]) -> tuple[Legend, list[dict[Any, str]]]:
    """What the names mean, index 0 the background, and for each file the name of each category id."""
    table = ClassTable((PixelClass(0, "background", "#000000"),), 0)
    indices: dict[str, int] = {}
    names: list[dict[Any, str]] = []
    for index in indexes:
        of_file: dict[Any, str] = {}
        try:
            for category in index.categories:
                name = str(category["name"]).strip() or f"category {category['id']}"
                if category["id"] in of_file:
                    raise StudioError(f"Two categories have the id {category['id']}.", "Give each its own.")
                of_file[category["id"]] = name
                # Exact names: "Car" and "car" in one file are two categories until a person says otherwise.
                if name in indices:
                    continue
                indices[name] = 0 if name.casefold() in BACKGROUND_NAMES else len(table.classes)
                if indices[name]:
                    table = _with_class(table, name, category)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise broken(index.path, f"a category is of the wrong kind: {error!r}") from error
        names.append(of_file)
    return Legend(table, indices), names


def _with_class(table: ClassTable, name: str, category: Any) -> ClassTable:
    number = len(table.classes)
    if number >= UNLABELLED:
        raise StudioError("The file has more than 254 categories.", "Split it into several files.")
    return ClassTable((*table.classes, PixelClass(number, name, _color(category, number))), 0)


def _color(category: Any, number: int) -> str:
    """A panoptic file's [r, g, b], else the next default colour."""
    color = category.get("color")
    if isinstance(color, list) and len(color) == 3 and all(value in range(256) for value in color):
        return "#{:02x}{:02x}{:02x}".format(*map(int, color))
    return DEFAULT_COLORS[(number - 1) % len(DEFAULT_COLORS)]


def _scene(part: _Part, number: int, shape: Shape | None, uncovered: str, hidden: str) -> Scene:
    """One image's regions, one an annotation, in the file's order."""
    index, found = part.index, part.index.shape(number)
    check_shape(f"{index.names[number]} in {index.path}", found, shape)
    if shape is None:  # else the image is as large
        ensure_fits(index.path, found[1], found[0], 2 * found[0] * found[1])
    annotations = index.annotations(number)
    told = bool(index.says_unlabelled[number])
    blank = {"background": 0, "unlabelled": UNLABELLED}
    ground = blank.get(uncovered, 0 if annotations or told else UNLABELLED)
    regions = [_region(part, annotation) for annotation in annotations]
    if uncovered == "auto" and told:
        regions.insert(0, _drawn_by(index.image(number).get("unlabelled"), hidden, UNLABELLED_NAME))
    return Scene(found, tuple(regions), lambda reason: broken(index.path, reason), ground)


def _region(part: _Part, annotation: Any) -> Region:
    name, number = part.names[annotation["category_id"]], str(annotation.get("id"))
    return _drawn_by(annotation["segmentation"], name, number)


def _drawn_by(segmentation: Any, name: str, number: str) -> Region:
    def draw(shape: Shape) -> tuple[Rect, Stencil]:
        try:
            return stencil_of(counts_of(segmentation, shape), shape)
        except (ValueError, TypeError, KeyError, IndexError, OverflowError) as error:
            raise ValueError(f"the mask of annotation {number} is malformed: {error}") from error

    return Region(name, draw, number)


def stencil_of(runs: NDArray[np.int64], shape: Shape) -> tuple[Rect, Stencil]:
    """Run lengths, column by column, zeros first, that fill a picture of (H, W), as the smallest rectangle
    around their pixels and those in it; only the columns of that rectangle are drawn.
    """
    height = shape[0]
    ends = np.cumsum(runs)
    starts, stops = ends[:-1:2], ends[1::2]
    starts = starts[: len(stops)]
    some = stops > starts
    starts, stops = starts[some], stops[some]
    if not len(starts):
        return Rect(0, 0, 0, 0), np.zeros((0, 0), dtype=np.bool_)
    left, right = int(starts[0]) // height, (int(stops[-1]) - 1) // height + 1
    top, bottom = 0, height
    if (starts // height == (stops - 1) // height).all():
        top, bottom = int((starts % height).min()), int(((stops - 1) % height).max()) + 1
    lengths = np.empty(2 * len(starts) + 1, dtype=np.int64)
    lengths[1::2] = stops - starts
    lengths[2:-1:2] = starts[1:] - stops[:-1]
    lengths[0], lengths[-1] = starts[0] - left * height, right * height - stops[-1]
    inside = np.zeros(len(lengths), dtype=np.bool_)
    inside[1::2] = True
    columns = np.repeat(inside, lengths).reshape(right - left, height)
    return Rect(top, left, bottom, right), np.ascontiguousarray(columns[:, top:bottom].T)


def counts_of(segmentation: Any, shape: Shape) -> NDArray[np.int64]:
    """The run lengths, column by column, zeros first, that a segmentation means in a picture of (H, W).

    segmentation: {"size": [H, W], "counts": list, str or bytes}, or a list of polygons [[x1, y1, ...], ...]
    in px from the corner, drawn together as pycocotools does. Raises ValueError where it is malformed or
    does not fill the picture exactly.
    """
    if isinstance(segmentation, Mapping):
        if tuple(int(side) for side in segmentation["size"]) != shape:
            raise ValueError(f"its size is {segmentation['size']}, its image's {list(shape)}")
        counts = segmentation["counts"]
        runs = _plain_counts(counts) if isinstance(counts, list) else _unpack(counts)
    else:
        polygons = [_checked_polygon(ring, shape) for ring in segmentation]
        if not polygons:
            raise ValueError("it has no polygon")
        drawn = coco_mask.frPyObjects(polygons, *shape)
        runs = _unpack((coco_mask.merge(drawn) if len(drawn) > 1 else drawn[0])["counts"])
    if runs.min(initial=0) < 0 or int(runs.sum()) != shape[0] * shape[1]:
        raise ValueError(f"its run lengths do not fill {shape[1]} x {shape[0]} px")
    return runs


def _plain_counts(counts: list[Any]) -> NDArray[np.int64]:
    if not all(isinstance(count, int) and 0 <= count < 1 << 40 for count in counts):
        raise ValueError("its counts are not all whole numbers from 0 up")
    return np.asarray(counts, dtype=np.int64)


def _unpack(counts: Any) -> NDArray[np.int64]:
    """Run lengths of pycocotools' compressed counts (str or bytes), as its rleFrString reads them.

    Five bits a character, the lowest first, 32 saying that more follow; from the fourth run on, each is the
    difference to the one two before. Unpacked here because pycocotools checks neither end nor sum: a short
    string makes it show pixels of memory that was never written.
    """
    data = counts.encode("ascii") if isinstance(counts, str) else bytes(counts)
    codes = np.frombuffer(data, dtype=np.uint8).astype(np.int64) - 48
    if codes.size == 0 or codes.min() < 0 or codes.max() > 63 or codes[-1] & 32:
        raise ValueError("its compressed counts are no run lengths")
    last = np.flatnonzero(codes & 32 == 0)
    first = np.concatenate(([0], last[:-1] + 1))
    if (last - first).max() > 8:
        raise ValueError("its compressed counts hold an impossible number")
    place = np.arange(codes.size) - np.repeat(first, last - first + 1)
    values = np.add.reduceat((codes & 31) << (5 * place), first)
    values -= np.where(codes[last] & 16, np.int64(1) << (5 * (last - first + 1)), 0)  # the sign bit
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    return values


def _checked_polygon(ring: Any, shape: Shape) -> NDArray[np.float64]:
    """The coordinates of a ring, checked: pycocotools takes four numbers for a box and trusts their size."""
    numbers = np.asarray(ring, dtype=np.float64)
    if numbers.ndim != 1 or len(numbers) < 6 or len(numbers) % 2:
        raise ValueError(f"a polygon has {numbers.size} numbers; it needs an even number from 6 up")
    if not (np.abs(numbers) <= 4 * max(shape) + 16).all():  # nor is one that is no number
        raise ValueError("a polygon lies far outside of its image")
    steps = np.abs(numbers[2:] - numbers[:-2]).reshape(-1, 2)
    if steps.max(axis=1).sum() > LONGEST_EDGE:
        raise ValueError(f"a polygon's edge is longer than {LONGEST_EDGE} px")
    return numbers
