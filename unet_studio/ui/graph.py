"""pyqtgraph, imported where that does not stop the window, and put together from what a plot here shows."""

import importlib
import math
from threading import Thread
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QGraphicsItem, QSizePolicy

from unet_studio.ui.qt_types import qt_types
from unet_studio.ui.theme import Tokens

LEFT_WIDTH = 38  # px of the axis with its numbers; fixed, so that plots above each other line up
LEAST_WIDTH = 120  # px of a plot
LABEL_BELOW = 6  # px below an axis for its label, which hangs over by 5
GRID = 0.15  # opacity of its lines
ENDS = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)  # of an axis, by powers of ten


class GraphLoader(QObject):
    """Imports pyqtgraph (about 0.4 s) in a thread. loaded: it is there; connect queued."""

    loaded = Signal()

    def start(self) -> None:
        """Import, then emit loaded."""
        qt_types().then(self._begin)

    @Slot()
    def _begin(self) -> None:
        Thread(target=self._import, name="import pyqtgraph", daemon=True).start()

    def _import(self) -> None:
        graph()
        self.loaded.emit()


def graph() -> Any:
    """The module itself."""
    return importlib.import_module("pyqtgraph")


def round_end(value: float) -> float:
    """The end of an axis that reaches this positive value: it changes now and then, not with every point.

    An axis that moves is drawn anew, and hard to read. At most a quarter of it stays empty.
    """
    unit = 10.0 ** math.floor(math.log10(value))
    return next(end * unit for end in ENDS if end * unit >= value)


class Plot:
    """A view with two axes, which is neither moved nor zoomed.

    Made from the parts of pyqtgraph's PlotWidget: that one builds a menu of some 40 controls for each plot,
    which takes four times as long as everything that is shown here. view: the widget; box: the ViewBox.
    """

    def __init__(self, height: int) -> None:
        pg = graph()
        self.view = pg.GraphicsView()
        self.view.setFixedHeight(height)
        self.view.setMinimumWidth(LEAST_WIDTH)
        self.view.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.view.setFrameShape(QFrame.Shape.NoFrame)
        self.view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.view.enableMouse(False)
        self.box = pg.ViewBox(enableMenu=False, enableMouse=False)
        self.left, self.bottom = (pg.AxisItem(side, linkView=self.box) for side in ("left", "bottom"))
        self.left.setWidth(LEFT_WIDTH)
        self._grid = pg.GraphicsLayout()
        self._grid.layout.setSpacing(0)
        self._grid.setContentsMargins(1, 1, 1, 1)
        for item, place in ((self.left, (0, 0)), (self.box, (0, 1)), (self.bottom, (1, 1))):
            self._grid.addItem(item, *place)
        for axis in (self.left, self.bottom):
            axis.enableAutoSIPrefix(False)
            axis.setZValue(0.5)  # their lines lie above the view's ground, as in pyqtgraph's own plots
            # Kept as pixels: drawing the numbers and the grid anew takes longer than all lines together.
            axis.setCacheMode(QGraphicsItem.CacheMode.DeviceCoordinateCache)
        self.left.setGrid(round(255 * GRID))
        self.view.setCentralItem(self._grid)

    def line(self) -> Any:
        """A new line (PlotCurveItem)."""
        return self._added(graph().PlotCurveItem())

    def marked_line(self) -> Any:
        """A new line with symbols on request (PlotDataItem), which takes three times as long to change."""
        return self._added(graph().PlotDataItem())

    def _added(self, made: Any) -> Any:
        self.box.addItem(made)
        return made

    def label_bottom(self, text: str) -> None:
        """Say below the plot what goes to the right; an axis puts its label some px below itself."""
        self.bottom.setLabel(text)
        self._grid.setContentsMargins(1, 1, 1, LABEL_BELOW)

    def restyle(self, tokens: Tokens) -> None:
        """Take the colours of the theme."""
        self.view.setBackground(tokens.surface)
        for axis in (self.left, self.bottom):
            axis.setPen(tokens.border)
            axis.setTextPen(tokens.muted)
