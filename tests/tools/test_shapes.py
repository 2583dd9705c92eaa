"""Polygon, lasso, rectangle, ellipse and line: what clicks, drags and keys make of a mask."""

import numpy as np
import pytest

from tests.tools.conftest import SHAPE
from tests.tools.test_tools import context, drag
from unet_studio.core.classes import UNLABELLED
from unet_studio.core.document import Document
from unet_studio.core.geometry import Rect
from unet_studio.core.mask import Mask
from unet_studio.tools import TOOLS
from unet_studio.tools.shape import AT_ONCE, leveled
from unet_studio.tools.spans import ellipse_spans, line_spans, polygon_spans, rectangle_spans

SQUARE = [(20.0, 30.0), (20.0, 80.0), (70.0, 80.0), (70.0, 30.0)]
SHIFT, CONTROL, ALT = frozenset({"shift"}), frozenset({"ctrl"}), frozenset({"alt"})


def click(tool, ctx, *points, modifiers=frozenset()):
    """A press and a release at each point; what the last release changed."""
    changed = None
    for row, column in points:
        tool.hover(ctx, row, column, modifiers)
        tool.press(ctx, row, column, modifiers)
        changed = tool.release(ctx, row, column, modifiers)
    return changed


def painted(document, value=2):
    return document.annotation.pixels == value


def laid(spans):
    found = np.zeros(spans.shape, dtype=bool)
    for _, rect, stencil in spans.tiles():
        found[rect.slices] = stencil
    return found


def bounds(stencil):
    rows, columns = np.nonzero(stencil)
    return rows.min(), columns.min(), rows.max() + 1, columns.max() + 1


# -- polygon ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["enter", "first point", "double click"])
def test_clicks_make_a_polygon_that_closes_in_three_ways(how, document):
    tool, ctx = TOOLS["polygon"](), context(document)
    click(tool, ctx, *SQUARE)
    assert tool.busy
    assert not document.editing
    assert not document.painted
    if how == "enter":
        changed = tool.key(ctx, "enter")
    elif how == "first point":
        changed = click(tool, ctx, (22.0, 29.0))
    else:
        changed = tool.double(ctx, 70.0, 30.0)
        assert tool.release(ctx, 70.0, 30.0) is None
    assert changed == Rect(20, 30, 70, 80)
    np.testing.assert_array_equal(painted(document), laid(polygon_spans(SQUARE, SHAPE)))
    assert document.history.undo_name == "Polygon"
    assert not tool.busy
    assert tool.outlines(ctx) == ()


def test_fewer_than_three_points_do_not_close(document):
    tool, ctx = TOOLS["polygon"](), context(document)
    tool.double(ctx, 20.0, 30.0)
    assert not tool.busy
    click(tool, ctx, *SQUARE[:2])
    tool.double(ctx, 20.0, 80.0)
    tool.key(ctx, "enter")
    click(tool, ctx, SQUARE[0])
    assert tool.busy
    assert not document.painted
    click(tool, ctx, SQUARE[2], SQUARE[0])
    assert document.painted


def test_a_double_click_on_the_first_point_begins_no_other_polygon(document):
    tool, ctx = TOOLS["polygon"](), context(document)
    click(tool, ctx, *SQUARE, SQUARE[0])
    tool.double(ctx, *SQUARE[0])
    tool.release(ctx, *SQUARE[0])
    assert not tool.busy


def test_points_are_moved_while_it_is_open_the_first_one_too(document):
    tool, ctx = TOOLS["polygon"](), context(document)
    click(tool, ctx, *SQUARE)
    for start, end in [(SQUARE[2], (90.0, 100.0)), (SQUARE[0], (10.0, 15.0))]:
        drag(tool, ctx, start, ((start[0] + end[0]) / 2, start[1]), end)
    assert tool.busy
    tool.key(ctx, "enter")
    corners = [(10.0, 15.0), SQUARE[1], (90.0, 100.0), SQUARE[3]]
    np.testing.assert_array_equal(painted(document), laid(polygon_spans(corners, SHAPE)))


def test_a_new_point_follows_the_drag_that_set_it(document):
    tool, ctx = TOOLS["polygon"](), context(document)
    click(tool, ctx, *SQUARE[:2])
    drag(tool, ctx, (50.0, 60.0), (60.0, 70.0), SQUARE[2])
    click(tool, ctx, SQUARE[3], SQUARE[0])
    np.testing.assert_array_equal(painted(document), laid(polygon_spans(SQUARE, SHAPE)))


def test_a_trembling_click_moves_no_point(document):
    tool, ctx = TOOLS["polygon"](), context(document)
    click(tool, ctx, *SQUARE)
    drag(tool, ctx, SQUARE[0], (20.6, 30.8), (20.9, 31.0))
    assert not tool.busy
    np.testing.assert_array_equal(painted(document), laid(polygon_spans(SQUARE, SHAPE)))


def test_backspace_takes_points_away_until_none_is_left(document):
    tool, ctx = TOOLS["polygon"](), context(document)
    click(tool, ctx, *SQUARE, (150.0, 150.0))
    tool.key(ctx, "backspace")
    tool.key(ctx, "enter")
    np.testing.assert_array_equal(painted(document), laid(polygon_spans(SQUARE, SHAPE)))
    document.undo()
    click(tool, ctx, *SQUARE[:2])
    tool.key(ctx, "backspace")
    tool.key(ctx, "backspace")
    assert not tool.busy
    tool.key(ctx, "backspace")
    assert not document.painted


def test_the_open_polygon_shows_its_points_and_the_side_to_come(document):
    tool, ctx = TOOLS["polygon"](), context(document)
    click(tool, ctx, *SQUARE[:3])
    tool.hover(ctx, 60.0, 50.0)
    points, band = tool.outlines(ctx)
    assert points.points == tuple(SQUARE[:3])
    assert points.handles
    assert points.marked == -1
    assert band.points == (SQUARE[2], (60.0, 50.0))
    tool.hover(ctx, 21.0, 31.0)  # over the first point: a click would close
    points, band = tool.outlines(ctx)
    assert points.marked == 0
    assert band.points == (SQUARE[2], SQUARE[0])
    tool.hover(ctx, 20.0, 79.0)  # over another one: a drag would move it
    assert [outline.marked for outline in tool.outlines(ctx)] == [1]


def test_shift_keeps_sides_to_steps_of_45_degrees(document):
    tool, ctx = TOOLS["polygon"](), context(document)
    click(tool, ctx, (20.0, 30.0))
    click(tool, ctx, (23.0, 80.0), (70.0, 83.0), (18.0, 36.0), modifiers=SHIFT)
    tool.key(ctx, "enter")
    expected = laid(polygon_spans([(20.0, 30.0), (20.0, 80.0), (70.0, 80.0), (20.5, 30.5)], SHAPE))
    np.testing.assert_array_equal(painted(document), expected)


def test_what_lies_under_the_first_click_decides_whether_it_erases(document):
    tool, ctx = TOOLS["polygon"](), context(document)
    click(tool, ctx, SQUARE[0], modifiers=ALT)
    click(tool, ctx, *SQUARE[1:])
    tool.key(ctx, "enter")
    assert painted(document, 0).sum() == 2500


def test_the_class_is_that_of_the_moment_it_closes(document):
    tool = TOOLS["polygon"]()
    click(tool, context(document, active=1), *SQUARE)
    tool.key(context(document, active=2), "enter")
    assert painted(document, 2).sum() == 2500


# -- drags ------------------------------------------------------------------------------------------------


def test_the_lasso_fills_what_it_went_around(document):
    tool, ctx = TOOLS["lasso"](), context(document)
    way = [(100 + 60 * np.sin(n), 150 + 60 * np.cos(n)) for n in np.linspace(0, 7, 200)]
    changed = drag(tool, ctx, *way)
    np.testing.assert_array_equal(painted(document), laid(polygon_spans(way, SHAPE)))
    assert changed[:-1] == [None] * 200
    assert changed[-1] == Rect(*bounds(painted(document)))
    assert document.history.undo_name == "Lasso"


def test_a_click_with_a_shape_paints_nothing_and_is_no_step(document):
    for name in ("lasso", "rectangle", "ellipse"):
        drag(TOOLS[name](), context(document), (50.0, 60.0))
    assert not document.painted
    assert document.history.undo_name is None


def test_a_rectangle_drawn_on_whole_numbers_is_exactly_those_pixels(document):
    changed = drag(TOOLS["rectangle"](), context(document), (2.0, 3.0), (4.0, 4.0), (5.0, 9.0))
    expected = np.zeros(SHAPE, dtype=bool)
    expected[2:5, 3:9] = True
    np.testing.assert_array_equal(painted(document), expected)
    assert changed[-1] == Rect(2, 3, 5, 9)


BOXES = [
    (frozenset(), ((50.0, 60.0), (80.0, 160.0))),
    (SHIFT, ((50.0, 60.0), (150.0, 160.0))),
    (CONTROL, ((20.0, -40.0), (80.0, 160.0))),
    (SHIFT | CONTROL, ((-50.0, -40.0), (150.0, 160.0))),
]


@pytest.mark.parametrize(("modifiers", "corners"), BOXES)
@pytest.mark.parametrize(("name", "spans"), [("rectangle", rectangle_spans), ("ellipse", ellipse_spans)])
def test_shift_makes_sides_equal_and_ctrl_draws_from_the_middle(name, spans, modifiers, corners, document):
    tool, ctx = TOOLS[name](), context(document)
    tool.press(ctx, 50.0, 60.0)  # both may be held and let go on the way
    tool.move(ctx, 80.0, 160.0, modifiers)
    (outline,) = tool.outlines(ctx)
    rows, columns = zip(*outline.points, strict=True)
    found = (min(rows), min(columns)), (max(rows), max(columns))
    np.testing.assert_allclose(found, corners, atol=0.3)
    assert outline.closed
    tool.release(ctx, 80.0, 160.0, modifiers)
    np.testing.assert_array_equal(painted(document), laid(spans(*corners, SHAPE)))


def test_a_shape_may_reach_over_the_border(document):
    drag(TOOLS["rectangle"](), context(document), (-500.0, -500.0), (40.0, 900.0))
    assert bounds(painted(document)) == (0, 0, 40, 400)


# -- line -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["drag", "two clicks", "click and enter"])
def test_a_line_is_a_drag_or_two_clicks(how, document):
    tool, ctx = TOOLS["line"](), context(document, radius=4.0)
    start, end = (100.0, 50.0), (160.0, 250.0)
    if how == "drag":
        drag(tool, ctx, start, (120.0, 90.0), end)
    elif how == "two clicks":
        click(tool, ctx, start)
        assert tool.busy
        click(tool, ctx, end)
    else:
        click(tool, ctx, start)
        tool.hover(ctx, *end)
        tool.key(ctx, "enter")
    np.testing.assert_array_equal(painted(document), laid(line_spans(start, end, 4.0, SHAPE)))
    assert document.history.undo_name == "Line"
    assert not tool.busy


def test_two_clicks_on_the_same_place_paint_a_dab(document):
    tool, ctx = TOOLS["line"](), context(document, radius=4.0)
    click(tool, ctx, (100.0, 50.0), (100.0, 50.0))
    assert painted(document).sum() == 52
    click(tool, ctx, (100.0, 50.0))
    tool.key(ctx, "backspace")
    assert not tool.busy


def test_shift_draws_lines_in_steps_of_45_degrees(document):
    tool, ctx = TOOLS["line"](), context(document, radius=1.0)
    drag(tool, ctx, (100.5, 50.5), (104.0, 150.5), modifiers=SHIFT)
    assert bounds(painted(document)) == (99, 49, 102, 152)


def test_the_outline_of_a_line_is_as_wide_as_the_line(document):
    tool, ctx = TOOLS["line"](), context(document, radius=10.0)
    tool.press(ctx, 100.0, 50.0)
    tool.move(ctx, 100.0, 250.0)
    (outline,) = tool.outlines(ctx)
    rows, columns = zip(*outline.points, strict=True)
    found = min(rows), min(columns), max(rows), max(columns)
    np.testing.assert_allclose(found, (90, 40, 110, 260))
    assert tool.cursor_radius(ctx) == 10.0


@pytest.mark.parametrize(
    ("to", "found"),
    [((1, 9), (0, 9)), ((9, 1), (9, 0)), ((8, 10), (9, 9)), ((-8, 10), (-9, 9)), ((0, 0), (0, 0))],
)
def test_leveled(to, found):
    assert leveled((0.0, 0.0), to) == found


# -- all --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["polygon", "lasso", "rectangle", "ellipse", "line"])
def test_a_shape_left_on_another_image_paints_on_neither(name, document):
    tool = TOOLS[name]()
    tool.press(context(document), 50.0, 60.0)
    tool.move(context(document), 90.0, 60.0)
    other = Document("b.png", document.image, Mask.full(SHAPE, UNLABELLED), document.classes)
    for kind in ("move", "hover", "release"):
        assert getattr(tool, kind)(context(other), 90.0, 160.0) is None
    assert not tool.busy
    assert not document.painted
    assert not other.painted


def test_a_large_area_is_planned_elsewhere_and_lands_as_one_step():
    shape = (256, 256 * (AT_ONCE + 1))
    large = Document("l.png", np.zeros(shape, np.uint8), Mask.full(shape, UNLABELLED), None)
    waiting, seen, told = [], [], []
    ctx = context(large, landing=lambda name, work: waiting.append((name, work)))
    assert drag(TOOLS["rectangle"](), ctx, (1.0, 1.0), (99.0, shape[1] - 1.0))[-1] is None
    assert not large.painted
    ((name, work),) = waiting
    plan = work(told.append)
    assert not large.painted
    assert told == sorted(told)
    assert 0 <= told[0] < told[-1] < 1
    assert large.land(name, plan).step.name == "Rectangle"
    np.testing.assert_array_equal(
        painted(large), laid(rectangle_spans((1.0, 1.0), (99.0, shape[1] - 1.0), shape))
    )
    ctx = context(large, active=1, committed=seen.append, changed=seen.append)  # without a window
    drag(TOOLS["rectangle"](), ctx, (1.0, 1.0), (99.0, shape[1] - 1.0))
    assert painted(large, 1).sum() == 98 * (shape[1] - 2)
    assert [type(entry).__name__ for entry in seen] == ["Change", "Rect"]
    large.undo()
    large.undo()
    assert not large.painted
