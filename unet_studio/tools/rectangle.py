"""Rectangle: fills the pixels between two corners."""

from unet_studio.tools.box import BoxTool, Corners
from unet_studio.tools.spans import Spans, rectangle_spans
from unet_studio.tools.tool import Point


class Rectangle(BoxTool):
    """Sides along rows and columns."""

    name = "rectangle"
    title = "Rectangle"
    icon = "mdi6.rectangle-outline"
    shortcut = "M"
    hint = "Drag from corner to corner. Shift: square. Ctrl: from the middle. Alt or right button: erase."

    def spans(self, corners: Corners, shape: tuple[int, int]) -> Spans:
        """Pixels whose centre lies between the sides."""
        return rectangle_spans(*corners, shape)

    def outline(self, corners: Corners) -> tuple[Point, ...]:
        """The four corners."""
        (top, left), (bottom, right) = corners
        return (top, left), (top, right), (bottom, right), (bottom, left)
