"""Every key of the window, to look up and to change: those of actions, and what the canvas does by itself."""

from typing import Any

from PySide6.QtCore import (
    QAbstractItemModel,
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QColor, QKeyEvent, QKeySequence, QPainter, QPen, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QHeaderView,
    QKeySequenceEdit,
    QLineEdit,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from unet_studio.ui.keys import CANVAS, CLASSES, Binding, Keys, native, portable
from unet_studio.ui.theme import theme
from unet_studio.ui.widgets import Note, button, row

Index = QModelIndex | QPersistentModelIndex

ROW, HEADING = 30, 34  # px a row
ID_ROLE = Qt.ItemDataRole.UserRole + 1  # the action of a row; "" where nothing can be changed
KEYS_ROLE = Qt.ItemDataRole.UserRole + 2  # its keys, as the system writes them
CHANGED_ROLE = Qt.ItemDataRole.UserRole + 3
SEARCHED_ROLE = Qt.ItemDataRole.UserRole + 4


class Recorder(QKeySequenceEdit):
    """A field that takes the next key; Escape leaves it as it was. ended(key): "" where none came."""

    ended = Signal(str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setMaximumSequenceLength(1)
        self.setAccessibleName("Press the new key")
        field = self.findChild(QLineEdit)
        if field is not None:
            field.installEventFilter(self)

    def eventFilter(self, watched: Any, event: QEvent) -> bool:
        """Escape, and another field, end the recording; no key but Escape is kept from it."""
        if event.type() == QEvent.Type.FocusOut:
            self.ended.emit("")
        if isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape:
            if event.type() == QEvent.Type.KeyPress:
                self.clear()
                self.ended.emit("")
            event.accept()
            return True
        return bool(super().eventFilter(watched, event))


class KeysRow(QStyledItemDelegate):
    """Draws a row: the name at the left, the keys as chips at the right.

    recorded(id, key): a person pressed a key; given_up(): none.
    """

    recorded = Signal(str, str)
    given_up = Signal()

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Headings are a little higher."""
        return QSize(100, ROW if index.parent().isValid() else HEADING)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw one cell."""
        view: Any = option
        tokens = theme().tokens
        rect: QRect = view.rect
        heading = not index.parent().isValid()
        selected = bool(view.state & QStyle.StateFlag.State_Selected)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if not heading and (selected or view.state & QStyle.StateFlag.State_MouseOver):
            painter.fillRect(rect, QColor(tokens.selection if selected else tokens.hover))
        if index.column() == 1:
            self._draw_keys(painter, view, index)
        else:
            font = view.font
            font.setBold(heading)
            painter.setFont(font)
            painter.setPen(QColor(tokens.muted if heading else tokens.text))
            text = rect.adjusted(20 if heading else 30, 6 if heading else 0, -4, 0)
            name = painter.fontMetrics().elidedText(
                str(index.data() or ""), Qt.TextElideMode.ElideRight, text.width()
            )
            painter.drawText(text, int(Qt.AlignmentFlag.AlignVCenter), name)
        painter.restore()

    def _draw_keys(self, painter: QPainter, view: Any, index: Index) -> None:
        tokens = theme().tokens
        right = view.rect.right() - 20
        for key in reversed(index.data(KEYS_ROLE) or ()):
            width = max(view.fontMetrics.horizontalAdvance(key) + 14, 24)
            chip = QRectF(right - width, view.rect.center().y() - 10.5, width, 22)
            changed = bool(index.data(CHANGED_ROLE))
            painter.setPen(QPen(QColor(tokens.accent if changed else tokens.strong_border), 1))
            painter.setBrush(QColor(tokens.field))
            painter.drawRoundedRect(chip, 5, 5)
            painter.setPen(QColor(tokens.text))
            painter.drawText(chip, key, Qt.AlignmentFlag.AlignCenter)
            right -= width + 5

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget:
        """A field that records a key."""
        field = Recorder(parent)
        name = str(index.data(ID_ROLE))
        field.editingFinished.connect(lambda: self._end(field, name, portable(field.keySequence())))
        field.ended.connect(lambda key: self._end(field, name, key))
        return field

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem, index: Index) -> None:
        """The field covers the keys."""
        view: Any = option
        editor.setGeometry(view.rect.adjusted(0, 1, -14, -1))

    def setModelData(self, editor: QWidget, model: QAbstractItemModel, index: Index) -> None:
        """The dialog decides what becomes of a key."""

    def _end(self, field: Recorder, name: str, key: str) -> None:
        if field.property("ended"):
            return
        field.setProperty("ended", True)
        if key:
            self.recorded.emit(name, key)
        else:
            self.given_up.emit()


class ShortcutsDialog(QDialog):
    """A list with a field that narrows it down; double click or Enter on a row records its new key."""

    def __init__(self, keys: Keys, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Keyboard Shortcuts")
        self._keys = keys
        self._adding = False
        self._recording = QModelIndex()  # no row comes or goes while the list is open
        self.search = QLineEdit()
        self.search.setPlaceholderText("Find a key or an action")
        self.search.setAccessibleName("Find a key or an action")
        self.search.setToolTip("Show only lines that contain this text")
        self.search.setClearButtonEnabled(True)
        self.model = QStandardItemModel(0, 2, self)
        self.view = self._make_view()
        self.note = Note("info")
        self.change = button("Change…", "Record another key for this action (Enter)", self.record)
        self.add = button("Add…", "Record one more key for this action", self.record_more)
        self.remove = button("Remove", "Take the keys of this action away", self._remove)
        self.reset = button("Reset", "Give this action its own keys back", self._reset)
        self.reset_all = button("Reset All", "Give every action its own keys back", self._ask_reset_all)
        self._lay_out()
        self._fill()
        self.search.textChanged.connect(self._narrow)
        self.view.selectionModel().currentChanged.connect(self._chosen)
        self._chosen()
        self.resize(560, 680)

    def _make_view(self) -> QTreeView:
        view = QTreeView()
        view.setModel(self.model)
        delegate = KeysRow(view)
        delegate.recorded.connect(self._recorded)
        delegate.given_up.connect(self._close_recorder)
        view.setItemDelegate(delegate)
        view.setAccessibleName("Actions and their keys")
        view.setHeaderHidden(True)
        view.setRootIsDecorated(False)
        view.setItemsExpandable(False)
        view.setIndentation(0)
        view.setMouseTracking(True)
        view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        view.activated.connect(self._activated)
        view.header().setStretchLastSection(False)
        return view

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 16, 0, 14)
        layout.setSpacing(10)
        head = row(self.search)
        note = row(self.note)
        close = button("Close", "Close this list", self.accept)
        foot = row(self.change, self.add, self.remove, self.reset, None, self.reset_all, close)
        for part in (head, note, foot):
            part.setContentsMargins(20, 0, 20, 0)
        layout.addLayout(head)
        layout.addWidget(self.view, 1)
        layout.addLayout(note)
        layout.addLayout(foot)
        header = self.view.header()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Fixed)
        header.resizeSection(1, 250)

    # -- the list -----------------------------------------------------------------------------------------

    def _fill(self) -> None:
        headings: dict[str, QStandardItem] = {}
        for binding in self._keys.bindings():
            self._add(headings, binding.menu, binding.text, binding.id)
        self._add(headings, "Tools", CLASSES[1], "", (CLASSES[0],))
        for gesture, text in CANVAS:
            self._add(headings, "On the canvas", text, "", (gesture,))
        self._refresh()
        self.view.expandAll()

    def _add(
        self, headings: dict[str, QStandardItem], menu: str, text: str, name: str, keys: tuple[str, ...] = ()
    ) -> None:
        if menu not in headings:
            headings[menu] = QStandardItem(menu)
            headings[menu].setFlags(Qt.ItemFlag.ItemIsEnabled)
            self.model.appendRow(headings[menu])
        title, cell = QStandardItem(text), QStandardItem()
        tip = "Double-click to record another key" if name else "This can't be changed"
        for item in (title, cell):
            item.setData(name, ID_ROLE)
            item.setToolTip(f"{text}\n{tip}")
        cell.setData(keys, KEYS_ROLE)
        headings[menu].appendRow([title, cell])

    def rows(self) -> list[tuple[QStandardItem, QStandardItem]]:
        """Name and keys of every row."""
        model = self.model
        groups = (model.item(place) for place in range(model.rowCount()))
        return [
            (group.child(place, 0), group.child(place, 1))
            for group in groups
            for place in range(group.rowCount())
        ]

    def _refresh(self) -> None:
        """Show the keys that hold now."""
        for title, cell in self.rows():
            name = title.data(ID_ROLE)
            if name:
                binding = self._keys.binding(name)
                cell.setData(tuple(native(key) for key in binding.keys), KEYS_ROLE)
                cell.setData(binding.changed, CHANGED_ROLE)
            shown = " ".join(cell.data(KEYS_ROLE) or ())
            title.setData(f"{title.text()} {shown}".casefold(), SEARCHED_ROLE)
            cell.setData(shown or "no key", Qt.ItemDataRole.AccessibleTextRole)
        self._narrow(self.search.text())

    @Slot(str)
    def _narrow(self, text: str) -> None:
        wanted = text.casefold()
        for place in range(self.model.rowCount()):
            group = self.model.item(place)
            hits = [wanted in group.child(child, 0).data(SEARCHED_ROLE) for child in range(group.rowCount())]
            for child, hit in enumerate(hits):
                self.view.setRowHidden(child, group.index(), not hit)
            self.view.setRowHidden(place, QModelIndex(), not any(hits))

    # -- changing -----------------------------------------------------------------------------------------

    @property
    def chosen(self) -> str:
        """The action of the current row, or ""."""
        return str(self.view.currentIndex().data(ID_ROLE) or "")

    @Slot()
    def _chosen(self, *_: object) -> None:
        """Another row is the current one."""
        self._close_recorder()
        self.note.say("")
        binding = self._keys.binding(self.chosen) if self.chosen else None
        self.change.setEnabled(binding is not None)
        self.add.setEnabled(binding is not None and bool(binding.keys))
        self.remove.setEnabled(binding is not None and bool(binding.keys))
        self.reset.setEnabled(binding is not None and binding.changed)
        self.reset_all.setEnabled(any(binding.changed for binding in self._keys.bindings()))

    @Slot(QModelIndex)
    def _activated(self, _index: QModelIndex) -> None:
        self.record()

    def record(self) -> None:
        """Record a key that replaces those of the current row."""
        self._record(adding=False)

    def record_more(self) -> None:
        """Record a key that comes to those of the current row."""
        self._record(adding=True)

    def _record(self, adding: bool) -> None:
        if not self.chosen:
            return
        self._adding = adding
        self.note.say("")
        index = self.view.currentIndex().siblingAtColumn(1)
        self._recording = index
        self.view.openPersistentEditor(index)
        field = self.view.indexWidget(index)
        if field is not None:
            field.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot(str, str)
    def _recorded(self, name: str, key: str) -> None:
        """A key came: take it, unless it does something else already."""
        self._close_recorder()
        before = self._keys.binding(name)
        keys = tuple(dict.fromkeys((*before.keys, key))) if self._adding else (key,)
        reserved, owners = self._keys.reserved(key), self._keys.owners(key, name)
        if reserved:
            self.note.say(f"{native(key)} {reserved}, so no action can have it.", "warning")
        elif owners:
            who = " and ".join(f"“{owner.text}”" for owner in owners)
            self.note.say(
                f"{native(key)} belongs to {who}.",
                "warning",
                f"Give It to “{before.text}”",
                lambda: self._assign(before, keys),
            )
        else:
            self._assign(before, keys)

    def _assign(self, before: Binding, keys: tuple[str, ...]) -> None:
        self._tell(self._keys.assign(before.id, keys))

    def _remove(self) -> None:
        self._tell(self._keys.assign(self.chosen, ()))

    def _reset(self) -> None:
        self._tell(self._keys.reset(self.chosen))

    def _ask_reset_all(self) -> None:
        self.note.say("Every action gets its own keys back.", "warning", "Reset All", self._reset_all)

    def _reset_all(self) -> None:
        self._keys.reset_all()
        self._tell([])

    def _tell(self, robbed: list[Binding]) -> None:
        """Show what holds now, and who lost a key."""
        self._refresh()
        self._chosen()
        bare = [binding.text for binding in robbed if not self._keys.binding(binding.id).keys]
        if bare:
            names = " and ".join(f"“{text}”" for text in bare)
            self.note.say(f"{names} {'has' if len(bare) == 1 else 'have'} no key now.", "info")
        self.view.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot()
    def _close_recorder(self) -> None:
        if self._recording.isValid():
            index, self._recording = self._recording, QModelIndex()
            self.view.closePersistentEditor(index)
            self.view.setFocus(Qt.FocusReason.OtherFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter on a row records; elsewhere it does not close the list by accident."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if self.search.hasFocus():
                self._to_first()
            return
        if event.matches(QKeySequence.StandardKey.Delete) and self.chosen:
            self._remove()
            return
        super().keyPressEvent(event)

    def _to_first(self) -> None:
        """Enter in the search field goes to what was found."""
        for title, _ in self.rows():
            if not self.view.isRowHidden(title.row(), title.parent().index()):
                self.view.setCurrentIndex(title.index())
                self.view.setFocus(Qt.FocusReason.OtherFocusReason)
                return
