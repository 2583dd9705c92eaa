"""Images that go out beside their masks, so that a data set is ready to be used."""

import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from unet_studio.core.decoding import open_regular
from unet_studio.core.image_io import read_image, read_info
from unet_studio.core.storage import atomic_write


def into(folder: str) -> Callable[[str, str], str]:
    """For Format.image_file: the image's own path below a folder, for formats that hold that path."""
    return lambda image, _labels: f"{folder}/{image}"


def parallel(labels_folder: str, images_folder: str) -> Callable[[str, str], str]:
    """For Format.image_file: as the file of labels is called, but below another folder."""

    def place(_image: str, labels: str) -> str:
        path = PurePosixPath(images_folder, PurePosixPath(labels).relative_to(labels_folder))
        return str(path.with_suffix(""))

    return place


def beside(image: str, labels: str) -> str:
    """For Format.image_file: under the image's own name in the folder of its labels."""
    return str(PurePosixPath(labels).with_name(PurePosixPath(image).name))


def copy_image(source: Path, target: Path) -> Path:
    """Copy an image to target; returns the file written. Raises StudioError where the image can't be read.

    A target that has the image's suffix becomes the very same bytes. Any other gets a suffix, the image's;
    there an image with an EXIF orientation is stored the way it is seen, because masks are drawn on what is
    seen and few tools that learn from them turn an image.
    """
    if target.suffix == source.suffix:
        return _copy(source, target)
    if read_info(source).orientation == 1:
        return _copy(source, target.with_name(f"{target.name}{source.suffix}"))
    return _write_seen(source, target)


def _copy(source: Path, target: Path) -> Path:
    with open_regular(source) as original, atomic_write(target) as stream:
        shutil.copyfileobj(original, stream, 1 << 20)
    return target


def _write_seen(source: Path, target: Path) -> Path:
    """The image as it is seen: a PNG of 8 or 16 bit where a PNG holds such pixels, else a TIFF."""
    pixels = read_image(source)
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    if (pixels.dtype == np.uint8 and channels <= 4) or (pixels.dtype == np.uint16 and channels == 1):
        copy = target.with_name(f"{target.name}.png")
        with atomic_write(copy) as stream:
            Image.fromarray(pixels).save(stream, format="PNG", compress_level=1)
        return copy
    import tifffile

    copy = target.with_name(f"{target.name}.tif")
    with atomic_write(copy) as stream:
        tifffile.imwrite(stream, pixels, photometric="rgb" if channels == 3 else "minisblack")
    return copy
