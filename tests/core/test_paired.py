"""The paired bootstrap: known answers, how often it covers the truth, and what has no interval."""

import math

import numpy as np
import pytest

from unet_studio.core.paired import paired_interval


def test_the_interval_of_many_images_is_that_of_the_normal_distribution():
    random = np.random.default_rng(3)
    hard = random.uniform(0, 1, 4000)
    difference = random.normal(0.02, 0.1, 4000)
    found = paired_interval(hard, hard + difference)
    error = 1.6449 * difference.std() / math.sqrt(4000)
    assert found.mean == pytest.approx(difference.mean())
    assert found.low == pytest.approx(difference.mean() - error, abs=error / 20)
    assert found.high == pytest.approx(difference.mean() + error, abs=error / 20)
    assert found.better
    assert not found.worse
    assert found.images == 4000


def test_nine_of_ten_intervals_hold_the_truth():
    random = np.random.default_rng(0)
    held = 0
    for trial in range(300):
        difference = random.normal(0.1, 1, 40)
        found = paired_interval(np.zeros(40), difference, resamples=1000, seed=trial)
        held += found.low <= 0.1 <= found.high
    assert 0.84 <= held / 300 <= 0.94


def test_pairing_takes_out_how_hard_an_image_is():
    hard = np.linspace(0, 1, 30)
    found = paired_interval(hard, hard + 0.01)
    assert found.low == pytest.approx(found.high) == pytest.approx(0.01)


def test_the_order_of_models_turns_the_sign():
    one, other = [0.5, 0.6, 0.9, 0.2], [0.4, 0.7, 0.5, 0.1]
    there, back = paired_interval(one, other), paired_interval(other, one)
    assert there.mean == pytest.approx(-back.mean)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low), abs=0.01)


def test_the_same_seed_gives_the_same_interval():
    one, other = np.random.default_rng(2).uniform(size=(2, 30))
    assert paired_interval(one, other) == paired_interval(one, other)
    assert paired_interval(one, other) != paired_interval(one, other, seed=1)


def test_images_without_a_score_are_left_out():
    nan = math.nan
    found = paired_interval([0.5, nan, 0.5, 0.5], [0.7, 0.9, nan, 0.7])
    assert (found.images, found.mean) == (2, pytest.approx(0.2))
    one = paired_interval([0.5], [0.7])
    assert one.mean == pytest.approx(0.2)
    assert math.isnan(one.low)
    assert not one.better
    assert not one.worse
    none = paired_interval([], [])
    assert (none.images, none.to_json()["mean"], none.to_json()["low"]) == (0, None, None)
    with pytest.raises(ValueError, match="paired"):
        paired_interval([1.0], [1.0, 2.0, 3.0])


def test_a_wider_level_gives_a_wider_interval():
    random = np.random.default_rng(1)
    one, other = random.uniform(size=50), random.uniform(size=50)
    narrow, wide = paired_interval(one, other, 0.5), paired_interval(one, other, 0.99)
    assert wide.low < narrow.low < narrow.high < wide.high
