"""How to predict: mode, device, flips, how far ahead, how much to keep; folded away in the model panel."""

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QSignalBlocker, Slot
from PySide6.QtWidgets import QCheckBox, QComboBox, QSpinBox, QVBoxLayout, QWidget

from unet_studio.core.prediction_wish import PredictionWish
from unet_studio.session import Session
from unet_studio.ui.preferences import Preferences
from unet_studio.ui.section import Section
from unet_studio.ui.widgets import form

MODES = {"fast": "Fast", "exact": "Exact"}
KEPT = (1, 2, 5, 10, 20, 50, 100, 0)  # GB, 0 for all
MOST_AHEAD = 20
DEVICES = {"auto": "Automatic", "cpu": "Processor"}


class PredictionOptions(Section):
    """Shows the predictor's settings, changes them and stores them as preferences."""

    def __init__(self, session: Session, preferences: Preferences, parent: QWidget | None = None) -> None:
        self._predictor = session.predictor
        self._preferences = preferences
        self.mode = QComboBox()
        self.device = QComboBox()
        self.flips = QCheckBox("Average over flips")
        self.ahead = QSpinBox()
        self.kept = QComboBox()
        super().__init__("More", "How to predict", self._make_content(), parent)
        self._take(preferences.prediction)
        self._predictor.devicesFound.connect(self.refresh)
        self._predictor.modelChanged.connect(self.refresh)
        for box in (self.mode, self.device, self.kept):
            box.activated.connect(self._chosen)
        self.flips.toggled.connect(self._chosen)
        self.ahead.valueChanged.connect(self._chosen)
        self.refresh()

    def _make_content(self) -> QWidget:
        for name, text in MODES.items():
            self.mode.addItem(text, name)
        for gigabytes in KEPT:
            self.kept.addItem(f"{gigabytes} GB" if gigabytes else "All", gigabytes)
        self.ahead.setRange(0, MOST_AHEAD)
        self.ahead.setSpecialValueText("None")
        for widget, name, tip in (
            (self.mode, "Mode", "Fast uses numbers of 16 bits where the device is quicker with them: "
             "about one label in 250 differs. Exact uses 32 bits."),
            (self.device, "Compute on", "What computes. Other devices are listed once a model was loaded."),
            (self.flips, "Average over flips", "Look at every image four times, mirrored, and take the mean: "
             "a little better, four times slower"),
            (self.ahead, "Ahead", "Images predicted ahead while you browse, in the direction you go"),
            (self.kept, "Keep on disk", "Of predictions. Beyond that, those of models not in use go, "
             "the oldest first, but never what lies under painted or approved pixels."),
        ):  # fmt: skip
            widget.setToolTip(tip)
            if isinstance(widget, QComboBox):
                widget.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
                widget.setMinimumContentsLength(6)
            widget.setAccessibleName(name)
        content = QWidget()
        layout = QVBoxLayout(content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addLayout(
            form(
                ("Mode", self.mode),
                ("Compute on", self.device),
                ("Ahead", self.ahead),
                ("Keep on disk", self.kept),
            )
        )
        layout.addWidget(self.flips)
        return content

    def _take(self, stored: Mapping[str, object]) -> None:
        """Take what was stored, as far as it makes sense."""
        default = PredictionWish()
        mode = stored.get("mode")
        device = stored.get("device")
        self._predictor.wish = PredictionWish(
            mode if mode in MODES else default.mode,  # type: ignore[arg-type]
            device if isinstance(device, str) and device else default.device,
            bool(stored.get("tta", default.tta)),
        )
        ahead, kept = stored.get("ahead"), stored.get("kept_gb")
        if isinstance(ahead, int) and 0 <= ahead <= MOST_AHEAD:
            self._predictor.ahead = ahead
        if isinstance(kept, int) and kept in KEPT:
            self._predictor.kept_gb = kept

    @Slot()
    def refresh(self) -> None:
        """Show what is chosen."""
        predictor, wish = self._predictor, self._predictor.wish
        widgets: tuple[Any, ...] = (self.mode, self.device, self.flips, self.ahead, self.kept)
        blockers = [QSignalBlocker(widget) for widget in widgets]
        self.mode.setCurrentIndex(self.mode.findData(wish.mode))
        titles = DEVICES | {name: f"{title} ({name})" for name, title in predictor.devices if name != "cpu"}
        titles.setdefault(wish.device, wish.device)
        if [self.device.itemData(row) for row in range(self.device.count())] != list(titles):
            self.device.clear()
            for name, title in titles.items():
                self.device.addItem(title, name)
        self.device.setCurrentIndex(self.device.findData(wish.device))
        self.flips.setChecked(wish.tta)
        self.ahead.setValue(predictor.ahead)
        self.kept.setCurrentIndex(max(self.kept.findData(predictor.kept_gb), 0))
        del blockers
        self.summary.setText(" · ".join(self._words(wish, titles[wish.device])))

    @staticmethod
    def _words(wish: PredictionWish, device: str) -> list[str]:
        parts = [MODES[wish.mode], *(["flips"] if wish.tta else [])]
        return parts if wish.device == "auto" else [*parts, device]

    @Slot()
    def _chosen(self, *_: object) -> None:
        """A person chose something: it holds from now on, and is stored."""
        predictor = self._predictor
        wish = PredictionWish(self.mode.currentData(), self.device.currentData(), self.flips.isChecked())
        ahead, kept = self.ahead.value(), int(self.kept.currentData())
        self._preferences.prediction = {
            "mode": wish.mode,
            "device": wish.device,
            "tta": wish.tta,
            "ahead": ahead,
            "kept_gb": kept,
        }
        if ahead != predictor.ahead:
            predictor.set_ahead(ahead)
        if kept != predictor.kept_gb:
            predictor.set_kept_gb(kept)
        predictor.set_wish(wish)
        self.refresh()
