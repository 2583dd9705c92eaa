"""Curves of a run: what was done again counts once, gaps are left out, any values can be drawn."""

import math

import pytest

from unet_studio.core.curves import Curve, curve_sheet, run_curves, thinned
from unet_studio.core.events import Progress, Started, Validated
from unet_studio.core.sheet import Line, Text
from unet_studio.core.sheet_picture import draw_sheet


def progress(step, loss):
    return Progress(step, 100, loss, 1e-3, float(step), 0.0)


def validated(step, loss, iou, train_iou=math.nan):
    return Validated(step, loss, {"cell": iou}, {"cell": iou}, 0.9, iou, iou, True, train_iou=train_iou)


def test_what_was_lost_and_done_again_counts_once():
    events = [
        Started("cpu", 1, 0, 100),
        *(progress(step, 1 / step) for step in range(1, 8)),
        validated(4, 0.5, 0.6, 0.7),
        validated(6, 0.4, 0.7),
        Started("cpu", 1, 4, 100, True),
        progress(5, 9.0),
    ]
    found = run_curves(events)
    assert [step for step, _ in found["Loss/train"]] == [1, 2, 3, 4, 5]
    assert found["Loss/train"][-1] == (5, 9.0)
    assert found["Loss/val"] == ((4, 0.5),)
    assert found["IoU/val"] == found["Dice/val"] == ((4, 0.6),)
    assert found["IoU/train"] == ((4, 0.7),)


def test_what_is_no_number_is_no_point():
    found = run_curves([progress(1, math.nan), progress(2, math.inf), validated(2, math.nan, 0.5)])
    assert found["Loss/train"] == found["Loss/val"] == ()
    assert found["IoU/val"] == ((2, 0.5),)


def test_many_points_become_means_of_neighbours():
    points = tuple((float(step), float(step % 2)) for step in range(1000))
    few = thinned(points, 100)
    assert len(few) == 100
    assert {value for _, value in few} == {0.5}
    assert few[-1][0] == 999
    assert thinned(points[:100], 100) == points[:100]


@pytest.mark.parametrize(
    "points",
    [(), ((1.0, 0.5),), ((1.0, 1e-9), (2.0, 1e9)), ((0.0, 0.0), (5.0, 0.0)), ((3.0, -4.0), (70_000.0, 2.0))],
)
@pytest.mark.parametrize("limits", [None, (0.0, 1.0)])
def test_any_values_can_be_drawn(points, limits):
    sheet = curve_sheet("Loss", [Curve("one", "#0072b2", points)], limits=limits)
    lines = [item for item in sheet.items if isinstance(item, Line) and item.color == "#0072b2"]
    assert len(lines) == (2 if points else 0)  # itself and its place in the legend
    for line in lines:
        assert all(0 <= x <= sheet.width and 0 <= y <= sheet.height for x, y in line.points)
    draw_sheet(sheet)


def test_the_legend_takes_as_many_lines_as_it_needs():
    curves = [Curve(f"a model with a long name {n}", "#0072b2", ((0.0, 1.0), (1.0, 2.0))) for n in range(6)]
    few, many = curve_sheet("Loss", curves[:1]), curve_sheet("Loss", curves)
    assert many.height > few.height
    named = [item for item in many.items if isinstance(item, Text) and "long name" in item.text]
    assert len(named) == 6
    assert len({item.y for item in named}) > 2
    assert "a model with a long name 0 ends at 2" in many.title
