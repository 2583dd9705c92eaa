"""Export of a project: which layer of which images, where to, and what the manifest says."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unet_studio.core.classes import ClassTable
from unet_studio.core.document_files import IMAGE_HASH
from unet_studio.core.errors import Cancelled, StudioError
from unet_studio.core.image_io import pixel_hash, read_image
from unet_studio.core.prediction import Prediction
from unet_studio.core.project import Project
from unet_studio.core.storage import read_index_png
from unet_studio.formats.destination import MANIFEST
from unet_studio.formats.exporting import ExportOptions, export_masks
from unet_studio.formats.table import WRITTEN

SHAPE = (6, 8)


def full(value: int) -> np.ndarray:
    return np.full(SHAPE, value, np.uint8)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """done.png approved, begun.png painted over a prediction, seen.png predicted, new.png untouched."""
    rng = np.random.default_rng(0)
    root = tmp_path / "images"
    for name in ("done.png", "sub/begun.png", "seen.png", "new.png"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (*SHAPE, 3), np.uint8)).save(root / name)
    opened = Project.open(root, tmp_path / "project")
    opened.set_classes(ClassTable.binary("cell").add("wall"))
    opened.set_model("m")
    painted = full(255)
    painted[0] = 2
    opened.write_annotation(
        "sub/begun.png", painted, {"model": "m", IMAGE_HASH: digest(opened, "sub/begun.png")}
    )
    opened.write_approved("done.png", full(1), {"model": "m", IMAGE_HASH: digest(opened, "done.png")})
    for name in ("done.png", "sub/begun.png", "seen.png"):
        made = {"mode": "exact", IMAGE_HASH: digest(opened, name)}
        opened.write_prediction(name, Prediction(full(0), full(200), "m", made))
    return opened


def digest(project: Project, name: str) -> str:
    return pixel_hash(read_image(project.image_path(name)))


def masks(folder: Path) -> dict[str, np.ndarray]:
    return {
        path.relative_to(folder).as_posix(): read_index_png(path)[0] for path in sorted(folder.rglob("*.png"))
    }


def test_approved_masks_by_default(project: Project, tmp_path: Path) -> None:
    report = export_masks(project, "index-png", tmp_path / "out")
    assert report.images == ("done.png",)
    assert report.proof.exact
    assert report.proof.iou == {"background": 1.0, "cell": 1.0, "wall": 1.0}
    found = masks(tmp_path / "out")
    assert list(found) == ["done.png"]
    assert (found["done.png"] == 1).all()


def test_the_mask_of_an_unfinished_image_is_paint_over_prediction(project: Project, tmp_path: Path) -> None:
    report = export_masks(project, "index-png", tmp_path / "out", ExportOptions(which="all"))
    found = masks(tmp_path / "out")
    assert set(found) == {"done.png", "sub/begun.png", "seen.png"}
    assert (found["sub/begun.png"][0] == 2).all()
    assert (found["sub/begun.png"][1:] == 0).all()
    assert report.empty == ("new.png",)


def test_the_annotation_layer_keeps_unlabelled_pixels(project: Project, tmp_path: Path) -> None:
    export_masks(project, "index-png", tmp_path / "out", ExportOptions(which="all", layer="annotation"))
    found = masks(tmp_path / "out")
    assert (found["sub/begun.png"][1:] == 255).all()
    assert "seen.png" not in found


def test_the_prediction_layer_holds_the_models_own_words(project: Project, tmp_path: Path) -> None:
    export_masks(project, "index-png", tmp_path / "out", ExportOptions(which="all", layer="prediction"))
    found = masks(tmp_path / "out")
    assert set(found) == {"done.png", "sub/begun.png", "seen.png"}
    assert all((labels == 0).all() for labels in found.values())


def test_the_manifest_names_status_model_and_mode(project: Project, tmp_path: Path) -> None:
    export_masks(project, "index-png", tmp_path / "out", ExportOptions(which="all"))
    value = json.loads((tmp_path / "out" / MANIFEST).read_text())
    entries = {entry["image"]: entry for entry in value["samples"]}
    assert entries["sub/begun.png"] == {
        "image": "sub/begun.png", "file": "sub/begun.png", "status": "painted", "model": "m", "mode": "exact",
        "split": None, "width": 8, "height": 6, "image_hash": digest(project, "sub/begun.png"),
    }  # fmt: skip
    assert entries["done.png"]["status"] == "approved"
    assert entries["done.png"]["model"] == "m"
    assert (value["format"], value["layer"], value["which"]) == ("index-png", "mask", "all")
    assert value["proof"]["exact"] is True


@pytest.mark.parametrize("name", WRITTEN)
def test_every_format_takes_all_images(project: Project, tmp_path: Path, name: str) -> None:
    report = export_masks(project, name, tmp_path / "out", ExportOptions(which="all"))
    assert len(report.images) == 3
    assert report.proof.exact
    again = export_masks(project, name, tmp_path / "out", ExportOptions(which="all"))
    assert again.proof.exact


def test_a_coco_file_has_its_manifest_beside_it(project: Project, tmp_path: Path) -> None:
    report = export_masks(project, "coco", tmp_path / "set.json")
    assert report.manifest == tmp_path / "set.manifest"
    value = json.loads((tmp_path / "set.json").read_text())
    assert [image["file_name"] for image in value["images"]] == ["done.png"]
    assert [category["name"] for category in value["categories"]] == ["cell", "wall"]


def test_a_second_export_takes_away_what_the_first_left(project: Project, tmp_path: Path) -> None:
    export_masks(project, "index-png", tmp_path / "out", ExportOptions(which="all"))
    export_masks(project, "index-png", tmp_path / "out", ExportOptions(which="approved"))
    assert list(masks(tmp_path / "out")) == ["done.png"]


def test_files_of_others_are_never_overwritten(project: Project, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "done.png").write_bytes(b"precious")
    with pytest.raises(StudioError, match="holds files already"):
        export_masks(project, "index-png", tmp_path / "out")
    assert (tmp_path / "out" / "done.png").read_bytes() == b"precious"
    (tmp_path / "set.json").write_text("{}")
    with pytest.raises(StudioError, match="holds files already"):
        export_masks(project, "coco", tmp_path / "set.json")


@pytest.mark.parametrize("place", [".", "masks"])
def test_masks_never_land_among_the_images(project: Project, place: str) -> None:
    before = sorted(project.image_root.rglob("*"))
    with pytest.raises(StudioError, match="among the images"):
        export_masks(project, "index-png", project.image_root / place)
    assert sorted(project.image_root.rglob("*")) == before


def test_a_manifest_from_elsewhere_deletes_nothing_outside(project: Project, tmp_path: Path) -> None:
    (tmp_path / "precious.png").write_bytes(b"precious")
    (tmp_path / "out").mkdir()
    manifest = {"program": "U-Net Studio 0", "samples": [{"file": "../precious.png"}]}
    (tmp_path / "out" / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(StudioError, match="outside"):
        export_masks(project, "index-png", tmp_path / "out")
    assert (tmp_path / "precious.png").exists()


def test_one_broken_image_does_not_stop_the_others(project: Project, tmp_path: Path) -> None:
    project.image_path("seen.png").write_bytes(b"not a picture")
    report = export_masks(project, "index-png", tmp_path / "out", ExportOptions(which="all"))
    assert set(report.images) == {"done.png", "sub/begun.png"}
    assert list(report.problems) == ["seen.png"]
    assert set(masks(tmp_path / "out")) == {"done.png", "sub/begun.png"}


def test_an_image_that_changed_since_is_a_problem(project: Project, tmp_path: Path) -> None:
    Image.fromarray(np.zeros((*SHAPE, 3), np.uint8)).save(project.image_path("done.png"))
    with pytest.raises(StudioError, match=r"done\.png has changed"):
        export_masks(project, "index-png", tmp_path / "out")


def test_nothing_approved(project: Project, tmp_path: Path) -> None:
    project.remove_approved("done.png")
    with pytest.raises(StudioError, match="approved yet"):
        export_masks(project, "index-png", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_predictions_of_an_unknown_model(project: Project, tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="no stored predictions of a model 'x'"):
        export_masks(project, "index-png", tmp_path / "out", ExportOptions(layer="prediction", model="x"))


def test_thresholds_are_applied(project: Project, tmp_path: Path) -> None:
    project.set_thresholds({0: 0.9})
    export_masks(project, "index-png", tmp_path / "out", ExportOptions(which="all", layer="prediction"))
    assert (masks(tmp_path / "out")["seen.png"] == 255).all()


@pytest.mark.parametrize("name", WRITTEN)
def test_it_can_be_cancelled(project: Project, tmp_path: Path, name: str) -> None:
    def stop(done: int, total: int) -> None:
        assert total == 6
        if done == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        export_masks(project, name, tmp_path / "out", ExportOptions(which="all"), advance=stop)
    assert not list(tmp_path.rglob("*.tmp"))
