"""Polygons on pixel edges: exact by our rule, by pycocotools, with holes and as key-holes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from unet_studio.formats import polygons
from unet_studio.formats.polygons import Part, fill, inset, keyhole, signed_area, trace

# pycocotools was built for an older numpy
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

STENCILS = st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(
    lambda shape: arrays.arrays(np.bool_, shape, elements=st.booleans())
)


def rings(part: Part) -> list[NDArray[np.float64]]:
    return [ring.astype(np.float64) for ring in (part.outer, *part.holes)]


def drawn_by_pycocotools(ring: NDArray[np.int32], shape: tuple[int, int]) -> NDArray[np.int64]:
    pieces = coco_mask.frPyObjects([ring.ravel().astype(float).tolist()], *shape)
    return np.asarray(coco_mask.decode(coco_mask.merge(pieces)), dtype=np.int64)


@settings(deadline=None)
@given(stencil=STENCILS)
def test_every_pixel_comes_back(stencil: NDArray[np.bool_]) -> None:
    parts = trace(stencil)
    np.testing.assert_array_equal(
        fill([ring for part in parts for ring in rings(part)], stencil.shape), stencil
    )


@settings(deadline=None)
@given(stencil=STENCILS)
def test_pycocotools_draws_the_same(stencil: NDArray[np.bool_]) -> None:
    total = np.zeros(stencil.shape, np.int64)
    for part in trace(stencil):
        total += drawn_by_pycocotools(part.outer, stencil.shape)
        for hole in part.holes:
            total -= drawn_by_pycocotools(hole, stencil.shape)
    np.testing.assert_array_equal(total, stencil)


@settings(deadline=None)
@given(stencil=STENCILS)
def test_a_keyhole_ring_says_the_same_in_one_piece(stencil: NDArray[np.bool_]) -> None:
    total = np.zeros(stencil.shape, np.int64)
    for part in trace(stencil):
        ring = keyhole(part)
        np.testing.assert_array_equal(
            fill([ring.astype(np.float64)], stencil.shape), fill(rings(part), stencil.shape)
        )
        total += drawn_by_pycocotools(ring, stencil.shape)
    np.testing.assert_array_equal(total, stencil)


def test_outer_rings_run_clockwise_and_holes_the_other_way() -> None:
    stencil = np.ones((5, 6), np.bool_)
    stencil[2, 2:4] = False
    (part,) = trace(stencil)
    assert sorted(map(tuple, part.outer.tolist())) == [(0, 0), (0, 5), (6, 0), (6, 5)]
    assert signed_area(part.outer) == 2 * 30
    assert [signed_area(hole) for hole in part.holes] == [-2 * 2]


def test_pixels_that_touch_at_a_corner_stay_apart() -> None:
    parts = trace(np.eye(3, dtype=np.bool_))
    assert [len(part.outer) for part in parts] == [4, 4, 4]


def test_an_island_in_a_hole_is_a_part_of_its_own() -> None:
    stencil = np.ones((7, 7), np.bool_)
    stencil[1:6, 1:6] = False
    stencil[3, 3] = True
    parts = trace(stencil)
    assert sorted(len(part.holes) for part in parts) == [0, 1]


def test_nothing_has_no_parts() -> None:
    assert trace(np.zeros((4, 4), np.bool_)) == []


def test_a_pixel_belongs_to_what_its_centre_lies_in() -> None:
    triangle = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])
    rows, columns = np.mgrid[:4, :4] + 0.5
    np.testing.assert_array_equal(fill([triangle], (4, 4)), rows + columns < 4)


def test_rings_a_quarter_of_a_pixel_inside() -> None:
    stencil = np.ones((5, 5), np.bool_)
    stencil[2, 2] = False
    (part,) = trace(stencil)
    moved = inset(part)
    # In quarters: the outline 1 inside of 0..20, the hole 1 outside of 8..12.
    assert sorted(map(tuple, moved.outer.tolist())) == [(1, 1), (1, 19), (19, 1), (19, 19)]
    assert sorted(map(tuple, moved.holes[0].tolist())) == [(7, 7), (7, 13), (13, 7), (13, 13)]
    np.testing.assert_array_equal(fill([ring / 4 for ring in (moved.outer, *moved.holes)], (5, 5)), stencil)


@given(
    st.integers(3, 12).flatmap(
        lambda count: arrays.arrays(np.int64, (count, 2), elements=st.integers(-8, 40)).map(
            lambda ring: ring / 4
        )
    ),
    st.integers(1, 9),
)
def test_a_pixel_is_filled_where_its_centre_lies_inside(ring: NDArray[np.float64], at_a_time: int) -> None:
    """Against the definition, edge by edge, however many crossings are held at a time."""
    expected = np.zeros((7, 8), np.bool_)
    for row, column in np.ndindex(7, 8):
        y, x = row + 0.5, column + 0.5
        for (x0, y0), (x1, y1) in zip(ring.tolist(), np.roll(ring, -1, axis=0).tolist(), strict=True):
            if min(y0, y1) <= y < max(y0, y1) and x0 + (y - y0) * (x1 - x0) / (y1 - y0) <= x:
                expected[row, column] ^= True
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(polygons, "PORTION", at_a_time)
        np.testing.assert_array_equal(fill([ring], (7, 8)), expected)
