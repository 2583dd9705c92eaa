"""What two model versions say of an image, as codes and colours: either one, both beside a line, or where
they differ.

The two predictions are read where they lie, for the tiles that are on screen alone.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.classes import UNLABELLED
from unet_studio.core.document import Document
from unet_studio.core.geometry import Rect
from unet_studio.core.prediction import Prediction
from unet_studio.core.render import argb_table
from unet_studio.ui.canvas.layers import Codes, Layer, Look, Table

SAME, DIFFER, FIRST_RIGHT, SECOND_RIGHT, BOTH_WRONG = range(5)

# Okabe and Ito, "Color Universal Design", 2008, as for the difference to what was painted.
VERSUS_COLORS = {DIFFER: "#f0e442", FIRST_RIGHT: "#e69f00", SECOND_RIGHT: "#0072b2", BOTH_WRONG: "#cc79a7"}
STRENGTH = 1.5  # times the opacity: disagreements are small, and what one looks for
WRONG_STRENGTH = 0.4  # times that: where neither is right, there is nothing to choose


@dataclass(frozen=True)
class Pair:
    """What both say, None while that isn't known, and where the second begins: a column of the image."""

    first: Prediction | None
    second: Prediction | None
    column: Callable[[], int]


def versus_layers(pair: Pair, names: tuple[str, str]) -> dict[str, Layer]:
    """A layer for each view of session.comparer. names: of both models."""
    codes: dict[str, Codes] = {
        "first": lambda document, rect, step: _said(pair.first, document, rect, step),
        "second": lambda document, rect, step: _said(pair.second, document, rect, step),
        "split": lambda document, rect, step: _split(pair, document, rect, step),
        "difference": lambda document, rect, step: _difference(pair, document, rect, step),
    }
    titles = {"first": names[0], "second": names[1], "split": "", "difference": "Difference"}
    layers = {}
    for name, source in codes.items():
        fill, lines = (_marks, _mark_lines) if name == "difference" else (_classes, _class_lines)
        layers[name] = Layer(titles[name], "", "", source, fill, source, lines)
    return layers


def difference_legend(names: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    """The colours of the difference with their meaning."""
    return (
        (VERSUS_COLORS[FIRST_RIGHT], f"only A, {names[0]}, is right"),
        (VERSUS_COLORS[SECOND_RIGHT], f"only B, {names[1]}, is right"),
        (VERSUS_COLORS[BOTH_WRONG], "both are wrong"),
        (VERSUS_COLORS[DIFFER], "they differ, nobody painted"),
    )


def _classes(look: Look) -> Table:
    return argb_table(look.classes.palette(), look.opacity, look.clear)


def _class_lines(look: Look) -> Table:
    return argb_table(look.classes.palette(), look.line_opacity, look.clear)


def _marks(look: Look) -> Table:
    return _mark_table(min(STRENGTH * look.opacity, 1.0))


def _mark_lines(look: Look) -> Table:
    return _mark_table(look.line_opacity)


def _mark_table(opacity: float) -> Table:
    palette = np.zeros((256, 3), dtype=np.uint8)
    for code, color in VERSUS_COLORS.items():
        palette[code] = np.frombuffer(bytes.fromhex(color[1:]), dtype=np.uint8)
    clear = [code for code in range(256) if code not in VERSUS_COLORS]
    table = argb_table(palette, opacity, clear)
    table[BOTH_WRONG] = argb_table(palette, WRONG_STRENGTH * opacity)[BOTH_WRONG]
    return table


def _said(side: Prediction | None, document: Document, rect: Rect, step: int) -> NDArray[np.uint8]:
    """What one says as the project's thresholds show it, every step-th pixel of rect; 255 where nothing."""
    index = np.s_[rect.top : rect.bottom : step, rect.left : rect.right : step]
    if side is None or side.labels.shape != document.shape:
        return np.full(document.annotation.pixels[index].shape, UNLABELLED, dtype=np.uint8)
    return document.thresholds.shown(side.labels[index], side.confidence[index])


def _split(pair: Pair, document: Document, rect: Rect, step: int) -> NDArray[np.uint8]:
    """The first one to the left of the line, the second one from there on."""
    left = -(-(min(max(pair.column(), rect.left), rect.right) - rect.left) // step)  # columns of the result
    border = min(rect.left + left * step, rect.right)
    parts = (
        (pair.first, Rect(rect.top, rect.left, rect.bottom, border)),
        (pair.second, Rect(rect.top, border, rect.bottom, rect.right)),
    )
    said = [_said(side, document, part, step) for side, part in parts if part.left < part.right]
    return said[0] if len(said) == 1 else np.concatenate(said, axis=1)


def _difference(pair: Pair, document: Document, rect: Rect, step: int) -> NDArray[np.uint8]:
    """Where the two say other things, and who is right where a person said what is.

    What a person said: painted pixels, or all of the mask of an approved image.
    """
    if pair.first is None or pair.second is None:
        return np.zeros(document.annotation_region(rect, step).shape, dtype=np.uint8)
    first, second = (_said(side, document, rect, step) for side in (pair.first, pair.second))
    region = document.mask_region if document.approved else document.annotation_region
    truth = region(rect, step)
    known, right, other_right = truth != UNLABELLED, first == truth, second == truth
    codes = np.where(first != second, np.uint8(DIFFER), np.uint8(SAME))
    codes[known & right & ~other_right] = FIRST_RIGHT
    codes[known & other_right & ~right] = SECOND_RIGHT
    codes[known & ~right & ~other_right] = BOTH_WRONG
    return codes
