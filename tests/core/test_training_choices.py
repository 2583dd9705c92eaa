"""What was chosen for trainings comes back from disk, as far as it can still be meant."""

import json

import pytest

from unet_studio.core.training_choices import CHOICES_FILE, base_of, read_choices, write_choices


def test_choices_come_back_and_none_is_no_file(tmp_path):
    chosen = {"recipe": "from-scratch", "minutes": 3.0, "size": [288.0], "resize": "long_side"}
    write_choices(tmp_path, chosen)
    assert read_choices(tmp_path) == chosen
    write_choices(tmp_path, {})
    assert not (tmp_path / CHOICES_FILE).exists()
    assert read_choices(tmp_path) == {}


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", '"minutes"'])
def test_a_broken_file_is_no_choice(tmp_path, text):
    (tmp_path / CHOICES_FILE).write_text(text)
    assert read_choices(tmp_path) == {}


def test_what_is_no_setting_any_more_is_passed_over(tmp_path):
    stored = {
        "recipe": "gone", "minutes": 7, "patch": -5, "loss": "hope", "name": "x", "source": {"project": "/x"},
        "rival": "/y", "later": True, "clip": 2.0,
    }  # fmt: skip
    (tmp_path / CHOICES_FILE).write_text(json.dumps(stored))
    assert read_choices(tmp_path) == {"minutes": 7, "clip": 2.0}


def test_the_base_is_the_recipe_or_none_where_it_is_gone(tmp_path):
    assert base_of({}).network == "unet-efficientnet-lite0"
    assert base_of({"recipe": "from-scratch"}).network == "unet"
    assert base_of({"recipe": str(tmp_path / "gone.toml")}) is None
