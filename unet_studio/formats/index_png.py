"""Index masks: a folder of 8-bit PNGs whose pixel value is the class index, beside a classes.json."""

from collections.abc import Mapping
from pathlib import Path

from unet_studio.core.classes import UNLABELLED, write_classes_file
from unet_studio.core.storage import write_index_png
from unet_studio.formats.index_masks import CLASSES_FILE, read_index_masks
from unet_studio.formats.matching import inside, mask_names
from unet_studio.formats.sample import Incoming, Outgoing, check_labels

COMPRESSION = 6  # zlib level: exported masks are read often and written once


def write_index_png_folder(folder: Path, outgoing: Outgoing) -> Mapping[str, str]:
    """Write `<stem>.png` for every sample, sub-folders kept, and classes.json with ignore_index 255."""
    files = mask_names(outgoing.names)
    palette = outgoing.classes.palette()
    write_classes_file(folder / CLASSES_FILE, outgoing.title, outgoing.classes, UNLABELLED)
    for sample in outgoing.samples():
        check_labels(sample, outgoing.classes)
        path = inside(folder, files[sample.name])
        write_index_png(path, sample.labels, palette, {"image": sample.name}, COMPRESSION)
    return files


def read_index_png_folder(
    folder: Path, classes: Path | None = None, ignore_index: int | None = None
) -> Incoming:
    """Open a folder of index masks whose numbers, without a list of classes, stay what they are.

    classes: another classes.json to go by. ignore_index: another pixel value that means void.
    """
    return read_index_masks(folder, classes, ignore_index, guess=False)
