"""What a person wants to see on the canvas: which layer, how it is drawn, the map, the lock of the view."""

from dataclasses import dataclass, replace

from PySide6.QtCore import QObject, Signal

from unet_studio.ui.actions import Actions
from unet_studio.ui.canvas.widget import Canvas
from unet_studio.ui.preferences import Preferences


@dataclass(frozen=True)
class Option:
    """Something to switch on and off. default: before a person chose."""

    text: str
    default: bool


OPTIONS: dict[str, Option] = {
    "fill": Option("Fill", True),
    "outline": Option("Outline", False),
    "marks": Option("Mark corrections", False),
    "overview": Option("Overview map", True),
    "lock": Option("Lock view across images", False),
}


class ViewOptions(QObject):
    """Sets the canvas and remembers: changed() when anything is another. The layer is not remembered.

    Whoever starts the program wants to see the mask, whatever was looked at last.
    """

    changed = Signal()

    def __init__(self, canvas: Canvas, preferences: Preferences, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._canvas = canvas
        self._preferences = preferences
        self._on = {name: preferences.view(name, option.default) for name, option in OPTIONS.items()}
        canvas.set_opacity(preferences.opacity / 100)
        self._apply()

    @property
    def layer(self) -> str:
        """The layer over the image."""
        return self._canvas.layer

    @property
    def opacity(self) -> int:
        """How much it covers the image, in per cent."""
        return round(100 * self._canvas.opacity)

    def is_on(self, name: str) -> bool:
        """Whether one of OPTIONS is switched on."""
        return self._on[name]

    def show(self, layer: str) -> None:
        """Show a layer, also where the mask was hidden."""
        self._canvas.set_overlay(replace(self._canvas.overlay, layer=layer, visible=True))
        self.changed.emit()

    def set_opacity(self, percent: int) -> None:
        """Set how much the layer covers the image."""
        if percent != self.opacity:
            self._canvas.set_opacity(percent / 100)
            self._preferences.opacity = percent
            self.changed.emit()

    def toggle(self, name: str) -> None:
        """Switch one of OPTIONS. Without fill there is an outline, without outline a fill."""
        self._on[name] = not self._on[name]
        other = {"fill": "outline", "outline": "fill"}.get(name)
        if other is not None and not self._on[name]:
            self._on[other] = True
        for key in OPTIONS:
            self._preferences.store_view(key, self._on[key])
        self._apply()

    def check(self, actions: Actions) -> None:
        """Tick the actions of what is on."""
        for name in OPTIONS:
            actions[f"view_{name}"].setChecked(self._on[name])
        actions[f"show_{self.layer}"].setChecked(True)
        actions["hide_mask"].setChecked(not self._canvas.mask_visible)

    def _apply(self) -> None:
        canvas, on = self._canvas, self._on
        canvas.set_overlay(replace(canvas.overlay, fill=on["fill"], outline=on["outline"], marks=on["marks"]))
        canvas.set_overview(on["overview"])
        canvas.memory.locked = on["lock"]
        self.changed.emit()
