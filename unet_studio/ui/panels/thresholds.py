"""Confidence thresholds: from when on what the model says is shown, moved while one looks at the mask."""

from PySide6.QtCore import QSignalBlocker, Qt, Slot
from PySide6.QtGui import QColor, QIcon, QPixmap
from PySide6.QtWidgets import QComboBox, QSlider, QSpinBox, QVBoxLayout, QWidget

from unet_studio.core.classes import UNLABELLED
from unet_studio.session import Session
from unet_studio.session.thresholds import EVEN
from unet_studio.ui.section import Section
from unet_studio.ui.widgets import button, label, row

TITLE = "Confidence thresholds"
ALL = "All classes"
TIP = "Hide what the model is less sure of than this; the network is not asked again"
EXACT_TIP = "From this probability on a pixel belongs to {}; the network is not asked again"
SWATCH = 12  # px


class ThresholdsBox(QWidget):
    """One class at a time, or all of them; of two classes, where the foreground begins."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.choice = QComboBox()
        self.name = label("", wrap=False)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.field = QSpinBox()
        self.effect = label("", "muted")
        self.reset = button(
            "", "Reset: show whatever the model says", session.thresholds.reset, "undo-variant"
        )
        self.content = QWidget()
        self._build()
        self.section = Section(
            "Confidence thresholds", "How sure the model must be to be shown", self.content
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.section)
        self.section.head.toggled.connect(session.thresholds.watch)
        self.section.head.toggled.connect(self.refresh_effect)
        for signal in (session.projectChanged, session.classesChanged):
            signal.connect(self.refresh_classes)
        session.thresholds.changed.connect(self.refresh)
        session.documentChanged.connect(self.refresh_effect)
        session.statusChanged.connect(self.refresh_effect)
        session.thresholds.weighed.connect(self.refresh_effect)
        self.choice.currentIndexChanged.connect(self.refresh)
        self.slider.valueChanged.connect(self._chosen)
        self.field.valueChanged.connect(self._chosen)
        self.refresh_classes()

    def _build(self) -> None:
        self.choice.setAccessibleName("Class whose threshold is set")
        self.choice.setToolTip("The class whose threshold is set, or all classes")
        self.choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.choice.setMinimumContentsLength(8)
        self.choice.setMaxVisibleItems(24)
        self.slider.setMinimumWidth(60)
        self.slider.setPageStep(5)
        self.field.setSuffix(" %")
        self.reset.setStyleSheet("padding: 5px 7px;")
        for control in (self.slider, self.field):
            control.setAccessibleName("Confidence threshold")
        layout = QVBoxLayout(self.content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self.choice)
        layout.addWidget(self.name)
        layout.addLayout(row(self.slider, self.field, self.reset))
        layout.addWidget(self.effect)

    # -- what is shown ------------------------------------------------------------------------------------

    @property
    def class_index(self) -> int | None:
        """The class whose threshold is set; None for all."""
        exact = self._session.thresholds.exact
        found: int | None = self.choice.currentData() if exact is None else exact
        return found

    @Slot()
    def refresh_classes(self) -> None:
        """Offer the session's classes."""
        session, chosen = self._session, self.choice.currentData()
        exact = session.thresholds.exact
        with QSignalBlocker(self.choice):
            self.choice.clear()
            self.choice.addItem(ALL, None)
            for entry in session.classes.active:
                self.choice.addItem(_swatch(entry.color), entry.name, entry.index)
            place = self.choice.findData(chosen) if chosen is not None else 0
            self.choice.setCurrentIndex(max(place, 0))
        self.choice.setVisible(exact is None)
        self.name.setVisible(exact is not None)
        if exact is not None:
            self.name.setText(session.classes.get(exact).name)
        self.refresh()

    @Slot()
    def refresh(self, *_: object) -> None:
        """Show the thresholds that hold."""
        session, thresholds = self._session, self._session.thresholds
        exact = thresholds.exact
        tip = TIP if exact is None else EXACT_TIP.format(session.classes.get(exact).name)
        for control in (self.slider, self.field):
            control.setToolTip(tip)
            with QSignalBlocker(control):
                control.setRange(0 if exact is None else 1, 99)
                control.setValue(round(100 * self._value()))
        self.field.setSpecialValueText("Off" if exact is None else "")
        self.content.setEnabled(session.project is not None)
        self.reset.setEnabled(bool(thresholds.now.values))
        self.section.summary.setText(self._summary())
        self.refresh_effect()

    def _value(self) -> float:
        """What is set for the class that is chosen; of all classes, the highest."""
        thresholds, index = self._session.thresholds, self.class_index
        if index is not None:
            return thresholds.value(index)
        return max((thresholds.value(each) for each in self._session.classes.indices), default=0.0)

    def _summary(self) -> str:
        """What is set, in a few words."""
        session, thresholds = self._session, self._session.thresholds
        values = {entry.name: thresholds.value(entry.index) for entry in session.classes.active}
        if thresholds.exact is not None:
            value = thresholds.value(thresholds.exact)
            return "" if value == EVEN else f"{value:.0%}".replace("%", " %")
        chosen = {name: value for name, value in values.items() if value}
        if not chosen:
            return "off"
        if len(chosen) == len(values) and len(set(chosen.values())) == 1:
            return f"{round(100 * next(iter(chosen.values())))} %"
        return ", ".join(f"{name} {round(100 * value)} %" for name, value in chosen.items())

    @Slot()
    def refresh_effect(self, *_: object) -> None:
        """Say what the thresholds do to the image on screen."""
        text = self._effect() if self.section.open else ""
        self.effect.setText(text)
        self.effect.setVisible(bool(text))

    def _effect(self) -> str:
        session = self._session
        document = session.document
        if document is None:
            return ""
        if document.approved:
            return "This image is approved: its mask stays as it is."
        if document.prediction is None:
            return "This image has no prediction."
        turned = session.thresholds.turned
        if turned is None:
            return ""
        parts = [f"{_percent(share)} becomes {self._name(index)}" for index, share in turned.items()]
        return f"Of this image {', '.join(parts)}." if parts else "This image shows all that the model says."

    def _name(self, index: int) -> str:
        return "unlabelled" if index == UNLABELLED else self._session.classes.get(index).name

    # -- what a person does -------------------------------------------------------------------------------

    def _chosen(self, percent: int) -> None:
        self._session.thresholds.set(self.class_index, percent / 100)
        self.refresh()


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share >= 0.001 else "less than 0.1 %"


def _swatch(color: str) -> QIcon:
    picture = QPixmap(SWATCH, SWATCH)
    picture.fill(QColor(color))
    return QIcon(picture)
