"""What tools share that act on one pixel: the press aims, the release acts, Escape comes between."""

import math
from abc import abstractmethod

from unet_studio.core.document import Document
from unet_studio.core.geometry import Rect
from unet_studio.tools.tool import NONE, Modifiers, Tool, ToolContext

Pixel = tuple[int, int]  # row and column


def pixel_under(context: ToolContext, row: float, column: float) -> Pixel | None:
    """The pixel of the image under the pointer, if there is one."""
    at = math.floor(row), math.floor(column)
    height, width = context.document.shape
    return at if 0 <= at[0] < height and 0 <= at[1] < width else None


def class_at(context: ToolContext, pixel: Pixel) -> int:
    """The class that the mask shows there, or unlabelled."""
    row, column = pixel
    return int(context.document.mask_region(Rect(row, column, row + 1, column + 1))[0, 0])


class ClickTool(Tool):
    """A tool that does one thing with the pixel under the press when the button goes up."""

    group = "regions"

    def __init__(self) -> None:
        super().__init__()
        self._aim: tuple[Document, Pixel, Modifiers] | None = None

    @abstractmethod
    def act(self, context: ToolContext, pixel: Pixel, modifiers: Modifiers) -> Rect | None:
        """Do it. Returns the pixels that may have changed."""

    def press(
        self, context: ToolContext, row: float, column: float, modifiers: Modifiers = NONE
    ) -> Rect | None:
        """Aim."""
        pixel = pixel_under(context, row, column)
        self._aim = None if pixel is None else (context.document, pixel, modifiers)
        return None

    def release(
        self, context: ToolContext, row: float, column: float, modifiers: Modifiers = NONE
    ) -> Rect | None:
        """Act on the pixel aimed at, where the same document is still there."""
        aim, self._aim = self._aim, None
        if aim is None or aim[0] is not context.document:
            return None
        return self.act(context, aim[1], aim[2])

    def cancel(self, context: ToolContext) -> Rect | None:
        """Forget the aim."""
        self._aim = None
        return None
