"""The rows of the window of changes: an image, its Dice by both models, and the change."""

import math
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor

from unet_studio.core.changes import ALL, ChangeTable
from unet_studio.core.gate import TOLERANCE, Change
from unet_studio.ui.theme import theme

Index = QModelIndex | QPersistentModelIndex
LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
TIPS = ("The image; a click opens it", "Dice of A", "Dice of B", "Dice of B minus Dice of A")
NONE = "–"


class ChangeRows(QAbstractTableModel):
    """Shows one class of a ChangeTable, or the mean over all; at first those that lost most."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.table: ChangeTable | None = None
        self.kind = ALL
        self._rows: list[Change] = []
        self._sort = (3, Qt.SortOrder.AscendingOrder)

    def show(self, table: ChangeTable | None, kind: str = ALL) -> None:
        """Show these figures, of one class or of ALL."""
        self.beginResetModel()
        self.table, self.kind = table, kind
        self._arrange()
        self.endResetModel()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Order by a column; what has no figure comes last in both orders."""
        self.layoutAboutToBeChanged.emit()
        self._sort = (column, order)
        self._arrange()
        self.layoutChanged.emit()

    def _arrange(self) -> None:
        column, order = self._sort
        rows = self.table.worst_first(self.kind) if self.table is not None else []
        down = order == Qt.SortOrder.DescendingOrder
        if column == 0:
            self._rows = sorted(rows, key=lambda one: one.image, reverse=down)
            return
        known = [one for one in rows if not math.isnan(_figure(one, column))]
        known.sort(key=lambda one: _figure(one, column), reverse=down)
        self._rows = known + [one for one in rows if math.isnan(_figure(one, column))]

    def image(self, row: int) -> str:
        """The image of a row."""
        return self._rows[row].image

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        """The images."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Image, A, B, change."""
        return 0 if parent.isValid() else 4

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Titles and what they mean."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return ("Image", "A", "B", "Change")[section]
        if role == Qt.ItemDataRole.ToolTipRole:
            return TIPS[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return RIGHT if section else LEFT
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Text, colour and alignment of a cell."""
        if not index.isValid():
            return None
        change, column = self._rows[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return change.image if column == 0 else figure(_figure(change, column), signed=column == 3)
        if role == Qt.ItemDataRole.TextAlignmentRole and column:
            return RIGHT
        if role == Qt.ItemDataRole.ForegroundRole and column == 3:
            return _color(change.difference)
        if role == Qt.ItemDataRole.ToolTipRole and column == 0:
            return f"{change.image}\nA click opens it"
        return None


def _figure(change: Change, column: int) -> float:
    return (change.before, change.after, change.difference)[column - 1]


def _color(difference: float) -> QColor | None:
    """Red or green for what is more than the gate tolerates."""
    look = theme().tokens
    if math.isnan(difference) or abs(difference) <= TOLERANCE:
        return None
    return QColor(look.danger if difference < 0 else look.good)


def figure(value: float, signed: bool = False) -> str:
    """ "0.842", "+0.013"; a dash for what there is not."""
    if math.isnan(value):
        return NONE
    return f"{value:+.3f}" if signed else f"{value:.3f}"
