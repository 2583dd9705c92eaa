"""From an image to a network's input: the same functions in training and prediction, without torch."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.errors import StudioError
from unet_studio.core.model_card import Preprocessing

REC601 = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # luma of RGB (ITU-R BT.601)
FULL_SCALE = {"uint8": 255.0, "uint16": 65535.0, "float32": 1.0}  # what "dtype" scaling maps to 1
SAMPLED_PIXELS = 200_000  # per image, for percentiles: plenty for a percentile, little memory
ASPECT_TOLERANCE = 0.02  # a mask of another size than its image may differ so much in its aspect


def to_array(image: NDArray[Any], preprocessing: Preprocessing) -> NDArray[np.float32]:
    """A network's input, float32 (C, h, w), from an image (H, W) or (H, W, C) of uint8, uint16 or float32.

    Raises StudioError where the image's channels or pixels don't suit the model.
    """
    return scale(resize(image, preprocessing), preprocessing)


def resize(image: NDArray[Any], preprocessing: Preprocessing) -> NDArray[Any]:
    """The first half of to_array: the image, (H, W) or (H, W, C), as (h, w, C) in its own dtype.

    Areas are averaged when shrinking, pixels interpolated linearly otherwise.
    """
    pixels = checked(image)
    height, width = resized_shape(pixels.shape[:2], preprocessing)
    if (height, width) == pixels.shape[:2]:
        return pixels
    import cv2

    shrinks = height <= pixels.shape[0] and width <= pixels.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    # OpenCV resizes up to four channels at once.
    groups = [pixels[..., first : first + 4] for first in range(0, pixels.shape[2], 4)]
    resized = [
        cv2.resize(np.ascontiguousarray(part), (width, height), interpolation=method) for part in groups
    ]
    return np.concatenate([np.reshape(part, (height, width, -1)) for part in resized], axis=2)


def scale(pixels: NDArray[Any], preprocessing: Preprocessing) -> NDArray[np.float32]:
    """The second half of to_array, pixel by pixel: (h, w, C) as resize gives it -> float32 (c, h, w).

    Values that are no number become 0. Percentile scaling doesn't clip what lies outside.
    """
    values = to_channels(pixels, preprocessing.channels)
    count = preprocessing.channels
    if preprocessing.scaling == "percentile":
        low = _per_channel(preprocessing.low, count, "low")
        high = _per_channel(preprocessing.high, count, "high")
    else:
        low = np.zeros(count, dtype=np.float32)
        high = np.full(count, FULL_SCALE[pixels.dtype.name], dtype=np.float32)
    mean = _per_channel(preprocessing.mean or (0.0,) * count, count, "mean")
    std = _per_channel(preprocessing.std or (1.0,) * count, count, "std")
    span = np.where(high > low, high - low, 1.0).astype(np.float32) * np.where(std > 0, std, 1.0)
    # One multiplication and one addition a pixel: ((x - low) / (high - low) - mean) / std.
    factor = (1.0 / span).astype(np.float32)
    offset = (-(low + mean * np.where(high > low, high - low, 1.0)) / span).astype(np.float32)
    result = np.empty((count, *values.shape[:2]), dtype=np.float32)
    for channel in range(count):
        np.multiply(values[..., channel], factor[channel], out=result[channel], dtype=np.float32)
        result[channel] += offset[channel]
    if pixels.dtype.kind == "f":
        np.nan_to_num(result, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    return result


def checked(image: NDArray[Any]) -> NDArray[Any]:
    """The image as (H, W, C). Raises StudioError where it has no such form, no pixels or an unknown dtype."""
    if image.dtype.name not in FULL_SCALE:
        raise StudioError(
            f"Pixels of type {image.dtype} can't be predicted from.", "Convert the image to uint8 or float32."
        )
    if image.ndim not in (2, 3) or 0 in image.shape:
        raise StudioError(
            f"An image of shape {image.shape} has no rows and columns of pixels.",
            "Pass (height, width) or (height, width, channels).",
        )
    return image if image.ndim == 3 else image[..., np.newaxis]


def to_channels(pixels: NDArray[Any], channels: int) -> NDArray[Any]:
    """Pixels (H, W, C) with as many channels as the model takes, by the rules of CHANNEL_RULES.

    Grey is repeated for a model of three channels, colour becomes Rec. 601 luma (float32) for a model of one,
    alpha is dropped in both cases. Raises StudioError where no rule fits.
    """
    rule = CHANNEL_RULES.get((pixels.shape[2], channels))
    if pixels.shape[2] == channels:
        return pixels
    if rule is None:
        raise StudioError(
            f"The image has {pixels.shape[2]} channels and the model takes {channels}.",
            "Choose a model that was trained on such images, or convert the image.",
        )
    return rule(pixels)


def _grey_to_rgb(pixels: NDArray[Any]) -> NDArray[Any]:
    return np.broadcast_to(pixels[..., :1], (*pixels.shape[:2], 3))


def _luma(pixels: NDArray[Any]) -> NDArray[Any]:
    return (pixels[..., :3].astype(np.float32) @ REC601)[..., np.newaxis]


# (channels of the image, channels of the model): two and four channels end in alpha.
CHANNEL_RULES: dict[tuple[int, int], Callable[[NDArray[Any]], NDArray[Any]]] = {
    (1, 3): _grey_to_rgb,
    (2, 3): _grey_to_rgb,
    (2, 1): lambda pixels: pixels[..., :1],
    (3, 1): _luma,
    (4, 1): _luma,
    (4, 3): lambda pixels: pixels[..., :3],
}


def _per_channel(values: tuple[float, ...], count: int, name: str) -> NDArray[np.float32]:
    """One value a channel. Raises StudioError where the card has another number of them."""
    if len(values) != count:
        raise StudioError(
            f"The model card gives {len(values)} values of {name} for {count} channels.",
            "Mend the preprocessing in model.json, or copy the model again from its source.",
        )
    return np.asarray(values, dtype=np.float32)


def resized_shape(shape: tuple[int, ...], preprocessing: Preprocessing) -> tuple[int, int]:
    """(height, width) of the network's input for an image of shape (H, W, ...); at least one pixel each."""
    height, width = shape[:2]
    return RESIZINGS[preprocessing.resize](height, width, preprocessing.size)


def _by(factor: float, height: int, width: int) -> tuple[int, int]:
    return max(1, round(height * factor)), max(1, round(width * factor))


RESIZINGS: dict[str, Callable[[int, int, tuple[float, ...]], tuple[int, int]]] = {
    "none": lambda height, width, _size: (height, width),
    "factor": lambda height, width, size: _by(size[0], height, width),
    "long_side": lambda height, width, size: _by(size[0] / max(height, width), height, width),
    "stretch": lambda _height, _width, size: (max(1, round(size[0])), max(1, round(size[1]))),
}


def same_aspect(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether two sizes (H, W) differ in scale alone, so that a mask of one fits an image of the other."""
    ratio = (one[0] / one[1]) / (other[0] / other[1])
    return 1 / (1 + ASPECT_TOLERANCE) <= ratio <= 1 + ASPECT_TOLERANCE


def resize_mask(labels: NDArray[np.uint8], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Class indices, uint8 (H, W), at another size (h, w): each pixel takes the one under its centre."""
    if labels.shape == tuple(shape):
        return labels
    rows, columns = (
        ((2 * np.arange(size) + 1) * before) // (2 * size)
        for size, before in zip(shape, labels.shape, strict=True)
    )
    return np.asarray(labels[rows[:, np.newaxis], columns])


def fit_percentiles(
    images: Iterable[NDArray[Any]], channels: int, low: float = 0.5, high: float = 99.5
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The low and high percentiles of every channel, in pixel values, over all images together.

    images: as to_array takes them, read one at a time. A channel without contrast gets a span of 1.
    Raises StudioError where there is no image.
    """
    samples = []
    for image in images:
        pixels = checked(image)
        step = max(1, int(np.sqrt(pixels.shape[0] * pixels.shape[1] / SAMPLED_PIXELS)))
        sample = to_channels(pixels[::step, ::step], channels).reshape(-1, channels).astype(np.float32)
        samples.append(sample[np.isfinite(sample).all(axis=1)])
    if not any(len(sample) for sample in samples):
        raise StudioError("There are no pixels to take percentiles of.", "Add images with finite values.")
    lows, highs = np.percentile(np.concatenate(samples), [low, high], axis=0)
    highs = np.where(highs > lows, highs, lows + 1)
    return tuple(map(float, lows)), tuple(map(float, highs))
