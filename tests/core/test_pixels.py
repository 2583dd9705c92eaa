"""What the screen shows of an image, its hash, and the turning of arrays."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from unet_studio.core.image_io import display_window, pixel_hash, to_display
from unet_studio.core.pixels import as_stored, oriented, working, working_type


def test_eight_bit_is_shown_as_it_is() -> None:
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert display_window(grey) == (0.0, 255.0)
    shown = to_display(grey, (0.0, 255.0))
    assert shown.flags.c_contiguous
    for channel in range(3):
        np.testing.assert_array_equal(shown[..., channel], grey)


@pytest.mark.parametrize("channels", [2, 3, 4, 5, 7])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_any_number_of_channels_is_shown(channels: int, dtype: str) -> None:
    rng = np.random.default_rng(channels)
    image = rng.integers(0, 256, (5, 6, channels)).astype(dtype)
    shown = to_display(image, (0.0, 255.0))
    assert shown.shape == (5, 6, 3)
    assert shown.dtype == np.uint8
    assert shown.flags.c_contiguous
    wanted = np.repeat(image[..., :1], 3, axis=2) if channels == 2 else image[..., :3]
    np.testing.assert_array_equal(shown, wanted)


def test_the_window_maps_black_and_white_and_clips() -> None:
    image = np.array([[0, 100, 151, 200, 65535]], dtype=np.uint16)
    np.testing.assert_array_equal(to_display(image, (100.0, 200.0))[0, :, 0], [0, 0, 130, 255, 255])
    eight = np.array([[90, 111, 130]], dtype=np.uint8)
    np.testing.assert_array_equal(to_display(eight, (90.0, 130.0))[0, :, 1], [0, 134, 255])


def test_numbers_that_are_none_are_black_or_white() -> None:
    image = np.array([[np.nan, -np.inf, np.inf, 0.5]], dtype=np.float32)
    np.testing.assert_array_equal(to_display(image, (0.0, 1.0))[0, :, 0], [0, 0, 255, 128])


def test_the_window_is_robust_and_ignores_what_is_no_number() -> None:
    image = np.linspace(10, 20, 100_000, dtype=np.float32).reshape(100, 1000)
    image[0, :20] = np.nan
    image[0, 20:30] = 1e9
    image[0, 30:33] = (np.inf, -np.inf, -1e9)
    low, high = display_window(image)
    assert 9.9 < low < 10.2
    assert 19.8 < high < 20.1


@pytest.mark.parametrize(
    ("image", "window"),
    [
        (np.full((4, 4), np.nan, np.float32), (0.0, 1.0)),
        (np.full((4, 4), 7, np.uint16), (7.0, 8.0)),
        (np.pad(np.full((1, 1), 900, np.uint16), ((0, 99), (0, 99))), (0.0, 900.0)),
    ],
    ids=["no number", "one value", "one bright pixel"],
)
def test_windows_of_images_with_little_in_them(image: np.ndarray, window: tuple[float, float]) -> None:
    assert display_window(image) == window
    assert to_display(image, window).shape == (*image.shape, 3)


def test_alpha_does_not_widen_the_window() -> None:
    image = np.zeros((50, 50, 4), dtype=np.uint16)
    image[..., :3] = np.linspace(100, 300, 2500).reshape(50, 50, 1)
    image[..., 3] = 65535
    assert display_window(image)[1] <= 300
    grey = image[..., 2:]
    assert display_window(grey)[1] <= 300


def test_bands_of_a_large_image_meet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unet_studio.core.pixels._BAND", 100)
    image = np.random.default_rng(0).random((57, 23)).astype(np.float32)
    np.testing.assert_array_equal(
        to_display(image, (0.0, 1.0))[..., 0], np.rint(image.astype(np.float64) * 255).astype(np.uint8)
    )


@given(arrays.arrays(np.uint16, arrays.array_shapes(min_dims=2, max_dims=3, max_side=6)))
def test_the_hash_is_of_pixels_not_of_memory(image: np.ndarray) -> None:
    same = (image.astype(">u2"), np.asfortranarray(image), image[::-1][::-1], image.copy())
    assert {pixel_hash(other) for other in same} == {pixel_hash(image)}


def test_the_hash_tells_shape_type_and_every_pixel() -> None:
    image = np.zeros((4, 6), dtype=np.uint8)
    changed = image.copy()
    changed[3, 5] = 1
    others = (
        image.reshape(6, 4),
        image.reshape(4, 6, 1),
        changed,
        image.view(np.int8),
        image.astype(np.uint16),
    )
    assert len({pixel_hash(other) for other in (image, *others)}) == 6
    assert len(pixel_hash(image)) == 32
    known = hashlib.blake2b(b"(4, 6) |u1" + bytes(24), digest_size=16)  # stored in masks: must never change
    assert pixel_hash(image) == known.hexdigest()


@given(arrays.arrays(np.uint8, arrays.array_shapes(min_dims=2, max_dims=3, max_side=5)), st.integers(1, 8))
def test_turning_and_turning_back(image: np.ndarray, orientation: int) -> None:
    turned = oriented(image, orientation)
    assert np.shares_memory(turned, image)
    np.testing.assert_array_equal(as_stored(turned, orientation), image)


def test_truth_values_become_black_and_white() -> None:
    result = working(np.array([[True, False]]))
    assert result.dtype == np.uint8
    assert result.tolist() == [[255, 0]]


@pytest.mark.parametrize("dtype", ["int8", "int16"])
def test_signed_types_keep_order_and_number_of_values(dtype: str) -> None:
    limits = np.iinfo(dtype)
    values = np.arange(limits.min, limits.max + 1, dtype=dtype)
    result = working(values.astype(np.dtype(dtype).newbyteorder(">")))
    assert result.dtype.name == f"u{dtype}" == working_type(dtype)
    np.testing.assert_array_equal(result, np.arange(len(values)))
