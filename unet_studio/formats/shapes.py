"""Shapes that annotation tools know beside polygons: turned boxes and ellipses, as rings of (x, y)."""

import math

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.geometry import Rect
from unet_studio.formats.regions import Stencil, draw_ring
from unet_studio.formats.sample import Shape

Points = NDArray[np.float64]  # (n, 2), x and y


def box(left: float, top: float, right: float, bottom: float) -> Points:
    """The corners of a box."""
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], dtype=np.float64)


def turned(points: Points, radians: float) -> Points:
    """Turned around (0, 0), clockwise on a screen, where y runs downwards."""
    cosine, sine = math.cos(radians), math.sin(radians)
    return np.asarray(points @ np.array([[cosine, sine], [-sine, cosine]]))


def draw_points(points: Points, shape: Shape) -> tuple[Rect, Stencil]:
    """The pixels whose centre lies in a ring. Raises ValueError where it is none."""
    return draw_ring([(x, y) for x, y in points.tolist()], shape)


def draw_ellipse(
    centre: tuple[float, float], reach: tuple[float, float], radians: float, shape: Shape
) -> tuple[Rect, Stencil]:
    """The pixels whose centre lies in an ellipse. centre: x, y. reach: its half axes, turned by radians.

    Raises ValueError where it is far larger than its image of shape (H, W).
    """
    if not all(math.isfinite(side) and abs(side) <= 4 * max(shape) for side in reach):
        raise ValueError("an ellipse is far larger than its image")
    angles = np.linspace(0, 2 * math.pi, max(16, round(4 * max(map(abs, reach)))), endpoint=False)
    rim = np.stack((np.cos(angles), np.sin(angles)), axis=1) * reach
    return draw_points(turned(rim, radians) + centre, shape)
