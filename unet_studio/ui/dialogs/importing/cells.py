"""Draws a cell of a table as what it is to a person who clicks: a list of answers that opens."""

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QPainter, QPen, Qt

from unet_studio.ui.theme import theme

CHEVRON = 24  # px at the right that a text must leave free


def draw_list_box(painter: QPainter, box: QRectF, border: str) -> None:
    """A field with a chevron. border: #rrggbb."""
    tokens = theme().tokens
    painter.setPen(QPen(QColor(border), 1))
    painter.setBrush(QColor(tokens.field))
    painter.drawRoundedRect(box, 5, 5)
    pen = QPen(QColor(tokens.muted), 1.6)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    painter.setPen(pen)
    x, y = box.right() - 14, box.center().y()
    painter.drawPolyline([QPointF(x - 4, y - 2), QPointF(x, y + 2), QPointF(x + 4, y - 2)])
