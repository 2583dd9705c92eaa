"""The model of the table of statistics: rows of arrays, so that 50,000 of them cost what is on screen."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QIcon

from unet_studio.core.pixel_size import PixelSize
from unet_studio.core.statistics import ImageStatistics
from unet_studio.core.statistics_columns import Columns, Totals, add_up
from unet_studio.ui.dialogs.operation import swatch
from unet_studio.ui.words import count

Index = QModelIndex | QPersistentModelIndex
Value = float | int

RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


@dataclass(frozen=True)
class Column:
    """One column. title: with {unit} where it is told in units. tip: what it is. value(columns, rows).

    total(totals): of all rows shown; None where adding up says nothing. squared: told in square units, so
    shown only where a pixel size is known. text(value): how it is written.
    """

    title: str
    tip: str
    value: Callable[[Columns], NDArray[Any]]
    total: Callable[[Totals], Value | None]
    text: Callable[[Value], str]
    squared: bool = False


def whole(value: Value) -> str:
    """ "12,345"."""
    return f"{int(value):,}"


def percent(value: Value) -> str:
    """ "12.345 %"."""
    return f"{100 * value:.3f} %"


def figure(value: Value) -> str:
    """Four digits or more, "1,234.6", "0.01234"; nothing where there is no value."""
    if not math.isfinite(value):
        return ""
    if value == 0 or abs(value) >= 1000:
        return f"{value:,.1f}".removesuffix(".0")
    return f"{value:.4g}"


SUMMED = ("Objects", "Area (px)", "Area ({unit})")  # also told of all classes together

# The first two columns are the image and the class.
COLUMNS = (
    Column(
        "Objects", "Pieces of this class; pixels that touch at a side or a corner are one piece",
        lambda c: c.objects, lambda t: t.objects, whole,
    ),
    Column("Area (px)", "Pixels of this class", lambda c: c.area, lambda t: t.area, whole),
    Column("Area ({unit})", "The area of this class", lambda c: c.area, lambda t: t.area, figure, True),
    Column(
        "Share", "The area's share of all pixels of the image",
        lambda c: c.of_image, lambda t: t.share, percent,
    ),
    Column(
        "Share of labelled", "The area's share of the pixels that have any class",
        lambda c: c.of_labelled, lambda t: t.of_labelled, percent,
    ),
    Column("Mean (px)", "The mean area of an object", lambda c: c.mean, lambda t: t.mean, figure),
    Column("Mean ({unit})", "The mean area of an object", lambda c: c.mean, lambda t: t.mean, figure, True),
    Column("Median (px)", "The median area of an object", lambda c: c.median, lambda _t: None, figure),
    Column(
        "Median ({unit})", "The median area of an object", lambda c: c.median, lambda _t: None, figure, True
    ),
    Column("Smallest (px)", "The area of the smallest object", lambda c: c.least, lambda t: t.least, whole),
    Column("Largest (px)", "The area of the largest object", lambda c: c.most, lambda t: t.most, whole),
)  # fmt: skip


class StatisticsTable(QAbstractTableModel):
    """One row for each class of each image that the filter lets through. changed(): other rows are shown."""

    changed = Signal()

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.images: list[ImageStatistics] = []
        self.classes: list[tuple[str, str]] = []  # name, #rrggbb
        self._swatches: list[QIcon] = []
        self._folded: list[str] = []  # names of images, for the search
        self._columns = Columns.of_images([])
        self._known: dict[str, NDArray[Any]] = {}  # columns worked out already, by title
        self._order: NDArray[np.intp] = np.zeros(0, dtype=np.intp)
        self._size: PixelSize | None = None
        self._shown: tuple[Column, ...] = tuple(column for column in COLUMNS if not column.squared)
        self._class: str | None = None
        self._search = ""
        self._present = False
        self._sort: tuple[str, bool] = ("", False)  # title of the column, whether from high to low
        self.totals = add_up(self._columns, self._order)

    # -- what is shown ------------------------------------------------------------------------------------

    def clear(self) -> None:
        """Show nothing: everything is measured anew."""
        self.beginResetModel()
        self.images, self.classes, self._swatches, self._folded = [], [], [], []
        self._columns, self._known = Columns.of_images([]), {}
        self._arrange()
        self.endResetModel()
        self.changed.emit()

    def add(self, images: Sequence[ImageStatistics], columns: Columns) -> None:
        """Show some more images, all measured with the same classes. columns: theirs."""
        self.beginResetModel()
        if not self.classes and images:
            self.classes = [(found.name, found.color) for found in images[0].classes]
            self._swatches = [swatch(color) for _, color in self.classes]
        self._columns, self._known = self._columns + columns, {}
        self.images.extend(images)
        self._folded.extend(image.name.casefold() for image in images)
        self._arrange()
        self.endResetModel()
        self.changed.emit()

    def set_filter(self, class_name: str | None, search: str, present: bool) -> None:
        """Show only this class (None: all) of images whose name contains search.

        present: only where the image has any of the class.
        """
        self.beginResetModel()
        self._class, self._search, self._present = class_name, search.strip().casefold(), present
        self._arrange()
        self.endResetModel()
        self.changed.emit()

    def set_pixel_size(self, size: PixelSize | None) -> None:
        """Tell areas in units as well, or no longer."""
        self.beginResetModel()
        self._size = size
        self._shown = tuple(column for column in COLUMNS if size is not None or not column.squared)
        self._arrange()
        self.endResetModel()
        self.changed.emit()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Order the rows by a column; those of equal value keep the order of the images."""
        self.layoutAboutToBeChanged.emit()
        titles = ("image", "class", *(entry.title for entry in self._shown))
        self._sort = (titles[column] if column >= 0 else "", order == Qt.SortOrder.DescendingOrder)
        self._arrange()
        self.layoutChanged.emit()

    def _arrange(self) -> None:
        columns = self._columns
        keep = np.ones(len(columns), dtype=bool)
        if self._class is not None:
            place = next((n for n, (name, _) in enumerate(self.classes) if name == self._class), -1)
            keep &= columns.of == place
        if self._present:
            keep &= columns.objects > 0
        if self._search:
            found = np.array([self._search in name for name in self._folded], dtype=bool)
            keep &= found[columns.image]
        rows = np.flatnonzero(keep)
        self.totals = add_up(columns, rows)
        title, down = self._sort
        if title in ("", "image"):
            self._order = rows[np.argsort(-columns.image[rows], kind="stable")] if down else rows
            return
        by = columns.of if title == "class" else self._values(self._named(title))
        values = by[rows].astype(np.float64)
        # NaN, no object at all, comes last in both orders.
        self._order = rows[np.argsort(-values if down else values, kind="stable")]

    @staticmethod
    def _named(title: str) -> Column:
        return next(column for column in COLUMNS if column.title == title)

    # -- the model ----------------------------------------------------------------------------------------

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        """The rows that the filter lets through."""
        return 0 if parent.isValid() else len(self._order)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Image, class, and the figures."""
        return 0 if parent.isValid() else 2 + len(self._shown)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Titles and what they mean."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        column = self._shown[section - 2] if section >= 2 else None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.title(section)
        if role == Qt.ItemDataRole.ToolTipRole:
            return column.tip if column else ("The image", "The class")[section]
        if role == Qt.ItemDataRole.TextAlignmentRole and column:
            return RIGHT
        return None

    def title(self, section: int) -> str:
        """The title of a column."""
        if section < 2:
            return ("Image", "Class")[section]
        unit = f"{self._size.unit}²" if self._size else ""
        return self._shown[section - 2].title.format(unit=unit)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Text, swatch and alignment of a cell."""
        if not index.isValid():
            return None
        row, column = int(self._order[index.row()]), index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(row, column)
        if role == Qt.ItemDataRole.DecorationRole and column == 1:
            return self._swatches[int(self._columns.of[row])]
        if role == Qt.ItemDataRole.TextAlignmentRole and column >= 2:
            return RIGHT
        if role == Qt.ItemDataRole.ToolTipRole and column == 0:
            return f"{self._text(row, 0)}\nA double click opens it"
        return None

    def _text(self, row: int, column: int) -> str:
        if column == 0:
            return self.images[int(self._columns.image[row])].name
        if column == 1:
            return self.classes[int(self._columns.of[row])][0]
        shown = self._shown[column - 2]
        return shown.text(self._scaled(shown, self._values(shown)[row].item()))

    def _values(self, column: Column) -> NDArray[Any]:
        """A column of all rows, worked out once."""
        if column.title not in self._known:
            self._known[column.title] = column.value(self._columns)
        return self._known[column.title]

    def _scaled(self, column: Column, value: Value) -> Value:
        return value * self._size.area if column.squared and self._size else value

    def swatch(self, place: int) -> QIcon:
        """The colour of a class."""
        return self._swatches[place]

    def name(self, row: int) -> str:
        """The image of a row."""
        return self.images[int(self._columns.image[self._order[row]])].name

    def total(self, column: int) -> str:
        """What the last line says: the rows added up."""
        if column == 0:
            return count(self.totals.images, "image")
        if column == 1:
            return self._class or ("all classes" if self.classes else "")
        shown = self._shown[column - 2]
        value = shown.total(self.totals)
        if value is None or (self._class is None and shown.title not in SUMMED):
            return ""  # of all classes together, and the background, shares and means say nothing
        return shown.text(self._scaled(shown, value))

    def as_text(self, rows: Sequence[int] | None = None) -> Callable[[], str]:
        """A call that makes tab-separated text of these rows, or all shown; may be made in a thread."""
        order, columns, size = self._order.copy(), self._columns, self._size
        images, classes, shown = self.images[:], self.classes, self._shown
        titles = [self.title(section) for section in range(self.columnCount())]
        chosen = order if rows is None else order[list(rows)]

        def make() -> str:
            factors = [size.area if column.squared and size else 1 for column in shown]
            values = [(column.value(columns) * by)[chosen] for column, by in zip(shown, factors, strict=True)]
            lines = ["\t".join(titles)]
            for place, row in enumerate(chosen):
                cells = [images[columns.image[row]].name, classes[columns.of[row]][0]]
                cells += [_plain(column[place]) for column in values]
                lines.append("\t".join(cell.replace("\t", " ").replace("\n", " ") for cell in cells))
            return "\n".join(lines) + "\n"

        return make


def _plain(value: Value) -> str:
    """A number as spreadsheets read it; nothing where there is none."""
    return f"{value:.10g}" if math.isfinite(value) else ""
