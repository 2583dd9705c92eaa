"""Colour masks: a folder of pictures in which every class has a colour, and a table that says which.

Written: 8-bit RGB PNGs, label_colors.txt as CamVid and datumaro have it ("r g b name" a line), and a
classes.json. Read: those and the tables of color_tables.py; without one the colours are looked at, and what
is made of them is said. Only exact colours count: a mask with smoothed edges is refused.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from unet_studio.core.classes import UNLABELLED, ClassTable, PixelClass, rgb, write_classes_file
from unet_studio.core.errors import StudioError
from unet_studio.core.storage import atomic_write, encodable
from unet_studio.formats.color_tables import (
    BLACK,
    LABEL_COLORS,
    ColorTable,
    Named,
    as_hex,
    find_table,
    of_names,
    text_of,
)
from unet_studio.formats.found_values import pictures, spread
from unet_studio.formats.index_masks import NAME_LISTS
from unet_studio.formats.known_palettes import Color, known_palettes
from unet_studio.formats.mask_pictures import MaskPicture, find_masks, header_size, read_picture
from unet_studio.formats.matching import inside, mask_names
from unet_studio.formats.regions import UNLABELLED_NAME
from unet_studio.formats.sample import Incoming, Labels, Outgoing, Shape, check_labels, check_shape
from unet_studio.formats.voc_names import voc_palette

CLASSES_FILE = "classes.json"
COMPRESSION = 6  # zlib level
MOST = 254  # colours that a set may have where no table names them
ENOUGH = 1 << 31  # px that are looked at
TELLING = 3  # colours beside black that must all be in a known palette before its names are taken
_NOWHERE = 256  # what a colour without a class becomes in a look-up table
_ALL = 1 << 24  # colours of 8 bit


def write_color_png(folder: Path, outgoing: Outgoing) -> Mapping[str, str]:
    """Write `<stem>.png` for every sample, sub-folders kept, label_colors.txt and classes.json."""
    files = mask_names(outgoing.names)
    table, colors = distinct(outgoing.classes)
    write_classes_file(folder / CLASSES_FILE, outgoing.title, table, UNLABELLED)
    write_label_colors(folder / LABEL_COLORS, table, colors)
    palette = np.zeros((256, 3), dtype=np.uint8)
    palette[list(colors)] = list(colors.values())
    for sample in outgoing.samples():
        check_labels(sample, outgoing.classes)
        chunks = PngImagePlugin.PngInfo()
        chunks.add_itxt("image", encodable(sample.name))
        with atomic_write(inside(folder, files[sample.name])) as stream:
            Image.fromarray(palette[sample.labels]).save(
                stream, "PNG", pnginfo=chunks, compress_level=COMPRESSION
            )
    return files


def distinct(table: ClassTable) -> tuple[ClassTable, dict[int, Color]]:
    """The classes with a colour of their own each, and the colours by index, unlabelled's at 255."""
    spare = [tuple(color) for color in voc_palette()[::-1].tolist()]
    wanted = {entry.index: rgb(entry.color) for entry in table.active}
    colors: dict[int, Color] = {}
    for index, color in wanted.items():
        free = (one for one in spare if one not in colors.values() and one not in wanted.values())
        colors[index] = color if color not in colors.values() else next(free)
    colors[UNLABELLED] = next(one for one in spare if one not in colors.values())
    entries = (
        entry if entry.retired else replace(entry, color=as_hex(colors[entry.index]))
        for entry in table.classes
    )
    return replace(table, classes=tuple(entries)), colors


def write_label_colors(path: Path, table: ClassTable, colors: Mapping[int, Color]) -> None:
    """Write "r g b name" for every class and for unlabelled."""
    lines = [(entry.name, colors[entry.index]) for entry in table.active]
    lines.append((UNLABELLED_NAME, colors[UNLABELLED]))
    text = "".join(f"{red} {green} {blue} {' '.join(name.split())}\n" for name, (red, green, blue) in lines)
    with atomic_write(path) as stream:
        stream.write(text.encode())


def read_color_masks(folder: Path) -> Incoming:
    """Open a folder of colour masks. The table may lie in it or beside it; masks may lie in masks/.

    What is wholly transparent is unlabelled. Raises StudioError where the colours are too many for classes.
    """
    found = find_masks(folder)
    files = _annotations(found.files)
    places, paths = (found.root, found.root.parent), list(files.values())
    listed = find_table(places) or _named_by_line(places, paths)
    colors = _guessed(paths, found.root) if listed is None else listed
    lut = np.full(_ALL, _NOWHERE, dtype=np.uint16)
    for color, index in colors.indices.items():
        lut[_key(color)] = index

    def read(key: str, shape: Shape | None) -> Labels:
        path = files[key]
        picture = read_picture(path)
        check_shape(str(path), picture.shape, shape)
        keys = color_numbers(picture)
        labels = lut[keys]
        if picture.alpha is not None:
            labels[picture.alpha == 0] = UNLABELLED
        strange = labels == _NOWHERE
        if strange.any():
            raise _strange(path, keys[strange], picture, listed is None)
        return labels.astype(np.uint8)

    return Incoming(
        colors.table,
        tuple(files),
        read,
        notes=(*found.notes, *colors.notes),
        size=lambda key: header_size(files[key]),
    )


def _named_by_line(places: Sequence[Path], paths: Sequence[Path]) -> ColorTable | None:
    """The classes of a list of names, a line each: the colours are the masks' palette's, else VOC's."""
    lists = (inside(place, name) for place in places for name in NAME_LISTS)
    path = next((one for one in lists if one.is_file()), None)
    if path is None:
        return None
    first = next(iter(pictures(paths[:1])))
    palette = voc_palette() if first.palette is None else first.palette
    names = [line.strip() for line in text_of(path).splitlines()]
    named = [
        Named(name, (color[0], color[1], color[2]))
        for name, color in zip(names, palette.tolist(), strict=False)
        if name
    ]
    found = of_names(named, path, black=False)
    source = "Pascal VOC" if first.palette is None else "the first mask's palette"
    return replace(found, notes=(f"{path.name} names no colours: those of {source} are taken in order.",))


def _annotations(files: Mapping[str, Path]) -> Mapping[str, Path]:
    """Of CamVid's layout, train/ and trainannot/, the masks: those in folders whose name ends with annot."""
    chosen = {key: path for key, path in files.items() if key.partition("/")[0].endswith("annot")}
    return {key.replace("annot/", "/", 1): path for key, path in chosen.items()} or files


def _key(color: Color) -> int:
    return color[0] << 16 | color[1] << 8 | color[2]


def _color(key: int) -> Color:
    return key >> 16, key >> 8 & 255, key & 255


def colors_of(picture: MaskPicture) -> NDArray[np.uint8]:
    """The colours of a mask picture, uint8 (H, W, 3): its channels, its palette's, or greys."""
    if picture.colors is not None:
        return picture.colors
    assert picture.values is not None  # one of the two is there
    if picture.palette is not None:
        full = np.zeros((256, 3), dtype=np.uint8)
        full[: len(picture.palette)] = picture.palette
        return full[picture.values]
    top = 255 if picture.values.dtype == np.uint8 else 65535
    grey = (picture.values.astype(np.uint32) * 255 // top).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def color_numbers(picture: MaskPicture) -> NDArray[np.uint32]:
    """The colours as numbers, uint32 (H, W): red in the highest of three bytes."""
    if picture.values is not None and picture.palette is not None and picture.colors is None:
        by_index = np.zeros(256, dtype=np.uint32)
        by_index[: len(picture.palette)] = picture.palette.astype(np.uint32) @ _WEIGHTS
        return np.asarray(by_index[picture.values])
    channels = colors_of(picture)
    keys = channels[..., 0].astype(np.uint32)
    for channel in (1, 2):
        keys <<= 8
        keys |= channels[..., channel]
    return keys


_WEIGHTS = np.array([1 << 16, 1 << 8, 1], dtype=np.uint32)


def _strange(path: Path, keys: NDArray[np.uint32], picture: MaskPicture, guessed: bool) -> StudioError:
    """What to say of colours that no class has."""
    found, counts = np.unique(keys, return_counts=True)
    most = [as_hex(_color(int(key))) for key in found[np.argsort(-counts)][:5]]
    lossy = " It is a JPEG or WebP, which changes colours." if picture.lossy else ""
    if picture.lossy or len(found) > MOST:
        remedy = "Save the masks as PNG, without smoothed edges, where they were made."
    elif guessed:
        remedy = f"Put a {LABEL_COLORS} beside the masks that names every colour, a line like '0 128 0 tree'."
    else:
        remedy = "Add these colours to the table beside the masks."
    return StudioError(
        f"{path} has {keys.size} pixels of {len(found)} colours that are no class: {', '.join(most)}.{lossy}",
        remedy,
    )


def _guessed(paths: Sequence[Path], root: Path) -> ColorTable:
    """Classes made up from the colours of the masks. Raises StudioError where they are no classes."""
    seen = np.zeros(_ALL, dtype=np.bool_)
    area, looked, transparent, colorful = 0, 0, False, False
    for picture in pictures(spread(paths)):
        keys = color_numbers(picture)
        shown = keys if picture.alpha is None else keys[picture.alpha > 0]
        transparent |= picture.alpha is not None
        colorful |= picture.palette is not None or not _grey(picture) or picture.alpha is not None
        area, looked = area + keys.size, looked + 1
        if not seen[shown].all():
            seen[shown] = True
            count = int(np.count_nonzero(seen))
            if count > MOST:
                raise _too_many(root, count, picture)
        if area > ENOUGH:
            break
    colors = [_color(key) for key in np.flatnonzero(seen).tolist()]
    if not colorful and set(colors) - {BLACK, (255, 255, 255)}:
        raise StudioError(
            f"The masks in {root} are grey.", "Import them with a format of index masks instead."
        )
    found = _named(colors, root)
    notes = list(found.notes)
    if transparent:
        notes.append("What is wholly transparent becomes unlabelled.")
    if looked < len(paths):
        notes.append(f"{looked} of {len(paths)} masks were looked at for their colours.")
    return replace(found, notes=tuple(notes))


def _grey(picture: MaskPicture) -> bool:
    """Whether a pixel is a number rather than a colour."""
    return picture.values is not None


def _too_many(root: Path, count: int, picture: MaskPicture) -> StudioError:
    kind = "a lossy format, which changes colours" if picture.lossy else "photographs or have smoothed edges"
    return StudioError(
        f"The masks in {root} have more than {MOST} colours ({count} so far): they are {kind}.",
        "Save the masks as PNG, without smoothed edges, where they were made.",
    )


def _named(colors: Sequence[Color], root: Path) -> ColorTable:
    """Names for colours: those of a known palette that has them all, else their own codes."""
    telling = [color for color in colors if color != BLACK]
    known = {
        title: palette
        for title, palette in known_palettes().items()
        if len(telling) >= TELLING and all(color in palette for color in colors)
    }
    if not known:
        names = {color: "background" if color == BLACK else as_hex(color) for color in colors}
        found = of_names((Named(name, color) for color, name in names.items()), root, black=False)
        listed = ", ".join(_shown(found.table.active))
        return replace(
            found,
            notes=(f"No table of colours was found: the classes are called after them, {listed}.",),
        )
    title, palette = next(iter(known.items()))
    others = f" {' and '.join(list(known)[1:])} would fit as well." if len(known) > 1 else ""
    found = of_names((Named(palette[color], color) for color in colors), root, black=False)
    said = ", ".join(f"{entry.color} {entry.name}" for entry in found.table.active)
    voids = [as_hex(color) for color, index in found.indices.items() if index == UNLABELLED]
    void = f"; unlabelled: {', '.join(voids)}" if voids else ""
    note = (
        f"No table of colours was found: all are in {title}'s palette, whose names are taken ({said}{void})."
    )
    return replace(found, notes=(note + others,))


def _shown(entries: Iterable[PixelClass]) -> list[str]:
    return [f"{entry.color} {entry.name}" if entry.name != entry.color else entry.name for entry in entries]
