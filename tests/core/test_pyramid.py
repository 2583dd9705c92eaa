"""The pyramid against plain means, for every dtype and odd size; its progress and its cancel point."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unet_studio.core.display import Display
from unet_studio.core.errors import Cancelled
from unet_studio.core.geometry import Rect, tile_rect
from unet_studio.core.pyramid import Pyramid, halve


def whole(pyramid, level):
    """All values of a level."""
    return pyramid.pixels(level, Rect.of(pyramid.level_shape(level)))


def plain_means(image):
    """Mean of each 2 x 2 block, of what there is of it at the lower and right border."""
    height, width = image.shape[:2]
    out = np.empty(((height + 1) // 2, (width + 1) // 2, *image.shape[2:]))
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            block = image[2 * row : 2 * row + 2, 2 * column : 2 * column + 2].astype(np.float64)
            out[row, column] = block.mean(axis=(0, 1))
    return out


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 13),
    st.integers(1, 13),
    st.sampled_from([(), (1,), (2,), (3,), (4,), (6,)]),
    st.sampled_from([np.uint8, np.uint16, np.float32]),
    st.integers(0, 2**32 - 1),
)
def test_halving_is_the_mean_of_two_by_two(height, width, channels, dtype, seed):
    image = (np.random.default_rng(seed).random((height, width, *channels)) * 250).astype(dtype)
    small = halve(image)
    assert small.dtype == dtype
    rounding = 0.51 if dtype != np.float32 else 1e-4
    np.testing.assert_allclose(small, plain_means(image), atol=rounding)


@pytest.mark.parametrize("shape", [(1, 1), (256, 256), (257, 3), (3, 257), (700, 1301)])
def test_levels_halve_down_to_one_tile_and_the_image_is_not_copied(shape):
    image = np.zeros(shape, dtype=np.uint8)
    pyramid = Pyramid.build(image)
    assert pyramid.image is image
    assert pyramid.shape == shape
    assert max(pyramid.level_shape(pyramid.levels[-1])) <= 256
    for level in pyramid.levels:
        assert whole(pyramid, level).shape == tuple(-(-side // 2**level) for side in shape)
    assert pyramid.nbytes == sum(whole(pyramid, level).nbytes for level in pyramid.levels[2:])


@pytest.mark.parametrize("channels", [(), (3,), (6,)])
def test_bands_leave_no_trace(channels):
    image = np.random.default_rng(0).integers(0, 255, (5003, 300, *channels), dtype=np.uint8)
    pyramid = Pyramid.build(image)
    np.testing.assert_array_equal(whole(pyramid, 1), halve(image))
    np.testing.assert_array_equal(whole(pyramid, 2), halve(halve(image)))


@pytest.mark.parametrize("channels", [(), (3,), (4,), (7,)])
def test_parts_of_the_level_that_is_not_kept_fit_together(channels):
    image = np.random.default_rng(0).integers(0, 255, (701, 903, *channels), dtype=np.uint8)
    pyramid = Pyramid.build(image)
    shape = pyramid.level_shape(1)
    expected = pyramid.display.apply(halve(image))
    found = np.empty((*shape, 3), dtype=np.uint8)
    for key in Rect.of(shape).tiles(100):
        rect = tile_rect(*key, shape, 100)
        found[rect.slices] = pyramid.region(1, rect)
    np.testing.assert_array_equal(found, expected)


def test_a_level_covers_the_same_place_whatever_the_size():
    image = np.zeros((1001, 999), dtype=np.uint8)
    image[996:1000, 992:996] = 200  # one pixel of level 2
    pyramid = Pyramid.build(image)
    assert np.argwhere(whole(pyramid, 2) == 200).tolist() == [[249, 248]]


def test_region_shows_the_window_in_colour():
    image = np.arange(300 * 400, dtype=np.float32).reshape(300, 400)
    pyramid = Pyramid.build(image, Display(((0.0, 300.0 * 400 - 1),), (0,)))
    shown = pyramid.region(0, Rect(10, 20, 30, 50))
    assert shown.shape == (20, 30, 3)
    assert shown.dtype == np.uint8
    expected = np.rint(image[10:30, 20:50] / (300 * 400 - 1) * 255)
    np.testing.assert_allclose(shown[..., 0], expected, atol=1)
    dark = pyramid.with_display(Display(((1e6, 2e6),), (0,)))
    assert dark.kept is pyramid.kept
    assert dark.region(0, Rect(0, 0, 5, 5)).max() == 0


def test_progress_rises_to_one_and_may_cancel():
    image = np.zeros((5000, 600), dtype=np.uint8)
    seen = []
    Pyramid.build(image, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    assert len(seen) > 3

    def stop(fraction):
        if fraction > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        Pyramid.build(image, progress=stop)
