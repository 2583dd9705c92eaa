"""Colours from class indices: look-up tables for the canvas, overlay pictures for files."""

from collections.abc import Collection
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.classes import UNLABELLED
from unet_studio.core.document import Document
from unet_studio.core.geometry import Rect

# What a person's pixel says about the prediction under it.
NOTHING, AGREED, ADDED, REMOVED, CHANGED = range(5)

# Okabe and Ito, "Color Universal Design", 2008: told apart with every kind of colour blindness.
DIFFERENCE_COLORS = {ADDED: "#0072b2", REMOVED: "#e69f00", CHANGED: "#cc79a7", AGREED: "#009e73"}
AGREED_STRENGTH = 0.35  # of the opacity: what was right is not what one looks for

# Nine points of "plasma" by Nathaniel Smith and Stéfan van der Walt (CC0), dark to bright: its lightness
# rises all the way, so that the order is seen without seeing the colours.
HEAT = ("#0d0887", "#4b03a1", "#7d03a8", "#a82296", "#cb4679", "#e56b5d", "#f89441", "#fdc328", "#f0f921")
HOTTEST = 0.5  # the confidence at which, and below which, a pixel has the hottest colour
CLEAR = 0.98  # the confidence from which on nothing is shown


def argb_table(
    palette: NDArray[np.uint8], opacity: float, hidden: Collection[int] = ()
) -> NDArray[np.uint32]:
    """Premultiplied 0xAARRGGBB by class index, uint32 (256,).

    palette: uint8 (256, 3). opacity: 0..1. Unlabelled and hidden classes are transparent.
    """
    strength = np.full(256, min(max(opacity, 0.0), 1.0))
    strength[[UNLABELLED, *hidden]] = 0
    return _premultiplied(palette, strength)


def difference_table(opacity: float) -> NDArray[np.uint32]:
    """Premultiplied 0xAARRGGBB by code of difference_region, uint32 (256,)."""
    palette, strength = np.zeros((256, 3), dtype=np.uint8), np.zeros(256)
    for code, color in DIFFERENCE_COLORS.items():
        palette[code] = np.frombuffer(bytes.fromhex(color[1:]), dtype=np.uint8)
        strength[code] = opacity * (AGREED_STRENGTH if code == AGREED else 1)
    return _premultiplied(palette, strength)


def confidence_table(opacity: float) -> NDArray[np.uint32]:
    """Premultiplied 0xAARRGGBB by confidence, uint32 (256,): the surer the clearer, the less sure the hotter.

    opacity: of the hottest colour, 0..1.
    """
    doubt = np.clip((CLEAR - np.arange(256) / 255) / (CLEAR - HOTTEST), 0, 1)
    points = np.array([list(bytes.fromhex(color[1:])) for color in HEAT])
    channels = [np.interp(doubt, np.linspace(0, 1, len(points)), points[:, channel]) for channel in range(3)]
    palette = np.rint(np.stack(channels, axis=1)).astype(np.uint8)
    return _premultiplied(palette, opacity * np.sqrt(doubt))


def difference_region(document: Document, rect: Rect, step: int = 1) -> NDArray[np.uint8]:
    """What painted pixels did to the prediction, every step-th row and column of rect.

    NOTHING where nobody painted; AGREED where both say the same, or background was painted where the model
    said nothing; ADDED where the model said background or nothing; REMOVED where background was painted over
    a class; CHANGED from one class to another.
    """
    painted, predicted = document.annotation_region(rect, step), document.prediction_region(rect, step)
    background = document.classes.background
    codes = _difference_codes(UNLABELLED if background is None else background)
    return np.asarray(np.take(codes, painted.astype(np.uint16) << 8 | predicted))


def confidence_region(document: Document, rect: Rect, step: int = 1) -> NDArray[np.uint8]:
    """How sure the mask is, 0..255, every step-th row and column of rect.

    255 where a person painted, and where no model said anything.
    """
    painted, under = document.annotation_region(rect, step), document.under
    if under is None:
        return np.full(painted.shape, 255, dtype=np.uint8)
    confidence = under.confidence[rect.top : rect.bottom : step, rect.left : rect.right : step]
    return np.where(painted == UNLABELLED, confidence, np.uint8(255))


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


def _premultiplied(palette: NDArray[np.uint8], strength: NDArray[np.float64]) -> NDArray[np.uint32]:
    """0xAARRGGBB of colours, uint8 (256, 3), with an opacity of 0..1 each."""
    alpha = np.rint(255 * np.clip(strength, 0, 1)).astype(np.uint32)
    channels = (palette.astype(np.uint32) * alpha[:, None] + 127) // 255
    table = alpha << 24 | channels[:, 0] << 16 | channels[:, 1] << 8 | channels[:, 2]
    return np.ascontiguousarray(table, dtype=np.uint32)


@lru_cache(maxsize=4)
def _difference_codes(background: int) -> NDArray[np.uint8]:
    """The code of 256 * painted class + predicted class, uint8 (65536,).

    background: UNLABELLED where a project has none.
    """
    painted, predicted = np.ogrid[:256, :256]
    silent = (predicted == UNLABELLED) | (predicted == background)
    codes = np.full((256, 256), CHANGED, dtype=np.uint8)
    codes[np.broadcast_to(silent, codes.shape)] = ADDED
    codes[np.broadcast_to(painted == background, codes.shape)] = REMOVED
    codes[(painted == predicted) | ((painted == background) & silent)] = AGREED
    codes[np.broadcast_to(painted == UNLABELLED, codes.shape)] = NOTHING
    return codes.ravel()
