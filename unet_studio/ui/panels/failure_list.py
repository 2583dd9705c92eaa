"""The list of images that were not predicted, and why; a click opens the image."""

from collections.abc import Iterable
from pathlib import PurePath
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from unet_studio.session import Failure
from unet_studio.ui.theme import theme

Index = QModelIndex | QPersistentModelIndex
ROWS = 4  # that are in view at once, at most
PADDING = 4  # px around the two lines of a row


class FailureList(QAbstractListModel):
    """One row a failure: the image, and below it the reason."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._failures: list[Failure] = []
        self._folder: PurePath | None = None

    def show(self, failures: Iterable[Failure], folder: PurePath | None = None) -> None:
        """Show these. folder: of the images; reasons need not repeat it."""
        self.beginResetModel()
        self._failures, self._folder = list(failures), folder
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - as Qt declares it
        """How many there are."""
        return 0 if parent.isValid() else len(self._failures)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Name and reason; hovering says what can be done."""
        if not index.isValid():
            return None
        failure = self._failures[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{failure.name}\n{self._reason(failure)}"
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return "\n".join(part for part in (failure.name, failure.reason, failure.remedy) if part)
        return None

    def _reason(self, failure: Failure) -> str:
        """The reason without the image's path, which would take the whole of its line."""
        names = [failure.name] if self._folder is None else [str(self._folder / failure.name), failure.name]
        for name in names:
            if failure.reason.startswith(f"{name} "):
                return f"It{failure.reason.removeprefix(name)}"
            if name in failure.reason:
                return failure.reason.replace(name, "it")
        return failure.reason

    def name(self, row: int) -> str:
        """The image of a row."""
        return self._failures[row].name


class FailureRow(QStyledItemDelegate):
    """Draws a row: the image, and the reason paler below it."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """All rows are as high."""
        view: Any = option
        return QSize(120, 2 * view.fontMetrics.height() + 2 * PADDING)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw one row."""
        view: Any = option
        tokens = theme().tokens
        rect: QRect = view.rect
        painter.save()
        if view.state & (QStyle.StateFlag.State_MouseOver | QStyle.StateFlag.State_HasFocus):
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(tokens.hover))
            painter.drawRoundedRect(QRectF(rect).adjusted(1, 0, -1, 0), 5, 5)
        height = view.fontMetrics.height()
        line = QRect(rect.left() + 6, rect.top() + PADDING, rect.width() - 12, height)
        elisions = Qt.TextElideMode.ElideMiddle, Qt.TextElideMode.ElideRight
        colors = tokens.text, tokens.muted
        for text, elision, color in zip(str(index.data()).split("\n", 1), elisions, colors, strict=True):
            painter.setPen(QColor(color))
            shown = view.fontMetrics.elidedText(" ".join(text.split()), elision, line.width())
            painter.drawText(line, int(Qt.AlignmentFlag.AlignVCenter), shown)
            line.translate(0, height)
        painter.restore()


class FailureView(QListView):
    """Shows a few rows and scrolls."""

    def __init__(self, failures: FailureList, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setModel(failures)
        self.setProperty("role", "framed")
        self.setItemDelegate(FailureRow(self))
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSelectionMode(QListView.SelectionMode.NoSelection)
        self.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.setAccessibleName("Images that were not predicted")
        failures.modelReset.connect(self._fit)

    def _fit(self) -> None:
        """Be as high as the rows, up to ROWS of them."""
        rows = min(self.model().rowCount(), ROWS)
        self.setFixedHeight(rows * max(self.sizeHintForRow(0), 1) + 2 * self.frameWidth())
