"""The status bar: what is under the pointer, its class and who set it, zoom, saved, what is predicted."""

import html
import math
from typing import Any

import numpy as np
from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtWidgets import QLabel, QStatusBar, QWidget

from unet_studio.core.classes import UNLABELLED
from unet_studio.core.document import Document
from unet_studio.core.geometry import Rect
from unet_studio.session import PredictionState, Session
from unet_studio.ui.canvas.widget import Canvas
from unet_studio.ui.widgets import label

VALUE_TIP = "Values of the pixel under the pointer, one a channel"
VALUE_WIDTH = 220  # px that they may take; more is in the tooltip
POINTER_DELAY = 30  # ms between two looks at the pixel under the pointer
MESSAGE_TIME = 8000  # ms a message stays
WIDER = 16  # px that a text gets more room for than it needs now


class Steady(QLabel):
    """A text that changes all the time without moving what is beside it.

    Every text of another width would lay out the whole window again, as often as the pointer moves.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)

    def say(self, text: str) -> None:
        """Show a text; there is room for the longest one until there is none to show."""
        if text == self.text():
            return
        self.setText(text)
        needed = self.sizeHint()
        if needed.width() > self.width() or self.minimumWidth() == 0 or not text:
            self.setFixedSize(needed.width() + WIDER if text else 0, needed.height())


class StatusBar(QStatusBar):
    """Follows the session and the canvas."""

    def __init__(self, session: Session, canvas: Canvas, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._canvas = canvas
        self._at: tuple[float, float] | None = None
        self.setSizeGripEnabled(False)
        self.pixel, self.position, self.value = Steady(), Steady(), Steady()
        self.image = label("", wrap=False)
        self.zoom = label("", wrap=False)
        self.saved = label("", wrap=False)
        self.predicting = label("", wrap=False)
        self.pixel.setTextFormat(Qt.TextFormat.RichText)
        for widget, tip in (
            (self.predicting, "What the prediction thread does"),
            (self.pixel, "Class of the pixel under the pointer, and who said so"),
            (self.position, "Position of the pointer in image pixels"),
            (self.value, VALUE_TIP),
            (self.image, "Size of the image"),
            (self.zoom, "Screen pixels an image pixel"),
            (self.saved, "Whether all work is on disk"),
        ):
            widget.setToolTip(tip)
            self.addPermanentWidget(widget)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(POINTER_DELAY)
        self._timer.timeout.connect(self._show_pixel)
        self._connect()
        self.refresh()

    def _connect(self) -> None:
        session, canvas = self._session, self._canvas
        canvas.pointerMoved.connect(self._moved)
        canvas.pointerLeft.connect(self._left)
        canvas.zoomChanged.connect(self._zoomed)
        session.maskChanged.connect(self._start)
        session.documentChanged.connect(self.refresh)
        session.savedChanged.connect(self._show_saved)
        session.predictor.stateChanged.connect(self._show_prediction)
        session.message.connect(self._say)

    @Slot(float, float)
    def _moved(self, row: float, column: float) -> None:
        self._at = (row, column)
        self._start()

    @Slot()
    def _left(self) -> None:
        self._at = None
        self._start()

    @Slot()
    def _start(self, *_: object) -> None:
        if not self._timer.isActive():
            self._timer.start()

    @Slot()
    def refresh(self) -> None:
        """Another document is on screen, or none."""
        document = self._session.document
        open_ = document is not None
        for widget in (self.pixel, self.position, self.value, self.image, self.zoom, self.saved):
            widget.setVisible(open_)
        if document is not None:
            self.image.setText(f"{document.shape[1]:,} × {document.shape[0]:,} px")
            self._zoomed(self._canvas.zoom)
        self._show_pixel()

    @Slot()
    def _show_pixel(self) -> None:
        document = self._session.document
        if document is None or self._at is None:
            for part in (self.pixel, self.position, self.value):
                part.say("")
            return
        row, column = math.floor(self._at[0]), math.floor(self._at[1])
        inside = 0 <= row < document.shape[0] and 0 <= column < document.shape[1]
        self.position.say(f"x {column:,}  y {row:,}" if inside else "")
        self.pixel.say(self._describe(document, row, column) if inside else "")
        values = values_text(document.image[row, column]) if inside else ""
        short = self.value.fontMetrics().elidedText(values, Qt.TextElideMode.ElideRight, VALUE_WIDTH)
        self.value.say(short)
        self.value.setToolTip(VALUE_TIP if short == values else f"{VALUE_TIP}: {values}")

    def _describe(self, document: Document, row: int, column: int) -> str:
        """Class and author of a pixel, as rich text."""
        spot = Rect(row, column, row + 1, column + 1)
        shown = int(document.mask_region(spot)[0, 0])
        if shown == UNLABELLED:
            return "unlabelled"
        entry = self._session.classes.get(shown)
        name = f"<span style='color:{entry.color}'>■</span> {html.escape(entry.name)}"
        painted = int(document.annotation_region(spot)[0, 0]) != UNLABELLED
        under = document.under
        if painted or under is None:
            return f"{name} · painted by a person"
        model = html.escape(under.model or "a model")
        if document.approved:
            return f"{name} · {model}, approved by a person"
        sure = round(100 * int(under.confidence[row, column]) / 255)
        return f"{name} · {model}, {sure} % sure"

    @Slot(float)
    def _zoomed(self, zoom: float) -> None:
        percent = zoom * 100
        self.zoom.setText(f"{percent:.0f} %" if percent >= 10 else f"{percent:.1f} %")

    @Slot(bool)
    def _show_saved(self, dirty: bool) -> None:
        if self._session.read_only:
            self.saved.setText("Read-only")
        else:
            problem = self._session.save_problem if dirty else None
            self.saved.setText("Not saved" if problem else "Saving…" if dirty else "Saved")
            self.saved.setToolTip(f"{problem}" if problem else "Whether all work is on disk")

    @Slot(object)
    def _show_prediction(self, state: PredictionState) -> None:
        if not state.active:
            self.predicting.setText("")
        elif state.total > 1:
            self.predicting.setText(f"Predicting {min(state.done + 1, state.total)} of {state.total}")
        else:
            self.predicting.setText(f"Predicting {round(100 * state.fraction)} %")

    @Slot(str)
    def _say(self, text: str) -> None:
        if text:
            self.showMessage(text, MESSAGE_TIME)


def values_text(pixel: Any) -> str:
    """The values of a pixel, one or an array of them, in the image's own type."""
    channels = np.atleast_1d(pixel)
    return "  ".join(f"{value:.6g}" if value.dtype.kind == "f" else str(value) for value in channels)
