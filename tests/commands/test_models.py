"""models: the table and its JSON."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.commands.conftest import Run
from unet_studio.core.model_card import CARD_FILE, MODEL_FILE, read_card, write_card
from unet_studio.core.project import Project


@pytest.fixture
def project(images: Path, model: Path) -> Path:
    opened = Project.open(images)
    shutil.copytree(model, opened.models_folder / "v1")
    shutil.copytree(model, opened.models_folder / "v2")
    (opened.models_folder / "v2" / CARD_FILE).write_text("{")
    opened.prepare()
    opened.set_model("v1")
    opened.close()
    return images


def test_the_table(run: Run, project: Path) -> None:
    done = run("models", project)
    assert done.status == 0
    row = next(line for line in done.out.splitlines() if line.startswith("v1 *"))
    assert row.split()[2:] == ["unet", "background,", "object", "-", "-", "0.500", "-", "-", "-", "-"]
    assert "v2 can't be used" in done.err


def test_the_json(run: Run, project: Path) -> None:
    models = {entry["name"]: entry for entry in run("models", project, "--json").value["models"]}
    assert models["v1"]["in_use"] is True
    assert models["v1"]["network"] == "unet"
    assert models["v1"]["metrics"] == {"mean_dice": 0.5}
    assert models["v2"]["problem"]
    assert "network" not in models["v2"]


def test_how_far_confidence_can_be_trusted(run: Run, project: Path) -> None:
    folder = project / "unet-studio" / "models" / "v1"
    calibration = {"temperature": 1.7312, "ece_before": 0.0812, "ece_after": 0.0123, "pixels": 50_000}
    card = replace(read_card(folder), temperature=1.7312, metrics={"calibration": calibration})
    write_card(folder, card)
    assert "0.081 to 0.012" in run("models", project).out
    assert "1.73" in run("models", project).out
    found = run("models", project, "--json").value["models"][0]
    assert (found["temperature"], found["metrics"]["calibration"]) == (1.7312, calibration)
    write_card(folder, replace(card, metrics={"calibration": "good"}))
    assert run("models", project).status == 0
    write_card(folder, replace(card, metrics={"calibration": {"ece_before": "?"}}))
    assert "- to -" in run("models", project).out


def test_what_a_model_learnt_from(run: Run, project: Path) -> None:
    folder = project / "unet-studio" / "models" / "v1"
    weights = {"source": "random numbers, seed 0", "licence": "none needed"}
    samples = {"train": ["a", "b"], "val": ["c"], "test": []}
    write_card(folder, replace(read_card(folder), training={"samples": samples, "weights": weights}))
    assert "2 + 1" in run("models", project).out
    found = run("models", project, "--json").value["models"][0]
    assert found["images"] == {"train": 2, "val": 1, "test": 0}
    assert found["weights"] == weights
    write_card(folder, replace(read_card(folder), training={"samples": "many"}))
    assert run("models", project).status == 0


def test_looking_creates_nothing(run: Run, images: Path) -> None:
    before = sorted(images.rglob("*"))
    assert run("models", images).status == 0
    assert sorted(images.rglob("*")) == before


def test_without_a_folder_only_bundled_ones(
    run: Run, tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unet_studio.core.resources.resources", lambda: tmp_path)
    assert "There are no models" in run("models").out
    shutil.copytree(model, tmp_path / "models" / "cells")
    assert [entry["name"] for entry in run("models", "--json").value["models"]] == ["cells"]
    (tmp_path / "models" / "cells" / MODEL_FILE).unlink()
    assert "can't be used" in run("models").err
