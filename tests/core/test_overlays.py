"""Pictures of masks: what they show, in what size, and that bands leave no trace."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unet_studio.core import overlays
from unet_studio.core.classes import ClassTable
from unet_studio.core.errors import StudioError
from unet_studio.core.overlays import PLAIN, PictureStyle, mask_picture, overlay, plain, side_by_side
from unet_studio.core.render import overlay_picture

TABLE = ClassTable.binary("cell").add("wall", "#0000ff")
STYLE = PictureStyle(outlines=False)


def noise(shape: tuple[int, ...], dtype: type = np.uint8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype)


def labels_of(shape: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(1).choice(np.array([0, 1, 2, 255], np.uint8), shape)


@pytest.mark.parametrize("image", [noise((30, 40)), noise((30, 40, 3)), noise((30, 40, 7), np.uint16)])
def test_an_image_that_is_small_enough_keeps_its_pixels(
    image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = labels_of((30, 40))
    shown = plain(image, STYLE)
    assert (shown.shape, shown.dtype) == ((30, 40, 3), np.uint8)
    wanted = overlay_picture(shown, labels, TABLE.palette(), 0.5, TABLE.background)
    assert np.array_equal(overlay(image, labels, TABLE, PLAIN), wanted)
    monkeypatch.setattr(overlays, "_BAND", 100)
    assert np.array_equal(overlay(image, labels, TABLE, PLAIN), wanted)


@pytest.mark.parametrize("shape", [(100, 64), (101, 33), (7, 99), (64, 64)])
def test_a_large_image_is_shrunk_by_blocks(shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    style = PictureStyle(side=32, outlines=False)
    labels, image = labels_of(shape), noise((*shape, 3))
    step = -(-max(shape) // 32)
    for made in (
        overlay(image, labels, TABLE, style),
        mask_picture(labels, TABLE, style),
        plain(image, style),
    ):
        assert made.shape == (-(-shape[0] // step), -(-shape[1] // step), 3)
        assert max(made.shape) <= 32
    block = plain(image, style)[0, 0].astype(float)
    assert np.allclose(block, image[:step, :step].reshape(-1, 3).mean(axis=0), atol=1)
    whole = overlay(image, labels, TABLE, style)
    monkeypatch.setattr(overlays, "_BAND", 1)
    assert np.array_equal(overlay(image, labels, TABLE, style), whole)


def test_outlines_have_the_full_colour_of_their_class() -> None:
    labels = np.zeros((20, 20), np.uint8)
    labels[5:15, 5:15] = 1
    labels[0:3, 0:3] = 255
    made = overlay(np.zeros((20, 20), np.uint8), labels, TABLE, PictureStyle())
    assert made[5, 9].tolist() == TABLE.palette()[1].tolist()
    assert made[9, 9].tolist() == np.rint(TABLE.palette()[1] * 0.5).tolist()
    assert (made[4, 4] == 0).all()  # background stays clear, also beside an object
    assert (made[:3, :3] == 0).all()


def test_side_by_side_is_image_mask_and_overlay() -> None:
    image, labels = noise((20, 30, 3)), labels_of((20, 30))
    made = side_by_side(image, labels, TABLE, STYLE)
    assert made.shape == (20, 3 * 30 + 16, 3)
    assert np.array_equal(made[:, :30], image)
    known = labels != 255
    assert np.array_equal(made[:, 38:68][known], TABLE.palette()[labels][known])
    assert set(made[:, 38:68][~known].ravel().tolist()) == {200, 228}  # checks: no class has this look
    assert np.array_equal(made[:, 76:], overlay(image, labels, TABLE, STYLE))


def test_a_legend_names_every_class_and_takes_the_lines_it_needs() -> None:
    picture = np.zeros((10, 60, 3), np.uint8)
    made = overlays.with_legend(picture, TABLE)
    assert made.shape[1] == 60
    assert made.shape[0] > 10 + 2 * 22  # three names don't fit into 60 px
    assert np.array_equal(made[:10], picture)
    assert overlays.with_legend(np.zeros((10, 900, 3), np.uint8), TABLE).shape[0] == 32
    colors = {tuple(color) for color in made[10:].reshape(-1, 3).tolist()}
    assert {tuple(TABLE.palette()[index].tolist()) for index in TABLE.indices} <= colors


def test_a_picture_is_written_as_jpeg(tmp_path: Path) -> None:
    overlays.write_picture(tmp_path / "a" / "b.jpg", np.full((8, 9, 3), 200, np.uint8))
    with Image.open(tmp_path / "a" / "b.jpg") as image:
        assert (image.format, image.size) == ("JPEG", (9, 8))


@pytest.mark.parametrize("wrong", [{"side": 3}, {"side": 100_000}, {"opacity": 1.5}])
def test_a_style_that_makes_no_picture(wrong: dict[str, float]) -> None:
    with pytest.raises(StudioError, match="can't be made"):
        PictureStyle(**wrong)  # type: ignore[arg-type]
