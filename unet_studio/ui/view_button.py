"""The button in the main tool bar that says what lies over the image, and opens all there is to choose."""

from functools import partial

from PySide6.QtCore import QPoint, QSignalBlocker, QSize, Qt, Slot
from PySide6.QtWidgets import (
    QAbstractButton,
    QButtonGroup,
    QCheckBox,
    QFrame,
    QRadioButton,
    QSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from unet_studio.ui.actions import Actions
from unet_studio.ui.canvas.layers import LAYERS
from unet_studio.ui.icons import icons
from unet_studio.ui.view_options import OPTIONS, ViewOptions
from unet_studio.ui.widgets import label, row

WIDTH = 230  # logical px of the panel


class ViewPanel(QFrame):
    """Opens below the button and stays while one tries things out."""

    def __init__(self, options: ViewOptions, actions: Actions, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("view_panel")
        self.setProperty("role", "popup")
        self.setMinimumWidth(WIDTH)
        self._options = options
        self._actions = actions
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(14, 12, 14, 14)
        self._column.setSpacing(8)
        self._column.addWidget(label("Over the image", "heading", wrap=False))
        self.layers = QButtonGroup(self)
        self.buttons: dict[str, QAbstractButton] = {}
        for name, layer in LAYERS.items():
            choice = QRadioButton(layer.title)
            self.layers.addButton(choice)
            self._add(f"show_{name}", choice, partial(options.show, name))
        self._column.addWidget(self._line())
        for name in ("fill", "outline", "marks"):
            self._add_option(name)
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(0, 100)
        self.opacity.setAccessibleName("Opacity of the mask")
        self.opacity.setToolTip("Opacity of the mask over the image")
        self.opacity.valueChanged.connect(options.set_opacity)
        self.percent = label("", "muted", wrap=False)
        self.percent.setMinimumWidth(self.percent.fontMetrics().horizontalAdvance("100 %"))
        self._column.addLayout(row(label("Opacity", wrap=False), self.opacity, self.percent, spacing=10))
        self._column.addWidget(self._line())
        for name in ("overview", "lock"):
            self._add_option(name)
        options.changed.connect(self.refresh)
        self.refresh()

    def _add_option(self, name: str) -> None:
        self._add(f"view_{name}", QCheckBox(OPTIONS[name].text), partial(self._options.toggle, name))

    def _add(self, action: str, choice: QAbstractButton, handler: partial[None]) -> None:
        choice.clicked.connect(lambda _checked=False: handler())
        self.buttons[action] = choice
        self._column.addWidget(choice)

    @staticmethod
    def _line() -> QFrame:
        line = QFrame()
        line.setProperty("role", "line")
        return line

    @Slot()
    def refresh(self) -> None:
        """Show what is chosen, and the keys that would do so."""
        for name, choice in self.buttons.items():
            choice.setToolTip(self._actions[name].toolTip())
        self.buttons[f"show_{self._options.layer}"].setChecked(True)
        for name in OPTIONS:
            self.buttons[f"view_{name}"].setChecked(self._options.is_on(name))
        with QSignalBlocker(self.opacity):
            self.opacity.setValue(self._options.opacity)
        self.percent.setText(f"{self._options.opacity} %")


class ViewButton(QToolButton):
    """Names the layer that is shown."""

    def __init__(self, options: ViewOptions, actions: Actions, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("view_button")
        self._options = options
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setIconSize(QSize(20, 20))
        self.setToolTip("What lies over the image, and how it is drawn")
        self.setAccessibleName("What lies over the image")
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        icons().bind(self.setIcon, "layers-outline")
        self.panel = ViewPanel(options, actions, self)
        self.clicked.connect(self.open)
        options.changed.connect(self.refresh)
        self.refresh()

    @Slot()
    def open(self) -> None:
        """Show the panel below the button."""
        self.panel.refresh()
        self.panel.adjustSize()
        below = self.mapToGlobal(QPoint(0, self.height() + 2))
        room = self.screen().availableGeometry()
        below.setX(max(min(below.x(), room.right() - self.panel.width()), room.left()))
        self.panel.move(below)
        self.panel.show()

    @Slot()
    def refresh(self) -> None:
        """Say what is shown."""
        self.setText(f"{LAYERS[self._options.layer].title} ▾")
