"""A small card on the canvas that says what is shown where it is not the mask, and what its colours mean."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QLinearGradient, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from unet_studio.ui.theme import theme

PADDING = 9  # logical px around the text
GAP = 12  # between two entries
SWATCH = 11  # side of a colour
SCALE = 90  # length of a scale of colours

MIDDLE = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft

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
        self._lines: list[list[Entry]] = [[]]
        self.hide()

    def say(self, title: str, entries: tuple[Entry, ...] = (), heat: bool = False) -> None:
        """Show a title with its colours; an empty title takes the card away."""
        if (title, entries, heat) == (self.title, self.entries, self._heat):
            return
        self.title, self.entries, self._heat = title, entries, heat
        self.setAccessibleName(", ".join([title, *(text for _, text in entries if text)]))
        self.setVisible(bool(title))
        self.update()

    def lay_out(self, room: int) -> None:
        """Take a size: one line, or where that is wider than room, in logical px, one below the other."""
        parts = self._parts()
        self._lines = [parts]
        if self.sizeHint().width() > room:
            self._lines = [[], parts] if self._heat else [[], *([part] for part in parts)]
        self.resize(self.sizeHint())

    def sizeHint(self) -> QSize:
        """Room for all lines."""
        widths = [sum(self._width(part) + GAP for part in line) for line in self._lines]
        widths[0] += self._bold().horizontalAdvance(self.title) + GAP
        return QSize(max(widths) - GAP + 2 * PADDING, self._line_height() * len(self._lines) + PADDING // 2)

    def paintEvent(self, event: QPaintEvent) -> None:
        """A rounded card with the title and what follows."""
        look = theme().tokens
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(look.border), 1))
        painter.setBrush(QColor(look.surface))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        painter.setFont(self._bold_font())
        painter.setPen(QColor(look.text))
        box = QRectF(PADDING, PADDING // 4, self.width(), self._line_height())
        painter.drawText(box, MIDDLE, self.title)
        painter.setFont(self.font())
        box.setLeft(PADDING + self._bold().horizontalAdvance(self.title) + GAP)
        for line in self._lines:
            for part in line:
                self._paint_part(painter, part, box)
                box.setLeft(box.left() + self._width(part) + GAP)
            box.moveTop(box.top() + self._line_height())
            box.setLeft(PADDING)
        painter.end()

    def _parts(self) -> list[Entry]:
        """What stands behind the title, from left to right; a scale between its two ends."""
        if not self._heat:
            return list(self.entries)
        return [("", self.entries[0][1]), ("scale", ""), ("", self.entries[-1][1])]

    def _line_height(self) -> int:
        return self.fontMetrics().height() + PADDING // 2

    def _width(self, part: Entry) -> int:
        color, text = part
        wide = self.fontMetrics().horizontalAdvance(text)
        return wide + (SCALE if self._heat and color else SWATCH + 5 if color else 0)

    def _paint_part(self, painter: QPainter, part: Entry, box: QRectF) -> None:
        """A colour, if any, and its meaning at the left of box."""
        color, text = part
        left = box.left()
        if color:
            left += self._paint_colors(painter, color, left, box.center().y())
        painter.setPen(QColor(theme().tokens.muted))
        painter.drawText(QRectF(left, box.top(), self.width(), box.height()), MIDDLE, text)

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
