"""The trust plot: how good each approved image's prediction was before a person corrected it, over time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean
from typing import Any

from PySide6.QtCore import QPointF, QRectF, Qt, QTimer, Slot
from PySide6.QtGui import QColor, QFocusEvent, QKeyEvent, QPainter, QPainterPath, QPaintEvent, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from unet_studio.core.trust import WINDOW, Correction, by_model, running_mean
from unet_studio.session import Session
from unet_studio.ui.graph import GraphLoader, Plot, graph
from unet_studio.ui.theme import Tokens, theme
from unet_studio.ui.widgets import label
from unet_studio.ui.words import count

HEIGHT = 150  # px of the plot
MOST_POINTS = 300  # the latest ones are shown: more could not be told apart
EMPTY = (
    "When you approve an image, its mask is compared with what the model had predicted. That corrective Dice "
    "(1: nothing to correct) becomes a point here, so you see whether the model gets better on images it has "
    "not seen."
)
MEANING = (
    "Each point is an approved image: the Dice of its prediction before you corrected it, 1 where there was "
    "nothing to correct. The line is the mean of the last 5. Click a point to open its image; Left and Right "
    "go from point to point, Enter opens."
)


@dataclass(frozen=True)
class Sign:
    """How a model's points look: a symbol of pyqtgraph, and a token of the theme."""

    symbol: str
    token: str

    def color(self, tokens: Tokens) -> QColor:
        """In this theme."""
        return QColor(getattr(tokens, self.token))


SIGNS = (Sign("o", "accent"), Sign("s", "warning"), Sign("t1", "good"), Sign("d", "danger"))
EARLIER = Sign("x", "muted")  # of models before the latest ones


def signs_of(corrections: Sequence[Correction]) -> dict[str, Sign]:
    """A sign for every model; one keeps its sign while new ones come, until there are more than SIGNS."""
    models = list(by_model(corrections))
    recent = models[-len(SIGNS) :]
    return {
        model: SIGNS[place % len(SIGNS)] if model in recent else EARLIER for place, model in enumerate(models)
    }


class TrustPlot(QWidget):
    """The session's corrections as points, a sign and a colour for each model, and their running mean."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._shown: list[Correction] = []
        self._place: int | None = None  # of the point that is looked at
        self._loader = GraphLoader(self)
        self._loader.loaded.connect(self._build, Qt.ConnectionType.QueuedConnection)
        self._asked = False
        self._lines: dict[str, Any] = {}
        self.title = label("Trust", "heading", wrap=False)
        self.empty = label(EMPTY, "muted")
        self.told = label("", "muted")
        self.legend = Legend()
        self._box = QVBoxLayout(self)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._box.setSpacing(4)
        for widget in (self.title, self.empty, self.told, self.legend):
            self._box.addWidget(widget)
        session.trust.changed.connect(self.refresh)
        session.projectChanged.connect(self.refresh)
        theme().changed.connect(self._restyle)
        self.refresh()

    @property
    def ready(self) -> bool:
        """Whether the plot is there."""
        return bool(self._lines)

    @Slot()
    def refresh(self, *_: object) -> None:
        """Show what is known now."""
        now = self._session.trust.corrections()[-MOST_POINTS:]
        looked_at = self._current()
        self._shown = now
        names = [one.name for one in now]
        self._place = names.index(looked_at.name) if looked_at and looked_at.name in names else None
        self.setVisible(self._session.project is not None)
        for widget in (self.told, self.legend):
            widget.setVisible(bool(now))
        self.empty.setVisible(not now)
        self.title.setToolTip(MEANING if now else "")
        if now and not self._asked:
            self._asked = True
            self._loader.start()
        self._draw()

    @Slot()
    def _build(self) -> None:
        """Make the plot; what is in it comes in the next turn."""
        self._plot = Plot(HEIGHT)
        view = self._plot.view
        view.setAccessibleName("Corrective Dice of the approved images")
        view.setToolTip(MEANING)
        view.wheelEvent = lambda event: event.ignore()  # it scrolls the panel
        self._box.insertWidget(2, view)
        QTimer.singleShot(0, self, self._add_lines)

    @Slot()
    def _add_lines(self) -> None:
        pg, plot = graph(), self._plot
        plot.bottom.setStyle(showValues=False)
        plot.bottom.setHeight(4)
        self._lines = {
            "mean": plot.line(),
            "ring": pg.ScatterPlotItem(size=18, brush=None),
            "points": pg.ScatterPlotItem(hoverable=True, tip=None),
        }
        for name in ("ring", "points"):
            plot.box.addItem(self._lines[name])
        self._lines["points"].sigHovered.connect(self._hovered)
        self._lines["points"].sigClicked.connect(self._clicked)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._restyle()

    @Slot()
    def _restyle(self) -> None:
        """Take the colours of the theme."""
        self.legend.update()
        if not self.ready:
            return
        tokens = theme().tokens
        self._plot.restyle(tokens)
        self._lines["mean"].setPen(graph().mkPen(tokens.muted, width=2))
        self._lines["ring"].setPen(graph().mkPen(tokens.accent, width=2))
        self._draw()

    def _draw(self) -> None:
        self.setAccessibleName(f"Trust. {summary(self._shown)}" if self._shown else "Trust")
        signs = signs_of(self._shown)
        self.legend.show_models(self._shown, signs)
        if self.ready:
            self._draw_points(signs)
        self._draw_place()

    def _draw_points(self, signs: dict[str, Sign]) -> None:
        values = [one.dice for one in self._shown]
        self._lines["mean"].setData(list(range(len(values))), running_mean(values))
        tokens = theme().tokens
        # One brush for each sign: pyqtgraph draws the points of one brush, pen and symbol once.
        brushes = {sign: graph().mkBrush(sign.color(tokens)) for sign in (*SIGNS, EARLIER)}
        own = [signs[one.model] for one in self._shown]
        self._lines["points"].setData(
            x=list(range(len(values))),
            y=values,
            data=list(range(len(values))),
            symbol=[sign.symbol for sign in own],
            brush=[brushes[sign] for sign in own],
            pen=graph().mkPen(tokens.surface, width=1),
            size=10,
        )
        plot = self._plot.box
        plot.setYRange(max(0.0, min(values, default=0.0) - 0.05), 1.02, padding=0)
        plot.setXRange(-0.5, max(WINDOW, len(values)) - 0.5, padding=0.02)

    def _draw_place(self) -> None:
        """Say and mark which point is looked at."""
        looked_at = self._current()
        self.told.setText(sentence(looked_at) if looked_at else summary(self._shown))
        self.setAccessibleDescription(self.told.text())
        if self.ready:
            ring = [] if looked_at is None else [{"pos": (self._place, looked_at.dice)}]
            self._lines["ring"].setData(ring)

    def _current(self) -> Correction | None:
        return None if self._place is None else self._shown[self._place]

    def look_at(self, place: int | None) -> None:
        """Mark a point, by its place in the order of approval."""
        if place is not None:
            place = min(max(place, 0), len(self._shown) - 1) if self._shown else None
        if place != self._place:
            self._place = place
            self._draw_place()

    def open_current(self) -> None:
        """Open the image of the point that is looked at."""
        looked_at = self._current()
        if looked_at is not None:
            self._session.open_image(looked_at.name)

    @Slot(object, object, object)
    def _hovered(self, _item: object, points: Sequence[Any], _event: object) -> None:
        place = int(points[0].data()) if len(points) else None
        if place is not None or not self.hasFocus():
            self.look_at(place)
        looked_at = self._current()
        self._plot.view.setToolTip(sentence(looked_at) if looked_at else MEANING)

    @Slot(object, object, object)
    def _clicked(self, _item: object, points: Sequence[Any], _event: object) -> None:
        self.look_at(int(points[0].data()))
        self.open_current()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """From point to point, and to the image."""
        last = len(self._shown) - 1
        place = last + 1 if self._place is None else self._place
        goes = {
            Qt.Key.Key_Left: place - 1,
            Qt.Key.Key_Right: place + 1,
            Qt.Key.Key_Home: 0,
            Qt.Key.Key_End: last,
        }
        key = Qt.Key(event.key())
        if key in goes:
            self.look_at(goes[key])
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.open_current()
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Who comes with the Tab key looks at the latest image, which also shows where the keys go."""
        if event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason):
            self.look_at(len(self._shown) - 1)
        super().focusInEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Nothing is looked at any more."""
        self.look_at(None)
        super().focusOutEvent(event)


def summary(corrections: Sequence[Correction]) -> str:
    """The latest images against those before them, in words."""
    values = [one.dice for one in corrections]
    if len(values) < 2 * WINDOW:
        return (
            f"{count(len(values), 'image')}: mean Dice {fmean(values):.3f} before correction."
            if values
            else ""
        )
    now, before = values[-WINDOW:], values[-2 * WINDOW : -WINDOW]
    latest = f"The last {WINDOW}: Dice {fmean(now):.3f} before correction"
    return f"{latest}; the {WINDOW} before: {fmean(before):.3f}."


def sentence(one: Correction) -> str:
    """One point in words."""
    when = datetime.fromtimestamp(one.when).strftime("%Y-%m-%d %H:%M")
    return f"{one.name}: Dice {one.dice:.3f} by {one.model or 'an unknown model'}, approved {when}"


class Legend(QWidget):
    """A line for each of the latest models: its sign, its name, and the mean of its corrections."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.lines: list[tuple[Sign, str]] = []
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def show_models(self, corrections: Sequence[Correction], signs: dict[str, Sign]) -> None:
        """Show these models, the latest first."""
        found = by_model(corrections)
        lines = []
        for model in reversed(list(found)):
            if signs[model] is not EARLIER:
                lines.append((signs[model], _line(model or "unknown model", found[model])))
        earlier = [one for model, own in found.items() if signs[model] is EARLIER for one in own]
        if earlier:
            lines.append((EARLIER, _line("earlier models", earlier)))
        if lines != self.lines:
            self.lines = lines
            self.setFixedHeight(len(lines) * self._line_height())
            self.setAccessibleName("; ".join(text for _, text in lines))
            self.update()

    def _line_height(self) -> int:
        return self.fontMetrics().lineSpacing() + 2

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Sign and text, line by line."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        tokens, height = theme().tokens, self._line_height()
        for place, (sign, text) in enumerate(self.lines):
            top = place * height
            self._paint_sign(painter, sign, QPointF(8, top + height / 2), sign.color(tokens))
            painter.setPen(QColor(tokens.muted))
            box = QRectF(20, top, self.width() - 20, height)
            shown = self.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, int(box.width()))
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, shown)

    @staticmethod
    def _paint_sign(painter: QPainter, sign: Sign, middle: QPointF, color: QColor) -> None:
        painter.setBrush(color)
        painter.setPen(Qt.PenStyle.NoPen if sign is not EARLIER else color)
        painter.save()
        painter.translate(middle)
        painter.drawPath(sign_path(sign))
        painter.restore()


def sign_path(sign: Sign) -> QPainterPath:
    """A sign as pyqtgraph draws it, 10 px large, around (0, 0)."""
    path, corners = QPainterPath(), CORNERS.get(sign.symbol)
    if corners is None:
        path.addEllipse(QPointF(0, 0), 5, 5)
    else:
        path.addPolygon(QPolygonF([QPointF(*corner) for corner in corners]))
    return path


CORNERS = {
    "s": ((-4, -4), (4, -4), (4, 4), (-4, 4)),
    "t1": ((0, -5), (5, 5), (-5, 5)),
    "d": ((0, -5), (4, 0), (0, 5), (-4, 0)),
    "x": ((-4, -4), (4, 4), (0, 0), (4, -4), (-4, 4), (0, 0)),
}


def _line(name: str, own: Sequence[Correction]) -> str:
    return f"{name}: mean {fmean(one.dice for one in own):.3f} of {count(len(own), 'image')}"
