"""What the canvas can lay over the image: for every layer its codes, their colours, borders and legend.

A code is what a look-up table of 256 colours turns into a pixel: a class index, a confidence, a kind of
difference.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.classes import UNLABELLED, ClassTable
from unet_studio.core.document import Document
from unet_studio.core.geometry import Rect
from unet_studio.core.render import (
    ADDED,
    AGREED,
    CHANGED,
    CLEAR,
    DIFFERENCE_COLORS,
    HEAT,
    HOTTEST,
    REMOVED,
    argb_table,
    confidence_region,
    confidence_table,
    difference_region,
    difference_table,
)

Codes = Callable[[Document, Rect, int], NDArray[np.uint8]]  # rect in image px, step -> uint8, row by row
Table = NDArray[np.uint32]  # (256,), premultiplied 0xAARRGGBB by code

UNMARKED, PAINTED, EMPTY_MARK = range(3)
HEAT_STRENGTH = 1.5  # times the opacity: small hot spots are what one looks for
BACKGROUND_STRENGTH = 0.6  # times the opacity
SUREST, LEAST_SURE = f"{100 * CLEAR:.0f} % or more", f"{100 * HOTTEST:.0f} % or less"
LINES_FULL = 0.2  # the opacity from which on lines have all their colour: a faint fill needs clear borders


@dataclass(frozen=True)
class Look:
    """How a person wants it. opacity: of what is filled, 0..1. hidden: classes that are not shown."""

    classes: ClassTable
    opacity: float
    hidden: frozenset[int] = frozenset()

    @property
    def clear(self) -> frozenset[int]:
        """Classes without colour: the hidden ones, and the background, which nobody looks for."""
        background = self.classes.background
        return self.hidden if background is None else self.hidden | {background}

    @property
    def line_opacity(self) -> float:
        """How much of its colour a border has."""
        return min(self.opacity / LINES_FULL, 1.0)


@dataclass(frozen=True)
class Layer:
    """One thing to show. title: what menus call it; tip: one sentence.

    fill, fill_colors: what is painted over each pixel. lines, line_colors: whose borders are drawn. marks:
    UNMARKED, PAINTED or EMPTY_MARK by pixel, where the layer has such marks. judges: whether it is about the
    prediction. legend: (colour, meaning); heat: it is a scale from its first meaning to its last one.
    """

    title: str
    tip: str
    icon: str
    fill: Codes
    fill_colors: Callable[[Look], Table]
    lines: Codes
    line_colors: Callable[[Look], Table]
    marks: Codes | None = None
    judges: bool = False
    legend: tuple[tuple[str, str], ...] = ()
    heat: bool = False


def _class_colors(look: Look) -> Table:
    return argb_table(look.classes.palette(), look.opacity, look.clear)


def _painted_colors(look: Look) -> Table:
    """The same, and painted background in its own colour: unlike in the mask, it is told from no label."""
    table, background = _class_colors(look), look.classes.background
    if background is not None and background not in look.hidden:
        opacity = BACKGROUND_STRENGTH * look.opacity
        table[background] = argb_table(look.classes.palette(), opacity)[background]
    return table


def _class_lines(look: Look) -> Table:
    return argb_table(look.classes.palette(), look.line_opacity, look.clear)


def _painted_marks(document: Document, rect: Rect, step: int) -> NDArray[np.uint8]:
    """PAINTED where a person labelled, EMPTY_MARK where the mask has no class."""
    painted = document.annotation_region(rect, step) != UNLABELLED
    nothing = document.mask_region(rect, step) == UNLABELLED
    return np.where(painted, np.uint8(PAINTED), nothing.view(np.uint8) * np.uint8(EMPTY_MARK))


LAYERS: dict[str, Layer] = {
    "mask": Layer(
        "Mask", "What you painted, and elsewhere what the model says", "layers-outline",
        Document.mask_region, _class_colors, Document.mask_region, _class_lines, _painted_marks,
    ),
    "annotation": Layer(
        "Annotation", "What you painted, alone", "account-edit-outline",
        Document.annotation_region, _painted_colors, Document.annotation_region, _class_lines, _painted_marks,
    ),
    "prediction": Layer(
        "Prediction", "What the model says, without what you painted", "auto-fix",
        Document.prediction_region, _class_colors, Document.prediction_region, _class_lines, judges=True,
    ),
    "difference": Layer(
        "Difference", "Where you overrode the model", "compare",
        difference_region, lambda look: difference_table(look.opacity),
        difference_region, lambda look: difference_table(look.line_opacity),
        judges=True,
        legend=(
            (DIFFERENCE_COLORS[ADDED], "added"),
            (DIFFERENCE_COLORS[REMOVED], "removed"),
            (DIFFERENCE_COLORS[CHANGED], "another class"),
            (DIFFERENCE_COLORS[AGREED], "agreed"),
        ),
    ),
    "confidence": Layer(
        "Confidence", "Where the model is unsure: the hotter, the less sure", "thermometer",
        confidence_region, lambda look: confidence_table(HEAT_STRENGTH * look.opacity),
        Document.mask_region, _class_lines,
        judges=True,
        legend=tuple(
            (color, text)
            for color, text in zip(HEAT, (SUREST, *[""] * (len(HEAT) - 2), LEAST_SURE), strict=True)
        ),
        heat=True,
    ),
}  # fmt: skip
