"""Reading Pascal VOC: classes from SegmentationClass, objects from SegmentationObject, 255 for void.

labelmap.txt (CVAT's, datumaro's) or class_names.txt (labelme's converter) names the classes by their line.
Masks are palette PNGs as the development kit has them, of any depth, or RGB in the colours of the classes,
as CVAT exports them. Where a program sorted a palette anew to save bits, its colours count, not its indices.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.classes import UNLABELLED, ClassTable, PixelClass
from unet_studio.core.errors import StudioError
from unet_studio.core.geometry import Rect
from unet_studio.formats.color_masks import color_numbers
from unet_studio.formats.color_tables import as_hex, text_of
from unet_studio.formats.known_palettes import Color
from unet_studio.formats.mask_pictures import MaskPicture, header_size, read_picture, walk_pictures
from unet_studio.formats.matching import inside
from unet_studio.formats.object_numbers import rectangles
from unet_studio.formats.regions import (
    BACKGROUND_NAMES,
    IGNORED_NAMES,
    UNLABELLED_NAME,
    Legend,
    Region,
    Scene,
    Stencil,
)
from unet_studio.formats.sample import Incoming, Labels, Shape, check_shape
from unet_studio.formats.voc import MASKS, OBJECTS, VOID
from unet_studio.formats.voc_names import NAMES, voc_palette


@dataclass(frozen=True)
class _Classes:
    """known: the numbers that the list has, and 255. numbers: the class index of each, uint8 (256,).

    by_color: class index by colour. colors: the colour of each number.
    """

    table: ClassTable
    known: frozenset[int]
    numbers: Labels
    by_color: dict[Color, int]
    colors: dict[int, Color]
    notes: tuple[str, ...] = ()


def read_voc(folder: Path) -> Incoming:
    """Open a folder with SegmentationClass, or one around it. Without labelmap.txt, VOC's own 20 classes."""
    root = _root(folder)
    classes = _classes(root)
    files = _files(root / MASKS)
    objects = _files(root / OBJECTS) if (root / OBJECTS).is_dir() else {}
    if not files:
        raise StudioError(
            f"{root / MASKS} holds no mask pictures.", "Choose the folder that VOC was unpacked to."
        )

    def read(key: str, shape: Shape | None) -> Labels:
        stated = header_size(files[key])
        if stated is not None:  # a wrong one is told before it is decoded
            check_shape(str(files[key]), stated, shape)
        labels = _class_indices(files[key], classes)
        check_shape(str(files[key]), (labels.shape[0], labels.shape[1]), shape)
        return labels

    def scene(key: str, shape: Shape | None) -> Scene:
        labels = read(key, shape)
        numbers = _object_numbers(objects[key], labels) if key in objects else np.zeros_like(labels)
        ground = UNLABELLED if classes.table.background is None else classes.table.background
        return Scene(
            (labels.shape[0], labels.shape[1]),
            _regions(labels, numbers, classes.table, ground),
            lambda reason: StudioError(f"{files[key]} is broken: {reason}.", "Copy it again."),
            ground,
        )

    names = {entry.name: entry.index for entry in classes.table.active}
    return Incoming(
        classes.table,
        tuple(files),
        read,
        notes=classes.notes,
        size=lambda key: header_size(files[key]),
        scene=scene,
        legend=Legend(classes.table, {UNLABELLED_NAME: UNLABELLED, **names}),
    )


def _files(folder: Path) -> dict[str, Path]:
    """The pictures by their path without its suffix."""
    return {
        path.relative_to(folder).with_suffix("").as_posix(): path
        for path in walk_pictures(folder)
        if path.suffix.lower() in (".png", ".tif", ".tiff", ".bmp")
    }


def _root(folder: Path) -> Path:
    for place in (
        folder,
        folder.parent,
        *sorted(folder.glob("VOC*")),
        *sorted(folder.glob("VOCdevkit/VOC*")),
    ):
        if (place / MASKS).is_dir():
            return place
    raise StudioError(f"There is no {folder / MASKS}.", "Choose the folder that holds SegmentationClass.")


def _classes(root: Path) -> _Classes:
    """The classes by number, and what a person should know of where they come from."""
    for name in ("labelmap.txt", "class_names.txt"):
        if inside(root, name).is_file():
            lines = [line.strip() for line in text_of(root / name).splitlines()]
            return _of_lines(root / name, [line for line in lines if line and not line.startswith("#")])
    note = "There is no labelmap.txt: the classes are VOC's own 20."
    return _of_lines(root, list(NAMES), (note,))


def _of_lines(path: Path, lines: list[str], notes: tuple[str, ...] = ()) -> _Classes:
    """The classes of the lines of a list, "name" or "name:r,g,b:parts:actions"."""
    if not 0 < len(lines) <= UNLABELLED:
        raise StudioError(f"{path} names no class, or over 255.", "Write a line for each class.")
    palette: list[Color] = [tuple(color) for color in voc_palette().tolist()]
    names = [line.split(":")[0].strip() for line in lines]
    colors = {number: _color(line) or palette[number] for number, line in enumerate(lines)}
    numbers = np.full(256, UNLABELLED, dtype=np.uint8)
    entries: list[PixelClass] = []
    by_color = {palette[UNLABELLED]: UNLABELLED}
    ground = None
    for number, name in enumerate(names):
        color, ignored = colors[number], name.casefold() in IGNORED_NAMES
        if list(colors.values()).count(color) == 1:  # one of two classes could not be told by it
            by_color[color] = UNLABELLED if ignored else number
        if ignored:
            continue
        numbers[number] = number
        entries.append(PixelClass(number, name, as_hex(color)))
        if name.casefold() in BACKGROUND_NAMES and ground is None:
            ground = number
    if len({entry.name for entry in entries}) < len(entries):
        raise StudioError(f"{path} names a class twice.", "Give each class a name of its own.")
    table = ClassTable(tuple(entries), ground)
    known = frozenset({*range(len(names)), UNLABELLED})
    return _Classes(table, known, numbers, by_color, colors, notes)


def _color(line: str) -> Color | None:
    """The colour in a line of labelmap.txt, if it holds one."""
    parts = line.partition(":")[2].partition(":")[0].split(",")
    if len(parts) != 3 or not all(part.strip().isdigit() and int(part) <= 255 for part in parts):
        return None
    red, green, blue = (int(part) for part in parts)
    return red, green, blue


def _class_indices(path: Path, classes: _Classes) -> Labels:
    """The class indices of a mask, uint8 (H, W), 255 for void."""
    picture = read_picture(path)
    if picture.colors is not None:
        return _of_colors(path, picture, classes)
    values = picture.values
    assert values is not None  # what has no colours has numbers
    if values.max(initial=0) > UNLABELLED:
        raise _no_classes(path, [int(values.max())])
    found = np.flatnonzero(np.bincount(values.ravel(), minlength=256)).tolist()
    if picture.palette is not None and _sorted_anew(picture.palette, found, classes):
        return _of_colors(path, picture, classes)
    strange = [value for value in found if value not in classes.known]
    if strange:
        raise _no_classes(path, strange)
    return classes.numbers[values]


def _sorted_anew(palette: NDArray[np.uint8], found: list[int], classes: _Classes) -> bool:
    """Whether the palette has the classes' colours, but under other indices than the list says."""
    if max(found, default=0) >= len(palette):
        return False
    colors = {number: tuple(palette[number].tolist()) for number in found}
    other = any(classes.colors.get(number, color) != color for number, color in colors.items())
    telling = len(set(colors.values())) == len(found)
    return other and telling and all(color in classes.by_color for color in colors.values())


def _of_colors(path: Path, picture: MaskPicture, classes: _Classes) -> Labels:
    """The class indices of a mask in colours."""
    keys = color_numbers(picture)
    known = np.array([red << 16 | green << 8 | blue for red, green, blue in classes.by_color], np.uint32)
    indices = np.array(list(classes.by_color.values()), dtype=np.uint8)
    order = np.argsort(known)
    place = np.minimum(np.searchsorted(known[order], keys), len(known) - 1)
    strange = known[order][place] != keys
    if strange.any():
        colors = [f"#{key:06x}" for key in np.unique(keys[strange])[:5].tolist()]
        raise StudioError(
            f"{path} has colours that are no classes: {', '.join(colors)}.",
            f"Put a labelmap.txt beside {MASKS} that names them, or save palette PNGs.",
        )
    return np.asarray(indices[order][place])


def _no_classes(path: Path, values: list[int]) -> StudioError:
    return StudioError(
        f"{path} has pixel values that are no classes: {values}.",
        f"Put a labelmap.txt beside {MASKS} that names them.",
    )


def _object_numbers(path: Path, labels: Labels) -> NDArray[np.integer]:
    """The numbers of objects, (H, W), 0 where there is none or void."""
    picture = read_picture(path)
    check_shape(str(path), picture.shape, (labels.shape[0], labels.shape[1]))
    if picture.colors is not None:
        known = voc_palette().astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], dtype=np.uint32)
        order = np.argsort(known)
        keys = color_numbers(picture)
        place = np.minimum(np.searchsorted(known[order], keys), 255)
        if (known[order][place] != keys).any():
            raise StudioError(f"{path} has colours that are no numbers of VOC.", "Save it as a palette PNG.")
        numbers: NDArray[np.integer] = order[place].astype(np.uint8)
    else:
        assert picture.values is not None  # what has no colours has numbers
        numbers = picture.values
    return np.where(numbers == VOID[numbers.dtype], numbers.dtype.type(0), numbers)


def _regions(
    labels: Labels, numbers: NDArray[np.integer], table: ClassTable, ground: int
) -> tuple[Region, ...]:
    """A region for each object and class, one for the pixels of a class without an object, and void."""
    joint = numbers.astype(np.uint32) * np.uint32(256) + labels + np.uint32(1)
    if ground != UNLABELLED:
        joint[labels == UNLABELLED] = UNLABELLED + 1
    joint[labels == ground] = 0
    names = {UNLABELLED: UNLABELLED_NAME, **{entry.index: entry.name for entry in table.active}}
    found, rects = rectangles(joint)
    regions = []
    for value, edges in zip(found.tolist(), rects.tolist(), strict=True):
        number, index = divmod(value - 1, 256)
        draw = _drawing(joint, value, Rect(*edges))
        regions.append(Region(names[index], draw, str(number) if number else ""))
    return tuple(sorted(regions, key=lambda region: region.name != UNLABELLED_NAME))


def _drawing(joint: NDArray[np.uint32], value: int, rect: Rect) -> Callable[[Shape], tuple[Rect, Stencil]]:
    return lambda _shape: (rect, np.asarray(joint[rect.slices] == value))
