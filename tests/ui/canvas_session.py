"""A session without project, threads and files: what the canvas knows of one, around a document in memory."""

import numpy as np
from PySide6.QtCore import QObject, Signal

from unet_studio.core.classes import UNLABELLED, ClassTable
from unet_studio.core.document import Document
from unet_studio.core.mask import Mask
from unet_studio.core.prediction import Prediction
from unet_studio.core.pyramid import Pyramid
from unet_studio.session.editor import Editor
from unet_studio.session.operator import Operator


class CanvasPredictor(QObject):
    predicted = Signal(str)
    staleChanged = Signal()
    stale = False
    stale_because = ""

    def drag_ended(self):
        pass


class CanvasImporter:
    running = ""

    def say_running(self):
        pass


class SeenEditor(Editor):
    """The real editor, which remembers the events of the pointer: (kind, row, column, modifiers)."""

    def __init__(self, session):
        super().__init__(session)
        self.seen = []
        self.brush_radius = 10

    def pointer(self, kind, row, column, modifiers=frozenset(), pressure=1.0):
        self.seen.append((kind, row, column, frozenset(modifiers)))
        super().pointer(kind, row, column, modifiers, pressure)


class CanvasSession(QObject):
    projectChanged = Signal()
    documentChanged = Signal()
    maskChanged = Signal(object)
    displayChanged = Signal()
    classesChanged = Signal()
    historyChanged = Signal()
    message = Signal(str)
    failed = Signal(str, str)
    unfinished = Signal(str, str)

    def __init__(self):
        super().__init__()
        self.predictor = CanvasPredictor(self)
        self.document = None
        self.pyramid = None
        self.editable = True
        self.classes = ClassTable.binary().recolored(1, "#ff0000")
        self.announced = []
        self.importer = CanvasImporter()
        self.operator = Operator(self)
        self.editor = SeenEditor(self)

    def open(self, document):
        self.document = document
        self.pyramid = Pyramid.build(document.image) if document else None
        self.documentChanged.emit()

    def announce(self, change):
        self.announced.append(change)


def make_document(shape, image=None, labels=None, name="picture.png"):
    """A document without painted pixels; labels: its prediction, uint8 (H, W), certain everywhere."""
    if image is None:
        image = np.full((*shape, 3), 100, dtype=np.uint8)
    prediction = None
    if labels is not None:
        prediction = Prediction(labels, np.full(shape, 255, dtype=np.uint8), "model")
    return Document(name, image, Mask.full(shape, UNLABELLED), ClassTable.binary(), prediction)
