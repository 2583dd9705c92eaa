"""A threshold is moved over 2 megapixels: from the value to the painted frame, in the real window.

python -m pytest tests/benchmarks/test_thresholds.py --benchmark-only
"""

import itertools

import numpy as np
import pytest
from PIL import Image

from tests.benchmarks.stage import Stage
from unet_studio.core.prediction import Prediction

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SHAPE = 1200, 1700  # px, of four classes in patches


def smooth(seed, sigma):
    """A random field, float32 of SHAPE, 0..1."""
    import cv2

    noise = np.random.default_rng(seed).normal(size=SHAPE).astype(np.float32)
    field = cv2.GaussianBlur(noise, (0, 0), sigma)
    return (field - field.min()) / (field.max() - field.min())


@pytest.fixture
def stage(qapp, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    Image.fromarray((255 * smooth(0, 5)).astype(np.uint8)).save(folder / "a.png")
    made = Stage(tmp_path / "window.ini")
    made.open(folder)
    for name in ("third", "fourth"):
        made.session.class_editor.add(name)
    labels, confidence = (3.99 * smooth(1, 20)).astype(np.uint8), (128 + 127 * smooth(2, 9)).astype(np.uint8)
    made.document.set_prediction(Prediction(labels, confidence, "m", {}))
    made.session.predictor.predicted.emit("a.png")
    yield made
    made.close()


@pytest.mark.parametrize("zoom", ["fit", 1.0])
def test_a_threshold_of_all_classes_until_it_is_seen(benchmark, stage, zoom):
    stage.zoom(zoom)
    values = itertools.cycle((0.7, 0.75, 0.8))

    def move():
        stage.session.thresholds.set(None, next(values))
        stage.frame()

    benchmark.pedantic(move, setup=stage.settle, rounds=30, warmup_rounds=3)
    stage.assert_all_shown()
