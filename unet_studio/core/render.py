"""Colours from class indices: look-up tables for the canvas, overlay pictures for files."""

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.classes import UNLABELLED


def argb_table(
    palette: NDArray[np.uint8], opacity: float, hidden: Collection[int] = ()
) -> NDArray[np.uint32]:
    """Premultiplied 0xAARRGGBB by class index, uint32 (256,).

    palette: uint8 (256, 3). opacity: 0..1. Unlabelled and hidden classes are transparent.
    """
    alpha = round(255 * min(max(opacity, 0.0), 1.0))
    channels = (palette.astype(np.uint32) * alpha + 127) // 255
    table = np.uint32(alpha << 24) | channels[:, 0] << 16 | channels[:, 1] << 8 | channels[:, 2]
    table[[UNLABELLED, *hidden]] = 0
    return np.ascontiguousarray(table, dtype=np.uint32)


def overlay_picture(
    picture: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    palette: NDArray[np.uint8],
    opacity: float = 0.5,
    background: int | None = None,
) -> NDArray[np.uint8]:
    """The picture, uint8 (H, W, 3), with classes painted over it; unlabelled and background stay clear."""
    weights = np.full(256, opacity, dtype=np.float32)
    weights[UNLABELLED] = 0
    if background is not None:
        weights[background] = 0
    weight = weights[labels][..., None]
    blended = picture * (1 - weight) + palette[labels] * weight
    return np.asarray(np.rint(blended), dtype=np.uint8)
