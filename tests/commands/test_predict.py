"""predict: what it writes, what it skips, and what it refuses to overwrite."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.commands.conftest import Run
from unet_studio.commands import prediction_folder
from unet_studio.core.classes import ClassTable, PixelClass, write_classes_file
from unet_studio.core.image_io import read_image
from unet_studio.core.project import Project
from unet_studio.core.storage import read_index_png


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def test_masks_keep_sub_folders_and_are_what_the_model_says(
    run: Run, images: Path, model: Path, out: Path
) -> None:
    from unet_studio.model import load_model

    done = run("predict", images, "--out", out, "--model", model, "--device", "cpu", "--json")
    assert done.status == 0
    assert done.value["written"] == {"a.png": "a.png", "b.jpg": "b.png", "sub/c.png": "sub/c.png"}
    assert done.value["mode"] == "exact"
    labels, texts = read_index_png(out / "sub" / "c.png")
    expected = load_model(model, "cpu").predict(read_image(images / "sub" / "c.png"))
    assert np.array_equal(labels, expected.labels)
    assert texts["model"] == "tiny"
    classes = json.loads((out / "classes.json").read_text())
    assert [entry["name"] for entry in classes["classes"]] == ["background", "object"]
    with Image.open(out / "a.png") as image:
        assert image.mode == "P"


def test_done_images_are_skipped_until_forced(run: Run, images: Path, model: Path, out: Path) -> None:
    words = ["predict", images, "--out", out, "--model", model, "--device", "cpu", "--json"]
    run(*words)
    before = (out / "a.png").stat().st_mtime_ns
    done = run(*words)
    assert done.value["written"] == {}
    assert len(done.value["skipped"]) == 3
    assert (out / "a.png").stat().st_mtime_ns == before
    assert len(run(*words, "--force").value["written"]) == 3
    Image.fromarray(np.zeros((24, 32, 3), np.uint8)).save(images / "a.png")
    assert run(*words).value["written"] == {"a.png": "a.png"}
    assert len(run(*words, "--overlay").value["written"]) == 3
    assert run(*words, "--overlay").value["written"] == {}


def test_pictures_beside_the_masks(run: Run, images: Path, model: Path, out: Path) -> None:
    run("predict", images / "a.png", "--out", out, "--model", model, "--overlay", "--confidence")
    assert sorted(path.name for path in out.iterdir()) == [
        "a.confidence.png", "a.overlay.jpg", "a.png", "classes.json",
    ]  # fmt: skip
    with Image.open(out / "a.confidence.png") as image:
        assert (image.mode, image.size) == ("L", (32, 24))
        assert np.asarray(image).min() >= 127
    with Image.open(out / "a.overlay.jpg") as image:
        assert (image.mode, image.size) == ("RGB", (32, 24))
    done = run("evaluate", "--pred", out, "--truth", out, "--json")
    assert [entry["name"] for entry in done.value["per_image"]] == ["a"]


def test_a_broken_image_among_good_ones(run: Run, images: Path, model: Path, out: Path) -> None:
    (images / "b.jpg").write_bytes(b"\xff\xd8 broken")
    done = run("predict", images, "--out", out, "--model", model, "--json")
    assert done.status == 1
    assert list(done.value["problems"]) == ["b.jpg"]
    assert set(done.value["written"]) == {"a.png", "sub/c.png"}
    assert "b.jpg" in done.err.splitlines()[-1]


def test_images_that_differ_in_their_suffix(run: Run, images: Path, model: Path, out: Path) -> None:
    Image.new("RGB", (8, 8)).save(images / "a.jpg")
    done = run("predict", images, "--out", out, "--model", model, "--json")
    assert done.value["written"]["a.jpg"] == "a.jpg.png"
    assert done.value["written"]["a.png"] == "a.png.png"


def test_inputs_of_one_name_are_refused(run: Run, images: Path, model: Path, out: Path) -> None:
    Image.new("RGB", (8, 8)).save(images / "sub" / "a.png")
    done = run("predict", images / "a.png", images / "sub" / "a.png", "--out", out, "--model", model)
    assert done.status == 1
    assert "would be written to one mask" in done.err
    assert not out.exists()
    assert run("predict", images, images / "a.png", "--out", out, "--model", model).status == 0


def test_files_of_others_stay(run: Run, images: Path, model: Path) -> None:
    before = (images / "a.png").read_bytes()
    done = run("predict", images / "a.png", "--out", images, "--model", model)
    assert done.status == 1
    assert "is there already and is no prediction" in done.err
    assert (images / "a.png").read_bytes() == before


def test_the_classes_of_other_masks_stay(run: Run, images: Path, model: Path, out: Path) -> None:
    write_classes_file(out / "classes.json", "other", ClassTable.binary("cell"))
    before = (out / "classes.json").read_text()
    words = ["predict", images, "--out", out, "--model", model]
    done = run(*words)
    assert done.status == 1
    assert "names other classes" in done.err
    assert (out / "classes.json").read_text() == before
    assert run(*words, "--force").status == 0
    assert "object" in (out / "classes.json").read_text()


def test_the_output_folder_is_no_input(run: Run, images: Path, model: Path) -> None:
    words = ["predict", images, "--out", images / "out", "--model", model, "--json"]
    assert len(run(*words).value["written"]) == 3
    again = run(*words).value
    assert (again["written"], len(again["skipped"])) == ({}, 3)


def test_a_model_that_nobody_named_is_said(run: Run, images: Path, model: Path, out: Path) -> None:
    done = run("predict", images / "a.png", "--out", out, "--json")
    assert done.value["model"] == "sample-cells"
    assert "no --model was named: sample-cells is used" in done.err
    named = run("predict", images / "a.png", "--out", out / "named", "--model", model, "--json")
    assert "was named" not in named.err


def test_what_a_project_keeps_beside_its_images_is_no_input(
    run: Run, images: Path, model: Path, out: Path
) -> None:
    for kind in ("annotations", "approved", "predictions/tiny", "sub"):
        kept = images / "sub" / "unet-studio" / kind / "a.png.png"
        kept.parent.mkdir(parents=True)
        Image.new("L", (32, 24)).save(kept)
    Image.new("L", (32, 24)).save(images / "unet-studio.png")
    done = run("predict", images, "--out", out, "--model", model, "--json")
    assert sorted(done.value["written"]) == ["a.png", "b.jpg", "sub/c.png", "unet-studio.png"]


def test_a_project_lends_its_models_and_indices(run: Run, images: Path, model: Path, out: Path) -> None:
    project = Project.open(images)
    classes = (PixelClass(3, "object", "#ff0000"), PixelClass(7, "ground", "#000000"))
    project.set_classes(ClassTable(classes, 7))
    (project.models_folder).mkdir()
    (project.models_folder / "v1").symlink_to(model)
    project.set_model("v1")
    project.close()
    done = run("predict", images / "a.png", "--out", out, "--project", images, "--json")
    assert done.status == 0
    assert set(np.unique(read_index_png(out / "a.png")[0])) <= {3, 7}


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["{images}/nowhere", "--model", "{model}"], "There is no"),
        (["{images}", "--model", "nobody"], "There is no model 'nobody'"),
        (["{images}", "--model", "{images}"], "There is no model"),
        (["{images}", "--model", "{model}", "--device", "abacus"], "no device"),
        (["{empty}", "--model", "{model}"], "no images"),
    ],
)
def test_failures_are_one_line(
    run: Run, images: Path, model: Path, out: Path, tmp_path: Path, words: list[str], reason: str
) -> None:
    (tmp_path / "empty").mkdir()
    filled = [word.format(images=images, model=model, empty=tmp_path / "empty") for word in words]
    done = run("predict", *filled, "--out", out)
    assert done.status == 1
    assert reason in done.err
    assert done.err.count("\n") == 1


def test_exact_and_fast_exclude_each_other(run: Run, images: Path, model: Path, out: Path) -> None:
    assert run("predict", images, "--out", out, "--exact", "--fast").status == 2


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, file names are Unicode")
def test_an_image_whose_name_is_no_unicode_is_predicted_and_then_skipped(
    run: Run, images: Path, model: Path, out: Path
) -> None:
    (images / "a.png").rename(images / "bad\udcff.png")
    words = ["predict", images, "--out", out, "--model", model, "--device", "cpu", "--json"]
    assert "bad\udcff.png" in run(*words).value["written"]
    assert "bad\udcff.png" in run(*words).value["skipped"]


def test_an_image_that_may_not_be_read_does_not_end_the_others(
    run: Run, images: Path, model: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed = prediction_folder.file_hash

    def refuse(path: Path) -> str:
        if path.name == "a.png":
            raise PermissionError(13, "Permission denied", str(path))
        return hashed(path)

    monkeypatch.setattr(prediction_folder, "file_hash", refuse)
    done = run("predict", images, "--out", out, "--model", model, "--device", "cpu", "--json")
    assert done.status == 1
    assert set(done.value["written"]) == {"b.jpg", "sub/c.png"}
    assert "Permission denied" in done.value["problems"]["a.png"]
