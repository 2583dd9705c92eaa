"""Varying patches: one warp and a few intensity changes for a whole batch, on the training's device.

Written on torch alone: it costs a fraction of torchvision's or kornia's time (tests/benchmarks), and works on
any number of channels and with masks whose 255 means unknown. What is drawn for a patch depends on its own
seed alone, not on the batch that it comes in.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from unet_studio.core.classes import UNLABELLED

NUMBERS = 24  # random numbers a patch takes at most, beside one a channel and the elastic grid's
ELASTIC_POINTS = 4  # a side of the coarse grid; smooth in between
FAINTEST_BLUR = 0.1  # px of sigma; less changes nothing


@dataclass(frozen=True)
class Augmentation:
    """How far patches are varied.

    mirror, upside_down: whether to flip along each axis (half of the patches, one axis independent of the
    other). quarter_turns: any of the four directions. rotation: degrees either way. zoom: factor either way,
    1.25 means 0.8 to 1.25. stretch: the same for the ratio of height to width. elastic: how far points of a
    coarse grid move at most, as a share of the patch's longer side, for half of the patches. brightness,
    contrast, tint (a channel's gain), noise: relative to the patch's own contrast (standard deviation).
    gamma: factor either way. grey: share of patches that lose most of their colour. blur: largest sigma, px,
    for a quarter of the patches.
    """

    mirror: bool = False
    upside_down: bool = False
    quarter_turns: bool = False
    rotation: float = 0.0
    zoom: float = 1.0
    stretch: float = 1.0
    elastic: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    tint: float = 0.0
    gamma: float = 1.0
    grey: float = 0.0
    noise: float = 0.0
    blur: float = 0.0

    def window(self, shape: tuple[int, int]) -> tuple[int, int]:
        """How large a window must be to fill a patch (height, width) whatever is drawn; up to twice as large.

        It grows evenly on all sides, so that the patch lies in its middle.
        """
        angle = math.radians(min(45.0, self.rotation))
        height, width = [max(shape)] * 2 if self.quarter_turns else shape
        grown = self.zoom * math.sqrt(self.stretch)
        bent = 2 * self.elastic * max(shape)
        needed = (
            grown * (height * math.cos(angle) + width * math.sin(angle) + bent),
            grown * (width * math.cos(angle) + height * math.sin(angle) + bent),
        )
        most = 2 * max(shape)
        high, wide = (
            side + 2 * math.ceil(max(0.0, min(most, need) - side) / 2)
            for side, need in zip(shape, needed, strict=True)
        )
        return high, wide


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
        elastic=0.04,
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
    images: Tensor, masks: Tensor, shape: tuple[int, int], preset: Augmentation, seeds: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """Patches of shape (h, w) out of the middle of windows.

    images: float32 (N, C, H, W); masks: uint8 (N, H, W), 255 unknown; H and W at least h and w. seeds: one a
    patch; it alone decides what is drawn. Returns float32 (N, C, h, w) and int64 (N, h, w).
    """
    numbers = _Numbers(seeds, images.shape[1])
    patches, targets = _warp(images, masks, shape, preset, numbers)
    return _change_intensities(patches, preset, numbers, seeds), targets


class _Numbers:
    """Random numbers in -1..1 for every patch, by its seed, taken in order. They lie on the CPU."""

    def __init__(self, seeds: Sequence[int], channels: int) -> None:
        count = NUMBERS + channels + 2 * ELASTIC_POINTS**2
        rows = [torch.rand(count, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
        self._rows = 2 * torch.stack(rows) - 1
        self._taken = 0

    def take(self, width: int) -> Tensor:
        """The next numbers of every patch, (N, width)."""
        self._taken += width
        return self._rows[:, self._taken - width : self._taken]

    def one(self) -> Tensor:
        """The next number of every patch, (N,)."""
        return self.take(1)[:, 0]


# Geometry


def _warp(
    images: Tensor, masks: Tensor, shape: tuple[int, int], preset: Augmentation, numbers: _Numbers
) -> tuple[Tensor, Tensor]:
    matrices = _matrices(preset, numbers)
    shifts = _shifts(preset, numbers, shape)
    if shifts is None and torch.equal(matrices, torch.eye(2).expand_as(matrices)):
        return _centre(images, shape), _centre(masks, shape).long()
    grid = _grid(matrices, shifts, shape, (images.shape[-2], images.shape[-1]), images.device)
    patches = functional.grid_sample(
        images, grid, mode="bilinear", padding_mode="reflection", align_corners=False
    )
    # Outside of the window grid_sample gives 0: shifted by 255, that is unknown.
    shifted = masks[:, None].float() - UNLABELLED
    targets = functional.grid_sample(shifted, grid, mode="nearest", padding_mode="zeros", align_corners=False)
    return patches, (targets[:, 0] + UNLABELLED).round().long()


def _centre(windows: Tensor, shape: tuple[int, int]) -> Tensor:
    top, left = (windows.shape[-2] - shape[0]) // 2, (windows.shape[-1] - shape[1]) // 2
    return windows[..., top : top + shape[0], left : left + shape[1]]


def _grid(
    matrices: Tensor,
    shifts: Tensor | None,
    shape: tuple[int, int],
    window: tuple[int, int],
    device: torch.device,
) -> Tensor:
    """Where in its window every pixel of a patch comes from, (N, h, w, 2) in grid_sample's units."""
    sides, sizes = torch.tensor(shape[::-1]), torch.tensor(window[::-1])
    theta = matrices * (sides.view(1, 1, 2) / sizes.view(1, 2, 1))
    theta = torch.cat([theta, torch.zeros(len(theta), 2, 1)], dim=2).to(device)
    grid = functional.affine_grid(theta, [len(theta), 1, *shape], align_corners=False)
    if shifts is None:
        return grid
    scaled = (2 * shifts / sizes.view(1, 2, 1, 1)).to(device)
    field = functional.interpolate(scaled, shape, mode="bicubic", align_corners=True)
    return grid + field.permute(0, 2, 3, 1)


def _matrices(preset: Augmentation, numbers: _Numbers) -> Tensor:
    """(N, 2, 2): from a place (x, y) in the patch to one in the window, both in px from the middle."""
    angle = numbers.one() * math.radians(preset.rotation)
    turn = torch.floor(2 * numbers.one() + 2).clamp(max=3)
    if preset.quarter_turns:
        angle = angle + turn * (math.pi / 2)
    scale = torch.exp(numbers.one() * math.log(preset.zoom))
    ratio = torch.exp(numbers.one() * math.log(preset.stretch) / 2)
    flips = torch.where(numbers.take(2) < 0, -1.0, 1.0)
    mirror = flips[:, 0] if preset.mirror else torch.ones_like(angle)
    upside_down = flips[:, 1] if preset.upside_down else torch.ones_like(angle)
    cosine, sine = torch.cos(angle), torch.sin(angle)
    wide, high = scale * ratio * mirror, scale / ratio * upside_down
    return torch.stack([cosine * wide, -sine * high, sine * wide, cosine * high], dim=1).view(-1, 2, 2)


def _shifts(preset: Augmentation, numbers: _Numbers, shape: tuple[int, int]) -> Tensor | None:
    """How far (x, y), px, the points of the coarse grid move, (N, 2, p, p); None where nothing bends.

    As the first U-Net's authors did: "random displacement vectors on a coarse 3 by 3 grid ... per-pixel
    displacements are then computed using bicubic interpolation" (O. Ronneberger et al., MICCAI 2015, 3.1).
    """
    if not preset.elastic:
        return None
    bent = (numbers.one() > 0).float()
    points = numbers.take(2 * ELASTIC_POINTS**2).view(-1, 2, ELASTIC_POINTS, ELASTIC_POINTS)
    return points * bent.view(-1, 1, 1, 1) * (preset.elastic * max(shape))


# Intensities


def _change_intensities(
    patches: Tensor, preset: Augmentation, numbers: _Numbers, seeds: Sequence[int]
) -> Tensor:
    channels, device = patches.shape[1], patches.device

    def draw(width: int = 1) -> Tensor:
        """(N, width, 1, 1) numbers in -1..1 on the device."""
        return numbers.take(width)[..., None, None].to(device, non_blocking=True)

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
        sigma, chance = numbers.one().abs() * preset.blur, numbers.one()
        patches = _blur(patches, sigma * (chance > 0.5))
    if preset.noise:
        patches = patches + _noise(patches, seeds) * (preset.noise * spread * draw().abs())
    return patches


def _gamma(patches: Tensor, exponent: Tensor) -> Tensor:
    """Each patch's range, taken as 0..1, to a power (N, 1, 1, 1)."""
    low = patches.amin(dim=(1, 2, 3), keepdim=True)
    span = (patches.amax(dim=(1, 2, 3), keepdim=True) - low).clamp(min=1e-6)
    return low + span * ((patches - low) / span).clamp(0, 1) ** exponent


def _noise(patches: Tensor, seeds: Sequence[int]) -> Tensor:
    """Gaussian noise of variance 1, (N, C, h, w), each patch's by its seed, drawn where the patches are."""
    noise = torch.empty_like(patches)
    generator = torch.Generator(patches.device)
    for one, seed in zip(noise, seeds, strict=True):
        one.normal_(generator=generator.manual_seed(seed))
    return noise


def _blur(patches: Tensor, sigma: Tensor) -> Tensor:
    """A Gaussian of each patch's own sigma (N,), px, on the CPU; 0 leaves it as it is."""
    wanted = torch.nonzero(sigma > FAINTEST_BLUR).flatten()
    if not len(wanted):
        return patches
    chosen = wanted.to(patches.device)
    some = patches[chosen]
    radius = 3
    place = torch.arange(-radius, radius + 1, dtype=patches.dtype)
    kernel = torch.exp(-0.5 * (place / sigma[wanted].view(-1, 1)) ** 2)
    kernel = (kernel / kernel.sum(dim=1, keepdim=True)).repeat_interleave(some.shape[1], dim=0)
    kernel = kernel.to(patches.device)
    flat = some.reshape(1, -1, *some.shape[2:])
    flat = functional.pad(flat, (radius, radius, radius, radius), mode="replicate")
    flat = functional.conv2d(flat, kernel[:, None, None, :], groups=len(kernel))
    flat = functional.conv2d(flat, kernel[:, None, :, None], groups=len(kernel))
    return patches.index_copy(0, chosen, flat.view_as(some))
