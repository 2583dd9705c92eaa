"""export-model: an ONNX file that another program runs, and the comparison before it is written."""

import gc
import json
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from tests.commands.conftest import Run
from unet_studio.core.errors import StudioError
from unet_studio.core.image_io import read_image
from unet_studio.core.model_card import Architecture, ModelCard, ModelClass, Preprocessing
from unet_studio.model import DEFAULT_ARCHITECTURE, Model, build_network, load_model
from unet_studio.model import onnx_export as module

CLASSES = tuple(ModelClass(index, name, "#e69f00") for index, name in ((0, "soil"), (4, "root"), (9, "ash")))


def model_of(preprocessing: Preprocessing, classes: int = 3) -> Model:
    import torch

    torch.manual_seed(0)
    outputs = 1 if classes == 2 else classes
    architecture = Architecture("unet", preprocessing.channels, outputs, {"depth": 2, "channels": 8})
    return Model(
        ModelCard("m", architecture, CLASSES[:classes], 0, preprocessing), build_network(architecture)
    )


def test_the_command(run: Run, model: Path, tmp_path: Path) -> None:
    done = run("export-model", model, tmp_path / "m.onnx", "--json")
    assert done.status == 0, done.err
    assert done.value["agreement"] >= 0.9999
    assert done.value["largest_difference"] <= 1e-4
    assert done.value["images"] == 4
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"))
    assert [entry.name for entry in session.get_inputs()] == ["image"]
    facts = session.get_modelmeta().custom_metadata_map
    assert [entry["name"] for entry in json.loads(facts["classes"])] == ["background", "object"]
    again = run("export-model", model, tmp_path / "m.onnx")
    assert again.status == 1
    assert "is there already" in again.err
    assert run("export-model", model, tmp_path / "m.onnx", "--force").status == 0
    assert run("export-model", model, tmp_path / "m.txt").status == 1


@pytest.mark.parametrize(
    "preprocessing",
    [
        Preprocessing(3, mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4)),
        Preprocessing(1, scaling="percentile", low=(300.0,), high=(40_000.0,)),
        Preprocessing(5),
    ],
    ids=["mean and deviation", "percentiles", "five channels"],
)
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_another_program_predicts_the_same(
    preprocessing: Preprocessing, classes: int, dtype: type, tmp_path: Path
) -> None:
    """Scaled as the metadata say, and nothing of this program's own scaling used."""
    model = model_of(preprocessing, classes)
    noise = np.random.default_rng(0)
    image = noise.integers(0, np.iinfo(dtype).max, (64, 96, preprocessing.channels), dtype=dtype)
    module.export_onnx(model, tmp_path / "m.onnx", [image])
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"))
    text = session.get_modelmeta().custom_metadata_map["input"]
    whole = {np.uint8: 255, np.uint16: 65535}[dtype] if text.startswith("pixel values / 255") else 1
    values = (image / whole).astype(np.float32).transpose(2, 0, 1)[np.newaxis]
    (found,) = session.run(None, {"image": values})
    assert found.shape == (1, classes, 64, 96)
    assert np.allclose(found.sum(axis=1), 1, atol=1e-5)
    meant = model.predict(image)
    indices = np.array([entry.index for entry in model.card.classes])
    assert (indices[found[0].argmax(axis=0)] == meant.labels).mean() > 0.999


# Each kind of encoder once: others of its family are made of the same layers.
FAMILIES = ("unet", DEFAULT_ARCHITECTURE, "unet-vgg16-bn", "unet-resnet18", "unet-efficientnet-b0")


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow) for name in FAMILIES])
@pytest.mark.parametrize("upsampling", ["bilinear", "other"])
def test_every_network_runs_at_every_size(name: str, upsampling: str, tmp_path: Path) -> None:
    import torch

    other = "transposed" if name == "unet" else "nearest"
    small = {"depth": 3, "channels": 4} if name == "unet" else {"decoder": (16, 8, 8, 4, 4)}
    options = {**small, "upsampling": other if upsampling == "other" else upsampling}
    torch.manual_seed(0)
    scaling = Preprocessing(3, "percentile", (1.0, 2.0, 3.0), (200.0, 9.0, 250.0), (0.1,) * 3, (0.4,) * 3)
    architecture = Architecture(name, 3, 3, options)
    card = ModelCard("m", architecture, CLASSES, 0, scaling, temperature=1.7)
    model = Model(card, build_network(architecture).eval())
    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    module.export_onnx(model, tmp_path / "m.onnx", [image])
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"))
    twin = module.WithScaling(model.network, card).eval()
    for shape in ((1, 3, 37, 53), (2, 3, 130, 71), (1, 3, 1, 1), (3, 3, 33, 32)):
        values = np.random.default_rng(1).uniform(0, 255, shape).astype(np.float32)
        with torch.inference_mode():
            meant = twin(torch.from_numpy(values)).numpy()
        (found,) = session.run(None, {"image": values})
        assert found.shape == (shape[0], 3, *shape[2:])
        assert np.abs(found - meant).max() < 1e-4


def test_a_size_that_was_baked_in_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    whole = torch.onnx.export

    def fixed(*rest: Any, dynamic_axes: Any, **named: Any) -> None:
        whole(*rest, dynamic_axes={}, **named)

    monkeypatch.setattr(torch.onnx, "export", fixed)
    with pytest.raises(Exception, match="dimensions"):
        module.export_onnx(model_of(Preprocessing(1)), tmp_path / "m.onnx", [np.zeros((64, 96), np.uint8)])
    assert not (tmp_path / "m.onnx").exists()


def test_the_example_of_the_documentation_works(
    run: Run, images: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (Path(__file__).parents[2] / "docs" / "predicting.md").read_text(encoding="utf-8")
    section = text.partition("## Models for other programs")[2]
    example = section.partition("```python\n")[2].partition("```")[0]
    assert len(example.splitlines()) <= 13
    assert run("export-model", model, tmp_path / "cells.onnx").status == 0
    (images / "a.png").rename(tmp_path / "image.png")
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "predicting.md", "exec"), {})
    with Image.open("mask.png") as mask:
        labels = np.asarray(mask)
    meant = load_model(model, "cpu").predict(read_image(tmp_path / "image.png")).labels
    assert (labels == meant).mean() > 0.999


def test_a_file_that_differs_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST_DIFFERENCE", -1.0)
    with pytest.raises(StudioError, match="differs from the original"):
        module.export_onnx(model_of(Preprocessing(1)), tmp_path / "m.onnx", [np.zeros((32, 32), np.uint8)])
    assert not (tmp_path / "m.onnx").exists()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_counts_as_a_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    class Broken(onnxruntime.InferenceSession):  # type: ignore[misc]
        def run(self, *rest: Any) -> Any:
            (found,) = super().run(*rest)
            found[:, 0, 0, 0] = value
            return [found]

    monkeypatch.setattr(onnxruntime, "InferenceSession", Broken)
    image = np.zeros((128, 128), np.uint8)  # so large that one pixel does not count
    with pytest.raises(StudioError, match="differs from the original"):
        module.export_onnx(model_of(Preprocessing(1)), tmp_path / "m.onnx", [image])


def test_images_are_compared_one_at_a_time(tmp_path: Path) -> None:
    alive: list[weakref.ref[Any]] = []

    def images() -> Iterator[Any]:
        for _ in range(6):
            gc.collect()
            assert sum(image() is not None for image in alive) <= 2
            image = np.zeros((32, 32), np.uint8)
            alive.append(weakref.ref(image))
            yield image

    assert module.export_onnx(model_of(Preprocessing(1)), tmp_path / "m.onnx", images()).images == 6


def test_without_images_there_is_nothing_to_compare(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="no image to compare"):
        module.export_onnx(model_of(Preprocessing(1)), tmp_path / "m.onnx", [])


def test_without_the_package_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(StudioError, match=r"unet-studio\[onnx\]"):
        module.export_onnx(model_of(Preprocessing(1)), tmp_path / "m.onnx", [np.zeros((32, 32), np.uint8)])


def test_images_can_be_named(run: Run, model: Path, tmp_path: Path) -> None:
    Image.fromarray(np.zeros((40, 50, 3), np.uint8)).save(tmp_path / "a.png")
    done = run("export-model", model, tmp_path / "m.onnx", "--images", tmp_path / "a.png", "--json")
    assert done.status == 0, done.err
    assert done.value["images"] == 1
