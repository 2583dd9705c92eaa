"""How pixel values become colours on the screen: black, white, gamma and the channels that are shown.

A Display is a value: it never touches the image, and asking it for one tile costs that tile. Values of 8 and
16 bit are looked up in a table; floats are computed, NaN as black and infinities as black or white.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.pixels import Pixels, color_channels

BINS = 256  # of a histogram
GAMMAS = (0.1, 10.0)

_BAND = 1 << 22  # pixels converted at a time, so that temporary arrays stay small
_SAMPLE = 1 << 20  # pixels that windows and histograms are measured on
_SAMPLE_VALUES = 1 << 22  # and values, of images of many channels
_CLIP = 0.1  # per cent of the values that are black, and white, where nobody chose
_EIGHT_BIT = (0.0, 255.0)
_CODES = 65535  # steps of a float between black and white where a gamma is applied
_STEEPEST, _SHADES = 20.0, 100.0  # contrast that doubles the slope; brightness of one whole range

Window = tuple[float, float]  # the pixel values shown as black and as white


@dataclass(frozen=True)
class Display:
    """windows: black and white by channel of the image. colors: what is shown as red, green and blue.

    colors has one channel where the picture is grey, else three, None for a colour that nothing is shown as.
    hidden: channels that are switched off; where one is left, it is shown grey. gamma: above 1 makes the
    middle brighter, black and white stay.
    """

    windows: tuple[Window, ...]
    colors: tuple[int | None, ...]
    hidden: frozenset[int] = frozenset()
    gamma: float = 1.0

    @classmethod
    def of(cls, image: Pixels) -> "Display":
        """What shows an image at first: 8 bit as it is, else robust percentiles of what is shown.

        The colours of a picture share a window, so that they keep their balance; of an image of more than 4
        channels, each has its own.
        """
        first = cls((_EIGHT_BIT,) * _channels(image), color_channels(image))
        return first if image.dtype == np.uint8 else first.stretched(image)

    @property
    def shown(self) -> tuple[int | None, int | None, int | None]:
        """The channels that are red, green and blue now; thrice the same for grey, None for black."""
        left = [c for c in self.colors if c is not None and c not in self.hidden]
        if len(set(left)) == 1:
            return (left[0],) * 3
        red, green, blue = (c if c in left else None for c in (*self.colors, None, None)[:3])
        return red, green, blue

    @property
    def used(self) -> tuple[int, ...]:
        """The channels that make the picture, each once, switched off or not."""
        return tuple(dict.fromkeys(c for c in self.colors if c is not None))

    def narrowed(self) -> tuple[tuple[int, ...], "Display"]:
        """The channels that are seen now, and what shows an image of these alone in the same way."""
        seen = tuple(sorted({c for c in self.shown if c is not None})) or (0,)
        colors = tuple(None if c is None else seen.index(c) for c in self.shown)
        return seen, Display(tuple(self.windows[c] for c in seen), colors, gamma=self.gamma)

    def fits(self, image: Pixels) -> bool:
        """Whether it can show an image: the channels are as many."""
        return len(self.windows) == _channels(image)

    def with_window(self, window: Window, channels: Collection[int]) -> "Display":
        """Another black and white for some channels."""
        return replace(
            self, windows=tuple(window if c in channels else own for c, own in enumerate(self.windows))
        )

    def stretched(
        self, image: Pixels, clip: float = _CLIP, channels: Collection[int] | None = None
    ) -> "Display":
        """Black and white at percentiles of the image: clip per cent of the values beyond each.

        channels: those that get a window of their own each; None: all, as `of` does it. Measured on a regular
        sample of at most about a million pixels; NaN and infinities don't count.
        """
        sample = _sample(image)
        if channels is None and sample.shape[1] <= 4:
            joint = _percentiles(sample[:, list(self.used)], clip)
            return replace(self, windows=(joint,) * sample.shape[1])
        result = self
        for channel in range(sample.shape[1]) if channels is None else channels:
            result = result.with_window(_percentiles(sample[:, channel], clip), (channel,))
        return result

    def apply(self, pixels: Pixels) -> NDArray[np.uint8]:
        """Pixels for the screen: uint8 (h, w, 3), C-contiguous.

        pixels: (h, w) or (h, w, C) of the image. What looks like this already is returned itself, so treat
        the result as read-only.
        """
        height, width = pixels.shape[:2]
        rows = max(1, _BAND // max(1, width))
        if rows >= height:
            return self._apply(pixels)
        out = np.empty((height, width, 3), dtype=np.uint8)
        for top in range(0, height, rows):
            out[top : top + rows] = self._apply(pixels[top : top + rows])
        return out

    def _apply(self, pixels: Pixels) -> NDArray[np.uint8]:
        red, green, blue = self.shown
        if red is not None and red == green == blue:
            one = pixels if pixels.ndim == 2 else pixels[..., red]
            return _as_grey(self._levels(one, red))
        if (red, green, blue) == (0, 1, 2) and len(set(self.windows[:3])) == 1:
            return np.ascontiguousarray(self._levels(_three(pixels), 0))
        out = np.zeros((*pixels.shape[:2], 3), dtype=np.uint8)
        for place, channel in enumerate((red, green, blue)):
            if channel is not None:
                out[..., place] = self._levels(pixels[..., channel], channel)
        return out

    def _levels(self, values: Pixels, channel: int) -> NDArray[np.uint8]:
        """Values as 0..255 of a channel's window, same shape."""
        window = self.windows[channel]
        if values.dtype == np.uint8:
            if window == _EIGHT_BIT and self.gamma == 1:
                return values
            import cv2

            looked_up = np.asarray(cv2.LUT(values, _table(256, window, self.gamma)), dtype=np.uint8)
            return looked_up.reshape(values.shape)
        if values.dtype == np.uint16:
            table = _table(65536, window, self.gamma)
            return _looked_up(table, values)
        if self.gamma == 1:
            return _scaled(values, window, 255).astype(np.uint8)
        codes = _scaled(values, window, _CODES).astype(np.uint16)
        table = _table(_CODES + 1, (0.0, float(_CODES)), self.gamma)
        return _looked_up(table, codes)


def _looked_up(table: NDArray[np.uint8], codes: Pixels) -> NDArray[np.uint8]:
    """The table's levels of uint16 codes, which it has one for each of: nothing needs to be checked."""
    return np.asarray(np.take(table, codes, mode="clip"), dtype=np.uint8)


def _three(pixels: Pixels) -> Pixels:
    """The first three channels; of 8-bit ones OpenCV makes one piece, 20 times faster than numpy."""
    if pixels.shape[2] == 3:
        return pixels
    if pixels.shape[2] == 4 and pixels.dtype == np.uint8:
        import cv2

        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGBA2RGB))
    return pixels[..., :3]


def _as_grey(levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(h, w) as (h, w, 3) of three equal channels."""
    import cv2

    return np.asarray(cv2.cvtColor(levels, cv2.COLOR_GRAY2RGB), dtype=np.uint8)


def _scaled(values: Pixels, window: Window, steps: int) -> NDArray[np.float32]:
    """0.5 at black to steps + 0.5 at white, so that cutting off the fraction rounds; float32."""
    low, high = window
    span = high - low if high > low else 1.0
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = np.subtract(values, np.float32(low), dtype=np.float32)
        scaled *= np.float32(steps / span)
    np.fmax(scaled, 0, out=scaled)  # takes the 0 where the other is NaN
    np.fmin(scaled, np.float32(steps), out=scaled)
    scaled += np.float32(0.5)
    return scaled


@lru_cache(maxsize=32)  # every tile asks for the same few
def _table(size: int, window: Window, gamma: float) -> NDArray[np.uint8]:
    """The grey level of each of the values 0..size - 1, uint8 (size,)."""
    low, high = window
    span = high - low if high > low else 1.0
    place = np.clip((np.arange(size) - low) / span, 0, 1)
    table: NDArray[np.uint8] = np.rint(255 * place ** (1 / gamma)).astype(np.uint8)
    table.flags.writeable = False
    return table


# -- windows, brightness and contrast ---------------------------------------------------------------------


def window_of(limits: Window, brightness: float, contrast: float) -> Window:
    """The window that a brightness and a contrast of -100..100 make of the limits, (0, 0) leaving them.

    A contrast 20 higher doubles the slope; a brightness 100 higher shifts by all of the range.
    """
    full = limits[1] - limits[0]
    middle = (limits[0] + limits[1]) / 2 - brightness / _SHADES * full
    half = full / 2 * 2 ** (-contrast / _STEEPEST)
    return middle - half, middle + half


def brightness_contrast(limits: Window, window: Window) -> tuple[float, float]:
    """The brightness and contrast that make this window of the limits, within -100..100; see window_of."""
    full, span = limits[1] - limits[0], window[1] - window[0]
    if full <= 0 or span <= 0:
        return 0.0, 0.0
    brightness = (sum(limits) - sum(window)) / 2 / full * _SHADES
    contrast = -_STEEPEST * math.log2(span / full)
    return tuple(min(max(value, -100.0), 100.0) for value in (brightness, contrast))  # type: ignore[return-value]


@dataclass(frozen=True)
class Histogram:
    """How often values occur. counts: int64 (channels, BINS); limits: the first bin's and the last's value.

    The limits are 0 and 255 of 8 bit, else the least and the greatest finite value of what was measured.
    """

    counts: NDArray[np.int64]
    limits: Window

    @classmethod
    def of(cls, image: Pixels) -> "Histogram":
        """Measured on a regular sample of at most about a million pixels."""
        sample = _sample(image)
        if image.dtype == np.uint8:
            counts = [np.bincount(sample[:, c], minlength=BINS) for c in range(sample.shape[1])]
            return cls(np.stack(counts).astype(np.int64), _EIGHT_BIT)
        finite = sample[np.isfinite(sample)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else _EIGHT_BIT
        high = high if high > low else low + 1.0
        top = np.float32(BINS - 1)
        with np.errstate(invalid="ignore", over="ignore"):
            places = np.rint((sample - np.float64(low)) * (top / (high - low)))
        counts = []
        for channel in range(sample.shape[1]):
            inside = places[:, channel][np.isfinite(places[:, channel])]
            counts.append(np.bincount(inside.astype(np.intp), minlength=BINS))
        return cls(np.stack(counts).astype(np.int64), (low, high))


def _channels(image: Pixels) -> int:
    return 1 if image.ndim == 2 else int(image.shape[2])


def _sample(image: Pixels) -> NDArray[Any]:
    """A regular sample of the image, (pixels, channels), its own dtype."""
    channels = _channels(image)
    most = min(_SAMPLE, max(_SAMPLE_VALUES // channels, 1))
    step = max(1, math.ceil(math.sqrt(image.shape[0] * image.shape[1] / most)))
    return image[::step, ::step].reshape(-1, channels)


def _percentiles(values: NDArray[Any], clip: float) -> Window:
    """The values that clip per cent lie below and above; something to show where they are the same."""
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(finite, (clip, 100 - clip)))
    if low == high:
        low, high = float(finite.min()), float(finite.max())
    return (low, high) if low < high else (low, low + 1.0)
