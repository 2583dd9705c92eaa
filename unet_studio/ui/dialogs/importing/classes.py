"""The table of classes found in the masks, and what each becomes in the project."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QRectF,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from unet_studio.core.classes import ClassTable
from unet_studio.ui.dialogs.importing.cells import CHEVRON, draw_list_box
from unet_studio.ui.dialogs.operation import swatch
from unet_studio.ui.theme import theme

Index = QModelIndex | QPersistentModelIndex

ROW = 34  # px
SWATCH = 14  # px
COLOR_ROLE = Qt.ItemDataRole.UserRole + 1
UNSURE_ROLE = Qt.ItemDataRole.UserRole + 2
COLUMNS = ("Class there", "Pixels", "Becomes here")
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
NEW, IGNORE = None, ""  # what a class may become beside a class of the project: a new one, or unlabelled
NEW_TEXT, IGNORE_TEXT = "New class", "Unlabelled (ignored)"


@dataclass(frozen=True)
class Found:
    """One class of the masks. here: what is proposed: a class of the project, NEW or IGNORE.

    unsure: its name is merely like that of the class of the project.
    """

    name: str
    color: str
    here: str | None
    unsure: bool = False


class FoundClasses(QAbstractTableModel):
    """changed(): a person chose something else for a class."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._found: Sequence[Found] = ()
        self._table = ClassTable(())
        self._chosen: dict[str, str | None] = {}  # what a person chose, by the name there
        self._pixels: Mapping[str, int] = {}
        self._whole = False  # whether the pixels of all images are counted

    def show_classes(self, found: Sequence[Found], table: ClassTable, anew: bool) -> None:
        """Show these classes. anew: of another source, so what a person chose for the last one is over."""
        self.beginResetModel()
        if anew:
            self._chosen, self._pixels = {}, {}
        self._found, self._table = found, table
        names = {entry.name for entry in table.active}
        self._chosen = {name: here for name, here in self._chosen.items() if here in names | {NEW, IGNORE}}
        self.endResetModel()

    def set_pixels(self, pixels: Mapping[str, int], whole: bool) -> None:
        """Show how many pixels each class has; whole: in all images, not only in some so far."""
        self._pixels, self._whole = pixels, whole
        if self._found:
            self.dataChanged.emit(self.index(0, 1), self.index(len(self._found) - 1, 1))

    def target(self, row: int) -> str | None:
        """What the class of a row becomes."""
        found = self._found[row]
        return self._chosen.get(found.name, found.here)

    def set_target(self, row: int, here: str | None) -> None:
        """Let the class of a row become a class of the project, NEW or IGNORE."""
        before = self.target(row)
        self._chosen[self._found[row].name] = here
        self.dataChanged.emit(self.index(row, 0), self.index(row, len(COLUMNS) - 1))
        if here != before:
            self.changed.emit()

    @property
    def found(self) -> Sequence[Found]:
        """The classes of the masks."""
        return self._found

    @property
    def renames(self) -> dict[str, str]:
        """What becomes of classes that keep neither their name nor are new: there -> here, or ""."""
        targets = ((found.name, self.target(row)) for row, found in enumerate(self._found))
        return {name: here for name, here in targets if here is not NEW and here != name}

    @property
    def new(self) -> list[str]:
        """The classes that would be added to the project."""
        return [found.name for row, found in enumerate(self._found) if self.target(row) is NEW]

    def choices(self, row: int) -> list[tuple[str, str | None, str]]:
        """What the class of a row may become: text, value and colour. No new one of a name that is taken."""
        own = [(entry.name, entry.name, entry.color) for entry in self._table.active]
        found = self._found[row]
        new = [] if self._table.named(found.name) else [(NEW_TEXT, NEW, found.color)]
        return [*own, *new, (IGNORE_TEXT, IGNORE, "")]

    def rowCount(self, parent: Index | None = None) -> int:
        """How many classes there are."""
        return 0 if parent is not None and parent.isValid() else len(self._found)

    def columnCount(self, parent: Index | None = None) -> int:
        """As many as there are headings."""
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """The headings."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole and section == 1:
            return RIGHT
        return COLUMNS[section] if role == Qt.ItemDataRole.DisplayRole else None

    def flags(self, index: Index) -> Qt.ItemFlag:
        """The last column can be changed."""
        base = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return base | Qt.ItemFlag.ItemIsEditable if index.column() == 2 else base

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Texts, colours and tooltips."""
        if not index.isValid():
            return None
        found, column = self._found[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return (found.name, self._pixels_text(found.name), self._target_text(index.row()))[column]
        if role == COLOR_ROLE:
            return (found.color, "", self._color_here(index.row()))[column]
        if role == UNSURE_ROLE:
            return found.unsure and found.name not in self._chosen
        if role == Qt.ItemDataRole.EditRole and column == 2:
            return self.target(index.row())
        if role == Qt.ItemDataRole.TextAlignmentRole and column == 1:
            return RIGHT
        if role == Qt.ItemDataRole.ToolTipRole:
            pixels = self._pixels_text(found.name)
            counted = f"\n{pixels} px" if pixels else ""
            unsure = found.unsure and found.name not in self._chosen
            hint = "\nThe names are merely alike: look whether that is right" if unsure else ""
            return f"{found.name} becomes: {self._target_text(index.row())}{counted}{hint}"
        return None

    def _pixels_text(self, name: str) -> str:
        if name not in self._pixels and not self._whole:
            return ""
        return f"{self._pixels.get(name, 0):,}" + ("" if self._whole else "…")

    def _target_text(self, row: int) -> str:
        here = self.target(row)
        return NEW_TEXT if here is NEW else here or IGNORE_TEXT

    def _color_here(self, row: int) -> str:
        here = self.target(row)
        entry = self._table.named(here) if here else None
        if entry is not None:
            return entry.color
        return self._found[row].color if here is NEW else ""


class ClassCell(QStyledItemDelegate):
    """Draws a class with its colour; what it becomes looks like a list and opens as one."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw one cell."""
        view: Any = option
        tokens = theme().tokens
        rect: QRect = view.rect
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if view.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, QColor(tokens.selection))
        text, left = str(index.data() or ""), rect.left() + 10
        right = rect.right() - 8
        if index.column() == 2:
            box = QRectF(rect).adjusted(3, 3, -3, -3)
            focused = bool(view.state & QStyle.StateFlag.State_HasFocus)
            plain = tokens.warning if index.data(UNSURE_ROLE) else tokens.strong_border
            draw_list_box(painter, box, tokens.accent if focused else plain)
            right = int(box.right()) - CHEVRON
        color = index.data(COLOR_ROLE)
        if color:
            painter.setPen(QPen(QColor(tokens.strong_border), 1))
            painter.setBrush(QColor(color))
            painter.drawRoundedRect(QRectF(left, rect.center().y() - SWATCH / 2 + 1, SWATCH, SWATCH), 3, 3)
        if index.column() != 1:
            left += SWATCH + 8
        painter.setPen(QColor(tokens.text if index.column() != 1 else tokens.muted))
        side = Qt.AlignmentFlag.AlignRight if index.column() == 1 else Qt.AlignmentFlag.AlignLeft
        room = QRect(left, rect.top(), max(0, right - left), rect.height())
        shown = view.fontMetrics.elidedText(text, Qt.TextElideMode.ElideMiddle, room.width())
        flags = Qt.AlignmentFlag.AlignVCenter | side | Qt.AlignmentFlag.AlignAbsolute
        painter.drawText(room, int(flags), shown)
        painter.restore()

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget:
        """The list of what a class may become."""
        model: Any = index.model()
        box = QComboBox(parent)
        box.setAccessibleName(f"What {model.found[index.row()].name} becomes")
        box.setMaxVisibleItems(20)
        own = True
        for text, value, color in model.choices(index.row()):
            if own and value in (NEW, IGNORE):
                box.insertSeparator(box.count())
                own = False
            box.addItem(swatch(color), text, value)
        box.activated.connect(lambda _place: self._take(box))
        QTimer.singleShot(0, box, box.showPopup)
        return box

    def _take(self, box: QComboBox) -> None:
        self.commitData.emit(box)
        self.closeEditor.emit(box, QStyledItemDelegate.EndEditHint.NoHint)

    def setEditorData(self, editor: QWidget, index: Index) -> None:
        """Show what is chosen."""
        if isinstance(editor, QComboBox):
            wanted = index.data(Qt.ItemDataRole.EditRole)
            places = [place for place in range(editor.count()) if _value(editor, place) == (wanted,)]
            editor.setCurrentIndex(places[0] if places else 0)

    def setModelData(self, editor: QWidget, model: Any, index: Index) -> None:
        """Take over what was chosen."""
        if isinstance(editor, QComboBox):
            model.set_target(index.row(), editor.currentData())


def _value(box: QComboBox, place: int) -> tuple[str | None, ...]:
    """What an entry of the list stands for; () for the line between entries."""
    return (
        ()
        if box.itemData(place, Qt.ItemDataRole.AccessibleDescriptionRole) == "separator"
        else (box.itemData(place),)
    )


class ClassesPage(QTableView):
    """The view of the table of classes."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("import_classes")
        self.setAccessibleName("Classes of the masks and what they become")
        self.classes = FoundClasses(self)
        self.setModel(self.classes)
        self.setItemDelegate(ClassCell(self))
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed)
        self.clicked.connect(self._open)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(ROW)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Fixed)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        header.resizeSection(1, 112)

    def _open(self, index: Index) -> None:
        """Open the list of what a class may become."""
        if index.isValid() and index.column() == 2:
            self.edit(self.classes.index(index.row(), 2))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter and the space bar open the list of the current row."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space, Qt.Key.Key_F2):
            self._open(self.currentIndex().siblingAtColumn(2))
        else:
            super().keyPressEvent(event)
