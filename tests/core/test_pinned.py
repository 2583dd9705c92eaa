"""The pinned image of a run as files: what is written reads back, what is broken is passed over."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from unet_studio.core import pinned
from unet_studio.core.overlays import PictureStyle, plain
from unet_studio.core.pinned import Frame
from unet_studio.core.prediction import Prediction
from unet_studio.core.prediction_files import read_prediction


def said(shape=(6, 9), value=1):
    return Prediction(np.full(shape, value, np.uint8), np.full(shape, 200, np.uint8), "v1", {"mode": "exact"})


def test_a_frame_reads_back(tmp_path):
    pinned.write_frame(tmp_path, Frame(12, 0.75, False), said())
    pinned.write_frame(tmp_path, Frame(3, None, False), said(value=0))
    assert pinned.steps_of(tmp_path) == [3, 12]
    assert pinned.read_frame(tmp_path, 12) == Frame(12, 0.75, False)
    assert pinned.read_frame(tmp_path, 3) == Frame(3, None, False)
    assert (pinned.read_labels(tmp_path, 12) == 1).all()
    assert not (tmp_path / "pinned" / "best.png").exists()


def test_the_best_is_kept_at_full_size(tmp_path):
    labels = np.arange(1500 * 20, dtype=np.uint32).reshape(1500, 20).astype(np.uint8)
    pinned.write_frame(tmp_path, Frame(5, 0.5, True), Prediction(labels, labels, "v1"))
    full = read_prediction(tmp_path / "pinned" / "best.png")
    assert (full.labels == labels).all()
    assert (full.made["step"], full.made["dice"]) == (5, 0.5)
    assert pinned.read_labels(tmp_path, 5).shape == (500, 7)


@settings(deadline=None)
@given(st.integers(1, 1300), st.integers(1, 40))
def test_labels_and_picture_are_of_one_size(height, width):
    image = np.zeros((height, width), np.uint8)
    shape = plain(image, PictureStyle(side=pinned.SIDE)).shape[:2]
    assert pinned._shrunk(image).shape == shape
    assert max(shape) <= pinned.SIDE


def test_the_picture_reads_back(tmp_path):
    picture = np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)
    pinned.write_image(tmp_path, picture)
    assert (pinned.read_image(tmp_path) == picture).all()


def test_what_is_missing_broken_or_too_large_is_passed_over(tmp_path):
    assert pinned.steps_of(tmp_path) == []
    assert pinned.read_image(tmp_path) is None
    folder = tmp_path / "pinned"
    folder.mkdir()
    for name in ("7.png", "image.png", "x.png", "-3.png", "8.txt", "99999999999999.png", "²3.png"):
        (folder / name).write_bytes(b"no picture")
    assert pinned.steps_of(tmp_path) == [7]
    assert pinned.read_frame(tmp_path, 7) is None
    assert pinned.read_labels(tmp_path, 7) is None
    assert pinned.read_image(tmp_path) is None
    Image.new("LA", (pinned.SIDE + 1, 1)).save(folder / "7.png")
    Image.new("RGB", (pinned.SIDE + 1, 1)).save(folder / "image.png")
    assert pinned.read_labels(tmp_path, 7) is None
    assert pinned.read_image(tmp_path) is None


@pytest.mark.parametrize("dice", [None, "0.5", float("nan"), True, [1]])
def test_a_dice_that_is_none_is_unknown(dice):
    assert Frame.of(4, {"dice": dice, "best": 1}) == Frame(4, None, False)


def test_a_long_run_keeps_every_second_frame_and_the_best(tmp_path, monkeypatch):
    monkeypatch.setattr(pinned, "MOST_FRAMES", 6)
    for step in range(7):
        pinned.write_frame(tmp_path, Frame(step, 0.1, False), said())
    pinned.thin(tmp_path, 3)
    assert pinned.steps_of(tmp_path) == [0, 2, 3, 4, 6]
    pinned.thin(tmp_path, None)
    assert pinned.steps_of(tmp_path) == [0, 2, 3, 4, 6]
