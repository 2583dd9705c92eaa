"""The view of the classes panel: eyes and padlocks are clicked, rows dragged, keys move, hide and delete."""

from PySide6.QtCore import QEvent, QModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QAbstractItemView, QListView, QWidget

from unet_studio.ui.panels.class_list import ROW, ClassList, ClassRow, eye_rect, lock_rect, swatch_rect

LEAST_ROWS = 2
ALT, BARE = Qt.KeyboardModifier.AltModifier, Qt.KeyboardModifier.NoModifier
Key = Qt.Key
KEYS = {  # what keys ask for while the list has them
    (Key.Key_F2, BARE): "rename",
    (Key.Key_Delete, BARE): "delete",
    (Key.Key_Space, BARE): "hide",
    (Key.Key_Space, ALT): "only",
    (Key.Key_Insert, BARE): "add",
    (Key.Key_L, BARE): "lock",
    (Key.Key_Up, ALT): "up",
    (Key.Key_Down, ALT): "down",
    (Key.Key_Return, BARE): "leave",
    (Key.Key_Enter, BARE): "leave",
    (Key.Key_Escape, BARE): "leave",
}


class ClassView(QListView):
    """asked(what, row): rename, recolor, delete, hide, only, add, lock, up or down.

    left(): the keys belong to the canvas again.
    """

    asked = Signal(str, int)
    left = Signal()

    def __init__(self, model: ClassList, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._classes = model
        self.setModel(model)
        self.setItemDelegate(ClassRow(self))
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.setDropIndicatorShown(True)
        self.setDragDropOverwriteMode(False)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setAccessibleName("Classes")
        self.setMinimumHeight(LEAST_ROWS * ROW)

    def _sign_at(self, at: QPoint) -> tuple[str, QModelIndex]:
        """What lies at a point of a row: hide, lock, recolor, or "" for the rest of it."""
        index = self.indexAt(at)
        row = self.visualRect(index)
        for name, rect in (("hide", eye_rect(row)), ("lock", lock_rect(row)), ("recolor", swatch_rect(row))):
            if index.isValid() and rect.adjusted(-5, -6, 5, 6).contains(at):
                return name, index
        return "", index

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """An eye or a padlock is switched without choosing its class; with Alt, an eye shows it alone."""
        what, index = self._sign_at(event.position().toPoint())
        if event.button() == Qt.MouseButton.LeftButton and what in ("hide", "lock"):
            alone = what == "hide" and bool(event.modifiers() & ALT)
            self.asked.emit("only" if alone else what, index.row())
            return
        super().mousePressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """After a click the keys belong to the canvas."""
        super().mouseReleaseEvent(event)
        if event.button() == Qt.MouseButton.LeftButton and self.state() != self.State.EditingState:
            self.left.emit()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """On the colour: choose another; on the name: type another; a quick second click on a sign is one."""
        what, index = self._sign_at(event.position().toPoint())
        if event.button() != Qt.MouseButton.LeftButton or not index.isValid():
            super().mouseDoubleClickEvent(event)
        elif what in ("hide", "lock"):
            self.mousePressEvent(event)
        else:
            self.asked.emit(what or "rename", index.row())

    def event(self, event: QEvent) -> bool:
        """The list's own keys come before shortcuts of the window."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and _meaning(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """See KEYS; all else is the list's own, and what the field of a name lets through is nobody's."""
        what = "" if self.state() == self.State.EditingState else _meaning(event)
        if what == "leave":
            self.left.emit()
        elif what:
            self.asked.emit(what, self.currentIndex().row())
        else:
            super().keyPressEvent(event)


def _meaning(event: QKeyEvent) -> str:
    modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
    return KEYS.get((Qt.Key(event.key()), modifiers), "")
