"""How pixels become colours: windows, gamma and channels of every dtype; histograms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unet_studio.core.display import Display, Histogram, brightness_contrast, window_of

DTYPES = ["uint8", "uint16", "float32"]


def grey(window: tuple[float, float], gamma: float = 1.0) -> Display:
    return Display((window,), (0,), gamma=gamma)


def test_eight_bit_is_shown_as_it_is() -> None:
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    shown = Display.of(values).apply(values)
    assert shown.flags.c_contiguous
    for channel in range(3):
        np.testing.assert_array_equal(shown[..., channel], values)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 7])
@pytest.mark.parametrize("dtype", DTYPES)
def test_any_number_of_channels_is_shown(channels: int, dtype: str) -> None:
    image = np.random.default_rng(channels).integers(0, 256, (5, 6, channels)).astype(dtype)
    display = Display(((0.0, 255.0),) * channels, Display.of(image).colors)
    assert display.fits(image)
    shown = display.apply(image)
    assert shown.shape == (5, 6, 3)
    assert shown.dtype == np.uint8
    assert shown.flags.c_contiguous
    wanted = np.repeat(image[..., :1], 3, axis=2) if channels <= 2 else image[..., :3]
    np.testing.assert_array_equal(shown, wanted)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 3), (20, 30, 4), (20, 30, 6)])
@pytest.mark.parametrize("gamma", [1.0, 2.2, 0.4])
def test_a_part_of_an_image_is_shown_as_the_formula_says(
    dtype: str, shape: tuple[int, ...], gamma: float
) -> None:
    image = np.random.default_rng(1).integers(0, 250, shape).astype(dtype)
    channels = 1 if len(shape) == 2 else shape[2]
    windows = tuple((10.0 + channel, 200.0 + channel) for channel in range(channels))
    display = Display(windows, (0,) if channels == 1 else (1, 0, channels - 1), gamma=gamma)
    part = image[3:15, 4:25]
    shown = display.apply(part)
    for place, channel in enumerate((0, 0, 0) if channels == 1 else (1, 0, channels - 1)):
        values = (part if channels == 1 else part[..., channel]).astype(float)
        low, high = windows[channel]
        wanted = 255 * np.clip((values - low) / (high - low), 0, 1) ** (1 / gamma)
        np.testing.assert_allclose(shown[..., place], wanted, atol=0.51 if dtype != "float32" else 1.01)


def test_the_window_maps_black_and_white_and_clips() -> None:
    image = np.array([[0, 100, 151, 200, 65535]], dtype=np.uint16)
    np.testing.assert_array_equal(grey((100.0, 200.0)).apply(image)[0, :, 0], [0, 0, 130, 255, 255])
    eight = np.array([[90, 111, 130]], dtype=np.uint8)
    np.testing.assert_array_equal(grey((90.0, 130.0)).apply(eight)[0, :, 1], [0, 134, 255])


@pytest.mark.parametrize("gamma", [1.0, 2.0])
def test_numbers_that_are_none_are_black_or_white(gamma: float) -> None:
    image = np.array([[np.nan, -np.inf, np.inf, 0.25, -3e38, 3e38]], dtype=np.float32)
    middle = round(255 * 0.25 ** (1 / gamma))
    np.testing.assert_array_equal(grey((0.0, 1.0), gamma).apply(image)[0, :, 0], [0, 0, 255, middle, 0, 255])
    assert grey((-3e38, 3e38)).apply(image)[0, 5, 0] == 255
    assert grey((0.0, 0.0)).apply(image).shape == (1, 6, 3)


def test_one_channel_that_is_left_is_grey_and_none_is_black() -> None:
    image = np.random.default_rng(0).integers(0, 255, (4, 5, 3), dtype=np.uint8)
    first = Display.of(image)
    green = Display(first.windows, first.colors, hidden=frozenset({0, 2}))
    np.testing.assert_array_equal(green.apply(image), np.repeat(image[..., 1:2], 3, axis=2))
    no_red = Display(first.windows, first.colors, hidden=frozenset({0}))
    np.testing.assert_array_equal(no_red.apply(image)[..., 1:], image[..., 1:])
    assert not no_red.apply(image)[..., 0].any()
    nothing = Display(first.windows, first.colors, hidden=frozenset({0, 1, 2}))
    assert not nothing.apply(image).any()


@pytest.mark.parametrize("hidden", [(), (5,), (5, 1), (5, 1, 3)])
def test_an_image_of_the_seen_channels_alone_looks_the_same(hidden: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).integers(0, 255, (4, 5, 7), dtype=np.uint8)
    windows = tuple((0.0, 100.0 + channel) for channel in range(7))
    display = Display(windows, (5, 1, 3), frozenset(hidden), 1.5)
    channels, narrow = display.narrowed()
    np.testing.assert_array_equal(narrow.apply(image[..., list(channels)]), display.apply(image))


def test_the_first_window_is_robust_and_ignores_what_is_no_number() -> None:
    image = np.linspace(10, 20, 100_000, dtype=np.float32).reshape(100, 1000)
    image[0, :20] = np.nan
    image[0, 20:30] = 1e9
    image[0, 30:33] = (np.inf, -np.inf, -1e9)
    ((low, high),) = Display.of(image).windows
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
def test_images_with_little_in_them(image: np.ndarray, window: tuple[float, float]) -> None:
    display = Display.of(image)
    assert display.windows == (window,)
    assert display.apply(image).shape == (*image.shape, 3)
    assert Histogram.of(image).counts.sum() == np.isfinite(image).sum()


def test_alpha_does_not_widen_the_window() -> None:
    image = np.zeros((50, 50, 4), dtype=np.uint16)
    image[..., :3] = np.linspace(100, 300, 2500).reshape(50, 50, 1)
    image[..., 3] = 65535
    assert Display.of(image).windows[0][1] <= 300
    assert Display.of(image[..., 2:]).windows[0][1] <= 300


def test_colours_share_a_window_and_measurements_have_their_own() -> None:
    scale = np.array([1, 10, 100, 1000, 10_000], dtype=np.uint16)
    image = (np.arange(3000) % 7).reshape(50, 60, 1).astype(np.uint16) * scale
    assert len(set(Display.of(image[..., :3]).windows)) == 1
    assert [high for _, high in Display.of(image).windows] == [6, 60, 600, 6000, 60000]


def test_stretching_one_channel_leaves_the_others() -> None:
    image = np.random.default_rng(0).integers(50, 90, (40, 40, 3), dtype=np.uint8)
    stretched = Display.of(image).stretched(image, 1.0, (1,))
    assert stretched.windows[0] == stretched.windows[2] == (0.0, 255.0)
    low, high = stretched.windows[1]
    assert 50 <= low < 52
    assert 87 < high < 90
    assert Display.of(image).stretched(image, 1.0).windows[0] != (0.0, 255.0)


def test_bands_of_a_large_image_meet(monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.random.default_rng(0).random((57, 23, 3)).astype(np.float32)
    display = Display.of(image)
    at_once = display.apply(image)
    monkeypatch.setattr("unet_studio.core.display._BAND", 100)
    np.testing.assert_array_equal(display.apply(image), at_once)


@given(st.floats(-99, 99), st.floats(-99, 99), st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_brightness_and_contrast_go_into_a_window_and_come_back(
    brightness: float, contrast: float, low: float, span: float
) -> None:
    limits = (low, low + span)
    found = brightness_contrast(limits, window_of(limits, brightness, contrast))
    assert found == pytest.approx((brightness, contrast), abs=1e-2 + 1e-6 * abs(low) / span * 100)


def test_more_brightness_and_more_contrast_mean_what_people_expect() -> None:
    assert window_of((0.0, 255.0), 0, 0) == (0.0, 255.0)
    low, high = window_of((0.0, 255.0), 0, 20)
    assert high - low == pytest.approx(127.5)
    assert window_of((0.0, 255.0), 50, 0)[0] < 0
    assert brightness_contrast((0.0, 1.0), (0.0, 1e-9))[1] == 100
    assert brightness_contrast((0.0, 1.0), (1.0, 1.0)) == (0, 0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_histogram_counts_every_channel(dtype: str) -> None:
    image = np.zeros((10, 20, 2), dtype=dtype)
    image[:5, :, 0] = 120
    image[..., 1] = 200
    found = Histogram.of(image)
    assert found.counts.sum(axis=1).tolist() == [200, 200]
    low, high = found.limits
    assert found.counts[0, round((120 - low) / (high - low) * 255)] == 100
    assert found.counts[1, round((200 - low) / (high - low) * 255)] == 200


def test_a_histogram_of_nothing_finite_is_empty() -> None:
    image = np.full((4, 4), np.inf, dtype=np.float32)
    assert Histogram.of(image).counts.sum() == 0
    image[0, 0] = np.nan
    image[0, 1] = 5
    assert Histogram.of(image).counts.sum() == 1
