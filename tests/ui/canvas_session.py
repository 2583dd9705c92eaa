"""A session without project, threads and files: what the canvas knows of one, around a document in memory."""

import numpy as np
from PySide6.QtCore import QObject, Signal

from unet_studio.core.classes import UNLABELLED, ClassTable
from unet_studio.core.document import Document
from unet_studio.core.mask import Mask
from unet_studio.core.prediction import Prediction
from unet_studio.core.pyramid import Pyramid
from unet_studio.tools import TOOLS, ToolContext


class CanvasPredictor(QObject):
    predicted = Signal(str)


class CanvasSession(QObject):
    documentChanged = Signal()
    maskChanged = Signal(object)
    classesChanged = Signal()
    toolChanged = Signal(str)

    def __init__(self):
        super().__init__()
        self.predictor = CanvasPredictor(self)
        self.document = None
        self.pyramid = None
        self.classes = ClassTable.binary().recolored(1, "#ff0000")
        self.tools = {name: tool() for name, tool in TOOLS.items()}
        self.tool = "brush"
        self.active_class = 1
        self.brush_radius = 10
        self.seen = []  # (kind, row, column, modifiers)

    def open(self, document, window=(0.0, 255.0)):
        self.document = document
        self.pyramid = Pyramid.build(document.image, window) if document else None
        self.documentChanged.emit()

    def set_brush_radius(self, radius):
        self.brush_radius = min(max(int(radius), 1), 500)
        self.toolChanged.emit(self.tool)

    def pointer(self, kind, row, column, modifiers=frozenset()):
        self.seen.append((kind, row, column, frozenset(modifiers)))
        if self.document is None:
            return
        context = ToolContext(self.document, self.active_class, self.brush_radius, self.classes.background)
        tool = self.tools[self.tool]
        changed = (
            tool.cancel(context)
            if kind == "cancel"
            else getattr(tool, kind)(context, row, column, frozenset(modifiers))
        )
        if changed is not None and not changed.empty:
            self.maskChanged.emit(changed)

    def undo(self):
        change = self.document.undo()
        if change is not None:
            self.maskChanged.emit(change.rect)


def make_document(shape, image=None, labels=None, name="picture.png"):
    """A document without painted pixels; labels: its prediction, uint8 (H, W), certain everywhere."""
    if image is None:
        image = np.full((*shape, 3), 100, dtype=np.uint8)
    prediction = None
    if labels is not None:
        prediction = Prediction(labels, np.full(shape, 255, dtype=np.uint8), "model")
    return Document(name, image, Mask.full(shape, UNLABELLED), ClassTable.binary(), prediction)
