"""The view of the files panel: several rows can be selected, one is opened, typing finds a name."""

import time

from PySide6.QtCore import QItemSelectionModel, QModelIndex, Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QAbstractItemView, QListView, QWidget

from unet_studio.ui.panels.file_list import ROW, FileList, FileRow

Select = QItemSelectionModel.SelectionFlag
EXTENDING = Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.ControlModifier


class FileView(QListView):
    """openAsked(row): a person chose an image, by click or key. left(): the keys belong to the canvas again.

    With Shift or Ctrl, rows are selected and nothing is opened.
    """

    openAsked = Signal(int)
    left = Signal()

    def __init__(self, model: FileList, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._files = model
        self._typed, self._typed_at = "", 0.0
        self._following = False  # whether the selection follows the session, not the person
        self.setProperty("typing", True)  # keys without Ctrl or Alt are for finding a name
        self.setModel(model)
        self.setItemDelegate(FileRow(self))
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setAccessibleName("Images")
        self.setMinimumHeight(2 * ROW)
        self.selectionModel().currentChanged.connect(self._current_changed)
        model.touched.connect(self._touched)

    @Slot(int)
    def _touched(self, row: int) -> None:
        self.update(self._files.index(row, 0))

    def show_row(self, index: QModelIndex) -> None:
        """Mark the row of the image on screen, without opening it again, and bring it into view."""
        if index == self.currentIndex() and self.selectionModel().isSelected(index):
            return
        self._following = True
        self.selectionModel().setCurrentIndex(index, Select.ClearAndSelect)
        self._following = False
        if index.isValid():
            self.scrollTo(index)

    def chosen_names(self) -> list[str]:
        """The selected images, in the order of the list."""
        selection = self.selectionModel().selection()
        ranges = [selection.at(place) for place in range(selection.count())]
        spans = sorted((found.top(), found.bottom()) for found in ranges)
        return [self._files.name(row) for first, last in spans for row in range(first, last + 1)]

    def _current_changed(self, index: QModelIndex, _before: QModelIndex) -> None:
        extending = bool(QGuiApplication.keyboardModifiers() & EXTENDING)
        if index.isValid() and not self._following and not extending:
            self.openAsked.emit(index.row())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """A plain click opens a row, also one that was selected before, and gives the keys back."""
        super().mouseReleaseEvent(event)
        plain = event.button() == Qt.MouseButton.LeftButton and not event.modifiers() & EXTENDING
        index = self.indexAt(event.position().toPoint())
        if plain and index.isValid() and index == self.currentIndex():
            self.openAsked.emit(index.row())
            self.left.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter opens, Escape leaves the list; all else is the list's own."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if self.currentIndex().isValid():
                self.openAsked.emit(self.currentIndex().row())
            self.left.emit()
        elif event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        else:
            super().keyPressEvent(event)

    def keyboardSearch(self, search: str) -> None:
        """Go to the next image whose file name begins with what is typed without a longer pause."""
        now = time.monotonic()
        pause = QGuiApplication.styleHints().keyboardInputInterval() / 1000
        again = now - self._typed_at <= pause
        self._typed, self._typed_at = (self._typed if again else "") + search, now
        row = max(self.currentIndex().row(), 0)
        found = self._files.find(self._typed, row if len(self._typed) > 1 else row + 1)
        if found is not None:
            self.setCurrentIndex(self._files.index(found, 0))
