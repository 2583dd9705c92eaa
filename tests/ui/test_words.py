"""Figures in words."""

import math

import pytest

from unet_studio.core.events import Finished, Freezing, Froze, Note, Progress, Started, Stopped, Validated
from unet_studio.core.model_card import Architecture, ModelCard, ModelClass, Preprocessing
from unet_studio.jobs.training_plan import TrainingPlan
from unet_studio.ui import words


def validated(step, dice, best):
    return Validated(step, 0.5, {"cell": dice}, {"cell": dice}, 0.9, dice, dice, best)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "1 s"),
        (40, "40 s"),
        (58, "1 min"),
        (179, "3 min"),
        (4800, "1 h 20 min"),
        (math.nan, "some time"),
    ],
)
def test_durations(seconds, text):
    assert words.duration(seconds) == text


def test_counts_and_sizes():
    assert (words.count(1, "image"), words.count(2000, "image")) == ("1 image", "2,000 images")
    assert (words.size(640), words.size(2_500_000)) == ("640 px", "2.5 Mpx")


def test_a_plan_says_what_is_learnt_from_and_what_is_missing():
    assert "approve" in words.plan_text(TrainingPlan())
    assert words.plan_text(TrainingPlan(train=1)) == "Learns from 1 approved image."
    text = words.plan_text(TrainingPlan(train=4, val=2))
    assert text == "Learns from 4 approved images, is checked on 2 it never learns from."


def test_the_course_of_a_run():
    events = []
    assert words.progress_text(events, "starting").startswith("Starting")
    looking = [Freezing(20, 20210), Freezing(1400, 20210)]
    assert words.progress_text(looking, "running") == "Looking at the images: 1,400 of 20,210…"
    events.append(Started("cpu", 1, 0, 100))
    assert words.progress_text(events, "running") == "Copying the masks…"
    events.append(Froze(3, 1, 0))
    assert words.progress_text(events, "running") == "Preparing 3 images…"
    events.append(Progress(20, 100, 0.4, 1e-3, 30.0, 120.0))
    assert words.progress_text(events, "running") == "Step 20 of at most 100 · about 2 min left"
    assert words.progress_text(events, "paused").startswith("Paused")
    assert words.done(events[-1]) == 0.2
    assert words.done(Progress(9, 120, 0.4, 1e-3, 45.0, 15.0)) == 0.75  # the time limit comes first
    assert words.done(Progress(9, 18, 0.4, 1e-3, 45.0, math.nan)) == 0.5
    assert words.running_on(events) == "CPU, 1 thread"
    assert words.running_on([Started("cuda:0", 4, 0, 9)]) == "cuda:0"
    assert words.notes([Note("Small."), *events]) == ["Small."]
    assert words.notes([Note("Few."), Note("Full."), Note("Few.")]) == ["Full.", "Few."]


def test_what_came_of_a_run():
    events = [Froze(3, 6, 0), validated(0, 0.5, True), validated(10, 0.8, True), validated(20, 0.7, False)]
    found = words.outcome([*events, Finished("steps", 20, 9.0, "best", {"mean_dice": 0.8})])
    assert (found.before, found.after, found.images, found.better) == (0.5, 0.8, 6, True)
    assert found.text() == "Dice 0.500 → 0.800 on 6 validation images."


def test_few_validation_images_are_called_indicative_and_none_unknown():
    few = words.outcome([Froze(3, 1, 0), validated(10, 0.8, True), Stopped(10, 9.0, "best", {})])
    assert few.text() == "Dice 0.800 on 1 validation image. 5 images or more tell better."
    assert few.better
    none = words.outcome([Froze(1, 0, 0), Finished("steps", 9, 1.0, "best", {"mean_dice": None})])
    assert not none.known
    assert "no validation image" in none.text()
    cut = words.outcome([Froze(3, 2, 0), Stopped(1, 9.0, "best", {})])
    assert "ended before it was measured" in cut.text()


def test_a_worse_model_is_called_so():
    events = [Froze(3, 6, 0), validated(0, 0.9, True), validated(10, 0.6, False)]
    found = words.outcome([*events, Finished("steps", 20, 9.0, "best", {"mean_dice": 0.6})])
    assert not found.better


def test_a_model_in_words():
    card = ModelCard(
        "v2",
        Architecture("unet-efficientnet-lite0", 3, 2),
        (ModelClass(0, "background", "#000000"), ModelClass(1, "cell", "#ff0000")),
        0,
        Preprocessing(3),
        parent="v1",
        created="2026-03-01T10:00:00",
        metrics={"mean_dice": 0.81},
    )
    assert words.card_text(card) == (
        "U-Net, efficientnet-lite0 · Dice 0.810 on the images it was checked with · "
        "fine-tuned from v1 · 2026-03-01"
    )
