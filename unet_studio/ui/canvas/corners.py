"""What sits in the corners of the canvas: the overview map, and the legend of what is shown."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF

from unet_studio.core.geometry import Rect
from unet_studio.ui.canvas.layers import LAYERS
from unet_studio.ui.canvas.legend import Legend
from unet_studio.ui.canvas.overlay import IMAGE_ONLY
from unet_studio.ui.canvas.overview import Overview, Shown

if TYPE_CHECKING:
    from unet_studio.ui.canvas.widget import Canvas

MARGIN = 12  # logical px from the border of the canvas


class Corners:
    """Keeps both up to date and in their places. map_wanted: whether the map is shown when zoomed in."""

    def __init__(self, canvas: "Canvas") -> None:
        self._canvas = canvas
        self.map_wanted = True
        self.overview = Overview(canvas)
        self.legend = Legend(canvas)
        self.overview.follow(self._shown)
        self.overview.centreAsked.connect(canvas.centre_on)
        self.overview.entered.connect(canvas.pointer_gone)

    def view_changed(self) -> None:
        """Another part of the image is on screen, or the canvas has another size."""
        canvas = self._canvas
        document = canvas.session.document
        part = canvas.visible_rect
        partial = document is not None and not part.empty and part != Rect.of(document.shape)
        wanted = self.map_wanted and partial and not any(canvas.message)
        if wanted and document is not None:
            self.overview.lay_out(document.shape, (canvas.width(), canvas.height()))
            self.overview.show_part(QRectF(part.left, part.top, part.width, part.height))
        self.overview.setVisible(wanted)
        right, bottom = canvas.width() - MARGIN, canvas.height() - MARGIN
        self.overview.move(right - self.overview.width(), bottom - self.overview.height())
        self.legend.lay_out(canvas.width() - 2 * MARGIN)
        self.legend.move(MARGIN, MARGIN)

    def restyled(self) -> None:
        """Another document, or the same with other colours, another layer or another prediction."""
        canvas, overlay = self._canvas, self._canvas.overlay
        document = canvas.session.document
        self.overview.all_changed()
        layer = LAYERS.get(overlay.layer)
        if document is None:
            self.legend.say("")
        elif canvas.versus is not None and canvas.versus.on:
            self.legend.say(*canvas.versus.legend())
        elif overlay.bare or layer is None:
            self.legend.say("Mask hidden")
        elif canvas.session.predictor.stale:
            self.legend.say("Old prediction", (("", canvas.session.predictor.stale_because),))
        elif layer.judges and document.under is None:
            self.legend.say(layer.title, (("", "this image has no prediction"),))
        else:
            self.legend.say("" if overlay.layer == "mask" else layer.title, layer.legend, layer.heat)
        self.view_changed()

    def _shown(self) -> Shown | None:
        session, overlay = self._canvas.session, self._canvas.overlay
        if session.document is None or session.pyramid is None:
            return None
        layer = "mask" if overlay.layer == IMAGE_ONLY else overlay.layer
        comparing = self._canvas.versus is not None and self._canvas.versus.on
        colors = (
            None if overlay.bare or comparing else overlay.colors(session.classes, session.predictor.stale)
        )
        return session.document, session.pyramid, layer, colors
