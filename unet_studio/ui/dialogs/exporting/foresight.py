"""What an export would write, in numbers, and what its format can't carry, told before it is written."""

from collections.abc import Mapping

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from unet_studio.core.errors import StudioError
from unet_studio.formats.export_plan import ExportPlan
from unet_studio.ui.dialogs.operation import swatch
from unet_studio.ui.icons import IconLabel
from unet_studio.ui.widgets import Note, ProgressBar, button, label
from unet_studio.ui.words import count

STATES = {"approved": "approved", "painted": "painted", "unlabelled": "predicted"}
PARTS = {"train": "for training", "val": "for validation", "test": "for testing", "none": "in no part yet"}
ROW = 24  # px
SHOWN = 8  # rows of classes without scrolling
MOST = 4  # problems that are spelt out


class Foresight(QFrame):
    """Shows an ExportPlan, or why there is none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("export_foresight")
        self.setProperty("role", "card")
        self.heading = label("", "heading")
        self.heading.setObjectName("export_amount")
        self.obstacle = Note("warning")
        self.obstacle.setObjectName("export_obstacle")
        self.losses, self.notes = QVBoxLayout(), QVBoxLayout()
        for lines in (self.losses, self.notes):
            lines.setSpacing(6)
        self.classes = QTableWidget(0, 3)
        self.counting = label("", "muted")
        self.progress = ProgressBar()
        self.again = button(
            "Count Again", "Masks were changed since they were counted", lambda: None, "refresh", "link"
        )
        self.again.setObjectName("export_count_again")
        self._build()
        self.wait()

    def _build(self) -> None:
        self.classes.setObjectName("export_counts")
        self.classes.setAccessibleName("Objects and pixels of each class in the files")
        self.classes.setHorizontalHeaderLabels(["In the files", "Objects", "Pixels"])
        self.classes.verticalHeader().hide()
        self.classes.verticalHeader().setDefaultSectionSize(ROW)
        header = self.classes.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        self.classes.setShowGrid(False)
        self.classes.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.classes.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.classes.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.classes.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName("Masks counted")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 12, 14, 12)
        layout.setSpacing(8)
        layout.addWidget(label("What will be written", "muted", wrap=False))
        layout.addWidget(self.heading)
        layout.addWidget(self.obstacle)
        layout.addLayout(self.losses)
        for widget in (self.classes, self.counting, self.progress):
            layout.addWidget(widget)
        layout.addWidget(self.again, alignment=Qt.AlignmentFlag.AlignLeft)
        layout.addLayout(self.notes)
        layout.addStretch(1)

    # -- what is shown ------------------------------------------------------------------------------------

    def wait(self) -> None:
        """Nothing is known yet."""
        self.heading.setText("Looking…")
        self.obstacle.say("")
        self._clear()
        self.classes.hide()
        self.again.hide()
        self.show_counting(0, 0)

    def refuse(self, error: StudioError) -> None:
        """The export can't even be planned."""
        self.wait()
        self.heading.setText("Nothing can be written")
        self.obstacle.say(str(error), "danger")

    def show_plan(self, plan: ExportPlan) -> None:
        """Say what would be written."""
        self._clear()
        self.again.hide()
        self.heading.setText(amount(plan))
        self.obstacle.say(plan.obstacle, "danger")
        for kind, text in remarks(plan):
            self._line(kind, text)
        self._show_classes(plan)
        self.show_counting(0, 0)

    def show_counting(self, done: int, total: int) -> None:
        """How far the masks are counted; 0 of 0: nothing is being counted."""
        for widget in (self.counting, self.progress):
            widget.setVisible(total > 0)
        self.counting.setText(f"Counting objects: {done:,} of {count(total, 'mask')}")
        self.progress.setRange(0, max(1, total))
        self.progress.setValue(done)

    def say_old(self) -> None:
        """Masks have changed since they were counted."""
        self.again.show()

    def _show_classes(self, plan: ExportPlan) -> None:
        self.classes.setVisible(bool(plan.classes) and bool(plan.images))
        self.classes.setRowCount(len(plan.classes))
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for place, entry in enumerate(plan.classes):
            name = QTableWidgetItem(swatch(entry.color), entry.name)
            merged = f"\nHere: {', '.join(entry.sources)}" if entry.sources != (entry.name,) else ""
            name.setToolTip(f"{entry.name}{merged}")
            self.classes.setItem(place, 0, name)
            ground = entry.index == plan.table.background
            for column, number in ((1, entry.objects), (2, entry.pixels)):
                unknown = "–" if ground and column == 1 else "…"
                item = QTableWidgetItem(unknown if number is None or unknown == "–" else f"{number:,}")
                item.setTextAlignment(right)
                self.classes.setItem(place, column, item)
        rows = min(SHOWN, len(plan.classes))
        self.classes.setFixedHeight(rows * ROW + self.classes.horizontalHeader().sizeHint().height() + 4)

    def _clear(self) -> None:
        for lines in (self.losses, self.notes):
            while lines.count():
                item = lines.takeAt(0)
                widget = item.widget() if item is not None else None
                if widget is not None:
                    widget.hide()
                    widget.deleteLater()

    def _line(self, kind: str, text: str) -> None:
        icon, token = {"loss": ("alert-outline", "warning"), "note": ("information-outline", "muted")}[kind]
        line = QWidget()
        line.setAccessibleName(text)
        layout = QHBoxLayout(line)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(IconLabel(icon, token, 16), alignment=Qt.AlignmentFlag.AlignTop)
        layout.addWidget(label(text, "warning" if kind == "loss" else ""), 1)
        (self.losses if kind == "loss" else self.notes).addWidget(line)

    def texts(self) -> list[str]:
        """The lines that are shown."""
        items = [lines.itemAt(place) for lines in (self.losses, self.notes) for place in range(lines.count())]
        widgets = (item.widget() for item in items if item is not None)
        return [widget.accessibleName() for widget in widgets if widget is not None]


def amount(plan: ExportPlan) -> str:
    """ "212 objects in 48 images", as far as it is known."""
    if not plan.images:
        return "Nothing to write"
    images = count(len(plan.images), "image")
    if not plan.counted:
        return images[0].upper() + images[1:]
    background = plan.table.background
    objects = sum(entry.objects or 0 for entry in plan.classes if entry.index != background)
    return f"{count(objects, 'object')} in {images}"


# Remarks that other lines say already, or the words below the format's name.
_SAID = ("empty", "broken", "unfinished", "replaces", "loses")


def remarks(plan: ExportPlan) -> list[tuple[str, str]]:
    """What there is to say of a plan, as ("loss" or "note", sentence)."""
    lines = [("loss", remark.text) for remark in plan.remarks if remark.loss and remark.kind not in _SAID]
    if plan.images:
        lines.append(("note", f"{_listed(plan.statuses, STATES)}."))
    if plan.empty:
        lines.append(("note", f"{count(len(plan.empty), 'image')} left out: nothing is stored for them."))
    if plan.images and any(plan.parts.get(part) for part in ("train", "val", "test")):
        lines.append(("note", f"{_listed(plan.parts, PARTS)}."))
    others = [remark for remark in plan.remarks if not remark.loss and remark.kind not in _SAID]
    lines += [("note", remark.text) for remark in others]
    if plan.replaces:
        lines.append(("note", f"Replaces {count(plan.replaces, 'file')} of an earlier export."))
    problems = list(plan.problems.items())
    lines += [("loss", f"{name} is left out: {why}") for name, why in problems[:MOST]]
    if len(problems) > MOST:
        lines.append(("loss", f"{count(len(problems) - MOST, 'more image')} can't be exported."))
    return lines


def _listed(tally: Mapping[str, int], words: Mapping[str, str]) -> str:
    return ", ".join(f"{tally[key]:,} {text}" for key, text in words.items() if tally.get(key))
