"""Which colour is which class: the tables that tools put beside colour masks.

- classes.json: ours, {"classes": [{"index", "name", "color": "#rrggbb"}]}
- label_colors.txt: CamVid's, "r g b name" a line; also commas, and CVAT's manual calls it label_color.txt
- labelmap.txt: CVAT's and datumaro's for Pascal VOC, "name:r,g,b:parts:actions" a line
- mask_color_map.json: X-AnyLabeling's, {"type": "rgb", "colors": {"cat": [85, 0, 255]}}
- dataset_meta.json: datumaro's, {"label_map": {"0": "Void"}, "segmentation_colors": [[0, 0, 0]]}
- class_dict.csv, labelmap.csv: of data sets on Kaggle, a heading, then "name,r,g,b"
"""

import csv
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unet_studio.core.classes import UNLABELLED, ClassTable, PixelClass, read_classes_file, rgb
from unet_studio.core.errors import StudioError
from unet_studio.core.storage import read_json
from unet_studio.formats.known_palettes import Color
from unet_studio.formats.matching import inside
from unet_studio.formats.regions import BACKGROUND_NAMES, IGNORED_NAMES

VOID_NAMES = IGNORED_NAMES | {"unlabeled", "unknown", "_ignore_"}
LABEL_COLORS = "label_colors.txt"
_MOST = 1 << 20  # characters of a table; none is as long
BLACK: Color = (0, 0, 0)


@dataclass(frozen=True)
class ColorTable:
    """indices: colour -> class index, 255 for unlabelled. notes: what a person should know of it."""

    table: ClassTable
    indices: dict[Color, int]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Named:
    """A line of a table."""

    name: str
    color: Color


def find_table(places: Iterable[Path]) -> ColorTable | None:
    """The table in the first of the folders that holds one. Raises StudioError where it is malformed."""
    for place in places:
        for name, read in READERS.items():
            if inside(place, name).is_file():
                return read(place / name)
    return None


def of_names(named: Iterable[Named], path: Path, black: bool = True) -> ColorTable:
    """Classes in the order of the table, the background first; names that mean "nobody knows" are none.

    black: where no name means background and black is free, it is the background.
    """
    entries = list(named)
    if not entries:
        raise StudioError(f"{path} names no colour.", "Write a line for each class.")
    colors = [entry.color for entry in entries]
    names = [entry.name.strip() for entry in entries]
    if len(set(colors)) < len(colors) or len(set(names)) < len(names) or not all(names):
        raise StudioError(
            f"{path} gives two classes the same colour or name, or none.",
            "Give each class a name and a colour of its own.",
        )
    voids = {color for name, color in zip(names, colors, strict=True) if name.casefold() in VOID_NAMES}
    ground = next(
        (color for name, color in zip(names, colors, strict=True) if name.casefold() in BACKGROUND_NAMES),
        None,
    )
    classes = [(name, color) for name, color in zip(names, colors, strict=True) if color not in voids]
    notes: tuple[str, ...] = ()
    if black and ground is None and BLACK not in colors:
        classes.insert(0, ("background", BLACK))
        ground = BLACK
        notes = (f"{path.name} does not name black: it is taken for the background.",)
    classes.sort(key=lambda one: one[1] != ground)
    if len(classes) > UNLABELLED:
        raise StudioError(f"{path} names over 255 classes.", "Split the set into several.")
    table = ClassTable(
        tuple(PixelClass(index, name, as_hex(color)) for index, (name, color) in enumerate(classes)),
        None if ground is None else 0,
    )
    indices = {color: index for index, (_, color) in enumerate(classes)} | dict.fromkeys(voids, UNLABELLED)
    return ColorTable(table, indices, notes)


def as_hex(color: Color) -> str:
    """#rrggbb."""
    return "#{:02x}{:02x}{:02x}".format(*color)


def _from_classes(path: Path) -> ColorTable:
    """Our own list; what the label_colors.txt beside it calls unlabelled has no index there."""
    table, ignore = read_classes_file(path)
    indices: dict[Color, int] = {}
    for entry in table.active:
        if indices.setdefault(rgb(entry.color), entry.index) != entry.index:
            raise StudioError(
                f"{path} gives two classes the colour {entry.color}.", "Give each class a colour of its own."
            )
    for void in ClassTable.from_json(read_json(path)).active:
        if void.index == ignore:
            indices.setdefault(rgb(void.color), UNLABELLED)
    beside = inside(path.parent, LABEL_COLORS)
    if beside.is_file():
        for entry_beside in lines_of_colors(beside):
            if entry_beside.name.casefold() in VOID_NAMES:
                indices.setdefault(entry_beside.color, UNLABELLED)
    return ColorTable(table, indices)


def _from_label_colors(path: Path) -> ColorTable:
    return of_names(lines_of_colors(path), path)


def lines_of_colors(path: Path) -> Iterator[Named]:
    """ "r g b name" or "r,g,b,name" a line; a line of "#" is a remark."""
    for line in _lines(path):
        found = re.fullmatch(r"\s*(\d{1,3})[\s,]+(\d{1,3})[\s,]+(\d{1,3})(?:[\s,]+(.*?))?\s*", line)
        if found is None:
            raise _malformed(path, line)
        color = _color(path, found.groups()[:3])
        yield Named(found[4] or as_hex(color), color)


def _from_labelmap(path: Path) -> ColorTable:
    return of_names(labelmap_lines(path), path)


def labelmap_lines(path: Path) -> Iterator[Named]:
    """ "name:r,g,b:parts:actions" a line; a line of "#" is a remark."""
    for line in _lines(path):
        parts = line.split(":")
        numbers = parts[1].split(",") if len(parts) > 1 else []
        if len(numbers) != 3:
            raise _malformed(path, line)
        yield Named(parts[0].strip(), _color(path, numbers))


def _from_color_map(path: Path) -> ColorTable:
    colors = _dictionary(path).get("colors")
    if not isinstance(colors, dict):
        raise _malformed(path, "colors")
    return of_names((Named(str(name), _color(path, value)) for name, value in colors.items()), path)


def _from_dataset_meta(path: Path) -> ColorTable:
    value = _dictionary(path)
    names, colors = value.get("label_map"), value.get("segmentation_colors")
    if not isinstance(names, dict) or not isinstance(colors, list) or len(colors) != len(names):
        raise _malformed(path, "label_map and segmentation_colors")
    return of_names(
        (Named(str(name), _color(path, color)) for name, color in zip(names.values(), colors, strict=True)),
        path,
    )


def _from_csv(path: Path) -> ColorTable:
    rows = [row for row in csv.reader(_lines(path)) if row]
    if rows and not all(cell.strip().isdigit() for cell in rows[0][1:4]):
        rows = rows[1:]
    if any(len(row) < 4 for row in rows):
        raise _malformed(path, "a row of fewer than four cells")
    return of_names((Named(row[0].strip(), _color(path, row[1:4])) for row in rows), path)


def _lines(path: Path) -> list[str]:
    """The lines that are no remarks."""
    return [line for line in text_of(path).splitlines() if line.strip() and not line.lstrip().startswith("#")]


def text_of(path: Path) -> str:
    """The text of a table, as much as a table can have."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as stream:
            return stream.read(_MOST)
    except OSError as error:
        raise StudioError(f"{path} can't be read: {error}.", "Copy it again from its source.") from error


def _dictionary(path: Path) -> dict[str, Any]:
    value = read_json(path)
    if not isinstance(value, dict):
        raise _malformed(path, "no object")
    return value


def _color(path: Path, value: Any) -> Color:
    """Three numbers from 0 to 255."""
    try:
        red, green, blue = (int(part) for part in value)
    except (TypeError, ValueError) as error:
        raise _malformed(path, str(value)) from error
    if not all(0 <= part <= 255 for part in (red, green, blue)):
        raise _malformed(path, str(value))
    return red, green, blue


def _malformed(path: Path, what: str) -> StudioError:
    return StudioError(
        f"{path} is no table of colours that is known here: {what[:80]!r}.",
        f"Put a {LABEL_COLORS} beside the masks, a line like '128 64 128 road' for each class.",
    )


READERS: dict[str, Callable[[Path], ColorTable]] = {
    "classes.json": _from_classes,
    LABEL_COLORS: _from_label_colors,
    "label_color.txt": _from_label_colors,
    "labelmap.txt": _from_labelmap,
    "mask_color_map.json": _from_color_map,
    "dataset_meta.json": _from_dataset_meta,
    "class_dict.csv": _from_csv,
    "labelmap.csv": _from_csv,
}
