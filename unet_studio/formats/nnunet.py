"""nnU-Net v2: a raw data set folder with numbered channels, labels and dataset.json.

Specification: nnU-Net's documentation/dataset_format.md and documentation/ignore_label.md. Images become
PNGs, as its lossless NaturalImage2DIO reads them; what nobody labelled becomes its "ignore", which is exactly
what a half-corrected mask is. Cases are flat, so cases.json says which image each one is.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unet_studio.core.classes import DEFAULT_COLORS, UNLABELLED, ClassTable, PixelClass
from unet_studio.core.display import Display
from unet_studio.core.errors import StudioError
from unet_studio.core.image_io import read_image
from unet_studio.core.storage import atomic_write, read_index_png, read_json, write_json
from unet_studio.formats.matching import flat_names, inside
from unet_studio.formats.regions import BACKGROUND_NAMES
from unet_studio.formats.sample import (
    Incoming,
    Labels,
    Outgoing,
    Shape,
    check_labels,
    check_shape,
    strange_values,
)

IMAGES, LABELS, CASES = "imagesTr", "labelsTr", "cases.json"
IGNORE = "ignore"  # the name that nnU-Net looks for; its number must be the highest
COMPRESSION = 6


def write_nnunet(folder: Path, outgoing: Outgoing) -> Mapping[str, str]:
    """Write dataset.json, labelsTr and, where the images are at hand, imagesTr."""
    cases = flat_names(outgoing.names)
    lut, names = _numbering(outgoing.classes)
    channels: set[int] = set()
    for sample in outgoing.samples():
        check_labels(sample, outgoing.classes)
        case = cases[sample.name]
        with atomic_write(inside(folder, f"{LABELS}/{case}.png")) as stream:
            Image.fromarray(lut[sample.labels]).save(stream, "PNG", compress_level=COMPRESSION)
        if outgoing.picture is not None:
            channels.add(_write_image(outgoing.picture(sample.name), inside(folder, _image_file(case))))
    if len(channels) > 1:
        raise StudioError(
            "Some of the images are grey and some in colour, which nnU-Net can't mix.",
            "Convert them all to one kind first.",
        )
    write_json(folder / CASES, {case: name for name, case in cases.items()})
    write_json(folder / "dataset.json", _facts(outgoing, names, channels))
    return {name: f"{LABELS}/{case}.png" for name, case in cases.items()}


def _image_file(case: str) -> str:
    return f"{IMAGES}/{case}_0000.png"


def _numbering(table: ClassTable) -> tuple[NDArray[np.uint8], dict[str, int]]:
    """Look-up table, uint8 (256,), to consecutive numbers, and dataset.json's labels."""
    background = "background"
    names = {background: 0}
    lut = np.zeros(256, dtype=np.uint8)
    for entry in table.active:
        if entry.index == table.background:
            continue
        if entry.name.casefold() in (background, IGNORE):
            raise StudioError(f"nnU-Net keeps the name {entry.name!r} for itself.", "Rename that class.")
        lut[entry.index] = names[entry.name] = len(names)
    if len(names) > UNLABELLED:
        raise StudioError("nnU-Net's 8-bit labels hold 254 classes.", "Choose another format.")
    lut[UNLABELLED] = names[IGNORE] = len(names)
    return lut, names


def _write_image(source: Path, target: Path) -> int:
    """The image as an 8-bit PNG, grey or RGB; returns its channels."""
    image = read_image(source)
    if image.dtype != np.uint8:
        shown = Display.of(image).apply(image)
        image = shown if image.ndim == 3 else shown[..., 0]
    if image.ndim == 3:
        image = image[..., :3] if image.shape[2] >= 3 else image[..., 0]
    with atomic_write(target) as stream:
        Image.fromarray(np.ascontiguousarray(image)).save(stream, "PNG", compress_level=1)
    return 1 if image.ndim == 2 else 3


def _facts(outgoing: Outgoing, names: dict[str, int], channels: set[int]) -> dict[str, Any]:
    grey = channels == {1}
    return {
        "name": outgoing.title,
        "channel_names": {"0": "grey"} if grey else {"0": "R", "1": "G", "2": "B"},
        "labels": names,
        "numTraining": len(outgoing.names),
        "file_ending": ".png",
        "overwrite_image_reader_writer": "NaturalImage2DIO",
    }


def read_nnunet(folder: Path) -> Incoming:
    """Open a data set folder that holds dataset.json and labelsTr with PNG labels."""
    if not (folder / "dataset.json").is_file():
        raise StudioError(f"There is no {folder / 'dataset.json'}.", "Choose the folder DatasetXXX_Name.")
    facts = read_json(folder / "dataset.json")
    table, ignore = _classes(folder / "dataset.json", facts)
    names = read_json(folder / CASES) if (folder / CASES).is_file() else {}
    files = {}
    for path in sorted((folder / LABELS).glob("*.png")):
        files[str(names.get(path.stem, path.stem)) if isinstance(names, dict) else path.stem] = path
    if not files:
        raise StudioError(
            f"{folder / LABELS} holds no PNG labels.", "Export them as PNG; others aren't read."
        )

    def read(key: str, shape: Shape | None) -> Labels:
        labels, _ = read_index_png(files[key])
        check_shape(str(files[key]), labels.shape, shape)
        if ignore is not None:
            labels = np.where(labels == ignore, np.uint8(UNLABELLED), labels)
        strange = strange_values(labels, table)
        if strange:
            raise StudioError(
                f"{files[key]} has pixel values that are no classes: {strange}.", "Add them to dataset.json."
            )
        return labels

    return Incoming(table, tuple(files), read)


def _classes(path: Path, facts: Any) -> tuple[ClassTable, int | None]:
    """The classes by number, and the number that means "ignore"."""
    try:
        labels = {str(name): number for name, number in facts["labels"].items()}
        if any(type(number) is not int or not 0 <= number < UNLABELLED for number in labels.values()):
            raise ValueError("its labels are not numbers from 0 to 254 (regions can't be imported)")
        ignore = labels.pop(IGNORE, None)
        entries = tuple(
            PixelClass(
                number, name, "#000000" if number == 0 else DEFAULT_COLORS[number % len(DEFAULT_COLORS)]
            )
            for name, number in sorted(labels.items(), key=lambda item: item[1])
        )
        first = next((entry for entry in entries if entry.index == 0), None)
        background = 0 if first is not None and first.name.casefold() in BACKGROUND_NAMES else None
        return ClassTable(entries, background), ignore
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StudioError(f"{path} is not usable: {error}.", "Write it as nnU-Net's manual says.") from error
