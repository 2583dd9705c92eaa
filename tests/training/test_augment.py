"""Augmentation: image and mask move together, unknown stays unknown, draws depend on the generator alone."""

from dataclasses import replace

import pytest
import torch

from training.augment import AUGMENTATIONS, Augmentation, augment
from training.schedule import SCHEDULES, factor

GEOMETRY = Augmentation(mirror=True, upside_down=True, quarter_turns=True, rotation=45, zoom=1.3, stretch=1.1)


def windows(side: int = 48, channels: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    """Smooth blobs whose mask is where the image is above 0."""
    rows, columns = torch.meshgrid(torch.arange(side) / side, torch.arange(side) / side, indexing="ij")
    field = torch.sin(7 * rows + 1) * torch.cos(5 * columns)
    images = field.expand(4, channels, side, side).clone()
    return images, (images[:, 0] > 0).to(torch.uint8)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("seed", range(5))
def test_image_and_mask_move_together(seed):
    images, masks = windows()
    patches, targets = augment(images, masks, 32, GEOMETRY, generator(seed))
    assert patches.shape == (4, 3, 32, 32)
    assert targets.shape == (4, 32, 32)
    assert targets.dtype == torch.int64
    known = targets != 255
    assert ((patches[:, 0] > 0) == (targets == 1))[known].float().mean() > 0.97
    # Where the image is clearly one or the other, they agree everywhere.
    clear = known & (patches[:, 0].abs() > 0.15)
    assert ((patches[:, 0] > 0) == (targets == 1))[clear].all()


def test_masks_keep_their_values_and_outside_is_unknown():
    images = torch.zeros(8, 1, 32, 32)
    masks = torch.full((8, 32, 32), 7, dtype=torch.uint8)
    _, targets = augment(images, masks, 32, replace(GEOMETRY, zoom=2.0), generator())
    assert set(targets.unique().tolist()) == {7, 255}


def test_unknown_pixels_travel_with_their_image():
    images, masks = windows()
    masks[:, :24] = 255
    turned, targets = augment(images, masks, 48, Augmentation(upside_down=True), generator(1))
    flipped = [bool((target[-24:] == 255).all()) for target in targets]
    assert any(flipped)
    assert not all(flipped)
    for image, patch, flip in zip(images, turned, flipped, strict=True):
        assert torch.allclose(patch, image.flip(1) if flip else image, atol=1e-5)


@pytest.mark.parametrize("name", list(AUGMENTATIONS))
def test_every_preset_is_finite_repeatable_and_keeps_its_margin(name):
    preset = AUGMENTATIONS[name]
    for channels in (1, 3, 5):
        side = 32 + 2 * int(16 * (preset.margin - 1) + 1)
        images, masks = windows(side, channels)
        first, mask = augment(images, masks, 32, preset, generator(3))
        again, mask_again = augment(images, masks, 32, preset, generator(3))
        assert torch.isfinite(first).all()
        assert torch.equal(first, again)
        assert torch.equal(mask, mask_again)
        # The window is wide enough for every rotation and zoom.
        assert (mask != 255).float().mean() > 0.99
        others = [augment(images, masks, 32, preset, generator(seed))[0] for seed in range(4, 8)]
        assert all(torch.equal(first, other) for other in others) == (name == "none")


def test_no_augmentation_is_the_middle_of_the_window():
    images, masks = windows()
    patches, targets = augment(images, masks, 32, AUGMENTATIONS["none"], generator())
    assert torch.equal(patches, images[..., 8:40, 8:40])
    assert torch.equal(targets, masks[..., 8:40, 8:40].long())


def test_a_flat_patch_stays_finite():
    images, masks = torch.full((2, 3, 32, 32), 0.5), torch.zeros(2, 32, 32, dtype=torch.uint8)
    for preset in AUGMENTATIONS.values():
        assert torch.isfinite(augment(images, masks, 32, preset, generator())[0]).all()


@pytest.mark.parametrize("name", list(SCHEDULES))
def test_the_learning_rate_rises_then_never_rises_again(name):
    rates = [factor(name, step, 10, step / 100) for step in range(100)]
    assert rates[:10] == sorted(rates[:10])
    assert rates[0] < 0.15
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert factor(name, 100, 10, 2.0) >= 0
    assert factor("cosine", 100, 10, 1.0) == pytest.approx(0)
