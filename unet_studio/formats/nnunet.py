"""nnU-Net v2: a raw data set folder with numbered channels, labels and dataset.json.

Specification: nnU-Net's documentation/dataset_format.md and documentation/ignore_label.md; what its
experiment_planning/verify_dataset_integrity.py looks at holds here. Images become PNGs of 8 or 16 bit, the
way they are seen, as its lossless NaturalImage2DIO (imageio/natural_image_reader_writer.py) reads them: three
channels in one file count as three. What nobody labelled becomes its "ignore", which is exactly what a
half-corrected mask is. Images for testing go to imagesTs and labelsTs, as its own
dataset_conversion/Dataset120_RoadSegmentation.py does it. Cases are flat, so cases.json says which image each
one is.
"""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unet_studio.core import tiff
from unet_studio.core.classes import DEFAULT_COLORS, UNLABELLED, ClassTable, PixelClass
from unet_studio.core.display import Display
from unet_studio.core.errors import StudioError
from unet_studio.core.image_io import read_image
from unet_studio.core.storage import atomic_write, read_json, write_json
from unet_studio.formats.found_values import Meaning
from unet_studio.formats.index_masks import numbers_of
from unet_studio.formats.mask_pictures import header_size, leads_out
from unet_studio.formats.matching import flat_names, inside
from unet_studio.formats.regions import BACKGROUND_NAMES
from unet_studio.formats.sample import Incoming, Labels, Outgoing, Shape, check_labels, check_shape

IMAGES, LABELS, CASES, SPLITS = "images", "labels", "cases.json", "splits_final.json"
TRAINING, TESTING = "Tr", "Ts"  # how the folders of images and labels end
READ = (".png", ".tif", ".tiff", ".bmp")  # endings of NaturalImage2DIO
IGNORE = "ignore"  # the name that nnU-Net looks for; its number must be the highest
COMPRESSION = 6


def write_nnunet(folder: Path, outgoing: Outgoing) -> Mapping[str, str]:
    """Write dataset.json, labelsTr and, where the images are at hand, imagesTr; the test part as Ts.

    Where images are for validation, splits_final.json says so: nnU-Net goes by it once it lies in its folder
    of preprocessed data (documentation/manual_data_splits.md).
    """
    cases = flat_names(outgoing.names)
    parts = {name: TESTING if outgoing.split.get(name) == "test" else TRAINING for name in outgoing.names}
    files = {name: f"{LABELS}{parts[name]}/{case}.png" for name, case in cases.items()}
    lut, names = _numbering(outgoing.classes)
    kinds: dict[int, str] = {}
    for sample in outgoing.samples():
        check_labels(sample, outgoing.classes)
        with atomic_write(inside(folder, files[sample.name])) as stream:
            Image.fromarray(lut[sample.labels]).save(stream, "PNG", compress_level=COMPRESSION)
        if outgoing.picture is not None:
            target = inside(folder, f"{IMAGES}{parts[sample.name]}/{cases[sample.name]}_0000.png")
            kinds.setdefault(_write_image(outgoing.picture(sample.name), target), sample.name)
    if len(kinds) > 1:
        raise StudioError(
            f"{kinds[1]} is grey and {kinds[3]} in colour, and nnU-Net wants the same channels everywhere.",
            "Convert all images to one kind first, or export those of each kind by themselves.",
        )
    count = sum(parts[name] == TRAINING and (folder / file).is_file() for name, file in files.items())
    val = [cases[name] for name in outgoing.names if outgoing.split.get(name) == "val"]
    if val:
        held = set(val)
        train = [case for name, case in cases.items() if parts[name] == TRAINING and case not in held]
        write_json(folder / SPLITS, [{"train": train, "val": val}])
    write_json(folder / CASES, {case: name for name, case in cases.items()})
    write_json(folder / "dataset.json", _facts(outgoing.title, names, kinds, count))
    return files


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
    """The image as it is seen, as a PNG, grey or RGB, of 8 or 16 bit; returns its channels.

    Alpha is left out. Floating-point values, which no PNG holds, become 8 bit as they are shown.
    """
    image = read_image(source)
    if image.dtype not in (np.uint8, np.uint16):
        shown = Display.of(image).apply(image)
        image = shown if image.ndim == 3 else shown[..., 0]
    if image.ndim == 3:
        image = image[..., :3] if image.shape[2] >= 3 else image[..., 0]
    with atomic_write(target) as stream:
        stream.write(_as_png(np.ascontiguousarray(image)))
    return 1 if image.ndim == 2 else 3


def _as_png(image: NDArray[Any]) -> bytes:
    """A PNG of grey or RGB, uint8 or uint16; Pillow can't write 16-bit RGB, OpenCV can."""
    if image.ndim == 3 and image.dtype == np.uint16:
        done, data = tiff.opencv().imencode(".png", image[..., ::-1])
        if not done:
            raise StudioError("An image of 16-bit colours can't be written as PNG.", "Convert it to 8 bit.")
        return bytes(data)
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def _facts(title: str, names: dict[str, int], kinds: Mapping[int, str], count: int) -> dict[str, Any]:
    return {
        "name": title,
        "channel_names": {"0": "grey"} if 1 in kinds else {"0": "R", "1": "G", "2": "B"},
        "labels": names,
        "numTraining": count,
        "file_ending": ".png",
        "overwrite_image_reader_writer": "NaturalImage2DIO",
    }


def read_nnunet(folder: Path) -> Incoming:
    """Open a data set folder that holds dataset.json and labelsTr with labels as PNG, TIFF or BMP."""
    if not inside(folder, "dataset.json").is_file():
        raise StudioError(f"There is no {folder / 'dataset.json'}.", "Choose the folder DatasetXXX_Name.")
    table, meaning = _classes(folder / "dataset.json", read_json(folder / "dataset.json"))
    files = _labels(folder)

    def read(key: str, shape: Shape | None) -> Labels:
        values = numbers_of(files[key]).values
        assert values is not None  # numbers_of sees to that
        check_shape(str(files[key]), (values.shape[0], values.shape[1]), shape)
        strange = meaning.strange(values)
        if strange:
            raise StudioError(
                f"{files[key]} has pixel values that are no classes: {strange[:20]}.",
                "Add them to dataset.json.",
            )
        return meaning.labels(values)

    return Incoming(table, tuple(files), read, size=lambda key: header_size(files[key]))


def _labels(folder: Path) -> dict[str, Path]:
    """The files of labels by the image's name, as far as cases.json tells it, else by case."""
    names = read_json(folder / CASES) if inside(folder, CASES).is_file() else {}
    files, others = {}, set()
    for part in (TRAINING, TESTING):
        place = folder / f"{LABELS}{part}"
        for path in sorted(place.iterdir()) if place.is_dir() else ():
            if path.name.startswith(".") or not path.is_file() or leads_out(path, folder):
                continue
            if path.suffix.lower() not in READ:
                others.add("".join(path.suffixes[-2:]))
                continue
            key = names.get(path.stem, path.stem) if isinstance(names, dict) else path.stem
            files[str(key)] = path
    if not files:
        kinds = f" but files of the kind {', '.join(sorted(others)[:3])}" if others else ""
        raise StudioError(
            f"{folder / (LABELS + TRAINING)} holds no PNG or TIFF labels{kinds}.",
            "Save the labels as PNG, a slice a file; volumes aren't read.",
        )
    return files


def _classes(path: Path, facts: Any) -> tuple[ClassTable, Meaning]:
    """The classes, and what the numbers of labels become; "ignore" becomes unlabelled."""
    try:
        labels = {str(name): number for name, number in facts["labels"].items()}
        regions = {name: parts for name, parts in labels.items() if isinstance(parts, list)}
        if regions:
            name, parts = next(iter(regions.items()))
            raise StudioError(
                f"{path} trains on regions that overlap: {name!r} is {parts[:10]}.",
                'Name each number by itself under "labels", as in {"background": 0, "edema": 1}.',
            )
        if any(type(number) is not int or not 0 <= number < UNLABELLED for number in labels.values()):
            raise ValueError("its labels are not numbers from 0 to 254")
        ignore = labels.pop(IGNORE, None)
        entries = tuple(
            PixelClass(
                number, name, "#000000" if number == 0 else DEFAULT_COLORS[number % len(DEFAULT_COLORS)]
            )
            for name, number in sorted(labels.items(), key=lambda item: item[1])
        )
        first = next((entry for entry in entries if entry.index == 0), None)
        background = 0 if first is not None and first.name.casefold() in BACKGROUND_NAMES else None
        indices = {number: number for number in labels.values()} | {UNLABELLED: UNLABELLED}
        if ignore is not None:
            indices[ignore] = UNLABELLED
        return ClassTable(entries, background), Meaning.of(indices)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StudioError(f"{path} is not usable: {error}.", "Write it as nnU-Net's manual says.") from error
