"""What an export can be told: images, classes, split folders, pictures, tables; and what interrupts it."""

import csv
import errno
import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unet_studio.core.classes import ClassTable
from unet_studio.core.document_files import IMAGE_HASH
from unet_studio.core.errors import Cancelled, StudioError
from unet_studio.core.image_io import pixel_hash, read_image
from unet_studio.core.lock import Lock
from unet_studio.core.overlays import PictureStyle
from unet_studio.core.pixel_size import PixelSize
from unet_studio.core.project import Project
from unet_studio.core.storage import read_index_png, read_json
from unet_studio.formats.destination import ASIDE, MANIFEST
from unet_studio.formats.exporting import ExportOptions, export_masks
from unet_studio.formats.table import FORMATS, WRITTEN

SHAPE = (12, 16)
NAMES = ("a.png", "sub/b.png", "c.png", "d.png")
ALL = ExportOptions(which="all")


def labels_of(seed: int) -> np.ndarray:
    labels = np.zeros(SHAPE, np.uint8)
    labels[2:6, 2:6] = 1
    labels[3, 3] = 0
    labels[8:10, seed : seed + 3] = 2
    labels[2:4, 6:9] = 3
    return labels


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Four finished images: one each for training, validation and testing, and d.png for none."""
    rng = np.random.default_rng(0)
    root = tmp_path / "images"
    opened = Project.open(_made(root), tmp_path / "project")
    opened.set_classes(ClassTable.binary("cell").add("wall").add("hair"))
    for seed, name in enumerate(NAMES):
        Image.fromarray(rng.integers(0, 255, (*SHAPE, 3), np.uint8)).save(root / name)
        digest = pixel_hash(read_image(root / name))
        opened.write_approved(name, labels_of(seed), {IMAGE_HASH: digest})
    opened.refresh()
    for name, part in zip(NAMES, ("train", "val", "test"), strict=False):
        opened.set_split(name, part)
    split = read_json(opened.folder / "split.json")
    (opened.folder / "split.json").write_text(
        json.dumps({part: [name for name in names if name != "d.png"] for part, names in split.items()})
    )
    opened.close()
    return Project.open(root, tmp_path / "project")


def _made(root: Path) -> Path:
    (root / "sub").mkdir(parents=True)
    Image.fromarray(np.zeros(SHAPE, np.uint8)).save(root / "a.png")
    return root


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


# -- which images, which classes --------------------------------------------------------------------------


def test_a_selection(project: Project, tmp_path: Path) -> None:
    options = ExportOptions(which="selection", names=("d.png", "sub/b.png"))
    report = export_masks(project, "index-png", tmp_path / "out", options)
    assert report.images == tuple(name for name in project.images if name in options.names)
    assert files(tmp_path / "out") == {"d.png", "sub/b.png", "classes.json", MANIFEST}
    with pytest.raises(StudioError, match=r"1 of the chosen images are not in images: x\.png"):
        export_masks(project, "index-png", tmp_path / "2", ExportOptions(which="selection", names=("x.png",)))


@pytest.mark.parametrize("name", WRITTEN)
def test_classes_under_other_names_come_back_under_these(project: Project, tmp_path: Path, name: str) -> None:
    renames = {"cell": "soma", "wall": "soma", "hair": ""}
    report = export_masks(project, name, tmp_path / "out", ExportOptions(renames=renames))
    back = FORMATS[name].read(tmp_path / "out")
    assert back.classes is not None
    assert "soma" in {entry.name for entry in back.classes.active}
    assert not {"cell", "wall", "hair"} & {entry.name for entry in back.classes.active}
    assert report.proof.iou["soma"] == 1.0
    kept = FORMATS[name].lossless
    assert report.proof.exact is kept
    assert report.proof.losses == (() if kept else (("unlabelled", "background", 4 * 6),))
    assert report.proof.iou["background"] == (
        1.0 if kept else (4 * 192 - 4 * 15 - 4 * 12) / (4 * 192 - 4 * 21)
    )


def test_classes_keep_their_indices_unless_they_get_an_order(project: Project, tmp_path: Path) -> None:
    export_masks(project, "index-png", tmp_path / "1", ExportOptions(renames={"cell": "hair"}))
    assert np.unique(read_index_png(tmp_path / "1" / "a.png")[0]).tolist() == [0, 2, 3]
    order = ("wall", "background", "hair")
    options = ExportOptions(renames={"cell": "hair"}, order=order)
    report = export_masks(project, "index-png", tmp_path / "2", options)
    assert report.proof.exact
    value = read_json(tmp_path / "2" / "classes.json")
    assert [(entry["index"], entry["name"]) for entry in value["classes"]] == list(enumerate(order))
    assert value["background"] == 1
    labels = read_index_png(tmp_path / "2" / "a.png")[0]
    assert (labels == np.array([1, 2, 0, 2], np.uint8)[labels_of(0)]).all()
    manifest = read_json(tmp_path / "2" / MANIFEST)
    assert manifest["class_mapping"] == [
        {"here": "background", "index": 0, "there": "background", "index_there": 1},
        {"here": "cell", "index": 1, "there": "hair", "index_there": 2},
        {"here": "wall", "index": 2, "there": "wall", "index_there": 0},
        {"here": "hair", "index": 3, "there": "hair", "index_there": 2},
    ]


def test_a_class_that_joins_the_background_is_background(project: Project, tmp_path: Path) -> None:
    report = export_masks(project, "coco", tmp_path / "out", ExportOptions(renames={"cell": "background"}))
    assert report.proof.exact
    assert set(report.proof.iou) == {"background", "wall", "hair"}


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"renames": {"axon": "cell"}}, "no class named axon"),
        ({"renames": dict.fromkeys(("background", "cell", "wall", "hair"), "")}, "No class is left"),
        ({"order": ("cell", "axon")}, "names axon"),
        ({"order": ("cell", "cell")}, "one of them twice"),
    ],
)
def test_classes_that_can_not_be(project: Project, tmp_path: Path, options: dict, reason: str) -> None:
    with pytest.raises(StudioError, match=reason):
        export_masks(project, "index-png", tmp_path / "out", ExportOptions(**options))
    assert not (tmp_path / "out").exists()


# -- split folders ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WRITTEN)
def test_a_complete_export_for_each_part(project: Project, tmp_path: Path, name: str) -> None:
    report = export_masks(project, name, tmp_path / "out", ExportOptions(split_folders=True))
    assert report.proof.exact
    assert report.proof.images == 4
    entry = FORMATS[name]
    manifest = read_json(report.manifest)
    parts = {sample["image"]: sample["file"].split("/")[0] for sample in manifest["samples"]}
    if entry.own_split:
        assert set(parts.values()).isdisjoint({"train", "val", "test", "none"})
        assert len(entry.read(tmp_path / "out").keys) == 4
        return
    assert parts == {"a.png": "train", "sub/b.png": "val", "c.png": "test", "d.png": "none"}
    for part in parts.values():
        assert len(entry.read(tmp_path / "out" / part).keys) == 1


def test_split_folders_need_a_folder(project: Project, tmp_path: Path) -> None:
    with pytest.raises(StudioError, match=r"set\.json is one file"):
        export_masks(project, "coco", tmp_path / "set.json", ExportOptions(split_folders=True))


# -- beside the masks -------------------------------------------------------------------------------------


def test_pictures_and_tables(project: Project, tmp_path: Path) -> None:
    kinds = frozenset({"overlay", "side-by-side"})
    options = ExportOptions(
        pictures=kinds, style=PictureStyle(16), statistics=True, pixel_size=PixelSize(0.5, "µm")
    )
    report = export_masks(project, "index-png", tmp_path / "out", options)
    assert report.pictures == 8
    with Image.open(tmp_path / "out/overlays/sub/b.overlay.jpg") as picture:
        assert (picture.format, picture.size) == ("JPEG", (16, 12))
    with Image.open(tmp_path / "out/side-by-side/a.side-by-side.jpg") as picture:
        assert picture.size == (3 * 16 + 16, 12)
    with (tmp_path / "out/statistics.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 4 * 4
    cell = next(row for row in rows if row["image"] == "sub/b.png" and row["class"] == "cell")
    assert (cell["status"], cell["objects"], cell["area (px)"], cell["area (µm²)"]) == (
        "approved", "1", "15", "3.75",
    )  # fmt: skip
    with (tmp_path / "out/statistics-summary.csv").open(newline="", encoding="utf-8") as stream:
        whole = {row["class"]: row for row in csv.DictReader(stream)}
    assert (whole["wall"]["images"], whole["wall"]["objects"], whole["wall"]["mean area (px)"]) == (
        "4", "4", "6",
    )  # fmt: skip
    assert [entry.components for entry in report.summary] == [2 * 4, 4, 4, 4]
    assert report.extras["overlay"] == tmp_path / "out" / "overlays"


@pytest.mark.parametrize("name", WRITTEN)
def test_pictures_are_not_taken_for_masks(project: Project, tmp_path: Path, name: str) -> None:
    kinds = frozenset({"overlay", "side-by-side"})
    options = ExportOptions(which="selection", names=("a.png",), pictures=kinds, statistics=True)
    report = export_masks(project, name, tmp_path / "out", options)
    assert report.pictures == 2
    assert len(FORMATS[name].read(tmp_path / "out").keys) == 1


def test_beside_one_file(project: Project, tmp_path: Path) -> None:
    options = ExportOptions(pictures=frozenset({"overlay"}), statistics=True)
    export_masks(project, "coco", tmp_path / "out" / "set.json", options)
    assert files(tmp_path / "out") == {
        "set.json", "set.manifest", "set.statistics.csv", "set.statistics-summary.csv",
        *(f"set.overlays/{stem}.overlay.jpg" for stem in ("a", "sub/b", "c", "d")),
    }  # fmt: skip
    for among in (options, ExportOptions(with_images=True)):
        with pytest.raises(StudioError, match="among the images"):
            export_masks(project, "coco", project.image_root / "set.json", among)


@pytest.mark.parametrize(
    ("name", "places"),
    [
        ("yolo", {"images/train/a.png", "images/val/sub/b.png", "images/test/c.png", "images/train/d.png"}),
        ("voc", {f"JPEGImages/{name}" for name in NAMES}),
        ("coco", {f"images/{name}" for name in NAMES}),
        ("labelme", set(NAMES)),
        ("nnunet", {*(f"imagesTr/{stem}_0000.png" for stem in ("a", "sub_b", "d")), "imagesTs/c_0000.png"}),
    ],
)
def test_images_go_along(project: Project, tmp_path: Path, name: str, places: set[str]) -> None:
    report = export_masks(project, name, tmp_path / "out", ExportOptions(with_images=True))
    assert report.proof.exact
    assert places <= files(tmp_path / "out")
    shapes = {read_image(tmp_path / "out" / place).shape for place in places}
    assert shapes == {(*SHAPE, 3)}
    without = export_masks(project, name, tmp_path / "2", ExportOptions(with_images=False))
    assert without.copies == 0
    assert not places & files(tmp_path / "2")


def test_copies_are_the_same_bytes_and_turned_images_are_stored_as_seen(
    project: Project, tmp_path: Path
) -> None:
    path = project.image_path("c.png")
    turned = Image.open(path).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[274] = 6
    turned.save(path, exif=exif)
    project.write_approved("c.png", labels_of(2), {IMAGE_HASH: pixel_hash(read_image(path))})
    for name, place in (("yolo", "images/test/c.png"), ("coco", "images/c.png")):
        export_masks(project, name, tmp_path / name, ExportOptions(with_images=True))
        with Image.open(tmp_path / name / place) as copy:
            assert copy.getexif().get(274) == (6 if name == "coco" else None)
        assert np.array_equal(read_image(tmp_path / name / place), read_image(path))
    copied = tmp_path / "yolo" / "images" / "train" / "a.png"
    assert copied.read_bytes() == project.image_path("a.png").read_bytes()


def test_a_format_without_a_place_for_images(project: Project, tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="has no place for the images"):
        export_masks(project, "index-png", tmp_path / "out", ExportOptions(with_images=True))


# -- the manifest -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WRITTEN)
def test_the_manifest_holds_every_file_with_its_checksum(project: Project, tmp_path: Path, name: str) -> None:
    options = ExportOptions(statistics=True, pictures=frozenset({"overlay"}), split_folders=True)
    report = export_masks(project, name, tmp_path / "out", options)
    value = read_json(report.manifest)
    assert value["complete"] is True
    assert value["split_folders"] is True
    assert set(value["files"]) == files(tmp_path / "out") - {MANIFEST}
    for file, digest in value["files"].items():
        assert hashlib.sha256((tmp_path / "out" / file).read_bytes()).hexdigest() == digest
    sample = next(sample for sample in value["samples"] if sample["image"] == "sub/b.png")
    assert (sample["status"], sample["split"], sample["width"], sample["height"]) == (
        "approved", "val", 16, 12,
    )  # fmt: skip
    assert sample["image_hash"] == pixel_hash(read_image(project.image_path("sub/b.png")))


@pytest.mark.parametrize("name", WRITTEN)
def test_readers_find_masks_alone(project: Project, tmp_path: Path, name: str) -> None:
    """labelme's converters read every *.json of a folder, datumaro every one in annotations/."""
    plain = export_masks(project, name, tmp_path / "plain")
    options = ExportOptions(statistics=True, pictures=frozenset({"overlay", "side-by-side"}))
    report = export_masks(project, name, tmp_path / "out", options)
    assert plain.manifest.name == report.manifest.name == "unet-studio-export.manifest"
    beside = files(tmp_path / "out") - (files(tmp_path / "plain") - {MANIFEST})
    assert {Path(file).suffix for file in beside} == {".manifest", ".csv", ".jpg"}


@pytest.mark.parametrize(("place", "new", "former"), [
    ("out", "out/unet-studio-export.manifest", "out/manifest.json"),
    ("set.json", "set.manifest", "set.manifest.json"),
])  # fmt: skip
def test_an_export_of_an_earlier_version_is_replaced(
    project: Project, tmp_path: Path, place: str, new: str, former: str
) -> None:
    export_masks(project, "coco", tmp_path / place, ExportOptions(statistics=True))
    (tmp_path / new).rename(tmp_path / former)
    assert export_masks(project, "coco", tmp_path / place).proof.exact
    assert (tmp_path / new).exists()
    assert not (tmp_path / former).exists()
    assert not list(tmp_path.rglob("*.csv"))
    (tmp_path / new).rename(tmp_path / former)
    with pytest.raises(StudioError, match="holds an export as coco already"):
        export_masks(project, "cvat", (tmp_path / place).with_suffix(".xml" if "." in place else ""))


# -- what is there already --------------------------------------------------------------------------------


def test_a_narrower_export_takes_away_all_that_the_wider_left(project: Project, tmp_path: Path) -> None:
    wide = ExportOptions(pictures=frozenset({"overlay"}), statistics=True, split_folders=True)
    export_masks(project, "index-png", tmp_path / "out", wide)
    (tmp_path / "out" / "notes.txt").write_text("mine")
    export_masks(project, "index-png", tmp_path / "out", ExportOptions(which="selection", names=("a.png",)))
    assert files(tmp_path / "out") == {"a.png", "classes.json", MANIFEST, "notes.txt"}
    assert not (tmp_path / "out" / "train").exists()


def test_work_on_exported_files_is_not_lost(project: Project, tmp_path: Path) -> None:
    export_masks(project, "labelme", tmp_path / "out")
    (tmp_path / "out" / "a.json").write_text("{}")
    with pytest.raises(StudioError, match=r"1 files in .* were changed since their export, a\.json first"):
        export_masks(project, "labelme", tmp_path / "out")
    assert (tmp_path / "out" / "a.json").read_text() == "{}"
    assert export_masks(project, "labelme", tmp_path / "out", ExportOptions(overwrite=True)).proof.exact


def test_a_file_of_others_in_the_way_stops_it_before_anything_is_moved(
    project: Project, tmp_path: Path
) -> None:
    one = ExportOptions(which="selection", names=("a.png",))
    export_masks(project, "index-png", tmp_path / "out", one)
    before = (tmp_path / "out" / MANIFEST).read_bytes()
    (tmp_path / "out" / "c.png").write_text("mine")
    with pytest.raises(StudioError, match=r"c\.png is there already"):
        export_masks(project, "index-png", tmp_path / "out")
    assert files(tmp_path / "out") == {"a.png", "classes.json", MANIFEST, "c.png"}
    assert (tmp_path / "out" / "c.png").read_text() == "mine"
    assert (tmp_path / "out" / MANIFEST).read_bytes() == before


def test_a_link_in_the_destination_is_not_followed(project: Project, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    one = ExportOptions(which="selection", names=("a.png",))
    export_masks(project, "index-png", tmp_path / "out", one)
    (tmp_path / "out" / "sub").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StudioError, match="outside"):
        export_masks(project, "index-png", tmp_path / "out")
    assert not list((tmp_path / "elsewhere").iterdir())


def test_an_export_in_another_format_is_not_removed(project: Project, tmp_path: Path) -> None:
    export_masks(project, "coco", tmp_path / "out")
    before = files(tmp_path / "out")
    with pytest.raises(StudioError, match="holds an export as coco already"):
        export_masks(project, "cvat", tmp_path / "out")
    assert files(tmp_path / "out") == before
    export_masks(project, "cvat", tmp_path / "out" / "other.xml")
    assert files(tmp_path / "out") == before | {"other.xml", "other.manifest"}


def test_a_foreign_manifest_is_not_overwritten(project: Project, tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text('{"name": "a web page"}')
    (tmp_path / "manifest.json").write_text('{"name": "another"}')
    with pytest.raises(StudioError, match="holds files already"):
        export_masks(project, "coco", tmp_path)
    assert (tmp_path / MANIFEST).read_text() == '{"name": "a web page"}'
    assert (tmp_path / "manifest.json").read_text() == '{"name": "another"}'


# -- what interrupts it -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("step", [1, 5])
def test_a_cancel_leaves_the_destination_as_it_was(
    project: Project, tmp_path: Path, name: str, step: int
) -> None:
    def stop(done: int, _total: int) -> None:
        if done == step:
            raise Cancelled

    with pytest.raises(Cancelled):
        export_masks(project, name, tmp_path / "deep" / "out", advance=stop)
    assert not (tmp_path / "deep").exists()
    export_masks(project, name, tmp_path / "out", ExportOptions(which="selection", names=("a.png",)))
    before = {file: (tmp_path / "out" / file).read_bytes() for file in files(tmp_path / "out")}
    with pytest.raises(Cancelled):
        export_masks(project, name, tmp_path / "out", ALL, advance=stop)
    assert {file: (tmp_path / "out" / file).read_bytes() for file in files(tmp_path / "out")} == before


@pytest.mark.parametrize("name", WRITTEN)
def test_a_full_disk_leaves_the_destination_as_it_was(
    project: Project, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = ExportOptions(which="selection", names=("a.png",))
    export_masks(project, name, tmp_path / "out", one)
    before = {file: (tmp_path / "out" / file).read_bytes() for file in files(tmp_path / "out")}
    room = iter(range(1))
    real = os.fsync

    def full(descriptor: int) -> None:
        if next(room, None) is None:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StudioError, match=r"can't be written to: No space left on device\. Check"):
        export_masks(project, name, tmp_path / "out", ExportOptions(statistics=True))
    assert {file: (tmp_path / "out" / file).read_bytes() for file in files(tmp_path / "out")} == before
    with pytest.raises(StudioError, match="No space left"):
        export_masks(project, name, tmp_path / "new", ExportOptions(statistics=True))
    assert not (tmp_path / "new").exists()


def test_a_place_that_can_not_be_written_to(project: Project, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StudioError, match="can't be made"):
        export_masks(project, "index-png", tmp_path / "file" / "out")


def test_an_export_that_was_killed_while_files_were_put_in_place_can_be_repeated(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = ExportOptions(which="selection", names=("a.png",))
    export_masks(project, "index-png", tmp_path / "out", one)
    real, moves = os.replace, iter(range(3))

    def killed(source: Path, target: Path) -> None:
        if ASIDE in str(source) and ".tmp" not in str(source) and next(moves, None) is None:
            raise KeyboardInterrupt
        real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            export_masks(project, "index-png", tmp_path / "out")
    assert read_json(tmp_path / "out" / MANIFEST)["complete"] is False
    assert export_masks(project, "index-png", tmp_path / "out").proof.exact
    assert files(tmp_path / "out") == {*NAMES, "classes.json", MANIFEST}


def test_what_a_killed_export_left_aside_goes(project: Project, tmp_path: Path) -> None:
    left = tmp_path / "out" / ASIDE / "out"
    left.mkdir(parents=True)
    (left / "a.png").write_text("half")
    shutil.copy(Path(__file__), left.parent / "lock")  # of no process that lives
    os.utime(left.parent / "lock", (0, 0))
    assert export_masks(project, "index-png", tmp_path / "out").proof.exact
    assert files(tmp_path / "out") == {*NAMES, "classes.json", MANIFEST}


def test_two_exports_to_one_place(project: Project, tmp_path: Path) -> None:
    other = Lock(tmp_path / "out" / ASIDE / "lock")
    other.acquire()
    with pytest.raises(StudioError, match=r"Another export to .* is running"):
        export_masks(project, "index-png", tmp_path / "out")
    assert other.path.is_file()


@pytest.mark.parametrize("name", WRITTEN)
def test_lists_do_not_name_images_that_could_not_be_read(project: Project, tmp_path: Path, name: str) -> None:
    project.image_path("c.png").write_bytes(b"broken")
    report = export_masks(project, name, tmp_path / "out", ExportOptions(with_images=None))
    assert list(report.problems) == ["c.png"]
    good = ExportOptions(which="selection", names=("a.png", "sub/b.png", "d.png"))
    export_masks(project, name, tmp_path / "good" / "out", good)
    assert files(tmp_path / "out") == files(tmp_path / "good" / "out")
    for file in files(tmp_path / "out") - {MANIFEST}:
        alike = [(tmp_path / place / file).read_bytes() for place in ("out", "good/out")]
        dated = file.endswith((".npy", ".json", ".xml"))  # these may hold the time
        assert alike[0] == alike[1] or (dated and len(alike[0]) == len(alike[1]))


def test_a_part_of_which_no_image_can_be_read_is_left_out(project: Project, tmp_path: Path) -> None:
    project.image_path("c.png").write_bytes(b"broken")
    for name in ("index-png", "coco"):
        export_masks(project, name, tmp_path / name, ExportOptions(split_folders=True))
        parts = {path.name for path in (tmp_path / name).iterdir() if path.is_dir()}
        assert parts == {"train", "val", "none"}


def test_an_image_that_changes_while_it_is_exported(project: Project, tmp_path: Path) -> None:
    """A format that loses pixels is compared with the project's masks once more."""
    project.write_approved(
        "a.png",
        np.where(labels_of(0) == 3, np.uint8(255), labels_of(0)),
        project.read_approved("a.png")[1],
    )

    def meddle(done: int, _total: int) -> None:
        if done == 4:
            project.write_approved("a.png", labels_of(1), project.read_approved("a.png")[1])

    with pytest.raises(StudioError, match=r"a\.png was changed while it was exported"):
        export_masks(project, "yolo", tmp_path / "out", advance=meddle)
    assert not (tmp_path / "out").exists()
