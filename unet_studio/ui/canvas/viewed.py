"""A widget that shows a part of a picture: which part, and the way between its points and the image."""

from PySide6.QtCore import QPointF, Slot

from unet_studio.core.geometry import Rect
from unet_studio.ui.canvas.hand import NOTCH_ZOOM
from unet_studio.ui.canvas.hand_widget import HandWidget
from unet_studio.ui.canvas.picture import Picture

WHOLE_STEP = 1.1  # a zoom by more than this comes from a key or a wheel's notch, not from a touchpad


class ViewedWidget(HandWidget):
    """Moves the view and then calls view_changed(), which a subclass fills in; it sets hand and _picture."""

    _picture: Picture

    def view_changed(self) -> None:
        """Another part may be in view."""

    @property
    def zoom(self) -> float:
        """Device px an image px."""
        return self._picture.exact.zoom

    @property
    def visible_rect(self) -> Rect:
        """The pixels of the image that are on screen."""
        return self._picture.visible

    def to_image(self, at: QPointF) -> tuple[float, float]:
        """The image position (row, column) of a point of the canvas in logical px.

        Pixel (r, c) covers r..r+1 and c..c+1: its centre is (r + 0.5, c + 0.5).
        """
        return self._picture.view.to_image(at.x() * self._picture.ratio, at.y() * self._picture.ratio)

    def to_widget(self, row: float, column: float) -> QPointF:
        """The point of the canvas, in logical px, of an image position."""
        x, y = self._picture.view.to_screen(row, column)
        return QPointF(x / self._picture.ratio, y / self._picture.ratio)

    def fit(self) -> None:
        """Show the whole image, now and when the window changes its size."""
        self._picture.fit()
        self.view_changed()

    def actual_size(self) -> None:
        """Show one image px as one px of the screen."""
        self.set_zoom(1.0)

    def zoom_in(self) -> None:
        """One step larger, around the pointer where it is on the canvas."""
        self.zoom_by(NOTCH_ZOOM)

    def zoom_out(self) -> None:
        """One step smaller, around the pointer where it is on the canvas."""
        self.zoom_by(1 / NOTCH_ZOOM)

    def zoom_by(self, factor: float, at: QPointF | None = None) -> None:
        """Zoom, keeping the image position under the point, or the pointer, or the middle, where it is.

        A step of a wheel or key that would pass 1:1 stops there.
        """
        zoom = self.zoom * factor
        whole_step = not 1 / WHOLE_STEP < factor < WHOLE_STEP
        passes = (self.zoom < 0.999 and zoom > 1.001) or (self.zoom > 1.001 and zoom < 0.999)
        self.set_zoom(1.0 if whole_step and passes else zoom, at or self.hand.at)

    def set_zoom(self, zoom: float, at: QPointF | None = None) -> None:
        """Set the zoom, in device px an image px, keeping what is under the point, or the middle."""
        point = at or QPointF(self.width() / 2, self.height() / 2)
        self._picture.zoom_to(zoom, point.x() * self._picture.ratio, point.y() * self._picture.ratio)
        self.view_changed()

    def fit_or_actual_size(self, at: QPointF) -> None:
        """Fit, or show actual size around a point where it fits already."""
        if self._picture.fitted:
            self.set_zoom(1.0, at)
        else:
            self.fit()

    def pan_by(self, dx: float, dy: float) -> None:
        """Move the image by logical px."""
        self._picture.pan(dx * self._picture.ratio, dy * self._picture.ratio)
        self.view_changed()

    @Slot(float, float)
    def centre_on(self, row: float, column: float) -> None:
        """Move an image position to the middle of the canvas."""
        self._picture.centre_on(row, column)
        self.view_changed()
