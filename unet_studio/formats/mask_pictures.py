"""Pictures that hold a mask: found in a folder, their sizes, and their numbers or colours as they are stored.

PNG, TIFF, BMP and GIF keep every number; JPEG and WebP do not, and are told by content, not by name. What a
number means is left to the formats: here 1-bit pictures hold 0 and 1, those of 2 and 4 bit 0 to 3 and 0 to
15 (PNG specification, 3rd edition, 13.12 scales them for the eye alone), palettes their indices.
"""

import os
import struct
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from unet_studio.core import tiff
from unet_studio.core.decoding import ensure_fits, ensure_plausible, explained, open_pillow, open_regular
from unet_studio.core.errors import StudioError
from unet_studio.core.image_io import read_image
from unet_studio.formats.sample import Shape
from unet_studio.formats.tiff_numbers import read_numbers

EXACT = (".png", ".tif", ".tiff", ".bmp", ".gif")  # suffixes of files that keep every number
BLURRED = (".jpg", ".jpeg", ".webp")  # those that rarely do
NOT_MASKS = (".confidence.png",)  # pictures that `predict` writes beside its masks
# What other tools append to an image's name: nnU-Net's forebears, Cellpose, Carvana, LGG, BUSI, Roboflow.
TAGS = (
    "_mask", "_masks", "_label", "_labels", "_gt", "_seg", "_segmentation", "_annotation", "_cp_masks",
    "-mask", "-masks", "-label", "-gt",
)  # fmt: skip
_FOLDERS = ("masks", "labels", "annotations", "segmentations", "gt", "mask", "label")
_BESIDE = ("images", "image", "imgs", "img", "sources")  # folders that say that masks lie beside them
_READ = ("PNG", "BMP", "DIB", "GIF", "JPEG", "WEBP")  # JPEG stands for MPO too
DESCRIPTION = "image: "  # how the tag begins in which a TIFF mask names its image
_IMAGE_DESCRIPTION = 270
_LOSSY = ("JPEG", "MPO", "WEBP")
_GREY_STEP = {"L;2": np.uint8(85), "L;4": np.uint8(17)}  # Pillow spreads grey of 2 and 4 bit over 0..255

# What broken headers make decoders raise, where a picture's pixels are not asked for.
_BROKEN = (
    StudioError,
    OSError,
    ValueError,
    SyntaxError,
    TypeError,
    LookupError,
    ArithmeticError,
    struct.error,
)

Values = NDArray[np.uint8] | NDArray[np.uint16]
_MEND = "Save the mask again as an 8-bit palette or grey PNG, or remove it."


@dataclass(frozen=True)
class MaskPicture:
    """A mask picture as it is stored. values: uint8 or uint16 (H, W), where a pixel is a number.

    colors: uint8 (H, W, 3), where a pixel has channels; both where these are equal. palette: uint8 (n, 3),
    the colours of the numbers, where the file has one. alpha: uint8 (H, W), where something is transparent.
    lossy: stored in a way that changes pixels.
    """

    values: Values | None = None
    colors: NDArray[np.uint8] | None = None
    palette: NDArray[np.uint8] | None = None
    alpha: NDArray[np.uint8] | None = None
    lossy: bool = False

    @property
    def shape(self) -> Shape:
        """(H, W)."""
        held = self.values if self.values is not None else self.colors
        assert held is not None  # one of the two is there
        return held.shape[0], held.shape[1]


@dataclass(frozen=True)
class MaskFiles:
    """The mask pictures in a folder. root: where they lie. files: key -> file. notes: on how they were
    chosen.
    """

    root: Path
    files: Mapping[str, Path]
    notes: tuple[str, ...] = ()


def find_masks(folder: Path) -> MaskFiles:
    """The mask pictures in a folder at any depth, by their path there without its suffix.

    Of a data set of images/ and masks/ the latter counts. JPEGs and WebPs are masks only where nothing else
    is; of pairs a.png and a_mask.png the latter is the mask; a tag that all masks carry is no part of their
    keys, unless we wrote them. Hidden files and links that lead out of the folder are passed over. Raises
    StudioError where none is found.
    """
    root = mask_root(folder)
    found = list(walk_pictures(root))
    exact = [path for path in found if path.suffix.lower() in EXACT]
    chosen = exact or [path for path in found if path.suffix.lower() in BLURRED]
    if not chosen:
        raise StudioError(f"{root} holds no mask pictures.", "Choose the folder that holds the masks.")
    by_key: dict[str, list[Path]] = defaultdict(list)
    for path in chosen:
        by_key[path.relative_to(root).with_suffix("").as_posix()].append(path)
    files = {
        key if len(alike) == 1 else path.relative_to(root).as_posix(): path
        for key, alike in by_key.items()
        for path in alike
    }
    return MaskFiles(root, *_without_tags(files))


def mask_root(folder: Path) -> Path:
    """The folder of the masks in the folder of a data set; the folder itself where it is none."""
    if not folder.is_dir():
        raise StudioError(f"{folder} is not a folder.", "Choose the folder that holds the masks.")
    if any((folder / name).is_dir() for name in _BESIDE):
        for name in _FOLDERS:
            if (folder / name).is_dir():
                return folder / name
    return folder


def walk_pictures(root: Path) -> Iterable[Path]:
    """The picture files of a folder in the order of their names."""
    home = root.resolve()
    for place, folders, names in os.walk(root):  # follows no links to folders
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(place) / name
            known = path.suffix.lower() in (*EXACT, *BLURRED)
            if not known or name.startswith(".") or name.lower().endswith(NOT_MASKS):
                continue
            if path.is_file() and not leads_out(path, home):
                yield path


def leads_out(path: Path, folder: Path) -> bool:
    """Whether a file is a link out of the folder."""
    return path.is_symlink() and not path.resolve().is_relative_to(folder.resolve())


def _without_tags(files: dict[str, Path]) -> tuple[dict[str, Path], tuple[str, ...]]:
    """The masks under the names of their images, and what was left out for that."""
    tagged = {key: tag for key in files if (tag := _tag(key))}
    plain = files.keys() - tagged.keys()
    if not tagged or _names_its_image(next(iter(files.values()))):
        return files, ()
    notes: tuple[str, ...] = ()
    if plain and all(key.removesuffix(tag) in files for key, tag in tagged.items()):
        notes = (f"{len(plain)} pictures without a tag like {next(iter(tagged.values()))!r} are no masks.",)
    elif plain:
        return files, ()
    stripped = {key.removesuffix(tag): files[key] for key, tag in tagged.items()}
    if len(stripped) < len(tagged):
        return {key: files[key] for key in tagged}, notes
    return stripped, notes


def _tag(key: str) -> str:
    """The longest tag at the end of a key; "" where it has none."""
    name = PurePosixPath(key).name.lower()
    length = max((len(tag) for tag in TAGS if name.endswith(tag) and len(name) > len(tag)), default=0)
    return key[len(key) - length :]


def _names_its_image(path: Path) -> bool:
    """Whether a mask says which image it belongs to, as those do that we write."""
    return bool(image_named_in(path))


def image_named_in(path: Path) -> str:
    """The image's name that we write into masks: iTXt in PNG, ImageDescription in TIFF. "" where none is."""
    try:
        with path.open("rb") as stream, open_pillow(stream, ("PNG", "TIFF")) as image:
            if image.format == "PNG":
                return str(image.info.get("image", ""))
            said = str(getattr(image, "tag_v2", {}).get(_IMAGE_DESCRIPTION, ""))
            return said.removeprefix(DESCRIPTION) if said.startswith(DESCRIPTION) else ""
    except _BROKEN:
        return ""


def header_size(path: Path) -> Shape | None:
    """(H, W) as the file's header says it; None where it can't be told."""
    try:
        with path.open("rb") as stream:
            if stream.read(4) in tiff.SIGNATURES:
                facts = tiff.read_facts(path, stream)
                return facts.height, facts.width
            stream.seek(0)
            with open_pillow(stream, _READ) as image:
                return image.height, image.width
    except _BROKEN:
        return None


def read_picture(path: Path) -> MaskPicture:
    """A mask picture as it is stored.

    Raises StudioError where the file is missing, broken, of an unknown kind, or too large for the memory.
    """
    with explained(path, "a mask", _MEND), open_regular(path) as stream:
        signature = stream.read(4)
        stream.seek(0)
        if signature in tiff.SIGNATURES:
            samples, palette = read_numbers(path, stream)
            return _plain(samples) if palette is None else MaskPicture(samples, palette=palette)
        with open_pillow(stream, _READ) as image:
            if image.format == "PNG":
                image.verify()  # Pillow decodes without looking at check sums
        stream.seek(0)
        with open_pillow(stream, _READ) as image:
            ensure_plausible(path, image)
            ensure_fits(path, *image.size, 6 * image.width * image.height)
            return _decoded(path, image)


def _decoded(path: Path, image: Image.Image) -> MaskPicture:
    """The picture that Pillow has opened."""
    lossy = image.format in _LOSSY
    stored = str(image.tile[0][3]) if isinstance(image, PngImageFile) and image.tile else ""
    if "16B" in stored and image.mode not in ("I;16", "I"):
        return _plain(read_image(path))  # Pillow would cut its channels to 8 bit
    if image.mode in ("1", "L"):
        return MaskPicture(
            np.array(image, dtype=np.uint8) // _GREY_STEP.get(stored, np.uint8(1)), lossy=lossy
        )
    if image.mode in ("I;16", "I"):
        return MaskPicture(np.array(image).astype(np.uint16))
    if image.mode == "P":
        palette = np.array(image.getpalette("RGB") or [], dtype=np.uint8).reshape(-1, 3)
        values = np.array(image, dtype=np.uint8)
        alpha = np.array(image.convert("RGBA"))[..., 3] if image.has_transparency_data else None
        return MaskPicture(values, palette=palette, alpha=_telling(alpha), lossy=lossy)
    bands = image if image.mode in ("LA", "RGB", "RGBA") else image.convert("RGBA")
    return _plain(np.array(bands), lossy)


def _plain(samples: NDArray[Any], lossy: bool = False) -> MaskPicture:
    """A picture of (H, W) or (H, W, C) samples; where all colours are greys, its numbers are those."""
    if samples.ndim == 2:
        return MaskPicture(samples, lossy=lossy)
    count = samples.shape[2]
    if count not in (2, 3, 4):
        raise ValueError(f"it has {count} channels")
    alpha = _telling(_eight_bit(samples[..., -1])) if count in (2, 4) else None
    if count == 2:
        return MaskPicture(samples[..., 0], alpha=alpha, lossy=lossy)
    red = samples[..., 0]
    if np.array_equal(red, samples[..., 1]) and np.array_equal(red, samples[..., 2]):
        return MaskPicture(np.ascontiguousarray(red), _eight_bit(samples[..., :3]), alpha=alpha, lossy=lossy)
    return MaskPicture(None, _eight_bit(samples[..., :3]), alpha=alpha, lossy=lossy)


def _eight_bit(samples: NDArray[Any]) -> NDArray[np.uint8]:
    """The upper byte of 16-bit samples, which is the colour where an 8-bit picture was widened."""
    return np.ascontiguousarray(samples if samples.dtype == np.uint8 else samples >> 8, dtype=np.uint8)


def _telling(alpha: NDArray[np.uint8] | None) -> NDArray[np.uint8] | None:
    """The alpha channel, unless everything is opaque."""
    return None if alpha is None or bool((alpha == 255).all()) else alpha
