"""Pictures that compare masks: panels side by side, each with its own mask and the same outline."""

import numpy as np
from PIL import Image

from unet_studio.core.classes import ClassTable
from unet_studio.demo.pictures import CAPTION, GAP, OUTLINE, Panel, write_comparison


def test_each_panel_shows_its_mask_and_the_truths_outline(tmp_path):
    image = np.full((60, 80, 3), 100, np.uint8)
    truth = np.zeros((60, 80), np.uint8)
    truth[20:40, 30:50] = 1
    empty, full = np.zeros_like(truth), np.ones_like(truth)
    path = tmp_path / "deep" / "both.png"
    write_comparison(path, image, truth, [Panel("before", empty), Panel("after", full)], ClassTable.binary())
    picture = np.asarray(Image.open(path))
    assert picture.shape == (60 + CAPTION, 2 * 80 + GAP, 3)
    left, right = picture[CAPTION:, :80], picture[CAPTION:, 80 + GAP :]
    assert (left[5, 5] == 100).all()
    assert not (right[5, 5] == 100).all()
    for part in (left, right):
        assert (part[20, 40] == OUTLINE).all()
        assert not (part[30, 40] == OUTLINE).all()
    assert (image == 100).all()
