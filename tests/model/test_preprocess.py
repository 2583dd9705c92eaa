"""From image to input: channel rules, scaling, resizing, percentiles."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unet_studio.core.errors import StudioError
from unet_studio.core.model_card import Preprocessing
from unet_studio.model.preprocess import fit_percentiles, resize, resize_mask, resized_shape, scale, to_array

RNG = np.random.default_rng(0)
RGBA = RNG.integers(0, 256, (5, 7, 4), dtype=np.uint8)
RGB, GREY, GREY_ALPHA = RGBA[..., :3], RGBA[..., 0], RGBA[..., :2]


@pytest.mark.parametrize(("dtype", "top"), [(np.uint8, 255), (np.uint16, 65535), (np.float32, 1.0)])
def test_dtype_scaling_maps_the_full_range_to_0_1(dtype, top):
    image = np.array([[0, top]], dtype=dtype)
    result = to_array(image, Preprocessing(1))
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, [[[0.0, 1.0]]], atol=1e-7)


def test_mean_and_std_are_per_channel():
    result = to_array(RGB, Preprocessing(3, mean=(0.5, 0.4, 0.3), std=(0.5, 0.25, 2.0)))
    expected = (RGB / 255 - [0.5, 0.4, 0.3]) / [0.5, 0.25, 2.0]
    np.testing.assert_allclose(result, np.moveaxis(expected, 2, 0), rtol=1e-5, atol=1e-6)
    assert result.flags.c_contiguous


def test_percentiles_map_to_0_1_and_keep_what_lies_outside():
    image = np.array([[100, 300, 500, 700]], dtype=np.uint16)
    preprocessing = Preprocessing(1, "percentile", low=(300.0,), high=(500.0,), mean=(0.5,), std=(0.5,))
    np.testing.assert_allclose(to_array(image, preprocessing)[0, 0], [-3, -1, 1, 3], atol=1e-6)


def test_percentiles_without_a_span_divide_by_nothing():
    image = np.full((2, 2), 7, dtype=np.uint8)
    assert not to_array(image, Preprocessing(1, "percentile", low=(7.0,), high=(7.0,))).any()


@pytest.mark.parametrize(
    ("image", "channels", "expected"),
    [
        (GREY, 1, GREY[None]),
        (GREY[..., None], 1, GREY[None]),
        (GREY, 3, np.stack([GREY] * 3)),
        (GREY_ALPHA, 1, GREY[None]),
        (GREY_ALPHA, 3, np.stack([GREY] * 3)),
        (GREY_ALPHA, 2, np.moveaxis(GREY_ALPHA, 2, 0)),
        (RGB, 3, np.moveaxis(RGB, 2, 0)),
        (RGBA, 3, np.moveaxis(RGB, 2, 0)),
        (RGBA, 4, np.moveaxis(RGBA, 2, 0)),
        (RGB, 1, (RGB @ [0.299, 0.587, 0.114])[None]),
        (RGBA, 1, (RGB @ [0.299, 0.587, 0.114])[None]),
    ],
)
def test_channel_rules(image, channels, expected):
    result = to_array(image, Preprocessing(channels))
    np.testing.assert_allclose(result, expected / 255, atol=1e-6)


@pytest.mark.parametrize(("channels", "model"), [(3, 4), (5, 3), (1, 2), (4, 6), (5, 1)])
def test_channels_without_a_rule_are_refused(channels, model):
    with pytest.raises(StudioError, match=f"{channels} channels and the model takes {model}") as caught:
        to_array(np.zeros((4, 4, channels), dtype=np.uint8), Preprocessing(model))
    assert caught.value.remedy


@pytest.mark.parametrize("dtype", [np.float64, np.int16, bool])
def test_other_pixel_types_are_refused(dtype):
    with pytest.raises(StudioError, match="type"):
        to_array(np.zeros((4, 4), dtype=dtype), Preprocessing(1))


@pytest.mark.parametrize("shape", [(4,), (0, 4), (4, 4, 0), (2, 2, 2, 2)])
def test_what_is_no_image_is_refused(shape):
    with pytest.raises(StudioError, match="shape"):
        to_array(np.zeros(shape, dtype=np.uint8), Preprocessing(1))


def test_a_card_with_too_few_values_is_refused():
    with pytest.raises(StudioError, match="1 values of mean for 3"):
        to_array(RGB, Preprocessing(3, mean=(0.5,), std=(0.5,)))


def test_values_that_are_no_number_become_0():
    image = np.array([[np.nan, np.inf, -np.inf, 2.0]], dtype=np.float32)
    np.testing.assert_array_equal(to_array(image, Preprocessing(1))[0, 0], [0, 0, 0, 2])


@pytest.mark.parametrize(
    ("kind", "size", "expected"),
    [
        ("none", (), (30, 41)),
        ("factor", (0.5,), (15, 20)),
        ("factor", (2.0,), (60, 82)),
        ("factor", (0.001,), (1, 1)),
        ("long_side", (20,), (15, 20)),
        ("long_side", (82,), (60, 82)),
        ("stretch", (10, 12), (10, 12)),
    ],
)
@pytest.mark.parametrize("channels", [1, 3, 6])
def test_resizing_gives_the_announced_shape(kind, size, expected, channels):
    preprocessing = Preprocessing(channels, resize=kind, size=size)
    image = RNG.integers(0, 256, (30, 41, channels), dtype=np.uint8)
    assert resized_shape(image.shape, preprocessing) == expected
    assert resize(image, preprocessing).shape == (*expected, channels)
    assert to_array(image, preprocessing).shape == (channels, *expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_shrinking_averages_areas(dtype):
    image = (RNG.random((9, 12)) * 200).astype(dtype)
    small = resize(image, Preprocessing(1, resize="factor", size=(1 / 3,)))[..., 0]
    assert small.dtype == dtype
    expected = image.reshape(3, 3, 4, 3).astype(np.float64).mean(axis=(1, 3))
    np.testing.assert_allclose(small, expected, atol=0.51 if dtype != np.float32 else 1e-4)


def test_enlarging_interpolates():
    image = np.array([[0.0, 1.0]], dtype=np.float32)
    large = resize(image, Preprocessing(1, resize="stretch", size=(1, 4)))[0, :, 0]
    np.testing.assert_allclose(large, [0, 0.25, 0.75, 1], atol=1e-6)


def test_the_two_halves_are_to_array():
    preprocessing = Preprocessing(3, mean=(0.1,) * 3, std=(0.2,) * 3, resize="factor", size=(0.7,))
    resized = resize(RGBA, preprocessing)
    assert np.array_equal(scale(resized, preprocessing), to_array(RGBA, preprocessing))


def test_an_image_that_keeps_its_size_is_not_copied():
    assert np.shares_memory(resize(RGB, Preprocessing(3)), RGB)


def test_the_image_itself_is_never_changed():
    for dtype in (np.uint8, np.float32):
        image = RGB.astype(dtype)
        before = image.copy()
        to_array(image, Preprocessing(3, mean=(9.0,) * 3, std=(9.0,) * 3))
        assert np.array_equal(image, before)


@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 40), st.integers(1, 40))
def test_a_mask_takes_the_pixel_under_the_centre(height, width, new_height, new_width):
    labels = np.arange(height * width, dtype=np.uint8).reshape(height, width) % 251
    result = resize_mask(labels, (new_height, new_width))
    assert result.dtype == np.uint8
    assert result.shape == (new_height, new_width)
    for row, column in ((0, 0), (new_height - 1, new_width - 1), (new_height // 2, new_width // 3)):
        source = int((row + 0.5) * height / new_height), int((column + 0.5) * width / new_width)
        assert result[row, column] == labels[source]


def test_a_mask_enlarged_and_shrunk_again_is_the_same():
    labels = RNG.integers(0, 4, (9, 5), dtype=np.uint8)
    assert np.array_equal(resize_mask(resize_mask(labels, (27, 15)), (9, 5)), labels)


def test_percentiles_are_of_all_images_together():
    dark, bright = np.zeros((50, 100), np.uint16), np.full((50, 100), 1000, np.uint16)
    low, high = fit_percentiles([dark, bright], 1, 0.5, 99.5)
    assert (low, high) == ((0.0,), (1000.0,))
    middle = fit_percentiles([dark, bright, bright], 1, 50, 100)
    assert middle == ((1000.0,), (1001.0,))


def test_percentiles_are_per_channel_and_of_a_sample():
    image = np.zeros((2000, 1000, 3), dtype=np.float32)
    image[...] = np.linspace(0, 1, 2000, dtype=np.float32)[:, None, None] * [1, 10, 100]
    image[0, 0] = np.nan
    low, high = fit_percentiles(iter([image]), 3, 10, 90)
    np.testing.assert_allclose(low, (0.1, 1, 10), rtol=0.02)
    np.testing.assert_allclose(high, (0.9, 9, 90), rtol=0.02)


@pytest.mark.parametrize("images", [[], [np.full((2, 2), np.nan, np.float32)]])
def test_percentiles_of_nothing_are_refused(images):
    with pytest.raises(StudioError, match="percentiles"):
        fit_percentiles(images, 1)
