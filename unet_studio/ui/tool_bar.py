"""The bar at the left: the tools, the size of the brush, and the opacity of the mask."""

import math

from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal, Slot
from PySide6.QtWidgets import QLabel, QSlider, QToolBar, QVBoxLayout, QWidget

from unet_studio.session import Session
from unet_studio.ui.actions import Actions
from unet_studio.ui.icons import IconLabel
from unet_studio.ui.widgets import label

SLIDER_HEIGHT = 96  # px, less where the window is low
STEPS = 200  # of the size slider, which is logarithmic
LARGEST = 1000  # px, radius


def radius_of(step: int) -> int:
    """The brush radius in px of a position of the size slider, 0..STEPS."""
    return round(math.pow(LARGEST, step / STEPS))


def step_of(radius: float) -> int:
    """The position of the size slider for a brush radius in px."""
    return round(STEPS * math.log(max(radius, 1)) / math.log(LARGEST))


class ToolBar(QToolBar):
    """opacityChanged(percent): a person moved the opacity slider."""

    opacityChanged = Signal(int)

    def __init__(self, session: Session, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__("Tools", parent)
        self._session = session
        self._actions = actions
        self.setObjectName("tools")
        self.setMovable(False)
        self.setIconSize(QSize(24, 24))
        self.setOrientation(Qt.Orientation.Vertical)
        for name in session.editor.tools:
            self.addAction(actions[f"tool_{name}"])
        self.addSeparator()
        self._sliders = QVBoxLayout()
        self._sliders.setContentsMargins(0, 0, 0, 0)
        self._sliders.setSpacing(10)
        self.size_slider, self.size_label = self._slider(
            "circle-slice-8", "Brush radius in image pixels ([ and ])", "Brush radius", STEPS
        )
        self.opacity_slider, self.opacity_label = self._slider(
            "layers-outline", "Opacity of the mask over the image", "Opacity of the mask", 100
        )
        self._sliders.addStretch(1)
        box = QWidget()
        box.setLayout(self._sliders)
        self.addWidget(box)
        self.size_slider.valueChanged.connect(lambda step: session.editor.set_brush_radius(radius_of(step)))
        self.opacity_slider.valueChanged.connect(self._opacity_moved)
        session.editor.toolChanged.connect(self.refresh)
        self.refresh()

    def _slider(self, icon: str, tip: str, name: str, most: int) -> tuple[QSlider, QLabel]:
        slider = QSlider(Qt.Orientation.Vertical)
        slider.setRange(0, most)
        slider.setMinimumHeight(48)
        slider.setMaximumHeight(SLIDER_HEIGHT)
        slider.setToolTip(tip)
        slider.setAccessibleName(name)
        value = label("", "muted", wrap=False)
        value.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        picture = IconLabel(icon, "muted", 20)
        picture.setToolTip(tip)
        layout = QVBoxLayout()
        layout.setSpacing(4)
        layout.addWidget(picture, alignment=Qt.AlignmentFlag.AlignHCenter)
        layout.addWidget(slider, 1, alignment=Qt.AlignmentFlag.AlignHCenter)
        layout.addWidget(value)
        self._sliders.addLayout(layout)
        return slider, value

    @Slot()
    def refresh(self, *_: object) -> None:
        """Show the session's tool and brush."""
        session = self._session
        self._actions[f"tool_{session.editor.tool}"].setChecked(True)
        if radius_of(self.size_slider.value()) != session.editor.brush_radius:
            with QSignalBlocker(self.size_slider):
                self.size_slider.setValue(step_of(session.editor.brush_radius))
        self.size_label.setText(str(session.editor.brush_radius))

    def set_opacity(self, percent: int) -> None:
        """Show an opacity, 0..100 %, and announce it."""
        self.opacity_slider.setValue(percent)
        self._opacity_moved(percent)

    def _opacity_moved(self, percent: int) -> None:
        self.opacity_label.setText(f"{percent}%")
        self.opacityChanged.emit(percent)
