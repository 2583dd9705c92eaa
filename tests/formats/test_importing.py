"""Import into a project: classes, finished or not, what is kept, and what goes wrong."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unet_studio.core.classes import ClassTable, write_classes_file
from unet_studio.core.document_files import load_document
from unet_studio.core.errors import Cancelled, StudioError
from unet_studio.core.project import Project, Status
from unet_studio.core.storage import write_index_png
from unet_studio.formats.exporting import ExportOptions, export_masks
from unet_studio.formats.import_plan import plan_import
from unet_studio.formats.importing import ImportOptions, import_masks
from unet_studio.formats.table import WRITTEN

SHAPE = (6, 8)
NAMES = ("a.png", "sub/b.jpg", "c.tif")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number, name in enumerate(NAMES):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((*SHAPE, 3), 40 * number, np.uint8)).save(path)
    return tmp_path / "images"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Finished masks of a.png and b.jpg, an unfinished one of c.tif, and one too many."""
    table = ClassTable.binary("cell").add("wall")
    folder = tmp_path / "masks"
    for number, key in enumerate(("a", "sub/b", "c", "stray")):
        labels = np.full(SHAPE, number % 3, np.uint8)
        if key == "c":
            labels[0] = 255
        write_index_png(folder / f"{key}.png", labels, table.palette())
    write_classes_file(folder / "classes.json", "theirs", table)
    return folder


def test_a_new_project_takes_over_the_classes(root: Path, source: Path) -> None:
    project = Project.open(root)
    report = import_masks(project, "index-png", source)
    assert set(report.imported) == set(NAMES)
    assert report.unused == ("stray",)
    assert report.added_classes == ("cell", "wall")
    assert project.classes.describe() == "0 background, 1 cell, 2 wall"
    assert all(project.status(name) is Status.PAINTED for name in NAMES)
    assert report.proof.exact
    assert report.proof.iou["unlabelled"] == 1.0
    project.close()
    document = load_document(Project.open(root, writable=False), "sub/b.jpg")
    assert (document.annotation.pixels == 1).all()


def test_approving_finished_masks_only(root: Path, source: Path) -> None:
    project = Project.open(root)
    report = import_masks(project, "index-png", source, ImportOptions(approve=True))
    assert report.unfinished == ("c.tif",)
    statuses = {name: project.status(name) for name in NAMES}
    assert statuses == {"a.png": Status.APPROVED, "sub/b.jpg": Status.APPROVED, "c.tif": Status.PAINTED}
    assert load_document(project, "a.png").approved
    assert set(project.split) == {"a.png", "sub/b.jpg"}


def test_classes_that_the_project_lacks(root: Path, source: Path) -> None:
    project = Project.open(root)
    project.set_classes(ClassTable.binary("nucleus"))
    with pytest.raises(StudioError, match="lacks: cell, wall"):
        import_masks(project, "index-png", source)
    assert project.counts()[Status.PAINTED] == 0
    options = ImportOptions(add_classes=True, renames={"cell": "nucleus"})
    report = import_masks(project, "index-png", source, options)
    assert report.added_classes == ("wall",)
    assert project.classes.describe() == "0 background, 1 nucleus, 2 wall"


def test_painted_images_are_kept_unless_replaced(root: Path, source: Path) -> None:
    project = Project.open(root)
    import_masks(project, "index-png", source, ImportOptions(approve=True))
    table = project.classes
    write_index_png(source / "a.png", np.full(SHAPE, 2, np.uint8), table.palette())
    report = import_masks(project, "index-png", source)
    assert report.imported == ()
    assert set(report.kept) == set(NAMES)
    assert project.truth("a.png")[0, 0] == 0
    report = import_masks(project, "index-png", source, ImportOptions(replace=True))
    assert set(report.imported) == set(NAMES)
    assert project.truth("a.png")[0, 0] == 2
    assert project.status("a.png") is Status.PAINTED


def test_problems_of_one_image_leave_the_others(root: Path, source: Path) -> None:
    write_index_png(source / "a.png", np.zeros((3, 3), np.uint8), ClassTable.binary().palette())
    (root / "c.tif").write_bytes(b"broken")
    project = Project.open(root)
    report = import_masks(project, "index-png", source)
    assert report.imported == ("sub/b.jpg",)
    assert set(report.problems) == {"a.png", "c.tif"}
    assert "3 x 3 px, but its image is 8 x 6 px" in report.problems["a.png"]
    assert project.status("a.png") is Status.UNLABELLED


def test_masks_without_classes_name_them_by_number(root: Path, source: Path) -> None:
    (source / "classes.json").unlink()
    report = import_masks(Project.open(root), "index-png", source)
    assert set(report.imported) == set(NAMES)
    assert report.added_classes == ("class 1", "class 2")


def test_masks_without_classes_use_the_projects_indices(root: Path, source: Path) -> None:
    (source / "classes.json").unlink()
    project = Project.open(root)
    project.prepare()
    project.set_classes(ClassTable.binary("cell").add("wall"))
    plan = plan_import(project, "index-png", source)
    assert [(one.name, one.here) for one in plan.classes][1:] == [("class 1", "cell"), ("class 2", "wall")]
    report = import_masks(project, "index-png", source, ImportOptions(add_classes=True))
    assert set(report.imported) == set(NAMES)
    assert project.classes.describe() == "0 background, 1 cell, 2 wall"
    document = load_document(project, "sub/b.jpg")
    assert (document.annotation.pixels == 1).all()


def test_masks_of_other_images_are_refused(root: Path, source: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    Image.new("RGB", (8, 6)).save(other / "zebra.png")
    project = Project.open(other)
    with pytest.raises(StudioError, match="None of the 4 masks"):
        import_masks(project, "index-png", source)
    assert not project.exists


def test_coco_images_without_a_word_stay_as_they_are(root: Path, tmp_path: Path) -> None:
    images = [{"id": n, "file_name": name, "width": 8, "height": 6} for n, name in enumerate(NAMES)]
    annotation = {"id": 1, "image_id": 0, "category_id": 1, "segmentation": [[0, 0, 2, 0, 2, 2, 0, 2]]}
    value = {"images": images, "categories": [{"id": 1, "name": "cell"}], "annotations": [annotation]}
    (tmp_path / "in.json").write_text(json.dumps(value))
    project = Project.open(root)
    report = import_masks(project, "coco", tmp_path / "in.json")
    assert report.imported == ("a.png",)
    assert set(report.blank) == {"sub/b.jpg", "c.tif"}
    assert (project.truth("a.png") == 1).sum() == 4


def test_coco_names_that_lead_outside_write_nothing_there(root: Path, tmp_path: Path) -> None:
    images = [
        {"id": n, "file_name": name, "width": 8, "height": 6}
        for n, name in enumerate(["../../a.png", "/etc/b.jpg"])
    ]
    parts = [
        {"id": n, "image_id": n, "category_id": 1, "segmentation": [[0, 0, 2, 0, 2, 2, 0, 2]]} for n in (0, 1)
    ]
    value = {"images": images, "categories": [{"id": 1, "name": "cell"}], "annotations": parts}
    (tmp_path / "in.json").write_text(json.dumps(value))
    before = {path for path in tmp_path.rglob("*") if not path.is_relative_to(root / "unet-studio")}
    project = Project.open(root)
    report = import_masks(project, "coco", tmp_path / "in.json")
    assert set(report.imported) == {"a.png", "sub/b.jpg"}
    assert {path for path in tmp_path.rglob("*") if not path.is_relative_to(root / "unet-studio")} == before


@pytest.mark.parametrize("name", [name for name, entry in WRITTEN.items() if entry.lossless])
def test_a_project_goes_out_and_comes_in_again(root: Path, source: Path, tmp_path: Path, name: str) -> None:
    first = Project.open(root, tmp_path / "first")
    import_masks(first, "index-png", source, ImportOptions(approve=True))
    export_masks(first, name, tmp_path / "out", ExportOptions(which="all"))
    second = Project.open(root, tmp_path / "second")
    report = import_masks(second, name, tmp_path / "out", ImportOptions(approve=True))
    assert report.missing == report.unused == ()
    for image in NAMES:
        assert second.status(image) is first.status(image)
        assert np.array_equal(second.truth(image), first.truth(image))


def test_it_can_be_cancelled(root: Path, source: Path) -> None:
    def stop(done: int, total: int) -> None:
        assert total == 3
        if done == 1:
            raise Cancelled

    project = Project.open(root)
    with pytest.raises(Cancelled):
        import_masks(project, "index-png", source, advance=stop)
    assert project.counts()[Status.PAINTED] == 1


@pytest.mark.data
def test_camvid_comes_in_with_void_unlabelled(data: Path, tmp_path: Path) -> None:
    images = data / "street_camvid" / "images"
    few = sorted(images.iterdir())[:3]
    (tmp_path / "street").mkdir()
    for path in few:
        (tmp_path / "street" / path.name).symlink_to(path)
    project = Project.open(tmp_path / "street")
    report = import_masks(project, "index-png", data / "street_camvid")
    assert len(report.imported) == 3
    assert report.proof.exact
    assert len(project.classes.active) == 11
    assert project.classes.background is None
    truth = project.truth(few[0].name)
    assert set(np.unique(truth)) <= {*range(11), 255}
