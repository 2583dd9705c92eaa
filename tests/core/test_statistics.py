"""Statistics of masks: what is counted, over one image and over many, and the tables that hold it."""

import csv
from pathlib import Path

import numpy as np
import pytest

from unet_studio.core.classes import ClassTable
from unet_studio.core.errors import StudioError
from unet_studio.core.pixel_size import PixelSize
from unet_studio.core.project import Project, ProjectFile
from unet_studio.core.statistics import head, measure, summary, write_statistics, write_summary

TABLE = ClassTable.binary("cell").add("wall, thick")


def labels() -> np.ndarray:
    """Two cells of 1 and 4 px, 3 px unlabelled, 12 px background."""
    made = np.zeros((4, 5), np.uint8)
    made[0, 0] = 1
    made[2:, 1:3] = 1
    made[0, 2:] = 255
    return made


def test_one_image() -> None:
    found = measure("a.png", labels(), TABLE, "approved")
    assert (found.total, found.unlabelled, found.status) == (20, 3, "approved")
    background, cell, wall = found.classes
    assert (cell.components, cell.pixels, cell.areas.tolist()) == (2, 5, [1, 4])
    assert (cell.mean, cell.median, cell.least, cell.most) == (2.5, 2.5, 1, 4)
    assert (cell.of_labelled, cell.of_image) == (5 / 17, 5 / 20)
    assert (background.pixels, background.components) == (12, 1)
    assert (wall.components, wall.pixels, wall.mean, wall.median, wall.least, wall.most, wall.images) == (
        0, 0, None, None, None, None, 0,
    )  # fmt: skip


def test_pieces_that_touch_at_a_corner_are_one() -> None:
    assert measure("a", np.eye(5, dtype=np.uint8), TABLE).classes[1].areas.tolist() == [5]


def test_an_image_that_nobody_labelled() -> None:
    found = measure("a", np.full((3, 3), 255, np.uint8), TABLE)
    assert (found.unlabelled, [entry.of_labelled for entry in found.classes]) == (9, [0, 0, 0])


def test_many_images_together() -> None:
    images = [measure("a", labels(), TABLE), measure("b", np.ones((2, 2), np.uint8), TABLE)]
    background, cell, wall = summary(images)
    assert (cell.areas.tolist(), cell.images, cell.median) == ([1, 4, 4], 2, 4)
    assert (cell.total, cell.labelled, cell.of_image) == (24, 21, 9 / 24)
    assert (background.images, wall.images, wall.components) == (1, 0, 0)
    assert summary([]) == ()


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_tables(tmp_path: Path) -> None:
    images = [measure("Ünï,\n1.png", labels(), TABLE, "painted"), measure("b\udce9.png", labels(), TABLE)]
    write_statistics(tmp_path / "1.csv", images, PixelSize(0.5, "µm"))
    data = (tmp_path / "1.csv").read_bytes()
    assert data.startswith(b"image,status,class,image area (px),objects,area (px),")
    assert data.count(b"\r\n") == 1 + 6  # RFC 4180; the name holds a bare LF
    rows = read(tmp_path / "1.csv")
    assert [(row["image"], row["class"]) for row in rows[:3]] == [
        ("Ünï,\n1.png", "background"), ("Ünï,\n1.png", "cell"), ("Ünï,\n1.png", "wall, thick"),
    ]  # fmt: skip
    assert rows[3]["image"] == r"b\udce9.png"  # no valid Unicode: escaped
    assert rows[1]["area (px)"] == "5"
    assert rows[1]["area (µm²)"] == "1.25"
    assert rows[1]["largest area (µm²)"] == "1"
    assert rows[1]["share of labelled"] == f"{5 / 17:.6f}"
    assert rows[2]["median area (px)"] == ""
    write_summary(tmp_path / "2.csv", summary(images))
    whole = read(tmp_path / "2.csv")
    assert [(row["class"], row["images"], row["objects"]) for row in whole] == [
        ("background", "2", "2"), ("cell", "2", "4"), ("wall, thick", "0", "0"),
    ]  # fmt: skip
    assert list(whole[0]) == ["class", "images", *head(None)]


# -- the size of a pixel ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0.65 µm", PixelSize(0.65, "µm")),
        ("0,65um", PixelSize(0.65, "µm")),
        (" 2 \N{GREEK SMALL LETTER MU}m ", PixelSize(2, "µm")),
        (".5 Micron", PixelSize(0.5, "µm")),
        ("1e-3 MM", PixelSize(0.001, "mm")),
        ("30 m", PixelSize(30, "m")),
    ],
)
def test_a_pixel_size_as_people_write_it(text: str, size: PixelSize) -> None:
    assert PixelSize.parse(text) == size
    assert PixelSize.parse(str(size)) == size
    assert PixelSize.from_json(size.to_json()) == size


@pytest.mark.parametrize(
    "text", ["", "0.65", "µm", "0 µm", "-1 µm", "1 furlong", "1e999 m", "1 µm 2", "nan m"]
)
def test_what_is_no_pixel_size(text: str) -> None:
    with pytest.raises(StudioError, match="is no pixel size"):
        PixelSize.parse(text)


def test_the_pixel_size_of_a_project(tmp_path: Path) -> None:
    project = Project.open(tmp_path)
    assert project.pixel_size is None
    project.set_name("a")
    assert "pixel_size" not in (project.folder / "project.json").read_text()
    project.set_pixel_size(PixelSize(0.65, "µm"))
    project.close()
    again = Project.open(tmp_path)
    assert again.pixel_size == PixelSize(0.65, "µm")
    again.set_pixel_size(None)
    assert ProjectFile.read(again.folder / "project.json").pixel_size is None
    again.close()


@pytest.mark.parametrize("value", ['"0.65 µm"', '{"value": 0, "unit": "µm"}', '{"value": 1}', "[1]"])
def test_a_broken_pixel_size_is_said(tmp_path: Path, value: str) -> None:
    project = Project.open(tmp_path)
    project.set_pixel_size(PixelSize(1, "mm"))
    project.close()
    path = project.folder / "project.json"
    lines = path.read_text().replace(
        '"pixel_size": {\n    "value": 1,\n    "unit": "mm"\n  }', f'"pixel_size": {value}'
    )
    assert value in lines
    path.write_text(lines)
    with pytest.raises(StudioError):
        Project.open(tmp_path)
