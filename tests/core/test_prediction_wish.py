"""Which predictions are good enough for what a person wishes."""

import pytest

from unet_studio.core.prediction_wish import PredictionWish


@pytest.mark.parametrize(
    ("wish", "made", "met"),
    [
        (PredictionWish("fast"), {"mode": "fast", "tta": False}, True),
        (PredictionWish("fast"), {"mode": "exact", "tta": True}, True),
        (PredictionWish("exact"), {"mode": "fast", "tta": False}, False),
        (PredictionWish("exact"), {"mode": "exact"}, True),
        (PredictionWish("fast", tta=True), {"mode": "exact", "tta": False}, False),
        (PredictionWish("exact", tta=True), {"mode": "exact", "tta": True}, True),
        (PredictionWish("exact", "cuda:1"), {"mode": "exact", "device": "cpu"}, True),
        (PredictionWish("exact", tta=True), {"image-hash": "imported"}, True),
    ],
)
def test_what_is_as_careful_is_good_enough(wish, made, met):
    assert wish.met_by(made) is met
