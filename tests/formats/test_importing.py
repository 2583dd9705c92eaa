"""Import into a project: classes, finished or not, what is kept, and what goes wrong."""

import errno
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from unet_studio.core import journal, snapshots
from unet_studio.core.classes import UNLABELLED, ClassTable, write_classes_file
from unet_studio.core.document_files import IMAGE_HASH, load_document, save_document
from unet_studio.core.errors import Cancelled, StudioError
from unet_studio.core.geometry import Rect
from unet_studio.core.project import Project, Status
from unet_studio.core.restoring import ChangedSinceError
from unet_studio.core.storage import write_index_png
from unet_studio.formats.exporting import ExportOptions, export_masks
from unet_studio.formats.import_plan import plan_import
from unet_studio.formats.importing import ImportOptions, import_masks, scaled, undo_import
from unet_studio.formats.regions import Order
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


# -- what is written, and how it is taken back ------------------------------------------------------------


def tree(project: Project) -> dict[str, bytes]:
    """Everything on disk but the lock and the snapshots."""
    return {
        str(path.relative_to(project.folder)): path.read_bytes()
        for path in sorted(project.folder.rglob("*"))
        if path.is_file() and path.name != "lock" and "snapshots" not in path.parts
    }


@pytest.fixture
def worked(root: Path) -> Iterator[Project]:
    """A project with a painted a.png and an approved b.jpg."""
    project = Project.open(root)
    project.set_classes(ClassTable.binary("cell"))
    project.write_annotation("a.png", np.ones(SHAPE, np.uint8), {})
    project.write_layers("sub/b.jpg", np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8), {})
    yield project
    project.close()


ALL = ImportOptions(approve=True, replace=True, add_classes=True)


def test_an_import_is_taken_back_to_the_byte(worked: Project, source: Path) -> None:
    before, statuses = tree(worked), worked.counts()
    report = import_masks(worked, "index-png", source, ALL)
    assert len(report.imported) == 3
    assert worked.classes.named("wall") is not None
    assert tree(worked) != before
    found = undo_import(worked)
    assert set(found.images) == set(NAMES)
    assert tree(worked) == before
    assert worked.counts() == statuses
    with pytest.raises(StudioError, match="no import to take back"):
        undo_import(worked)


def test_unsaved_edits_come_back_as_well(worked: Project, source: Path) -> None:
    document = load_document(worked, "c.tif")
    picture = journal.Picture(SHAPE, document.facts[IMAGE_HASH])
    worked.append_journal("c.tif", picture, journal.Entry(journal.EDIT, {(0, 0): np.ones(SHAPE, np.uint8)}))
    before = tree(worked)
    import_masks(worked, "index-png", source, ALL)
    assert not worked.journal_path("c.tif").exists()
    undo_import(worked)
    assert tree(worked) == before


def test_work_of_after_the_import_is_asked_for(worked: Project, source: Path) -> None:
    import_masks(worked, "index-png", source, ALL)
    worked.write_annotation("a.png", np.zeros(SHAPE, np.uint8), {})
    with pytest.raises(ChangedSinceError, match=r"1 images .*: a\.png"):
        undo_import(worked)
    assert undo_import(worked, changed="keep").kept == ("a.png",)


@pytest.mark.parametrize("keep", [0, 1, 2, 3])
def test_an_import_that_is_killed_can_be_taken_back_or_gone_on_with(
    worked: Project, source: Path, keep: int
) -> None:
    """The process dies at each place between two writes of the first images."""
    before = tree(worked)
    names = ("drop_journal", "write_annotation", "write_approved", "read_approved")

    def die(*_: object) -> None:
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(snapshots.Recorder, "__exit__", lambda *_: None)  # nothing is done on the way out
        patch.setattr(worked, names[keep], die)
        with pytest.raises(Killed):
            import_masks(worked, "index-png", source, ALL)
    broken = snapshots.broken_off(worked)
    assert broken is not None
    for name in NAMES:
        assert load_document(worked, name).shape == SHAPE  # nothing is corrupt
    report = import_masks(worked, "index-png", source, replace(ALL, resume=True))
    assert set(report.imported) | set(report.earlier) == set(NAMES)
    assert (worked.truth("a.png") == 0).all()
    assert (worked.truth("sub/b.jpg") == 1).all()
    assert len(snapshots.snapshots(worked)) == 1
    undo_import(worked)
    assert tree(worked) == before


class Killed(BaseException):
    """A process that dies cleans nothing up."""


def test_a_full_disk_leaves_everything_as_it_was(
    worked: Project, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tree(worked)
    write = worked.write_annotation

    def fail(name: str, *rest: object) -> None:
        if name == "c.tif":
            raise OSError(errno.ENOSPC, "No space left on device")
        write(name, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(worked, "write_annotation", fail)
    with pytest.raises(StudioError, match=r"No space left on device. Everything is as it was before"):
        import_masks(worked, "index-png", source, ALL)
    assert tree(worked) == before
    assert snapshots.last_undoable(worked) is None


def test_what_was_cancelled_is_reported_and_gone_on_with(worked: Project, source: Path) -> None:
    before = tree(worked)

    def stop(done: int, _total: int) -> None:
        if done == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        import_masks(worked, "index-png", source, ALL, stop)
    last = snapshots.last_undoable(worked)
    assert last is not None
    assert last.state == "stopped"
    assert snapshots.broken_off(worked) is None
    value = json.loads((last.folder / "report.json").read_text())
    assert (value["complete"], value["imported"]) == (False, 2)
    other = import_masks(worked, "index-png", source, replace(ALL, resume=True, approve=False))
    assert other.earlier == ()  # other options are another import
    undo_import(worked)
    report = import_masks(worked, "index-png", source, replace(ALL, resume=True))
    assert report.earlier == ("a.png", "c.tif")
    assert report.imported == ("sub/b.jpg",)
    assert report.complete
    undo_import(worked)
    assert tree(worked) == before


def test_the_report_tells_everything(worked: Project, source: Path) -> None:
    write_index_png(source / "c.png", np.zeros((3, 4), np.uint8), ClassTable.binary().palette())
    worked.set_aside("sub/b.jpg")
    report = import_masks(
        worked, "index-png", source, ImportOptions(add_classes=True, renames={"wall": "membrane"})
    )
    assert report.file is not None
    value = json.loads((report.file.parent / "report.json").read_text())
    assert value["class_mapping"] == {"background": "background", "cell": "cell", "wall": "membrane"}
    assert value["options"]["renames"] == {"wall": "membrane"}
    assert value["images"]["a.png"] == "kept as it was painted"
    assert value["images"]["sub/b.jpg"] == "imported"
    assert value["images"]["c.tif"].startswith("refused: The mask")
    assert value["source"] == str(source)
    assert value["unused"] == ["stray"]
    assert report.file.parent.parent == worked.folder / "snapshots"


def test_masks_of_which_none_can_be_read_change_nothing(worked: Project, source: Path) -> None:
    undoable, before = snapshots.last_undoable(worked), worked.content
    for key in ("a", "sub/b", "c", "stray"):
        (source / f"{key}.png").write_bytes(b"no picture")
    options = ImportOptions(replace=True, add_classes=True)
    report = import_masks(worked, "index-png", source, options)
    assert (report.imported, report.snapshot, report.file, report.added_classes) == ((), None, None, ())
    assert len(report.problems) == 3
    assert worked.content == before
    assert snapshots.last_undoable(worked) == undoable


def test_nothing_to_import_leaves_no_trace(worked: Project, source: Path) -> None:
    (source / "c.png").unlink()
    before = tree(worked)
    report = import_masks(worked, "index-png", source, ImportOptions(add_classes=True))
    assert report.imported == ()
    assert report.snapshot is None
    assert tree(worked) == before
    assert snapshots.snapshots(worked) == []


# -- how masks come in ------------------------------------------------------------------------------------


def test_predictions_lie_under_the_annotation(worked: Project, source: Path) -> None:
    before = tree(worked)
    options = ImportOptions(layer="prediction", add_classes=True)
    report = import_masks(worked, "index-png", source, options)
    assert set(report.imported) == set(NAMES)
    assert report.kept == ()
    assert report.proof.exact
    assert report.model == worked.model == "imported-masks"
    assert (worked.truth("a.png") == 1).all()  # what was painted stays
    document = load_document(worked, "c.tif", worked.model)
    assert not document.painted
    assert document.prediction is not None
    assert document.prediction.model == "imported-masks"
    assert document.prediction.made["mode"] == "imported"
    assert (document.mask()[0] == UNLABELLED).all()
    assert (document.mask()[1:] == 2).all()
    assert (document.prediction.confidence[0] == 0).all()
    assert (document.prediction.confidence[1:] == 255).all()
    found = next(entry for entry in worked.shown_models() if entry.name == "imported-masks")
    assert found.imported
    assert found not in worked.models()
    again = import_masks(worked, "index-png", source, options)
    assert again.model == "imported-masks-2"
    undo_import(worked)
    undo_import(worked)
    assert tree(worked) == before
    assert worked.model is None


def test_an_imported_prediction_is_corrected_approved_and_exported(
    worked: Project, source: Path, tmp_path: Path
) -> None:
    import_masks(worked, "index-png", source, ImportOptions(layer="prediction", add_classes=True))
    document = load_document(worked, "c.tif", worked.model)
    with pytest.raises(StudioError, match="no class yet"):
        document.approve()
    document.begin("Brush")
    document.annotation.write(Rect(0, 0, 1, SHAPE[1]), 1)
    document.commit()
    change = document.approve()
    assert change is not None
    assert document.approval is not None
    assert document.approval.model == "imported-masks"
    save_document(worked, document)
    worked.set_model(None)  # another model is chosen: what was approved stays
    reopened = load_document(worked, "c.tif", None)
    assert reopened.approved
    assert (reopened.mask()[0] == 1).all()
    assert (reopened.mask()[1:] == 2).all()
    options = ExportOptions(which="all", layer="prediction", model="imported-masks")
    assert set(export_masks(worked, "index-png", tmp_path / "out", options).images) == set(NAMES)


def test_corrections_that_rest_on_an_import_are_asked_for(worked: Project, source: Path) -> None:
    import_masks(worked, "index-png", source, ImportOptions(layer="prediction", add_classes=True))
    document = load_document(worked, "c.tif", worked.model)
    document.begin("Brush")
    document.annotation.write(Rect(0, 0, 1, SHAPE[1]), 1)
    document.commit()
    save_document(worked, document)
    with pytest.raises(ChangedSinceError, match=r"1 images .*: c\.tif"):
        undo_import(worked)
    undo_import(worked, changed="keep")
    assert [entry.name for entry in worked.shown_models() if entry.imported] == ["imported-masks"]
    kept = load_document(worked, "c.tif", None)
    assert (kept.mask()[1:] == 2).all()
    assert load_document(worked, "a.png", "imported-masks").prediction is None


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "x" * 300])
def test_names_of_predictions(worked: Project, source: Path, name: str) -> None:
    options = ImportOptions(layer="prediction", add_classes=True, model=name)
    if not name:
        assert import_masks(worked, "index-png", source, options).model
    else:
        with pytest.raises(StudioError, match="can't be the name"):
            import_masks(worked, "index-png", source, options)
        assert not (worked.folder / "predictions").exists()


def test_another_size_is_scaled_by_nearest_neighbour(root: Path, source: Path) -> None:
    labels = np.array([[0, 1], [2, 255]], np.uint8)
    write_index_png(source / "a.png", labels, ClassTable.binary().palette())
    project = Project.open(root)
    report = import_masks(project, "index-png", source, ImportOptions(other_size="scale"))
    assert report.scaled == ("a.png",)
    assert np.array_equal(project.truth("a.png"), np.kron(labels, np.ones((3, 4), np.uint8)))


@given(
    shape=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    other=st.tuples(st.integers(1, 9), st.integers(1, 9)),
)
def test_scaling_takes_the_pixel_under_each_centre(shape: tuple[int, int], other: tuple[int, int]) -> None:
    labels = np.arange(shape[0] * shape[1], dtype=np.uint8).reshape(shape)
    found = scaled(labels, other)
    for row in range(other[0]):
        for column in range(other[1]):
            y = int((row + 0.5) * shape[0] / other[0])
            x = int((column + 0.5) * shape[1] / other[1])
            assert found[row, column] == labels[y, x]
    assert np.array_equal(scaled(labels, shape), labels)


def test_some_images_alone(root: Path, source: Path) -> None:
    project = Project.open(root)
    report = import_masks(project, "index-png", source, ImportOptions(only=frozenset({"a.png"})))
    assert report.imported == ("a.png",)
    assert set(report.skipped) == {"sub/b.jpg", "c.tif"}


def test_a_person_pairs_what_can_t_be_told(root: Path, source: Path) -> None:
    project = Project.open(root)
    report = import_masks(project, "index-png", source, ImportOptions(pairs={"a.png": "stray"}))
    assert "a" in report.unused
    assert (project.truth("a.png") == 0).all()


def test_ambiguous_masks_are_problems_of_their_images(root: Path, source: Path) -> None:
    (source / "deep").mkdir()
    (source / "a.png").rename(source / "deep" / "a.png")
    (source / "other").mkdir()
    (source / "other" / "a.png").write_bytes((source / "deep" / "a.png").read_bytes())
    project = Project.open(root)
    report = import_masks(project, "index-png", source)
    assert set(report.imported) == {"sub/b.jpg", "c.tif"}
    assert "deep/a, other/a" in report.problems["a.png"]


@pytest.mark.parametrize(
    ("order", "cells"), [("file", 6), ("reversed", 12), ("smallest", 12), ("classes", 6)]
)
def test_the_order_of_overlaps(root: Path, tmp_path: Path, order: str, cells: int) -> None:
    """A cell of 4 x 3 px and over it a wall of 4 x 4, which covers half of it."""
    areas = {"cell": [0, 0, 4, 0, 4, 3, 0, 3], "wall": [2, 0, 6, 0, 6, 4, 2, 4]}
    value = {
        "images": [{"id": 1, "file_name": "a.png", "width": 8, "height": 6}],
        "categories": [{"id": 1, "name": "cell"}, {"id": 2, "name": "wall"}],
        "annotations": [
            {"id": n, "image_id": 1, "category_id": n, "segmentation": [points]}
            for n, points in enumerate(areas.values(), 1)
        ],
    }
    (tmp_path / "in.json").write_text(json.dumps(value))
    project = Project.open(root)
    report = import_masks(project, "coco", tmp_path / "in.json", ImportOptions(order=Order(order)))
    assert np.count_nonzero(project.truth("a.png") == 1) == cells
    assert report.overlapping == {"a.png": 6}


def test_a_new_project_takes_over_classes_under_other_names_in_their_order(root: Path, source: Path) -> None:
    project = Project.open(root)
    renames = {"wall": "membrane", "cell": "Nucleus", "background": "background"}
    import_masks(project, "index-png", source, ImportOptions(renames=renames))
    assert [entry.name for entry in project.classes.active] == ["membrane", "Nucleus", "background"]
    assert (project.truth("sub/b.jpg") == project.classes.named("Nucleus").index).all()
    assert project.classes.background == project.classes.named("background").index
    other = Project.open(root, root.parent / "other")
    import_masks(other, "index-png", source, ImportOptions(renames={"wall": "cell", "background": ""}))
    assert [entry.name for entry in other.classes.active] == ["cell"]
    assert other.classes.background is None
    assert other.truth("a.png") is None  # nothing but background


def test_added_classes_come_in_the_chosen_order_with_their_colors(worked: Project, source: Path) -> None:
    renames = {"wall": "membrane", "cell": "nucleus"}
    import_masks(worked, "index-png", source, ImportOptions(add_classes=True, renames=renames))
    assert [entry.name for entry in worked.classes.active] == ["background", "cell", "membrane", "nucleus"]
    theirs = ClassTable.binary("cell").add("wall")
    assert worked.classes.named("membrane").color == theirs.named("wall").color


@pytest.mark.parametrize("name", ["nan", "  spaced  ", "\x1b[31mred", "../../up", "a" * 5000, "缶", "null"])
def test_odd_class_names_are_data(root: Path, tmp_path: Path, name: str) -> None:
    value = {
        "images": [{"id": 1, "file_name": "a.png", "width": 8, "height": 6}],
        "categories": [{"id": 1, "name": name}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[0, 0, 4, 0, 4, 3, 0, 3]]}
        ],
    }
    (tmp_path / "in.json").write_text(json.dumps(value))
    project = Project.open(root)
    report = import_masks(project, "coco", tmp_path / "in.json")
    assert report.imported == ("a.png",)
    assert project.classes.named(name) is not None
    project.close()
    again = Project.open(root)
    assert again.classes.named(name) is not None
    undo_import(again)
    again.close()


def test_a_project_that_may_not_be_written_stays_as_it_is(worked: Project, source: Path) -> None:
    before = tree(worked)
    reader = Project.open(worked.image_root, writable=False)
    with pytest.raises(StudioError, match="can't be changed"):
        import_masks(reader, "index-png", source, ALL)
    with pytest.raises(StudioError, match=r"can't be changed|no import"):
        undo_import(reader)
    assert tree(worked) == before
