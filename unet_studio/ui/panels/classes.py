"""The classes panel: choose what to paint with; add, find, show, lock, order, recolour and delete classes."""

from collections.abc import Callable

from PySide6.QtCore import QEvent, QItemSelectionModel, QModelIndex, QObject, QPoint, QSignalBlocker, Qt, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from unet_studio.core.errors import StudioError
from unet_studio.session import Session
from unet_studio.ui.icons import icons
from unet_studio.ui.panels.class_list import ROW, ClassList, class_keys
from unet_studio.ui.panels.class_menu import class_menu
from unet_studio.ui.panels.class_view import LEAST_ROWS, ClassView
from unet_studio.ui.widgets import ProgressBar, button, label, row

MOST_ROWS = 4  # shown without scrolling, however low the window
FEW = 8  # classes that need no search


class ClassesPanel(QWidget):
    """Shows the project's classes; the chosen row is the active class."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.session = session
        self._following = False
        self._model = ClassList(self)
        self.view = ClassView(self._model)
        self.search = QLineEdit()
        self.nothing = label("No class has such a name.", "muted")
        self.rewriting = label("", "muted")
        self.progress = ProgressBar()
        self.add = button("Add", "Add a class", self.add_class, "plus")
        self.recolor = button(
            "", "Choose another colour for this class", self.recolor_class, "palette-outline"
        )
        self.rename = button("", "Rename this class (F2)", self.rename_class, "pencil-outline")
        self.merge = button("", "Merge this class into another", self.merge_class, "call-merge")
        self.delete = button("", "Delete this class", self.delete_class, "delete-outline")
        self._build()
        self._connect()
        self.refresh()

    def _build(self) -> None:
        self.search.setPlaceholderText("Find a class")
        self.search.setAccessibleName("Find a class by name")
        self.search.setToolTip("Type a part of the name; Enter paints with the class that fits best")
        self.search.setClearButtonEnabled(True)
        self.search.installEventFilter(self)
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        self.nothing.setContentsMargins(12, 12, 12, 12)
        self.nothing.hide()
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName("Masks rewritten")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 8)
        layout.setSpacing(6)
        field = row(self.search)
        field.setContentsMargins(10, 2, 10, 0)
        layout.addLayout(field)
        layout.addWidget(self.view, 1)
        layout.addWidget(self.nothing, 1)
        for widget in (self.rewriting, self.progress):
            line = row(widget)
            line.setContentsMargins(12, 0, 12, 0)
            layout.addLayout(line)
            widget.hide()
        for narrow in (self.recolor, self.rename, self.merge, self.delete):
            narrow.setStyleSheet("padding: 5px 7px;")  # five buttons side by side in a narrow dock
        buttons = row(self.add, None, self.recolor, self.rename, self.merge, self.delete, spacing=4)
        buttons.setContentsMargins(10, 0, 10, 0)
        layout.addLayout(buttons)

    def _connect(self) -> None:
        session = self.session
        session.projectChanged.connect(self._new_project)
        session.classesChanged.connect(self.refresh)
        session.editor.activeClassChanged.connect(self._select)
        session.editor.toolChanged.connect(self._show_signs)
        session.class_editor.shownChanged.connect(self._show_signs)
        session.class_editor.rewritingChanged.connect(self._show_rewriting)
        self.search.textChanged.connect(self._search)
        self.search.returnPressed.connect(self._choose_found)
        self.view.selectionModel().currentChanged.connect(self._chosen)
        self.view.asked.connect(self._asked)
        self.view.customContextMenuRequested.connect(self._show_menu)
        # Queued: the list is made anew, and must not be while one of its rows is edited or dropped.
        self._model.renamed.connect(self._rename, Qt.ConnectionType.QueuedConnection)
        self._model.moved.connect(session.class_editor.move, Qt.ConnectionType.QueuedConnection)
        icons().changed.connect(self.view.viewport().update)

    # -- what is shown ------------------------------------------------------------------------------------

    @property
    def writable(self) -> bool:
        """Whether the classes can be changed."""
        project = self.session.project
        return project is not None and project.read_only is None

    @Slot()
    def _new_project(self) -> None:
        with QSignalBlocker(self.search):
            self.search.clear()
        self._model.set_search("")
        self.refresh()

    @Slot()
    def refresh(self) -> None:
        """Show the session's classes."""
        project = self.session.project
        self._model.editable = self.writable
        self.view.setDragEnabled(self.writable)
        if project is not None:
            self._model.set_table(project.classes)
            number = len(project.classes.active)
            self.search.setVisible(number > FEW or bool(self.search.text()))
            self.view.setMinimumHeight(min(max(number, LEAST_ROWS), MOST_ROWS) * ROW)
        self._show_signs()
        self._select(self.session.editor.active_class)

    @Slot()
    def _show_signs(self, *_: object) -> None:
        self._model.set_signs(self.session.class_editor.hidden, self.session.editor.rule.locked)

    @Slot(int, int)
    def _show_rewriting(self, done: int, total: int) -> None:
        for widget in (self.rewriting, self.progress):
            widget.setVisible(done < total)
        self.rewriting.setText(f"Rewriting masks: {done:,} of {total:,}")
        self.rewriting.setToolTip(
            "They read as merged or deleted already. If the program is closed now, it goes on next time"
        )
        self.progress.setRange(0, max(1, total))
        self.progress.setValue(done)

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
            self.session.editor.set_active_class(self._model.entry(index.row()).index)

    def _enable(self) -> None:
        writable, chosen = self.writable, self.view.currentIndex().isValid()
        for widget in (self.add, self.recolor, self.rename):
            widget.setEnabled(writable and (chosen or widget is self.add))
        reason = self.why_not_delete(self.session.editor.active_class) if writable and chosen else ""
        possible = writable and chosen and not reason
        for widget, tip in (
            (self.merge, "Merge this class into another: its pixels become the other's"),
            (self.delete, "Delete this class; asks what its pixels become"),
        ):
            widget.setEnabled(possible)
            widget.setToolTip(tip if possible else reason or "Choose a class first")

    def why_not_delete(self, class_index: int) -> str:
        """Why a class can't be deleted, or ""."""
        project = self.session.project
        if project is None:
            return "Open a project first"
        table = project.classes
        if class_index == table.background:
            return "The background can't be deleted: it is what the eraser paints. Rename it instead"
        if len(table.active) <= 1:
            return "A project needs at least one class"
        return ""

    # -- finding ------------------------------------------------------------------------------------------

    @Slot(str)
    def _search(self, text: str) -> None:
        self._model.set_search(text)
        empty = self._model.rowCount() == 0
        self.view.setVisible(not empty)
        self.nothing.setVisible(empty)
        self._select(self.session.editor.active_class)

    def find_class(self) -> None:
        """Let the person type the name of a class."""
        self.search.show()
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    @Slot()
    def _choose_found(self) -> None:
        """Paint with the class that fits best, and give the keys back to the canvas."""
        found = self._model.best()
        if found is not None and self.search.text().strip():
            self.search.clear()
            self.session.editor.set_active_class(found.index)
            self._end_search()

    def _end_search(self) -> None:
        self.search.clear()
        self.search.setVisible(len(self.session.classes.active) > FEW)
        self.view.left.emit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """In the search field, Escape ends the search and the arrow keys go through what was found."""
        if watched is self.search and event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            if event.key() == Qt.Key.Key_Escape:
                self._end_search()
                return True
            if event.key() == Qt.Key.Key_Down and self._model.rowCount():
                self.view.setFocus()
                if not self.view.currentIndex().isValid():
                    self.view.setCurrentIndex(self._model.index(0, 0))
                return True
        return super().eventFilter(watched, event)

    # -- what a person does -------------------------------------------------------------------------------

    @Slot(str, int)
    def _asked(self, what: str, place: int) -> None:
        if 0 <= place < self._model.rowCount():
            self.carry_out(what, self._model.entry(place).index)
        elif what == "add":
            self.add_class()

    def carry_out(self, what: str, class_index: int) -> None:
        """Do to a class what a key, a click or the menu asks for; see ClassView.asked."""
        editor, locked = self.session.class_editor, self.session.editor.rule.locked
        free: dict[str, Callable[[], object]] = {
            "hide": lambda: editor.set_hidden(editor.hidden ^ {class_index}),
            "only": lambda: editor.show_only(class_index),
            "lock": lambda: editor.set_locked(locked ^ {class_index}),
        }
        changing: dict[str, Callable[[], object]] = {
            "add": self.add_class,
            "rename": lambda: self.rename_class(class_index),
            "recolor": lambda: self.recolor_class(class_index),
            "up": lambda: self._move(class_index, -1),
            "down": lambda: self._move(class_index, 1),
            "merge": lambda: self.merge_class(class_index),
            "delete": lambda: self.delete_class(class_index),
        }
        if what in free:
            free[what]()
        elif self.writable:
            changing[what]()

    def _move(self, class_index: int, by: int) -> None:
        place = self.session.classes.indices.index(class_index) + by
        if 0 <= place < len(self.session.classes.indices):
            self.session.class_editor.move(class_index, place)

    @Slot(QPoint)
    def _show_menu(self, at: QPoint) -> None:
        index = self.view.indexAt(at)
        if index.isValid():
            menu = class_menu(self, self._model.entry(index.row()))
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            menu.popup(self.view.viewport().mapToGlobal(at))

    def choose_by_key(self, key: str) -> None:
        """Make the class with this keyboard key the active one."""
        if self.session.project is not None:
            index = class_keys(self.session.project.classes).get(key)
            if index is not None:
                self.session.editor.set_active_class(index)

    def add_class(self) -> None:
        """Add a class under a free name, and let the person type a better one."""
        project = self.session.project
        if project is None:
            return
        number = len(project.classes.classes)
        while project.classes.named(f"class {number}"):
            number += 1
        self.search.clear()
        self._attempt(lambda: self.session.class_editor.add(f"class {number}"))
        added = self.session.project.classes.named(f"class {number}") if self.session.project else None
        if added is not None:
            self.session.editor.set_active_class(added.index)
            self.rename_class(added.index)

    def rename_class(self, class_index: int | None = None) -> None:
        """Let the person type another name for a class, or the active one."""
        place = self._place(class_index)
        if place is not None:
            self.view.setFocus()
            self.view.edit(self._model.index(place, 0))

    def _place(self, class_index: int | None) -> int | None:
        place = self._model.row_of(self.session.editor.active_class if class_index is None else class_index)
        return place if place >= 0 else None

    @Slot(int, str)
    def _rename(self, class_index: int, name: str) -> None:
        self._attempt(lambda: self.session.class_editor.rename(class_index, name))

    def recolor_class(self, class_index: int | None = None) -> None:
        """Ask for another colour of a class, or of the active one."""
        from unet_studio.ui.dialogs.class_color import ClassColorDialog

        place = self._place(class_index)
        if place is None:
            return
        dialog = ClassColorDialog(self.session.classes, self._model.entry(place).index, self)
        dialog.chosen.connect(
            lambda index, color: self._attempt(lambda: self.session.class_editor.recolor(index, color))
        )
        dialog.open()

    def delete_class(self, class_index: int | None = None) -> None:
        """Ask what the pixels of a class, or the active one, become, then delete it."""
        self._ask_to_delete(class_index, merge=False)

    def merge_class(self, class_index: int | None = None) -> None:
        """Ask into which other class a class, or the active one, is merged."""
        self._ask_to_delete(class_index, merge=True)

    def _ask_to_delete(self, class_index: int | None, merge: bool) -> None:
        index = self.session.editor.active_class if class_index is None else class_index
        if not self.writable or self.why_not_delete(index):
            return
        from unet_studio.ui.dialogs.delete_class import DeleteClassDialog

        dialog = DeleteClassDialog(self.session, index, merge, self)
        dialog.chosen.connect(
            lambda index, into: self._attempt(lambda: self.session.class_editor.delete(index, into))
        )
        dialog.open()

    def _attempt(self, call: Callable[[], object]) -> None:
        """Carry out a change; what forbids it is said by the session's failed signal."""
        try:
            call()
        except StudioError as error:
            self.session.failed.emit(error.message, error.remedy)
            self.refresh()
