"""Areas against their definition, pixel by pixel: which centres lie inside."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.tools.test_disc import laid
from unet_studio.core.geometry import Rect, tile_rect
from unet_studio.tools.spans import ellipse_spans, line_spans, polygon_spans, rectangle_spans

SHAPE = (23, 31)
anywhere = st.tuples(st.floats(-12, 35), st.floats(-12, 45))
halves = st.tuples(st.integers(-12, 50).map(lambda n: n / 2), st.integers(-12, 70).map(lambda n: n / 2))


def whole(spans):
    """The area as one stencil of the image, put together from its tiles."""
    found = np.zeros(spans.shape, dtype=bool)
    keys = []
    for key, rect, stencil in spans.tiles():
        assert rect == tile_rect(*key, spans.shape)
        assert stencil.any(), key
        found[rect.slices] = stencil
        keys.append(key)
    assert keys == sorted(set(keys)) == spans.touched()
    assert found.sum() == spans.area
    rows, columns = np.nonzero(found)
    if rows.size:
        assert spans.bounds == Rect(rows.min(), columns.min(), rows.max() + 1, columns.max() + 1)
    else:
        assert spans.bounds.empty
    return found


def winding(points, row, column):
    """How often the outline goes around a point: the plain sum of crossings of a ray to the left.

    A level edge crosses nothing; a crossing at the point itself counts, so edges take what is right of them.
    """
    turns = 0
    for (top, left), (bottom, right) in zip(points, [*points[1:], points[0]], strict=True):
        if (top <= row) != (bottom <= row):
            (r1, c1), (r2, c2) = sorted([(top, left), (bottom, right)])
            if c1 + (row - r1) * ((c2 - c1) / (r2 - r1)) <= column:
                turns += 1 if top < bottom else -1
    return turns


def inside(points, shape=SHAPE):
    rows, columns = range(shape[0]), range(shape[1])
    return np.array([[winding(points, r + 0.5, c + 0.5) != 0 for c in columns] for r in rows])


@settings(max_examples=80, deadline=None)
@given(st.lists(st.one_of(anywhere, halves), min_size=1, max_size=9))
def test_a_polygon_is_every_centre_it_goes_around(points):
    np.testing.assert_array_equal(whole(polygon_spans(points, SHAPE)), inside(points))


@settings(max_examples=60, deadline=None)
@given(st.lists(halves, min_size=3, max_size=7))
def test_a_polygon_has_no_direction_and_no_first_point(points):
    found = whole(polygon_spans(points, SHAPE))
    np.testing.assert_array_equal(found, whole(polygon_spans(points[::-1], SHAPE)))
    np.testing.assert_array_equal(found, whole(polygon_spans(points[2:] + points[:2], SHAPE)))


@settings(max_examples=60, deadline=None)
@given(anywhere, anywhere, st.lists(anywhere, max_size=3))
def test_areas_that_share_edges_share_no_pixel_and_leave_none_out(one, other, way):
    """The image cut in two by a line from above it to below it that bends wherever it likes."""
    cut = sorted([one, other, *way])
    cut = [(-20.0, cut[0][1]), *cut, (60.0, cut[-1][1])]
    left = whole(polygon_spans([(-20.0, -20.0), *cut, (60.0, -20.0)], SHAPE))
    right = whole(polygon_spans([(-20.0, 60.0), *cut, (60.0, 60.0)], SHAPE))
    assert (left ^ right).all()


def test_what_crosses_itself_is_filled_throughout():
    twice_around = [(2, 2), (2, 20), (20, 20), (20, 2), (5, 5), (5, 17), (17, 17), (17, 5)]
    assert whole(polygon_spans(twice_around, SHAPE))[10, 10]
    eight = [(1, 1), (21, 11), (21, 1), (1, 11)]
    found = whole(polygon_spans(eight, SHAPE))
    assert found[3, 5]
    assert found[18, 5]
    assert not found[11, 2]


def test_a_rectangle_on_whole_numbers_is_exactly_those_pixels():
    expected = np.zeros(SHAPE, dtype=bool)
    expected[2:5, 3:9] = True
    for one, other in [((2, 3), (5, 9)), ((5, 9), (2, 3)), ((2, 9), (5, 3)), ((5, 3), (2, 9))]:
        np.testing.assert_array_equal(whole(rectangle_spans(one, other, SHAPE)), expected)
    corners = [(2, 3), (2, 9), (5, 9), (5, 3)]
    np.testing.assert_array_equal(whole(polygon_spans(corners, SHAPE)), expected)


@settings(max_examples=60, deadline=None)
@given(st.one_of(anywhere, halves), st.one_of(anywhere, halves))
def test_a_rectangle_is_the_polygon_of_its_corners(one, other):
    found = whole(rectangle_spans(one, other, SHAPE))
    corners = [one, (one[0], other[1]), other, (other[0], one[1])]
    np.testing.assert_array_equal(found, whole(polygon_spans(corners, SHAPE)))


@settings(max_examples=80, deadline=None)
@given(st.one_of(anywhere, halves), st.one_of(anywhere, halves))
def test_an_ellipse_is_every_centre_inside_it(one, other):
    half = abs(one[0] - other[0]) / 2, abs(one[1] - other[1]) / 2
    assume(min(half) > 1e-3)
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]] + 0.5
    down = (rows - (one[0] + other[0]) / 2) / half[0]
    right = (columns - (one[1] + other[1]) / 2) / half[1]
    far = down**2 + right**2
    certain = np.abs(far - 1) > 1e-9
    found = whole(ellipse_spans(one, other, SHAPE))
    np.testing.assert_array_equal(found[certain], (far <= 1)[certain])


def test_an_ellipse_without_width_is_nothing():
    assert ellipse_spans((3.0, 4.0), (9.0, 4.0), SHAPE).area == 0
    assert ellipse_spans((3.0, 4.0), (3.0, 9.0), SHAPE).area == 0


@settings(max_examples=60, deadline=None)
@given(anywhere, anywhere, st.floats(0.5, 20))
def test_a_line_is_a_stroke_of_the_brush(start, end, radius):
    found = whole(line_spans(start, end, radius, SHAPE))
    np.testing.assert_array_equal(found, laid(SHAPE, start, end, radius))


@pytest.mark.parametrize("shape", [(600, 700), (256, 512), (257, 300)])
def test_tiles_are_those_with_pixels_and_no_others(shape):
    ring = [(math.sin(n) * 240 + 250, math.cos(n) * 240 + 300) for n in np.linspace(0, 6.28, 60)]
    for spans in (
        polygon_spans(ring, shape),
        rectangle_spans((-5, -5), (900, 900), shape),
        line_spans((0, 0), shape, 3, shape),
    ):
        assert whole(spans).any()


def test_edges_that_are_almost_level_cross_nothing():
    for top in (0.0, 5.0):
        points = [(top, 0.0), (top + 2.2e-309, 1.0), (np.nextafter(top, 9), 20.0)]
        assert polygon_spans(points, SHAPE).area == 0
    points = [(4.5, 3.0), (np.nextafter(4.5, 9), 20.0), (9.0, 3.0)]  # the least that reaches a row's middle
    np.testing.assert_array_equal(whole(polygon_spans(points, SHAPE)), inside(points))


def test_outlines_far_outside_cost_no_more_than_the_image():
    spans = polygon_spans([(-1e12, -1e12), (-1e12, 1e12), (1e12, 1e12), (1e12, -1e12)], SHAPE)
    assert whole(spans).all()
    assert spans.rows.size == SHAPE[0]
    assert polygon_spans([(-9e5, -1e5), (-1e5, 9e5), (-10, 40)], SHAPE).area == 0
