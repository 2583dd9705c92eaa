"""Pictures of masks to look at: classes over the image, and image, mask and both side by side.

The image is shown as the window shows it at first, whatever its bits and channels. Work goes in bands of rows
and large images are shrunk, so that the memory beside the picture stays small.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from unet_studio.core.classes import UNLABELLED, ClassTable
from unet_studio.core.display import Display
from unet_studio.core.errors import StudioError
from unet_studio.core.pixels import Pixels
from unet_studio.core.render import overlay_picture
from unet_studio.core.storage import atomic_write

QUALITY = 92  # of JPEG: what is looked at, not measured
_BAND = 1 << 20  # px of the image that are worked on at a time, about
_GAP = 8  # px between pictures side by side
_LINE = 22  # px, the height of a line of the legend
_TEXT = 14  # px, the height of its letters
_CHECK, _CHECKS = 8, (np.uint8(228), np.uint8(200))  # px, and the two greys of what has no colour
_PAPER, _INK = 245, (30, 30, 30)
_MOST_SIDE = 65500  # px; JPEG holds no more

Picture = NDArray[np.uint8]  # (h, w, 3)


@dataclass(frozen=True)
class PictureStyle:
    """How masks are pictured. side: the longest side of a picture, in px; larger images are shrunk by a whole
    number. opacity: of the classes, 0..1. outlines: whether their edges are drawn in full colour. legend:
    whether colours are named below.
    """

    side: int = 2048
    opacity: float = 0.5
    outlines: bool = True
    legend: bool = False

    def __post_init__(self) -> None:
        if not 16 <= self.side <= _MOST_SIDE or not 0 <= self.opacity <= 1:
            raise StudioError(
                f"Pictures of {self.side} px and an opacity of {self.opacity:g} can't be made.",
                f"Choose 16 to {_MOST_SIDE} px and an opacity of 0 to 1.",
            )


PLAIN = PictureStyle(_MOST_SIDE, outlines=False)


def overlay(image: Pixels, labels: NDArray[np.uint8], table: ClassTable, style: PictureStyle) -> Picture:
    """The classes over the image, uint8 (h, w, 3). image: as read_image gives it; labels: uint8 (H, W).

    Background and unlabelled pixels stay clear.
    """
    display, palette = Display.of(image), table.palette()

    def blended(rows: slice) -> Picture:
        shown = display.apply(image[rows])
        return overlay_picture(shown, labels[rows], palette, style.opacity, table.background)

    step = _step(labels.shape, style.side)
    picture = _shrunk(blended, labels.shape, step)
    if style.outlines:
        small = labels[step // 2 :: step, step // 2 :: step]
        edges = _edges(small, table)
        # Sampling begins inside the first block of pixels, so there may be a row or column less.
        picture[: edges.shape[0], : edges.shape[1]][edges] = palette[small][edges]
    return picture


def plain(image: Pixels, style: PictureStyle) -> Picture:
    """The image alone, uint8 (h, w, 3)."""
    display = Display.of(image)
    shape = (image.shape[0], image.shape[1])
    return _shrunk(lambda rows: display.apply(image[rows]), shape, _step(shape, style.side))


def mask_picture(labels: NDArray[np.uint8], table: ClassTable, style: PictureStyle) -> Picture:
    """The mask alone in its classes' colours; unlabelled pixels are checked light grey. uint8 (h, w, 3)."""
    palette, step = table.palette(), _step(labels.shape, style.side)
    picture = _shrunk(lambda rows: palette[labels[rows]], labels.shape, step)
    small = labels[step // 2 :: step, step // 2 :: step]
    rows, columns = np.nonzero(small == UNLABELLED)
    light = (rows // _CHECK + columns // _CHECK) % 2 == 0
    picture[rows, columns] = np.where(light, *_CHECKS)[:, None]
    return picture


def side_by_side(image: Pixels, labels: NDArray[np.uint8], table: ClassTable, style: PictureStyle) -> Picture:
    """Image, mask and overlay, from left to right, each at most style.side px."""
    parts = [plain(image, style), mask_picture(labels, table, style), overlay(image, labels, table, style)]
    gap = np.full((parts[0].shape[0], _GAP, 3), _PAPER, dtype=np.uint8)
    return np.hstack([parts[0], gap, parts[1], gap, parts[2]])


def with_legend(picture: Picture, table: ClassTable) -> Picture:
    """The picture with the classes' colours and names below it, in as many lines as they need."""
    font = ImageFont.load_default(_TEXT)
    places, right, line = [], 0, 0
    for entry in table.active:
        width = 2 * _LINE + math.ceil(font.getlength(entry.name))
        if right and right + width > picture.shape[1]:
            right, line = 0, line + 1
        places.append((entry, right, line * _LINE))
        right += width
    strip = Image.new("RGB", (picture.shape[1], (line + 1) * _LINE), (_PAPER,) * 3)
    draw = ImageDraw.Draw(strip)
    for entry, x, y in places:
        draw.rectangle((x + 4, y + 4, x + _LINE - 5, y + _LINE - 5), fill=entry.color, outline=_INK)
        draw.text((x + _LINE, y + _LINE / 2), entry.name, fill=_INK, font=font, anchor="lm")
    return np.vstack([picture, np.asarray(strip)])


def write_picture(path: Path, picture: Picture) -> None:
    """Write a picture as JPEG, all its colours at full size."""
    with atomic_write(path) as stream:
        Image.fromarray(picture).save(stream, format="JPEG", quality=QUALITY)


def _step(shape: tuple[int, ...], side: int) -> int:
    """How many pixels in a row become one."""
    return max(1, math.ceil(max(shape[:2]) / side))


def _shrunk(band: Callable[[slice], Picture], shape: tuple[int, ...], step: int) -> Picture:
    """A picture that is made band by band, each block of step x step pixels averaged.

    Blocks that the image's lower and right edge cut are averaged over what there is of them.
    """
    import cv2

    height, width = shape[:2]
    out = np.empty((-(-height // step), -(-width // step), 3), dtype=np.uint8)
    rows = step * max(1, _BAND // (width * step))
    for top in range(0, height, rows):
        part = band(slice(top, top + rows))
        if step > 1:
            below, right = -part.shape[0] % step, -width % step
            whole = cv2.copyMakeBorder(part, 0, below, 0, right, cv2.BORDER_REPLICATE)
            size = (whole.shape[1] // step, whole.shape[0] // step)
            part = np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        out[top // step : top // step + part.shape[0]] = part
    return out


def _edges(labels: NDArray[np.uint8], table: ClassTable) -> NDArray[np.bool_]:
    """The pixels of classes beside another value, bool (h, w); background and unlabelled have no edges."""
    edges = np.zeros(labels.shape, dtype=np.bool_)
    across, down = labels[:, 1:] != labels[:, :-1], labels[1:] != labels[:-1]
    edges[:, 1:] |= across
    edges[:, :-1] |= across
    edges[1:] |= down
    edges[:-1] |= down
    clear = (UNLABELLED, UNLABELLED if table.background is None else table.background)
    return edges & ~np.isin(labels, clear)
