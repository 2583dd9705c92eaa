"""The window of statistics: measures in a thread, shows the table as it grows, copies and saves it."""

import math
from pathlib import Path

from PySide6.QtCore import QEvent, QItemSelectionModel, QModelIndex, QObject, QSignalBlocker, Qt, QTimer, Slot
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QDialog,
    QHeaderView,
    QLineEdit,
    QTableView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from unet_studio.core.errors import StudioError
from unet_studio.core.project import Status
from unet_studio.core.statistics import ImageStatistics
from unet_studio.core.statistics_columns import Columns
from unet_studio.session import Session
from unet_studio.session.statistician import Measured
from unet_studio.ui.dialogs.exporting.choices import LAYERS
from unet_studio.ui.dialogs.messages import ask_file_to_write
from unet_studio.ui.dialogs.statistics.table import RIGHT, StatisticsTable
from unet_studio.ui.panels.files import FilesPanel
from unet_studio.ui.pixel_size_field import PixelSizeField
from unet_studio.ui.widgets import Note, ProgressBar, button, combo, fit_to_screen, label, row
from unet_studio.ui.words import count, duration

REST_MS = 200  # after the last letter typed before the table is searched
ROW = 26  # px
SIZE = 940, 560  # px at first
NAME_WIDTH, CLASS_WIDTH = 220, 130  # px of the first columns, at first
LEAST_WIDTH = 84  # px of a column of figures
ANY_CLASS = "All classes"
NAMED = 3  # images that are named in a sentence


class StatisticsDialog(QDialog):
    """files: the panel whose selection can be measured."""

    def __init__(self, session: Session, files: FilesPanel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setObjectName("statistics_dialog")
        self.setWindowTitle("Statistics")
        self._session, self._files = session, files
        self.model = StatisticsTable(self)
        self.which = combo("statistics_images", "Images", "Which images are measured", 8)
        self.layer = combo("statistics_layer", "Layer", "What is measured of each image", 8)
        self.classes = combo("statistics_class", "Filter by class", "Show only this class", 8)
        self.search = QLineEdit()
        self.present = QCheckBox("Only where there are any")
        self.pixel_size = PixelSizeField(session)
        self.view = QTableView()
        self.totals = QTableWidget(1, 0)
        self.nothing = label("No row passes the filter.", "muted")
        self.note = Note("warning")
        self.far = label("", "muted", wrap=False)
        self.progress = ProgressBar()
        self.stop = button("Stop", "Stop measuring; what was found stays", session.statistician.cancel)
        self.again = button("Measure Again", "Measure the masks as they are now", self.measure, "refresh")
        self.copy = button(
            "Copy",
            "Copy the selected rows, or else all, for a spreadsheet (Ctrl+C)",
            self.copy_rows,
            "content-copy",
        )
        self.save = button(
            "Save as CSV…",
            "Save all that was measured, also in columns not shown here",
            self._save,
            "content-save-outline",
        )
        self._searching = QTimer(self, singleShot=True, interval=REST_MS)
        self._searching.timeout.connect(self._filter)
        self._build()
        self._connect()
        self._offer()
        self._size_changed()
        fit_to_screen(self, *SIZE)
        self.measure()

    # -- building -----------------------------------------------------------------------------------------

    def _build(self) -> None:
        self._build_table()
        self._build_totals()
        self.search.setObjectName("statistics_search")
        self.search.setPlaceholderText("Filter by name")
        self.search.setAccessibleName("Filter images by name")
        self.search.setToolTip("Show only images whose name contains this text")
        self.search.setClearButtonEnabled(True)
        self.present.setObjectName("statistics_present")
        self.present.setToolTip("Hide the rows of classes that an image has nothing of")
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName("Masks measured")
        for widget, name in (
            (self.stop, "statistics_stop"),
            (self.again, "statistics_again"),
            (self.copy, "statistics_copy"),
            (self.save, "statistics_save"),
        ):
            widget.setObjectName(name)
        first = row(self.which, self.layer, None, label("Pixel size", wrap=False), self.pixel_size, spacing=8)
        first.setStretch(0, 2)
        first.setStretch(1, 1)
        second = row(self.search, self.classes, self.present, None, spacing=8)
        second.setStretch(0, 2)
        second.setStretch(1, 1)
        table = QVBoxLayout()
        table.setSpacing(0)
        table.addWidget(self.view, 1)
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        table.addWidget(self.nothing, 1)
        table.addWidget(self.totals)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 14)
        layout.setSpacing(10)
        layout.addLayout(first)
        layout.addLayout(second)
        layout.addLayout(table, 1)
        layout.addWidget(self.note)
        layout.addWidget(self.progress)
        close = button("Close", "Close this window", self.reject)
        layout.addLayout(row(self.far, None, self.stop, self.again, self.copy, self.save, close, spacing=8))
        self.setMinimumSize(640, 360)

    def _build_table(self) -> None:
        view = self.view
        view.setObjectName("statistics_table")
        view.setAccessibleName("Objects and areas, by image and class")
        view.setModel(self.model)
        view.setSortingEnabled(True)
        view.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        view.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        view.setWordWrap(False)
        view.setAlternatingRowColors(False)
        view.setShowGrid(False)
        view.setTabKeyNavigation(False)
        view.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        view.verticalHeader().hide()
        view.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        view.verticalHeader().setDefaultSectionSize(ROW)
        view.horizontalHeader().setHighlightSections(False)
        # The header would ask of every row whether it is selected, each time that it is painted.
        view.horizontalHeader().setSelectionModel(QItemSelectionModel(self.model, view.horizontalHeader()))
        view.horizontalHeader().setDefaultAlignment(
            Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        )
        view.installEventFilter(self)

    def _build_totals(self) -> None:
        totals = self.totals
        totals.setObjectName("statistics_totals")
        totals.setAccessibleName("Totals of the rows shown")
        totals.horizontalHeader().hide()
        totals.verticalHeader().hide()
        totals.verticalHeader().setDefaultSectionSize(ROW)
        totals.setFixedHeight(ROW + 2)
        totals.setShowGrid(False)
        totals.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        totals.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        totals.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        totals.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        totals.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        totals.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.view.horizontalHeader().sectionResized.connect(self._follow_width)
        self.view.horizontalScrollBar().valueChanged.connect(totals.horizontalScrollBar().setValue)

    def _connect(self) -> None:
        session, statistician = self._session, self._session.statistician
        for choice in (self.which, self.layer):
            choice.activated.connect(self.measure)
        self.classes.currentIndexChanged.connect(self._filter)
        self.present.toggled.connect(self._filter)
        self.search.textChanged.connect(self._typed)
        self.view.doubleClicked.connect(self._open)
        self.view.activated.connect(self._open)
        self.model.changed.connect(self._show_totals)
        statistician.found.connect(self._found)
        statistician.progressed.connect(self._progressed)
        statistician.finished.connect(self._finished)
        statistician.failed.connect(self._failed)
        statistician.cancelled.connect(self._cancelled)
        statistician.listed.connect(self._to_clipboard)
        statistician.saved.connect(self._saved)
        statistician.pixelSizeChanged.connect(self._size_changed)
        session.savedChanged.connect(self._masks_changed)
        session.statusChanged.connect(self._masks_changed)
        session.projectChanged.connect(self.reject)
        self._files.chosenChanged.connect(self._offer)

    @Slot()
    def _offer(self) -> None:
        """Say how many images each choice means."""
        project = self._session.project
        approved = project.counts()[Status.APPROVED] if project else 0
        texts = {
            "all": f"All images ({len(self._session.images):,})",
            "approved": f"Approved images ({approved:,})",
            "selection": f"Selected in the panel ({len(self._files.chosen):,})",
        }
        first = self.which.count() == 0
        for place, (which, text) in enumerate(texts.items()):
            if first:
                self.which.addItem(text, which)
            self.which.setItemText(place, text)
        for layer, (text, tip) in LAYERS.items() if first else ():
            self.layer.addItem(text, layer)
            self.layer.setItemData(self.layer.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)

    # -- measuring ----------------------------------------------------------------------------------------

    @Slot()
    def measure(self, *_: object) -> None:
        """Measure everything anew."""
        from unet_studio.formats.export_options import ExportOptions

        which = self.which.currentData()
        names = tuple(self._files.chosen) if which == "selection" else ()
        self.note.say("")
        self.model.clear()
        self._wait(True)
        self.far.setText("Looking…")
        options = ExportOptions(which=which, names=names, layer=self.layer.currentData())
        self._session.statistician.measure(options)

    def _wait(self, waiting: bool) -> None:
        self.progress.setVisible(waiting)
        self.progress.setRange(0, 0)
        self.stop.setVisible(waiting)
        self.again.setVisible(not waiting)
        for widget in (self.copy, self.save):
            widget.setEnabled(not waiting and self.model.rowCount() > 0)

    @Slot(object, object)
    def _found(self, images: list[ImageStatistics], columns: Columns) -> None:
        bar = self.view.verticalScrollBar().value()
        first = not self.model.images
        self.model.add(images, columns)
        if first:
            self._offer_classes()
            self._fit_columns()
        self.view.verticalScrollBar().setValue(bar)

    def _offer_classes(self) -> None:
        chosen = self.classes.currentText()
        with QSignalBlocker(self.classes):
            self.classes.clear()
            self.classes.addItem(ANY_CLASS, None)
            for place, (name, _) in enumerate(self.model.classes):
                self.classes.addItem(self.model.swatch(place), name, name)
            self.classes.setCurrentIndex(max(0, self.classes.findText(chosen)))
        self._filter()

    @Slot(int, int, float)
    def _progressed(self, done: int, total: int, left: float) -> None:
        self.progress.setRange(0, max(1, total))
        self.progress.setValue(done)
        rest = f" · about {duration(left)} left" if math.isfinite(left) and left > 1 else ""
        self.far.setText(f"{done:,} of {count(total, 'mask')}{rest}")

    @Slot(object)
    def _finished(self, measured: Measured) -> None:
        self._wait(False)
        empty = f" · {count(len(measured.empty), 'image')} without any" if measured.empty else ""
        self.far.setText(f"{count(measured.images, 'mask')} measured{empty}")
        if measured.problems:
            names = list(measured.problems)
            more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
            why = next(iter(measured.problems.values()))
            self.note.say(f"Not measured: {', '.join(names[:NAMED])}{more}. {why}", "warning")
        elif not measured.images:
            what = LAYERS[self.layer.currentData()][0].lower()
            self.note.say(f"There are no {what} to measure. Paint, import or predict first.", "info")

    @Slot(object)
    def _failed(self, error: StudioError) -> None:
        self._wait(False)
        self.far.setText("")
        self.note.say(str(error), "danger")

    @Slot()
    def _cancelled(self) -> None:
        self._wait(False)
        self.far.setText(f"Stopped after {count(len(self.model.images), 'mask')}")

    @Slot()
    def _masks_changed(self, *_: object) -> None:
        if not self._session.statistician.measuring and self.model.images:
            self.far.setText("Masks have changed since they were measured")

    # -- what is shown ------------------------------------------------------------------------------------

    @Slot()
    def _typed(self, *_: object) -> None:
        self._searching.start()

    @Slot()
    def _filter(self, *_: object) -> None:
        self.model.set_filter(self.classes.currentData(), self.search.text(), self.present.isChecked())

    @Slot()
    def _size_changed(self) -> None:
        self.model.set_pixel_size(self._session.statistician.pixel_size)
        self._fit_columns()

    def _fit_columns(self) -> None:
        """Give every column the room of its title and its figures."""
        header, metrics = self.view.horizontalHeader(), self.view.fontMetrics()
        for column in range(self.model.columnCount()):
            title = metrics.horizontalAdvance(self.model.title(column)) + 24
            header.resizeSection(
                column, (NAME_WIDTH, CLASS_WIDTH)[column] if column < 2 else max(LEAST_WIDTH, title)
            )

    @Slot()
    def _show_totals(self) -> None:
        """The last line, and a word where the filter lets nothing through."""
        hidden = bool(self.model.images) and not self.model.rowCount()
        self.nothing.setVisible(hidden)
        self.view.setVisible(not hidden)
        self.totals.setColumnCount(self.model.columnCount())
        for column in range(self.model.columnCount()):
            item = QTableWidgetItem(self.model.total(column))
            font = self.font()
            font.setBold(True)
            item.setFont(font)
            if column >= 2:
                item.setTextAlignment(RIGHT)
            item.setToolTip(item.text())
            self.totals.setItem(0, column, item)
            self.totals.setColumnWidth(column, self.view.columnWidth(column))

    @Slot(int, int, int)
    def _follow_width(self, column: int, _before: int, width: int) -> None:
        if column < self.totals.columnCount():
            self.totals.setColumnWidth(column, width)

    # -- what a person does -------------------------------------------------------------------------------

    @Slot(QModelIndex)
    def _open(self, index: QModelIndex) -> None:
        if index.isValid():
            self._session.open_image(self.model.name(index.row()))

    def copy_rows(self) -> None:
        """Put the selected rows on the clipboard, or all where at most one is; a thread makes the text."""
        selection = self.view.selectionModel().selection()  # ranges: every cell of a large table takes long
        ranges = [selection.at(place) for place in range(selection.count())]
        chosen = sorted({row for found in ranges for row in range(found.top(), found.bottom() + 1)})
        self._session.statistician.list_rows(self.model.as_text(chosen if len(chosen) > 1 else None))

    @Slot(str)
    def _to_clipboard(self, text: str) -> None:
        QGuiApplication.clipboard().setText(text)
        self.far.setText(f"{count(text.count(chr(10)) - 1, 'row')} copied")

    def _save(self) -> None:
        project = self._session.project
        if project is not None:
            start = project.image_root.parent / f"{project.image_root.name}-statistics.csv"
            ask_file_to_write(self, "Save the Statistics", start, ".csv", self.save_to)

    def save_to(self, path: str) -> None:
        """Write all that was measured to a file."""
        self._session.statistician.save(Path(path), self.model.images)

    @Slot(object)
    def _saved(self, path: Path) -> None:
        self.far.setText(f"Saved as {path.name}")

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """In the table, Ctrl+C copies rows, not one cell."""
        copying = isinstance(event, QKeyEvent) and event.matches(QKeySequence.StandardKey.Copy)
        if copying and event.type() == QEvent.Type.KeyPress:
            self.copy_rows()
            return True
        return super().eventFilter(watched, event)

    def done(self, result: int) -> None:
        """Closed, however: nobody waits for figures any more."""
        self._searching.stop()
        self._session.statistician.cancel()
        super().done(result)
