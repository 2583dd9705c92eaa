"""Reading COCO instance JSON: polygons as pycocotools draws them, run lengths in every spelling."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from unet_studio.core.classes import DEFAULT_COLORS, UNLABELLED, ClassTable, PixelClass
from unet_studio.core.errors import StudioError
from unet_studio.formats.regions import BACKGROUND_NAMES, MAX_SIDE
from unet_studio.formats.sample import Incoming, Labels, Shape, check_shape


@dataclass
class _Image:
    """One entry of "images" with its annotations, (class index, segmentation, id), in the file's order."""

    name: str
    shape: Shape
    unlabelled: Any = None
    parts: list[tuple[int, Any, Any]] = field(default_factory=list)


def read_coco(source: Path, *, uncovered: str = "auto") -> Incoming:
    """Open a COCO file, or the only *.json file with annotations in a folder.

    Where annotations overlap, the later one in the file lies on top; crowd regions count like others.
    Categories of one name are one class. Pixels under no annotation: with "auto", what our own exports say;
    else background in an image that has annotations, and unlabelled in one that has none (nobody may have
    looked at it). "background" and "unlabelled" say it for every pixel under no annotation.
    """
    path = _find_file(source)
    value = _load(path)
    try:
        table, indices = _classes(value["categories"])
        images, notes = _images(value, indices)
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise _broken(path, f"something is missing or of the wrong kind: {error!r}") from error
    by_name = {image.name: image for image in images}
    if len(by_name) < len(images):
        raise _broken(path, "two of its images share a file_name")

    def read(key: str, shape: Shape | None) -> Labels:
        return _draw(path, by_name[key], shape, uncovered)

    def is_blank(key: str) -> bool:
        return uncovered == "auto" and not by_name[key].parts and by_name[key].unlabelled is None

    return Incoming(table, tuple(by_name), read, is_blank, notes)


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
        runs = _unpack(coco_mask.merge(coco_mask.frPyObjects(polygons, *shape))["counts"])
    if runs.min(initial=0) < 0 or int(runs.sum()) != shape[0] * shape[1]:
        raise ValueError(f"its run lengths do not fill {shape[1]} x {shape[0]} px")
    return runs


def _find_file(source: Path) -> Path:
    if source.is_file():
        return source
    if not source.is_dir():
        raise StudioError(f"There is no {source}.", "Name a COCO .json file, or the folder that holds it.")
    found = sorted(path for path in source.glob("*.json") if '"annotations"' in _head(path))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise StudioError(f"{source} should hold one COCO file but has {names}.", "Name the .json file.")
    return found[0]


def _head(path: Path) -> str:
    """The text of a file, for a look at its keys; "" where it can't be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _load(path: Path) -> Any:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise _broken(path, f"it can't be read: {error}") from error
    if isinstance(value, list):
        raise StudioError(
            f"{path} is a COCO results file: it names neither images nor categories.",
            "Import the instances file that has both.",
        )
    if not isinstance(value, dict) or not {"images", "categories", "annotations"} <= value.keys():
        raise _broken(path, "it lacks images, categories or annotations")
    return value


def _classes(categories: Any) -> tuple[ClassTable, dict[Any, int]]:
    """The classes as found, index 0 the background, and the class index of each category id."""
    table = ClassTable((PixelClass(0, "background", "#000000"),), 0)
    indices: dict[Any, int] = {}
    for category in categories:
        name = str(category["name"]).strip() or f"category {category['id']}"
        if category["id"] in indices:
            raise StudioError(f"Two categories have the id {category['id']}.", "Give each one its own.")
        if name.casefold() in BACKGROUND_NAMES:
            indices[category["id"]] = 0
            continue
        # Exact names: "Car" and "car" in one file are two categories until a person says otherwise.
        known = next((entry for entry in table.classes if entry.name == name), None)
        if known is None:
            if len(table.classes) > UNLABELLED - 1:
                raise StudioError("The file has more than 254 categories.", "Split it into several files.")
            number = len(table.classes)
            known = PixelClass(number, name, _color(category, number))
            table = ClassTable((*table.classes, known), 0)
        indices[category["id"]] = known.index
    return table, indices


def _color(category: Any, number: int) -> str:
    """A panoptic file's [r, g, b], else the next default colour."""
    color = category.get("color")
    if isinstance(color, list) and len(color) == 3 and all(value in range(256) for value in color):
        return "#{:02x}{:02x}{:02x}".format(*map(int, color))
    return DEFAULT_COLORS[(number - 1) % len(DEFAULT_COLORS)]


def _images(value: Any, indices: Mapping[Any, int]) -> tuple[list[_Image], tuple[str, ...]]:
    images: dict[Any, _Image] = {}
    for entry in value["images"]:
        if entry["id"] in images:
            raise StudioError(f"Two images have the id {entry['id']}.", "Give each one its own.")
        shape = int(entry["height"]), int(entry["width"])
        if not all(0 < side < MAX_SIDE for side in shape):
            raise StudioError(f"{entry['file_name']} has an impossible size.", "Correct width and height.")
        images[entry["id"]] = _Image(str(entry["file_name"]), shape, entry.get("unlabelled"))
    skipped = 0
    for annotation in value["annotations"]:
        where = f"Annotation {annotation.get('id')}"
        if annotation["image_id"] not in images:
            raise StudioError(f"{where} is of an image that the file does not list.", "Restore the entry.")
        if annotation["category_id"] not in indices:
            raise StudioError(f"{where} is of a category that the file does not list.", "Restore the entry.")
        segmentation = annotation.get("segmentation")
        if not segmentation:
            skipped += 1
            continue
        part = (indices[annotation["category_id"]], segmentation, annotation.get("id"))
        images[annotation["image_id"]].parts.append(part)
    if skipped and skipped == len(value["annotations"]):
        raise StudioError("The file has boxes alone, no masks.", "Export it again with segmentations.")
    notes = (f"{skipped} annotations without a mask (boxes alone) are passed over.",) if skipped else ()
    return list(images.values()), notes


def _draw(path: Path, image: _Image, shape: Shape | None, uncovered: str) -> Labels:
    """The labels of one image, uint8 (H, W)."""
    check_shape(f"{image.name} in {path}", image.shape, shape)
    blank = {"background": 0, "unlabelled": UNLABELLED}
    ground = blank.get(uncovered, 0 if image.parts or image.unlabelled is not None else UNLABELLED)
    columns = np.full(image.shape[0] * image.shape[1], ground, dtype=np.uint8)  # column by column
    parts = list(image.parts)
    if uncovered == "auto" and image.unlabelled is not None:
        parts.insert(0, (UNLABELLED, image.unlabelled, "unlabelled"))
    for index, segmentation, name in parts:
        try:
            runs = counts_of(segmentation, image.shape)
        except (ValueError, TypeError, KeyError, IndexError, OverflowError) as error:
            raise _broken(path, f"the mask of annotation {name} is malformed: {error}") from error
        ends = np.cumsum(runs)
        for start, end in zip(ends[:-1:2].tolist(), ends[1::2].tolist(), strict=False):
            columns[start:end] = index
    return np.ascontiguousarray(columns.reshape(image.shape[1], image.shape[0]).T)


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


def _checked_polygon(ring: Any, shape: Shape) -> list[float]:
    """The coordinates of a ring, checked: pycocotools takes four numbers for a box and trusts their size."""
    numbers = [float(value) for value in ring]
    if len(numbers) < 6 or len(numbers) % 2:
        raise ValueError(f"a polygon has {len(numbers)} numbers; it needs an even number from 6 up")
    limit = 4 * max(shape) + 16
    if not all(math.isfinite(value) and abs(value) <= limit for value in numbers):
        raise ValueError("a polygon lies far outside of its image")
    return numbers


def _broken(path: Path, reason: str) -> StudioError:
    return StudioError(f"{path} is not a usable COCO file: {reason}.", "Export it again, or mend that entry.")
