"""X-AnyLabeling: labelme's JSON files with keys and shapes of its own. It is read, not written.

What differs from labelme, after X-AnyLabeling's own code (anylabeling/views/labeling/label_converter.py,
custom_to_mask): polygons are filled as OpenCV's fillPoly does after their coordinates were cut to whole
numbers; rectangles have four points since version 2.2; "rotation" and "quadrilateral" are polygons of four
points; cuboids have no area. Its keys score, difficult, description, attributes, checked and others change no
pixel. Where shapes overlap, its mask export lets the larger one win, so that one inside another is lost; in
its window the later one lies on top, and so it does here.
"""

from pathlib import Path
from typing import Any

import numpy as np

from unet_studio.core.geometry import Rect
from unet_studio.formats.labelme_reader import Dialect, read_shape_files
from unet_studio.formats.labelme_shapes import DRAWN, NOTHING, WITHOUT_AREA, around, points_of
from unet_studio.formats.regions import Stencil
from unet_studio.formats.sample import Incoming, Shape


def read_xanylabeling(source: Path) -> Incoming:
    """Open a folder of X-AnyLabeling's files, at any depth, or one of them."""
    return read_shape_files(source, XANYLABELING)


def _polygon(item: Any, shape: Shape) -> tuple[Rect, Stencil]:
    """A polygon, or any other shape by its corners."""
    import cv2

    corners = np.trunc(np.asarray(points_of(item, shape, 3))).astype(np.int32)
    (left, top), (right, bottom) = around(corners.tolist())
    rect = Rect(int(top), int(left), int(bottom) + 1, int(right) + 1).clip(shape)
    if rect.empty:
        return NOTHING
    stencil = np.zeros((rect.height, rect.width), dtype=np.uint8)
    cv2.fillPoly(stencil, [corners - (rect.left, rect.top)], (1,))
    return rect, stencil.astype(np.bool_)


XANYLABELING = Dialect(
    "X-AnyLabeling",
    {**DRAWN, "polygon": _polygon, "rotation": _polygon, "quadrilateral": _polygon},
    WITHOUT_AREA | {"cuboid"},
)
