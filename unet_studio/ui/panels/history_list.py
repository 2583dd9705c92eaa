"""The list behind the history panel: the steps of the document on screen, and how a row looks."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from unet_studio.core.document import DocumentStep
from unet_studio.core.history import History
from unet_studio.ui.icons import icons
from unet_studio.ui.theme import theme

Index = QModelIndex | QPersistentModelIndex
Steps = History[DocumentStep]

ROW = 30  # px a row
DONE_ROLE = Qt.ItemDataRole.UserRole + 1  # whether a step is done, not undone
HERE_ROLE = Qt.ItemDataRole.UserRole + 2  # whether a row is where the document is
STEP_ROLE = Qt.ItemDataRole.UserRole + 3  # the step, or None for the beginning
ICON_ROLE = Qt.ItemDataRole.UserRole + 4  # the name of its icon
ANY_ICON, BEGINNING_ICON = "circle-edit-outline", "image-outline"


class HistoryList(QAbstractListModel):
    """The beginning, then one row a step, oldest first. pictures: icon by the name of a step."""

    def __init__(self, pictures: Mapping[str, str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pictures = pictures
        self._history: Steps | None = None
        self._steps: tuple[DocumentStep, ...] = ()
        self._forgotten = 0
        self._place = 0

    def show(self, history: Steps | None) -> None:
        """Follow a history, telling views of the rows that differ alone; None for no document."""
        same = history is not None and history is self._history
        gone = history.forgotten - self._forgotten if same and history is not None else -1
        if history is None or not 0 <= gone <= len(self._steps):
            self.beginResetModel()
            self._take(history)
            self.endResetModel()
            return
        if gone:
            self.beginRemoveRows(QModelIndex(), 1, gone)
            self._steps = self._steps[gone:]
            self.endRemoveRows()
            self._forgotten = history.forgotten
        self._follow(history)
        before, self._place = self._place, history.place
        first, last = sorted((min(before, len(self._steps)), self._place))
        self.dataChanged.emit(self.index(first, 0), self.index(last, 0))
        self.dataChanged.emit(self.index(0, 0), self.index(0, 0))

    def _take(self, history: Steps | None) -> None:
        self._history = history
        self._steps = history.steps if history else ()
        self._place = history.place if history else 0
        self._forgotten = history.forgotten if history else 0

    def _follow(self, history: Steps) -> None:
        """Take rows off the end that are no longer there, and add the new ones."""
        steps = history.steps
        kept = min(len(steps), len(self._steps))
        while kept and steps[kept - 1] is not self._steps[kept - 1]:
            kept -= 1
        if kept < len(self._steps):
            self.beginRemoveRows(QModelIndex(), kept + 1, len(self._steps))
            self._steps = self._steps[:kept]
            self.endRemoveRows()
        if kept < len(steps):
            self.beginInsertRows(QModelIndex(), kept + 1, len(steps))
            self._steps = steps
            self.endInsertRows()

    @property
    def place(self) -> QModelIndex:
        """The row where the document is."""
        return self.index(self._place, 0)

    def rowCount(self, parent: Index | None = None) -> int:
        """The steps, and the beginning."""
        inside = parent is not None and parent.isValid()
        return 0 if inside or self._history is None else len(self._steps) + 1

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Name, step and state of a row."""
        if not index.isValid():
            return None
        row = index.row()
        step = self._steps[row - 1] if row else None
        if role == Qt.ItemDataRole.DisplayRole:
            return step.name if step else self._beginning
        if role == STEP_ROLE:
            return step
        if role == DONE_ROLE:
            return row <= self._place
        if role == HERE_ROLE:
            return row == self._place
        if role == ICON_ROLE:
            return self._pictures.get(step.name, ANY_ICON) if step else BEGINNING_ICON
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return self._explained(row, step)
        return None

    @property
    def _beginning(self) -> str:
        return "Before the Steps Below" if self._forgotten else "Original"

    def _explained(self, row: int, step: DocumentStep | None) -> str:
        """What hovering says."""
        if step is None:
            text = f"{self._beginning}\nThe mask before the first step that is remembered"
        else:
            text = f"{step.name}\n{clock(step.when, seconds=True)}"
            if step.pixels:
                text += f", {step.pixels:,} px changed"
        state = "You are here." if row == self._place else "Click to go there."
        return f"{text}\n{'Undone. ' if row > self._place else ''}{state}"


def clock(when: float, seconds: bool = False) -> str:
    """The local time of day."""
    return datetime.fromtimestamp(when).strftime("%H:%M:%S" if seconds else "%H:%M")


def short(pixels: int) -> str:
    """A number of pixels in a few letters."""
    for size, letter in ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")):
        if pixels >= max(size, 10_000):
            return f"{pixels / size:.{0 if pixels >= 10 * size else 1}f} {letter}px"
    return f"{pixels:,} px"


class HistoryRow(QStyledItemDelegate):
    """Draws a row: icon, name, what changed, when; those of steps that were undone are pale and slanted."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """All rows are as high."""
        return QSize(120, ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw one row."""
        view: Any = option
        tokens = theme().tokens
        rect: QRect = view.rect
        here, done = bool(index.data(HERE_ROLE)), bool(index.data(DONE_ROLE))
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        lit = view.state & (QStyle.StateFlag.State_MouseOver | QStyle.StateFlag.State_HasFocus)
        if here or lit:
            painter.setBrush(QColor(tokens.selection if here else tokens.hover))
            painter.drawRoundedRect(QRectF(rect).adjusted(4, 1, -4, -1), 7, 7)
        if here:
            painter.setBrush(QColor(tokens.accent))
            painter.drawRoundedRect(QRectF(rect.left() + 4, rect.top() + 6, 3, rect.height() - 12), 1.5, 1.5)
        icon = icons().icon(str(index.data(ICON_ROLE)), "text" if done else "faint")
        icon.paint(painter, QRect(rect.left() + 14, rect.top() + (ROW - 16) // 2, 16, 16))
        right = rect.right() - 12
        step: DocumentStep | None = index.data(STEP_ROLE)
        if step is not None:
            muted = QColor(tokens.muted)
            right = self._draw_right(painter, view, rect, right, clock(step.when), muted)
            if step.pixels:
                right = self._draw_right(painter, view, rect, right - 8, short(step.pixels), muted)
        font = view.font
        font.setBold(here)
        font.setItalic(not done)
        painter.setFont(font)
        painter.setPen(QColor(tokens.text if done else tokens.muted))
        text = QRect(rect.left() + 38, rect.top(), right - rect.left() - 46, rect.height())
        name = painter.fontMetrics().elidedText(str(index.data()), Qt.TextElideMode.ElideRight, text.width())
        painter.drawText(text, int(Qt.AlignmentFlag.AlignVCenter), name)
        painter.restore()

    def _draw_right(
        self, painter: QPainter, view: Any, rect: QRect, right: int, text: str, color: QColor
    ) -> int:
        """Write a text that ends at right; returns where it begins."""
        width = int(view.fontMetrics.horizontalAdvance(text))
        painter.setFont(view.font)
        painter.setPen(color)
        place = QRect(right - width, rect.top(), width + 1, rect.height())
        painter.drawText(place, int(Qt.AlignmentFlag.AlignVCenter), text)
        return right - width
