"""The training panel: what a training would learn from, its few settings, its course, and what came of it."""

from pathlib import Path
from typing import Any

from PySide6.QtCore import QSignalBlocker, Signal, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QProgressBar,
    QVBoxLayout,
    QWidget,
)

from unet_studio.core.events import Event, Failed, Progress
from unet_studio.core.training_config import TrainingConfig
from unet_studio.session import Session
from unet_studio.ui import words
from unet_studio.ui.panels.class_bars import ClassBars
from unet_studio.ui.panels.curve import Curve
from unet_studio.ui.widgets import Note, button, form, label, row, set_role

UNDER_WAY = ("new", "starting", "running", "paused")
OVER = ("finished", "stopped")
AUTOMATIC = "Automatic"
DEFAULT_MINUTES = 5.0
START_TIP = "Let the model learn from the approved images (Ctrl+T)"


class TrainingPanel(QWidget):
    """Shows the session's plan and run. discardAsked(): a person wants to throw a run away."""

    discardAsked = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.plan = label()
        self.bars = ClassBars()
        self.warnings = Note("info")
        self.form = QWidget()
        self.minutes = QDoubleSpinBox()
        self.start_from = QComboBox()
        self.pictures = QComboBox()
        self.painted = QCheckBox("Use unfinished images too")
        self.start = button("Fine-tune", START_TIP, self.begin, "school-outline", "primary")
        self.state = label("", "heading")
        self.progress = QProgressBar()
        self.doing = label("", "muted")
        self.result = Note("good")
        self.failure = Note("danger")
        self.pause = button(
            "Pause", "Let the training wait; it goes on where it was", self.toggle_pause, "pause"
        )
        self.stop = button(
            "Stop and Keep Best", "End now and keep the best model so far", session.trainer.stop, "stop"
        )
        self.discard = button(
            "Discard", "End now and throw the model away", self.discardAsked.emit, "delete-outline"
        )
        self.curve = Curve()
        self._build()
        for signal in (session.projectChanged, session.trainer.changed, session.classesChanged):
            signal.connect(self.refresh)
        for signal in (session.predictor.modelsChanged, session.predictor.modelChanged):
            signal.connect(self.refresh)
        session.statusChanged.connect(self.refresh)
        self.refresh()

    def _build(self) -> None:
        self._build_form()
        self.progress.setRange(0, 1000)
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName("Progress of the training")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 2, 12, 12)
        layout.setSpacing(8)
        for widget in (self.state, self.progress, self.doing):
            layout.addWidget(widget)
        self.controls = QWidget()
        lower = row(self.pause, self.discard)
        for place in (0, 1):
            lower.setStretch(place, 1)
        controls = QVBoxLayout(self.controls)
        controls.setContentsMargins(0, 0, 0, 0)
        controls.setSpacing(6)
        controls.addWidget(self.stop)
        controls.addLayout(lower)
        layout.addWidget(self.controls)
        parts: tuple[QWidget, ...] = (self.result, self.failure, self.curve)
        for part in (*parts, self.plan, self.bars, self.warnings, self.form):
            layout.addWidget(part)
        layout.addWidget(self.start)
        layout.addStretch(1)

    def _build_form(self) -> None:
        self.minutes.setRange(0, 24 * 60)
        self.minutes.setDecimals(0)
        self.minutes.setSuffix(" min")
        self.minutes.setSpecialValueText("No limit")
        self.minutes.setValue(DEFAULT_MINUTES)
        self.minutes.setAccessibleName("Time limit in minutes")
        self.minutes.setToolTip(
            "The training ends after so many minutes; the learning rate falls in time for it"
        )
        self.start_from.setAccessibleName("Start from")
        self.start_from.setToolTip(
            "Every training starts anew from the same base, on all approved images: that is steadier than "
            "training on top of the last version"
        )
        self.start_from.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.pictures.setAccessibleName("Kind of pictures")
        self.pictures.setToolTip("How the images are varied while the model learns")
        self.pictures.addItem(AUTOMATIC, None)
        for choice in TrainingConfig.__dataclass_fields__["augmentation"].metadata["choices"]:
            self.pictures.addItem("No variation" if choice == "none" else choice.capitalize(), choice)
        self.painted.setToolTip(
            "Painted pixels of images that are not approved count too. Strokes alone show the model only its "
            "errors: finishing images teaches it more"
        )
        self.minutes.lineEdit().setTextMargins(6, 0, 0, 0)  # the style sheet's padding does not reach it
        fields = form(
            ("Time limit", self.minutes), ("Start from", self.start_from), ("Pictures", self.pictures)
        )
        fields.addWidget(self.painted, fields.rowCount(), 0, 1, 2)
        self.form.setLayout(fields)
        self.painted.toggled.connect(self._enable)

    def settings(self) -> dict[str, Any]:
        """What the form says, as values of TrainingConfig."""
        chosen: dict[str, Any] = {"minutes": self.minutes.value(), "painted": self.painted.isChecked()}
        if self.start_from.currentData():
            chosen["init"] = self.start_from.currentData()
        if self.pictures.currentData():
            chosen["augmentation"] = self.pictures.currentData()
        return chosen

    def begin(self) -> None:
        """Start a training with the settings of the form."""
        self._session.trainer.start(self.settings())
        self.refresh()

    def toggle_pause(self) -> None:
        """Pause, or go on."""
        self._session.trainer.pause(self._session.trainer.state != "paused")

    @Slot()
    def refresh(self, *_: object) -> None:
        """Show the plan and the run as they are now."""
        state, events = self._session.trainer.state, self._session.trainer.events
        self._show_plan()
        self._offer_bases()
        self._show_course(state, events)
        self._show_end(state, events)
        self._enable()

    def _show_plan(self) -> None:
        session = self._session
        plan = session.trainer.plan()
        table = session.classes
        self.plan.setText(words.plan_text(plan))
        self.bars.show_pixels(table, plan.pixels)
        self.painted.setText(f"Use {words.count(plan.painted, 'unfinished image')} too")
        self.painted.setVisible(plan.painted > 0 or self.painted.isChecked())
        reasons = plan.problems if plan.train or plan.val else []
        self.warnings.say("\n".join([*reasons, *plan.warnings]))

    def _offer_bases(self) -> None:
        session = self._session
        kept = self.start_from.currentData()
        with QSignalBlocker(self.start_from):
            self.start_from.clear()
            model = session.predictor.model
            if model is None or model.imported:
                self.start_from.addItem("ImageNet encoder", None)
            else:
                self.start_from.addItem("Its base (steadiest)", None)
                self.start_from.addItem("ImageNet encoder", "imagenet")
            for entry in session.predictor.models():
                if entry.card is not None:
                    self.start_from.addItem(entry.name, entry.name)
            self.start_from.setCurrentIndex(max(0, self.start_from.findData(kept) if kept else 0))

    def _show_course(self, state: str, events: list[Event]) -> None:
        run = self._session.trainer.run
        under_way = state in UNDER_WAY
        for widget in (self.progress, self.doing, self.controls):
            widget.setVisible(under_way)
        self.state.setVisible(under_way)
        self.form.setVisible(not under_way)
        self.start.setVisible(not under_way)
        self.curve.setVisible(any(isinstance(event, Progress) for event in events))
        if self.curve.isVisibleTo(self):
            self.curve.show_events(events, self._session.classes)
        if not under_way or run is None:
            return
        name = run.name
        self.state.setText(f"Paused: {name}" if state == "paused" else f"Learning: {name}")
        last = next((event for event in reversed(events) if isinstance(event, Progress)), None)
        self.progress.setRange(0, 1000 if last else 0)
        if last is not None:
            self.progress.setValue(round(1000 * words.done(last)))
        device = words.running_on(events)
        lines = [
            words.progress_text(events, state),
            f"On {device}. Painting goes on meanwhile." if device else "",
        ]
        self.doing.setText("\n".join([line for line in lines if line] + words.notes(events)[-2:]))
        self.pause.setText(" Resume" if state == "paused" else " Pause")

    def _show_end(self, state: str, events: list[Event]) -> None:
        self.result.say("")
        self.failure.say("")
        run = self._session.trainer.run
        if run is None:
            return
        if state in OVER:
            self._show_result(run.name, events)
        elif state == "failed":
            failed = next((event for event in reversed(events) if isinstance(event, Failed)), None)
            text = f"{failed.message} {failed.remedy}" if failed else "The training failed."
            self.failure.say(text.strip(), "danger", "Show the Log", self._show_log)
        elif state == "interrupted":
            self.failure.say(
                f"The training {run.name} was cut off. Its last state is saved.",
                "warning",
                "Go On",
                self._session.trainer.resume,
            )

    def _show_result(self, name: str, events: list[Event]) -> None:
        session = self._session
        result = words.outcome(events)
        known = {entry.name: entry for entry in session.predictor.models()}
        entry = known.get(name)
        used = session.predictor.model is not None and session.predictor.model.name == name
        parent = (
            entry.card.parent or entry.card.base if entry is not None and entry.card is not None else None
        )
        lead = (
            f"{name} is ready{' and in use' if used else ''}."
            if entry
            else "This training is over."
            if session.read_only
            else f"{name} is being stored…"
        )
        kind = "good" if result.known and result.better else "info" if not result.known else "warning"
        action = ""
        handler = None
        if used and parent in known:
            action, handler = f"Go Back to {parent}", lambda: session.predictor.set_model(parent)
        elif entry is not None and not used:
            action, handler = f"Use {name}", lambda: session.predictor.set_model(name)
        self.result.say(f"{lead}\n{result.text()}", kind, action, handler)

    def _show_log(self) -> None:
        from PySide6.QtCore import QUrl
        from PySide6.QtGui import QDesktopServices

        if self._session.trainer.run is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(Path(self._session.trainer.run.log))))

    @Slot()
    def _enable(self) -> None:
        session = self._session
        plan = session.trainer.plan()
        enough = plan.train > 0 or (self.painted.isChecked() and plan.painted > 0)
        writable = session.project is not None and session.read_only is None
        self.start.setEnabled(enough and writable)
        tip = START_TIP
        if not writable:
            tip = "This project can't be changed from here"
        elif not enough:
            tip = "Correct the mask of an image and approve it first (Enter)"
        self.start.setToolTip(tip)
        self.form.setEnabled(writable)
        for control in (self.pause, self.stop, self.discard):
            control.setEnabled(writable)  # the run belongs to whoever may change the project
        set_role(self.plan, "" if enough else "muted")
