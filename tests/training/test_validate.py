"""What a validation says: the loss on known pixels, both averages, and which model is the best."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from tests.training.samples import SPLIT, make_run, write_folders
from training.engine import train
from training.losses import IGNORE, make_loss
from training.validate import mean_loss, metrics, report
from unet_studio.core.classes import ClassTable, PixelClass
from unet_studio.core.events import Finished, Note, Validated, from_line, to_line
from unet_studio.core.metrics import Evaluation
from unet_studio.core.model_card import read_card

TABLE = ClassTable(
    tuple(PixelClass(index, name, "#ff0000") for index, name in ((0, "ground"), (3, "cell"), (7, "wall"))), 0
)
TWO = ClassTable.binary("cell")


def judge(table, *pairs, best=-1.0) -> Validated:
    """The event of images given as rows of truth and prediction."""
    evaluation = Evaluation(table.indices)
    for number, (truth, labels) in enumerate(pairs):
        evaluation.add(str(number), np.array([truth]), np.array([labels]))
    return report(evaluation, table, 5, 0.25, best, 1.0)


def test_both_averages_of_every_score_by_hand():
    event = judge(TWO, ([1, 0, 0, 0], [0, 0, 0, 0]), ([1, 1, 1, 0], [1, 1, 1, 0]))
    assert event.mean_iou == event.mean_dice == 0.5
    assert event.dice == {"background": pytest.approx((6 / 7 + 1) / 2), "cell": 0.5}
    assert event.pooled_iou == {"background": 0.8, "cell": 0.75}
    assert event.pooled["mean_dice"] == event.pooled_dice["cell"] == 6 / 7
    assert event.pooled["pixel_accuracy"] == event.pixel_accuracy == 7 / 8
    # One px of outline each: missed in the first image, met in the second.
    assert event.boundary_f1["cell"] == event.mean_boundary_f1 == 0.5
    assert event.pooled["mean_boundary_f1"] == pytest.approx(2 / 3)
    assert from_line(to_line(event)) == event


def test_the_card_holds_both_averages_and_null_for_no_score():
    told = metrics(judge(TABLE, ([3, 0], [3, 0])))
    assert told["mean_dice"] == told["mean_boundary_f1"] == told["pooled"]["mean_iou"] == 1
    assert told["boundary_f1"] == {"ground": 1.0, "cell": 1.0, "wall": None}
    assert told["pooled"]["dice"]["wall"] is None
    assert told["pooled"]["pixel_accuracy"] == 1


def test_a_class_that_no_image_shows_does_not_choose_the_model():
    good = judge(TABLE, ([3] * 9 + [0], [3] * 9 + [7]))  # one px of a wall that is not there
    bad = judge(TABLE, ([3] * 9 + [0], [3] * 4 + [0] * 6))
    assert good.dice["wall"] == 0
    assert math.isnan(bad.dice["wall"])
    assert good.mean_dice == 1 > bad.mean_dice > 0.5
    assert good.pooled["mean_dice"] > bad.pooled["mean_dice"]


def test_a_class_that_is_shown_and_never_found_counts_as_nothing():
    event = judge(TABLE, ([3, 3, 0, 0], [3, 3, 0, 0]), ([7, 7, 0, 0], [0, 0, 0, 0]))
    assert event.dice["wall"] == 0
    assert event.mean_dice == 0.5


def test_where_nothing_but_background_is_shown_finding_less_is_better():
    for table in (TWO, TABLE):
        other = table.indices[1]
        values = [
            judge(table, ([0] * 10, [other] * wrong + [0] * (10 - wrong))).mean_dice
            for wrong in (0, 1, 5, 10)
        ]
        assert values == sorted(values, reverse=True)
        assert values[0] == 1
        assert len(set(values)) == 4


def test_an_empty_image_of_two_classes_counts_one_where_nothing_is_found():
    pairs = [([1, 0], [1, 0]), ([0, 0], [0, 0])]
    assert judge(TWO, *pairs).mean_dice == 1
    pairs[1] = ([0, 0], [0, 1])
    assert judge(TWO, *pairs).mean_dice == 0.5


def test_an_image_without_a_known_pixel_counts_for_nothing():
    known = ([1, 0, 0], [1, 1, 0])
    alone, both = judge(TWO, known), judge(TWO, known, ([255] * 3, [0, 0, 0]))
    assert alone == both


def test_no_score_is_no_gain():
    nothing = judge(TWO, ([255], [1]), best=-1.0)
    assert math.isnan(nothing.mean_dice)
    assert not nothing.best
    assert from_line(to_line(nothing)).best is False
    assert not judge(TWO, ([1, 0], [1, 0]), best=1.0).best  # as good is no gain either
    assert judge(TWO, ([1, 0], [1, 0]), best=0.99).best


class _Answers(torch.nn.Module):
    """Answers with the image itself."""

    def forward(self, image):
        return image


class _Judge:
    def __init__(self):
        self.network, self.device = _Answers(), torch.device("cpu")


def test_the_loss_leaves_out_patches_without_a_known_pixel():
    logits = torch.randn(1, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    target = torch.ones(1, 4, 4, dtype=torch.long)
    unknown = torch.full((1, 4, 4), IGNORE)
    loss, looks = make_loss("bce"), []

    def check():
        looks.append(1)

    patches = [(logits, target), (logits, unknown), (2 * logits, target)]
    mean = mean_loss(_Judge(), patches, loss, 0, check)
    by_hand = (loss(logits, target, 0) + loss(2 * logits, target, 0)).item() / 2
    assert mean == pytest.approx(by_hand)
    assert len(looks) == 3
    assert math.isnan(mean_loss(_Judge(), [(logits, unknown)], loss, 0, check))


# Whole runs


def hide_all(folder, *numbers):
    """Make all pixels of masks unknown."""
    path = folder / "classes.json"
    path.write_text(path.read_text().replace("null", "255"))
    for number in numbers:
        Image.fromarray(np.full((32, 32), 255, np.uint8)).save(folder / "masks" / f"{number}.png")


def test_a_run_whose_validation_has_no_known_pixels_says_so(tmp_path):
    source = write_folders(tmp_path / "set", split=SPLIT)
    hide_all(tmp_path / "set", 5, 6)
    run = make_run(tmp_path / "run", source)
    events = list(train(run))
    assert isinstance(events[-1], Finished)
    assert any(
        "scores are taken on the training images" in one.text for one in events if isinstance(one, Note)
    )
    assert read_card(run.best).metrics["kind"] == "mean over training images"


def test_a_run_says_which_classes_its_validation_does_not_show(tmp_path):
    source = write_folders(tmp_path / "set", split=SPLIT)
    for number in (5, 6):
        Image.fromarray(np.zeros((32, 32), np.uint8)).save(tmp_path / "set" / "masks" / f"{number}.png")
    run = make_run(tmp_path / "run", source)
    events = list(train(run))
    notes = [one.text for one in events if isinstance(one, Note)]
    assert any("No validation pixel shows disc" in text for text in notes), notes
    scored = [one for one in events if isinstance(one, Validated)]
    assert all(one.mean_dice == pytest.approx(one.dice["background"]) for one in scored)


def test_the_model_of_a_run_tells_boundary_f1_and_both_averages(tmp_path):
    run = make_run(tmp_path / "run", write_folders(tmp_path / "set", split=SPLIT), steps=30)
    end = list(train(run))[-1]
    told = read_card(run.best).metrics
    assert told["kind"] == "mean over validation images"
    assert 0 <= told["mean_boundary_f1"] <= 1
    assert set(told["pooled"]) == {
        "pixel_accuracy",
        "mean_iou",
        "mean_dice",
        "mean_boundary_f1",
        "iou",
        "dice",
        "boundary_f1",
    }
    assert end.metrics["pooled"] == told["pooled"]


def test_events_of_older_runs_are_read(tmp_path):
    event = judge(TWO, ([1, 0], [1, 0]))
    new = ("boundary_f1", "mean_boundary_f1", "pooled", "pooled_iou", "pooled_dice", "pooled_boundary_f1")

    value = {key: item for key, item in json.loads(to_line(event)).items() if key not in new}
    old = from_line(json.dumps(value))
    assert replace(
        event,
        boundary_f1={},
        mean_boundary_f1=0.0,
        pooled={},
        pooled_iou={},
        pooled_dice={},
        pooled_boundary_f1={},
    ) == replace(old, mean_boundary_f1=0.0)
    assert metrics(old)["mean_boundary_f1"] is None
