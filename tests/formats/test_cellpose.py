"""Cellpose: its own files against the truth, what it makes of ours, and files that are wrong or hostile."""

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from unet_studio.core.classes import ClassTable, PixelClass
from unet_studio.core.errors import StudioError
from unet_studio.core.storage import read_index_png
from unet_studio.formats import cellpose
from unet_studio.formats.cellpose import read_cellpose, read_numbers, size_of, write_cellpose
from unet_studio.formats.object_numbers import number_objects, rectangles, regions_of
from unet_studio.formats.regions import draw_scene
from unet_studio.formats.sample import Labels, Outgoing, Sample

TOUCHING = np.array([[1, 1, 2, 2, 0], [1, 1, 2, 2, 0], [0, 0, 0, 0, 7]], np.uint16)


def outgoing(table: ClassTable, labels: Labels, name: str = "a.jpg") -> Outgoing:
    return Outgoing("set", table, [name], lambda: [Sample(name, labels)])


def save_seg(path: Path, masks: Any = TOUCHING, **others: Any) -> Path:
    """As cellpose.io.masks_flows_to_seg saves it."""
    flows = [np.zeros((1, 3, 5, 3), np.uint8), np.ones((4, 60, 60), np.float32), []]
    np.save(path, {"outlines": masks, "masks": masks, "flows": flows, "diameter": np.nan, **others})
    return path


def test_touching_objects_are_one_piece_and_can_be_counted(tmp_path: Path) -> None:
    save_seg(tmp_path / "x_seg.npy")
    incoming = read_cellpose(tmp_path)
    assert incoming.keys == ("x",)
    assert incoming.size("x") == (3, 5)
    assert incoming.classes is not None
    assert incoming.classes.describe() == "0 background, 1 cell"
    assert incoming.read("x", (3, 5)).tolist() == (TOUCHING > 0).astype(int).tolist()
    assert incoming.scene is not None
    assert incoming.legend is not None
    scene = incoming.scene("x", None)
    assert len(scene.regions) == 3
    np.testing.assert_array_equal(draw_scene(scene, incoming.legend), TOUCHING > 0)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.int32])
@pytest.mark.parametrize("ending", ["_masks.tif", "_masks.png", "_cp_masks.png", "_cp_masks.tiff"])
def test_pictures_of_numbers_are_read_in_every_width(tmp_path: Path, dtype: Any, ending: str) -> None:
    path = tmp_path / "sub" / f"x{ending}"
    path.parent.mkdir()
    numbers = TOUCHING.astype(dtype) * 30
    if ending.endswith("png"):
        Image.fromarray(numbers.astype(np.uint16) if dtype != np.uint8 else numbers).save(path)
    else:
        tifffile.imwrite(path, numbers, compression="zlib")
    incoming = read_cellpose(tmp_path)
    assert incoming.keys == ("sub/x",)
    assert incoming.size("sub/x") == (3, 5)
    np.testing.assert_array_equal(read_numbers(path), TOUCHING.astype(int) * 30)
    assert read_cellpose(path).keys == ("x",)


def test_more_numbers_than_16_bits_hold(tmp_path: Path) -> None:
    numbers = np.arange(90_000, dtype=np.uint32).reshape(300, 300) * 100
    tifffile.imwrite(tmp_path / "x_masks.tif", numbers)
    np.testing.assert_array_equal(read_numbers(tmp_path / "x_masks.tif"), numbers)
    tifffile.imwrite(tmp_path / "x_masks.tif", numbers * 100)
    tifffile.imwrite(tmp_path / "y_masks.tif", numbers / 7)
    tifffile.imwrite(tmp_path / "z_masks.tif", np.zeros((3, 5, 3), np.uint8), photometric="rgb")
    for name, problem in (("x", "not whole numbers"), ("y", "not whole numbers"), ("z", "3 channels")):
        with pytest.raises(StudioError, match=problem):
            read_cellpose(tmp_path).read(name, None)


def test_signed_pixels_keep_their_numbers(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "x_masks.tif", TOUCHING.astype(np.int16))
    np.testing.assert_array_equal(read_numbers(tmp_path / "x_masks.tif"), TOUCHING)


def test_what_the_window_saved_comes_before_what_was_found(tmp_path: Path) -> None:
    save_seg(tmp_path / "x_seg.npy")
    Image.fromarray(np.zeros((3, 5), np.uint16)).save(tmp_path / "x_cp_masks.png")
    incoming = read_cellpose(tmp_path)
    assert incoming.keys == ("x",)
    assert incoming.read("x", None).any()
    assert incoming.notes[1].startswith("1 images have several masks; _seg.npy")


def test_one_class_lies_beside_its_images_and_several_get_folders(tmp_path: Path) -> None:
    labels = np.array([[1, 0, 2], [0, 1, 255]], np.uint8)
    files = write_cellpose(tmp_path / "one", outgoing(ClassTable.binary("root"), labels % 2, "s/a.jpg"))
    assert files == {"s/a.jpg": "s/a_cp_masks.png"}
    with Image.open(tmp_path / "one" / "s" / "a_cp_masks.png") as picture:
        assert picture.mode == "I;16"
        # Pixels that touch at a corner are one object.
        assert np.asarray(picture).tolist() == [[1, 0, 0], [0, 1, 1]]
    incoming = read_cellpose(tmp_path / "one")
    assert incoming.classes is not None
    assert incoming.classes.describe() == "0 background, 1 root"
    table = ClassTable.binary("cell").add("a/../b: 'é'")
    files = write_cellpose(tmp_path / "two", outgoing(table, labels))
    assert files == {"a.jpg": "1-cell/a_cp_masks.png"}
    assert (tmp_path / "two" / "2-a____b_ _é_" / "a_cp_masks.png").is_file()
    back = read_cellpose(tmp_path / "two").read("a", (2, 3))
    assert back.tolist() == [[1, 0, 2], [0, 1, 0]]  # what nobody labelled is background


def test_more_objects_than_16_bits_hold_go_into_a_tiff(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cellpose, "MOST", 2)
    labels = np.zeros((5, 5), np.uint8)
    labels[::2, ::2] = 1
    table = ClassTable.binary("cell")
    files = write_cellpose(tmp_path, outgoing(table, labels))
    assert files == {"a.jpg": "a_cp_masks.tif"}
    numbers = tifffile.imread(tmp_path / "a_cp_masks.tif")
    assert numbers.dtype == np.uint32
    assert numbers.max() == 9
    np.testing.assert_array_equal(read_cellpose(tmp_path).read("a", (5, 5)), labels)
    # With fewer objects it is a PNG again, and the TIFF of before is gone.
    write_cellpose(tmp_path, outgoing(table, np.zeros((5, 5), np.uint8)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a_cp_masks.png", "classes.json"]


def test_65535_objects_really_need_one(tmp_path: Path) -> None:
    labels = np.zeros((512, 514), np.uint8)
    labels[::2, ::2] = 1
    assert number_objects(labels == 1)[1] == 256 * 257
    files = write_cellpose(tmp_path, outgoing(ClassTable.binary(), labels))
    assert files == {"a.jpg": "a_cp_masks.tif"}
    np.testing.assert_array_equal(read_cellpose(tmp_path).read("a", (512, 514)), labels)


def test_a_project_without_objects_is_refused(tmp_path: Path) -> None:
    table = ClassTable((PixelClass(0, "background", "#000000"),), 0)
    with pytest.raises(StudioError, match="no class of objects"):
        write_cellpose(tmp_path, outgoing(table, np.zeros((2, 2), np.uint8)))


class Bomb:
    def __reduce__(self) -> Any:
        return os.system, ("touch ran",)


@pytest.mark.parametrize(
    ("masks", "problem"),
    [
        (Bomb(), r"asks for (posix|nt)\.system, which could run a stranger's program"),
        (np.zeros((2, 3), np.float32), "not of whole numbers"),
        (np.zeros((2, 3, 4), np.uint16), "of 2 x 3 x 4 px, where two sides"),
        (np.zeros((0, 3), np.uint16), "of 0 x 3 px, where two sides"),
        ([[1, 2]], "malformed"),
        (None, "malformed"),
    ],
)
def test_hostile_and_odd_seg_files_are_refused(
    masks: Any, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save(tmp_path / "x_seg.npy", {"masks": masks})  # type: ignore[arg-type]
    incoming = read_cellpose(tmp_path)
    for use in (lambda: incoming.read("x", None), lambda: incoming.size("x")):
        with pytest.raises(StudioError, match=problem):
            use()
    assert not (tmp_path / "ran").exists()


def test_a_stack_of_one_plane_is_a_picture(tmp_path: Path) -> None:
    save_seg(tmp_path / "x_seg.npy", TOUCHING[None])
    assert read_cellpose(tmp_path).size("x") == (3, 5)
    np.testing.assert_array_equal(read_numbers(tmp_path / "x_seg.npy"), TOUCHING)
    save_seg(tmp_path / "x_seg.npy", np.asfortranarray(TOUCHING))
    np.testing.assert_array_equal(read_numbers(tmp_path / "x_seg.npy"), TOUCHING)


def test_files_that_are_no_seg_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x_seg.npy"
    np.save(path, TOUCHING)
    with pytest.raises(StudioError, match="it is an array, where Cellpose saves a dict"):
        size_of(path)
    np.save(path, {"a": 1})  # type: ignore[arg-type]
    with pytest.raises(StudioError, match='has no "masks"'):
        size_of(path)
    for data in (b"", b"abc", pickle.dumps({"masks": 1}), b"\x93NUMPY\x01\x00\xff\xff{'descr': "):
        path.write_bytes(data)
        with pytest.raises(StudioError, match=r"x_seg\.npy"):
            size_of(path)


def test_a_seg_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    path = save_seg(tmp_path / "x_seg.npy", np.ones((90, 90), np.uint16))
    data = path.read_bytes()
    for length in range(0, len(data), 997):
        path.write_bytes(data[:length])
        with pytest.raises(StudioError, match=r"x_seg\.npy"):
            read_numbers(path)


def test_other_folders_and_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    with pytest.raises(StudioError, match="holds no masks of Cellpose"):
        read_cellpose(tmp_path)
    with pytest.raises(StudioError, match="not called as Cellpose calls masks"):
        read_cellpose(tmp_path / "a.png")
    with pytest.raises(StudioError, match="There is no"):
        read_cellpose(tmp_path / "b")
    (tmp_path / "in").mkdir()
    save_seg(tmp_path / "x_seg.npy")
    (tmp_path / "in" / "x_seg.npy").symlink_to(tmp_path / "x_seg.npy")
    with pytest.raises(StudioError, match="leads outside"):
        read_cellpose(tmp_path / "in")


def test_rectangles_of_numbers() -> None:
    numbers, rects = rectangles(TOUCHING)
    assert numbers.tolist() == [1, 2, 7]
    assert rects.tolist() == [[0, 0, 2, 2], [0, 2, 2, 4], [2, 4, 3, 5]]
    assert regions_of(np.zeros((3, 1), np.uint8), "a") == ()
    # One number in two rows that meet at the picture's edges is no run across them.
    wrapped = np.array([[0, 3], [3, 0]], np.uint32)
    assert rectangles(wrapped)[1].tolist() == [[0, 0, 2, 2]]
    with pytest.raises(ValueError, match="it is 5 x 3 px"):
        regions_of(TOUCHING, "a")[0].draw((9, 9))


def test_what_cellpose_itself_saved_is_the_truth(data: Path) -> None:
    folder = data / "interop" / "cellpose"
    truth = tifffile.imread(folder / "truth_instances_mask2d.tif")
    incoming = read_cellpose(folder)
    assert incoming.keys == ("img2d",)
    assert incoming.size("img2d") == truth.shape
    np.testing.assert_array_equal(incoming.read("img2d", truth.shape), truth > 0)
    # Cellpose numbered the nuclei anew; each is one of ours and one of theirs.
    numbers = read_numbers(folder / "img2d_seg.npy")
    pairs = np.unique(np.stack((numbers.ravel(), truth.ravel())), axis=1)
    assert pairs.shape[1] == len(np.unique(numbers)) == len(np.unique(truth)) == 126
    assert incoming.scene is not None
    assert len(incoming.scene("img2d", None).regions) == 125
    loaded = np.load(folder / "img2d_seg.npy", allow_pickle=True).item()["masks"]
    np.testing.assert_array_equal(numbers, loaded)


def test_the_numbers_are_no_index_png(tmp_path: Path) -> None:
    """The index-PNG reader must not take object numbers for class indices."""
    write_cellpose(tmp_path, outgoing(ClassTable.binary(), np.eye(3, dtype=np.uint8)))
    with pytest.raises(StudioError, match="not a mask of class indices"):
        read_index_png(tmp_path / "a_cp_masks.png")
