"""Augmentation: image and mask move together, unknown stays unknown, draws depend on the generator alone."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from training.augment import AUGMENTATIONS, Augmentation, augment
from training.schedule import SCHEDULES, factor

INTENSITIES = ("brightness", "contrast", "tint", "grey", "noise", "blur")
GEOMETRY = Augmentation(mirror=True, upside_down=True, quarter_turns=True, rotation=45, zoom=1.3, stretch=1.1)


def windows(side: int = 48, channels: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    """Smooth blobs whose mask is where the image is above 0."""
    rows, columns = torch.meshgrid(torch.arange(side) / side, torch.arange(side) / side, indexing="ij")
    field = torch.sin(7 * rows + 1) * torch.cos(5 * columns)
    images = field.expand(4, channels, side, side).clone()
    return images, (images[:, 0] > 0).to(torch.uint8)


def seeds(first: int = 0, count: int = 4) -> list[int]:
    return [1000 * first + number for number in range(count)]


@pytest.mark.parametrize("seed", range(5))
def test_image_and_mask_move_together(seed):
    images, masks = windows()
    patches, targets = augment(images, masks, (32, 32), GEOMETRY, seeds(seed))
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
    _, targets = augment(images, masks, (32, 32), replace(GEOMETRY, zoom=2.0), seeds(count=8))
    assert set(targets.unique().tolist()) == {7, 255}


def test_unknown_pixels_travel_with_their_image():
    images, masks = windows()
    masks[:, :24] = 255
    turned, targets = augment(images, masks, (48, 48), Augmentation(upside_down=True), seeds(1))
    flipped = [bool((target[-24:] == 255).all()) for target in targets]
    assert any(flipped)
    assert not all(flipped)
    for image, patch, flip in zip(images, turned, flipped, strict=True):
        assert torch.allclose(patch, image.flip(1) if flip else image, atol=1e-5)


@pytest.mark.parametrize("shape", [(32, 32), (20, 40)])
@pytest.mark.parametrize("name", list(AUGMENTATIONS))
def test_every_preset_is_finite_repeatable_and_fills_its_patches(name, shape):
    preset = AUGMENTATIONS[name]
    for channels in (1, 3, 5):
        height, width = preset.window(shape)
        images, masks = windows(max(height, width), channels)
        images, masks = images[..., :height, :width], masks[:, :height, :width]
        first, mask = augment(images, masks, shape, preset, seeds(3))
        again, mask_again = augment(images, masks, shape, preset, seeds(3))
        assert first.shape == (4, channels, *shape)
        assert torch.isfinite(first).all()
        assert torch.equal(first, again)
        assert torch.equal(mask, mask_again)
        # The window is wide enough for every rotation and zoom.
        assert (mask != 255).float().mean() > 0.99
        others = [augment(images, masks, shape, preset, seeds(seed))[0] for seed in range(4, 8)]
        assert all(torch.equal(first, other) for other in others) == (name == "none")


@pytest.mark.parametrize("name", list(AUGMENTATIONS))
def test_a_patch_is_varied_alike_in_whatever_batch_it_comes(name):
    images, masks = windows(64)
    whole, targets = augment(images, masks, (32, 32), AUGMENTATIONS[name], seeds())
    for place in range(4):
        one = slice(place, place + 1)
        alone, target = augment(images[one], masks[one], (32, 32), AUGMENTATIONS[name], seeds()[one])
        assert torch.allclose(alone, whole[one], atol=1e-5)
        assert torch.equal(target, targets[one])


def test_patches_are_mirrored_along_each_axis_half_of_the_time_and_independently():
    count = 2000
    images = torch.arange(4.0).reshape(1, 1, 2, 2).expand(count, 1, 2, 2)
    masks = torch.zeros(count, 2, 2, dtype=torch.uint8)
    patches, _ = augment(images, masks, (2, 2), AUGMENTATIONS["flips"], seeds(count=count))
    corner = patches[:, 0, 0, 0].round()  # 0 as it was, 1 mirrored, 2 upside down, 3 both
    shares = [(corner == kind).float().mean().item() for kind in range(4)]
    assert shares == pytest.approx([0.25] * 4, abs=0.04)
    mirrored, _ = augment(images, masks, (2, 2), AUGMENTATIONS["mirror"], seeds(count=count))
    assert set(mirrored[:, 0, 0, 0].round().tolist()) == {0, 1}


def test_quarter_turns_go_in_all_four_directions_alike():
    count = 2000
    images = torch.tensor([[0.0, 1.0], [3.0, 2.0]]).expand(count, 1, 2, 2)
    masks = torch.zeros(count, 2, 2, dtype=torch.uint8)
    preset = Augmentation(quarter_turns=True)
    patches, _ = augment(images, masks, (2, 2), preset, seeds(count=count))
    shares = [(patches[:, 0, 0, 0].round() == kind).float().mean().item() for kind in range(4)]
    assert shares == pytest.approx([0.25] * 4, abs=0.04)


def test_elastic_bending_moves_half_of_the_patches_smoothly_and_not_too_far():
    side, most = 64, 0.1
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    preset = Augmentation(elastic=most)
    height, width = preset.window((side, side))
    down, across = torch.meshgrid(
        torch.arange(height) - (height - side) / 2, torch.arange(width) - (width - side) / 2, indexing="ij"
    )
    images = torch.stack([down, across]).expand(200, 2, height, width)
    masks = torch.zeros(200, height, width, dtype=torch.uint8)
    patches, targets = augment(images, masks, (side, side), preset, seeds(count=200))
    shifts = torch.stack([patches[:, 0] - rows, patches[:, 1] - columns], dim=1)
    assert (targets == 0).all()
    moved = shifts.abs().amax(dim=(1, 2, 3)) > 0.01
    assert moved.float().mean().item() == pytest.approx(0.5, abs=0.1)
    # Bicubic interpolation swings a little beyond the points that it goes through.
    assert shifts.abs().max() < 1.3 * most * side
    steps = torch.cat([shifts.diff(dim=2).abs().flatten(), shifts.diff(dim=3).abs().flatten()])
    assert steps.max() < 1  # nothing folds over


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(sorted(AUGMENTATIONS)), st.integers(1, 4), st.integers(8, 40), st.integers(8, 40),
    st.integers(0, 10**9),
)  # fmt: skip
def test_a_mask_that_follows_from_the_image_still_does(name, channels, height, width, seed):
    """Masks of a picture's own values stay its mask, whatever the geometry; beyond the window is unknown."""
    preset = replace(AUGMENTATIONS[name], **dict.fromkeys(INTENSITIES, 0.0), gamma=1.0)
    window = preset.window((height, width))
    field = torch.linspace(-1, 1, window[0])[:, None] + torch.linspace(-0.7, 0.7, window[1])
    images = field.expand(2, channels, *window)
    masks = torch.bucketize(field, torch.tensor([-0.5, 0.0, 0.5])).to(torch.uint8).expand(2, *window)
    patches, targets = augment(images, masks, (height, width), preset, [seed, seed + 1])
    known = targets != 255
    values = patches[:, 0]
    # A pixel's label is that of its nearest neighbour: half a pixel's slope away, zoomed by at most 1.7.
    near = 1.5 * (2 / window[0] + 1.4 / window[1])
    lowest, highest = (torch.bucketize(values + by, torch.tensor([-0.5, 0.0, 0.5])) for by in (-near, near))
    assert ((lowest <= targets) & (targets <= highest))[known].all()


def test_no_augmentation_is_the_middle_of_the_window():
    images, masks = windows()
    patches, targets = augment(images, masks, (32, 32), AUGMENTATIONS["none"], seeds())
    assert torch.equal(patches, images[..., 8:40, 8:40])
    assert torch.equal(targets, masks[..., 8:40, 8:40].long())


def test_a_flat_patch_stays_finite():
    images, masks = torch.full((2, 3, 32, 32), 0.5), torch.zeros(2, 32, 32, dtype=torch.uint8)
    for preset in AUGMENTATIONS.values():
        assert torch.isfinite(augment(images, masks, (32, 32), preset, seeds(count=2))[0]).all()


@pytest.mark.parametrize("name", list(SCHEDULES))
def test_the_learning_rate_rises_then_never_rises_again(name):
    rates = [factor(name, step, 10, step / 100) for step in range(100)]
    assert rates[:10] == sorted(rates[:10])
    assert rates[0] < 0.15
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert factor(name, 100, 10, 2.0) >= 0
    assert factor("cosine", 100, 10, 1.0) == pytest.approx(0)


def test_a_trapezoid_falls_in_the_last_fifth():
    assert [factor("trapezoidal", 99, 10, done) for done in (0.5, 0.8, 0.9, 1.0)] == pytest.approx(
        [1, 1, 0.5, 0]
    )


def test_a_short_training_warms_up_in_its_first_tenth():
    assert factor("constant", 1, 20, 0.05) == pytest.approx(0.5)
    assert factor("constant", 2, 20, 0.1) == 1
    assert factor("constant", 2, 20, 0.01) == pytest.approx(3 / 21)  # a long one as it was told
