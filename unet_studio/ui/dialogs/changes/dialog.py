"""The window of changes: how much better or worse B is than A on each validation image, worst first."""

import math
from functools import partial

from PySide6.QtCore import QModelIndex, QSignalBlocker, Qt, Slot
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QHeaderView,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from unet_studio.core.changes import ALL, ChangeTable
from unet_studio.core.errors import StudioError
from unet_studio.core.gate import FEWEST
from unet_studio.core.model_card import ModelEntry
from unet_studio.session import Session
from unet_studio.session.changes import NO_GATE
from unet_studio.session.comparer import default_pair
from unet_studio.ui.dialogs.changes.table import ChangeRows, figure
from unet_studio.ui.widgets import Note, ProgressBar, button, combo, fit_to_screen, label, row
from unet_studio.ui.words import count

SIZE = 620, 560  # px at first
ROW = 26  # px
FIGURE_WIDTH = 84  # px of a column of figures
MEAN = "Mean over classes"


class ChangesDialog(QDialog):
    """Stays beside the window; a click on a row opens its image in A/B."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setObjectName("changes_dialog")
        self.setWindowTitle("Change by Image")
        self._session = session
        self.rows = ChangeRows(self)
        self.choices = tuple(
            combo(f"changes_{letter}", f"Model {letter.upper()}", f"The model called {letter.upper()}", 8)
            for letter in "ab"
        )
        self.classes = combo("changes_class", "Class", "Whose Dice is shown", 10)
        self.view = QTableView()
        self.source = label("", "muted")
        self.note = Note("info")
        self.total = label("", "value")
        self.sure = label("", "muted")
        self.left_out = label("", "warning")
        self.progress = ProgressBar()
        self.far = label("", "muted")
        self.stop = button("Stop", "Stop measuring", session.changes.cancel)
        self.measure = button(
            "Measure Now",
            "Predict the approved validation images with both models, as exactly as the compare command does",
            self._measure,
            "refresh",
        )
        self._build()
        self._connect()
        fit_to_screen(self, *SIZE)

    # -- building -----------------------------------------------------------------------------------------

    def _build(self) -> None:
        self._build_table()
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName("Images compared")
        for widget, name in ((self.stop, "changes_stop"), (self.measure, "changes_measure")):
            widget.setObjectName(name)
        first, second = self.choices
        models = row(
            label("A", "heading", wrap=False), first, label("B", "heading", wrap=False), second, spacing=8
        )
        models.setStretch(1, 1)
        models.setStretch(3, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 14)
        layout.setSpacing(10)
        layout.addLayout(models)
        shown = row(self.source, self.classes, spacing=8)
        shown.setStretch(0, 1)
        layout.addLayout(shown)
        layout.addWidget(self.note)
        layout.addWidget(self.view, 1)
        for part in (self.total, self.sure, self.left_out, self.progress, self.far):
            layout.addWidget(part)
        close = button("Close", "Close this window", self.reject)
        layout.addLayout(row(None, self.stop, self.measure, close, spacing=8))
        self.setMinimumSize(420, 360)

    def _build_table(self) -> None:
        view = self.view
        view.setObjectName("changes_table")
        view.setAccessibleName("Dice of both models, by image")
        view.setModel(self.rows)
        view.setSortingEnabled(True)
        view.sortByColumn(3, Qt.SortOrder.AscendingOrder)
        view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        view.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        view.setWordWrap(False)
        view.setShowGrid(False)
        view.verticalHeader().hide()
        view.verticalHeader().setDefaultSectionSize(ROW)
        header = view.horizontalHeader()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for section in (1, 2, 3):
            header.setSectionResizeMode(section, QHeaderView.ResizeMode.Fixed)
            header.resizeSection(section, FIGURE_WIDTH)

    def _connect(self) -> None:
        changes = self._session.changes
        changes.found.connect(self._found)
        changes.missing.connect(self._missing)
        changes.failed.connect(self._failed)
        changes.cancelled.connect(self._cancelled)
        changes.progressed.connect(self._progressed)
        self._session.projectChanged.connect(self.reject)
        for place, choice in enumerate(self.choices):
            choice.activated.connect(partial(self._chosen, place))
        self.classes.activated.connect(self._class_chosen)
        self.view.clicked.connect(self._open)
        self.view.activated.connect(self._open)

    # -- which two ----------------------------------------------------------------------------------------

    def take(self, first: str | None = None, second: str | None = None) -> None:
        """Show two models by name; by default those that are compared, or would be."""
        session = self._session
        entries = [entry for entry in session.comparer.models if not entry.imported]
        named = {entry.name for entry in entries}
        compared = [side.entry.name for side in session.comparer.sides if side.entry.name in named]
        usual = compared if len(compared) == 2 else default_pair(entries, session.predictor.model)
        for choice, name in zip(self.choices, (first, second), strict=True):
            with QSignalBlocker(choice):
                choice.clear()
                for entry in entries:
                    choice.addItem(entry.shown, entry.name)
                wanted = name if name in named else usual[self.choices.index(choice)] if usual else None
                choice.setCurrentIndex(choice.findData(wanted))
        self._look()

    @property
    def pair(self) -> tuple[ModelEntry, ModelEntry] | None:
        """The two models that are chosen."""
        named = {entry.name: entry for entry in self._session.comparer.models}
        chosen = [named.get(choice.currentData()) for choice in self.choices]
        if chosen[0] is None or chosen[1] is None or chosen[0] is chosen[1]:
            return None
        return chosen[0], chosen[1]

    def _chosen(self, place: int, _row: int) -> None:
        """Another model: where it is the other side's, that one takes the one there was."""
        one, other = self.choices[place], self.choices[1 - place]
        if one.currentData() == other.currentData():
            rest = (n for n in range(other.count()) if other.itemData(n) != one.currentData())
            other.setCurrentIndex(next(rest, -1))
        self._look()

    def _look(self) -> None:
        """What a gate said of these two, if one did."""
        self._show(None)
        pair = self.pair
        self.note.say("" if pair else "There are no two models to compare yet.", "info")
        if pair is not None:
            self._session.changes.look(*pair)
        self._refresh()

    def _measure(self) -> None:
        pair = self.pair
        if pair is not None:
            self.note.say("")
            self.far.setText("The models are being loaded…")
            self.progress.setValue(0)
            self._session.changes.measure(*pair)
            self._refresh()

    # -- what came of it ----------------------------------------------------------------------------------

    @Slot(object)
    def _found(self, table: ChangeTable) -> None:
        self.note.say("")
        self._show(table)
        self._refresh()

    @Slot()
    def _missing(self) -> None:
        self.note.say(NO_GATE, "info")
        self._refresh()

    @Slot(object)
    def _failed(self, error: StudioError) -> None:
        self.note.say(str(error), "danger")
        self._refresh()

    @Slot()
    def _cancelled(self) -> None:
        self.note.say("Stopped. Nothing was measured.", "info")
        self._refresh()

    @Slot(float, int, str)
    def _progressed(self, done: float, total: int, name: str) -> None:
        self.progress.setRange(0, 100 * max(total, 1))
        self.progress.setValue(round(100 * done))
        if name:
            self.far.setText(f"Image {math.floor(done) + 1} of {total}: {name}")

    def _show(self, table: ChangeTable | None) -> None:
        """Show figures, or none; of the class that was looked at, where there is one of that name."""
        chosen = self.classes.currentData() or ALL
        with QSignalBlocker(self.classes):
            self.classes.clear()
            self.classes.addItem(MEAN, ALL)
            for name in table.classes if table is not None else ():
                self.classes.addItem(name, name)
            self.classes.setCurrentIndex(max(self.classes.findData(chosen), 0))
        self.classes.setVisible(table is not None and len(table.classes) > 1)
        self.rows.show(table, self.classes.currentData())
        self._sum_up()

    @Slot(int)
    def _class_chosen(self, _place: int) -> None:
        self.rows.show(self.rows.table, self.classes.currentData())
        self._sum_up()

    def _sum_up(self) -> None:
        """Below the table: the means, and how sure their difference is."""
        table, kind = self.rows.table, self.rows.kind
        self.source.setText(table.source if table is not None else "")
        texts = summary(table, kind) if table is not None else ("", "")
        for line, text in zip((self.total, self.sure), texts, strict=True):
            line.setText(text)
            line.setVisible(bool(text))
        left_out = [f"{what}: {why}" for what, why in table.failures] if table is not None else []
        notes = list(table.notes) if table is not None else []
        said = [*notes, *([f"Left out: {count(len(left_out), 'image')}."] if left_out else [])]
        self.left_out.setText(" ".join(said))
        self.left_out.setToolTip("\n".join(left_out))
        self.left_out.setVisible(bool(said))

    def _refresh(self) -> None:
        """What is under way, and what can be begun."""
        measuring = self._session.changes.measuring
        for widget in (self.progress, self.far, self.stop):
            widget.setVisible(measuring)
        self.measure.setVisible(not measuring)
        self.measure.setEnabled(self.pair is not None)
        for choice in self.choices:
            choice.setEnabled(not measuring)

    # -- what is done with it -----------------------------------------------------------------------------

    @Slot(QModelIndex)
    def _open(self, index: QModelIndex) -> None:
        """Show the image of a row in A/B, by these two models."""
        session, pair, name = self._session, self.pair, self.rows.image(index.row())
        if pair is None or name not in session.images:
            return
        session.open_image(name)
        session.comparer.begin(pair[0].name, pair[1].name)

    def done(self, result: int) -> None:
        """Nobody waits any more."""
        self._session.changes.cancel()
        super().done(result)


def summary(table: ChangeTable, kind: str = ALL) -> tuple[str, str]:
    """The means with their change, and how sure that is: two sentences."""
    interval, (before, after) = table.interval(kind), table.means(kind)
    if not interval.images:
        return "No image can be compared.", ""
    means = f"Mean Dice: A {figure(before)}, B {figure(after)}. Change {figure(interval.mean, signed=True)}"
    if math.isnan(interval.low):
        return f"{means}.", "Of one image nothing can be said about how sure that is."
    low, high = figure(interval.low, signed=True), figure(interval.high, signed=True)
    verdict = "B is better" if interval.better else "B is worse" if interval.worse else "it may be chance"
    few = f" {FEWEST} images or more tell better." if interval.images < FEWEST else ""
    images = count(interval.images, "image")
    return f"{means} ({low} to {high}).", f"{interval.level:.0%} interval over {images}: {verdict}.{few}"
