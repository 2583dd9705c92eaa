"""How many labelled pixels there are of every class, as bars."""

import math
from collections.abc import Mapping

from PySide6.QtCore import QRectF, QSize, Qt, Slot
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from unet_studio.core.classes import ClassTable, PixelClass
from unet_studio.ui import words
from unet_studio.ui.theme import theme

ROW = 22  # px a class
MOST = 8  # classes shown; the rest is a line of text
NAME_SHARE = 0.36  # of the width


class ClassBars(QWidget):
    """One row a class: name, a bar on a logarithmic scale, the number of pixels."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: list[tuple[PixelClass, int]] = []
        self._more = 0
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Labelled pixels of every class")
        theme().changed.connect(self._repaint)
        self.hide()

    @Slot()
    def _repaint(self) -> None:
        self.update()

    def show_pixels(self, table: ClassTable, pixels: Mapping[int, int] | None) -> None:
        """Show the counts by class index; nothing while they are unknown or all are zero."""
        known = pixels or {}
        rows = [(entry, known[entry.index]) for entry in table.active if entry.index in known]
        self._rows, self._more = rows[:MOST], max(0, len(rows) - MOST)
        self.setVisible(any(known.values()))
        self.setToolTip("\n".join(f"{entry.name}: {number:,} labelled px" for entry, number in rows))
        self.setAccessibleDescription(self.toolTip())
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """As high as its rows."""
        return QSize(160, ROW * (len(self._rows) + bool(self._more)))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the rows."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        tokens = theme().tokens
        highest = max((number for _, number in self._rows), default=1)
        middle, right = (
            int(Qt.AlignmentFlag.AlignVCenter),
            int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight),
        )
        width = self.width()
        left, end = width * NAME_SHARE, width - 72.0
        metrics = painter.fontMetrics()
        for place, (entry, number) in enumerate(self._rows):
            top = place * ROW
            painter.setPen(QColor(tokens.text))
            name = metrics.elidedText(entry.name, Qt.TextElideMode.ElideRight, int(left) - 8)
            painter.drawText(QRectF(0, top, left, ROW), middle, name)
            share = math.log10(number + 1) / math.log10(highest + 1) if highest else 0.0
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(tokens.hover))
            painter.drawRoundedRect(QRectF(left, top + 7, end - left, 8), 4, 4)
            if number:
                painter.setPen(QColor(tokens.strong_border))
                painter.setBrush(QColor(entry.color))
                painter.drawRoundedRect(QRectF(left, top + 7, max(8.0, share * (end - left)), 8), 4, 4)
            painter.setPen(QColor(tokens.muted if number else tokens.warning))
            painter.drawText(QRectF(end, top, width - end, ROW), right, words.size(number))
        if self._more:
            painter.setPen(QColor(tokens.muted))
            rest = QRectF(0, len(self._rows) * ROW, width, ROW)
            painter.drawText(rest, middle, f"and {self._more} more")
        painter.end()
