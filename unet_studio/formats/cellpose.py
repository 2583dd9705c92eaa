"""Cellpose: a picture of object numbers beside each image, or its window's own _seg.npy.

Sources: Cellpose's manual, "Outputs" (cellpose.readthedocs.io) and its cellpose/io.py: save_masks writes
`<stem>_cp_masks.png` (16 bit; TIFF where the numbers don't fit), masks_flows_to_seg writes `<stem>_seg.npy`,
training reads `<stem>_masks.tif` or .png unless told another --mask_filter. 0 is background, every other
number one object, so touching objects stay apart.

A _seg.npy is a pickle, which can run a stranger's program when it is opened the usual way; here it is only
taken apart (inert_pickle). Cellpose knows one kind of object. Where there are several classes, each gets a
folder of its own, named by index and name, which Cellpose trains or shows on its own; classes.json says which
is which. Written objects are 8-connected components. Pixels that nobody labelled become background.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray
from PIL import Image

from unet_studio.core.classes import (
    UNLABELLED,
    ClassTable,
    PixelClass,
    read_classes_file,
    write_classes_file,
)
from unet_studio.core.decoding import ensure_fits, explained, open_regular
from unet_studio.core.errors import StudioError
from unet_studio.core.image_io import read_image, read_info
from unet_studio.core.storage import atomic_write
from unet_studio.formats.inert_pickle import StoredArray, read_pickle, stored_array
from unet_studio.formats.matching import inside, mask_names, path_part
from unet_studio.formats.object_numbers import Numbers, number_objects, regions_of
from unet_studio.formats.regions import Legend, Region, Scene
from unet_studio.formats.sample import Incoming, Labels, Outgoing, Shape, check_labels, check_shape

SEG = "_seg.npy"
WRITTEN = "_cp_masks"
# What the files of an image are called behind its stem. Where it has several, the first of these counts: what
# a person saved in Cellpose's window, then what Cellpose is trained on, then what it found.
ENDINGS = (SEG, *(f"{kind}{suffix}" for kind in ("_masks", WRITTEN) for suffix in (".tif", ".tiff", ".png")))
CLASSES_FILE = "classes.json"
CELL = "cell"  # what its objects are called where nobody says
MOST = 65534  # objects that Cellpose keeps in 16 bit
EXACT = 1 << 24  # whole numbers up to this survive as float32, which wide pixels are read as
SIGNED = 1 << 15  # what read_image adds to signed 16-bit pixels
COMPRESSION = 6  # zlib level
MEND = "Save it again in Cellpose."


def write_cellpose(folder: Path, outgoing: Outgoing) -> Mapping[str, str]:
    """Write `<stem>_cp_masks.png`, or .tif where there are more than 65,534 objects, for every class."""
    table = outgoing.classes
    write_classes_file(folder / CLASSES_FILE, outgoing.title, table, None)
    stems = {name: path.removesuffix(".png") for name, path in mask_names(outgoing.names).items()}
    folders = class_folders(table)
    if not folders:
        raise StudioError("There is no class of objects to write.", "Add a class beside the background.")
    first = next(iter(folders.values()), "")
    files = {name: f"{first}{stem}{WRITTEN}.png" for name, stem in stems.items()}
    for sample in outgoing.samples():
        check_labels(sample, table)
        for index, place in folders.items():
            numbers, count = number_objects(sample.labels == index)
            suffix, other = (".png", ".tif") if count <= MOST else (".tif", ".png")
            base = f"{place}{stems[sample.name]}{WRITTEN}"
            _write(inside(folder, base + suffix), numbers)
            inside(folder, base + other).unlink(missing_ok=True)  # of an earlier export
            if place == first:
                files[sample.name] = base + suffix
    return files


def class_folders(table: ClassTable) -> dict[int, str]:
    """Where the masks of each class lie, by its index: "1-cell/", or "" for the only one."""
    if len(table.foreground) == 1:
        return {table.foreground[0]: ""}
    return {index: f"{index}-{path_part(table.get(index).name)}/" for index in table.foreground}


def _write(path: Path, numbers: NDArray[np.int32]) -> None:
    with atomic_write(path) as stream:
        if path.suffix == ".png":
            Image.fromarray(numbers.astype(np.uint16)).save(stream, "PNG", compress_level=COMPRESSION)
        else:
            import tifffile

            tifffile.imwrite(stream, numbers.astype(np.uint32), compression="zlib")


@dataclass(frozen=True)
class _Files:
    """A set of masks. files: for each class index, key -> file. many: images that have several files."""

    table: ClassTable
    files: Mapping[int, Mapping[str, Path]]
    many: int = 0

    @property
    def keys(self) -> tuple[str, ...]:
        """What the masks of any class are called, each once."""
        return tuple(dict.fromkeys(key for files in self.files.values() for key in files))

    def layers(self, key: str, wanted: Shape | None) -> list[tuple[int, Numbers]]:
        """The class index and object numbers of each file of a mask, all of one size."""
        layers: list[tuple[int, Numbers]] = []
        for index, files in self.files.items():
            if key in files:
                numbers = read_numbers(files[key])
                shape = (numbers.shape[0], numbers.shape[1])
                wanted = wanted or shape
                check_shape(str(files[key]), shape, wanted)
                layers.append((index, numbers))
        return layers

    def size(self, key: str) -> Shape:
        """A mask's size, from the header of its first file."""
        return size_of(next(files[key] for files in self.files.values() if key in files))


def read_cellpose(source: Path) -> Incoming:
    """Open a folder of Cellpose's masks, at any depth, or one of its files."""
    found = _found(source)
    table = found.table
    ground = UNLABELLED if table.background is None else table.background
    names = {index: table.get(index).name for index in found.files}

    def read(key: str, shape: Shape | None) -> Labels:
        layers = found.layers(key, shape)
        labels = np.full(layers[0][1].shape, ground, dtype=np.uint8)
        for index, numbers in layers:
            labels[numbers != 0] = index
        return labels

    def scene(key: str, shape: Shape | None) -> Scene:
        layers = found.layers(key, shape)
        regions: list[Region] = []
        for index, numbers in layers:
            regions.extend(regions_of(numbers, names[index]))
        height, width = layers[0][1].shape
        return Scene((height, width), tuple(regions), lambda reason: _broken(source, reason), ground)

    notes = ["Every number is an object of one class. Objects that touch become one piece."]
    if found.many:
        notes.append(f"{found.many} images have several masks; {', '.join(ENDINGS[:2])} come first.")
    legend = Legend(table, {name: index for index, name in names.items()})
    return Incoming(table, found.keys, read, notes=tuple(notes), size=found.size, scene=scene, legend=legend)


def _found(source: Path) -> _Files:
    """The files of a source, by class."""
    plain = ClassTable((PixelClass(0, "background", "#000000"), PixelClass(1, CELL, "#e69f00")), 0)
    if source.is_file():
        ending = _ending(source.name)
        if not ending:
            raise StudioError(
                f"{source.name} is not called as Cellpose calls masks.",
                f"It should end in one of {', '.join(ENDINGS)}.",
            )
        return _Files(plain, {1: {source.name[: -len(ending)]: source}})
    if not source.is_dir():
        raise StudioError(f"There is no {source}.", "Choose the folder that holds Cellpose's masks.")
    table = plain
    if inside(source, CLASSES_FILE).is_file():
        table, _ = read_classes_file(source / CLASSES_FILE)
    files, many = {}, 0
    for index, place in class_folders(table).items():
        files[index], several = _listed(source / place)
        many += several
    if not any(files.values()):
        raise StudioError(
            f"{source} holds no masks of Cellpose.", f"They end in one of {', '.join(ENDINGS)}."
        )
    return _Files(table, files, many)


def _listed(folder: Path) -> tuple[dict[str, Path], int]:
    """The file of each mask in a folder, and how many masks have several."""
    candidates: dict[str, list[tuple[int, Path]]] = {}
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        ending = _ending(path.name)
        relative = path.relative_to(folder).as_posix()
        hidden = any(part.startswith(".") for part in relative.split("/"))
        if ending and not hidden and inside(folder, relative).is_file():
            key = relative[: -len(ending)]
            candidates.setdefault(key, []).append((ENDINGS.index(ending.lower()), path))
    files = {key: min(found)[1] for key, found in candidates.items()}
    return files, sum(len(found) > 1 for found in candidates.values())


def _ending(name: str) -> str:
    """What makes a file name one of a mask, as it is written there; "" where nothing does.

    The longest, because `_cp_masks.png` ends in `_masks.png` too.
    """
    fitting = [ending for ending in ENDINGS if name.lower().endswith(ending) and len(name) > len(ending)]
    return name[-max(map(len, fitting)) :] if fitting else ""


# -- one file ---------------------------------------------------------------------------------------------


def read_numbers(path: Path) -> Numbers:
    """The object numbers in a file of Cellpose, whole numbers (H, W), 0 the background."""
    if not path.name.lower().endswith(SEG):
        return _picture(path)
    with explained(path, "a file of Cellpose", MEND), open_regular(path) as stream:
        stored, shape = _masks(path, stream)
        ensure_fits(path, shape[1], shape[0], 3 * len(stored.data))
        numbers = stored.read(stream).reshape(shape)
        return numbers.astype(np.uint8) if numbers.dtype == np.bool_ else np.ascontiguousarray(numbers)


def size_of(path: Path) -> Shape:
    """A mask's (H, W), from its header."""
    if not path.name.lower().endswith(SEG):
        info = read_info(path)
        return info.height, info.width
    with explained(path, "a file of Cellpose", MEND), open_regular(path) as stream:
        return _masks(path, stream)[1]


def _masks(path: Path, stream: IO[bytes]) -> tuple[StoredArray, Shape]:
    """The "masks" of a _seg.npy, not read yet, and their (H, W)."""
    if npy.read_magic(stream) == (1, 0):
        header: Any = npy.read_array_header_1_0(stream)
    else:
        stream.seek(0)
        npy.read_magic(stream)
        header = npy.read_array_header_2_0(stream)
    shape, _, dtype = header
    if shape != () or dtype != np.dtype(object):
        raise _broken(path, "it is an array, where Cellpose saves a dict")
    try:
        objects = read_pickle(stream)
        value = objects[0] if isinstance(objects, list) else objects.state[-1][0]
        masks = stored_array(value["masks"])
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        reason = 'it has no "masks"' if isinstance(error, KeyError) else str(error)
        raise _broken(path, reason) from error
    sides = masks.shape[1:] if len(masks.shape) == 3 and masks.shape[0] == 1 else masks.shape
    if len(sides) != 2 or 0 in sides:
        raise _broken(
            path, f"its masks are of {' x '.join(map(str, sides))} px, where two sides are expected"
        )
    return masks, (sides[0], sides[1])


def _picture(path: Path) -> Numbers:
    """The pixels of a picture as whole numbers. Raises StudioError where they are none."""
    pixels = read_image(path)
    if pixels.ndim == 3:
        raise _broken(path, f"it has {pixels.shape[2]} channels, where one of numbers is expected")
    if pixels.dtype == np.float32:
        whole = (pixels == np.rint(pixels)).all() and pixels.min() >= 0 and pixels.max() < EXACT
        if not whole:
            raise _broken(path, f"its pixels are not whole numbers below {EXACT}")
        return pixels.astype(np.uint32)
    numbers: Numbers = pixels
    if pixels.dtype == np.uint16 and pixels.min() >= SIGNED:
        # Signed pixels as read_image shifts them; no picture of objects begins its numbers there.
        numbers = pixels - np.uint16(SIGNED)
    return numbers


def _broken(path: Path, reason: str) -> StudioError:
    return StudioError(f"{path} is not a usable file of Cellpose: {reason}.", MEND)
