"""The curves of a training: loss, and IoU or Dice on validation images; by pyqtgraph, loaded in a thread."""

import math
from collections.abc import Sequence
from html import escape
from typing import Any

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QComboBox, QLabel, QVBoxLayout, QWidget

from unet_studio.core.classes import ClassTable
from unet_studio.core.events import Event, Progress, Started, Validated
from unet_studio.ui.graph import GraphLoader, Plot, graph, round_end
from unet_studio.ui.theme import Tokens, theme
from unet_studio.ui.widgets import label

HEIGHT = 118  # px of a plot
SIDES = 0.05  # of the steps, left and right: room for half a number
LEAST_LOSS = 0.01  # that the axis of the loss reaches
HEADROOM = 1.15  # of the loss above its highest smoothed value
MOST_CLASSES = 8  # drawn; more lines could not be told apart
LEAST_CONTRAST = 60  # of 255, between the lightness of a line and of what is behind it
# What can be drawn of the validation images: the fields of Validated by class, and of their mean.
MEASURES = {"Dice": ("dice", "mean_dice"), "IoU": ("iou", "mean_iou")}
TURN_MS = 15  # between two plots that are made or drawn, in which the window goes on
SMOOTH = 0.9  # weight of the past in the smoothed training loss
MOST_POINTS = 1500  # of one curve; longer ones are thinned


class Curve(QWidget):
    """Two plots above each other over the same steps: the loss, and IoU or Dice on validation images.

    Each has a line above it that says which line is which, and its value now.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Curves of the training")
        self._waiting = label("The curves appear with the first steps.", "muted")
        self._waiting.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.loss_legend, self.score_legend = _legend(), _legend()
        self.measure = QComboBox()
        self._box = QVBoxLayout(self)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._box.setSpacing(2)
        self._box.addWidget(self._waiting)
        self._lines: dict[str, Any] = {}
        self._loader = GraphLoader(self)
        self._loader.loaded.connect(self._build, Qt.ConnectionType.QueuedConnection)
        self._asked = False
        self._events: Sequence[Event] = ()
        self._seen = 0  # events sorted into the two lists below
        self._points: list[Progress] = []
        self._scored: list[Validated] = []
        self._table = ClassTable(())
        self._next_loss, self._next_scores = (
            QTimer(self, singleShot=True, interval=wait) for wait in (0, TURN_MS)
        )
        self._next_loss.timeout.connect(self._draw_loss)
        self._next_scores.timeout.connect(self._draw_scores)
        self._offer_measures()
        theme().changed.connect(self._restyle)

    def _offer_measures(self) -> None:
        self.measure.setAccessibleName("Measure on validation images")
        self.measure.setToolTip("What is drawn of the images that the model never learns from")
        for name in MEASURES:
            self.measure.addItem(f"{name} on validation images", name)
        self.measure.currentIndexChanged.connect(self._draw_scores)

    @property
    def ready(self) -> bool:
        """Whether the plots are there."""
        return bool(self._lines)

    def show_events(self, events: Sequence[Event], table: ClassTable) -> None:
        """Draw a run, in the next turns of the event loop. table: for the colours of the classes.

        What is the same as before is not drawn again: a plot takes the window's thread some ms.
        """
        another = events is not self._events or len(events) < self._seen
        if self._asked and not another and len(events) == self._seen and table == self._table:
            return
        before = list(self._scored)
        self._take_in(events, another)
        if another or table != self._table or self._scored != before:
            self._next_scores.start()
        self._table = table
        if not self._asked:
            self._asked = True
            self._loader.start()
        self._next_loss.start()

    def _take_in(self, events: Sequence[Event], another: bool) -> None:
        """Sort what is new of a run's events, which only ever grow; another run begins anew."""
        if another:
            self._events, self._seen, self._points, self._scored = events, 0, [], []
        for event in events[self._seen :]:
            if isinstance(event, Started):  # a resumed run does the steps after its last saved state again
                self._points = [point for point in self._points if point.step <= event.step]
                self._scored = [score for score in self._scored if score.step <= event.step]
            elif isinstance(event, Progress):
                self._points.append(event)
            elif isinstance(event, Validated):
                self._scored.append(event)
        self._seen = len(events)

    @Slot()
    def _build(self) -> None:
        """Make the plots, one at a time: the window goes on in between."""
        self._box.addWidget(self.loss_legend)
        self.loss = self._add_plot()
        QTimer.singleShot(TURN_MS, self, self._add_scores)

    @Slot()
    def _add_scores(self) -> None:
        self._box.addWidget(self.measure)
        self._box.addWidget(self.score_legend)
        self.scores = self._add_plot()
        self.scores.box.setXLink(self.loss.box)
        self.scores.label_bottom("step")
        QTimer.singleShot(TURN_MS, self, self._add_lines)

    def _add_plot(self) -> Plot:
        """A plot that shows and does not catch the wheel."""
        plot = Plot(HEIGHT)
        plot.view.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._box.addWidget(plot.view)
        plot.view.hide()
        return plot

    @Slot()
    def _add_lines(self) -> None:
        self._lines = {name: self.loss.line() for name in ("steps", "smooth", "unseen")}
        self._lines |= {name: self.scores.marked_line() for name in ("mean", "best")}
        self._restyle()
        QTimer.singleShot(TURN_MS, self, self._reveal)

    @Slot()
    def _reveal(self) -> None:
        self._waiting.hide()
        self.loss.view.show()
        QTimer.singleShot(TURN_MS, self.scores.view, self.scores.view.show)

    @Slot()
    def _restyle(self) -> None:
        """Take the colours of the theme."""
        if not self.ready:
            return
        tokens = theme().tokens
        for plot in (self.loss, self.scores):
            plot.restyle(tokens)
        pen = graph().mkPen
        self._lines["steps"].setPen(pen(tokens.border, width=1))
        self._lines["smooth"].setPen(pen(tokens.accent, width=2))
        self._lines["unseen"].setPen(pen(tokens.warning, width=2, style=Qt.PenStyle.DashLine))
        self._lines["mean"].setPen(pen(tokens.text, width=2))
        for name, symbol, size in (("mean", "o", 5), ("best", "star", 14)):
            self._lines[name].setSymbol(symbol)
            self._lines[name].setSymbolSize(size)
            self._lines[name].setSymbolBrush(tokens.text)
            self._lines[name].setSymbolPen(tokens.surface)
        self._lines["best"].setPen(None)
        self._draw_loss()
        self._draw_scores()

    @Slot()
    def _draw_loss(self) -> None:
        if not self.ready:
            return
        steps, losses = loss_curve(self._points)
        smooth = smoothed(losses)
        self._lines["steps"].setData(steps, losses)
        self._lines["smooth"].setData(steps, smooth)
        scored = self._scored
        unseen = [event.loss for event in scored]
        _set(self._lines["unseen"], [(event.step, event.loss) for event in scored])
        tops = [value for value in (*smooth, *unseen) if math.isfinite(value)]
        self.loss.box.setYRange(0, round_end(HEADROOM * max([*tops, LEAST_LOSS])), padding=0)
        tokens = theme().tokens
        lines = [("loss in training", tokens.accent, "\u2501", smooth[-1] if smooth else math.nan)]
        if scored:
            lines.append(("on validation images", tokens.warning, "\u2504", unseen[-1]))
        self.loss_legend.setText(legend(lines))
        last = max(steps[-1] if steps else 0, scored[-1].step if scored else 0, 1)
        self.loss.box.setXRange(0, round_end(last), padding=SIDES)

    @Slot()
    def _draw_scores(self, *_: object) -> None:
        if not self.ready:
            return
        scored = self._scored
        by_class, mean = MEASURES[str(self.measure.currentData())]
        means = [(event.step, float(getattr(event, mean))) for event in scored]
        _set(self._lines["mean"], means)
        best = [point for point, event in zip(means, scored, strict=True) if event.best]
        _set(self._lines["best"], best[-1:])
        names, left_out = self._draw_classes(scored, by_class)
        values = [value for _, value in means]
        values += [getattr(event, by_class).get(name, math.nan) for event in scored for name in names]
        known = [value for value in values if math.isfinite(value)]
        self.scores.box.setYRange(math.floor(10 * min(known, default=0.0)) / 10, 1.0, padding=0.02)
        tokens = theme().tokens
        lines = [("mean", tokens.text, "\u2501", values[len(means) - 1])] if means else []
        for name in names:
            value = getattr(scored[-1], by_class).get(name, math.nan)
            lines.append((name, self._color(name), "\u2501", value))
        note = "" if means else "Comes with the first validation."
        told = [f"\u2605 best: {best[-1][1]:.3f}, at step {best[-1][0]:,}"] if best else []
        told += [f"{left_out} better ones are not drawn"] if left_out else []
        self.score_legend.setText(legend(lines, " \u00b7 ".join(told)) or escape(note))

    def _draw_classes(self, scored: Sequence[Validated], by_class: str) -> tuple[list[str], int]:
        """One thin line a class, where there is more than one to learn; returns whose, and how many are not.

        Of many classes those that score worst are drawn: they are what a person can do something about.
        """
        background = self._table.background
        hidden = None if background is None else self._table.get(background).name
        last = getattr(scored[-1], by_class) if scored else {}
        found = [name for name in last if name != hidden]
        worst = sorted(found, key=lambda name: math.inf if math.isnan(last[name]) else last[name])
        names = [name for name in found if name in worst[:MOST_CLASSES]] if len(found) > 1 else []
        wanted = {f"class {name}" for name in names}
        for key in [key for key in self._lines if key.startswith("class ") and key not in wanted]:
            self.scores.box.removeItem(self._lines.pop(key))
        for name in names:
            key = f"class {name}"
            if key not in self._lines:
                self._lines[key] = self.scores.line()
            self._lines[key].setPen(graph().mkPen(self._color(name), width=1.5))
            points = [(event.step, getattr(event, by_class).get(name, math.nan)) for event in scored]
            _set(self._lines[key], points)
        return names, len(found) - len(names) if names else 0

    def _color(self, name: str) -> str:
        entry, tokens = self._table.named(name), theme().tokens
        return readable(entry.color, tokens) if entry else tokens.muted


def _legend() -> QLabel:
    made = label("", "muted")
    made.setTextFormat(Qt.TextFormat.RichText)
    return made


def legend(lines: Sequence[tuple[str, str, str, float]], more: str = "") -> str:
    """Which line is which, as rich text. lines: name, colour, sign and the last value of each."""
    parts = []
    for name, color, sign, value in lines:
        shown = f" {value:.3f}" if math.isfinite(value) else ""
        parts.append(f'<span style="color:{color}">{sign}</span>&nbsp;{escape(name)}{shown}')
    if more:
        parts.append(escape(more))
    return " &nbsp; ".join(parts)


def readable(color: str, tokens: Tokens) -> str:
    """The colour of a class, mixed with that of the text where it would hardly show on a panel."""
    line, back, text = QColor(color), QColor(tokens.surface), QColor(tokens.text)
    far = abs(_light(line) - _light(back))
    if far >= LEAST_CONTRAST:
        return color
    mixed = [round((one + other) / 2) for one, other in zip(_rgb(line), _rgb(text), strict=True)]
    return QColor(*mixed).name()


def _rgb(color: QColor) -> tuple[int, int, int]:
    return color.red(), color.green(), color.blue()


def _light(color: QColor) -> float:
    """How light a colour is, 0..255 (ITU-R BT.601 luma)."""
    return 0.299 * color.red() + 0.587 * color.green() + 0.114 * color.blue()


def _set(line: Any, points: Sequence[tuple[int, float]]) -> None:
    """Give a line its points; unknown values are left out."""
    known = [(step, value) for step, value in points if math.isfinite(value)]
    line.setData([step for step, _ in known], [value for _, value in known])


def loss_curve(events: Sequence[Progress]) -> tuple[list[int], list[float]]:
    """Steps and training losses, thinned to MOST_POINTS."""
    every = max(1, math.ceil(len(events) / MOST_POINTS))
    found = [event for event in events[::every] if math.isfinite(event.loss)]
    return [event.step for event in found], [event.loss for event in found]


def smoothed(values: Sequence[float]) -> list[float]:
    """The exponential moving average, corrected for its start."""
    result, average, weight = [], 0.0, 0.0
    for value in values:
        average = SMOOTH * average + (1 - SMOOTH) * value
        weight = SMOOTH * weight + (1 - SMOOTH)
        result.append(average / weight)
    return result
