"""Filling in what the settings leave open: scale, patch, batch, steps, from the data and the device."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.freeze import FrozenData, FrozenSample
from unet_studio.core.errors import StudioError
from unet_studio.core.model_card import Preprocessing
from unet_studio.core.training_config import TrainingConfig
from unet_studio.model.efficientnet_lite import IMAGENET_MEAN, IMAGENET_STD
from unet_studio.model.preprocess import checked, fit_percentiles, resized_shape, scale

LARGE_OBJECT = 128.0  # px; larger objects are recognised as well, and faster, in a smaller image
LONG_SIDES = (192, 512)  # limits of the automatic long side, px
SPECK = 64  # px; smaller pieces of a mask are no objects
LOOKED_AT = 50  # training images looked at, evenly spread
PATCHES = {"cpu": 256}  # largest automatic side of a patch, px, by kind of device
BATCHES = {"cpu": 8}
OTHER_PATCH, OTHER_BATCH = 384, 16
VALIDATIONS = 8  # of an automatic interval


@dataclass(frozen=True)
class StepRule:
    """Automatic number of steps: base plus share a training image, inside low..high."""

    base: int
    share: float
    low: int
    high: int

    def steps(self, images: int) -> int:
        """The number for so many training images."""
        return int(np.clip(self.base + self.share * images, self.low, self.high))


# (is the device a CPU, is something pretrained). On 201 photographs, from ImageNet, the validation score
# stood still from step 140 on; a step of 8 patches of 256 px took 2.2 s on two cores of a server.
STEP_RULES = {
    (True, True): StepRule(120, 0.25, 120, 300),
    (True, False): StepRule(400, 2.0, 400, 1200),
    (False, True): StepRule(600, 5.0, 600, 3000),
    (False, False): StepRule(1500, 10.0, 1500, 10000),
}


@dataclass(frozen=True)
class Plan:
    """What the run does, nothing left open. patch in px; evaluate_every in steps."""

    preprocessing: Preprocessing
    patch: int
    batch: int
    steps: int
    evaluate_every: int


def make_plan(
    config: TrainingConfig, data: FrozenData, kind: str, given: Preprocessing | None, pretrained: bool
) -> Plan:
    """kind: of device, such as "cpu". given: the preprocessing of the model that the run starts from."""
    preprocessing = given or choose_preprocessing(config, data)
    train = data.part("train")
    sizes = [resized_shape((sample.height, sample.width), preprocessing) for sample in train]
    largest = max(max(size) for size in sizes)
    patch = config.patch or min(PATCHES.get(kind, OTHER_PATCH), _up_to_32(largest))
    batch = config.batch or BATCHES.get(kind, OTHER_BATCH)
    plan = Plan(preprocessing, patch, batch, 0, 0)
    return _with_steps(plan, config, len(train), STEP_RULES[kind == "cpu", pretrained])


def _with_steps(plan: Plan, config: TrainingConfig, images: int, rule: StepRule) -> Plan:
    """The plan with its length, for so many training images and the plan's batch.

    steps and epochs: whichever ends first; neither: the rule. A pass shows a patch an image.
    """
    passes = math.ceil(config.epochs * images / (plan.batch * config.accumulate)) if config.epochs else 0
    given = [count for count in (config.steps, passes) if count]
    steps = min(given) if given else rule.steps(images)
    every = config.evaluate_every or max(1, min(steps, max(15, -(-steps // VALIDATIONS))))
    return replace(plan, steps=steps, evaluate_every=every)


def choose_preprocessing(config: TrainingConfig, data: FrozenData) -> Preprocessing:
    """Channels, scaling of values and size of the input, as the settings and the training images say."""
    some = _spread(data.part("train"))
    channels = _channels(data)
    base = Preprocessing(channels=channels)
    if any(sample.dtype != "uint8" for sample in some):
        low, high = fit_percentiles((data.read_image(sample) for sample in some), channels)
        base = replace(base, scaling="percentile", low=low, high=high)
    if config.init == "imagenet":
        mean, std = _imagenet_statistics(channels)
    else:
        mean, std = _statistics(data, some, base)
    resize, size = _size(config, data, some)
    return replace(base, mean=mean, std=std, resize=resize, size=size)


def _channels(data: FrozenData) -> int:
    """1 where all images are grey, 3 where some are in colour, else the number that all share."""
    found = {sample.channels for sample in data.samples}
    if found <= {1, 2}:
        return 1
    if found <= {1, 2, 3, 4}:
        return 3
    if len(found) == 1:
        return found.pop()
    raise StudioError(
        f"The images have different numbers of channels: {sorted(found)}.", "Train on images of one kind."
    )


def _imagenet_statistics(channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """What the pretrained encoder expects, for any number of channels."""
    places = [channel % len(IMAGENET_MEAN) for channel in range(channels)]
    return tuple(IMAGENET_MEAN[place] for place in places), tuple(IMAGENET_STD[place] for place in places)


def _statistics(
    data: FrozenData, samples: list[FrozenSample], base: Preprocessing
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of every channel of the scaled values."""
    means, squares = [], []
    for sample in samples:
        pixels = checked(data.read_image(sample))
        step = max(1, max(pixels.shape[:2]) // 256)
        values = scale(pixels[::step, ::step], base)
        means.append(values.mean(axis=(1, 2)))
        squares.append((values**2).mean(axis=(1, 2)))
    mean = np.mean(means, axis=0)
    std = np.sqrt(np.maximum(np.mean(squares, axis=0) - mean**2, 1e-6))
    return tuple(round(float(value), 5) for value in mean), tuple(round(float(value), 5) for value in std)


def _size(config: TrainingConfig, data: FrozenData, samples: list[FrozenSample]) -> tuple[Any, Any]:
    if config.resize != "auto":
        return config.resize, config.size if config.resize != "none" else ()
    objects = list(_object_sizes(data, samples))
    side = float(np.median([max(sample.height, sample.width) for sample in samples]))
    if not objects or float(np.median(objects)) <= LARGE_OBJECT:
        return "none", ()
    wanted = side * LARGE_OBJECT / float(np.median(objects))
    long_side = int(np.clip(round(wanted / 32) * 32, *LONG_SIDES))
    return ("long_side", (float(long_side),)) if long_side < side else ("none", ())


def _object_sizes(data: FrozenData, samples: list[FrozenSample]) -> Iterator[float]:
    """The square root of the area, px, of every connected piece of a class that is not background."""
    import cv2

    for sample in samples:
        truth = data.read_truth(sample)
        for index in data.classes.foreground:
            piece: NDArray[np.uint8] = (truth == index).astype(np.uint8)
            if not piece.any():
                continue
            _, _, statistics, _ = cv2.connectedComponentsWithStats(piece, connectivity=8)
            areas = statistics[1:, cv2.CC_STAT_AREA]
            yield from np.sqrt(areas[areas >= SPECK]).tolist()


def _spread(samples: list[FrozenSample]) -> list[FrozenSample]:
    return samples[:: -(-len(samples) // LOOKED_AT)]


def _up_to_32(size: int) -> int:
    return -(-size // 32) * 32
