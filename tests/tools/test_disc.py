"""Discs and swept discs against the definition, pixel by pixel."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unet_studio.tools.disc import pieces, swept_disc

SHAPE = (41, 53)
coordinates = st.tuples(st.floats(-30, 70), st.floats(-30, 80))
radii = st.floats(0.5, 40)


def distances(shape, start, end):
    """From every pixel centre to the segment: the plain definition."""
    rows, columns = np.mgrid[: shape[0], : shape[1]] + 0.5
    down, right = end[0] - start[0], end[1] - start[1]
    square = down * down + right * right
    along = np.zeros(shape)
    if square > 1e-18:
        along = np.clip(((rows - start[0]) * down + (columns - start[1]) * right) / square, 0, 1)
    return np.hypot(rows - start[0] - along * down, columns - start[1] - along * right)


def depths(shape, start, end, radius, end_radius):
    """How far outside the discs between the two ends, which grow evenly, every pixel centre is."""
    rows, columns = np.mgrid[: shape[0], : shape[1]] + 0.5
    length = max(math.dist(start, end), 1e-12)
    heading = math.atan2(end[0] - start[0], end[1] - start[1])
    down, right = math.sin(heading), math.cos(heading)
    along = (rows - start[0]) * down + (columns - start[1]) * right
    beside = np.abs((rows - start[0]) * right - (columns - start[1]) * down)
    lean = (radius - end_radius) / length
    if abs(lean) >= 1:  # one holds the other
        place = np.full(shape, 0.0 if lean > 0 else 1.0)
    else:  # the disc whose edge is nearest: its radius leans by as much
        place = np.clip((along - beside * lean / math.sqrt(1 - lean * lean)) / length, 0, 1)
    return np.hypot(along - place * length, beside) - radius - place * (end_radius - radius)


def laid(shape, start, end, radius, end_radius=None):
    whole = np.zeros(shape, dtype=bool)
    rect, stencil = swept_disc(start, end, radius, shape, end_radius)
    assert rect.empty or stencil.shape == (rect.height, rect.width)
    whole[rect.slices] = stencil
    return whole


def under(shape, *points):
    whole = np.zeros(shape, dtype=bool)
    for row, column in points:
        if 0 <= row < shape[0] and 0 <= column < shape[1]:
            whole[int(row), int(column)] = True
    return whole


@settings(max_examples=150, deadline=None)
@given(coordinates, coordinates, radii)
def test_swept_disc_is_every_pixel_centre_within_the_radius(start, end, radius):
    far = distances(SHAPE, start, end)
    expected = (far <= radius) | under(SHAPE, start, end)
    certain = np.abs(far - radius) > 1e-6  # rounding may decide the others either way
    np.testing.assert_array_equal(laid(SHAPE, start, end, radius)[certain], expected[certain])


@settings(max_examples=150, deadline=None)
@given(coordinates, coordinates, radii, radii)
def test_a_tapered_sweep_is_every_disc_between_its_ends(start, end, radius, end_radius):
    outside = depths(SHAPE, start, end, radius, end_radius)
    expected = (outside <= 0) | under(SHAPE, start, end)
    certain = np.abs(outside) > 1e-5
    found = laid(SHAPE, start, end, radius, end_radius)
    np.testing.assert_array_equal(found[certain], expected[certain])


@settings(max_examples=100, deadline=None)
@given(coordinates, radii)
def test_a_dab_is_a_disc(centre, radius):
    far = distances(SHAPE, centre, centre)
    expected = (far <= radius) | under(SHAPE, centre)
    certain = np.abs(far - radius) > 1e-6
    np.testing.assert_array_equal(laid(SHAPE, centre, centre, radius)[certain], expected[certain])


@pytest.mark.parametrize(
    ("radius", "pixels"),
    [(0.5, 1), (1.0, 5), (1.5, 9), (2.0, 13), (5.0, 81), (50.0, 7845)],
)
def test_dab_in_the_middle_of_a_pixel_has_the_known_number_of_pixels(radius, pixels):
    # Gauss's circle problem: lattice points in a disc around one of them.
    assert laid((128, 128), (64.5, 64.5), (64.5, 64.5), radius).sum() == pixels


def test_the_smallest_tip_paints_the_pixel_under_it_wherever_it_stands_in_it():
    for row, column in [(3.0, 4.0), (3.01, 4.99), (3.99, 4.0), (3.5, 4.5)]:
        stencil = laid((8, 8), (row, column), (row, column), 0.5)
        assert stencil[3, 4]


def test_a_thin_line_has_no_gaps():
    stencil = laid((60, 60), (2.3, 1.1), (55.7, 31.9), 0.5)
    rows = np.flatnonzero(stencil.any(axis=1))
    np.testing.assert_array_equal(rows, np.arange(2, 56))
    for row in rows[:-1]:
        here, there = np.flatnonzero(stencil[row]), np.flatnonzero(stencil[row + 1])
        assert np.abs(here[:, None] - there).min() <= 1


@settings(max_examples=60, deadline=None)
@given(coordinates, coordinates, st.floats(0.5, 6), st.floats(0.5, 6))
def test_pieces_sweep_what_the_whole_sweeps(start, end, radius, end_radius):
    start = (start[0] * 10, start[1] * 10)
    outside = depths(SHAPE, start, end, radius, end_radius)
    together = np.zeros(SHAPE, dtype=bool)
    for one, other, first, last in pieces(start, end, radius, end_radius):
        together |= laid(SHAPE, one, other, first, last)
    whole = laid(SHAPE, start, end, radius, end_radius)
    near = min(radius, end_radius) < 1  # cuts add the pixel they stand on
    certain = (np.abs(outside) > 1e-5) & ((outside > 0.5) | (outside < 0) if near else True)
    np.testing.assert_array_equal(together[certain], whole[certain])


def test_a_long_diagonal_costs_its_own_length_not_its_rectangle():
    area = 0
    for one, other, radius, end_radius in pieces((10, 10), (8000, 8000), 5, 5):
        rect, _ = swept_disc(one, other, radius, (8192, 8192), end_radius)
        area += rect.height * rect.width
    assert area < 150 * 150 * math.ceil(math.hypot(7990, 7990) / 128)


def test_only_the_part_inside_the_image_is_made():
    rect, stencil = swept_disc((-400.0, 10.0), (-400.0, 10.0), 500, (64, 64))
    assert (rect.top, rect.left, rect.bottom, rect.right) == (0, 0, 64, 64)
    assert stencil.all()
    assert swept_disc((-50.0, 10.0), (-50.0, 30.0), 20, (64, 64))[0].empty
