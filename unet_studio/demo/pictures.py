"""Pictures that compare masks: the image with one mask laid over it beside the same image with another."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unet_studio.core.classes import ClassTable
from unet_studio.core.render import overlay_picture
from unet_studio.core.storage import atomic_write

CAPTION = 28  # height of a caption, px
GAP = 6  # between panels, px
INK, PAPER, OUTLINE = (30, 30, 30), 245, (255, 255, 255)


@dataclass(frozen=True)
class Panel:
    """One mask to show. title: above it. labels: uint8 (H, W)."""

    title: str
    labels: NDArray[np.uint8]


def write_comparison(
    path: Path,
    image: NDArray[np.uint8],
    truth: NDArray[np.uint8],
    panels: Sequence[Panel],
    classes: ClassTable,
    opacity: float = 0.45,
) -> None:
    """Write the panels side by side as a PNG, each with the truth's outline. image: uint8 (H, W, 3)."""
    outlines, _ = cv2.findContours(
        (truth != classes.background).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE
    )
    parts = []
    for panel in panels:
        over = overlay_picture(image, panel.labels, classes.palette(), opacity, classes.background)
        cv2.drawContours(over, outlines, -1, OUTLINE, 1)
        parts += [np.vstack([_caption(panel.title, image.shape[1]), over]), _gap(image.shape[0] + CAPTION)]
    with atomic_write(path) as stream:
        Image.fromarray(np.hstack(parts[:-1])).save(stream, format="PNG")


def _caption(title: str, width: int) -> NDArray[np.uint8]:
    """A line of text on paper, uint8 (CAPTION, width, 3)."""
    strip = np.full((CAPTION, width, 3), PAPER, dtype=np.uint8)
    cv2.putText(strip, title, (8, CAPTION - 9), cv2.FONT_HERSHEY_SIMPLEX, 0.55, INK, 1, cv2.LINE_AA)
    return strip


def _gap(height: int) -> NDArray[np.uint8]:
    return np.full((height, GAP, 3), PAPER, dtype=np.uint8)
