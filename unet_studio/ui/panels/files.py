"""The files panel: every image of the folder with its picture and state, and how much is done."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, QSignalBlocker, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QActionGroup, QImage, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QComboBox, QLineEdit, QMenu, QToolButton, QVBoxLayout, QWidget

from unet_studio.core.catalogue import BROKEN, STATES, Wish
from unet_studio.core.project import Status
from unet_studio.core.split import Split
from unet_studio.session import Session
from unet_studio.ui.icons import icons
from unet_studio.ui.panels.file_list import FILTERS, FileList
from unet_studio.ui.panels.file_menu import file_menu
from unet_studio.ui.panels.file_view import FileView
from unet_studio.ui.widgets import ProgressBar, button, label, row, set_role

PICTURE_DELAY = 40  # ms of rest after scrolling before pictures are asked for
COUNT_DELAY = 150  # ms after which the counts follow a change
ARRANGE_DELAY = 400  # ms after which the list follows what is found in masks
SORT_WORDS = {
    "name": "Name",
    "name_reversed": "Name, Last First",
    "status": "Status, Unfinished First",
    "newest": "Date, Newest First",
    "oldest": "Date, Oldest First",
    "least_sure": "Confidence, Least Sure First",
    "surest": "Confidence, Surest First",
}
DATED, LOOKED_INTO = ("newest", "oldest"), ("least_sure", "surest")
ANY_CLASS = "Any class"


class FilesPanel(QWidget):
    """Shows the session's images; opens the one that is chosen. chosenChanged(): other rows are selected."""

    chosenChanged = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._session = session
        self._model = FileList(self.state, self._codes, self._split, self)
        self.search = QLineEdit()
        self.states = QComboBox()
        self.classes = QComboBox()
        self.sort = QToolButton()
        self.sorts = QActionGroup(self)
        self.view = FileView(self._model)
        self.nothing = label("", "muted")
        self.looking = label("", "muted")
        self.again = button(
            "Sort Again", "The model is surer, or less sure, of some images now", self.sort_again
        )
        self._scanning = False  # whether masks are looked into because somebody sorted or filtered
        self.counts = label("", "muted")
        self.progress = ProgressBar()
        self._pictures = self._timer(PICTURE_DELAY, self._ask_for_pictures)
        self._counting = self._timer(COUNT_DELAY, self._count)
        self._arranging = self._timer(ARRANGE_DELAY, self._arrange)
        self._build()
        self._connect()
        self._classes_changed()
        self._show_images()

    def _timer(self, delay: int, slot: Callable[[], object]) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(delay)
        timer.timeout.connect(slot)
        return timer

    def _build(self) -> None:
        self.search.setPlaceholderText("Filter by name")
        self.search.setAccessibleName("Filter images by name")
        self.search.setToolTip("Show only images whose name contains this text")
        self.search.setClearButtonEnabled(True)
        self.search.setMinimumWidth(72)
        self.states.addItems(list(FILTERS))
        for box, name, tip in (
            (self.states, "Filter images by state", "Show only images in this state"),
            (self.classes, "Filter images by class", "Show only images whose mask shows this class"),
        ):
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(4)
            box.setMaxVisibleItems(24)
            box.setAccessibleName(name)
            box.setToolTip(tip)
        self._build_sort()
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        self.nothing.setContentsMargins(12, 24, 12, 24)
        self.looking.hide()
        self.again.hide()
        self.progress.setTextVisible(False)
        set_role(self.progress, "good")
        self.progress.setAccessibleName("Share of approved images")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 2, 0, 10)
        layout.setSpacing(6)
        first, second = row(self.search, self.sort), row(self.states, self.classes)
        for line in (first, second):
            line.setContentsMargins(10, 0, 10, 0)
            layout.addLayout(line)
        first.setStretch(0, 1)
        for place in (0, 1):
            second.setStretch(place, 1)
        layout.addWidget(self.nothing, 1)
        layout.addWidget(self.view, 1)
        for widget in (self.looking, self.again, self.progress, self.counts):
            line = row(widget)
            line.setContentsMargins(12, 0, 12, 0)
            layout.addLayout(line)

    def _build_sort(self) -> None:
        menu = QMenu(self.sort)
        for key, words in SORT_WORDS.items():
            action = menu.addAction(words)
            action.setData(key)
            action.setCheckable(True)
            action.setChecked(key == "name")
            self.sorts.addAction(action)
        self.sort.setMenu(menu)
        self.sort.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.sort.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.sort.setCheckable(True)  # looks pressed while the list is not sorted by name
        self.sort.setAccessibleName("Sort images")
        self.sort.setStyleSheet("QToolButton::menu-indicator { image: none; }")
        icons().bind(self.sort.setIcon, "sort", "text")

    def _connect(self) -> None:
        session, browser = self._session, self._session.browser
        session.projectChanged.connect(self._new_project)
        session.imagesChanged.connect(self._show_images)
        session.classesChanged.connect(self._classes_changed)
        session.documentLoading.connect(self._select)
        session.documentChanged.connect(self._document_changed)
        session.statusChanged.connect(self._status_changed)
        session.thumbnailReady.connect(self._picture_ready)
        browser.splitChanged.connect(self.view.viewport().update)
        browser.fileChanged.connect(self._file_changed)
        browser.factsFound.connect(self._facts_found)
        browser.factsProgressed.connect(self._facts_progressed)
        browser.factsForgotten.connect(self._facts_forgotten)
        browser.datesFound.connect(self._dates_found)
        self.search.textChanged.connect(self._filter)
        self.search.returnPressed.connect(self._open_first)
        for box in (self.states, self.classes):
            box.currentIndexChanged.connect(self._filter)
        self.sorts.triggered.connect(self._filter)
        self.view.openAsked.connect(self._open)
        self.view.customContextMenuRequested.connect(self._show_menu)
        self.view.verticalScrollBar().valueChanged.connect(self._scrolled)
        self._model.modelReset.connect(self._pictures.start)
        self.view.selectionModel().selectionChanged.connect(self._chosen_changed)
        icons().changed.connect(self.view.viewport().update)

    # -- what the list asks for ---------------------------------------------------------------------------

    def state(self, name: str) -> str:
        """The state of an image: unlabelled, painted, approved or broken."""
        return BROKEN if name in self._session.broken else self._session.status(name).value

    def _codes(self) -> NDArray[np.uint8]:
        project = self._session.project
        if project is None:
            return np.zeros(0, dtype=np.uint8)
        codes = project.table.codes().copy()
        for name in self._session.broken:
            place = project.table.place(name)
            if place is not None:
                codes[place] = STATES.index(BROKEN)
        return codes

    def _split(self, name: str) -> Split | None:
        project = self._session.project
        return project.split.get(name) if project else None

    @property
    def chosen(self) -> list[str]:
        """The selected images, in the order of the list."""
        return self.view.chosen_names()

    @Slot()
    def _chosen_changed(self, *_: object) -> None:
        self.chosenChanged.emit()

    @property
    def model(self) -> FileList:
        """The list that is shown."""
        return self._model

    # -- what is shown ------------------------------------------------------------------------------------

    @Slot()
    def _new_project(self) -> None:
        self._model.forget_pictures()
        self._model.catalogue.set_names([], {})
        self.looking.hide()
        widgets = (self.search, self.states, self.classes, self.sorts)
        blockers = [QSignalBlocker(widget) for widget in widgets]
        self.search.clear()
        self.states.setCurrentIndex(0)
        self.classes.setCurrentIndex(0)
        self.sorts.actions()[0].setChecked(True)
        del blockers
        self._filter()

    @Slot()
    def _show_images(self) -> None:
        """The folder was listed, as a whole or in part: nothing that is in view moves."""
        project = self._session.project
        table = project.table if project else None
        bar = self.view.verticalScrollBar()
        before, at = self.view.currentIndex(), bar.value()
        self._model.set_names(table.names if table else [], table.places if table else {})
        self._after_filter()
        if before.isValid() and self.view.currentIndex().row() == before.row():
            bar.setValue(at)
        self._count()

    @Slot()
    def _filter(self, *_: object) -> None:
        action = self.sorts.checkedAction()
        sort = str(action.data()) if action is not None else "name"
        before = self._model.wish
        wish = Wish(self.search.text(), FILTERS[self.states.currentText()], self.classes.currentData(), sort)
        self.sort.setChecked(sort != "name")
        self.sort.setToolTip(f"Sorted by {SORT_WORDS[sort].lower()}")
        self._model.set_wish(wish)
        self.again.hide()
        if sort in DATED and before.sort not in DATED:
            self._session.browser.want_dates(self._model.catalogue.names)
        if self._needs_facts(wish) and not self._needs_facts(before):
            self._scanning = True
            self._session.browser.want_facts()
        self._after_filter()

    @staticmethod
    def _needs_facts(wish: Wish) -> bool:
        return wish.class_index is not None or wish.sort in LOOKED_INTO

    @Slot()
    def _arrange(self) -> None:
        """More is known of the masks: filter and sort anew, and leave in view what is there.

        Rows sorted by confidence don't move by themselves as predictions come in: that would take them from
        under the person's hand. They are sorted again on demand.
        """
        if self._model.wish.sort in LOOKED_INTO and not self._scanning:
            self.again.setVisible(self._model.outdated)
        else:
            self.sort_again()

    def sort_again(self) -> None:
        """Sort by what is known now."""
        at = self.view.verticalScrollBar().value()
        self.again.hide()
        if self._model.arrange():
            self._after_filter()
            self.view.verticalScrollBar().setValue(at)

    def _after_filter(self) -> None:
        self._session.browser.set_order(self._model.order)
        empty = self._model.rowCount() == 0
        self.view.setVisible(not empty)
        self.nothing.setVisible(empty)
        project = self._session.project
        if project is not None and not project.listed:
            words = "Looking for images…"
        elif not self._session.images:
            words = "There are no images here yet."
        elif self.looking.isVisibleTo(self):
            words = "No image passes the filter so far."
        else:
            words = "No image passes the filter."
        self.nothing.setText(words)
        self._select(self._session.current)

    @Slot()
    def _classes_changed(self) -> None:
        """Offer the project's classes to filter by."""
        chosen = self.classes.currentData()
        blocker = QSignalBlocker(self.classes)
        self.classes.clear()
        self.classes.addItem(ANY_CLASS, None)
        for entry in self._session.classes.active:
            self.classes.addItem(entry.name, entry.index)
        self.classes.setCurrentIndex(max(0, self.classes.findData(chosen) if chosen is not None else 0))
        del blocker
        if self.classes.currentData() != chosen:
            self._filter()

    @Slot(str)
    def _select(self, name: str | None) -> None:
        """Mark the current image without opening it again."""
        self._model.set_open(name)
        self.view.show_row(self._model.index_of(name))

    @Slot()
    def _document_changed(self) -> None:
        self._select(self._session.current)

    @Slot(str)
    def _status_changed(self, name: str) -> None:
        self._model.touch(name)
        self._counting.start()

    @Slot(str)
    def _file_changed(self, name: str) -> None:
        self._model.forget_picture(name)
        self._pictures.start()

    @Slot(object)
    def _facts_found(self, facts: object) -> None:
        self._model.catalogue.set_facts(facts)  # type: ignore[arg-type]
        self.view.viewport().update()
        if self._needs_facts(self._model.wish) and not self._arranging.isActive():
            self._arranging.start()

    @Slot()
    def _facts_forgotten(self) -> None:
        self._model.catalogue.forget_facts()
        self._scanning = self._needs_facts(self._model.wish)
        self.again.hide()
        self.view.viewport().update()

    @Slot(int, int)
    def _facts_progressed(self, done: int, total: int) -> None:
        self.looking.setVisible(done < total)
        self.looking.setText(f"Looking into masks: {done:,} of {total:,}")
        if done >= total and self._needs_facts(self._model.wish):
            self._arranging.stop()
            self._arrange()
            self._scanning = False

    @Slot(object, object)
    def _dates_found(self, names: object, dates: object) -> None:
        self._model.catalogue.set_dates(names, dates)  # type: ignore[arg-type]
        if self._model.wish.sort in DATED:
            self._arrange()

    # -- what a person does -------------------------------------------------------------------------------

    @Slot(int)
    def _open(self, place: int) -> None:
        if 0 <= place < self._model.rowCount():
            self._session.open_image(self._model.name(place))

    def find_image(self) -> None:
        """Let the person type a part of a name."""
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    @Slot()
    def _open_first(self) -> None:
        """Enter in the search field opens the first image that it found."""
        self._open(0)
        if self._model.rowCount():
            self.view.left.emit()

    @Slot(QPoint)
    def _show_menu(self, at: QPoint) -> None:
        names = self.view.chosen_names()
        if names:
            menu = file_menu(self._session, names, self)
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            menu.popup(self.view.viewport().mapToGlobal(at))

    # -- pictures and counts ------------------------------------------------------------------------------

    @Slot(str, QImage)
    def _picture_ready(self, name: str, picture: QImage) -> None:
        self._model.set_picture(name, picture)

    @Slot(int)
    def _scrolled(self, _value: int) -> None:
        self._pictures.start()  # not connected itself: it would take the value for its interval

    @Slot()
    def _ask_for_pictures(self) -> None:
        """Ask for the pictures of the rows in view, and of a few after them."""
        if not self.isVisible() or self._model.rowCount() == 0:
            return
        height = self.view.viewport().height()
        first = self.view.indexAt(QPoint(20, 1)).row()
        last = self.view.indexAt(QPoint(20, max(1, height - 1))).row()
        last = self._model.rowCount() - 1 if last < 0 else last
        names = [self._model.name(place) for place in range(max(first, 0), last + 1)]
        for name in reversed(names):  # the newest request is served first
            if not self._model.has_picture(name) and name not in self._session.broken:
                self._session.thumbnail(name)

    @Slot()
    def _count(self) -> None:
        session, project = self._session, self._session.project
        found = project.counts() if project else dict.fromkeys(Status, 0)
        number = sum(found.values())
        broken = [name for name in session.broken if project and project.table.place(name) is not None]
        for name in broken:
            found[session.status(name)] -= 1
        approved, painted = found[Status.APPROVED], found[Status.PAINTED]
        more = " so far" if project and not project.listed else ""
        total = f"{number:,} image" + ("" if number == 1 else "s")
        parts = [
            f"{approved:,} approved",
            f"{painted:,} painted",
            f"{len(broken):,} broken" if broken else "",
        ]
        self.counts.setText(" · ".join([part for part in parts if part] + [total + more]))
        self.progress.setRange(0, max(1, number))
        self.progress.setValue(approved)
        self.progress.setToolTip(f"{approved:,} of {total} approved")

    def showEvent(self, event: QShowEvent) -> None:
        """Pictures are asked for once they can be seen."""
        super().showEvent(event)
        self._pictures.start()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """More rows may have come into view."""
        super().resizeEvent(event)
        self._pictures.start()
