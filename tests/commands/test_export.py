"""export as a command: what it can be told, its preview, and that it fails in one line."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.commands.conftest import Run
from unet_studio.core.classes import ClassTable, write_classes_file
from unet_studio.core.pixel_size import PixelSize
from unet_studio.core.project import Project
from unet_studio.core.storage import read_index_png, read_json, write_index_png
from unet_studio.formats.destination import MANIFEST


@pytest.fixture
def project(run: Run, images: Path, tmp_path: Path) -> Path:
    """Three finished images of cells and walls."""
    table = ClassTable.binary("cell").add("wall")
    folder = tmp_path / "masks"
    for name in ("a", "b", "sub/c"):
        labels = np.zeros((24, 32), np.uint8)
        labels[3:9, 4:20] = 1
        labels[5, 6] = 0
        labels[12, :5] = 2
        write_index_png(folder / f"{name}.png", labels, table.palette())
    write_classes_file(folder / "classes.json", "m", table)
    assert run("import", "index-png", folder, images, "--approve").status == 0
    return images


def written(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_preview_says_in_numbers_what_is_lost_and_writes_nothing(
    run: Run, project: Path, tmp_path: Path
) -> None:
    done = run("export", project, "yolo", tmp_path / "out", "--preview", "--map", "wall=")
    assert done.status == 0
    assert "3 images would go to" in done.out
    assert "In the split: 2 train, 1 val" in done.out
    assert "Lost: The class wall becomes unlabelled: 15 px." in done.out
    assert "Lost: 15 unlabelled px in 3 images become background." in done.out
    assert "3 holes are joined to the outline" in done.out
    assert not (tmp_path / "out").exists()
    value = run("export", project, "yolo", tmp_path / "out", "--preview", "--json").value
    assert value["counted"] is True
    assert [(entry["name"], entry["pixels"], entry["objects"]) for entry in value["classes"]] == [
        ("background", 3 * (24 * 32 - 100), 6), ("cell", 3 * 95, 3), ("wall", 15, 3),
    ]  # fmt: skip


def test_a_preview_of_what_can_not_be_done_fails(run: Run, project: Path) -> None:
    done = run("export", project, "index-png", project / "out", "--preview")
    assert done.status == 1
    assert "among the images" in done.err
    assert done.err.count("\n") == 1


def test_classes_are_mapped_and_ordered(run: Run, project: Path, tmp_path: Path) -> None:
    done = run(
        "export", project, "index-png", tmp_path / "out",
        "--map", "wall=cell", "--order", "cell", "background", "--json",
    )  # fmt: skip
    assert done.value["proof"]["iou"] == {"cell": 1.0, "background": 1.0}
    labels = read_index_png(tmp_path / "out" / "a.png")[0]
    assert (labels[12, 0], labels[4, 5], labels[0, 0]) == (0, 0, 1)
    assert "maps nothing" in run("export", project, "coco", tmp_path / "2", "--map", "cell").err
    assert "no class named axon" in run("export", project, "coco", tmp_path / "2", "--map", "axon=x").err


def test_images_are_selected_by_name_or_by_a_list(run: Run, project: Path, tmp_path: Path) -> None:
    done = run("export", project, "index-png", tmp_path / "1", "--select", "a.png", "sub/c.png")
    assert done.status == 0
    assert written(tmp_path / "1") == {"a.png", "sub/c.png", "classes.json", MANIFEST}
    (tmp_path / "list.txt").write_bytes(b"\xef\xbb\xbfsub/c.png\r\n\r\nb.jpg\n")
    done = run("export", project, "index-png", tmp_path / "2", "--list", tmp_path / "list.txt")
    assert written(tmp_path / "2") == {"b.png", "sub/c.png", "classes.json", MANIFEST}
    (tmp_path / "list.txt").write_text("\n")
    words = ["export", project, "index-png", tmp_path / "3"]
    assert "names no images" in run(*words, "--list", tmp_path / "list.txt").err
    assert "can't be read" in run(*words, "--list", tmp_path / "nowhere").err
    assert "are not in images: z.png" in run(*words, "--select", "z.png").err
    assert run(*words, "--select", "a.png", "--which", "all").status == 2


def test_split_folders_pictures_tables_and_images(run: Run, project: Path, tmp_path: Path) -> None:
    done = run(
        "export", project, "voc", tmp_path / "1", "--overlay", "--side-by-side", "--legend",
        "--picture-side", "64", "--statistics", "--pixel-size", "0.5 um", "--images", "--json",
    )  # fmt: skip
    assert done.status == 0
    assert done.value["pictures"] == 6
    assert done.value["copies"] == 3
    assert set(done.value["extras"]) == {"overlay", "side-by-side", "statistics", "summary"}
    assert [entry["components"] for entry in done.value["summary"]] == [6, 3, 3]
    assert {"JPEGImages/a.png", "JPEGImages/b.jpg", "overlays/sub/c.overlay.jpg"} <= written(tmp_path / "1")
    with (tmp_path / "1" / "statistics-summary.csv").open(newline="", encoding="utf-8") as stream:
        rows = {row["class"]: row for row in csv.DictReader(stream)}
    assert (rows["cell"]["area (px)"], rows["cell"]["area (µm²)"]) == ("285", "71.25")
    done = run("export", project, "coco", tmp_path / "2", "--split-folders")
    assert done.status == 0
    assert {"train/annotations.json", "val/annotations.json"} <= written(tmp_path / "2")
    done = run("export", project, "index-png", tmp_path / "3", "--statistics")
    assert "wall" in done.out
    assert "statistics: " in done.out
    assert "is no pixel size" in run("export", project, "coco", tmp_path / "4", "--pixel-size", "1 px").err
    assert "can't be made" in run("export", project, "coco", tmp_path / "4", "--picture-side", "1").err


def test_the_pixel_size_that_image_files_state_is_suggested(run: Run, images: Path, tmp_path: Path) -> None:
    Image.open(images / "a.png").save(images / "a.png", dpi=(25400, 25400))
    write_index_png(tmp_path / "masks" / "a.png", np.ones((24, 32), np.uint8), ClassTable.binary().palette())
    assert run("import", "index-png", tmp_path / "masks", images, "--approve").status == 0
    words = ["export", images, "index-png", tmp_path / "out", "--statistics"]
    assert "The image files state 1 µm a pixel" in run(*words).err
    assert "state" not in run(*words, "--pixel-size", "2 µm").err
    project = Project.open(images)
    project.set_pixel_size(PixelSize(3, "µm"))
    project.close()
    assert "state" not in run(*words).err
    assert read_json(tmp_path / "out" / MANIFEST)["pixel_size"] == {"value": 3.0, "unit": "µm"}


def test_a_loss_is_told_to_the_pixel(run: Run, project: Path, tmp_path: Path) -> None:
    done = run("export", project, "yolo", tmp_path / "out", "--map", "wall=")
    assert done.status == 0
    assert "15 px of unlabelled came back as background" in done.out
    assert "background  0.992" in done.out


def test_files_that_were_changed_are_kept_unless_told_otherwise(
    run: Run, project: Path, tmp_path: Path
) -> None:
    words = ["export", project, "labelme", tmp_path / "out"]
    assert run(*words).status == 0
    (tmp_path / "out" / "a.json").write_text("{}")
    done = run(*words)
    assert done.status == 1
    assert "changed since their export" in done.err
    assert run(*words, "--overwrite").status == 0
    assert read_json(tmp_path / "out" / MANIFEST)["complete"] is True


def test_a_full_disk_is_said_in_a_line(
    run: Run, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    done = run("export", project, "coco", tmp_path / "out")
    assert done.status == 1
    assert "No space left on device" in done.err
    assert done.err.count("\n") == 1
    assert not (tmp_path / "out").exists()
