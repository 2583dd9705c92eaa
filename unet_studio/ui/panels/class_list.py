"""The list behind the classes panel: names, colours, keys, eyes and locks, and how a row looks."""

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QByteArray,
    QMimeData,
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
from unet_studio.ui.icons import icons
from unet_studio.ui.theme import theme

Index = QModelIndex | QPersistentModelIndex

ROW = 34  # px a row
SWATCH = 18  # px
SIGN = 16  # px of the eye and the padlock
CLASS_ROLE = Qt.ItemDataRole.UserRole + 1
KEY_ROLE = Qt.ItemDataRole.UserRole + 2
BACKGROUND_ROLE = Qt.ItemDataRole.UserRole + 3
HIDDEN_ROLE = Qt.ItemDataRole.UserRole + 4
LOCKED_ROLE = Qt.ItemDataRole.UserRole + 5
MIME = "application/x-unet-studio-class"


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
    """The classes that are offered, as far as a search lets them through.

    renamed(index, name): a person typed another name. moved(index, place): a person dragged a class to
    another place among all classes.
    """

    renamed = Signal(int, str)
    moved = Signal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._table = ClassTable(())
        self._shown: tuple[PixelClass, ...] = ()
        self._keys: dict[int, str] = {}
        self._text = ""
        self._hidden: frozenset[int] = frozenset()
        self._locked: frozenset[int] = frozenset()
        self.editable = True

    def set_table(self, table: ClassTable) -> None:
        """Show these classes."""
        if table == self._table:
            return
        self._table = table
        self._keys = {index: key for key, index in class_keys(table).items()}
        self._search()

    def set_search(self, text: str) -> None:
        """Show the classes whose name contains text, or whose index it is."""
        self._text = text.strip().casefold()
        self._search()

    def _search(self) -> None:
        self.beginResetModel()
        self._shown = tuple(entry for entry in self._table.active if self._rank(entry) is not None)
        self.endResetModel()

    def _rank(self, entry: PixelClass) -> int | None:
        """How well a class fits the search, 0 best; None where it does not."""
        name = entry.name.casefold()
        if not self._text or self._text in (name, str(entry.index)):
            return 0
        if name.startswith(self._text):
            return 1
        return 2 if self._text in name else None

    def best(self) -> PixelClass | None:
        """The class that fits the search best."""
        return min(self._shown, key=lambda entry: self._rank(entry) or 0, default=None)

    def set_signs(self, hidden: frozenset[int], locked: frozenset[int]) -> None:
        """Show which classes are hidden and which are locked."""
        if (hidden, locked) != (self._hidden, self._locked):
            self._hidden, self._locked = hidden, locked
            if self._shown:
                self.dataChanged.emit(self.index(0, 0), self.index(len(self._shown) - 1, 0))

    def rowCount(self, parent: Index | None = None) -> int:
        """How many classes there are."""
        return 0 if parent is not None and parent.isValid() else len(self._shown)

    def entry(self, row: int) -> PixelClass:
        """The class of a row."""
        return self._shown[row]

    def row_of(self, class_index: int) -> int:
        """The row of a class; -1 where it is not shown."""
        return next((row for row, entry in enumerate(self._shown) if entry.index == class_index), -1)

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Names can be edited and rows dragged where the project can be changed; they drop between others."""
        flags = super().flags(index)
        if not self.editable:
            return flags
        if not index.isValid():
            return flags | Qt.ItemFlag.ItemIsDropEnabled
        return flags | Qt.ItemFlag.ItemIsEditable | Qt.ItemFlag.ItemIsDragEnabled

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Name, colour, key and tooltip of a row."""
        if not index.isValid():
            return None
        entry = self.entry(index.row())
        key = self._keys.get(entry.index, "")
        values: dict[int, Any] = {
            Qt.ItemDataRole.DisplayRole: entry.name,
            Qt.ItemDataRole.EditRole: entry.name,
            CLASS_ROLE: entry,
            KEY_ROLE: key,
            BACKGROUND_ROLE: entry.index == self._table.background,
            HIDDEN_ROLE: entry.index in self._hidden,
            LOCKED_ROLE: entry.index in self._locked,
        }
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleDescriptionRole):
            return self._describe(entry, key)
        return values.get(role)

    def _describe(self, entry: PixelClass, key: str) -> str:
        lines = [f"{entry.name}: class index {entry.index}." + (f" Key {key}." if key else "")]
        if entry.index == self._table.background:
            lines.append("The eraser paints this class.")
        if entry.index in self._hidden:
            lines.append("Hidden: the canvas does not show it.")
        if entry.index in self._locked:
            lines.append("Locked: no tool changes its pixels.")
        return "\n".join([*lines, "Double-click to rename, drag to reorder, right-click for more."])

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """A person typed a name; the session decides."""
        name = str(value).strip()
        if role == Qt.ItemDataRole.EditRole and index.isValid() and name:
            entry = self.entry(index.row())
            if name != entry.name:
                self.renamed.emit(entry.index, name)
        return True

    # -- drag and drop ------------------------------------------------------------------------------------

    def supportedDropActions(self) -> Qt.DropAction:
        """Rows are moved."""
        return Qt.DropAction.MoveAction

    def mimeTypes(self) -> list[str]:
        """A class of this list."""
        return [MIME]

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:
        """The index of the class that is dragged."""
        found = QMimeData()
        found.setData(MIME, QByteArray(str(self.entry(indexes[0].row()).index).encode()))
        return found

    def dropMimeData(self, data: QMimeData, _action: Any, row: int, _column: int, parent: Index) -> bool:
        """A class was dropped before a row, or behind all. False: the view need not take the old row away."""
        if not data.hasFormat(MIME):
            return False
        dragged = int(bytes(data.data(MIME).data()))
        before = row if row >= 0 else parent.row() if parent.isValid() else len(self._shown)
        order = [entry.index for entry in self._table.active if entry.index != dragged]
        following = [entry.index for entry in self._shown[before:] if entry.index != dragged]
        self.moved.emit(dragged, order.index(following[0]) if following else len(order))
        return False


def eye_rect(row: QRect) -> QRectF:
    """Where a row shows whether its class is shown."""
    return QRectF(row.left() + 9, row.center().y() - SIGN / 2 + 0.5, SIGN, SIGN)


def swatch_rect(row: QRect) -> QRectF:
    """Where a row shows the colour."""
    return QRectF(row.left() + 34, row.center().y() - SWATCH / 2 + 0.5, SWATCH, SWATCH)


def lock_rect(row: QRect) -> QRectF:
    """Where a row shows whether its class is locked."""
    return QRectF(row.right() - 54, row.center().y() - SIGN / 2 + 0.5, SIGN, SIGN)


class ClassRow(QStyledItemDelegate):
    """Draws a row: eye, colour, name, padlock, key."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """All rows are as high."""
        return QSize(120, ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw one row."""
        view: Any = option
        tokens = theme().tokens
        rect: QRect = view.rect
        entry: PixelClass = index.data(CLASS_ROLE)
        hidden, locked = bool(index.data(HIDDEN_ROLE)), bool(index.data(LOCKED_ROLE))
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        selected = bool(view.state & QStyle.StateFlag.State_Selected)
        hovered = bool(view.state & QStyle.StateFlag.State_MouseOver)
        if selected or hovered:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(tokens.selection if selected else tokens.hover))
            painter.drawRoundedRect(QRectF(rect).adjusted(4, 1, -4, -1), 7, 7)
        _sign(painter, eye_rect(rect), "eye-off-outline" if hidden else "eye-outline", strong=hidden)
        if locked or hovered:
            _sign(painter, lock_rect(rect), "lock" if locked else "lock-open-variant-outline", strong=locked)
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
        painter.setPen(QColor(tokens.faint if hidden and not selected else tokens.text))
        left = int(swatch_rect(rect).right()) + 10
        right = lock_rect(rect).left() if locked or hovered else chip.left() if key else rect.right() - 12
        text = QRect(left, rect.top(), int(right) - left - 6, rect.height())
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
        editor.setGeometry(view.rect.adjusted(56, 2, -36, -2))


def _sign(painter: QPainter, rect: QRectF, name: str, strong: bool) -> None:
    icons().icon(name, "text" if strong else "faint").paint(painter, rect.toRect())
