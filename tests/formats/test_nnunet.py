"""nnU-Net: what its manual asks of a data set, and data sets that are wrong."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unet_studio.core.classes import ClassTable, PixelClass
from unet_studio.core.errors import StudioError
from unet_studio.formats.nnunet import read_nnunet, write_nnunet
from unet_studio.formats.sample import Outgoing, Sample

TABLE = ClassTable((PixelClass(9, "root", "#ff0000"), PixelClass(2, "soil", "#000000")), 2)
LABELS = np.array([[9, 2, 255], [2, 2, 9]], np.uint8)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    (folder / "sub").mkdir(parents=True)
    for number, name in enumerate(("sub/a.jpg", "sub_a.png")):
        Image.new("RGB", (3, 2), (number, 2, 3)).save(folder / name)
    return folder


def write(folder: Path, images: Path, names: list[str]) -> dict[str, str]:
    samples = [Sample(name, LABELS) for name in names]
    out = Outgoing("roots", TABLE, names, lambda: samples, {}, lambda name: images / name)
    return dict(write_nnunet(folder, out))


def test_the_folder_is_what_nnunet_asks_for(tmp_path: Path, images: Path) -> None:
    files = write(tmp_path / "out", images, ["sub/a.jpg", "sub_a.png"])
    assert files == {"sub/a.jpg": "labelsTr/sub_a.png", "sub_a.png": "labelsTr/sub_a-2.png"}
    facts = json.loads((tmp_path / "out" / "dataset.json").read_text())
    assert facts["labels"] == {"background": 0, "root": 1, "ignore": 2}
    assert facts["channel_names"] == {"0": "R", "1": "G", "2": "B"}
    assert (facts["numTraining"], facts["file_ending"]) == (2, ".png")
    with Image.open(tmp_path / "out" / "labelsTr" / "sub_a.png") as image:
        assert image.mode == "L"
        assert np.asarray(image).tolist() == [[1, 0, 2], [0, 0, 1]]
    with Image.open(tmp_path / "out" / "imagesTr" / "sub_a-2_0000.png") as image:
        assert (image.mode, image.getpixel((0, 0))) == ("RGB", (1, 2, 3))
    incoming = read_nnunet(tmp_path / "out")
    assert set(incoming.keys) == {"sub/a.jpg", "sub_a.png"}
    assert incoming.read("sub/a.jpg", (2, 3)).tolist() == [[1, 0, 255], [0, 0, 1]]


def test_grey_and_colour_do_not_mix(tmp_path: Path, images: Path) -> None:
    Image.new("I;16", (3, 2), 700).save(images / "deep.png")
    write(tmp_path / "grey", images, ["deep.png"])
    facts = json.loads((tmp_path / "grey" / "dataset.json").read_text())
    assert facts["channel_names"] == {"0": "grey"}
    with pytest.raises(StudioError, match="some in colour"):
        write(tmp_path / "both", images, ["deep.png", "sub_a.png"])


def test_names_that_nnunet_keeps_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="keeps the name 'Ignore'"):
        write_nnunet(tmp_path, Outgoing("x", ClassTable.binary("Ignore"), [], list))


def test_a_data_set_of_others_is_read_by_case(tmp_path: Path) -> None:
    (tmp_path / "labelsTr").mkdir()
    Image.fromarray(np.array([[0, 1, 2]], np.uint8)).save(tmp_path / "labelsTr" / "case_1.png")
    (tmp_path / "dataset.json").write_text('{"labels": {"background": 0, "b": 2, "a": 1}}')
    incoming = read_nnunet(tmp_path)
    assert incoming.keys == ("case_1",)
    assert incoming.classes is not None
    assert incoming.classes.describe() == "0 background, 1 a, 2 b"
    assert incoming.read("case_1", (1, 3)).tolist() == [[0, 1, 2]]
    (tmp_path / "dataset.json").write_text('{"labels": {"background": 0, "a": 1}}')
    with pytest.raises(StudioError, match=r"no classes: \[2\]"):
        read_nnunet(tmp_path).read("case_1", None)


@pytest.mark.parametrize(
    "text", ["{}", '{"labels": {"a": [1, 2]}}', '{"labels": {"a": 400}}', '{"labels": 3}']
)
def test_unusable_data_sets_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "labelsTr").mkdir()
    (tmp_path / "dataset.json").write_text(text)
    with pytest.raises(StudioError, match="is not usable"):
        read_nnunet(tmp_path)


def test_other_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match=r"dataset\.json"):
        read_nnunet(tmp_path)
    (tmp_path / "dataset.json").write_text('{"labels": {"background": 0}}')
    with pytest.raises(StudioError, match="holds no PNG labels"):
        read_nnunet(tmp_path)
