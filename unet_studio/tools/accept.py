"""Accept brush: makes the model's prediction, where nobody painted, a person's word."""

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.classes import UNLABELLED
from unet_studio.core.geometry import EMPTY, Rect
from unet_studio.tools.stroke import StrokeTool
from unet_studio.tools.tool import ERASING, NONE, Modifiers, ToolContext

AS_PREDICTED = 256  # a value that is no class: each pixel gets the one predicted for it


class Accept(StrokeTool):
    """Lays what the model predicts. What a person painted stays, so that the mask looks the same after it."""

    name = "accept"
    title = "Accept brush"
    icon = "mdi6.check-decagram"
    shortcut = "V"
    hint = "Drag over what the model got right to confirm it. Alt or right button: erase."

    def press(
        self, context: ToolContext, row: float, column: float, modifiers: Modifiers = NONE
    ) -> Rect | None:
        """Begin, where there is anything to accept."""
        if context.document.under is None and not modifiers & ERASING:
            context.say("There is no prediction on this image to accept.")
            return self.cancel(context)
        return super().press(context, row, column, modifiers)

    def value(self, context: ToolContext) -> int:
        """The prediction of each pixel."""
        return AS_PREDICTED

    def lay(self, context: ToolContext, rect: Rect, stencil: NDArray[np.bool_], value: int) -> Rect:
        """Paint class by class what is predicted under the tip and not painted yet."""
        if value != AS_PREDICTED:
            return super().lay(context, rect, stencil, value)
        document = context.document
        predicted = document.prediction_region(rect)
        rest = stencil & (document.annotation_region(rect) == UNLABELLED) & (predicted != UNLABELLED)
        changed = EMPTY
        for index in np.flatnonzero(np.bincount(predicted[rest], minlength=256)).tolist():
            changed = changed.union(context.paint(rect, rest & (predicted == index), index))
        return changed
