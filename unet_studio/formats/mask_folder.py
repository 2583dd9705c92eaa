"""A folder of pictures of masks, of numbers or of colours: whichever they are is found out by looking."""

from collections.abc import Sequence
from pathlib import Path

from unet_studio.formats.color_masks import read_color_masks
from unet_studio.formats.found_values import pictures
from unet_studio.formats.index_masks import read_index_masks
from unet_studio.formats.mask_pictures import find_masks
from unet_studio.formats.sample import Incoming

LOOKED_AT = 8  # masks looked at to see whether they are in colour


def read_mask_folder(
    folder: Path, classes: Path | None = None, ignore_index: int | None = None, guess: bool = True
) -> Incoming:
    """Open a folder of masks; the arguments are those of read_index_masks.

    Masks in colour mean what their own table of colours says (see read_color_masks), unless classes or
    ignore_index is given: both speak of numbers.
    """
    if classes is None and ignore_index is None and _in_color(list(find_masks(folder).files.values())):
        return read_color_masks(folder)
    return read_index_masks(folder, classes, ignore_index, guess)


def _in_color(files: Sequence[Path]) -> bool:
    """Whether masks are in colour: in some pixels the channels differ, or some are transparent."""
    step = max(1, len(files) // LOOKED_AT)
    return any(
        picture.values is None or (picture.alpha is not None and picture.palette is None)
        for picture in pictures(files[::step])
    )
