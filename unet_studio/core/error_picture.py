"""Where a mask is wrong, as a picture: what it misses, says too much, and takes for another class."""

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.classes import UNLABELLED, ClassTable, PixelClass
from unet_studio.core.overlays import Picture, PictureStyle, overlay
from unet_studio.core.pixels import Pixels
from unet_studio.core.render import ADDED, CHANGED, DIFFERENCE_COLORS, REMOVED

RIGHT, MISSED, EXTRA, OTHER = range(4)

# In the colours of the window's layer of differences: what a person would have to add, remove and change.
ERRORS = ClassTable(
    (
        PixelClass(RIGHT, "right", "#000000"),
        PixelClass(MISSED, "missed", DIFFERENCE_COLORS[ADDED]),
        PixelClass(EXTRA, "too much", DIFFERENCE_COLORS[REMOVED]),
        PixelClass(OTHER, "another class", DIFFERENCE_COLORS[CHANGED]),
    ),
    RIGHT,
)


def error_codes(
    truth: NDArray[np.uint8], labels: NDArray[np.uint8], background: int | None
) -> NDArray[np.uint8]:
    """RIGHT, MISSED, EXTRA or OTHER of every pixel, uint8 (H, W).

    truth, labels: class indices of the same shape; RIGHT where the truth is unknown. MISSED where the labels
    say background or nothing, EXTRA where the truth is background.
    """
    wrong = (truth != labels) & (truth != UNLABELLED)
    silent = labels == UNLABELLED
    extra = np.zeros_like(wrong)
    if background is not None:
        silent |= labels == background
        extra = truth == background
    codes = np.where(silent, np.uint8(MISSED), np.where(extra, np.uint8(EXTRA), np.uint8(OTHER)))
    return np.asarray(np.where(wrong, codes, np.uint8(RIGHT)), dtype=np.uint8)


def error_picture(
    image: Pixels,
    truth: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    background: int | None,
    style: PictureStyle,
) -> Picture:
    """The errors over the image, uint8 (h, w, 3), in the colours of ERRORS."""
    return overlay(image, error_codes(truth, labels, background), ERRORS, style)
