"""Images beside masks: which mask belongs to which image, and what the values of its pixels mean.

What the masks mean is said by the setting values, else by a classes.json, a list of names or a table of
colours in the folder of the masks or beside it, else by what is in them; see unet_studio.formats.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.candidates import Candidate, Labels, Source
from unet_studio.core.classes import DEFAULT_COLORS, UNLABELLED, ClassTable, PixelClass, read_classes_file
from unet_studio.core.errors import StudioError
from unet_studio.core.files import find_images
from unet_studio.core.training_config import TrainingSource
from unet_studio.core.words import left_out
from unet_studio.formats.found_values import Meaning
from unet_studio.formats.index_masks import numbers_of
from unet_studio.formats.mask_folder import read_mask_folder
from unet_studio.formats.mask_pictures import MaskFiles, find_masks
from unet_studio.formats.matching import match
from unet_studio.formats.regions import BACKGROUND_NAMES, IGNORED_NAMES
from unet_studio.formats.sample import Incoming

IMAGES = ("images", "image", "imgs", "img", "JPEGImages")  # where the images lie in a folder around them
OTHERS = "*"  # in values: all numbers that are not named
LARGEST = 65535  # the largest number of a mask


def open_folders(given: TrainingSource, values: str) -> Source:
    """The samples of a folder of images and one of masks. values: what pixels mean, see parse_values."""
    images, masks = _folder(given.images), _folder(given.masks)
    images = _image_root(images, masks)
    found = find_masks(masks)
    incoming = _open_masks(given, found, values)
    names = _images(images, found)
    matches = match(list(incoming.keys), names)
    notes = [*incoming.notes]
    if matches.missing:
        notes.append(left_out(matches.missing, "with no mask"))
    if matches.unused:
        notes.append(
            f"{len(matches.unused)} masks belong to no image and are left out, {matches.unused[0]} first."
        )
    if not matches.pairs:
        raise StudioError(
            f"No mask in {found.root} has the name of an image in {images}.",
            "Give every mask the name of its image, with a suffix of its own.",
        )
    candidates = tuple(
        Candidate(name, images / name, _reader(incoming, matches.pairs[name]))
        for name in names
        if name in matches.pairs
    )
    assert incoming.classes is not None  # read with guess, they always have some
    split = images.parent / "split.json"
    return Source(incoming.classes, candidates, tuple(notes), split=split if split.is_file() else None)


def _folder(path: str | None) -> Path:
    folder = Path(path or "")
    if not folder.is_dir():
        raise StudioError(f"There is no folder {folder}.", "Name the folders of images and of masks.")
    return folder


def _image_root(folder: Path, masks: Path) -> Path:
    """The folder of the images in the folder of a data set, as find_masks finds that of the masks."""
    within = [folder / name for name in IMAGES if (folder / name).is_dir()]
    if within and masks.resolve() in (folder.resolve(), *(place.resolve() for place in folder.iterdir())):
        return within[0]
    return folder


def _images(images: Path, found: MaskFiles) -> list[str]:
    """The images' names; masks that lie among them are none."""
    skip = [] if found.root == images else [found.root]
    names = find_images(images, skip)
    own = {path for path in found.files.values() if path.is_relative_to(images)}
    return [name for name in names if images / name not in own] if own else names


def _reader(incoming: Incoming, key: str) -> Callable[[], Labels]:
    return lambda: incoming.read(key, None)


def _open_masks(given: TrainingSource, found: MaskFiles, values: str) -> Incoming:
    """The masks with what their pixels mean."""
    listed = Path(given.classes) if given.classes else None
    if values:
        return _by_values(found, values, None if listed is None else read_classes_file(listed)[0])
    return read_mask_folder(found.root, listed)


def _by_values(found: MaskFiles, text: str, table: ClassTable | None) -> Incoming:
    """Masks whose numbers mean what the setting values says."""
    classes, meaning = parse_values(text, table)

    def read(key: str, _shape: object) -> Labels:
        numbers = numbers_of(found.files[key]).values
        assert numbers is not None  # numbers_of sees to that
        strange = meaning.strange(numbers)
        if strange:
            raise StudioError(
                f"{found.files[key]} has pixel values that values does not name: {strange[:20]}.",
                f"Name them, or add {OTHERS}=ignore for all others.",
            )
        return meaning.labels(numbers)

    return Incoming(classes, tuple(found.files), read, notes=found.notes)


@dataclass(frozen=True)
class _Assignment:
    """A part of the setting values. number: None for all others. name: of a class, or one for "ignore"."""

    number: int | None
    name: str


def parse_values(text: str, table: ClassTable | None = None) -> tuple[ClassTable, Meaning]:
    """What "1=pet,2=background,3=pet" says: the classes, and which number becomes which.

    The class background is 0 and the background; the others follow in their order. "ignore" is no class, "*"
    stands for all other numbers. table: classes to choose from; without it, they are made of the names.
    Raises StudioError where the text is malformed, or names no class of the table.
    """
    said = [_assignment(part) for part in text.split(",") if part.strip()]
    numbers = [one.number for one in said]
    if len(set(numbers)) < len(numbers):
        raise StudioError(f"values names a number twice: {text!r}.", "Name every number once.")
    names = list(dict.fromkeys(one.name for one in said if one.name.casefold() not in IGNORED_NAMES))
    classes = table or _named(names)
    indices: dict[int, int] = {}
    others: int | None = None
    for one in said:
        index = UNLABELLED if one.name.casefold() in IGNORED_NAMES else _index_of(classes, one.name)
        if one.number is None:
            others = index
        else:
            indices[one.number] = index
    meaning = Meaning.of(indices)
    if others is not None:
        rest = ~meaning.known
        meaning = Meaning(np.where(rest, np.uint8(others), meaning.lut), np.ones_like(meaning.known))
    return classes, meaning


def _assignment(part: str) -> _Assignment:
    number, equals, name = (piece.strip() for piece in part.partition("="))
    if not equals or not name or not (number == OTHERS or (number.isdecimal() and int(number) <= LARGEST)):
        raise StudioError(
            f"values can't be understood at {part.strip()!r}.", "Write 1=pet,2=background,3=pet, for example."
        )
    return _Assignment(None if number == OTHERS else int(number), name)


def _named(names: Sequence[str]) -> ClassTable:
    """Classes of these names, the background first."""
    ordered = sorted(names, key=lambda name: name.casefold() not in BACKGROUND_NAMES)
    ground = bool(ordered) and ordered[0].casefold() in BACKGROUND_NAMES
    entries = []
    for index, name in enumerate(ordered):
        dark = index == 0 and ground
        color = "#000000" if dark else DEFAULT_COLORS[(index - ground) % len(DEFAULT_COLORS)]
        entries.append(PixelClass(index, name, color))
    return ClassTable(tuple(entries), 0 if ground else None)


def _index_of(classes: ClassTable, name: str) -> int:
    entry = classes.named(name)
    if entry is None:
        raise StudioError(f"There is no class {name!r}.", f"The classes are {classes.describe()}.")
    return entry.index
