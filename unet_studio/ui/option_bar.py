"""The bar above the canvas: what the tool in hand can be told, and where it may paint."""

import math
from dataclasses import replace
from functools import partial

from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal, Slot
from PySide6.QtGui import QAction, QColor, QIcon, QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSlider,
    QToolBar,
    QToolButton,
    QWidget,
)

from unet_studio.session import Session
from unet_studio.tools import Setting
from unet_studio.ui.icons import IconLabel, icons
from unet_studio.ui.preferences import Preferences
from unet_studio.ui.setting_control import SettingControl, accepted
from unet_studio.ui.widgets import label, row, set_role

STEPS = 200  # of the size slider, which is logarithmic
LARGEST = 1000  # px, radius
SWATCH = 12  # logical px
HEIGHT = 40  # logical px at least: the picture below must not jump from tool to tool
RADIUS = Setting(
    "radius",
    "Radius",
    12,
    "Radius of the brush in image pixels ([ and ], or Ctrl and the wheel)",
    low=1,
    high=LARGEST,
    unit="px",
)


def radius_of(step: int) -> int:
    """The brush radius in px of a position of the size slider, 0..STEPS."""
    return round(math.pow(LARGEST, step / STEPS))


def step_of(radius: float) -> int:
    """The position of the size slider for a brush radius in px."""
    return round(STEPS * math.log(max(radius, 1)) / math.log(LARGEST))


class Hint(QLabel):
    """One line that takes the room that is left, and ends with dots where it is too long."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "muted")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)

    def minimumSizeHint(self) -> QSize:
        """It may vanish."""
        return QSize(0, super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint what fits."""
        painter = QPainter(self)
        text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), text)


class OptionBar(QToolBar):
    """Follows the editor; what a person chose is stored and comes back with the next start.

    left: a person is done with a field, the keyboard may go back to the canvas.
    """

    left = Signal()

    def __init__(self, session: Session, preferences: Preferences, parent: QWidget | None = None) -> None:
        super().__init__("Tool Options", parent)
        self._session = session
        self._preferences = preferences
        self._restore()
        self.setObjectName("options")
        self.setMovable(False)
        self.setMinimumHeight(HEIGHT)
        self._icon, self._title = IconLabel("", "text", 20), label("", "heading", wrap=False)
        metrics, tools = self._title.fontMetrics(), session.editor.tools.values()
        self._title.setMinimumWidth(max(metrics.horizontalAdvance(tool.title) for tool in tools) + 8)
        self._add(row(self._icon, self._title, spacing=8))
        self._sized = self._add(row(*self._size_fields(), spacing=6))
        self._pressured = self._add(row(self._pressure_button()))
        self._controls: dict[str, list[tuple[SettingControl, QAction]]] = {}
        self._rule = self._add(row(label("Paint over", wrap=False), self._rule_field(), spacing=6))
        self.hint = Hint()
        self.addWidget(self.hint)
        session.editor.toolChanged.connect(self.refresh)
        session.editor.toolChanged.connect(self._store)
        session.classesChanged.connect(self._list_classes)
        session.projectChanged.connect(self._list_classes)
        self._list_classes()
        self.refresh()

    # -- building -----------------------------------------------------------------------------------------

    def _add(self, layout: QHBoxLayout, before: QAction | None = None) -> QAction:
        """Put widgets into the bar as one piece, that is shown or hidden, or overflows, as a whole."""
        part = QWidget()
        part.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        layout.setContentsMargins(4, 0, 10, 0)
        part.setLayout(layout)
        return self.insertWidget(before, part) if before else self.addWidget(part)

    def _size_fields(self) -> tuple[QWidget, QWidget]:
        editor = self._session.editor
        self.size_slider = QSlider(Qt.Orientation.Horizontal)
        self.size_slider.setRange(0, STEPS)
        self.size_slider.setFixedWidth(110)
        self.size_slider.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.size_slider.setToolTip(RADIUS.tip)
        self.size_slider.setAccessibleName("Brush radius")
        self.size_slider.valueChanged.connect(lambda step: editor.set_brush_radius(radius_of(step)))
        self.size_field = SettingControl(RADIUS)
        self.size_field.changed.connect(editor.set_brush_radius)
        self.size_field.left.connect(self.left)
        return self.size_field, self.size_slider

    def _pressure_button(self) -> QToolButton:
        self.pressure_button = QToolButton()
        self.pressure_button.setCheckable(True)
        self.pressure_button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.pressure_button.setToolTip("Let the pressure of a pen set the radius")
        self.pressure_button.setAccessibleName("Pen pressure sets the radius")
        self.pressure_button.toggled.connect(self._session.editor.set_pressure_sizes)
        icons().bind(self.pressure_button.setIcon, "pen")
        return self.pressure_button

    def _rule_field(self) -> QComboBox:
        self.rule_field = QComboBox()
        self.rule_field.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.rule_field.setToolTip("Which pixels the tools may change")
        self.rule_field.setAccessibleName("Paint over")
        self.rule_field.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.rule_field.setMinimumContentsLength(13)
        self.rule_field.setMaxVisibleItems(18)
        self.rule_field.activated.connect(self._choose_rule)
        return self.rule_field

    def _controls_of(self, tool: str) -> list[tuple[SettingControl, QAction]]:
        """The controls of a tool's settings, made when it is used for the first time."""
        if tool not in self._controls:
            self._controls[tool] = []
            for setting in self._session.editor.tools[tool].settings:
                control = SettingControl(setting)
                control.changed.connect(partial(self._session.editor.set_setting, tool, setting.name))
                control.left.connect(self.left)
                self._controls[tool].append((control, self._add(row(control), self._rule)))
        return self._controls[tool]

    # -- following ----------------------------------------------------------------------------------------

    @Slot()
    def refresh(self, *_: object) -> None:
        """Show what the tool in hand uses, with the values of now."""
        editor = self._session.editor
        tool = editor.tools[editor.tool]
        self._icon.show_icon(tool.icon)
        self._title.setText(tool.title)
        self.hint.setText(tool.hint)
        self.hint.setToolTip(tool.hint)
        self._sized.setVisible(tool.sized)
        self._pressured.setVisible(tool.pressured)
        self._rule.setVisible(tool.paints)
        self.size_field.show_value(editor.brush_radius)
        if radius_of(self.size_slider.value()) != editor.brush_radius:
            with QSignalBlocker(self.size_slider):
                self.size_slider.setValue(step_of(editor.brush_radius))
        with QSignalBlocker(self.pressure_button):
            self.pressure_button.setChecked(editor.pressure_sizes)
        self._show_rule()
        shown = self._controls_of(editor.tool)
        for controls in self._controls.values():
            for control, action in controls:
                action.setVisible(controls is shown)
                if controls is shown:
                    control.show_value(tool.values[control.setting.name])

    def _show_rule(self) -> None:
        rule = self._session.editor.rule
        wanted = (rule.over, rule.class_index if rule.over == "class" else 0)
        place = next(
            (row for row in range(self.rule_field.count()) if self.rule_field.itemData(row) == wanted), 0
        )
        with QSignalBlocker(self.rule_field):
            self.rule_field.setCurrentIndex(place)
        set_role(self.rule_field, "active" if rule.over != "all" else "")

    @Slot()
    def _list_classes(self) -> None:
        """Offer what may be painted over: everything, what nobody painted, or one class."""
        with QSignalBlocker(self.rule_field):
            self.rule_field.clear()
            self.rule_field.addItem("Everything", ("all", 0))
            self.rule_field.addItem("Only unlabelled", ("unlabelled", 0))
            for entry in self._session.classes.active:
                swatch = QPixmap(SWATCH, SWATCH)
                swatch.fill(QColor(entry.color))
                self.rule_field.addItem(QIcon(swatch), f"Only {entry.name}", ("class", entry.index))
        self._show_rule()

    @Slot(int)
    def _choose_rule(self, place: int) -> None:
        over, index = self.rule_field.itemData(place)
        self._session.editor.set_rule(replace(self._session.editor.rule, over=over, class_index=index))
        self.left.emit()

    # -- remembering --------------------------------------------------------------------------------------

    def _restore(self) -> None:
        """Give the editor what was chosen last time. Rules about a class hold for one project alone."""
        editor, stored = self._session.editor, self._preferences.tools
        radius = stored.get("radius")
        if isinstance(radius, int) and accepted(RADIUS, radius):
            editor.brush_radius = radius
        editor.pressure_sizes = stored.get("pressure") is True
        if stored.get("over") == "unlabelled":
            editor.rule = replace(editor.rule, over="unlabelled")
        for key, value in stored.items():
            name, _, option = key.partition(".")
            settings = editor.tools[name].settings if name in editor.tools else ()
            if any(setting.name == option and accepted(setting, value) for setting in settings):
                editor.tools[name].values[option] = value

    @Slot()
    def _store(self, *_: object) -> None:
        editor = self._session.editor
        stored: dict[str, object] = {
            "radius": editor.brush_radius,
            "pressure": editor.pressure_sizes,
            "over": editor.rule.over if editor.rule.over != "class" else "all",
        }
        for name, tool in editor.tools.items():
            stored.update({f"{name}.{option}": value for option, value in tool.values.items()})
        self._preferences.tools = stored
