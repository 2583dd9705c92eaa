"""compare: every kind of file, names and runs, what is broken, and Ctrl-C."""

import json
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.commands.conftest import Run
from tests.helpers import make_folder, make_model, truth
from unet_studio.core.classes import ClassTable, PixelClass, write_classes_file
from unet_studio.core.events import Progress, Validated
from unet_studio.core.metrics import Evaluation
from unet_studio.core.model_card import MODEL_FILE
from unet_studio.core.run_folder import RunFolder
from unet_studio.core.storage import HALF_WRITTEN
from unet_studio.core.training_config import TrainingConfig

NASTY = "<script>alert(1)</script> & \"q\" 'ä'"
COUNT = 5


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("models")
    table = ClassTable((PixelClass(0, "background", "#000000"), PixelClass(1, NASTY, "#e69f00")), 0)
    return [make_model(folder / name, table, seed) for seed, name in enumerate(("one", "two <b>"))]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """images/, masks/ and classes.json."""
    make_folder(tmp_path / "images", COUNT, (48, 64))
    (tmp_path / "masks").mkdir()
    for number in range(COUNT):
        Image.fromarray(truth(number, (48, 64))).save(tmp_path / "masks" / f"{number}.png")
    table = ClassTable((PixelClass(0, "background", "#000000"), PixelClass(1, NASTY, "#e69f00")), 0)
    write_classes_file(tmp_path / "classes.json", "t", table)
    return tmp_path


def words(folder: Path, models: list[Path], out: str, *more: object) -> list[object]:
    base = ["compare", *models, "--images", folder / "images", "--out", folder / out, "--device", "cpu"]
    return [*base, *more]


def scored(folder: Path, models: list[Path], out: str, *more: object) -> list[object]:
    return words(folder, models, out, "--masks", folder / "masks", *more)


def test_a_page(run: Run, folder: Path, models: list[Path]) -> None:
    done = run(*scored(folder, models, "c.html", "--count", "2", "--json"))
    assert done.status == 0, done.err
    assert done.value["images"] == COUNT
    assert done.value["choice"] == "2 of 5 images, evenly spread by name."
    assert [one["name"] for one in done.value["models"]] == ["one", "two <b>"]
    text = (folder / "c.html").read_text(encoding="utf-8")
    assert "<script" not in text
    assert "<b>" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert text.count("<img ") == 2 * 4
    assert "paired bootstrap over 5 images" in text
    assert "Dice of each image; those on which they differ most come first." in text
    assert not list(folder.glob(HALF_WRITTEN))


def test_the_scores_are_those_of_predict_and_evaluate(run: Run, folder: Path, models: list[Path]) -> None:
    done = run(*scored(folder, models, "c.png", "--json"))
    for number, model in enumerate(models):
        out = folder / f"predicted{number}"
        assert (
            run("predict", folder / "images", "--model", model, "--out", out, "--device", "cpu").status == 0
        )
        told = run("evaluate", "--pred", out, "--truth", folder / "masks", "--json").value
        here = done.value["models"][number]
        for kind in ("mean_over_images", "pooled"):
            assert here[kind]["pixel_accuracy"] == pytest.approx(told[kind]["pixel_accuracy"], abs=1e-6)
            for mine, theirs in zip(here[kind]["classes"], told[kind]["classes"], strict=True):
                assert mine["dice"] == pytest.approx(theirs["dice"], abs=1e-6)


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
@pytest.mark.parametrize("paint", ["palette", "errors"])
def test_drawings(run: Run, folder: Path, models: list[Path], suffix: str, paint: str) -> None:
    out = folder / f"c.{suffix}"
    done = run(*scored(folder, models, out.name, "--count", "3", "--paint", paint, "--side", "64"))
    assert done.status == 0, done.err
    assert f"Written to {out}" in done.out
    if suffix == "png":
        with Image.open(out) as opened:
            assert opened.format == "PNG"
            assert opened.width > 900
    elif suffix == "svg":
        root = ElementTree.fromstring(out.read_text(encoding="utf-8"))
        tags = [element.tag.rpartition("}")[2] for element in root.iter()]
        assert tags.count("image") == 3 * 4
        assert "script" not in tags
        assert "boundary F1" in "".join(root.itertext())
    else:
        content = out.read_bytes()
        assert content.startswith(b"%PDF-")
        assert b"%%EOF" in content[-32:]
        assert content.count(b"/Subtype /Image") >= 1


def test_pictures_alone_without_masks(run: Run, folder: Path, models: list[Path]) -> None:
    done = run(*words(folder, models, "c.html", "--count", "2", "--json"))
    assert done.status == 0
    assert done.value["images"] == 2  # what is not shown is not predicted
    assert done.value["choice"] == "2 of 5 images, evenly spread by name."
    assert "differences" not in done.value
    assert "What the models say of each image" in (folder / "c.html").read_text()
    assert (folder / "c.html").read_text().count("<img ") == 2 * 3
    differing = run(*words(folder, models, "d.html", "--count", "2", "--sort", "difference", "--json"))
    assert differing.value["images"] == COUNT
    found = {one["name"]: one["difference"] for one in differing.value["per_image"]}
    assert differing.value["shown"] == sorted(found, key=lambda name: -found[name])[:2]


def test_a_part_of_the_split(run: Run, folder: Path, models: list[Path]) -> None:
    split = folder / "split.json"
    split.write_text(json.dumps({"train": ["0.png"], "test": ["3.png", "1.png"]}))
    done = run(*scored(folder, models, "c.html", "--split", split, "--subset", "test", "--json"))
    assert [one["name"] for one in done.value["per_image"]] == ["1.png", "3.png"]
    assert done.value["choice"] == "All 2 images, by name."
    assert "belong together" in run(*scored(folder, models, "c.html", "--split", split)).err
    assert (
        "has no val images" in run(*scored(folder, models, "c.html", "--split", split, "--subset", "val")).err
    )
    split.write_text(json.dumps({"test": ["3.png", "gone.png"]}))
    told = run(*scored(folder, models, "d.html", "--split", split, "--subset", "test"))
    assert (told.status, "gone.png" in told.err) == (1, True)
    assert not (folder / "d.html").exists()


def test_masks_without_names_are_those_of_the_first_model(run: Run, folder: Path, models: list[Path]) -> None:
    (folder / "classes.json").unlink()
    for path in (folder / "masks").iterdir():
        Image.fromarray(np.asarray(Image.open(path)) * np.uint8(255)).save(path)
    (folder / "masks" / "4.png").unlink()
    done = run(*scored(folder, models, "c.html", "--json"))
    assert done.status == 0, done.err
    assert done.value["images"] == 4
    assert "Without a mask and left out: 1 image." in done.value["notes"]
    assert any("their numbers are read as those of one" in note for note in done.value["notes"])
    expected = Evaluation((0, 1))
    for number in range(4):
        mask = truth(number, (48, 64))
        expected.add(str(number), mask, mask)
    assert done.value["classes"][1]["name"] == NASTY
    assert done.value["models"][0]["pooled"]["pixel_accuracy"] is not None


def test_masks_in_color(run: Run, folder: Path, models: list[Path]) -> None:
    def scores() -> list[list[float]]:
        done = run(*scored(folder, models, "c.html", "--json"))
        assert done.status == 0, done.err
        found = [one["pooled"] for one in done.value["models"]]
        return [[one["pixel_accuracy"], *(each["iou"] for each in one["classes"])] for one in found]

    numbered = scores()
    (folder / "classes.json").unlink()
    colors = np.array([[0, 0, 0], [230, 159, 0]], np.uint8)
    for path in (folder / "masks").iterdir():
        Image.fromarray(colors[np.asarray(Image.open(path))]).save(path)
    assert scores() == numbered


def test_curves_of_models_that_come_from_runs(run: Run, folder: Path, models: list[Path]) -> None:
    runs = []
    for number, name in enumerate(("plain", "better")):
        made = RunFolder.create(folder / name, TrainingConfig())
        for step in range(1, 6):
            made.emit(Progress(step, 5, 1 / step, 1e-3, 1.0, 0.0))
        made.emit(Validated(5, 0.3, {"cell": 0.5}, {"cell": 0.6}, 0.9, 0.5 + number / 10, 0.6, True))
        shutil.copytree(models[number], made.best)
        runs.append(made.path)
    done = run(*words(folder, runs, "c.html", "--count", "1", "--json"))
    assert [one["name"] for one in done.value["models"]] == ["plain", "better"]
    text = (folder / "c.html").read_text()
    assert "<h2>Training</h2>" in text
    assert "plain, training ends at 0.2" in text
    assert "better, validation ends at 0.6" in text
    assert (
        "<h2>Training</h2>" not in (run(*words(folder, models, "d.html")), (folder / "d.html").read_text())[1]
    )


def test_names_of_models(run: Run, folder: Path, models: list[Path]) -> None:
    one = models[0]
    done = run(*words(folder, [one, one], "c.html", "--json", "--count", "1"))
    assert [entry["name"] for entry in done.value["models"]] == ["one", "one (2)"]
    done = run(*words(folder, [one, one], "c.html", "--json", "--count", "1", "--names", "old", "new"))
    assert [entry["name"] for entry in done.value["models"]] == ["old", "new"]
    assert "as many --names" in run(*words(folder, models, "c.html", "--names", "a")).err


def test_what_is_broken_is_named_and_the_rest_goes_on(run: Run, folder: Path, models: list[Path]) -> None:
    broken = folder / "broken"
    shutil.copytree(models[0], broken)
    (broken / MODEL_FILE).write_bytes(b"no weights")
    (folder / "images" / "2.png").write_bytes(b"no image")
    done = run(*scored(folder, [models[0], broken, models[1], folder / "gone"], "c.html", "--json"))
    assert done.status == 1
    assert done.value["images"] == COUNT - 1
    named = [failure["what"] for failure in done.value["failures"]]
    assert named[0] == "2.png" or "2.png" in named
    assert str(folder / "gone") in named
    assert len(named) == 3
    assert (folder / "c.html").is_file()
    done = run(*scored(folder, [models[0], broken], "d.html"))
    assert done.status == 1
    assert "Less than two models can be used" in done.err
    assert not (folder / "d.html").exists()


@pytest.mark.parametrize(
    "more", [["--out", "c.txt"], ["--count", "0"], ["--alpha", "2"], ["--side", "9"], ["--sort", "x"]]
)
def test_wrong_usage(run: Run, folder: Path, models: list[Path], more: list[str]) -> None:
    assert run(*words(folder, models, "c.html", *more)).status == 2


def test_one_model_is_not_enough(run: Run, folder: Path, models: list[Path]) -> None:
    done = run(*words(folder, models[:1], "c.html"))
    assert done.status == 2
    assert "two models or more" in done.err


def test_what_is_not_there(run: Run, folder: Path, models: list[Path]) -> None:
    base = ["compare", *models, "--out", folder / "c.html", "--images"]
    assert "There is no folder" in run(*base, folder / "nowhere").err
    (folder / "empty").mkdir()
    assert "There are no images in" in run(*base, folder / "empty").err
    other = make_folder(folder / "other", 1)
    (other / "0.png").rename(other / "zebra.png")
    assert "belongs to an image" in run(*base, other, "--masks", folder / "masks").err


CODE = """
import os, signal, sys
from unet_studio.cli import main
from unet_studio.commands.terminal import Meter

advance = Meter.advance

def interrupted(self, done, total, detail=""):
    advance(self, done, total, detail)
    if done == 2:
        os.kill(os.getpid(), signal.SIGINT)

Meter.advance = interrupted
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_ctrl_c_leaves_nothing_behind(folder: Path, models: list[Path]) -> None:
    before = sorted(folder.rglob("*"))
    arguments = [str(word) for word in scored(folder, models, "c.png")]
    done = subprocess.run(
        [sys.executable, "-c", CODE, *arguments], check=False, timeout=120, capture_output=True, text=True
    )
    assert done.returncode == 130, done.stderr
    assert done.stderr.splitlines()[-1] == "Stopped. Nothing was written."
    assert "Traceback" not in done.stderr
    assert sorted(folder.rglob("*")) == before
