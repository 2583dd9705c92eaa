"""Thumbnails: made without the readers of Qt, which can wait for the window for ever."""

import io

import numpy as np
from PIL import Image
from PySide6.QtGui import QImage

from unet_studio.core.project import Project
from unet_studio.jobs.thumbnails import Thumbnails, unpacked


def packed(pixels):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=95)
    return stream.getvalue()


def test_a_picture_is_unpacked_in_its_colours_and_size():
    pixels = np.zeros((21, 34, 3), np.uint8)
    pixels[:, :17] = (250, 10, 20)
    image = unpacked(packed(pixels))
    assert (image.width(), image.height()) == (34, 21)
    left, right = image.pixelColor(4, 10), image.pixelColor(30, 10)
    assert (left.red() > 235, left.green() < 25, left.blue() < 40) == (True, True, True)
    assert max(right.red(), right.green(), right.blue()) < 15


def test_grey_pictures_too():
    image = unpacked(packed(np.full((5, 7), 128, np.uint8)))
    assert abs(image.pixelColor(3, 2).green() - 128) < 4


def test_bytes_that_are_no_picture_give_none():
    assert unpacked(b"").isNull()
    assert unpacked(b"<svg xmlns='http://www.w3.org/2000/svg'/>").isNull()
    assert unpacked(packed(np.zeros((64, 64, 3), np.uint8))[:200]).isNull()


def test_no_reader_of_qt_is_asked(tmp_path, qtbot, monkeypatch):
    Image.fromarray(np.full((300, 400, 3), 90, np.uint8)).save(tmp_path / "a.png")
    project = Project.open(tmp_path)
    project.prepare()
    monkeypatch.setattr(QImage, "fromData", None)
    for _ in ("made", "found in the index"):
        thumbnails = Thumbnails(project)
        with qtbot.waitSignal(thumbnails.ready, timeout=20_000) as ready:
            thumbnails.request("a.png")
        name, image = ready.args
        assert name == "a.png"
        assert (image.width(), image.height()) == (160, 120)
        thumbnails.stop()
    project.close()
