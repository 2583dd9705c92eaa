"""What each class is called in an export: as here, by another name, together with others, or left out."""

from collections.abc import Mapping

from PySide6.QtCore import QSignalBlocker, Qt, Signal, Slot
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from unet_studio.core.classes import ClassTable
from unet_studio.ui.dialogs.operation import swatch
from unet_studio.ui.theme import theme
from unet_studio.ui.widgets import button, label, row
from unet_studio.ui.words import count

ROW = 28  # px
SHOWN = 6  # rows without scrolling
LEFT_OUT = "left out: unlabelled there"
HELP = (
    "Type another name for the files, the same name for several classes to make one of them, or take the "
    "tick away to leave a class out."
)


class ClassNames(QWidget):
    """A row for each class. changed(): other names, or other classes, go out."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table = QTableWidget(0, 2)
        self.table.setObjectName("export_classes")
        self.table.setAccessibleName("Classes and their names in the files")
        self.table.setHorizontalHeaderLabels(["Class", "Name in the files"])
        self.table.setToolTip(HELP)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(ROW)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setEditTriggers(
            QAbstractItemView.EditTrigger.DoubleClicked
            | QAbstractItemView.EditTrigger.SelectedClicked
            | QAbstractItemView.EditTrigger.EditKeyPressed
            | QAbstractItemView.EditTrigger.AnyKeyPressed
        )
        self.table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.reset = button("As in the Project", "Give every class its own name again", self.set_own)
        self.reset.setObjectName("export_classes_reset")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(label(HELP, "muted"))
        layout.addWidget(self.table)
        layout.addLayout(row(self.reset, None))
        self._classes: ClassTable | None = None
        self.table.itemChanged.connect(self._edited)
        theme().changed.connect(self._recolor)

    def show_classes(self, classes: ClassTable) -> None:
        """Show these classes; what was chosen for those that stay is kept."""
        kept, self._classes = self.renames, classes
        with QSignalBlocker(self.table):
            self.table.setRowCount(len(classes.active))
            for place, entry in enumerate(classes.active):
                here = QTableWidgetItem(swatch(entry.color), entry.name)
                here.setFlags(
                    Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsUserCheckable
                )
                here.setToolTip(f"{entry.name}\nTake the tick away to leave this class out")
                here.setCheckState(Qt.CheckState.Checked)
                self.table.setItem(place, 0, here)
                self.table.setItem(place, 1, QTableWidgetItem(entry.name))
        rows = min(SHOWN, len(classes.active))
        self.table.setFixedHeight(rows * ROW + self.table.horizontalHeader().sizeHint().height() + 4)
        self.set_renames(kept)

    @property
    def renames(self) -> dict[str, str]:
        """Class here -> name there, "" for left out; only of classes that don't keep their name."""
        found: dict[str, str] = {}
        for place, entry in enumerate(self._classes.active if self._classes else ()):
            there = self._there(place)
            if there != entry.name:
                found[entry.name] = there
        return found

    def _there(self, place: int) -> str:
        here, there = self.table.item(place, 0), self.table.item(place, 1)
        if here is None or there is None or here.checkState() != Qt.CheckState.Checked:
            return ""
        return there.text().strip() or here.text()

    def set_renames(self, renames: Mapping[str, str]) -> None:
        """Show these names; classes that there are no longer are passed over."""
        with QSignalBlocker(self.table):
            for place, entry in enumerate(self._classes.active if self._classes else ()):
                name = renames.get(entry.name, entry.name)
                here, there = self.table.item(place, 0), self.table.item(place, 1)
                if here is not None and there is not None:
                    here.setCheckState(Qt.CheckState.Checked if name else Qt.CheckState.Unchecked)
                    there.setText(name or entry.name)
        self._recolor()
        self.changed.emit()

    def set_own(self) -> None:
        """Every class goes out under its own name."""
        self.set_renames({})

    @Slot(QTableWidgetItem)
    def _edited(self, item: QTableWidgetItem) -> None:
        if item.column() == 1 and not item.text().strip() and self._classes is not None:
            with QSignalBlocker(self.table):  # an empty name means its own
                item.setText(self._classes.active[item.row()].name)
        self._recolor()
        self.changed.emit()

    @Slot()
    def _recolor(self) -> None:
        """Names of classes that are left out are faint, other names than the project's stand out."""
        tokens, renames = theme().tokens, self.renames
        with QSignalBlocker(self.table):
            for place, entry in enumerate(self._classes.active if self._classes else ()):
                item = self.table.item(place, 1)
                if item is None:
                    continue
                name = renames.get(entry.name, entry.name)
                token = tokens.faint if not name else tokens.accent if entry.name in renames else tokens.text
                item.setForeground(QColor(token))
                item.setToolTip(LEFT_OUT if not name else item.text())
        self.reset.setEnabled(bool(renames))

    def summary(self) -> str:
        """What is chosen, in a few words."""
        if self._classes is None:
            return ""
        renames, number = self.renames, len(self._classes.active)
        left_out = sum(not name for name in renames.values())
        names = [renames.get(entry.name, entry.name) for entry in self._classes.active]
        there = len({name for name in names if name})
        parts = [f"{number:,} become {there:,}" if there != number - left_out else ""]
        parts.append(f"{left_out:,} left out" if left_out else "")
        renamed = sum(bool(name) for name in renames.values())
        parts.append(f"{renamed:,} under other names" if renamed else "")
        said = ", ".join(part for part in parts if part)
        return f"{count(number, 'class') if number == 1 else f'{number:,} classes'}, {said or 'as they are'}"
