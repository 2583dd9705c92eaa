"""Where samples come from, before a run freezes them: a project, or images beside masks."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.classes import (
    DEFAULT_COLORS,
    UNLABELLED,
    ClassTable,
    PixelClass,
    read_classes_file,
)
from unet_studio.core.errors import StudioError
from unet_studio.core.files import find_images
from unet_studio.core.image_io import IMAGE_SUFFIXES, read_image
from unet_studio.core.project import Project, Status
from unet_studio.core.storage import read_index_png, read_json
from unet_studio.core.training_config import TrainingConfig, TrainingSource
from unet_studio.formats.matching import match

Labels = NDArray[np.uint8]
PARTS = ("train", "val", "test")
VALIDATION_SHARE = 6  # without a split, one image in so many validates
WHITE = 255  # what many binary masks write for the object
SAMPLED_MASKS = 50  # looked at to find out what pixel values mean when no classes.json says so


@dataclass(frozen=True)
class Candidate:
    """A sample on offer. truth(), painted(): class indices, uint8 (H, W), 255 unknown; painted may be None.

    painted: the pixels that a person changed, where that is known. part: train, val, test, or None: unsaid.
    """

    name: str
    image: Path
    truth: Callable[[], Labels]
    painted: Callable[[], Labels | None]
    part: str | None


@dataclass(frozen=True)
class Source:
    """All samples on offer, what their pixel values mean, and what a person should know of them."""

    classes: ClassTable
    candidates: tuple[Candidate, ...]
    notes: tuple[str, ...] = ()


def open_source(config: TrainingConfig) -> Source:
    """The samples that the settings name. Raises StudioError where there are none, or nothing is named."""
    given = config.source
    if given.project:
        source = _open_project(given, config.painted)
    elif given.images and given.masks:
        source = _open_folders(given)
    else:
        raise StudioError(
            "The run doesn't say where its samples come from.", "Name a project, or images and masks."
        )
    if not any(candidate.part != "test" for candidate in source.candidates):
        raise StudioError("There is no image to learn from.", _remedy(given, config.painted))
    return source


def _remedy(given: TrainingSource, painted: bool) -> str:
    if given.project is None:
        return "Check that the masks carry the names of their images, and that the split names them."
    choice = "" if painted else ", or let it learn from painted images too"
    return f"Approve at least one image{choice}."


def _open_project(given: TrainingSource, painted: bool) -> Source:
    project = Project.open(Path(given.project or ""), given.project_dir, writable=False)

    def truth(name: str) -> Labels:
        labels = project.truth(name)
        if labels is None:
            raise StudioError(f"The mask of {name} is gone.", "Approve the image again.")
        return labels

    def changed(name: str) -> Labels | None:
        found = project.read_annotation(name)
        return None if found is None else found[0]

    def candidate(name: str, part: str | None) -> Candidate:
        return Candidate(
            name, project.image_path(name), lambda: truth(name), lambda: changed(name), part or "train"
        )

    approved = [candidate(name, project.split.get(name)) for name in project.with_status(Status.APPROVED)]
    unfinished = project.with_status(Status.PAINTED) if painted else []
    # Painted pixels are the model's errors: no fair measure, so they train or are left out.
    started = [
        candidate(name, "train")
        for name in unfinished
        if project.split.get(name, "train") == "train" and project.annotation_path(name).is_file()
    ]
    return Source(project.classes, tuple(approved + started))


def _open_folders(given: TrainingSource) -> Source:
    images, masks = Path(given.images or ""), Path(given.masks or "")
    for folder in (images, masks):
        if not folder.is_dir():
            raise StudioError(f"There is no folder {folder}.", "Name the folders of images and of masks.")
    names = find_images(images, [] if masks == images else [masks])
    files = [path.relative_to(masks).as_posix() for path in sorted(masks.rglob("*")) if _is_mask(path)]
    matches = match([_key(file, names) for file in files], names)
    file_of = {_key(file, names): file for file in files}
    notes = []
    if matches.missing:
        notes.append(f"{len(matches.missing)} images have no mask and are left out.")
    if matches.unused:
        notes.append(f"{len(matches.unused)} masks belong to no image and are left out.")
    paths = {name: masks / file_of[key] for name, key in matches.pairs.items()}
    meaning = _read_meaning(given, masks, list(paths.values()))
    parts, said = _read_split(given, images, list(paths))
    candidates = tuple(
        Candidate(name, images / name, lambda name=name: meaning.read(paths[name]), lambda: None, parts[name])  # type: ignore[misc]
        for name in names
        if name in parts
    )
    return Source(meaning.classes, candidates, (*notes, *meaning.notes, *said))


def _is_mask(path: Path) -> bool:
    hidden = path.name.startswith(".")
    return path.suffix.lower() in IMAGE_SUFFIXES and not hidden and path.is_file()


def _key(file: str, names: list[str]) -> str:
    """A mask's file name without its own suffix, where what is left is an image's whole name (a.jpg.png)."""
    cut = file.rpartition(".")[0]
    return cut if cut in names else file


@dataclass(frozen=True)
class _Meaning:
    """What pixel values of mask files mean. lut: uint8 (256,), file value -> class index or 255."""

    classes: ClassTable
    lut: Labels
    notes: tuple[str, ...] = ()

    def read(self, path: Path) -> Labels:
        return np.asarray(self.lut[_read_mask(path)])


def _read_mask(path: Path) -> Labels:
    if path.suffix.lower() == ".png":
        return read_index_png(path)[0]
    pixels = read_image(path)
    if pixels.ndim != 2 or pixels.dtype != np.uint8:
        raise StudioError(
            f"{path} is not a mask of class indices: its pixels are {pixels.dtype} of shape {pixels.shape}.",
            "Save it as an 8-bit grey or palette PNG, or import it into a project as a colour mask.",
        )
    return pixels


def _read_meaning(given: TrainingSource, masks: Path, files: list[Path]) -> _Meaning:
    """By the classes.json named, or the one in or beside the masks; else by the values in the masks."""
    beside = [masks / "classes.json", masks.parent / "classes.json"]
    for path in [Path(given.classes)] if given.classes else [path for path in beside if path.is_file()]:
        table, ignore = read_classes_file(path)
        lut = np.arange(256, dtype=np.uint8)
        if ignore is not None:
            lut[ignore] = UNLABELLED
        note = () if given.classes else (f"The classes are those of {path}.",)
        return _Meaning(table, lut, note)
    values = _values(files)
    if values and values <= {0, WHITE}:
        lut = np.full(256, UNLABELLED, dtype=np.uint8)
        lut[[0, WHITE]] = 0, 1
        return _Meaning(ClassTable.binary(), lut, ("The masks are black and white: white is the object.",))
    found = sorted(values - {UNLABELLED})
    entries = tuple(
        PixelClass(
            value,
            "background" if value == 0 else f"class {value}",
            "#000000" if value == 0 else DEFAULT_COLORS[(value - 1) % len(DEFAULT_COLORS)],
        )
        for value in found
    )
    note = (f"No classes.json says what the pixel values mean; the classes are {found}, 255 is unknown.",)
    return _Meaning(ClassTable(entries, 0 if 0 in found else None), np.arange(256, dtype=np.uint8), note)


def _values(files: list[Path]) -> set[int]:
    """The values in a few masks, evenly spread."""
    step = max(1, len(files) // SAMPLED_MASKS)
    values: set[int] = set()
    for path in files[::step]:
        values |= {int(value) for value in np.unique(_read_mask(path))}
    return values


def _read_split(
    given: TrainingSource, images: Path, names: list[str]
) -> tuple[Mapping[str, str | None], list[str]]:
    """The part of every image that the split.json names (given, or beside the images), with notes on it.

    Without a split every image is there, its part unsaid.
    """
    beside = images.parent / "split.json"
    path = Path(given.split) if given.split else beside if beside.is_file() else None
    if path is None:
        return dict.fromkeys(names), []
    parts: dict[str, str | None] = {}
    value: Any = read_json(path)
    if not isinstance(value, dict) or not all(isinstance(value.get(part, []), list) for part in PARTS):
        raise StudioError(f"{path} is not a valid split.", 'Write {"train": [names], "val": [], "test": []}.')
    for part in PARTS:
        for name in value.get(part, []):
            if parts.setdefault(str(name), part) != part:
                raise StudioError(f"{path} puts {name} into two parts.", "Leave it in one of them.")
    notes = [] if given.split else [f"The split is that of {path}."]
    strangers = [name for name in parts if name not in names]
    if strangers:
        notes.append(f"{len(strangers)} names of the split have no image with a mask, {strangers[0]} first.")
    left = [name for name in names if name not in parts]
    if left:
        notes.append(f"{len(left)} images are not in the split and are left out, {left[0]} first.")
    return {name: part for name, part in parts.items() if name in set(names)}, notes


def automatic_part(image_hash: str) -> str:
    """train or val for an image without a place, by the hash of its file: stable, and the same for copies."""
    digest = hashlib.blake2b(image_hash.encode(), digest_size=4).digest()
    return "val" if int.from_bytes(digest) % VALIDATION_SHARE == 0 else "train"
