"""The tally in little memory gives what core.metrics.Evaluation gives."""

import numpy as np
import pytest

from unet_studio.core.metrics import Evaluation, Scores
from unet_studio.core.tally import Tally


def same(one: Scores, other: Scores) -> None:
    assert one.classes == other.classes
    for name in ("pixel_accuracy", "iou", "dice", "boundary_f1"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), nan_ok=True), name


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("seed", range(5))
def test_it_gives_the_scores_of_an_evaluation(count, seed):
    random = np.random.default_rng(seed)
    classes = tuple(range(count))
    tally, evaluation = Tally(classes, 0), Evaluation(classes)
    for number in range(6):
        # Blocks, so that there are outlines; absent classes, unknown pixels, an image of nothing else.
        truth = np.kron(random.integers(0, min(count, 1 + number), (4, 5)), np.ones((6, 6))).astype(np.uint8)
        labels = np.where(random.random(truth.shape) < 0.2, random.integers(0, count, truth.shape), truth)
        labels = labels.astype(np.uint8)
        truth[random.random(truth.shape) < (1.0 if number == 5 else 0.3)] = 255
        labels[0, 0] = 255
        same(tally.add(truth, labels), evaluation.add(str(number), truth, labels))
    same(tally.pooled(), evaluation.pooled())
    same(tally.mean_over_images(), evaluation.mean_over_images())
    assert np.array_equal(tally.matrix, evaluation.confusion())
    chosen = tally.measured()
    expected = [one.only(chosen).mean_dice() for _, one in evaluation.per_image]
    assert tally.image_dice() == pytest.approx(expected, nan_ok=True)


def test_classes_that_no_truth_shows_don_t_count():
    tally = Tally((0, 1, 2), 0)
    truth = np.array([[0, 1, 1, 1]], np.uint8)
    tally.add(truth, np.array([[2, 1, 1, 1]], np.uint8))
    assert tally.measured() == (1,)
    assert tally.image_dice() == [1.0]
    only_ground = Tally((0, 1), 0)
    only_ground.add(np.zeros((2, 2), np.uint8), np.array([[0, 1], [0, 0]], np.uint8))
    assert only_ground.measured() == (0,)


def test_without_images_there_are_no_scores():
    tally = Tally((0, 1), 0)
    assert tally.image_dice() == []
    assert np.isnan(tally.mean_over_images().iou).all()
    assert np.isnan(tally.pooled().pixel_accuracy)
