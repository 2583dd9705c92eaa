"""Index masks: a folder of 8-bit PNGs whose pixel value is the class index, beside a classes.json."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from unet_studio.core.classes import UNLABELLED, ClassTable, read_classes_file, write_classes_file
from unet_studio.core.errors import StudioError
from unet_studio.core.storage import read_index_png, write_index_png
from unet_studio.formats.matching import inside, mask_names
from unet_studio.formats.sample import (
    Incoming,
    Labels,
    Outgoing,
    Shape,
    check_labels,
    check_shape,
    strange_values,
)

CLASSES_FILE = "classes.json"
COMPRESSION = 6  # zlib level: exported masks are read often and written once
NOT_MASKS = (".confidence.png",)  # pictures that `predict` writes beside its masks


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
    """Open a folder of index masks. Its classes.json may lie in it or beside it; masks may lie in masks/.

    Without a classes.json the pixel values are taken as the project's own class indices, 255 as unlabelled.
    classes: another classes.json to go by. ignore_index: another pixel value that means void.
    """
    root = _mask_root(folder)
    table, ignore = _classes(root) if classes is None else read_classes_file(classes)
    ignore = ignore if ignore_index is None else ignore_index
    files = {}
    for path in sorted(root.rglob("*.png")):
        relative = path.relative_to(root).as_posix()
        hidden = any(part.startswith(".") for part in relative.split("/"))
        if path.is_file() and not hidden and not relative.endswith(NOT_MASKS):
            files[relative.removesuffix(".png")] = path
    if not files:
        raise StudioError(f"{root} holds no PNG masks.", "Choose the folder that holds the *.png masks.")

    def read(key: str, shape: Shape | None) -> Labels:
        labels, _ = read_index_png(files[key])
        check_shape(str(files[key]), labels.shape, shape)
        return _forget_ignored(files[key], labels, table, ignore)

    return Incoming(table, tuple(files), read)


def _mask_root(folder: Path) -> Path:
    if not folder.is_dir():
        raise StudioError(f"{folder} is not a folder.", "Choose the folder that holds the *.png masks.")
    dataset = (folder / "images").is_dir() and (folder / "masks").is_dir()
    return folder / "masks" if dataset else folder


def _classes(root: Path) -> tuple[ClassTable | None, int | None]:
    for place in (root / CLASSES_FILE, root.parent / CLASSES_FILE):
        if place.is_file():
            return read_classes_file(place)
    return None, UNLABELLED


def _forget_ignored(path: Path, labels: Labels, table: ClassTable | None, ignore: int | None) -> Labels:
    """Void becomes 255; values that are neither void nor a class are refused."""
    if ignore is not None and ignore != UNLABELLED:
        labels = np.where(labels == ignore, np.uint8(UNLABELLED), labels)
    strange = strange_values(labels, table) if table is not None else []
    if strange and table is not None:
        raise StudioError(
            f"{path} has pixel values that are no classes: {strange}.",
            f"Add them to {CLASSES_FILE}, which knows {table.describe()}.",
        )
    return labels
