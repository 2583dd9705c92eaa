"""Reading index masks: a folder of pictures whose pixel value is a class, with or without a list of classes.

The list is, in this order, a classes.json; ISAT's classification.txt; the class_names.txt and label_names.txt
of labelme's converters, a name a line, the first for 0; X-AnyLabeling's mask_grayscale_map.json. Without one
the classes are called after their numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from unet_studio.core.classes import (
    DEFAULT_COLORS,
    UNLABELLED,
    ClassTable,
    PixelClass,
    read_classes_file,
)
from unet_studio.core.errors import StudioError
from unet_studio.core.storage import read_json
from unet_studio.formats.color_tables import text_of
from unet_studio.formats.found_values import Meaning, classes_of, look
from unet_studio.formats.mask_pictures import MaskPicture, find_masks, header_size, read_picture
from unet_studio.formats.matching import inside
from unet_studio.formats.regions import BACKGROUND_NAMES, IGNORED_NAMES
from unet_studio.formats.sample import Incoming, Labels, Shape, check_shape

CLASSES_FILE = "classes.json"
NAME_LISTS = ("classification.txt", "class_names.txt", "label_names.txt")
GREY_MAP = "mask_grayscale_map.json"
LARGEST = 65535  # the number that 16 bit hold
_DARK, _BRIGHT, _CLEAR = 64, 192, 0.995  # a lossy mask is black and white where so many pixels are
_PICTURE = Callable[[Path], MaskPicture]


@dataclass(frozen=True)
class _Listed:
    """A list of classes. table: None where the numbers are the project's own. meaning: of the numbers.

    ignore: the number that means void, where it says one. read: how the numbers of a picture are found.
    """

    path: Path
    table: ClassTable | None
    meaning: Meaning
    ignore: int | None
    read: _PICTURE
    notes: tuple[str, ...] = ()


def read_index_masks(
    folder: Path, classes: Path | None = None, ignore_index: int | None = None, guess: bool = True
) -> Incoming:
    """Open a folder of index masks. A list of classes may lie in it or beside it; masks may lie in masks/.

    classes: another classes.json to go by. ignore_index: another pixel value that means void. guess: without
    a list, make classes up from the numbers; else they are the project's own class indices, 255 unlabelled.
    """
    found = find_masks(folder)
    files, paths = found.files, list(found.files.values())
    listed = _listed(found.root, classes, ignore_index)
    chosen = _black_and_white(listed, paths) if listed else _unlisted(found.root, paths, ignore_index, guess)

    def read(key: str, shape: Shape | None) -> Labels:
        path = files[key]
        values = chosen.read(path).values
        assert values is not None  # numbers_of sees to that
        check_shape(str(path), (values.shape[0], values.shape[1]), shape)
        strange = chosen.meaning.strange(values)
        if strange:
            raise StudioError(
                f"{path} has pixel values that are no classes: {strange[:20]}.",
                f"Add them to {chosen.path.name}, which knows {chosen.table.describe()}."
                if listed and chosen.table
                else f"Put a {CLASSES_FILE} beside the masks that names them.",
            )
        return chosen.meaning.labels(values)

    return Incoming(
        chosen.table,
        tuple(files),
        read,
        notes=(*found.notes, *_lossy(paths), *chosen.notes),
        size=lambda key: header_size(files[key]),
        numbered=listed is None and guess,
    )


def _unlisted(root: Path, paths: list[Path], ignore_index: int | None, guess: bool) -> _Listed:
    """What the numbers mean where no list says it."""
    if guess:
        table, meaning, notes = classes_of(look(paths, numbers_of), root)
        return _Listed(root, table, meaning, None, numbers_of, notes)
    void = UNLABELLED if ignore_index is None else ignore_index
    own = Meaning.of({**{value: value for value in range(256)}, void: UNLABELLED})
    return _Listed(root, None, own, void, numbers_of)


def numbers_of(path: Path) -> MaskPicture:
    """A mask picture of which every pixel has a number. Raises StudioError where it is one of colours."""
    picture = read_picture(path)
    if picture.values is None:
        raise StudioError(
            f"{path} is not a mask of class indices (its pixels are colours).",
            "Import it with the format of colour masks, or save it as an 8-bit palette or grey PNG.",
        )
    if picture.alpha is not None and picture.palette is None:
        raise StudioError(
            f"{path} has transparent pixels, which are no class indices.",
            "Import it with the format of colour masks, where what is transparent is unlabelled.",
        )
    if not picture.lossy:
        return picture
    values = picture.values
    clear = np.count_nonzero((values < _DARK) | (values >= _BRIGHT))
    if clear < _CLEAR * values.size:
        raise StudioError(
            f"{path} is a JPEG or WebP, which does not keep pixel values.",
            "Save the masks as PNG or TIFF where they were made.",
        )
    return replace(picture, values=(values >= 128).astype(np.uint8) * np.uint8(255), colors=None)


def _lossy(paths: list[Path]) -> tuple[str, ...]:
    """What to say of masks in a lossy format, as the first one shows."""
    if paths[0].suffix.lower() not in (".jpg", ".jpeg", ".webp"):
        return ()
    try:
        lossy = read_picture(paths[0]).lossy
    except StudioError:
        return ()
    if not lossy:
        return (f"{paths[0].name} is no JPEG in truth, but keeps every pixel.",)
    return ("The masks are lossy pictures in black and white: from 128 on a pixel counts as white.",)


def _listed(root: Path, classes: Path | None, ignore_index: int | None) -> _Listed | None:
    """The list of classes that was chosen, or lies in the folder or beside it."""
    if classes is not None:
        return _from_classes_file(classes, ignore_index)
    for place in (root, root.parent):
        if inside(place, CLASSES_FILE).is_file():
            return _from_classes_file(place / CLASSES_FILE, ignore_index)
    for place in (root, root.parent):
        for name in NAME_LISTS:
            if inside(place, name).is_file():
                return _from_names(place / name)
        if inside(place, GREY_MAP).is_file():
            return _from_grey_map(place / GREY_MAP)
    return None


def _from_classes_file(path: Path, ignore_index: int | None) -> _Listed:
    """A classes.json; its indices may be numbers up to 65535, which then get indices of their own."""
    value = read_json(path)
    high = _high_numbers(value)
    if not high:
        table, ignore = read_classes_file(path)
        ignore = ignore if ignore_index is None else ignore_index
        indices = {entry.index: entry.index for entry in table.classes}
    else:
        table, indices = _renumbered(path, value, high)
        ignore = value.get("ignore_index") if ignore_index is None else ignore_index
    indices.setdefault(UNLABELLED, UNLABELLED)
    if isinstance(ignore, int) and 0 <= ignore <= LARGEST:
        indices[ignore] = UNLABELLED
    notes = (f"Numbers above 254 got class indices of their own: {len(high)}.",) if high else ()
    return _Listed(path, table, Meaning.of(indices), ignore, numbers_of, notes)


def _high_numbers(value: Any) -> list[int]:
    """The numbers above 254 that a classes.json names; none where it is malformed, which others say."""
    try:
        numbers = [entry["index"] for entry in value["classes"]]
        ignore = value.get("ignore_index")
    except (KeyError, TypeError, AttributeError):
        return []
    return [n for n in numbers if type(n) is int and UNLABELLED <= n <= LARGEST and n != ignore]


def _renumbered(path: Path, value: Any, high: list[int]) -> tuple[ClassTable, dict[int, int]]:
    """The classes of a classes.json with numbers above 254, and number -> class index."""
    ignore = value.get("ignore_index")
    entries = [entry for entry in value["classes"] if entry["index"] != ignore]
    low = {entry["index"] for entry in entries} - set(high)
    free = iter(sorted(set(range(UNLABELLED)) - low))
    if len(entries) > UNLABELLED or len({entry["index"] for entry in entries}) < len(entries):
        raise StudioError(f"{path} names over 255 classes, or a number twice.", "Shorten the list.")
    indices = {number: number if number in low else next(free) for number in sorted(low) + sorted(high)}
    classes = [{**entry, "index": indices[entry["index"]]} for entry in entries]
    background = value.get("background")
    facts = {"classes": classes}
    if isinstance(background, int):
        facts["background"] = indices.get(background)  # type: ignore[assignment]
    return ClassTable.from_json(facts), indices


def _from_names(path: Path) -> _Listed:
    """A name a line, the first one for 0."""
    names = [line.strip() for line in text_of(path).splitlines()]
    while names and not names[-1]:
        names.pop()
    if len(names) > UNLABELLED:
        raise StudioError(f"{path} names over 255 classes.", "Shorten the list.")
    return _Listed(path, *_named(path, dict(enumerate(names))), None, numbers_of)


def _from_grey_map(path: Path) -> _Listed:
    """X-AnyLabeling: {"type": "grayscale", "colors": {"pet": 255}}; what is under no shape is 0.

    It stores such masks with a palette as well: then the grey of a number's colour counts.
    """
    value = read_json(path)
    colors = value.get("colors") if isinstance(value, dict) else None
    if not isinstance(colors, dict) or not all(
        type(grey) is int and 0 <= grey <= UNLABELLED for grey in colors.values()
    ):
        raise StudioError(f"{path} is no map from class to grey.", "Export the masks again.")
    greys = {0: "background", **{grey: str(name) for name, grey in colors.items()}}
    if len(greys) < len(colors) + (0 not in colors.values()):
        raise StudioError(f"{path} gives two classes the same grey.", "Give each one of its own.")
    order = sorted(greys)
    table, ranks = _named(path, {rank: greys[grey] for rank, grey in enumerate(order)})
    meaning = Meaning.of({grey: int(ranks.lut[rank]) for rank, grey in enumerate(order)})
    return _Listed(path, table, meaning, None, _greys_of)


def _greys_of(path: Path) -> MaskPicture:
    """A mask whose numbers are greys, also where it is stored with a palette of greys."""
    picture = numbers_of(path)
    palette = picture.palette
    if palette is None or picture.values is None:
        return picture
    full = np.zeros(256, dtype=np.uint8)
    full[: len(palette)] = palette[:, 0]
    return replace(picture, values=full[picture.values])


def _named(path: Path, names: dict[int, str]) -> tuple[ClassTable, Meaning]:
    """Classes from number -> name; names that mean "ignore" become unlabelled."""
    entries, indices = [], {UNLABELLED: UNLABELLED}
    background = None
    for number, name in sorted(names.items()):
        folded = name.casefold()
        if not name or folded in IGNORED_NAMES:
            indices[number] = UNLABELLED
            continue
        indices[number] = number
        color = "#000000" if number == 0 else DEFAULT_COLORS[(number - 1) % len(DEFAULT_COLORS)]
        entries.append(PixelClass(number, name, color))
        if folded in BACKGROUND_NAMES:
            background = number
    if len({entry.name for entry in entries}) < len(entries):
        raise StudioError(f"{path} names a class twice.", "Give each class a name of its own.")
    return ClassTable(tuple(entries), background), Meaning.of(indices)


def _black_and_white(listed: _Listed, paths: list[Path]) -> _Listed:
    """Masks of 0 and 255 alone, where the list has two classes and no void: 255 is the other class then."""
    table = listed.table or ClassTable(())
    if listed.ignore is not None or len(table.indices) != 2 or 0 not in table.indices:
        return listed
    other = max(table.indices)
    if listed.read is not numbers_of or not look(paths, numbers_of, only_binary=True).binary:
        return listed
    name = table.get(other).name
    note = f"Only 0 and 255 occur: 255 is taken for {name}, not for unlabelled."
    meaning = Meaning.of({0: 0, UNLABELLED: other, LARGEST: other})
    return replace(listed, meaning=meaning, notes=(*listed.notes, note))
