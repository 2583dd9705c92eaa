"""The prediction queue in the model panel: what is predicted now, how fast, how long, and what failed."""

from PySide6.QtCore import QModelIndex, QTimer, Slot
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from unet_studio.session import PredictionState, Session
from unet_studio.ui.panels.failure_list import FailureList, FailureView
from unet_studio.ui.section import ElidedLabel
from unet_studio.ui.widgets import ProgressBar, button, label, row
from unet_studio.ui.words import count, duration

PATIENCE = 400  # ms that work takes before it is worth a box that moves what is below
REPORT_DELAY = 150  # ms after which the report follows what came of an image


class QueueSection(QWidget):
    """Follows the predictor; says nothing while nothing runs and nothing failed."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.busy = QWidget()
        self.progress = ProgressBar()
        self.doing = ElidedLabel("", "muted")
        self.pace = label("", "muted")
        self.cancel = button("Cancel", "Stop predicting (Ctrl+.)", session.predictor.cancel)
        self.notes = label("", "warning")
        self.report = QFrame()
        self.summary = label("", "danger")
        self.failures = FailureList(self)
        self.view = FailureView(self.failures)
        self.again = button("Try Again", "Predict these images once more", self._try_again)
        self.dismiss = button("Dismiss", "Forget what failed", session.predictor.forget_report)
        self._build()
        self._delay = QTimer(self, singleShot=True, interval=REPORT_DELAY)
        self._delay.timeout.connect(self.show_report)
        self._patience = QTimer(self, singleShot=True, interval=PATIENCE)
        self._patience.timeout.connect(self._show_busy)
        session.predictor.stateChanged.connect(self.show_state)
        session.predictor.reportChanged.connect(self._report_changed)
        self.view.clicked.connect(self._open)
        self.view.activated.connect(self._open)
        self.busy.hide()
        self.show_report()

    def _build(self) -> None:
        self.progress.setRange(0, 1000)
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName("Progress of the prediction")
        busy = QVBoxLayout(self.busy)
        busy.setContentsMargins(0, 2, 0, 0)
        busy.setSpacing(4)
        busy.addWidget(self.progress)
        busy.addWidget(self.doing)
        line = row(self.pace, self.cancel)
        line.setStretch(0, 1)
        busy.addLayout(line)
        report = QVBoxLayout(self.report)
        report.setContentsMargins(0, 0, 0, 0)
        report.setSpacing(6)
        report.addWidget(self.summary)
        report.addWidget(self.view)
        report.addLayout(row(self.again, self.dismiss, None))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        for part in (self.busy, self.notes, self.report):
            layout.addWidget(part)

    @Slot(object)
    def show_state(self, state: PredictionState) -> None:
        """Show what the prediction thread does."""
        if not state.active:
            self._patience.stop()
            if self.busy.isVisibleTo(self):
                self.busy.hide()
            return
        if not self.busy.isVisibleTo(self) and not self._patience.isActive():
            self._patience.start()
        total = max(state.total, 1)
        self.progress.setValue(round(1000 * (state.done + state.fraction) / total))
        place = f"{min(state.done + 1, total):,} of {total:,} · " if total > 1 else ""
        self.doing.setText(
            f"{place}{'Loading the model…' if state.loading or not state.name else state.name}"
        )
        self.pace.setText(pace_text(state))

    @Slot()
    def _show_busy(self) -> None:
        self.busy.show()

    @Slot()
    def _report_changed(self) -> None:
        if not self._delay.isActive():
            self._delay.start()

    @Slot()
    def show_report(self) -> None:
        """Show what failed, and what had to be done another way."""
        report = self._session.predictor.report
        self.notes.setText("\n".join(f"{note[:1].upper()}{note[1:]}." for note in report.notes))
        self.notes.setVisible(bool(report.notes))
        self.report.setVisible(bool(report.failures))
        if report.failures or self.failures.rowCount():
            project = self._session.project
            self.failures.show(report.failures.values(), project.image_root if project else None)
        self.summary.setText(f"{count(len(report.failures), 'image')} failed, {report.done:,} predicted")

    def _try_again(self) -> None:
        names = [name for name in self._session.predictor.report.failures if name in self._known]
        self._session.predictor.forget_report()
        self._session.predictor.predict_these(names)

    @property
    def _known(self) -> set[str]:
        return set(self._session.images)

    @Slot(QModelIndex)
    def _open(self, index: QModelIndex) -> None:
        self._session.open_image(self.failures.name(index.row()))


def pace_text(state: PredictionState) -> str:
    """ "2.5 images/s · about 40 s left", as far as it is known and worth saying."""
    if state.total < 2 or not state.rate:
        return ""
    rate = f"{state.rate:.1f} images/s" if state.rate >= 0.95 else f"{60 * state.rate:.0f} images/min"
    left = f" · about {duration(state.seconds_left)} left" if state.seconds_left is not None else ""
    return f"{rate}{left}"
