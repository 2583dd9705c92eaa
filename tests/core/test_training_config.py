"""Training settings: recipes, --set, and what is said about typos."""

import json
from dataclasses import fields
from pathlib import Path

import pytest

from unet_studio.core.errors import StudioError
from unet_studio.core.training_config import (
    TrainingConfig,
    TrainingSource,
    inherited,
    recipe,
    recipe_description,
    recipe_names,
)


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_is_valid_described_and_round_trips(name):
    config = recipe(name)
    assert TrainingConfig.from_json(json.loads(json.dumps(config.to_json()))) == config
    assert len(recipe_description(name)) > 20


def test_the_recipes_of_the_program_are_there():
    assert {"fine-tune", "from-scratch", "persons-plain", "persons-pretrained"} <= set(recipe_names())
    assert recipe().freeze_encoder_statistics
    assert recipe().encoder_lr_factor == 0.1
    assert recipe("camvid").class_weights == "balanced"
    assert {recipe(name).class_weights for name in ("carla", "ade20k", "overfit")} == {"none"}


def test_the_default_recipe_is_what_the_settings_are_by_themselves():
    """Reports list what is not."""
    assert recipe() == TrainingConfig()


def test_every_field_has_help_and_every_default_is_valid():
    TrainingConfig()
    for entry in fields(TrainingConfig):
        assert entry.metadata["help"].endswith("."), entry.name
        assert isinstance(entry.metadata["advanced"], bool)


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("seed=7", "seed", 7),
        ("minutes=2.5", "minutes", 2.5),
        ("painted=true", "painted", True),
        ("painted=no", "painted", False),
        ("classes=car, road", "classes", ("car", "road")),
        ("classes=", "classes", ()),
        ("learning-rate=1e-4", "learning_rate", 1e-4),
        ("name=two words = one", "name", "two words = one"),
    ],
)
def test_set_reads_the_type_of_the_field(text, key, value):
    assert getattr(TrainingConfig().with_set([text]), key) == value


def test_settings_that_belong_together_are_set_together():
    config = TrainingConfig().with_set(["resize=stretch", "size=320,240"])
    assert config.size == (320.0, 240.0)
    with pytest.raises(StudioError, match="2 positive"):
        TrainingConfig().with_set(["resize=stretch", "size=320"])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("lerning_rate=1", "'learning_rate'"),
        ("sede=1", "'seed'"),
        ("loss=bce+dise", "bce\\+dice"),
        ("batch=many", "Patches computed"),
        ("batch=-1", "between 0 and 1024"),
        ("minutes=nan", "finite"),
        ("painted=perhaps", "painted"),
        ("seed", "key=value"),
        ("source=x", "settings|Did you mean"),
    ],
)
def test_a_typo_is_answered_with_the_nearest(text, told):
    with pytest.raises(StudioError, match=told):
        TrainingConfig().with_set([text])


def test_an_unknown_key_of_a_file_names_the_nearest():
    with pytest.raises(StudioError, match="'patience'"):
        TrainingConfig.from_json({"patiense": 3})
    with pytest.raises(StudioError, match=r"'source\.images'"):
        TrainingConfig.from_json({"source": {"image": "x"}})
    with pytest.raises(StudioError, match="seed can't be True"):
        TrainingConfig.from_json({"seed": True})
    with pytest.raises(StudioError, match="no table"):
        TrainingConfig.from_json([1])


def test_the_programs_recipes_are_read_once_since_the_panel_asks_all_the_time(monkeypatch):
    known = recipe()
    monkeypatch.setattr("pathlib.Path.read_text", lambda *_, **__: pytest.fail("it was read again"))
    assert recipe() == known


def test_a_recipe_may_be_a_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('description = "x"\nsteps = 7\nsize = [0.5]\nresize = "factor"\n')
    assert recipe(str(path)).steps == 7
    path.write_text("steps = 8")
    assert recipe(str(path)).steps == 8
    path.write_text("steps = = 7")
    with pytest.raises(StudioError, match="no TOML"):
        recipe(str(path))
    with pytest.raises(StudioError, match="Did you mean fine-tune"):
        recipe("finetune")


def test_sources_become_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = TrainingSource.of_folders(Path("images"), Path("masks"))
    assert source.images == str(tmp_path / "images")
    assert source.classes is None
    assert TrainingSource.from_json(source.to_json()) == source


def test_a_fine_tuning_learns_as_its_origin_did():
    plain = recipe("from-scratch").to_json()
    settings = TrainingConfig.from_json(inherited({"config": plain}), recipe("fine-tune"))
    assert (settings.encoder_lr_factor, settings.freeze_encoder_statistics) == (1.0, False)
    assert settings.augmentation == "microscopy"
    assert settings.init == recipe("fine-tune").init
    assert inherited({}) == {}
    assert inherited({"config": None}) == {}
