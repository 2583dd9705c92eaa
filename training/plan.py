"""Filling in what the settings leave open: scale, patch, batch, steps, from the data and the device."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.frozen import FrozenData, FrozenSample, evenly
from unet_studio.core.errors import StudioError
from unet_studio.core.model_card import Preprocessing
from unet_studio.core.training_config import TrainingConfig
from unet_studio.model.encoders import ENCODERS, input_statistics
from unet_studio.model.preprocess import checked, fit_percentiles, resized_shape, scale

LARGE_OBJECT = 128.0  # px; larger objects are recognised as well, and faster, in a smaller image
LONG_SIDES = (192, 512)  # limits of the automatic long side, px
SPECK = 64  # px; smaller pieces of a mask are no objects
LOOKED_AT = 50  # training images looked at, evenly spread
COARSE = 2048  # px; of longer masks, every n-th pixel is looked at for the size of objects
PATCHES = {"cpu": 256}  # largest automatic side of a patch, px, by kind of device
# Small ones on a processor: 2 minutes with 20 photographs gave an IoU of 0.83 in 43 steps of 4, 0.77 in 21 of
# 8. They would leave a graphics card idle.
BATCHES = {"cpu": 4}
OTHER_PATCH, OTHER_BATCH = 384, 16
VALIDATIONS = 8  # of an automatic interval
SHORTEST_INTERVAL = 15  # steps between two of them
TIMED = 4  # times the automatic steps that a run with a time limit may take, if there is time
# A step goes forward and, at twice that cost, backward; a prediction forward, over tiles that overlap.
STEP_COST, PREDICTION_COST = 3.0, 1.3
VALIDATION_SHARE = 0.15  # of the time of all steps that automatic validations may take
FEWEST_VALIDATED = 8  # images, where there are so many


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
# stood still after 1,100 patches; 4 of 256 px took 1.1 s on two cores of a server.
STEP_RULES = {
    (True, True): StepRule(240, 0.5, 240, 600),
    (True, False): StepRule(800, 4.0, 800, 2400),
    (False, True): StepRule(600, 5.0, 600, 3000),
    (False, False): StepRule(1500, 10.0, 1500, 10000),
}


@dataclass(frozen=True)
class Plan:
    """What the run does, nothing left open.

    patch: height and width in px; evaluate_every in steps; validation_images: at most so many are used, 0 for
    all of them.
    """

    preprocessing: Preprocessing
    patch: tuple[int, int]
    batch: int
    steps: int
    evaluate_every: int
    validation_images: int = 0


def make_plan(
    config: TrainingConfig, data: FrozenData, kind: str, given: Preprocessing | None, pretrained: bool
) -> Plan:
    """kind: of device, such as "cpu". given: the preprocessing of the model that the run starts from."""
    preprocessing = given or choose_preprocessing(config, data)
    patch = _patch(config, data, kind, preprocessing)
    usual = PATCHES.get(kind, OTHER_PATCH) ** 2
    batch = config.batch or max(1, round(BATCHES.get(kind, OTHER_BATCH) * min(1.0, usual / _area(patch))))
    plan = Plan(preprocessing, patch, batch, 0, 0, config.validation_images)
    return _with_steps(plan, config, data, STEP_RULES[kind == "cpu", pretrained])


def _with_steps(plan: Plan, config: TrainingConfig, data: FrozenData, rule: StepRule) -> Plan:
    """The plan with its length and validations, for the plan's batch.

    steps and epochs: whichever ends first; neither: the rule, or where there is a time limit, more, as far as
    the time goes. A pass shows a patch an image.
    """
    images = len(data.part("train"))
    passes = math.ceil(config.epochs * images / (plan.batch * config.accumulate)) if config.epochs else 0
    given = [count for count in (config.steps, passes) if count]
    expected = min(given) if given else rule.steps(images)
    steps = expected if given or not config.minutes else TIMED * expected
    if config.evaluate_every:
        return replace(plan, steps=steps, evaluate_every=config.evaluate_every)
    return _with_validations(replace(plan, steps=steps), data, expected)


def _patch(
    config: TrainingConfig, data: FrozenData, kind: str, preprocessing: Preprocessing
) -> tuple[int, int]:
    """The side that is set; else whole images, or squares no larger than the images and the device's limit.

    Whole images of several sizes lie in the middle of a patch that holds the largest. A square is no larger
    than the typical image's shorter side (unless that is less than half of the longer one): beyond it there
    is nothing to learn, and more steps fit into the time.
    """
    shapes = [resized_shape((sample.height, sample.width), preprocessing) for sample in data.part("train")]
    height, width = (max(sides) for sides in zip(*shapes, strict=True))
    alike = preprocessing.resize == "stretch" and not config.patch and max(height, width) <= LONG_SIDES[1]
    if config.sampling == "whole" or (config.sampling == "auto" and alike):
        return height, width
    typical = float(np.median([max(min(shape), max(shape) / 2) for shape in shapes]))
    side = config.patch or min(PATCHES.get(kind, OTHER_PATCH), _up_to_32(math.ceil(typical)))
    return side, side


def _with_validations(plan: Plan, data: FrozenData, steps: int) -> Plan:
    """So often, and on so many images, that a person sees how it goes and little of the time is spent on it.

    steps: how many the run is expected to take.
    """
    every = max(1, min(steps, max(SHORTEST_INTERVAL, -(-steps // VALIDATIONS))))
    samples = data.part("val") or data.part("train")
    areas = [_area(resized_shape((one.height, one.width), plan.preprocessing)) for one in samples]
    step = STEP_COST * plan.batch * _area(plan.patch)
    each = PREDICTION_COST * float(np.mean(areas)) / step  # steps that one image costs
    affordable = max(FEWEST_VALIDATED, int(VALIDATION_SHARE * every / each))
    limit = plan.validation_images or len(samples)
    if affordable >= min(limit, len(samples)):
        return replace(plan, evaluate_every=every)
    return replace(plan, evaluate_every=every, validation_images=min(limit, affordable))


def _area(shape: tuple[int, int]) -> int:
    return shape[0] * shape[1]


def choose_preprocessing(config: TrainingConfig, data: FrozenData) -> Preprocessing:
    """Channels, scaling of values and size of the input, as the settings and the training images say."""
    some = evenly(data.part("train"), LOOKED_AT)
    channels = _channels(data)
    base = Preprocessing(channels=channels)
    if any(sample.dtype != "uint8" for sample in some):
        low, high = fit_percentiles((data.read_image(sample) for sample in some), channels)
        base = replace(base, scaling="percentile", low=low, high=high)
    encoder = config.network.removeprefix("unet-")
    foreign = config.init not in ("imagenet", "random")  # a file; a model would have brought its own
    if config.scaling == "unit" or (foreign and encoder not in ENCODERS):
        mean, std = (0.0,) * channels, (1.0,) * channels
    elif config.init != "random" and encoder in ENCODERS:
        mean, std = input_statistics(encoder, channels)
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
    first = {sample.channels: sample.name for sample in reversed(data.samples)}
    named = ", ".join(f"{number} in {first[number]}" for number in sorted(found))
    raise StudioError(
        f"The images have different numbers of channels: {named}.", "Train on images of one kind."
    )


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
    small = not objects or float(np.median(objects)) <= LARGE_OBJECT
    if small and config.sampling != "whole":
        return "none", ()
    wanted = side if small else side * LARGE_OBJECT / float(np.median(objects))
    long_side = int(np.clip(round(wanted / 32) * 32, *LONG_SIDES))
    return ("long_side", (float(long_side),)) if long_side < side else ("none", ())


def _object_sizes(data: FrozenData, samples: list[FrozenSample]) -> Iterator[float]:
    """The square root of the area, px, of every connected piece of a class that is not background."""
    import cv2

    for sample in samples:
        truth = data.read_truth(sample)
        step = max(1, max(truth.shape) // COARSE)
        truth = truth[::step, ::step]
        for index in data.classes.foreground:
            if not sample.pixels.get(index):
                continue
            piece: NDArray[np.uint8] = (truth == index).astype(np.uint8)
            _, _, statistics, _ = cv2.connectedComponentsWithStats(piece, connectivity=8)
            areas = statistics[1:, cv2.CC_STAT_AREA] * step**2
            yield from np.sqrt(areas[areas >= SPECK]).tolist()


def _up_to_32(size: int) -> int:
    return -(-size // 32) * 32
