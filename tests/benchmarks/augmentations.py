"""What varying a batch costs: our code beside torchvision's v2 transforms, kornia's and a training step.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.augmentations [--size 256] [--batch 8] [--seconds 5]

All three do what the preset "photos" does, as near as they can: mirror, rotate, zoom, contrast, brightness,
colour, blur and noise, every patch by its own numbers. torchvision draws one set of numbers for a batch, so
it takes patches one by one; kornia draws for each. kornia is no dependency: where it is not installed its row
is left out.
"""

import argparse
import time
from collections.abc import Callable
from importlib.util import find_spec

import torch
from torch import Tensor

from training.augment import AUGMENTATIONS, augment

Vary = Callable[[Tensor, Tensor], object]
PRESET = AUGMENTATIONS["photos"]


def ours(size: int) -> Vary:
    """training.augment, on windows as Batches cuts them."""
    turn = iter(range(1_000_000_000))

    def vary(images: Tensor, masks: Tensor) -> object:
        return augment(images, masks, (size, size), PRESET, [next(turn) for _ in images])

    return vary


def torchvision(size: int) -> Vary:
    """torchvision.transforms.v2, patch by patch."""
    from torchvision import tv_tensors
    from torchvision.transforms import InterpolationMode, v2

    chain = v2.Compose(
        [
            v2.RandomHorizontalFlip(),
            v2.RandomAffine(
                PRESET.rotation,
                scale=(1 / PRESET.zoom, PRESET.zoom),
                interpolation=InterpolationMode.BILINEAR,
                fill={tv_tensors.Image: 0, tv_tensors.Mask: 255},
            ),
            v2.CenterCrop(size),
            v2.ColorJitter(PRESET.brightness, PRESET.contrast, PRESET.tint),
            v2.RandomGrayscale(PRESET.grey),
            v2.RandomApply([v2.GaussianBlur(7, (0.1, PRESET.blur))], 0.25),
            v2.GaussianNoise(sigma=PRESET.noise / 4, clip=False),
        ]
    )

    def vary(images: Tensor, masks: Tensor) -> object:
        pairs = [
            chain(tv_tensors.Image(image), tv_tensors.Mask(mask))
            for image, mask in zip(images, masks, strict=True)
        ]
        return torch.stack([image for image, _ in pairs]), torch.stack([mask for _, mask in pairs])

    return vary


def kornia(size: int) -> Vary:
    """kornia.augmentation, on the batch."""
    from kornia import augmentation as varied

    chain = varied.AugmentationSequential(
        varied.RandomHorizontalFlip(p=0.5),
        varied.RandomAffine(PRESET.rotation, scale=(1 / PRESET.zoom, PRESET.zoom), p=1.0),
        varied.CenterCrop(size),
        varied.ColorJiggle(PRESET.brightness, PRESET.contrast, PRESET.tint, p=1.0),
        varied.RandomGrayscale(p=PRESET.grey),
        varied.RandomGaussianBlur((7, 7), (0.1, PRESET.blur), p=0.25),
        varied.RandomGaussianNoise(std=PRESET.noise / 4, p=1.0),
        data_keys=["input", "mask"],
    )

    def vary(images: Tensor, masks: Tensor) -> object:
        return chain(images, masks[:, None].float())

    return vary


RIVALS: dict[str, Callable[[int], Vary]] = {"ours": ours, "torchvision v2": torchvision, "kornia": kornia}


def milliseconds(work: Callable[[], object], seconds: float) -> float:
    """The least processor time of a call, after one to warm up; calls go on for so many seconds."""
    work()
    times: list[float] = []
    end = time.monotonic() + seconds
    while len(times) < 3 or time.monotonic() < end:
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return 1000 * min(times)


def costs(size: int, batch: int, seconds: float) -> dict[str, float]:
    """Milliseconds of processor time a batch, by name of the code that varies it."""
    side, _ = PRESET.window((size, size))
    images = torch.rand(batch, 3, side, side)
    masks = torch.randint(0, 2, (batch, side, side), dtype=torch.uint8)
    found = {}
    for name, make in RIVALS.items():
        if name == "kornia" and find_spec("kornia") is None:
            continue
        vary = make(size)
        found[name] = milliseconds(lambda vary=vary: vary(images, masks), seconds)  # type: ignore[misc]
    return found


def step_cost(size: int, batch: int, seconds: float) -> float:
    """Milliseconds of processor time of forward and backward of the default network."""
    from unet_studio.core.model_card import Architecture
    from unet_studio.model.architectures import DEFAULT_ARCHITECTURE, build_network

    network = build_network(Architecture(DEFAULT_ARCHITECTURE, 3, 1))
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = torch.rand(batch, 3, size, size).contiguous(memory_format=torch.channels_last)

    def step() -> None:
        network(images).mean().backward()

    return milliseconds(step, seconds)


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=5.0)
    given = parser.parse_args()
    step = step_cost(given.size, given.batch, given.seconds)
    print(f"| {given.batch} patches of {given.size} px | ms of processor time | share of a step |")
    print("|---|---|---|")
    for name, cost in costs(given.size, given.batch, given.seconds).items():
        print(f"| {name} | {cost:.1f} | {cost / step:.3f} |")
    print(f"| a step of the default network | {step:.1f} | 1 |")


if __name__ == "__main__":
    main()
