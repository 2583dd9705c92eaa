"""Pick: makes the class under the pointer the active one."""

import math

from unet_studio.core.classes import UNLABELLED
from unet_studio.core.geometry import Rect
from unet_studio.tools.tool import NONE, Modifiers, Tool, ToolContext


class Pick(Tool):
    """Chooses a class from the mask; changes no pixel."""

    name = "pick"
    title = "Pick class"
    icon = "mdi6.eyedropper"
    shortcut = "I"
    hint = "Click to make the class under the pointer the active one."
    group = "look"
    paints = False

    def press(
        self, context: ToolContext, row: float, column: float, modifiers: Modifiers = NONE
    ) -> Rect | None:
        """Choose the class here; nothing happens outside the image or on an unlabelled pixel."""
        top, left = math.floor(row), math.floor(column)
        pixel = Rect(top, left, top + 1, left + 1)
        if not pixel.clip(context.document.shape).empty:
            found = int(context.document.mask_region(pixel)[0, 0])
            if found != UNLABELLED and found != context.active_class:
                context.choose_class(found)
        return None

    def move(
        self, context: ToolContext, row: float, column: float, modifiers: Modifiers = NONE
    ) -> Rect | None:
        """Go on choosing along the drag."""
        return self.press(context, row, column, modifiers)
