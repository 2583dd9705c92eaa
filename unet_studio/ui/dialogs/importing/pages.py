"""The pages of the import's box that are about work: looking at a source, importing, and what came of it."""

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from unet_studio.ui.dialogs.importing.remarks import Remark, RemarksPage
from unet_studio.ui.icons import IconLabel
from unet_studio.ui.widgets import ProgressBar, button, label, row

ROUND = {"good": "check-circle-outline", "warning": "alert-circle-outline", "danger": "close-circle-outline"}


class WorkPage(QFrame):
    """Something takes a while: what it is, how far it is, and a way to stop it."""

    def __init__(self, stop: Callable[[], object] | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.heading = label("", "heading")
        self.words = label("", "muted")
        self.progress = ProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName("How far it is")
        self.progress.setFixedWidth(420)
        self.stop = button("Cancel", "Stop after this image; what came in can be taken back", self._stop)
        self.stop.setVisible(stop is not None)
        self._handler = stop
        layout = QVBoxLayout(self)
        layout.setContentsMargins(40, 20, 40, 20)
        layout.setSpacing(10)
        layout.addStretch(1)
        for widget in (self.heading, self.words):
            widget.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        layout.addWidget(self.heading)
        layout.addLayout(row(None, self.progress, None))
        layout.addWidget(self.words)
        layout.addSpacing(6)
        layout.addLayout(row(None, self.stop, None))
        layout.addStretch(2)

    def begin(self, heading: str, words: str = "") -> None:
        """Something else begins; how long it takes is not known yet."""
        self.heading.setText(heading)
        self.words.setText(words)
        self.progress.setRange(0, 0)
        self.stop.setEnabled(True)

    def show_progress(self, done: int, total: int, words: str) -> None:
        """How far it is."""
        self.progress.setRange(0, max(total, 1))
        self.progress.setValue(done)
        self.words.setText(words)

    def _stop(self) -> None:
        if self._handler is not None:
            self.stop.setEnabled(False)
            self.words.setText("Stopping after this image…")
            self._handler()


class ResultPage(QWidget):
    """What came of it: a sentence, notes, and what can be done now."""

    def __init__(self, undo: Callable[[], object], report: Callable[[], object]) -> None:
        super().__init__()
        self._icon = IconLabel(ROUND["good"], "good", 24)
        self.heading = label("", "heading")
        self.remarks = RemarksPage()
        self.undo = button("Undo Import", "Take all of it back: every mask is again as it was", undo, "undo")
        self.undo.setObjectName("import_undo")
        self.report = button(
            "Open the Report", "Show the file that lists what was done", report, "text-box-outline"
        )
        self.report.setObjectName("import_report")
        self.go_on = button("Go On", "Import the rest as well", self._go_on, "play")
        self._handler: Callable[[], object] | None = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.setSpacing(8)
        head = row(self._icon, self.heading, spacing=10)
        head.setStretch(1, 1)
        layout.addLayout(head)
        layout.addWidget(self.remarks, 1)
        layout.addLayout(row(self.undo, self.report, self.go_on, None))

    def say(self, kind: str, heading: str, remarks: list[Remark]) -> None:
        """Show an outcome. kind: good, warning or danger."""
        self._icon.show_icon(ROUND[kind], kind)
        self.heading.setText(heading)
        self.remarks.show_remarks(remarks)

    def offer(self, undo: bool, report: bool, go_on: Callable[[], object] | None = None) -> None:
        """Say which buttons make sense."""
        self.undo.setVisible(undo)
        self.report.setVisible(report)
        self.go_on.setVisible(go_on is not None)
        self._handler = go_on

    def _go_on(self) -> None:
        if self._handler is not None:
            self._handler()
