"""The list of images and masks of an import: what becomes of each, narrowed down by fate and by name."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QPersistentModelIndex,
    QRectF,
    QSignalBlocker,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHeaderView,
    QLineEdit,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from unet_studio.ui.dialogs.importing.cells import CHEVRON, draw_list_box
from unet_studio.ui.dialogs.importing.pairing import Pairing
from unet_studio.ui.theme import theme
from unet_studio.ui.widgets import label, row

if TYPE_CHECKING:
    from unet_studio.formats.import_plan import ImageRow, ImportPlan

Index = QModelIndex | QPersistentModelIndex

ROW = 26  # px
NAME_ROLE = Qt.ItemDataRole.UserRole + 1
CHOICE_ROLE = Qt.ItemDataRole.UserRole + 2  # whether the mask can be chosen
MASK = 3  # the column of masks


@dataclass(frozen=True)
class Fate:
    """How a fate is told. text: in a row. many: in the list of filters. token: its colour in the theme."""

    text: str
    many: str
    token: str


# Fates of a plan's rows, and of those whose mask could not be told; then of what is no row: images without
# a mask and masks without an image.
FATES: dict[str, Fate] = {
    "import": Fate("comes in", "Come in", "good"),
    "scale": Fate("comes in, scaled", "Other size, scaled", "warning"),
    "turn": Fate("comes in, turned", "Turned as the image says", "warning"),
    "keep": Fate("stays as painted here", "Painted here, stay", "muted"),
    "blank": Fate("listed without a mask", "Listed without a mask", "muted"),
    "refuse": Fate("can't come in", "Can't come in", "danger"),
    "choose": Fate("choose its mask", "Several masks fit", "warning"),
    "skip": Fate("not chosen", "Not chosen", "muted"),
    "missing": Fate("no mask", "Images without a mask", "muted"),
    "unused": Fate("no image", "Masks without an image", "warning"),
}
ORDER = {name: place for place, name in enumerate(FATES)}
COMING = ("import", "scale", "turn")
EXPLAINED = ("import", "scale", "turn", "refuse", "choose")  # fates that don't say all by themselves
COLUMNS = ("Image", "What happens", "Size", "Mask")
CHOOSE = "Choose…"


@dataclass(frozen=True)
class Line:
    """One line of the list: an image with its mask, or one of the two alone."""

    name: str
    key: str
    fate: str
    remark: str = ""
    theirs: tuple[int, int] | None = None
    ours: tuple[int, int] | None = None


class Lines(Sequence[Line]):
    """The lines of a plan: its rows, then images without a mask, then masks without an image.

    Made when they are looked at: making 10,000 at once would hold the window up.
    """

    def __init__(self, plan: "ImportPlan | None" = None) -> None:
        self._rows = plan.rows if plan is not None else ()
        self._missing = plan.missing if plan is not None else ()
        self._unused = plan.unused if plan is not None else ()

    def __len__(self) -> int:
        return len(self._rows) + len(self._missing) + len(self._unused)

    @overload
    def __getitem__(self, place: int) -> Line: ...
    @overload
    def __getitem__(self, place: slice) -> list[Line]: ...
    def __getitem__(self, place: int | slice) -> Line | list[Line]:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        name, key = self.names(place)
        if place < len(self._rows):
            row = self._rows[place]
            return Line(name, key, fate_of(row), row.remark, row.theirs, row.ours)
        return Line(name, key, "unused" if key else "missing")

    def names(self, place: int) -> tuple[str, str]:
        """The image and the mask of a line; "" where there is none."""
        rows, missing = len(self._rows), len(self._missing)
        if place < rows:
            return self._rows[place].name, self._rows[place].key
        if place < rows + missing:
            return self._missing[place - rows], ""
        return "", self._unused[place - rows - missing]

    def fates(self) -> NDArray[np.uint8]:
        """Places in FATES, uint8 (lines,)."""
        fates = (ORDER[fate_of(row)] for row in self._rows)
        rows = np.fromiter(fates, dtype=np.uint8, count=len(self._rows))
        rest = np.repeat(
            np.array([ORDER["missing"], ORDER["unused"]], dtype=np.uint8),
            [len(self._missing), len(self._unused)],
        )
        return np.concatenate([rows, rest])


def fate_of(row: "ImageRow") -> str:
    """The fate of a row as it is told."""
    return "choose" if row.fate == "refuse" and row.candidates and not row.key else row.fate


class ImageLines(QAbstractTableModel):
    """The lines that the filter lets through. Lines are looked at when they come into view."""

    def __init__(self, pairing: Pairing, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pairing = pairing
        self._lines = Lines()
        self._fates = np.zeros(0, dtype=np.uint8)  # places in FATES
        self._shown = np.zeros(0, dtype=np.intp)  # places in the lines
        self._fate, self._text = "", ""

    def set_lines(self, lines: Lines) -> None:
        """Show other lines."""
        self._lines, self._fates = lines, lines.fates()
        self._narrow()

    def narrow(self, fate: str, text: str) -> None:
        """Show lines of a fate ("" for all) in whose image or mask the text occurs."""
        if (fate, text) != (self._fate, self._text):
            self._fate, self._text = fate, text
            self._narrow()

    def _narrow(self) -> None:
        self.beginResetModel()
        places = (
            np.arange(len(self._lines))
            if not self._fate
            else np.flatnonzero(self._fates == ORDER[self._fate])
        )
        if self._text:
            wanted = self._text.casefold()
            names = self._lines.names
            kept = [
                place for place in places.tolist() if any(wanted in name.casefold() for name in names(place))
            ]
            places = np.array(kept, dtype=np.intp)
        self._shown = places
        self.endResetModel()

    def counts(self) -> dict[str, int]:
        """How many lines have which fate; those that none has are left out."""
        found = np.bincount(self._fates, minlength=len(FATES)).tolist()
        return {name: number for name, number in zip(FATES, found, strict=True) if number}

    def line(self, row: int) -> Line:
        """The line of a row."""
        return self._lines[int(self._shown[row])]

    def choices(self, line: Line) -> Sequence[str]:
        """The masks that a person may choose for the image of a line."""
        return self._pairing.choices(line.name, not line.key) if line.name else ()

    def row_of(self, name: str) -> int:
        """The row of an image; -1 where it is not shown."""
        places = enumerate(self._shown.tolist())
        return next((row for row, place in places if self._lines.names(place)[0] == name), -1)

    def rowCount(self, parent: Index | None = None) -> int:
        """How many lines are shown."""
        return 0 if parent is not None and parent.isValid() else len(self._shown)

    def columnCount(self, parent: Index | None = None) -> int:
        """As many as there are headings."""
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """The headings."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section]
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Texts, colours and tooltips."""
        if not index.isValid():
            return None
        line, column = self.line(index.row()), index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return (line.name, happens(line), size_text(line), self._mask_text(line))[column]
        if role == NAME_ROLE:
            return line.name
        if role == CHOICE_ROLE:
            return column == MASK and bool(self.choices(line))
        if role == Qt.ItemDataRole.ForegroundRole and column == 1:
            return QColor(getattr(theme().tokens, FATES[line.fate].token))
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleDescriptionRole):
            parts = (line.name, f"Mask: {line.key}" if line.key else "", size_text(line), happens(line))
            return "\n".join(filter(None, parts))
        return None

    def _mask_text(self, line: Line) -> str:
        return line.key or (CHOOSE if self.choices(line) else "")


def size_text(line: Line) -> str:
    """ "640 × 480", or "640 × 480 → 320 × 240" where mask and image differ, width first."""
    theirs, ours = (f"{size[1]:,} × {size[0]:,}" if size else "" for size in (line.theirs, line.ours))
    if theirs and ours and theirs != ours:
        return f"{theirs} → {ours}"
    return theirs or ours


def happens(line: Line) -> str:
    """The fate of a line, with what is to be said of it."""
    fate = FATES[line.fate].text
    return f"{fate}: {line.remark}" if line.remark and line.fate in EXPLAINED else fate


class Cell(QStyledItemDelegate):
    """Leaves out the middle of names that don't fit, and the end of sentences; a choice looks like a list."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw one cell."""
        if not index.data(CHOICE_ROLE):
            super().paint(painter, option, index)
            return
        view: Any = option
        tokens = theme().tokens
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if view.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(view.rect, QColor(tokens.selection))
        text = str(index.data() or "")
        draw_list_box(
            painter,
            QRectF(view.rect).adjusted(1, 2, -2, -2),
            tokens.warning if text == CHOOSE else tokens.strong_border,
        )
        room = view.rect.adjusted(8, 0, -CHEVRON - 2, 0)
        shown = view.fontMetrics.elidedText(text, Qt.TextElideMode.ElideMiddle, room.width())
        painter.setPen(QColor(tokens.text))
        painter.drawText(room, int(Qt.AlignmentFlag.AlignVCenter), shown)
        painter.restore()

    def initStyleOption(self, option: QStyleOptionViewItem, index: Index) -> None:
        """Dots go where they hide least."""
        super().initStyleOption(option, index)
        mode = Qt.TextElideMode
        view: Any = option
        view.textElideMode = mode.ElideRight if index.column() == 1 else mode.ElideMiddle


class LinesView(QTableView):
    """asked(index): a person wants to choose the mask of this line."""

    asked = Signal(QModelIndex)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter and the space bar open the list of masks of the current line."""
        index = self.currentIndex().siblingAtColumn(MASK)
        opens = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space, Qt.Key.Key_F2)
        if opens and index.isValid() and index.data(CHOICE_ROLE):
            self.asked.emit(index)
        else:
            super().keyPressEvent(event)


class ImagesPage(QWidget):
    """The list with its filter. chosen(name): a person went to the line of an image.

    pairing: the masks that a person chose for images.
    """

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.pairing = Pairing(self)
        self.model = ImageLines(self.pairing, self)
        self.filter = QComboBox()
        self.filter.setObjectName("import_fates")
        self.filter.setAccessibleName("Which images are listed")
        self.filter.setToolTip("List only the images with which this happens")
        self.search = QLineEdit()
        self.search.setAccessibleName("Find an image or a mask")
        self.search.setPlaceholderText("Find an image or a mask")
        self.search.setToolTip("List only lines in whose names this occurs")
        self.search.setClearButtonEnabled(True)
        self.view = self._make_view()
        self.details = label("", "muted")
        self.details.setObjectName("import_details")
        self.filter.currentIndexChanged.connect(self._narrow)
        self.search.textChanged.connect(self._narrow)
        head = row(self.filter, self.search)
        head.setStretch(0, 1)
        head.setStretch(1, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 8, 0, 0)
        layout.setSpacing(8)
        layout.addLayout(head)
        layout.addWidget(self.view, 1)
        layout.addWidget(self.details)

    def _make_view(self) -> LinesView:
        view = LinesView()
        view.setObjectName("import_images")
        view.setAccessibleName("Images and their masks")
        view.setModel(self.model)
        view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        view.setItemDelegate(Cell(view))
        view.setWordWrap(False)
        view.setShowGrid(False)
        view.setTabKeyNavigation(False)
        view.verticalHeader().hide()
        view.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        view.verticalHeader().setDefaultSectionSize(ROW)
        header = view.horizontalHeader()
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setMinimumSectionSize(60)
        for section, width in enumerate((112, 150, 148)):
            header.resizeSection(section, width)
        header.setSectionResizeMode(MASK, QHeaderView.ResizeMode.Stretch)
        view.selectionModel().currentRowChanged.connect(self._row_changed)
        view.clicked.connect(self._clicked)
        view.asked.connect(self._offer_masks)
        return view

    def set_lines(self, lines: Lines) -> None:
        """Show other lines; the filter stays where it still lets something through."""
        self.model.set_lines(lines)
        counts = self.model.counts()
        before = self.filter.currentData()
        with QSignalBlocker(self.filter):
            self.filter.clear()
            self.filter.addItem(f"All ({len(lines):,})", "")
            for name, number in counts.items():
                self.filter.addItem(f"{FATES[name].many} ({number:,})", name)
            self.filter.setCurrentIndex(max(0, self.filter.findData(before)))
        self._narrow()
        if len(lines) and not self.view.currentIndex().isValid():
            self._go(0)
        self._explain()

    def _narrow(self) -> None:
        self.model.narrow(str(self.filter.currentData() or ""), self.search.text().strip())
        self._explain()

    def _go(self, place: int) -> None:
        with QSignalBlocker(self.view.selectionModel()):
            self.view.setCurrentIndex(self.model.index(place, 0))
        self._explain()

    def _explain(self) -> None:
        """Say below the list all that the current line has no room for."""
        index = self.view.currentIndex()
        line = self.model.line(index.row()) if index.isValid() else None
        self.details.setText(f"{line.name or line.key}: {happens(line)}" if line is not None else "")

    def show_name(self, name: str) -> None:
        """Mark the line of an image, without announcing it."""
        current = self.view.currentIndex()
        if current.isValid() and self.model.line(current.row()).name == name:
            return
        place = self.model.row_of(name)
        if place >= 0:
            self._go(place)
            self.view.scrollTo(self.model.index(place, 0))
            self.view.viewport().update()

    def _clicked(self, index: QModelIndex) -> None:
        if index.column() == MASK and index.data(CHOICE_ROLE):
            self._offer_masks(index)

    def _offer_masks(self, index: QModelIndex) -> None:
        """Open the list of masks that may belong to the image of a line."""
        line = self.model.line(index.row())
        below = self.view.visualRect(index).bottomLeft()
        menu = self.pairing.menu(line.name, not line.key, self)
        menu.popup(self.view.viewport().mapToGlobal(below))

    def _row_changed(self, index: QModelIndex, _before: QModelIndex) -> None:
        self._explain()
        if index.isValid() and self.model.line(index.row()).name:
            self.chosen.emit(self.model.line(index.row()).name)
