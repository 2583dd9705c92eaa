"""Varying patches: one affine warp and a few intensity changes for a whole batch, on the training's device.

Written on torch alone: it costs a quarter of torchvision's or kornia's time, and works on any number of
channels and with masks whose 255 means unknown.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from unet_studio.core.classes import UNLABELLED


@dataclass(frozen=True)
class Augmentation:
    """How far patches are varied.

    mirror, upside_down: whether to flip along each axis (half of the patches). quarter_turns: any of the four
    directions. rotation: degrees either way. zoom: factor either way, 1.25 means 0.8 to 1.25. stretch: the
    same for the ratio of height to width. brightness, contrast, tint (a channel's gain), noise: relative to
    the patch's own contrast (standard deviation). gamma: factor either way. grey: share of patches that lose
    most of their colour. blur: largest sigma, px, for a quarter of the patches.
    """

    mirror: bool = False
    upside_down: bool = False
    quarter_turns: bool = False
    rotation: float = 0.0
    zoom: float = 1.0
    stretch: float = 1.0
    brightness: float = 0.0
    contrast: float = 0.0
    tint: float = 0.0
    gamma: float = 1.0
    grey: float = 0.0
    noise: float = 0.0
    blur: float = 0.0

    @property
    def margin(self) -> float:
        """How much wider than the patch a window must be, to fill the patch whatever is drawn (up to 2)."""
        angle = math.radians(45.0 if self.rotation >= 45 else self.rotation)
        return min(2.0, self.zoom * math.sqrt(self.stretch) * (math.cos(angle) + math.sin(angle)))


AUGMENTATIONS: dict[str, Augmentation] = {
    "none": Augmentation(),
    "mirror": Augmentation(mirror=True),
    "flips": Augmentation(mirror=True, upside_down=True),
    "photos": Augmentation(
        mirror=True,
        rotation=15,
        zoom=1.3,
        stretch=1.1,
        brightness=0.3,
        contrast=0.3,
        tint=0.1,
        gamma=1.3,
        grey=0.1,
        noise=0.1,
        blur=1.0,
    ),
    "microscopy": Augmentation(
        mirror=True,
        upside_down=True,
        quarter_turns=True,
        rotation=45,
        zoom=1.3,
        stretch=1.1,
        brightness=0.4,
        contrast=0.4,
        gamma=1.5,
        noise=0.2,
        blur=1.0,
    ),
    "aerial": Augmentation(
        mirror=True,
        upside_down=True,
        quarter_turns=True,
        rotation=15,
        zoom=1.25,
        brightness=0.3,
        contrast=0.3,
        tint=0.1,
        gamma=1.3,
        noise=0.1,
        blur=0.7,
    ),
    "documents": Augmentation(
        rotation=5, zoom=1.2, stretch=1.05, brightness=0.4, contrast=0.4, gamma=1.5, noise=0.15, blur=1.0
    ),
}


def augment(
    images: Tensor, masks: Tensor, size: int, preset: Augmentation, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Patches of size x size px out of windows.

    images: float32 (N, C, S, S); masks: uint8 (N, S, S), 255 unknown; S at least size. generator: on the CPU;
    it alone decides what is drawn. Returns float32 (N, C, size, size) and int64 (N, size, size).
    """
    patches, targets = _warp(images, masks, size, preset, generator)
    return _change_intensities(patches, preset, generator), targets


def _uniform(count: int, generator: torch.Generator, device: torch.device) -> Tensor:
    """(N, 1) numbers in -1..1."""
    return (2 * torch.rand(count, 1, generator=generator) - 1).to(device)


def _warp(
    images: Tensor, masks: Tensor, size: int, preset: Augmentation, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    theta = _matrices(len(images), preset, generator) * (size / images.shape[-1])
    plain = torch.eye(2).expand_as(theta) * (size / images.shape[-1])
    if torch.equal(theta, plain):
        return _centre(images, size), _centre(masks, size).long()
    theta = torch.cat([theta, torch.zeros(len(images), 2, 1)], dim=2).to(images.device)
    shape = [len(images), images.shape[1], size, size]
    grid = functional.affine_grid(theta, shape, align_corners=False)
    patches = functional.grid_sample(
        images, grid, mode="bilinear", padding_mode="reflection", align_corners=False
    )
    # Outside of the window grid_sample gives 0: shifted by 255, that is unknown.
    shifted = masks[:, None].float() - UNLABELLED
    targets = functional.grid_sample(shifted, grid, mode="nearest", padding_mode="zeros", align_corners=False)
    return patches, (targets[:, 0] + UNLABELLED).round().long()


def _centre(windows: Tensor, size: int) -> Tensor:
    start = (windows.shape[-1] - size) // 2
    return windows[..., start : start + size, start : start + size]


def _matrices(count: int, preset: Augmentation, generator: torch.Generator) -> Tensor:
    """(N, 2, 2): from a patch's coordinates (x, y) to the window's, both in units of half the patch."""
    cpu = torch.device("cpu")
    angle = _uniform(count, generator, cpu)[:, 0] * math.radians(preset.rotation)
    if preset.quarter_turns:
        angle = angle + torch.randint(0, 4, (count,), generator=generator) * (math.pi / 2)
    scale = torch.exp(_uniform(count, generator, cpu)[:, 0] * math.log(preset.zoom))
    ratio = torch.exp(_uniform(count, generator, cpu)[:, 0] * math.log(preset.stretch) / 2)
    flip = 1 - 2 * torch.randint(0, 2, (count, 2), generator=generator)
    mirror = flip[:, 0] if preset.mirror else torch.ones(count)
    upside_down = flip[:, 1] if preset.upside_down else torch.ones(count)
    cosine, sine = torch.cos(angle), torch.sin(angle)
    wide, high = scale * ratio * mirror, scale / ratio * upside_down
    return torch.stack([cosine * wide, -sine * high, sine * wide, cosine * high], dim=1).view(-1, 2, 2)


def _change_intensities(patches: Tensor, preset: Augmentation, generator: torch.Generator) -> Tensor:
    count, channels, device = len(patches), patches.shape[1], patches.device

    def draw(width: int = 1) -> Tensor:
        """(N, width, 1, 1) numbers in -1..1."""
        return (2 * torch.rand(count, width, 1, 1, generator=generator) - 1).to(device)

    mean = patches.mean(dim=(1, 2, 3), keepdim=True)
    spread = patches.std(dim=(1, 2, 3), keepdim=True).clamp(min=1e-6)
    if preset.gamma != 1:
        patches = _gamma(patches, torch.exp(draw() * math.log(preset.gamma)))
    if preset.contrast:
        patches = mean + (patches - mean) * (1 + preset.contrast * draw())
    if preset.brightness:
        patches = patches + preset.brightness * spread * draw()
    if preset.tint and channels > 1:
        patches = patches + preset.tint * spread * draw(channels)
    if preset.grey and channels > 1:
        chosen = (draw().abs() < preset.grey).to(patches.dtype)
        patches = torch.lerp(patches, patches.mean(dim=1, keepdim=True), 0.9 * chosen)
    if preset.blur:
        patches = _blur(patches, preset.blur * draw().abs() * (draw() > 0.5))
    if preset.noise:
        noise = torch.randn(patches.shape, generator=generator).to(device)
        patches = patches + noise * preset.noise * spread * draw().abs()
    return patches


def _gamma(patches: Tensor, exponent: Tensor) -> Tensor:
    """Each patch's range, taken as 0..1, to a power (N, 1, 1, 1)."""
    low = patches.amin(dim=(1, 2, 3), keepdim=True)
    span = (patches.amax(dim=(1, 2, 3), keepdim=True) - low).clamp(min=1e-6)
    return low + span * ((patches - low) / span).clamp(0, 1) ** exponent


def _blur(patches: Tensor, sigma: Tensor) -> Tensor:
    """A Gaussian of each patch's own sigma (N, 1, 1, 1), px; 0 leaves it as it is."""
    chosen = torch.nonzero(sigma.flatten() > 0.1).flatten()
    if not len(chosen):
        return patches
    some = patches[chosen]
    radius = 3
    place = torch.arange(-radius, radius + 1, device=patches.device, dtype=patches.dtype)
    kernel = torch.exp(-0.5 * (place / sigma[chosen].view(-1, 1)) ** 2)
    kernel = (kernel / kernel.sum(dim=1, keepdim=True)).repeat_interleave(some.shape[1], dim=0)
    flat = some.reshape(1, -1, *some.shape[2:])
    flat = functional.pad(flat, (radius, radius, radius, radius), mode="replicate")
    flat = functional.conv2d(flat, kernel[:, None, None, :], groups=len(kernel))
    flat = functional.conv2d(flat, kernel[:, None, :, None], groups=len(kernel))
    return patches.index_copy(0, chosen, flat.view_as(some))
