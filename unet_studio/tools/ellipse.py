"""Ellipse: fills what lies inside an ellipse between two corners."""

import math

from unet_studio.tools.box import BoxTool, Corners
from unet_studio.tools.spans import Spans, ellipse_spans
from unet_studio.tools.tool import Point

SIDES = 90  # of the outline on screen; what is filled is the true ellipse


class Ellipse(BoxTool):
    """Axes along rows and columns."""

    name = "ellipse"
    title = "Ellipse"
    icon = "mdi6.ellipse-outline"
    shortcut = "O"
    hint = "Drag from corner to corner. Shift: circle. Ctrl: from the middle. Alt or right button: erase."

    def spans(self, corners: Corners, shape: tuple[int, int]) -> Spans:
        """Pixels whose centre lies inside."""
        return ellipse_spans(*corners, shape)

    def outline(self, corners: Corners) -> tuple[Point, ...]:
        """A polygon that looks like it."""
        (top, left), (bottom, right) = corners
        middle, half = ((top + bottom) / 2, (left + right) / 2), ((bottom - top) / 2, (right - left) / 2)
        turns = [2 * math.pi * number / SIDES for number in range(SIDES)]
        return tuple(
            (middle[0] + half[0] * math.sin(turn), middle[1] + half[1] * math.cos(turn)) for turn in turns
        )
