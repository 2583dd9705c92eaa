"""Recipes: each parses, builds its network, trains; its card says what was used; and all is documented."""

import json
import re
import tomllib
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.training.samples import make_run, write_folders
from training.engine import train
from training.job import Job
from unet_studio.core.events import Failed, Finished
from unet_studio.core.model_card import read_card
from unet_studio.core.run_folder import RunFolder
from unet_studio.core.training_config import (
    TrainingConfig,
    TrainingSource,
    recipe,
    recipe_description,
    recipe_names,
)
from unet_studio.model import load_model

ROOT = Path(__file__).resolve().parents[2]
RECIPES = ROOT / "unet_studio" / "core" / "recipes"
SIDE = 64
# What makes a quick step of any recipe.
QUICK = ("steps=1", "epochs=0", "evaluate_every=1", "batch=2", "threads=1", "device=cpu", "warmup_steps=1")
CARLA = recipe("carla").classes


def write_classes(root: Path, names: list[str], ignore: int | None, background: bool) -> TrainingSource:
    """Images of stripes, one a class, in its own grey; the masks beside them."""
    random = np.random.default_rng(0)
    for number in range(6):
        mask = np.repeat(random.permutation(len(names)).astype(np.uint8), -(-SIDE * SIDE // len(names)))
        mask = mask[: SIDE * SIDE].reshape(SIDE, SIDE)
        image = np.stack([mask, 255 - mask, 3 * mask], axis=2)
        for kind, pixels in (("images", image), ("masks", mask)):
            (root / kind).mkdir(exist_ok=True, parents=True)
            Image.fromarray(pixels).save(root / kind / f"{number}.png")
    classes = [{"index": i, "name": name, "color": f"#{i:02x}80{i:02x}"} for i, name in enumerate(names)]
    value = {"classes": classes, "ignore_index": ignore, "background": 0 if background else None}
    (root / "classes.json").write_text(json.dumps(value))
    return TrainingSource.of_folders(root / "images", root / "masks", root / "classes.json")


def discs(root: Path) -> TrainingSource:
    return write_folders(root, 6)


def streets(root: Path) -> TrainingSource:
    return write_classes(root, [f"street {number}" for number in range(11)], 11, background=False)


def carla_like(root: Path) -> TrainingSource:
    return write_classes(root, ["None", *CARLA, "Sky", "Ground"], None, background=True)


def scenes(root: Path) -> TrainingSource:
    return write_classes(root, [f"thing {number}" for number in range(150)], None, background=False)


KINDS: dict[str, Callable[[Path], TrainingSource]] = {
    "camvid": streets,
    "carla": carla_like,
    "ade20k": scenes,
}
LARGE = {"ade20k", "carla", "pets-dogs"}
PARAMETERS = {
    "persons-plain": 482_033,
    "persons-plain-writeup": 482_033,
    "ade20k": 31_041_430,
    "pets-dogs": 18_858_317,
}
NAMES = [pytest.param(name, marks=pytest.mark.slow) if name in LARGE else name for name in recipe_names()]


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_builds_its_network_trains_and_says_what_it_used(name, tmp_path, monkeypatch):
    monkeypatch.setattr(Job, "save", lambda job: None)  # hundreds of megabytes; other tests resume runs
    chosen = recipe(name).with_set(QUICK)
    smaller = {"size": (SIDE, SIDE)} if chosen.resize == "stretch" else {}
    source = KINDS.get(name, discs)(tmp_path)
    config = replace(chosen, source=source, patch=min(chosen.patch, SIDE), **smaller)
    run = RunFolder.create(tmp_path / "run", config)
    events = list(train(run))
    assert not [event for event in events if isinstance(event, Failed)]
    assert isinstance(events[-1], Finished)
    assert events[-1].step == 1
    card = read_card(run.best)
    assert card.training["config"] == config.to_json()
    assert card.training["config"]["loss"] == recipe(name).loss
    assert card.architecture.name == config.network
    if name in PARAMETERS:
        network = load_model(run.best).network
        assert sum(one.numel() for one in network.parameters()) == PARAMETERS[name]
    if name == "carla":
        assert [entry.name for entry in card.classes] == ["None", *CARLA]
    if config.resize == "stretch":
        assert card.preprocessing.resize == "stretch"


def test_learning_by_heart_takes_so_many_images_unvaried_and_measures_on_them(tmp_path):
    source = write_folders(tmp_path, 8)
    run = make_run(tmp_path / "run", source, overfit=3, augmentation="photos", steps=2, evaluate_every=2)
    events = list(train(run))
    assert isinstance(events[-1], Finished)
    card = read_card(run.best)
    assert len(card.training["samples"]["train"]) == 3
    assert card.training["samples"]["val"] == []
    assert card.metrics["images"] == 3
    assert card.metrics["kind"] == "mean over training images"


def test_every_value_of_a_recipe_has_its_reason():
    """Each block of settings comes after a comment; what speaks for itself is named here."""
    plain = {"network", "init", "optimiser"}
    for path in sorted(RECIPES.glob("*.toml")):
        lines = path.read_text(encoding="utf-8").splitlines()
        assert lines[0].startswith("description = ")
        for block in re.split(r"\n\s*\n", "\n".join(lines[1:])):
            settings = [line.partition(" = ")[0] for line in block.splitlines() if re.match(r"\w+ = ", line)]
            assert not settings or "#" in block or set(settings) <= plain, f"{path.name}: {settings}"


def test_every_recipe_is_told_of():
    text = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    for name in recipe_names():
        assert f"| `{name}` |" in text
        assert recipe_description(name)
        tomllib.loads((RECIPES / f"{name}.toml").read_text(encoding="utf-8"))


# The table of settings


def as_text(value: object) -> str:
    """A default as --set takes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or "none"
    return "none" if value == "" else f"{value:g}" if isinstance(value, float) else str(value)


def settings_table() -> str:
    """The table of docs/training.md as the settings' own metadata make it."""
    lines = ["| setting | default | values | what it does |", "|---|---|---|---|"]
    for entry in fields(TrainingConfig):
        if entry.name == "source":
            continue
        about = entry.metadata
        low, high, unit = about["low"], about["high"], about["unit"]
        if about["choices"]:
            values = ", ".join(f"`{choice}`" for choice in about["choices"])
        elif low is not None or high is not None:
            values = f"from {low:g}" if high is None else f"{low:g} to {high:g}"
        else:
            kinds = {"str": "text", "bool": "true, false", "int": "whole number"}
            values = kinds.get(getattr(entry.type, "__name__", ""), "list")
        values = f"{values} {unit}".strip()
        lines.append(f"| `{entry.name}` | {as_text(entry.default)} | {values} | {about['help']} |")
    return "\n".join(lines)


def test_every_setting_is_documented_as_it_is():
    """To mend it: python -m tests.training.test_recipes writes the table anew."""
    text = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    assert settings_table() in text


def main() -> None:
    """Write the table of settings into docs/training.md."""
    path = ROOT / "docs" / "training.md"
    text = path.read_text(encoding="utf-8")
    table = re.compile(r"\| setting \| default \|.*?(?=\n\n)", re.DOTALL)
    path.write_text(table.sub(lambda _found: settings_table(), text), encoding="utf-8")


if __name__ == "__main__":
    main()
