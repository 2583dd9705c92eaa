"""Controls for the settings that tools declare: a number, a choice or a switch, each behind its name."""

import math
from collections.abc import Callable

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QHBoxLayout, QSpinBox, QWidget

from unet_studio.tools import Setting
from unet_studio.tools.tool import Value
from unet_studio.ui.widgets import label


class SettingControl(QWidget):
    """changed(value): a person chose another value. left: the keyboard is free again."""

    changed = Signal(object)
    left = Signal()

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self.setting = setting
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(6)
        self._show = {
            "int": self._whole_number,
            "float": self._fraction,
            "choice": self._choice,
            "bool": self._switch,
        }[setting.kind]()

    def show_value(self, value: Value) -> None:
        """Show a value without announcing it."""
        self._show(value)

    def _add(self, field: QWidget, named: bool = True) -> None:
        if named:
            name = label(self.setting.text, wrap=False)
            name.setToolTip(self.setting.tip)
            self._layout.addWidget(name)
        field.setToolTip(self.setting.tip or self.setting.text)
        field.setAccessibleName(self.setting.text)
        self._layout.addWidget(field)

    def _whole_number(self) -> Callable[[Value], None]:
        field, setting = QSpinBox(), self.setting
        field.setRange(math.ceil(setting.low), math.floor(setting.high))
        return self._number(field, int)

    def _fraction(self) -> Callable[[Value], None]:
        field, setting = QDoubleSpinBox(), self.setting
        field.setRange(setting.low, setting.high)
        field.setDecimals(2 if setting.high <= 10 else 1)
        field.setSingleStep((setting.high - setting.low) / 20)
        return self._number(field, float)

    def _number(
        self, field: QSpinBox | QDoubleSpinBox, kind: Callable[..., int | float]
    ) -> Callable[[Value], None]:
        field.setSuffix(f" {self.setting.unit}" if self.setting.unit else "")
        field.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        field.setKeyboardTracking(False)
        field.valueChanged.connect(self.changed.emit)
        field.editingFinished.connect(lambda: self.left.emit() if field.hasFocus() else None)  # by Enter
        self._add(field)

        def show(value: Value) -> None:
            with QSignalBlocker(field):
                field.setValue(kind(value))  # type: ignore[arg-type]

        return show

    def _choice(self) -> Callable[[Value], None]:
        field = QComboBox()
        field.addItems(list(self.setting.choices))
        field.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        field.currentTextChanged.connect(self.changed.emit)
        field.activated.connect(lambda _index: self.left.emit())
        self._add(field)

        def show(value: Value) -> None:
            with QSignalBlocker(field):
                field.setCurrentText(str(value))

        return show

    def _switch(self) -> Callable[[Value], None]:
        field = QCheckBox(self.setting.text)
        field.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        field.toggled.connect(self.changed.emit)
        self._add(field, named=False)

        def show(value: Value) -> None:
            with QSignalBlocker(field):
                field.setChecked(bool(value))

        return show


def accepted(setting: Setting, value: object) -> bool:
    """Whether a stored value is one that a setting may have."""
    if setting.kind == "bool":
        return isinstance(value, bool)
    if setting.kind == "choice":
        return value in setting.choices
    number = isinstance(value, (int, float) if setting.kind == "float" else int)
    return number and not isinstance(value, bool) and setting.low <= value <= setting.high  # type: ignore[operator]
