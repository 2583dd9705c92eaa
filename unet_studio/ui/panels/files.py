"""The files panel: every image of the folder with its picture and state, and how much is done."""

from collections.abc import Callable

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QPoint, Qt, QTimer, Slot
from PySide6.QtGui import QImage, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QLineEdit,
    QListView,
    QProgressBar,
    QVBoxLayout,
    QWidget,
)

from unet_studio.core.project import Status
from unet_studio.session import Session
from unet_studio.ui.icons import icons
from unet_studio.ui.panels.file_list import BROKEN, FILTERS, ROW, FileList, FileRow
from unet_studio.ui.widgets import label, row, set_role

PICTURE_DELAY = 40  # ms of rest after scrolling before pictures are asked for
COUNT_DELAY = 150  # ms after which the counts follow a change


class FilesPanel(QWidget):
    """Shows the session's images; opens the one that is chosen."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._session = session
        self._following = False  # whether the selection follows the session, not the person
        self._model = FileList(self.state, self)
        self.search = QLineEdit()
        self.states = QComboBox()
        self.view = QListView()
        self.nothing = label("", "muted")
        self.counts = label("", "muted")
        self.progress = QProgressBar()
        self._pictures = self._timer(PICTURE_DELAY, self._ask_for_pictures)
        self._counting = self._timer(COUNT_DELAY, self._count)
        self._build()
        self._connect()
        self._show_images()

    def _timer(self, delay: int, slot: Callable[[], None]) -> QTimer:
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
        self.states.addItems(list(FILTERS))
        self.states.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.states.setMinimumContentsLength(5)
        self.search.setMinimumWidth(84)
        self.states.setAccessibleName("Filter images by state")
        self.states.setToolTip("Show only images in this state")
        self.view.setModel(self._model)
        self.view.setItemDelegate(FileRow(self.view))
        self.view.setUniformItemSizes(True)
        self.view.setMouseTracking(True)
        self.view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.view.setAccessibleName("Images")
        self.view.setMinimumHeight(2 * ROW)
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        self.nothing.setContentsMargins(12, 24, 12, 24)
        self.progress.setTextVisible(False)
        set_role(self.progress, "good")
        self.progress.setAccessibleName("Share of approved images")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 2, 0, 10)
        layout.setSpacing(6)
        filters = row(self.search, self.states)
        filters.setContentsMargins(10, 0, 10, 2)
        filters.setStretch(0, 1)
        layout.addLayout(filters)
        layout.addWidget(self.nothing, 1)
        layout.addWidget(self.view, 1)
        for widget in (self.progress, self.counts):
            line = row(widget)
            line.setContentsMargins(12, 0, 12, 0)
            layout.addLayout(line)

    def _connect(self) -> None:
        session = self._session
        session.projectChanged.connect(self._new_project)
        session.imagesChanged.connect(self._show_images)
        session.documentLoading.connect(self._select)
        session.documentChanged.connect(self._document_changed)
        session.statusChanged.connect(self._status_changed)
        session.thumbnailReady.connect(self._picture_ready)
        self.search.textChanged.connect(self._filter)
        self.states.currentTextChanged.connect(self._filter)
        self.view.selectionModel().currentChanged.connect(self._chosen)
        self.view.verticalScrollBar().valueChanged.connect(self._scrolled)
        self._model.modelReset.connect(self._pictures.start)
        icons().changed.connect(self.view.viewport().update)

    def state(self, name: str) -> str:
        """The state of an image: unlabelled, painted, approved or broken."""
        return BROKEN if name in self._session.broken else self._session.status(name).value

    @property
    def model(self) -> FileList:
        """The list that is shown."""
        return self._model

    @Slot()
    def _new_project(self) -> None:
        self._model.forget_pictures()
        self.search.clear()
        self.states.setCurrentIndex(0)
        self._show_images()

    @Slot()
    def _show_images(self) -> None:
        self._model.set_names(self._session.images)
        self._after_filter()
        self._count()

    @Slot()
    def _filter(self) -> None:
        self._model.set_filter(self.search.text(), self.states.currentText())
        self._after_filter()

    def _after_filter(self) -> None:
        empty = self._model.rowCount() == 0
        self.view.setVisible(not empty)
        self.nothing.setVisible(empty)
        words = "No image passes the filter." if self._session.images else "There are no images here yet."
        self.nothing.setText(words)
        self._select(self._session.current)

    @Slot(str)
    def _select(self, name: str | None) -> None:
        """Mark the current image without opening it again."""
        index = self._model.index_of(name)
        self._following = True
        self.view.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        self._following = False
        if index.isValid():
            self.view.scrollTo(index)

    @Slot()
    def _document_changed(self) -> None:
        self._select(self._session.current)

    @Slot(str)
    def _status_changed(self, name: str) -> None:
        self._model.touch(name)
        self._counting.start()

    @Slot(str, QImage)
    def _picture_ready(self, name: str, picture: QImage) -> None:
        self._model.set_picture(name, picture)

    def _chosen(self, index: QModelIndex, _before: QModelIndex) -> None:
        if index.isValid() and not self._following:
            self._session.open_image(self._model.name(index.row()))

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
        states = [self.state(name) for name in self._session.images]
        approved, painted = states.count(Status.APPROVED.value), states.count(Status.PAINTED.value)
        broken = states.count(BROKEN)
        total = f"{len(states):,} image" + ("" if len(states) == 1 else "s")
        parts = [f"{approved:,} approved", f"{painted:,} painted", f"{broken:,} broken" if broken else ""]
        self.counts.setText(" · ".join([part for part in parts if part] + [total]))
        self.progress.setRange(0, max(1, len(states)))
        self.progress.setValue(approved)
        self.progress.setToolTip(f"{approved} of {total} approved")

    def showEvent(self, event: QShowEvent) -> None:
        """Pictures are asked for once they can be seen."""
        super().showEvent(event)
        self._pictures.start()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """More rows may have come into view."""
        super().resizeEvent(event)
        self._pictures.start()
