"""Every format of the table: what goes out comes back, pixel for pixel."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from unet_studio.core.classes import UNLABELLED, ClassTable, PixelClass
from unet_studio.core.errors import StudioError
from unet_studio.formats.proof import prove
from unet_studio.formats.sample import Labels, Outgoing, Sample, class_lut
from unet_studio.formats.table import FORMATS, WRITTEN, format_named

TABLES = {
    "background 0": ClassTable.binary("cell").add("wall"),
    "background 7": ClassTable(
        (
            PixelClass(3, "Zelle é", "#ff0000"),
            PixelClass(7, "soil", "#000000"),
            PixelClass(254, "x", "#00ff00"),
        ),
        7,
    ),
    "no background": ClassTable((PixelClass(0, "ER", "#ff0000"), PixelClass(9, "membrane", "#00ff00")), None),
}
SHAPES = st.tuples(st.integers(1, 9), st.integers(1, 9))


def outgoing(table: ClassTable, samples: dict[str, Labels]) -> Outgoing:
    return Outgoing(
        "a set", table, list(samples), lambda: (Sample(name, labels) for name, labels in samples.items())
    )


def labels_of(table: ClassTable, unlabelled: bool = True) -> st.SearchStrategy[Labels]:
    values = st.sampled_from([*table.indices, UNLABELLED] if unlabelled else table.indices)
    return SHAPES.flatmap(lambda shape: arrays.arrays(np.uint8, shape, elements=values))


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
@pytest.mark.parametrize("name", WRITTEN)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_everything_comes_back(name: str, table: ClassTable, data: st.DataObject) -> None:
    entry = FORMATS[name]
    names = ["a.jpg", "sub/a.jpg", "sub/a.tif", "Ünï 1.png"]
    # A format that loses something says what, and loses nothing else.
    assert entry.loses in ("", "Pixels that nobody labelled become background.")
    samples = {image: data.draw(labels_of(table, entry.lossless)) for image in names}
    with tempfile.TemporaryDirectory() as folder:
        out = outgoing(table, samples)
        files = entry.write(Path(folder) / "out", out)
        assert set(files) == set(names)
        proof = prove(entry, Path(folder) / "out", out)
    assert proof.exact
    assert proof.images == len(names)
    assert set(proof.iou.values()) == {1.0}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_changed_pixel_shows_in_the_proof(name: str, tmp_path: Path) -> None:
    table = TABLES["background 0"]
    labels = np.zeros((4, 5), np.uint8)
    labels[1:3, 1:3] = 1
    FORMATS[name].write(tmp_path / "out", outgoing(table, {"a.jpg": labels}))
    meant = labels.copy()
    meant[1, 1] = 0
    proof = prove(FORMATS[name], tmp_path / "out", outgoing(table, {"a.jpg": meant}))
    assert not proof.exact
    assert proof.differing == ("a.jpg",)
    assert proof.iou["cell"] == 3 / 4
    assert proof.iou["background"] == 16 / 17
    assert proof.iou["wall"] == 1.0


@pytest.mark.parametrize("name", WRITTEN)
def test_pixels_without_a_class_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(StudioError, match=r"a\.jpg holds class indices that are no classes: \[9\]"):
        FORMATS[name].write(
            tmp_path / "out", outgoing(ClassTable.binary(), {"a.jpg": np.full((2, 2), 9, np.uint8)})
        )


@pytest.mark.parametrize("name", [name for name in WRITTEN if name != "yolo"])  # it holds no sizes
def test_masks_of_another_size_are_refused(name: str, tmp_path: Path) -> None:
    FORMATS[name].write(
        tmp_path / "out", outgoing(ClassTable.binary(), {"a.jpg": np.zeros((2, 3), np.uint8)})
    )
    incoming = FORMATS[name].read(tmp_path / "out")
    with pytest.raises(StudioError, match="is 3 x 2 px, but its image is 2 x 3 px"):
        incoming.read(incoming.keys[0], (3, 2))


def test_an_unknown_format_names_the_known_ones() -> None:
    with pytest.raises(StudioError, match="index-png, index-tiff"):
        format_named("tiff")


def test_classes_are_matched_by_name() -> None:
    theirs = ClassTable((PixelClass(0, "bg", "#000000"), PixelClass(5, "Cell", "#ffffff")), 0)
    ours = ClassTable.binary("cell")
    lut = class_lut(theirs, ours)
    assert (lut[0], lut[5], lut[255], lut[77]) == (0, 1, 255, 255)


def test_a_class_that_is_missing_can_be_mapped_or_ignored() -> None:
    theirs = ClassTable.binary("nucleus")
    ours = ClassTable.binary("cell")
    with pytest.raises(StudioError, match="lacks: nucleus"):
        class_lut(theirs, ours)
    assert class_lut(theirs, ours, {"nucleus": "cell"})[1] == 1
    assert class_lut(theirs, ours, {"nucleus": ""})[1] == UNLABELLED
    assert class_lut(theirs, ours, {"nucleus": "cell", "background": ""})[0] == UNLABELLED
    with pytest.raises(StudioError, match="no class named axon"):
        class_lut(theirs, ours, {"axon": "cell"})
    with pytest.raises(StudioError, match="lacks: soma"):
        class_lut(theirs, ours, {"nucleus": "soma"})


def test_a_background_that_the_project_lacks_is_unlabelled() -> None:
    ours = ClassTable((PixelClass(0, "cell", "#ffffff"),), None)
    assert class_lut(ClassTable.binary("cell"), ours)[:2].tolist() == [UNLABELLED, 0]
