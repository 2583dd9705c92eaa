"""RootPainter: red and green as its trainer reads them, its folders, and annotations that contradict."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from unet_studio.core.classes import ClassTable, PixelClass
from unet_studio.core.errors import StudioError
from unet_studio.formats.rootpainter import place_of_image, read_rootpainter, write_rootpainter
from unet_studio.formats.sample import Labels, Outgoing, Sample

LABELS = np.array([[0, 1, 255], [1, 1, 0]], np.uint8)
RED, GREEN, NOTHING, SEEN = (255, 0, 0, 180), (0, 255, 0, 180), (0, 0, 0, 0), (0, 255, 255, 178)


def outgoing(table: ClassTable, labels: Labels = LABELS, split: str = "") -> Outgoing:
    names = ["sub/a.jpg"]
    chosen = {"sub/a.jpg": split} if split else {}
    return Outgoing("My roots", table, names, lambda: [Sample("sub/a.jpg", labels)], chosen)


def paint(path: Path, rows: list[list[tuple[int, ...]]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels: NDArray[np.uint8] = np.array(rows, np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def test_what_is_written_is_what_its_trainer_reads(tmp_path: Path) -> None:
    files = write_rootpainter(tmp_path, outgoing(ClassTable.binary("root")))
    assert files == {"sub/a.jpg": "projects/My roots/annotations/train/sub_a.png"}
    with Image.open(tmp_path / files["sub/a.jpg"]) as picture:
        assert picture.mode == "RGBA"
        found = np.asarray(picture)
    assert found.tolist() == [[[*GREEN], [*RED], [*NOTHING]], [[*RED], [*RED], [*GREEN]]]
    # trainer/datasets.py: annot.astype(bool); [..., 0] is foreground, [..., 1] background.
    annotation = found.astype(bool)
    np.testing.assert_array_equal(annotation[..., 0], LABELS == 1)
    np.testing.assert_array_equal(annotation[..., 1], LABELS == 0)
    project = tmp_path / "projects" / "My roots"
    assert json.loads((project / "My roots.seg_proj").read_text()) == {
        "name": "My roots",
        "dataset": "My roots",
        "original_model_file": "random weights",
        "location": "projects/My roots",
        "file_names": ["sub_a.jpg"],
    }
    assert place_of_image("sub/a.jpg", files["sub/a.jpg"]) == "datasets/My roots/sub_a"
    for name in ("annotations/val", "segmentations", "models", "messages", "logs"):
        assert (project / name).is_dir()


def test_the_split_says_the_folder_and_moves_with_it(tmp_path: Path) -> None:
    table = ClassTable.binary("root")
    project = tmp_path / "projects" / "My roots" / "annotations"
    for split in ("val", "test", "train"):
        write_rootpainter(tmp_path, outgoing(table, split=split))
        assert [path.parent.name for path in project.rglob("*.png")] == [split]
        assert read_rootpainter(tmp_path).read("sub/a.jpg", None).tolist() == LABELS.tolist()


def test_each_class_gets_a_project_and_nothing_is_lost(tmp_path: Path) -> None:
    table = ClassTable.binary("root").add("nodule: /é")
    labels = np.array([[0, 1, 2, 255]], np.uint8)
    files = write_rootpainter(tmp_path, outgoing(table, labels))
    assert sorted(path.name for path in (tmp_path / "projects").iterdir()) == [
        "My roots-1-root",
        "My roots-2-nodule_ _é",
    ]
    path = tmp_path / files["sub/a.jpg"].replace("1-root", "2-nodule_ _é")
    assert np.asarray(Image.open(path)).tolist() == [[[*GREEN], [*GREEN], [*RED], [*NOTHING]]]
    incoming = read_rootpainter(tmp_path)
    assert incoming.keys == ("sub/a.jpg",)
    assert incoming.size("sub/a.jpg") == (1, 4)
    assert incoming.classes is not None
    assert incoming.classes.describe() == "0 background, 1 root, 2 nodule: /é"
    assert incoming.read("sub/a.jpg", (1, 4)).tolist() == labels.tolist()


def test_a_project_of_rootpainters_own_is_read(tmp_path: Path) -> None:
    project = tmp_path / "projects" / "folder"
    paint(project / "annotations" / "train" / "x.png", [[RED, GREEN, NOTHING]])
    paint(project / "annotations" / "val" / "y.png", [[NOTHING, GREEN, RED]])
    paint(project / "annotations" / "val" / "x.png", [[GREEN, GREEN, GREEN]])
    paint(project / "segmentations" / "z.png", [[SEEN, NOTHING]])
    (project / "lupin.seg_proj").write_text("{}")
    for source in (tmp_path, project):
        incoming = read_rootpainter(source)
        assert incoming.keys == ("x", "y")
        assert incoming.classes is not None
        assert incoming.classes.describe() == "0 background, 1 lupin"
        assert incoming.read("x", (1, 3)).tolist() == [[1, 0, 255]]
        assert incoming.read("y", (1, 3)).tolist() == [[255, 0, 1]]
        assert incoming.notes == (
            "1 images are annotated for training and for validation; training counts.",
            "1 segmentations are there too: import the folder segmentations as predictions.",
        )
    assert read_rootpainter(project / "annotations" / "val").read("y", None).tolist() == [[255, 0, 1]]
    segmented = read_rootpainter(project / "segmentations")
    assert segmented.keys == ("z",)
    assert segmented.read("z", (1, 2)).tolist() == [[1, 0]]


def test_where_projects_disagree_nobody_knows(tmp_path: Path) -> None:
    paint(tmp_path / "projects" / "a" / "annotations" / "train" / "x.png", [[RED, GREEN, GREEN, NOTHING]])
    paint(tmp_path / "projects" / "b" / "annotations" / "train" / "x.png", [[GREEN, GREEN, NOTHING, RED]])
    paint(tmp_path / "projects" / "b" / "annotations" / "train" / "y.png", [[GREEN, RED]])
    incoming = read_rootpainter(tmp_path)
    assert incoming.read("x", None).tolist() == [[1, 0, 255, 2]]
    # Only one of the projects has said anything: what is not its foreground may be the other's.
    assert incoming.read("y", None).tolist() == [[255, 2]]
    assert incoming.notes == ("A pixel is background where all projects that were read say so.",)


def test_without_a_background_of_its_own_nothing_is_made_up(tmp_path: Path) -> None:
    table = ClassTable((PixelClass(4, "ER", "#ff0000"),), None)
    labels = np.array([[4, 255]], np.uint8)
    write_rootpainter(tmp_path, outgoing(table, labels))
    assert read_rootpainter(tmp_path).read("sub/a.jpg", (1, 2)).tolist() == labels.tolist()


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([[(255, 255, 0, 180), RED]], "1 of its pixels are both foreground and background"),
        ([[SEEN, NOTHING]], "it has blue in it"),
    ],
)
def test_contradictions_are_refused(tmp_path: Path, rows: list[list[tuple[int, ...]]], problem: str) -> None:
    paint(tmp_path / "annotations" / "train" / "x.png", rows)
    with pytest.raises(StudioError, match=problem):
        read_rootpainter(tmp_path).read("x", None)


def test_grey_pictures_and_other_sizes_are_refused(tmp_path: Path) -> None:
    paint(tmp_path / "a" / "annotations" / "x.png", [[RED, GREEN]])
    with pytest.raises(StudioError, match="is 2 x 1 px, but its image is 1 x 2 px"):
        read_rootpainter(tmp_path / "a").read("x", (2, 1))
    (tmp_path / "g").mkdir()
    Image.new("L", (2, 2)).save(tmp_path / "g" / "x.png")
    with pytest.raises(StudioError, match="not in colour"):
        read_rootpainter(tmp_path / "g").read("x", None)


def test_other_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="holds no annotations"):
        read_rootpainter(tmp_path)
    with pytest.raises(StudioError, match="is not a folder"):
        read_rootpainter(tmp_path / "x")
    table = ClassTable((PixelClass(0, "background", "#000000"),), 0)
    with pytest.raises(StudioError, match="no class of objects"):
        write_rootpainter(tmp_path, outgoing(table, np.zeros((1, 1), np.uint8)))
    write_rootpainter(tmp_path, outgoing(ClassTable.binary()))
    (tmp_path / "rootpainter.json").write_text('{"classes": [], "projects": 3}')
    with pytest.raises(StudioError, match="does not say"):
        read_rootpainter(tmp_path)


def test_a_class_index_that_is_no_number_is_named(tmp_path: Path) -> None:
    write_rootpainter(tmp_path, outgoing(ClassTable.binary(), np.zeros((1, 1), np.uint8)))
    facts = json.loads((tmp_path / "rootpainter.json").read_text())
    facts["projects"] = dict.fromkeys(facts["projects"], float("inf"))
    (tmp_path / "rootpainter.json").write_text(json.dumps(facts))
    with pytest.raises(StudioError, match="does not say"):
        read_rootpainter(tmp_path)
