"""The packed XOR of a tile: there and back, for whatever changed."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from unet_studio.core import tile_codec

SIDES = st.integers(1, 256)


@given(st.data(), SIDES, SIDES, st.sampled_from([(0,), (0, 254), (0, 1, 254, 255), tuple(range(256))]))
def test_what_is_packed_undoes_and_redoes_exactly(data, height, width, values):
    shape = (height, width)
    difference = np.zeros(shape, np.uint8)
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    box = difference[top : data.draw(st.integers(top, height)), left : data.draw(st.integers(left, width))]
    seed = data.draw(st.integers(0, 2**16))
    box[...] = np.random.default_rng(seed).choice(np.array(values, np.uint8), box.shape)
    found = tile_codec.pack(difference)
    assert (found is None) == (not difference.any())
    if found is None:
        return
    packed, count = found
    assert count == np.count_nonzero(difference)
    before = np.random.default_rng(seed + 1).integers(0, 256, shape, dtype=np.uint8)
    tile = before.copy()
    tile_codec.exchange(packed, tile)
    assert np.array_equal(tile, before ^ difference)
    tile_codec.exchange(packed, tile)
    assert np.array_equal(tile, before)


@given(arrays.arrays(np.uint8, (7, 9)))
def test_anything_at_all_comes_back(difference):
    tile = np.zeros((7, 9), np.uint8)
    found = tile_codec.pack(difference)
    if found is not None:
        tile_codec.exchange(found[0], tile)
    assert np.array_equal(tile, difference)


def test_a_stroke_of_one_class_is_a_bit_a_pixel_at_most():
    noise = np.random.default_rng(0).random((256, 256)) < 0.5
    packed, _ = tile_codec.pack(np.where(noise, np.uint8(254), np.uint8(0)))
    assert len(packed) < 256 * 256 // 8 + 100
