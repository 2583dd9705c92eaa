"""The numbers of the view: whatever the zoom and the offset, positions go to the screen and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unet_studio.core.geometry import Rect
from unet_studio.ui.canvas.view import MARGIN, MAXIMUM_ZOOM, View, zoom_range

zooms = st.floats(0.002, 64)
offsets = st.floats(-20_000, 20_000)
views = st.builds(View, zooms, offsets, offsets)
shapes = st.tuples(st.integers(1, 40_000), st.integers(1, 40_000))
sizes = st.tuples(st.integers(1, 5000), st.integers(1, 4000))
points = st.tuples(st.floats(-100, 5000), st.floats(-100, 5000))


@given(views, points)
def test_to_image_and_back(view, point):
    row, column = view.to_image(*point)
    assert view.to_screen(row, column) == pytest.approx(point, abs=1e-6)


@given(views, points, st.floats(0.05, 20))
def test_zooming_keeps_the_point_under_the_cursor(view, point, factor):
    before = view.to_image(*point)
    zoomed = view.zoomed(factor, *point)
    assert zoomed.zoom == pytest.approx(view.zoom * factor)
    x, y = zoomed.to_screen(*before)
    assert (x, y) == pytest.approx(point, abs=1e-5 * factor)


@given(shapes, sizes)
def test_fit_shows_all_of_the_image_in_the_middle(shape, size):
    view = View.fit(shape, size)
    left, top = view.to_screen(0, 0)
    right, bottom = view.to_screen(*shape)
    assert -1e-6 <= left <= right <= size[0] + 1e-6
    assert -1e-6 <= top <= bottom <= size[1] + 1e-6
    assert (left + right) / 2 == pytest.approx(size[0] / 2, abs=1e-6)
    assert (top + bottom) / 2 == pytest.approx(size[1] / 2, abs=1e-6)
    used = max((right - left) / size[0], (bottom - top) / size[1])
    assert used == pytest.approx(MARGIN) or view.zoom == MAXIMUM_ZOOM
    assert view.visible(shape, size) == Rect.of(shape)


@given(views, shapes, sizes)
def test_clamped_keeps_the_middle_on_the_image(view, shape, size):
    row, column = view.clamped(shape, size).to_image(size[0] / 2, size[1] / 2)
    assert -1e-6 <= row <= shape[0] + 1e-6
    assert -1e-6 <= column <= shape[1] + 1e-6


@given(shapes, sizes, st.floats(0, 1), st.floats(0, 1), st.floats(1, 20))
def test_zooming_in_on_the_image_is_never_clamped(shape, size, down, right, factor):
    view = View.fit(shape, size)
    point = view.to_screen(down * shape[0], right * shape[1])
    zoomed = view.zoomed(factor, *point)
    clamped = zoomed.clamped(shape, size)
    assert (clamped.x, clamped.y) == pytest.approx((zoomed.x, zoomed.y), abs=1e-4)


@given(views)
def test_snapping_moves_by_half_a_device_pixel_at_most(view):
    snapped = view.snapped()
    assert snapped.x == int(snapped.x)
    assert snapped.y == int(snapped.y)
    assert abs(snapped.x - view.x) <= 0.5
    assert abs(snapped.y - view.y) <= 0.5


@given(views, shapes, sizes)
def test_visible_is_what_the_corners_see(view, shape, size):
    visible = view.visible(shape, size)
    for x in (0.5, size[0] / 2, size[0] - 0.5):
        for y in (0.5, size[1] / 2, size[1] - 0.5):
            row, column = view.to_image(x, y)
            if 0 <= row < shape[0] and 0 <= column < shape[1]:
                assert visible.top <= row < visible.bottom
                assert visible.left <= column < visible.right


@pytest.mark.parametrize(
    ("zoom", "level"), [(64, 0), (1, 0), (0.99, 0), (0.51, 0), (0.5, 1), (0.3, 1), (0.25, 2), (0.001, 5)]
)
def test_level_is_the_coarsest_that_is_fine_enough(zoom, level):
    assert View(zoom).level(6) == level
    assert zoom * 2**level <= 1 or level in (0, 5)


@given(shapes, sizes)
def test_every_image_can_be_fitted_and_seen_at_actual_size(shape, size):
    smallest, largest = zoom_range(shape, size)
    assert smallest <= View.fit(shape, size).zoom <= largest
    assert smallest <= 1 <= largest
