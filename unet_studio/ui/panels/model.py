"""The model panel: choose who predicts, predict one image or all, and see whether it fits the classes."""

from PySide6.QtCore import QSignalBlocker, Qt, Slot
from PySide6.QtWidgets import QCheckBox, QComboBox, QProgressBar, QVBoxLayout, QWidget

from unet_studio.core.model_card import ModelEntry
from unet_studio.core.project import Status
from unet_studio.session import PredictionState, Session
from unet_studio.ui.panels.thresholds import ThresholdsBox
from unet_studio.ui.widgets import Note, button, label, row
from unet_studio.ui.words import card_text, score_text

NO_MODEL = "No model"


class ModelPanel(QWidget):
    """Shows the session's models and what the prediction thread does."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.choice = QComboBox()
        self.facts = label("", "muted")
        self.classes = label("", "muted")
        self.problem = Note("warning")
        self.predict = button(
            "This Image",
            "Let the model look at this image again (Ctrl+P)",
            session.predictor.predict_current,
            "auto-fix",
        )
        self.predict_all = button(
            "All Images",
            "Predict every image, in the background (Ctrl+Shift+P)",
            session.predictor.predict_all,
            "auto-mode",
        )
        self.browse = QCheckBox("Predict as I browse")
        self.busy = QWidget()
        self.progress = QProgressBar()
        self.doing = label("", "muted")
        self.cancel = button("Cancel", "Stop predicting (Ctrl+.)", session.predictor.cancel)
        self.device = label("", "muted")
        self.thresholds = ThresholdsBox(session)
        self._build()
        for signal in (session.projectChanged, session.predictor.modelsChanged):
            signal.connect(self.refresh_models)
        for signal in (session.predictor.modelChanged, session.classesChanged, session.documentChanged):
            signal.connect(self.refresh)
        session.statusChanged.connect(self.refresh)
        session.predictor.predicted.connect(self._predicted)
        session.predictor.stateChanged.connect(self.show_state)
        self.choice.activated.connect(self._chosen)
        self.browse.toggled.connect(self._browse)
        self.show_state(PredictionState())
        self.refresh_models()

    def _build(self) -> None:
        self.choice.setAccessibleName("Model")
        self.choice.setToolTip("The model that predicts")
        self.choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.choice.setMinimumContentsLength(10)
        self.browse.setToolTip(
            "Predict every image that is opened and has no prediction, and the one after it"
        )
        self.progress.setRange(0, 1000)
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName("Progress of the prediction")
        busy = QVBoxLayout(self.busy)
        busy.setContentsMargins(0, 2, 0, 0)
        busy.setSpacing(6)
        busy.addWidget(self.progress)
        line = row(self.doing, self.cancel)
        line.setStretch(0, 1)
        busy.addLayout(line)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 2, 12, 12)
        layout.setSpacing(8)
        for widget in (self.choice, self.facts, self.classes, self.problem):
            layout.addWidget(widget)
        predict = row(self.predict, self.predict_all)
        predict.setStretch(0, 1)
        predict.setStretch(1, 1)
        layout.addWidget(label("Predict", "heading"))
        layout.addLayout(predict)
        for part in (self.browse, self.busy, self.device):
            layout.addWidget(part)
        layout.addWidget(self.thresholds)
        layout.addStretch(1)

    @Slot()
    def refresh_models(self) -> None:
        """Offer the session's models."""
        with QSignalBlocker(self.choice):
            self.choice.clear()
            self.choice.addItem(NO_MODEL, None)
            for entry in self._session.predictor.models():
                unusable = "imported" if entry.imported else "can't be used"
                score = score_text(entry.card) if entry.card else unusable
                self.choice.addItem(f"{entry.name} · {score}" if score else entry.name, entry.name)
                tip = card_text(entry.card) if entry.card else entry.problem
                self.choice.setItemData(self.choice.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self.refresh()

    @Slot()
    def refresh(self, *_: object) -> None:
        """Show the chosen model, and whether it can be used."""
        session = self._session
        entry = session.predictor.model
        place = self.choice.findData(entry.name) if entry else 0
        with QSignalBlocker(self.choice):
            self.choice.setCurrentIndex(max(place, 0))
        with QSignalBlocker(self.browse):
            self.browse.setChecked(session.predictor.auto)
        self.choice.setEnabled(session.project is not None)
        self._show_card(entry)
        self._show_problem()
        usable = entry is not None and not entry.imported and not session.predictor.problem
        self.predict.setEnabled(usable and session.document is not None)
        self.predict_all.setEnabled(usable and bool(session.images))
        self.browse.setEnabled(session.project is not None)

    def _show_card(self, entry: ModelEntry | None) -> None:
        if entry is None:
            self.facts.setText(
                "Choose a model to have masks proposed. Without one, paint and approve a few images: "
                "training makes the first model."
            )
            self.classes.hide()
            return
        card = entry.card
        self.facts.setText(card_text(card) if card else entry.problem if entry.imported else "")
        names = ", ".join(kind.name for kind in card.classes) if card else ""
        self.classes.setText(f"Tells apart: {names}")
        self.classes.setVisible(bool(names))
        self.facts.setToolTip(card.note if card else "")

    def _show_problem(self) -> None:
        session = self._session
        problem = session.predictor.problem
        adopt = bool(problem) and self._may_adopt()
        self.problem.say(
            problem,
            "warning",
            "Use the Model's Classes" if adopt else "",
            session.class_editor.adopt_model_classes,
        )

    def _may_adopt(self) -> bool:
        """Whether the project can take over the model's classes: nobody painted anything."""
        session = self._session
        if (
            session.project is None
            or session.read_only
            or session.predictor.model is None
            or session.predictor.model.card is None
        ):
            return False
        return not session.project.with_status(Status.PAINTED, Status.APPROVED)

    def _chosen(self, place: int) -> None:
        self._session.predictor.set_model(self.choice.itemData(place))

    def _browse(self, on: bool) -> None:
        self._session.predictor.set_auto(on)

    @Slot(object)
    def show_state(self, state: PredictionState) -> None:
        """Show what the prediction thread does."""
        self.busy.setVisible(state.active)
        if state.active:
            total = max(state.total, 1)
            self.progress.setValue(round(1000 * (state.done + state.fraction) / total))
            place = f"{min(state.done + 1, total)} of {total} · " if total > 1 else ""
            self.doing.setText(f"{place}{state.name or 'Loading the model…'}")
        self._show_device()

    @Slot(str)
    def _predicted(self, _name: str) -> None:
        self._show_device()

    def _show_device(self) -> None:
        document = self._session.document
        made = document.prediction.made if document is not None and document.prediction is not None else {}
        device = str(made.get("device", ""))
        if device:
            words = {"cpu": "the CPU", "mps": "the Apple GPU"}.get(device, f"the GPU ({device})")
            self.device.setText(f"Predicted on {words}.")
        self.device.setVisible(bool(device))
