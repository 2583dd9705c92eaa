"""The history panel: every step of the image on screen, to go back and forth in with a click."""

from PySide6.QtCore import QModelIndex, Qt, Signal, Slot
from PySide6.QtGui import QActionGroup, QHideEvent, QShowEvent
from PySide6.QtWidgets import QAbstractItemView, QListView, QMenu, QToolButton, QVBoxLayout, QWidget

from unet_studio.core.document import FILL_REST, FORGET_ALL
from unet_studio.core.operations import OPERATIONS
from unet_studio.session import Session
from unet_studio.ui.icons import icons
from unet_studio.ui.panels.history_list import HistoryList, HistoryRow
from unet_studio.ui.preferences import HISTORY_CHOICES, Preferences
from unet_studio.ui.widgets import label, row

MEGABYTE = 2**20
ICONS = {
    "Approve": "check-bold",
    "Take approval back": "undo-variant",
    FILL_REST: "format-color-fill",
    FORGET_ALL: "eraser-variant",
}


class HistoryPanel(QWidget):
    """Shows the history and what memory it takes. left(): a row was clicked, keys belong to the canvas."""

    left = Signal()

    def __init__(self, session: Session, preferences: Preferences, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("history")
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._session = session
        self._preferences = preferences
        pictures = {operation.title: operation.icon for operation in OPERATIONS.values()}
        pictures |= {tool.title: tool.icon for tool in session.editor.tools.values()}
        self.list = HistoryList(pictures | ICONS, self)
        self.view = QListView()
        self.view.setModel(self.list)
        self.view.setItemDelegate(HistoryRow(self.view))
        self.view.setUniformItemSizes(True)
        self.view.setMouseTracking(True)
        self.view.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.view.setAccessibleName("Steps of this image")
        self.view.clicked.connect(self._clicked)
        self.view.activated.connect(self._go)
        self.memory = label("", "muted", wrap=False)
        self.limit = self._make_limit()
        foot = row(self.memory, None, self.limit)
        foot.setContentsMargins(12, 4, 8, 8)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.view, 1)
        layout.addLayout(foot)
        session.histories.budget.limit = preferences.history_mb * MEGABYTE
        session.historyChanged.connect(self.refresh)
        session.documentChanged.connect(self.refresh)
        icons().changed.connect(self.view.viewport().update)
        self.refresh()

    def _make_limit(self) -> QToolButton:
        """The button that sets how much memory undo may take."""
        made = QToolButton()
        made.setToolTip("Memory for undo, of all images together; the oldest steps are forgotten first")
        made.setAccessibleName("Memory for undo")
        made.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        icons().bind(made.setIcon, "memory")
        menu = QMenu(made)
        group = QActionGroup(menu)
        for megabytes in HISTORY_CHOICES:
            action = menu.addAction(f"{megabytes:,} MB")
            action.setData(megabytes)
            action.setCheckable(True)
            action.setChecked(megabytes == self._preferences.history_mb)
            group.addAction(action)
        group.triggered.connect(lambda action: self.set_limit(int(action.data())))
        made.setMenu(menu)
        return made

    def set_limit(self, megabytes: int) -> None:
        """Let undo take so much memory; what is more than that is forgotten now."""
        self._preferences.history_mb = megabytes
        self._session.histories.budget.limit = megabytes * MEGABYTE
        self._session.historyChanged.emit()

    @Slot()
    def refresh(self) -> None:
        """Follow the session; a panel that nobody sees follows when it is shown."""
        if not self.isVisible():
            return
        document = self._session.document
        self.list.show(document.history if document is not None else None)
        if document is not None:
            self.view.scrollTo(self.list.place)
        self.view.setEnabled(self._session.read_only is None)
        budget = self._session.histories.budget
        used = budget.nbytes / MEGABYTE
        self.memory.setText(f"Undo memory {used:.1f} of {budget.limit // MEGABYTE:,} MB")
        self.memory.setToolTip("Memory that undo takes, of all images together")

    @Slot(QModelIndex)
    def _clicked(self, index: QModelIndex) -> None:
        self._go(index)
        self.left.emit()

    @Slot(QModelIndex)
    def _go(self, index: QModelIndex) -> None:
        document = self._session.document
        if document is not None and index.row() != document.history.place:
            self._session.editor.jump(index.row())

    def showEvent(self, event: QShowEvent) -> None:
        """Catch up with what happened unseen."""
        super().showEvent(event)
        self.refresh()

    def hideEvent(self, event: QHideEvent) -> None:
        """Let go of the steps: an image that is left may go."""
        super().hideEvent(event)
        self.list.show(None)
