"""Pascal VOC: palette PNGs in SegmentationClass, lists of names in ImageSets, 255 for void.

Specification: "The PASCAL Visual Object Classes Challenge 2012 Development Kit", section 2.3; labelmap.txt,
which names the classes, is CVAT's and datumaro's. Background is 0, the classes follow in their order.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.classes import UNLABELLED, ClassTable, PixelClass
from unet_studio.core.errors import StudioError
from unet_studio.core.storage import atomic_write, read_index_png, write_index_png
from unet_studio.formats.matching import inside, mask_names
from unet_studio.formats.regions import BACKGROUND_NAMES, IGNORED_NAMES
from unet_studio.formats.sample import (
    Incoming,
    Labels,
    Outgoing,
    Shape,
    check_labels,
    check_shape,
    strange_values,
)
from unet_studio.formats.voc_names import NAMES, voc_palette

MASKS, LISTS = "SegmentationClass", "ImageSets/Segmentation"
COMPRESSION = 6  # zlib level


def write_voc(folder: Path, outgoing: Outgoing) -> Mapping[str, str]:
    """Write SegmentationClass, labelmap.txt and the lists of the split; sub-folders become part of a name."""
    files = {name: f"{MASKS}/{path}" for name, path in mask_names(outgoing.names).items()}
    table, palette = outgoing.classes, voc_palette()
    lut, names = _numbering(table)
    for sample in outgoing.samples():
        check_labels(sample, table)
        path = inside(folder, files[sample.name])
        write_index_png(path, lut[sample.labels], palette, {"image": sample.name}, COMPRESSION)
    lines = [f"{name}:{','.join(map(str, palette[number].tolist()))}::" for number, name in enumerate(names)]
    _write_lines(folder / "labelmap.txt", ["# label:color_rgb:parts:actions", *lines])
    for part, chosen in _parts(outgoing).items():
        stems = [files[name].removeprefix(f"{MASKS}/").removesuffix(".png") for name in chosen]
        _write_lines(folder / LISTS / f"{part}.txt", stems)
    return files


def _numbering(table: ClassTable) -> tuple[NDArray[np.uint8], list[str]]:
    """Look-up table, uint8 (256,), from the project's indices to VOC's, and the names in VOC's order."""
    lut = np.full(256, UNLABELLED, dtype=np.uint8)
    background = "background" if table.background is None else table.get(table.background).name
    others = [entry for entry in table.active if entry.index != table.background]
    if len(others) > UNLABELLED - 1:
        raise StudioError("Pascal VOC holds 254 classes beside the background.", "Choose another format.")
    odd = [entry.name for entry in table.active if ":" in entry.name or entry.name.startswith("#")]
    if odd:
        raise StudioError(f"labelmap.txt can't hold the name {odd[0]!r}.", "Rename that class.")
    if table.background is not None:
        lut[table.background] = 0
    for number, entry in enumerate(others, 1):
        lut[entry.index] = number
    return lut, [background, *(entry.name for entry in others)]


def _parts(outgoing: Outgoing) -> dict[str, list[str]]:
    """The lists to write: trainval holds everything that is not for testing."""
    parts: dict[str, list[str]] = {"train": [], "val": [], "test": [], "trainval": []}
    for name in outgoing.names:
        part = outgoing.split.get(name, "")
        if part in parts:
            parts[part].append(name)
        if part != "test":
            parts["trainval"].append(name)
    return {part: names for part, names in parts.items() if names}


def _write_lines(path: Path, lines: list[str]) -> None:
    with atomic_write(path) as stream:
        stream.write(("\n".join(lines) + "\n").encode())


def read_voc(folder: Path) -> Incoming:
    """Open a folder with SegmentationClass, or one around it. Without labelmap.txt, VOC's own 20 classes."""
    root = _root(folder)
    table, note = _classes(root)
    files = {
        path.relative_to(root / MASKS).as_posix().removesuffix(".png"): path
        for path in sorted((root / MASKS).rglob("*.png"))
        if path.is_file() and not path.name.startswith(".")
    }
    if not files:
        raise StudioError(
            f"{root / MASKS} holds no PNG masks.", "Choose the folder that VOC was unpacked to."
        )

    def read(key: str, shape: Shape | None) -> Labels:
        labels, _ = read_index_png(files[key])
        check_shape(str(files[key]), labels.shape, shape)
        strange = strange_values(labels, table)
        if strange:
            raise StudioError(
                f"{files[key]} has pixel values that are no classes: {strange}.",
                f"Put a labelmap.txt beside {MASKS} that names them.",
            )
        return labels

    return Incoming(table, tuple(files), read, notes=(note,) if note else ())


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


def _classes(root: Path) -> tuple[ClassTable, str]:
    """The classes by index, and what a person should know of where they come from."""
    for name in ("labelmap.txt", "class_names.txt"):
        if (root / name).is_file():
            text = (root / name).read_text(encoding="utf-8", errors="replace")
            lines = [line.strip() for line in text.splitlines()]
            names = [line.split(":")[0] for line in lines if line and not line.startswith("#")]
            return _table(root / name, names), ""
    return _table(root, list(NAMES)), "There is no labelmap.txt: the classes are VOC's own 20."


def _table(path: Path, names: list[str]) -> ClassTable:
    palette = voc_palette()
    entries = [
        PixelClass(number, name, "#{:02x}{:02x}{:02x}".format(*palette[number]))
        for number, name in enumerate(names[:UNLABELLED])
        if name.casefold() not in IGNORED_NAMES
    ]
    if len({entry.name for entry in entries}) < len(entries):
        raise StudioError(f"{path} names a class twice.", "Give each class a name of its own.")
    first = names[0].casefold() if names else ""
    background = 0 if first in BACKGROUND_NAMES or not first else None
    return ClassTable(tuple(entries), background)
