"""The procedural pictures: the same for the same seed, of the size asked for, too hard for a threshold."""

import cv2
import numpy as np
import pytest

from unet_studio.demo.cells import Habit, grow_cells
from unet_studio.demo.generator import SAMPLE, SETTINGS, SIZE, TRAINING, generate


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_a_seed_gives_the_same_picture_and_truth_again(settings):
    image, truth = generate(7, settings, (120, 160))
    again, truth_again = generate(7, settings, (120, 160))
    assert np.array_equal(image, again)
    assert np.array_equal(truth, truth_again)


def test_another_seed_gives_another_picture():
    image, truth = generate(7, SAMPLE, (120, 160))
    other, other_truth = generate(8, SAMPLE, (120, 160))
    assert (truth != other_truth).mean() > 0.05
    assert not np.array_equal(image, other)


@pytest.mark.parametrize("size", [(64, 64), (97, 131), SIZE])
def test_sizes_types_and_values(size):
    image, truth = generate(1, SAMPLE, size)
    assert image.shape == (*size, 3)
    assert image.dtype == np.uint8
    assert truth.shape == size
    assert truth.dtype == np.uint8
    assert set(np.unique(truth)) <= {0, 1}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_cells_fill_a_fair_share_of_the_field_and_are_brighter_than_it(settings):
    for seed in range(3):
        image, truth = generate(seed, settings)
        assert 0.15 < truth.mean() < 0.85
        light = image.max(axis=2)
        assert light[truth == 1].mean() > 2 * light[truth == 0].mean()


def test_the_sample_is_denser_and_dirtier_than_the_training_pictures():
    share = {name: np.mean([generate(s, v)[1].mean() for s in range(4)]) for name, v in SETTINGS.items()}
    assert share["sample"] > share["training"] + 0.05
    assert min(SAMPLE.debris) > max(TRAINING.debris) - 1
    assert SAMPLE.stains != TRAINING.stains


def test_cells_are_whole_and_touch_each_other():
    """Every part of the truth is at least as large as a small cell cut by the border; some hold several."""
    areas = []
    for seed in range(4):
        _, truth = generate(seed, SAMPLE)
        count, _, facts, _ = cv2.connectedComponentsWithStats(truth)
        areas += list(facts[1:, cv2.CC_STAT_AREA])
        assert count > 4
    one = np.pi * SAMPLE.radius**2
    assert max(areas) > 3 * one
    assert np.median(areas) > 0.2 * one


def test_no_threshold_of_the_stain_finds_the_cells():
    """Faint cells, haze, uneven light and debris: the best global threshold of an image still errs."""
    errors = []
    for seed in (101, 102, 105):
        image, truth = generate(seed, SAMPLE)
        light = cv2.GaussianBlur(image[..., 1], (0, 0), 1.5)
        errors.append(min(((light > level) != truth).mean() for level in range(20, 160, 5)))
    assert np.mean(errors) > 0.01


def test_faint_cells_are_dim_and_outlines_stay_the_same():
    """The share of faint cells changes the light, not where cells are."""
    habits = [Habit(30.0, (1.0, 2.0), share, (0.2, 0.4)) for share in (0.0, 1.0)]
    bright, dim = (grow_cells(np.random.default_rng(3), (240, 320), 0.5, habit) for habit in habits)
    assert bright.truth.any()
    assert dim.actin[dim.truth == 1].mean() < 0.6 * bright.actin[bright.truth == 1].mean()
    assert not bright.actin[bright.truth == 0].any()
