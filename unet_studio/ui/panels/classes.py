"""The classes panel: choose what to paint with; add, rename, recolour and delete classes."""

from collections.abc import Callable

from PySide6.QtCore import QEvent, QItemSelectionModel, QModelIndex, QObject, Qt, Slot
from PySide6.QtGui import QColor, QMouseEvent
from PySide6.QtWidgets import QAbstractItemView, QListView, QVBoxLayout, QWidget

from unet_studio.core.errors import StudioError
from unet_studio.session import Session
from unet_studio.ui.icons import icons
from unet_studio.ui.panels.class_list import ROW, ClassList, ClassRow, class_keys, swatch_rect
from unet_studio.ui.widgets import button, row

LEAST_ROWS, MOST_ROWS = 2, 4  # shown without scrolling, however low the window


class ClassesPanel(QWidget):
    """Shows the project's classes; the chosen row is the active class."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._session = session
        self._following = False
        self._model = ClassList(self)
        self.view = QListView()
        self.add = button("Add", "Add a class", self.add_class, "plus")
        self.recolor = button(
            "", "Choose another colour for this class", self.recolor_class, "palette-outline"
        )
        self.rename = button("", "Rename this class", self.rename_class, "pencil-outline")
        self.delete = button("", "Delete this class", self.delete_class, "delete-outline")
        self._build()
        session.projectChanged.connect(self.refresh)
        session.classesChanged.connect(self.refresh)
        session.editor.activeClassChanged.connect(self._select)
        self._model.renamed.connect(self._rename, Qt.ConnectionType.QueuedConnection)
        icons().changed.connect(self.view.viewport().update)
        self.refresh()

    def _build(self) -> None:
        self.view.setModel(self._model)
        self.view.setItemDelegate(ClassRow(self.view))
        self.view.setUniformItemSizes(True)
        self.view.setMouseTracking(True)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.view.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked)
        self.view.setAccessibleName("Classes")
        self.view.setMinimumHeight(LEAST_ROWS * ROW)
        self.view.viewport().installEventFilter(self)
        self.view.selectionModel().currentChanged.connect(self._chosen)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 8)
        layout.setSpacing(6)
        layout.addWidget(self.view, 1)
        buttons = row(self.add, None, self.recolor, self.rename, self.delete, spacing=4)
        buttons.setContentsMargins(10, 0, 10, 0)
        layout.addLayout(buttons)

    @Slot()
    def refresh(self) -> None:
        """Show the session's classes."""
        project = self._session.project
        self._model.editable = project is not None and project.read_only is None
        if project is not None:
            self._model.set_table(project.classes)
            rows = min(max(self._model.rowCount(), LEAST_ROWS), MOST_ROWS)
            self.view.setMinimumHeight(rows * ROW)
        self._select(self._session.editor.active_class)

    @Slot(int)
    def _select(self, class_index: int) -> None:
        place = self._model.row_of(class_index)
        index = self._model.index(place, 0) if place >= 0 else QModelIndex()
        self._following = True
        self.view.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        self._following = False
        if index.isValid():
            self.view.scrollTo(index)
        self._enable()

    def _chosen(self, index: QModelIndex, _before: QModelIndex) -> None:
        if index.isValid() and not self._following:
            self._session.editor.set_active_class(self._model.entry(index.row()).index)

    def _enable(self) -> None:
        project = self._session.project
        writable = project is not None and project.read_only is None
        chosen = self.view.currentIndex().isValid()
        for widget in (self.add, self.recolor, self.rename):
            widget.setEnabled(writable and (chosen or widget is self.add))
        reason = self._why_not_delete() if writable and chosen else "Choose a class first"
        self.delete.setEnabled(writable and chosen and not reason)
        self.delete.setToolTip(reason or "Delete this class; asks what its pixels become")

    def _why_not_delete(self) -> str:
        """Why the active class can't be deleted, or ""."""
        project = self._session.project
        if project is None:
            return "Open a project first"
        table = project.classes
        if self._session.editor.active_class == table.background:
            return "The background can't be deleted: it is what the eraser paints. Rename it instead"
        if len(table.active) <= 1:
            return "A project needs at least one class"
        return ""

    def choose_by_key(self, key: str) -> None:
        """Make the class with this keyboard key the active one."""
        if self._session.project is not None:
            index = class_keys(self._session.project.classes).get(key)
            if index is not None:
                self._session.editor.set_active_class(index)

    def add_class(self) -> None:
        """Add a class under a free name, and let the person type a better one."""
        project = self._session.project
        if project is None:
            return
        number = len(project.classes.classes)
        while project.classes.named(f"class {number}"):
            number += 1
        self._attempt(lambda: self._session.class_editor.add(f"class {number}"))
        added = self._session.project.classes.named(f"class {number}") if self._session.project else None
        if added is not None:
            self._session.editor.set_active_class(added.index)
            self.rename_class()

    def rename_class(self) -> None:
        """Let the person type another name for the active class."""
        index = self.view.currentIndex()
        if index.isValid():
            self.view.setFocus()
            self.view.edit(index)

    @Slot(int, str)
    def _rename(self, class_index: int, name: str) -> None:
        self._attempt(lambda: self._session.class_editor.rename(class_index, name))

    def recolor_class(self) -> None:
        """Ask for another colour of the active class."""
        from PySide6.QtWidgets import QColorDialog

        index = self.view.currentIndex()
        if not index.isValid():
            return
        entry = self._model.entry(index.row())
        dialog = QColorDialog(QColor(entry.color), self)
        dialog.setOption(QColorDialog.ColorDialogOption.DontUseNativeDialog)
        dialog.setWindowTitle(f"Colour of {entry.name}")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.colorSelected.connect(
            lambda color: self._attempt(lambda: self._session.class_editor.recolor(entry.index, color.name()))
        )
        dialog.open()

    def delete_class(self) -> None:
        """Ask what the pixels of the active class become, then delete it."""
        project = self._session.project
        if project is None or self._why_not_delete():
            return
        from unet_studio.ui.dialogs.delete_class import DeleteClassDialog

        dialog = DeleteClassDialog(project.classes, self._session.editor.active_class, self)
        dialog.chosen.connect(
            lambda index, into: self._attempt(lambda: self._session.class_editor.delete(index, into))
        )
        dialog.open()

    def _attempt(self, call: Callable[[], object]) -> None:
        """Carry out a change; what forbids it is said by the session's failed signal."""
        try:
            call()
        except StudioError as error:
            self._session.failed.emit(error.message, error.remedy)
            self.refresh()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """A double click on the colour asks for another one instead of renaming."""
        if event.type() == QEvent.Type.MouseButtonDblClick and isinstance(event, QMouseEvent):
            index = self.view.indexAt(event.position().toPoint())
            on_color = index.isValid() and swatch_rect(self.view.visualRect(index)).contains(event.position())
            if on_color and self._model.editable:
                self.recolor_class()
                return True
        return super().eventFilter(watched, event)
