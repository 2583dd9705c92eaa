"""Writing Pascal VOC: palette PNGs in SegmentationClass and SegmentationObject, lists of names in ImageSets.

Specification: "The PASCAL Visual Object Classes Challenge 2012 Development Kit", section 2.3; labelmap.txt,
which names the classes, is CVAT's and datumaro's. Background is 0, the classes follow in their order; objects
are numbered from 1 on, those of all classes together; 255 is void in both.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from unet_studio.core.classes import UNLABELLED, ClassTable
from unet_studio.core.errors import StudioError
from unet_studio.core.storage import atomic_write, encodable, write_index_png
from unet_studio.formats.matching import inside, mask_names
from unet_studio.formats.object_numbers import number_objects
from unet_studio.formats.sample import Labels, Outgoing, check_labels
from unet_studio.formats.voc_names import voc_palette

MASKS, OBJECTS, LISTS = "SegmentationClass", "SegmentationObject", "ImageSets/Segmentation"
VOID = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}  # in pictures of objects, by their depth
COMPRESSION = 6  # zlib level


def write_voc(folder: Path, outgoing: Outgoing) -> Mapping[str, str]:
    """Write SegmentationClass, SegmentationObject, labelmap.txt and the lists of the split.

    Sub-folders become part of a name. Connected pieces of a class but the background are objects. Where an
    image has over 254, their picture is a grey PNG of 16 bit; where that is too little, there is none.
    """
    files = {name: f"{MASKS}/{path}" for name, path in mask_names(outgoing.names).items()}
    table, palette = outgoing.classes, voc_palette()
    lut, names = _numbering(table)
    for sample in outgoing.samples():
        check_labels(sample, table)
        path = inside(folder, files[sample.name])
        numbers = lut[sample.labels]
        write_index_png(path, numbers, palette, {"image": sample.name}, COMPRESSION)
        _write_objects(inside(folder, files[sample.name].replace(MASKS, OBJECTS, 1)), numbers, sample.name)
    lines = [f"{name}:{','.join(map(str, palette[number].tolist()))}::" for number, name in enumerate(names)]
    _write_lines(folder / "labelmap.txt", ["# label:color_rgb:parts:actions", *lines])
    for part, chosen in _parts(outgoing).items():
        stems = [files[name].removeprefix(f"{MASKS}/").removesuffix(".png") for name in chosen]
        _write_lines(folder / LISTS / f"{part}.txt", stems)
    return files


def _write_objects(path: Path, numbers: Labels, image: str) -> None:
    """Write the picture of objects for VOC's class numbers, uint8 (H, W)."""
    objects = np.zeros(numbers.shape, dtype=np.int32)
    count = 0
    for number in np.flatnonzero(np.bincount(numbers.ravel(), minlength=256)).tolist():
        if 0 < number < UNLABELLED:
            pieces, found = number_objects(numbers == number)
            np.add(objects, pieces + count, out=objects, where=pieces > 0)
            count += found
    dtype = np.dtype(np.uint8) if count < VOID[np.dtype(np.uint8)] else np.dtype(np.uint16)
    if count >= VOID[dtype]:
        path.unlink(missing_ok=True)
        return
    objects[numbers == UNLABELLED] = VOID[dtype]
    if dtype == np.uint8:
        write_index_png(path, objects.astype(np.uint8), voc_palette(), {"image": image}, COMPRESSION)
        return
    chunks = PngImagePlugin.PngInfo()
    chunks.add_itxt("image", encodable(image))
    with atomic_write(path) as stream:
        picture = Image.fromarray(objects.astype(np.uint16))
        picture.save(stream, "PNG", pnginfo=chunks, compress_level=COMPRESSION)


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
