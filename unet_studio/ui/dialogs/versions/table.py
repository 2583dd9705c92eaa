"""The table of versions: its columns, and what a version says in each."""

import html
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from unet_studio.core.gate import Outcome
from unet_studio.jobs.version_list import Version
from unet_studio.ui.words import score_text

ROW = 28  # px
GAP = 14  # px between two columns
MOST = 200  # letters of a text from a file that are shown
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
OUTCOMES: Mapping[Outcome | None, str] = {
    "promoted": "Promoted",
    "candidate": "Candidate",
    "indicative": "Indicative",
    None: "",
}


def one_line(text: str) -> str:
    """A text that came with a file as one line: control signs could turn the letters around or hide some."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(shown.split())[:MOST]


def tip(text: str) -> str:
    """A text to hover over, however much it looks like markup."""
    return f"<p>{html.escape(text)}</p>" if text else ""


@dataclass(frozen=True)
class Column:
    """One column. text: what it says. key: what it is sorted by."""

    title: str
    hint: str
    text: Callable[[Version], str]
    key: Callable[[Version], Any]
    right: bool = False


def size_text(size: int) -> str:
    """ "812 kB", "8.4 MB", "124 MB"."""
    if size < 1e6:
        return f"{math.ceil(size / 1e3)} kB"
    return f"{size / 1e6:.1f} MB" if size < 1e8 else f"{size / 1e6:,.0f} MB"


def shown(version: Version) -> str:
    """The title with the name, or the name alone."""
    return one_line(version.entry.shown)


def made_from(version: Version) -> str:
    """The model that it was fine-tuned from."""
    card = version.entry.card
    return one_line(card.parent or card.base or "") if card else ""


def made(version: Version) -> str:
    """ "2025-03-01 14:20"."""
    return one_line(version.entry.card.created[:16].replace("T", " ")) if version.entry.card else ""


def score(version: Version) -> float:
    """What its card was scored with, -1 where it was not."""
    metrics = version.entry.card.metrics if version.entry.card else {}
    found = (metrics.get(key) for key in ("mean_dice", "mean_iou"))
    numbers = (value for value in found if isinstance(value, int | float) and math.isfinite(value))
    return next(numbers, -1.0)


COLUMNS = (
    Column("Version", "What it is called, and its name, which never changes", shown, shown),
    Column("From", "The model that it was fine-tuned from", made_from, made_from),
    Column("Made", "When, in UTC", made, made),
    Column(
        "Images", "How many finished images it learned from",
        lambda v: "" if v.samples is None else f"{v.samples:,}",
        lambda v: -1 if v.samples is None else v.samples, True,
    ),
    Column(
        "Score", "On the images that it was checked with: not the same ones for every version",
        lambda v: score_text(v.entry.card) if v.entry.card else "can't be used", score,
    ),
    Column(
        "Gate", "Whether it was at least as good as the model in use then",
        lambda v: OUTCOMES[v.outcome], lambda v: OUTCOMES[v.outcome],
    ),
    Column("Size", "On disk", lambda v: size_text(v.size), lambda v: v.size, True),
)  # fmt: skip


class Cell(QTableWidgetItem):
    """A text that is sorted by its key."""

    def __init__(self, text: str, key: Any) -> None:
        super().__init__(text)
        self.key = key

    def __lt__(self, other: QTableWidgetItem) -> bool:
        """By the key; Qt asks this."""
        return bool(self.key < other.key) if isinstance(other, Cell) else super().__lt__(other)


class VersionTable(QTableWidget):
    """One row a version; the one in use is bold and says so."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, len(COLUMNS) + 1, parent)
        self.setObjectName("versions_table")
        self.setAccessibleName("Versions of the model")
        self.setHorizontalHeaderLabels([*(column.title for column in COLUMNS), "In Use"])
        hints = [*(column.hint for column in COLUMNS), "The model that predicts"]
        for place, hint in enumerate(hints):
            self.model().setHeaderData(place, Qt.Orientation.Horizontal, hint, Qt.ItemDataRole.ToolTipRole)
            if place < len(COLUMNS) and COLUMNS[place].right:
                side, role = int(RIGHT), Qt.ItemDataRole.TextAlignmentRole
                self.model().setHeaderData(place, Qt.Orientation.Horizontal, side, role)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setWordWrap(False)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(ROW)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setDefaultAlignment(LEFT)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setMinimumSectionSize(48)
        header.setSortIndicatorShown(True)
        header.setSortIndicator(2, Qt.SortOrder.DescendingOrder)

    @property
    def chosen(self) -> str | None:
        """The name of the version that is selected."""
        return self._name(self.currentRow())

    def fill(self, versions: Sequence[Version], used: str | None, chosen: str | None) -> None:
        """Show these versions, with one of them selected."""
        with QSignalBlocker(self):
            self.setSortingEnabled(False)
            self.setRowCount(len(versions))
            for row, version in enumerate(versions):
                self._fill_row(row, version, version.name == used)
            self.setSortingEnabled(True)
            for column in range(1, self.columnCount()):
                self.resizeColumnToContents(column)
                self.setColumnWidth(column, self.columnWidth(column) + GAP)
            self.choose(chosen)

    def choose(self, name: str | None) -> None:
        """Select a version; the first one where there is no such."""
        found = (row for row in range(self.rowCount()) if self._name(row) == name)
        self.setCurrentCell(next(found, 0), 0)

    def _name(self, row: int) -> str | None:
        item = self.item(row, 0)
        return str(item.data(Qt.ItemDataRole.UserRole)) if item is not None else None

    def _fill_row(self, row: int, version: Version, used: bool) -> None:
        cells = [Cell(column.text(version), column.key(version)) for column in COLUMNS]
        cells.append(Cell("In use" if used else "", not used))
        font = self.font()
        font.setBold(used)
        for place, cell in enumerate(cells):
            cell.setFont(font)
            cell.setTextAlignment(RIGHT if place < len(COLUMNS) and COLUMNS[place].right else LEFT)
            self.setItem(row, place, cell)
        cells[0].setData(Qt.ItemDataRole.UserRole, version.name)
        cells[0].setToolTip(tip(cells[0].text()))
        cells[5].setToolTip(tip(" ".join(one_line(text) for text in version.reasons)))
