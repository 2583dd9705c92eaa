"""The shapes of labelme's JSON files and their pixels, as labelme draws them.

After labelme's shape_to_mask (labelme/utils/shape.py): Pillow fills the shape and draws its outline, so the
border belongs to it; coordinates mean the centres of pixels.
"""

import base64
import binascii
import io
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, UnidentifiedImageError

from unet_studio.core.geometry import Rect
from unet_studio.formats.regions import Stencil
from unet_studio.formats.sample import Shape

Draw = Callable[[Any, Shape], tuple[Rect, Stencil]]  # a shape's JSON object and the image's (H, W)

HUGE = 64_000_000  # px
WITHOUT_AREA = frozenset({"point", "points", "line", "linestrip"})
NOTHING = Rect(0, 0, 0, 0), np.zeros((0, 0), dtype=np.bool_)


def points_of(item: Any, shape: Shape, least: int) -> list[tuple[float, float]]:
    """A shape's points, (x, y). Raises ValueError where they are too few or lie far outside of the image."""
    points = [(float(x), float(y)) for x, y in item["points"]]
    limit = 4 * max(shape) + 16
    if len(points) < least:
        raise ValueError(f"it has {len(points)} points and needs {least}")
    if not all(math.isfinite(value) and abs(value) <= limit for point in points for value in point):
        raise ValueError("a point lies far outside of the image")
    return points


def around(points: list[tuple[float, float]]) -> tuple[tuple[float, float], tuple[float, float]]:
    """The upper left and the lower right corner of the rectangle around points."""
    x, y = zip(*points, strict=True)
    return (min(x), min(y)), (max(x), max(y))


def _drawn(
    points: list[tuple[float, float]], shape: Shape, draw: Callable[[ImageDraw.ImageDraw, Any], None]
) -> tuple[Rect, Stencil]:
    """What draw lays on an empty picture.

    Moved points are rounded elsewhere, which can cost a pixel of labelme's own result: only in a huge image
    is the picture no larger than the shape.
    """
    (left, top), (right, bottom) = around(points)
    box = Rect(math.floor(top) - 1, math.floor(left) - 1, math.ceil(bottom) + 2, math.ceil(right) + 2)
    rect = box.clip(shape)
    if rect.empty:
        return NOTHING
    area = Rect.of(shape) if shape[0] * shape[1] <= HUGE else rect
    picture = Image.new("1", (area.width, area.height))
    draw(ImageDraw.Draw(picture), [(x - area.left, y - area.top) for x, y in points])
    return area, np.array(picture, dtype=np.bool_)


def polygon(item: Any, shape: Shape) -> tuple[Rect, Stencil]:
    """A polygon of at least three points."""
    points = points_of(item, shape, 3)
    return _drawn(points, shape, lambda pen, moved: pen.polygon(moved, outline=1, fill=1))


def rectangle(item: Any, shape: Shape) -> tuple[Rect, Stencil]:
    """A rectangle by two opposite corners, or by four, as X-AnyLabeling writes it since 2.2."""
    corners = list(around(points_of(item, shape, 2)))
    return _drawn(corners, shape, lambda pen, moved: pen.rectangle(moved, outline=1, fill=1))


def circle(item: Any, shape: Shape) -> tuple[Rect, Stencil]:
    """A circle by its centre and a point of its rim."""
    (x, y), rim = points_of(item, shape, 2)[:2]
    radius = math.dist((x, y), rim)
    corners = [(x - radius, y - radius), (x + radius, y + radius)]
    return _drawn(corners, shape, lambda pen, moved: pen.ellipse(moved, outline=1, fill=1))


def mask(item: Any, shape: Shape) -> tuple[Rect, Stencil]:
    """A PNG of zeros and ones between two corners that are both part of it."""
    (left, top), (right, bottom) = (tuple(map(round, point)) for point in points_of(item, shape, 2)[:2])
    rect = Rect(top, left, bottom + 1, right + 1)
    try:
        with Image.open(io.BytesIO(base64.b64decode(item["mask"], validate=True)), formats=["PNG"]) as found:
            if found.size != (rect.width, rect.height) or rect.clip(shape) != rect:
                raise ValueError(f"a mask of {found.size} px does not fit its corners in the image")
            return rect, np.array(found.convert("L") if found.mode == "P" else found) != 0
    except (binascii.Error, UnidentifiedImageError) as error:
        raise ValueError(f"a mask is no PNG: {error}") from error


# The shapes that have an area.
DRAWN: Mapping[str, Draw] = {
    "polygon": polygon,
    "oriented_rectangle": polygon,
    "rotation": polygon,  # X-AnyLabeling's name for it
    "rectangle": rectangle,
    "circle": circle,
    "mask": mask,
}
