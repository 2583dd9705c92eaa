"""What the tests of tools do with them."""

import numpy as np

from unet_studio.core.classes import UNLABELLED, ClassTable
from unet_studio.core.document import Document
from unet_studio.core.mask import Mask
from unet_studio.core.prediction import Prediction
from unet_studio.tools import ToolContext


def make_document(image, annotation=None, labels=None, confidence=None):
    """A document of three classes, 0 the background."""
    shape = image.shape[:2]
    mask = Mask.full(shape, UNLABELLED) if annotation is None else Mask(annotation)
    prediction = None
    if labels is not None:
        sure = np.full(shape, 255, dtype=np.uint8) if confidence is None else confidence
        prediction = Prediction(labels, sure, "model")
    return Document("picture.png", image, mask, ClassTable.binary().add("other"), prediction)


def context(document, active=2, radius=5.0, background=0, **more):
    return ToolContext(document, active, radius, background, **more)


def click(tool, ctx, row, column, *modifiers):
    """Press and release on one pixel; what changed."""
    held = frozenset(modifiers)
    pressed = tool.press(ctx, row + 0.5, column + 0.5, held)
    released = tool.release(ctx, row + 0.5, column + 0.5, held)
    return [rect for rect in (pressed, released) if rect is not None and not rect.empty]


class Slow:
    """A later() that answers when it is asked to, like a thread."""

    def __init__(self):
        self.waiting = None

    def __call__(self, compute, apply):
        self.waiting = compute, apply

    def answer(self):
        (compute, apply), self.waiting = self.waiting, None
        apply(compute())
