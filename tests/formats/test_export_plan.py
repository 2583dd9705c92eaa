"""The plan of an export: what it counts, what it says, and that it writes nothing."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unet_studio.core.classes import ClassTable
from unet_studio.core.document_files import IMAGE_HASH
from unet_studio.core.errors import Cancelled, StudioError
from unet_studio.core.image_io import pixel_hash, read_image
from unet_studio.core.project import Project
from unet_studio.formats import census
from unet_studio.formats.exporting import ExportOptions, ExportPlan, export_masks, plan_export
from unet_studio.formats.table import WRITTEN
from unet_studio.formats.trial import refusal, traits

SHAPE = (10, 12)
ALL = ExportOptions(which="all")


def labels() -> np.ndarray:
    """A cell with a hole, two that touch at a corner, one of them touching a wall; 5 px unlabelled."""
    made = np.zeros(SHAPE, np.uint8)
    made[1:4, 1:4] = 1
    made[2, 2] = 0
    made[6, 6] = made[7, 7] = 1
    made[7, 8:10] = 2
    made[9, :5] = 255
    return made


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """done.png approved, begun.png painted, new.png untouched; two of them in the split."""
    root = tmp_path / "images"
    root.mkdir()
    rng = np.random.default_rng(0)
    for name in ("done.png", "begun.png", "new.png"):
        Image.fromarray(rng.integers(0, 255, (*SHAPE, 3), np.uint8)).save(root / name)
    opened = Project.open(root, tmp_path / "project")
    opened.set_classes(ClassTable.binary("cell").add("wall"))
    whole = np.where(labels() == 255, np.uint8(0), labels())
    opened.write_approved("done.png", whole, facts(opened, "done.png"))
    opened.write_annotation("begun.png", labels(), facts(opened, "begun.png"))
    return opened


def facts(project: Project, name: str) -> dict[str, str]:
    return {IMAGE_HASH: pixel_hash(read_image(project.image_path(name)))}


def remarks(plan: ExportPlan) -> dict[str, tuple[int, str, bool]]:
    return {remark.kind: (remark.count, remark.text, remark.loss) for remark in plan.remarks}


def test_a_quick_plan_reads_no_pixel(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reading(*_: object) -> None:
        raise AssertionError("it was read")

    monkeypatch.setattr("unet_studio.formats.export_layers.load_document", reading)
    plan = plan_export(project, "yolo", tmp_path / "out", ExportOptions(which="all", split_folders=True))
    assert (len(plan.images), plan.empty, plan.obstacle, plan.counted) == (2, ("new.png",), "", False)
    assert plan.statuses == {"approved": 1, "painted": 1}
    assert plan.parts == {"train": 1, "val": 0, "test": 0, "none": 1}
    assert [(entry.name, entry.sources, entry.pixels) for entry in plan.classes] == [
        ("background", ("background",), None), ("cell", ("cell",), None), ("wall", ("wall",), None),
    ]  # fmt: skip
    said = remarks(plan)
    assert said["empty"][:2] == (1, "1 image has no mask and stays out.")
    assert said["unfinished"][:2] == (1, "1 image is not approved.")
    assert said["unsplit"][0] == 1
    assert said["loses"] == (0, "Pixels that nobody labelled become background.", True)
    assert not (tmp_path / "out").exists()


def test_what_yolo_can_not_carry_in_numbers(project: Project, tmp_path: Path) -> None:
    seen = []
    plan = plan_export(project, "yolo", tmp_path / "out", ALL, lambda *step: seen.append(step), count=True)
    assert seen == [(0, 2), (1, 2), (2, 2)]
    assert [(entry.pixels, entry.objects) for entry in plan.classes] == [
        (2 * 108 - 5, 4), (2 * 10, 4), (2 * 2, 2),
    ]  # fmt: skip
    said = remarks(plan)
    assert said["unlabelled"] == (5, "5 unlabelled px in 1 image become background.", True)
    assert said["objects"] == (8, "8 objects are written; objects of one class that touch are one.", False)
    assert said["corners"][0] == 2
    assert said["holes"] == (2, "2 holes are joined to the outline by a cut of no width.", False)
    assert said["touching"] == (4, "4 objects touch one of another class.", False)
    assert plan.remarks[0].loss
    assert not (tmp_path / "out").exists()
    report = export_masks(project, "yolo", tmp_path / "out", ALL)
    assert report.proof.losses == (("unlabelled", "background", 5),)
    rows = [path.read_text().splitlines() for path in (tmp_path / "out" / "labels").rglob("*.txt")]
    assert sum(map(len, rows)) == 8


def test_a_lossless_format_has_nothing_to_lose(project: Project) -> None:
    plan = plan_export(project, "index-png", None, ALL, count=True)
    assert not any(remark.loss for remark in plan.remarks)
    assert plan.destination is None


def test_unlabelled_pixels_stay_where_there_is_no_background(project: Project) -> None:
    options = ExportOptions(which="all", renames={"background": ""})
    said = remarks(plan_export(project, "yolo", None, options, count=True))
    assert said["unlabelled"] == (
        216, "216 unlabelled px in 2 images lie in no region: others take them for background.", False,
    )  # fmt: skip
    assert said["dropped"] == (211, "The class background becomes unlabelled: 211 px.", True)


def test_classes_that_become_one_or_none(project: Project) -> None:
    options = ExportOptions(which="all", renames={"wall": "cell"})
    said = remarks(plan_export(project, "coco", None, options, count=True))
    assert said["merged"][:2] == (2, "2 classes become cell: cell, wall.")
    assert said["joined"] == (
        2, "2 objects become one with a neighbour of another class, because their classes do.", True,
    )  # fmt: skip
    assert said["objects"][0] == 4
    dropped = remarks(plan_export(project, "coco", None, ExportOptions(which="all", renames={"wall": ""})))
    assert dropped["dropped"] == (0, "The class wall becomes unlabelled.", False)


def test_more_objects_than_16_bits_number(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(census, "MOST_OBJECTS", 2)
    said = remarks(plan_export(project, "cellpose", None, ALL, count=True))
    assert said["crowded"][0] == 2


def test_an_image_that_can_not_be_exported(project: Project) -> None:
    Image.fromarray(np.zeros(SHAPE, np.uint8)).save(project.image_path("done.png"))
    plan = plan_export(project, "index-png", None, ALL, count=True)
    assert list(plan.problems) == ["done.png"]
    assert "done.png has changed" in remarks(plan)["broken"][1]


def test_obstacles_are_said_and_nothing_is_raised(project: Project, tmp_path: Path) -> None:
    def obstacle(name: str, place: Path | None, options: ExportOptions = ALL, count: bool = False) -> str:
        return plan_export(project, name, place, options, count=count).obstacle

    assert "among the images" in obstacle("index-png", project.image_root / "masks")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a.txt").write_text("mine")
    assert "holds files already" in obstacle("index-png", tmp_path / "full")
    assert "no place for the images" in obstacle(
        "index-png", None, ExportOptions(which="all", with_images=True)
    )
    nothing = ExportOptions(which="selection", names=("new.png",))
    assert "holds no mask" in obstacle("coco", None, nothing)
    reserved = ExportOptions(which="all", renames={"cell": "ignore"})
    assert "keeps the name 'ignore'" in obstacle("nnunet", None, reserved)
    export_masks(project, "index-png", tmp_path / "out", ALL)
    plan = plan_export(project, "index-png", tmp_path / "out", ALL)
    assert (plan.obstacle, plan.replaces) == ("", 3)
    assert "3 files of an earlier export" in remarks(plan)["replaces"][1]
    (tmp_path / "out" / "done.png").write_bytes(b"")
    assert "1 files in" in obstacle("index-png", tmp_path / "out", count=True)


def test_what_does_not_exist_is_raised(project: Project) -> None:
    with pytest.raises(StudioError, match="no format"):
        plan_export(project, "tiff", None)
    with pytest.raises(StudioError, match="no class named"):
        plan_export(project, "coco", None, ExportOptions(renames={"x": "y"}))


def test_it_can_be_cancelled(project: Project) -> None:
    def stop(done: int, _total: int) -> None:
        if done == 1:
            raise Cancelled

    with pytest.raises(Cancelled):
        plan_export(project, "coco", None, ALL, stop, count=True)


def test_plain_values(project: Project) -> None:
    value = plan_export(project, "yolo", None, ALL, count=True).to_json()
    assert value["classes"][1] == {
        "name": "cell", "color": "#e69f00", "index": 1, "sources": ["cell"], "pixels": 20, "objects": 4,
    }  # fmt: skip
    assert value["remarks"][0]["loss"] is True


# -- what formats keep ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WRITTEN)
def test_what_a_trial_finds_is_what_the_format_says_of_itself(name: str) -> None:
    if WRITTEN[name].lossless:
        assert traits(name).keeps_unlabelled
    assert traits(name, False).keeps_unlabelled


@pytest.mark.parametrize("name", WRITTEN)
def test_what_other_programs_take_for_background_is_said(project: Project, tmp_path: Path, name: str) -> None:
    """Where no class is the background, what no region covers comes back unlabelled here, but not there."""
    other = Project.open(project.image_root, tmp_path / "other")
    other.set_classes(ClassTable(ClassTable.binary("cell").add("wall").classes))
    other.write_approved("done.png", labels(), facts(other, "done.png"))
    said = remarks(plan_export(other, name, None, count=True)).get("unlabelled")
    other.close()
    regions = {"labelme", "labelme-polygons", "label-studio", "cvat", "yolo"}
    text = "5 unlabelled px in 1 image lie in no region: others take them for background."
    assert said == ((5, text, False) if name in regions else None)


def test_objects_of_formats() -> None:
    assert traits("index-png").pieces == 0
    assert traits("yolo").pieces == 4
    assert traits("cellpose").pieces == 8
    assert not traits("yolo").keeps_unlabelled


def test_a_refusal_is_the_formats_own_word() -> None:
    odd = ClassTable.binary("a:b")
    assert "can't hold the name 'a:b'" in refusal(WRITTEN["voc"], "set", odd, ["a.png"])
    assert refusal(WRITTEN["coco"], "set", odd, ["a.png"]) == ""
    assert "share one mask file" in refusal(
        WRITTEN["voc"], "set", ClassTable.binary(), ["a.jpg", "a.png", "a.jpg.png"]
    )
