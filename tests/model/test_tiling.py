"""Tiles along an axis: they cover it, on the stride, and their weights sum to 1."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unet_studio.model.tiling import Axis, lay_tiles


def total(axis: Axis) -> np.ndarray:
    summed = np.zeros(axis.starts[-1] + axis.side)
    for start, row in zip(axis.starts, axis.weights, strict=True):
        summed[start : start + axis.side] += row
    return summed


@given(
    st.integers(1, 5000),
    st.integers(1, 700),
    st.sampled_from([0.0, 0.1, 0.25, 0.5]),
    st.sampled_from([1, 2, 8, 32]),
)
def test_tiles_cover_the_axis_and_weights_sum_to_one(size, tile, overlap, stride):
    tile = max(tile, size // 50)
    axis = lay_tiles(size, tile, overlap, stride)
    assert axis.side % stride == 0
    assert all(start % stride == 0 for start in axis.starts)
    assert list(axis.starts) == sorted(set(axis.starts))
    assert axis.starts[0] == 0
    assert 0 <= axis.starts[-1] + axis.side - size < stride
    assert axis.side <= 1.25 * max(tile, stride) + stride
    np.testing.assert_allclose(total(axis), 1, atol=1e-6)
    assert axis.weights.dtype == np.float32
    assert (axis.weights >= 0).all()


def test_a_small_or_slightly_larger_image_is_one_tile():
    assert lay_tiles(1, 512, 0.25, 32).starts == (0,)
    assert lay_tiles(1, 512, 0.25, 32).side == 32
    axis = lay_tiles(640, 512, 0.25, 32)
    assert (axis.starts, axis.side) == ((0,), 640)
    assert (axis.weights == 1).all()
    assert len(lay_tiles(641, 512, 0.25, 32).starts) == 2


def test_tiles_are_as_many_as_needed_and_evenly_spread():
    axis = lay_tiles(1700, 512, 0.25, 32)
    assert len(axis.starts) == 5
    assert axis.side == 448
    steps = np.diff(axis.starts)
    assert steps.max() - steps.min() <= 32


def test_a_halo_at_inner_edges_counts_nothing():
    axis = lay_tiles(2000, 512, 0.25, 16)
    for tile in range(1, len(axis.starts)):
        shared = axis.starts[tile - 1] + axis.side - axis.starts[tile]
        halo = int(shared * 0.25)
        assert halo >= 24
        assert not axis.weights[tile, :halo].any()
        assert not axis.weights[tile - 1, -halo:].any()
        assert axis.weights[tile, halo + 1] > 0
    assert axis.weights[0, 0] == 1
    assert axis.weights[-1, -1] == 1


def test_the_weight_moves_over_smoothly():
    axis = lay_tiles(2000, 512, 0.25, 16)
    shared = axis.starts[0] + axis.side - axis.starts[1]
    assert np.abs(np.diff(axis.weights)).max() < 4 / shared


def test_support_is_where_a_tile_counts():
    axis = lay_tiles(2000, 512, 0.25, 16)
    for tile, start in enumerate(axis.starts):
        low, high = axis.support(tile)
        inside = axis.weights[tile, low - start : high - start]
        assert (inside > 0).all()
        assert inside.sum() == pytest.approx(axis.weights[tile].sum())
