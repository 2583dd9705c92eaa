"""Predictions: how sure they are as a whole."""

import numpy as np
import pytest

from unet_studio.core.prediction import UNCERTAIN, Prediction


def of(confidence: np.ndarray) -> Prediction:
    return Prediction(np.zeros(confidence.shape, np.uint8), confidence)


@pytest.mark.parametrize("shape", [(1, 1), (7, 70_001), (300, 433), (70_001, 1)])
def test_mean_and_uncertain_share_are_those_of_all_pixels(shape: tuple[int, int]) -> None:
    confidence = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    found = of(confidence)
    assert found.mean_confidence == pytest.approx(confidence.mean(dtype=np.float64) / 255)
    assert found.uncertain_share == pytest.approx((confidence < round(255 * UNCERTAIN)).mean())
    assert found.confidence_counts.sum() == confidence.size


def test_a_pixel_is_uncertain_below_the_named_limit_alone() -> None:
    limit = round(255 * UNCERTAIN)
    assert of(np.array([[limit - 1, limit, 255, 255]], np.uint8)).uncertain_share == 0.25


def test_an_approved_mask_in_no_memory_is_certain() -> None:
    found = of(np.broadcast_to(np.uint8(255), (2000, 3000)))
    assert (found.mean_confidence, found.uncertain_share) == (1.0, 0.0)


def test_no_pixels_are_not_sure() -> None:
    found = of(np.zeros((0, 4), np.uint8))
    assert (found.mean_confidence, found.uncertain_share) == (0.0, 0.0)
