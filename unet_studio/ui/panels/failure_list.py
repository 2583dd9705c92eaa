"""The list of images that were not predicted, and why; a click opens the image."""

from collections.abc import Iterable
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtWidgets import QListView, QWidget

from unet_studio.session import Failure

Index = QModelIndex | QPersistentModelIndex
ROWS = 4  # that are in view at once, at most
PADDING = 8  # px of a row beside its two lines


class FailureList(QAbstractListModel):
    """One row a failure: the image, and below it the reason."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._failures: list[Failure] = []

    def show(self, failures: Iterable[Failure]) -> None:
        """Show these."""
        self.beginResetModel()
        self._failures = list(failures)
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - as Qt declares it
        """How many there are."""
        return 0 if parent.isValid() else len(self._failures)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Name and reason; hovering says what can be done."""
        if not index.isValid():
            return None
        failure = self._failures[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{failure.name}\n{failure.reason}"
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return "\n".join(part for part in (failure.name, failure.reason, failure.remedy) if part)
        return None

    def name(self, row: int) -> str:
        """The image of a row."""
        return self._failures[row].name


class FailureView(QListView):
    """Shows a few rows and scrolls."""

    def __init__(self, failures: FailureList, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setModel(failures)
        self.setUniformItemSizes(True)
        self.setSpacing(2)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSelectionMode(QListView.SelectionMode.NoSelection)
        self.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.setAccessibleName("Images that were not predicted")
        failures.modelReset.connect(self._fit)

    def _fit(self) -> None:
        """Be as high as the rows, up to ROWS of them."""
        rows = max(1, min(self.model().rowCount(), ROWS))
        line = max(self.sizeHintForRow(0), 2 * self.fontMetrics().height() + PADDING)
        self.setFixedHeight(rows * (line + 2 * self.spacing()) + 2 * self.frameWidth())
