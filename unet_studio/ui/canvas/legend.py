"""A small card on the canvas that says what is shown where it is not the mask, and what its colours mean."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QLinearGradient, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from unet_studio.ui.theme import theme

PADDING = 9  # logical px around the text
GAP = 12  # between two entries
SWATCH = 11  # side of a colour
SCALE = 90  # length of a scale of colours

Entry = tuple[str, str]  # colour, meaning


class Legend(QWidget):
    """title: in bold; entries: colours with their meaning; heat: one scale from the first to the last.

    The pointer passes through it: one paints on what lies below.
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("legend")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.title = ""
        self.entries: tuple[Entry, ...] = ()
        self._heat = False
        self.hide()

    def say(self, title: str, entries: tuple[Entry, ...] = (), heat: bool = False) -> None:
        """Show a title with its colours; an empty title takes the card away."""
        if (title, entries, heat) == (self.title, self.entries, self._heat):
            return
        self.title, self.entries, self._heat = title, entries, heat
        self.setAccessibleName(", ".join([title, *(text for _, text in entries if text)]))
        self.resize(self.sizeHint())
        self.setVisible(bool(title))
        self.update()

    def sizeHint(self) -> QSize:
        """Room for all of it in one line."""
        width = self._bold().horizontalAdvance(self.title)
        for color, text in self._parts():
            width += GAP + (SCALE if self._heat and color else 0) + self.fontMetrics().horizontalAdvance(text)
            width += SWATCH + 5 if color and not self._heat else 0
        return QSize(width + 2 * PADDING, self.fontMetrics().height() + PADDING)

    def paintEvent(self, event: QPaintEvent) -> None:
        """A rounded card with everything in one line."""
        look = theme().tokens
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        card = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(QPen(QColor(look.border), 1))
        painter.setBrush(QColor(look.surface))
        painter.drawRoundedRect(card, 6, 6)
        painter.setFont(self._bold_font())
        painter.setPen(QColor(look.text))
        left = float(PADDING)
        middle = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        painter.drawText(QRectF(left, 0, card.width(), card.height() + 1), middle, self.title)
        left += self._bold().horizontalAdvance(self.title)
        painter.setFont(self.font())
        for color, text in self._parts():
            left += GAP
            if color:
                left += self._paint_colors(painter, color, left, card.height() / 2 + 0.5)
            painter.setPen(QColor(look.muted))
            painter.drawText(QRectF(left, 0, card.width(), card.height() + 1), middle, text)
            left += self.fontMetrics().horizontalAdvance(text)
        painter.end()

    def _parts(self) -> list[Entry]:
        """What stands behind the title, from left to right; a scale between its two ends."""
        if not self._heat:
            return list(self.entries)
        return [("", self.entries[0][1]), ("scale", ""), ("", self.entries[-1][1])]

    def _paint_colors(self, painter: QPainter, color: str, left: float, middle: float) -> float:
        """A swatch or the scale; returns the width it took."""
        box = QRectF(left, middle - SWATCH / 2, SCALE if self._heat else SWATCH, SWATCH)
        painter.setPen(QPen(QColor(theme().tokens.strong_border), 1))
        if not self._heat:
            painter.setBrush(QColor(color))
            painter.drawRoundedRect(box, 2, 2)
            return box.width() + 5
        scale = QLinearGradient(box.topLeft(), box.topRight())
        for place, (point, _) in enumerate(self.entries):
            shade = QColor(point)
            share = place / (len(self.entries) - 1)
            shade.setAlphaF(share**0.5)
            scale.setColorAt(share, shade)
        painter.setBrush(scale)
        painter.drawRoundedRect(box, 2, 2)
        return box.width()

    def _bold_font(self) -> QFont:
        font = QFont(self.font())
        font.setBold(True)
        return font

    def _bold(self) -> QFontMetrics:
        return QFontMetrics(self._bold_font())
