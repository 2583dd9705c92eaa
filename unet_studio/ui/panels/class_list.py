"""The list behind the classes panel: names, colours and keys, and how a row looks."""

from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QLineEdit, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from unet_studio.core.classes import ClassTable, PixelClass
from unet_studio.ui.theme import theme

Index = QModelIndex | QPersistentModelIndex

ROW = 34  # px a row
SWATCH = 18  # px
CLASS_ROLE = Qt.ItemDataRole.UserRole + 1
KEY_ROLE = Qt.ItemDataRole.UserRole + 2
BACKGROUND_ROLE = Qt.ItemDataRole.UserRole + 3


def class_keys(table: ClassTable) -> dict[str, int]:
    """Key -> class index: a class's own key, else 0 for the background and 1-9 for the others in turn."""
    keys = {entry.key: entry.index for entry in table.active if entry.key}
    free = iter([key for key in "123456789" if key not in keys])
    for entry in table.active:
        if entry.key:
            continue
        key = "0" if entry.index == table.background and "0" not in keys else next(free, None)
        if key is not None:
            keys[key] = entry.index
    return keys


class ClassList(QAbstractListModel):
    """The classes that are offered. renamed(index, name): a person typed another name."""

    renamed = Signal(int, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._table = ClassTable(())
        self._keys: dict[int, str] = {}
        self.editable = True

    def set_table(self, table: ClassTable) -> None:
        """Show these classes."""
        self.beginResetModel()
        self._table = table
        self._keys = {index: key for key, index in class_keys(table).items()}
        self.endResetModel()

    def rowCount(self, parent: Index | None = None) -> int:
        """How many classes there are."""
        return 0 if parent is not None and parent.isValid() else len(self._table.active)

    def entry(self, row: int) -> PixelClass:
        """The class of a row."""
        return self._table.active[row]

    def row_of(self, class_index: int) -> int:
        """The row of a class; -1 where it is not shown."""
        indices = self._table.indices
        return indices.index(class_index) if class_index in indices else -1

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Names can be edited where the project can be changed."""
        flags = super().flags(index)
        return flags | Qt.ItemFlag.ItemIsEditable if self.editable else flags

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Name, colour, key and tooltip of a row."""
        if not index.isValid():
            return None
        entry = self.entry(index.row())
        key = self._keys.get(entry.index, "")
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return entry.name
        if role == CLASS_ROLE:
            return entry
        if role == KEY_ROLE:
            return key
        if role == BACKGROUND_ROLE:
            return entry.index == self._table.background
        if role == Qt.ItemDataRole.ToolTipRole:
            erases = "\nThe eraser paints this class." if entry.index == self._table.background else ""
            keyed = f" Key {key}." if key else ""
            return f"{entry.name}: class index {entry.index}.{keyed}{erases}\nDouble-click to rename."
        return None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """A person typed a name; the session decides."""
        name = str(value).strip()
        if role == Qt.ItemDataRole.EditRole and index.isValid() and name:
            entry = self.entry(index.row())
            if name != entry.name:
                self.renamed.emit(entry.index, name)
        return True


def swatch_rect(row: QRect) -> QRectF:
    """Where a row shows the colour."""
    return QRectF(row.left() + 12, row.center().y() - SWATCH / 2 + 0.5, SWATCH, SWATCH)


class ClassRow(QStyledItemDelegate):
    """Draws a row: colour, name, key."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """All rows are as high."""
        return QSize(120, ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw one row."""
        view: Any = option
        tokens = theme().tokens
        rect: QRect = view.rect
        entry: PixelClass = index.data(CLASS_ROLE)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        selected = bool(view.state & QStyle.StateFlag.State_Selected)
        if selected or view.state & QStyle.StateFlag.State_MouseOver:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(tokens.selection if selected else tokens.hover))
            painter.drawRoundedRect(QRectF(rect).adjusted(4, 1, -4, -1), 7, 7)
        painter.setPen(QPen(QColor(tokens.strong_border), 1))
        painter.setBrush(QColor(entry.color))
        painter.drawRoundedRect(swatch_rect(rect), 5, 5)
        key = str(index.data(KEY_ROLE))
        chip = QRectF(rect.right() - 32, rect.center().y() - 9.5, 20, 20)
        if key:
            painter.setPen(QPen(QColor(tokens.strong_border), 1))
            painter.setBrush(QColor(tokens.field))
            painter.drawRoundedRect(chip, 4, 4)
            painter.setPen(QColor(tokens.muted))
            painter.drawText(chip, key, Qt.AlignmentFlag.AlignCenter)
        font = view.font
        font.setBold(selected)
        painter.setFont(font)
        painter.setPen(QColor(tokens.text))
        text = QRect(rect.left() + 42, rect.top(), int(chip.left()) - rect.left() - 50, rect.height())
        name = painter.fontMetrics().elidedText(entry.name, Qt.TextElideMode.ElideRight, text.width())
        painter.drawText(text, int(Qt.AlignmentFlag.AlignVCenter), name)
        painter.restore()

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget:
        """A field for the name."""
        field = QLineEdit(parent)
        field.setAccessibleName("Name of the class")
        field.setMaxLength(100)
        return field

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem, index: Index) -> None:
        """The field covers the name, not the colour."""
        view: Any = option
        editor.setGeometry(view.rect.adjusted(38, 2, -36, -2))
