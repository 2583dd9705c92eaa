"""The model panel: choose who predicts, predict one image or all, and see whether it fits the classes."""

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt, Signal, Slot
from PySide6.QtWidgets import QCheckBox, QComboBox, QMenu, QToolButton, QVBoxLayout, QWidget

from unet_studio.core.model_card import ModelEntry
from unet_studio.core.project import Status
from unet_studio.session import Session
from unet_studio.ui.icons import icons
from unet_studio.ui.panels.prediction_options import PredictionOptions
from unet_studio.ui.panels.queue import QueueSection
from unet_studio.ui.panels.thresholds import ThresholdsBox
from unet_studio.ui.preferences import Preferences
from unet_studio.ui.widgets import Note, button, label, row
from unet_studio.ui.words import card_text, score_text

NO_MODEL = "No model"


class ModelPanel(QWidget):
    """Shows the session's models and what the prediction thread does.

    chosenAsked: the images selected in the files panel are to be predicted. versionsAsked: a person wants to
    see all versions.
    """

    chosenAsked = Signal()
    versionsAsked = Signal()

    def __init__(self, session: Session, preferences: Preferences, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.choice = QComboBox()
        self.versions = button(
            "",
            "Versions: compare them, go back to one, name, export or delete them",
            self.versionsAsked.emit,
            "source-branch",
        )
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
            "Predict every image that has no prediction, in the background (Ctrl+Shift+P)",
            session.predictor.predict_all,
            "auto-mode",
        )
        self.others = self._make_others()
        self.browse = QCheckBox("Predict as I browse")
        self.queue = QueueSection(session)
        self.options = PredictionOptions(session, preferences)
        self.device = label("", "muted")
        self.thresholds = ThresholdsBox(session)
        self._build()
        for signal in (session.projectChanged, session.predictor.modelsChanged):
            signal.connect(self.refresh_models)
        for signal in (session.predictor.modelChanged, session.classesChanged, session.documentChanged):
            signal.connect(self.refresh)
        session.statusChanged.connect(self.refresh)
        session.predictor.predicted.connect(self._predicted)
        self.choice.activated.connect(self._chosen)
        self.browse.toggled.connect(self._browse)
        self.refresh_models()

    def _make_others(self) -> QToolButton:
        """The button of the other ways to predict several images."""
        made = QToolButton()
        made.setToolTip("Predict others")
        made.setAccessibleName("Predict others")
        made.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        made.setStyleSheet("QToolButton::menu-indicator { image: none; }")
        icons().bind(made.setIcon, "dots-vertical", "text")
        menu = QMenu(made)
        menu.addAction("&Selected Images", self.chosenAsked.emit)
        menu.addAction("All Images &Again", lambda: self._session.predictor.predict_all(again=True))
        made.setMenu(menu)
        return made

    def _build(self) -> None:
        self.choice.setAccessibleName("Model")
        self.choice.setToolTip("The model that predicts")
        self.choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.choice.setMinimumContentsLength(10)
        self.browse.setToolTip(
            "Predict every image that is opened and has no prediction, and those that come next"
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 2, 12, 12)
        layout.setSpacing(8)
        chosen = row(self.choice, self.versions)
        chosen.setStretch(0, 1)
        layout.addLayout(chosen)
        for widget in (self.facts, self.classes, self.problem):
            layout.addWidget(widget)
        predict = row(self.predict, self.predict_all)
        predict.setStretch(0, 1)
        predict.setStretch(1, 1)
        heading = row(label("Predict", "heading"), self.others)
        heading.setStretch(0, 1)
        layout.addLayout(heading)
        layout.addLayout(predict)
        for part in (self.browse, self.queue, self.device, self.options):
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
                self.choice.addItem(f"{entry.shown} · {score}" if score else entry.shown, entry.name)
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
        for control in (self.choice, self.versions):
            control.setEnabled(session.project is not None)
        self._show_card(entry)
        self._show_problem()
        self._show_device()
        usable = entry is not None and not entry.imported and not session.predictor.problem
        self.predict.setEnabled(usable and session.document is not None)
        for several in (self.predict_all, self.others):
            several.setEnabled(usable and bool(session.images))
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

    @Slot(str)
    def _predicted(self, _name: str) -> None:
        self._show_device()

    def _show_device(self) -> None:
        document = self._session.document
        made = document.prediction.made if document is not None and document.prediction is not None else {}
        self.device.setText(made_text(made))
        self.device.setToolTip(made_details(made))
        self.device.setVisible(bool(self.device.text()))


def made_text(made: Mapping[str, Any]) -> str:
    """How the prediction on screen was made, in a sentence; "" where it doesn't say."""
    device = str(made.get("device", ""))
    if not device:
        return ""
    words = {"cpu": "the CPU", "mps": "the Apple GPU"}.get(device, f"the GPU ({device})")
    mode = f" in {made['mode']} mode" if made.get("mode") else ""
    return f"Predicted on {words}{mode}{', with flips' if made.get('tta') else ''}."


def made_details(made: Mapping[str, Any]) -> str:
    """All that is known of how a prediction was made, a line each."""
    titles = {
        "precision": "Numbers", "band": "Pixels at once", "tile": "Tile in px", "overlap": "Overlap",
        "batch": "Tiles at once", "threads": "Threads", "backend": "Back end",
    }  # fmt: skip
    known = [f"{title}: {made[key]}" for key, title in titles.items() if key in made]
    return "\n".join([*known, *(str(note) for note in made.get("notes", ()))])
