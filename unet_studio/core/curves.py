"""The curves of a run, from its events, and their drawing."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from unet_studio.core.events import Event, Progress, Started, Validated
from unet_studio.core.sheet import FAINT, INK, RULE, Line, Sheet, Text, shortened, text_width

Points = tuple[tuple[float, float], ...]  # (step, value)
MOST_POINTS = 250  # of a curve; more are averaged
_LEFT, _RIGHT, _TOP, _BOTTOM = 50, 14, 30, 42  # px around the axes
_ROW = 18  # px of a line of the legend
_TICKS = 5


@dataclass(frozen=True)
class Curve:
    """A line of a drawing. points: in the order of steps."""

    name: str
    color: str
    points: Points
    dashed: bool = False


def run_curves(events: Iterable[Event]) -> dict[str, Points]:
    """Loss and IoU of training and validation and the Dice of validation: "Loss/train", ... without gaps.

    What a run did again after it was resumed counts, and not what it did before it was lost.
    """
    found: dict[str, dict[int, float]] = {
        name: {} for name in ("Loss/train", "Loss/val", "IoU/train", "IoU/val", "Dice/val")
    }
    for event in events:
        if isinstance(event, Started):
            for values in found.values():
                for step in [step for step in values if step > event.step]:
                    del values[step]
        elif isinstance(event, Progress):
            found["Loss/train"][event.step] = event.loss
        elif isinstance(event, Validated):
            found["Loss/val"][event.step] = event.loss
            found["IoU/val"][event.step] = event.mean_iou
            found["IoU/train"][event.step] = event.train_iou
            found["Dice/val"][event.step] = event.mean_dice
    return {
        name: tuple((float(step), value) for step, value in sorted(values.items()) if math.isfinite(value))
        for name, values in found.items()
    }


def thinned(points: Points, most: int = MOST_POINTS) -> Points:
    """At most so many points, each the mean of as many neighbours."""
    together = -(-len(points) // most)
    if together <= 1:
        return points
    parts = (points[start : start + together] for start in range(0, len(points), together))
    return tuple((part[-1][0], sum(value for _, value in part) / len(part)) for part in parts)


def curve_sheet(
    title: str,
    curves: Sequence[Curve],
    size: tuple[float, float] = (430, 280),
    limits: tuple[float, float] | None = None,
) -> Sheet:
    """The curves over the steps, with axes and a legend. limits: of the values; None lets the curves choose.

    size: width and height of the drawing but for its legend, in px.
    """
    width, height = size
    shown = [Curve(one.name, one.color, thinned(one.points), one.dashed) for one in curves if one.points]
    told = "; ".join(f"{one.name} ends at {one.points[-1][1]:.3g}" for one in shown) or "nothing yet"
    sheet = Sheet(width, height, f"{title} by step: {told}")
    sheet.items.append(Text(_LEFT, 12, title, 14))
    values = [value for one in shown for _, value in one.points]
    low, high = limits or (min([0.0, *values]), max(values, default=1.0))
    last = max((one.points[-1][0] for one in shown), default=1.0)
    across, up = _scale(0, max(last, 1)), _scale(low, high if high > low else low + 1)
    inner = width - _LEFT - _RIGHT, height - _TOP - _BOTTOM

    def place(x: float, y: float) -> tuple[float, float]:
        # A curve that leaves the limits, as the loss of a few first steps may, runs along the edge.
        share = min(max((y - up.low) / (up.high - up.low), 0.0), 1.0)
        return _LEFT + inner[0] * (x - across.low) / (across.high - across.low), _TOP + inner[1] * (1 - share)

    _draw_axes(sheet, across, up, place)
    for one in shown:
        points = [place(x, y) for x, y in one.points]
        if len(points) == 1:
            ((x, y),) = points
            points = [(x - 3, y), (x + 3, y)]
        sheet.items.append(Line(points, one.color, 2, one.dashed))
    _draw_legend(sheet, shown)
    return sheet


@dataclass(frozen=True)
class _Scale:
    low: float
    high: float
    ticks: tuple[float, ...]


def _scale(low: float, high: float) -> _Scale:
    """Limits and ticks of 1, 2 or 5 times a power of ten that hold both ends."""
    rough = (high - low) / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-6), math.ceil(high / step - 1e-6)
    return _Scale(first * step, last * step, tuple(number * step for number in range(first, last + 1)))


_Place = Callable[[float, float], tuple[float, float]]


def _draw_axes(sheet: Sheet, across: _Scale, up: _Scale, place: _Place) -> None:
    for value in up.ticks:
        start, end = place(across.low, value), place(across.high, value)
        sheet.items.append(Line([start, end], RULE, 1))
        sheet.items.append(Text(start[0] - 6, start[1], _number(value), 11, FAINT, "end"))
    for value in across.ticks:
        x, y = place(value, up.low)
        sheet.items.append(Line([(x, y), (x, y + 4)], FAINT, 1))
        sheet.items.append(Text(x, y + 13, _number(value), 11, FAINT, "middle"))
    corner = place(across.low, up.low), place(across.high, up.low)
    sheet.items.append(Line(list(corner), FAINT, 1))
    sheet.items.append(Text(corner[1][0], corner[1][1] + 28, "step", 11, FAINT, "end"))


def _draw_legend(sheet: Sheet, curves: Sequence[Curve]) -> None:
    """Below the axes, in as many lines as the names need; the sheet grows by them."""
    x, y = float(_LEFT), sheet.height + 4
    for one in curves:
        name = shortened(one.name, 12, sheet.width - _LEFT - 40)
        needed = 26 + text_width(name, 12) + 16
        if x > _LEFT and x + needed > sheet.width:
            x, y = float(_LEFT), y + _ROW
        sheet.items.append(Line([(x, y), (x + 20, y)], one.color, 2, one.dashed))
        sheet.items.append(Text(x + 26, y, name, 12, INK))
        x += needed
    sheet.height = y + 12


def _number(value: float) -> str:
    if value and abs(value) >= 10_000:
        return f"{value / 1000:g}k"
    return f"{value:.6g}" if abs(value) > 1e-9 else "0"
