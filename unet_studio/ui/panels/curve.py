"""The curves of a training: loss, and Dice on validation images; by pyqtgraph, loaded in a thread."""

import importlib
import math
from collections.abc import Sequence
from threading import Thread
from typing import Any

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from unet_studio.core.classes import ClassTable
from unet_studio.core.events import Event, Progress, Validated
from unet_studio.ui.theme import theme
from unet_studio.ui.widgets import label

HEIGHT = 250  # px of both plots together
SMOOTH = 0.9  # weight of the past in the smoothed training loss
MOST_POINTS = 1500  # of one curve; longer ones are thinned


class _Loader(QObject):
    """Imports pyqtgraph (about 0.4 s) where it does not stop the window."""

    loaded = Signal()

    def start(self) -> None:
        """Import in a thread, then emit loaded."""
        Thread(target=self._import, name="import pyqtgraph", daemon=True).start()

    def _import(self) -> None:
        importlib.import_module("pyqtgraph")
        self.loaded.emit()


class Curve(QWidget):
    """Two plots above each other over the same steps."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Curves of the training")
        self._waiting = label("The curves appear with the first steps.", "muted")
        self._waiting.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._box = QVBoxLayout(self)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._box.addWidget(self._waiting)
        self._graph: Any = None
        self._plots: Any = None
        self._lines: dict[str, Any] = {}
        self._loader = _Loader(self)
        self._loader.loaded.connect(self._build, Qt.ConnectionType.QueuedConnection)
        self._asked = False
        self._events: Sequence[Event] = ()
        self._table = ClassTable(())
        self.setFixedHeight(HEIGHT)
        theme().changed.connect(self._restyle)

    @property
    def ready(self) -> bool:
        """Whether the plots are there."""
        return bool(self._lines)

    def show_events(self, events: Sequence[Event], table: ClassTable) -> None:
        """Draw a run. table: for the colours of the classes."""
        self._events, self._table = events, table
        if not self._asked:
            self._asked = True
            self._loader.start()
        self._draw()

    @Slot()
    def _build(self) -> None:
        """Make the plots, one at a time: each takes up to 25 ms, and the window goes on in between."""
        self._graph = importlib.import_module("pyqtgraph")
        self._plots = self._graph.GraphicsLayoutWidget()
        self._plots.ci.layout.setContentsMargins(0, 0, 0, 0)
        self._plots.ci.layout.setSpacing(4)
        self._plots.setMinimumSize(120, 0)
        self._plots.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)
        self._box.addWidget(self._plots)
        self._plots.hide()
        QTimer.singleShot(0, self._add_loss)

    @Slot()
    def _add_loss(self) -> None:
        self.loss = self._add_plot(0)
        self.loss.getAxis("bottom").setStyle(showValues=False)
        QTimer.singleShot(0, self._add_dice)

    @Slot()
    def _add_dice(self) -> None:
        self.dice = self._add_plot(1)
        self.dice.setXLink(self.loss)
        self.dice.setYRange(0, 1, padding=0.02)
        QTimer.singleShot(0, self._add_lines)

    def _add_plot(self, place: int) -> Any:
        plot = self._plots.addPlot(row=place, col=0, enableMenu=False)
        plot.setMouseEnabled(x=False, y=False)
        plot.hideButtons()
        plot.getAxis("left").setWidth(38)
        return plot

    @Slot()
    def _add_lines(self) -> None:
        self._lines = {
            name: plot.plot()
            for name, plot in (
                ("steps", self.loss),
                ("smooth", self.loss),
                ("unseen", self.loss),
                ("mean", self.dice),
                ("best", self.dice),
            )
        }
        self._waiting.hide()
        self._plots.show()
        self._restyle()

    @Slot()
    def _restyle(self) -> None:
        """Take the colours of the theme."""
        if not self.ready:
            return
        tokens = theme().tokens
        self._plots.setBackground(tokens.surface)
        for plot, title in ((self.loss, "Loss"), (self.dice, "Dice on validation images")):
            plot.setTitle(title, color=tokens.muted, size="9pt")
            plot.showGrid(x=False, y=True, alpha=0.15)
            for side in ("left", "bottom"):
                plot.getAxis(side).setPen(tokens.border)
                plot.getAxis(side).setTextPen(tokens.muted)
        pen = self._graph.mkPen
        self._lines["steps"].setPen(pen(tokens.border, width=1))
        self._lines["smooth"].setPen(pen(tokens.accent, width=2))
        self._lines["unseen"].setPen(pen(tokens.warning, width=2, style=Qt.PenStyle.DashLine))
        self._lines["mean"].setPen(pen(tokens.good, width=2))
        for name, symbol, size in (("mean", "o", 5), ("best", "star", 14)):
            self._lines[name].setSymbol(symbol)
            self._lines[name].setSymbolSize(size)
            self._lines[name].setSymbolBrush(tokens.good)
            self._lines[name].setSymbolPen(tokens.surface)
        self._lines["best"].setPen(None)
        self._draw()

    def _draw(self) -> None:
        if not self.ready:
            return
        steps, losses = loss_curve(self._events)
        self._lines["steps"].setData(steps, losses)
        self._lines["smooth"].setData(steps, smoothed(losses))
        scored = [event for event in self._events if isinstance(event, Validated)]
        _set(self._lines["unseen"], [(event.step, event.loss) for event in scored])
        _set(self._lines["mean"], [(event.step, event.mean_dice) for event in scored])
        best = [(event.step, event.mean_dice) for event in scored if event.best]
        _set(self._lines["best"], best[-1:])
        self._draw_classes(scored)

    def _draw_classes(self, scored: Sequence[Validated]) -> None:
        """One thin line a class, where there is more than one to learn."""
        background = self._table.background
        hidden = None if background is None else self._table.get(background).name
        names = [name for name in scored[-1].dice if name != hidden] if scored else []
        wanted = {f"class {name}" for name in names} if len(names) > 1 else set()
        for key in [key for key in self._lines if key.startswith("class ") and key not in wanted]:
            self.dice.removeItem(self._lines.pop(key))
        for name in names if wanted else []:
            key = f"class {name}"
            if key not in self._lines:
                entry = self._table.named(name)
                color = entry.color if entry else theme().tokens.muted
                self._lines[key] = self.dice.plot(pen=self._graph.mkPen(color, width=1))
            _set(self._lines[key], [(event.step, event.dice.get(name, math.nan)) for event in scored])


def _set(line: Any, points: Sequence[tuple[int, float]]) -> None:
    """Give a line its points; unknown values are left out."""
    known = [(step, value) for step, value in points if math.isfinite(value)]
    line.setData([step for step, _ in known], [value for _, value in known])


def loss_curve(events: Sequence[Event]) -> tuple[list[int], list[float]]:
    """Steps and training losses, thinned to MOST_POINTS."""
    found = [event for event in events if isinstance(event, Progress) and math.isfinite(event.loss)]
    every = max(1, math.ceil(len(found) / MOST_POINTS))
    found = found[::every]
    return [event.step for event in found], [event.loss for event in found]


def smoothed(values: Sequence[float]) -> list[float]:
    """The exponential moving average, corrected for its start."""
    result, average, weight = [], 0.0, 0.0
    for value in values:
        average = SMOOTH * average + (1 - SMOOTH) * value
        weight = SMOOTH * weight + (1 - SMOOTH)
        result.append(average / weight)
    return result
