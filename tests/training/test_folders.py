"""Images beside masks: every way that masks are stored, read alike or refused with what to do."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.training.samples import disc_image, make_run
from training.folders import parse_values
from training.freeze import FrozenData, freeze
from unet_studio.core.classes import ClassTable
from unet_studio.core.errors import StudioError
from unet_studio.core.training_config import TrainingSource

COUNT = 4


def write_images(root, grey=()) -> None:
    (root / "images").mkdir(parents=True, exist_ok=True)
    (root / "masks").mkdir(parents=True, exist_ok=True)
    for number in range(COUNT):
        image = disc_image(number)[0]
        Image.fromarray(image[..., 0] if number in grey else image).save(root / "images" / f"{number}.png")


def frozen(root, name="run", **settings) -> FrozenData:
    source = TrainingSource.of_folders(root / "images", root / "masks")
    run = make_run(root / name, source, **settings)
    return freeze(run, run.config(), lambda: None)


def palette(mask):
    image = Image.fromarray(mask)
    image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    return image


def rgba(mask):
    """A grey of three channels, opaque."""
    grey = 255 * mask
    return Image.fromarray(np.dstack([grey, grey, grey, np.full_like(grey, 255)]))


ENCODINGS = {
    "numbers.png": lambda mask: Image.fromarray(mask),
    "black and white.png": lambda mask: Image.fromarray(255 * mask),
    "palette.png": palette,
    "three equal channels.png": lambda mask: Image.fromarray(np.repeat(255 * mask[..., None], 3, axis=2)),
    "with alpha.png": rgba,
    "one bit.png": lambda mask: Image.fromarray(mask.astype(bool)),
    "16 bit.png": lambda mask: Image.fromarray(mask.astype(np.uint16)),
    "16 bit.tif": lambda mask: Image.fromarray(mask.astype(np.uint16) * np.uint16(65535)),
    "numbers.bmp": lambda mask: Image.fromarray(mask),
    "lossy.jpg": lambda mask: Image.fromarray(255 * mask),
}


@pytest.mark.parametrize("kind", ENCODINGS)
def test_masks_mean_the_same_however_they_are_stored(tmp_path, kind):
    write_images(tmp_path)
    suffix = kind.rpartition(".")[2]
    for number in range(COUNT):
        mask = disc_image(number)[1]
        ENCODINGS[kind](mask).save(tmp_path / "masks" / f"{number}.{suffix}", quality=95)
    data = frozen(tmp_path)
    assert data.classes.indices == (0, 1)
    assert data.classes.background == 0
    for sample in data.samples:
        truth = data.read_truth(sample)
        wanted = disc_image(int(sample.name[0]))[1]
        assert (truth != wanted).mean() < (0.02 if suffix == "jpg" else 1e-9)
    assert any("128" in note for note in data.notes) == (suffix == "jpg")


def test_grey_levels_in_a_lossy_mask_are_refused(tmp_path):
    write_images(tmp_path)
    for number in range(COUNT):
        Image.fromarray(100 * disc_image(number)[1]).save(tmp_path / "masks" / f"{number}.jpg")
    with pytest.raises(StudioError, match="does not keep pixel values") as error:
        frozen(tmp_path)
    assert "PNG" in error.value.remedy


def test_masks_in_colour_go_by_a_table_or_by_their_colours(tmp_path):
    write_images(tmp_path)
    colors = np.array([[0, 0, 0], [200, 10, 10]], np.uint8)
    for number in range(COUNT):
        Image.fromarray(colors[disc_image(number)[1]]).save(tmp_path / "masks" / f"{number}.png")
    guessed = frozen(tmp_path)
    assert len(guessed.classes.active) == 2
    (tmp_path / "label_colors.txt").write_text("0 0 0 background\n200 10 10 disc\n")
    named = frozen(tmp_path, "named")
    assert [entry.name for entry in named.classes.active] == ["background", "disc"]
    assert np.array_equal(named.read_truth(named.samples[0]), disc_image(0)[1])


def test_numbers_above_255_are_numbers_too(tmp_path):
    write_images(tmp_path)
    for number in range(COUNT):
        Image.fromarray(disc_image(number)[1].astype(np.uint16) * 1000).save(
            tmp_path / "masks" / f"{number}.png"
        )
    data = frozen(tmp_path, values="0=background,1000=disc")
    assert np.array_equal(data.read_truth(data.samples[0]), disc_image(0)[1])


def test_values_say_what_a_trimap_means(tmp_path):
    write_images(tmp_path)
    for number in range(COUNT):
        trimap = np.where(disc_image(number)[1], 1, 2).astype(np.uint8)
        trimap[:3] = 3
        trimap[3, :4] = 77
        Image.fromarray(trimap).save(tmp_path / "masks" / f"{number}.png")
    data = frozen(tmp_path, values="1=pet,2=background,3=pet,*=ignore")
    assert [(entry.index, entry.name) for entry in data.classes.active] == [(0, "background"), (1, "pet")]
    truth = data.read_truth(data.samples[0])
    assert (truth[:3] == 1).all()
    assert (truth[3, :4] == 255).all()
    assert np.array_equal(truth[4:], disc_image(0)[1][4:])
    with pytest.raises(StudioError, match=r"values does not name: \[77\]"):
        frozen(tmp_path, "another", values="1=pet,2=background,3=pet")


@pytest.mark.parametrize("text", ["1", "1=", "a=pet", "-1=pet", "1=pet,1=dog", "70000=pet", "²=pet"])
def test_values_that_say_nothing_are_refused(text):
    with pytest.raises(StudioError):
        parse_values(text)


@given(st.text(alphabet="0123456789=*,#. apet-background", max_size=30))
def test_any_text_of_values_is_understood_or_refused(text):
    try:
        classes, meaning = parse_values(text)
    except StudioError:
        return
    assert set(meaning.lut.tolist()) <= {*classes.indices, 255}


def test_values_choose_among_the_classes_of_a_list():
    table = ClassTable.binary("person")
    classes, meaning = parse_values("255=person,0=background", table)
    assert classes is table
    assert meaning.lut[[0, 255]].tolist() == [0, 1]
    with pytest.raises(StudioError, match="no class 'dog'"):
        parse_values("1=dog", table)


def test_grey_images_beside_colour_ones_are_taken(tmp_path):
    write_images(tmp_path, grey=(0, 1))
    for number in range(COUNT):
        Image.fromarray(disc_image(number)[1]).save(tmp_path / "masks" / f"{number}.png")
    data = frozen(tmp_path)
    assert {sample.channels for sample in data.samples} == {1, 3}


def test_masks_beside_their_images_in_one_folder(tmp_path):
    (tmp_path / "all").mkdir()
    for number in range(COUNT):
        image, mask = disc_image(number)
        Image.fromarray(image).save(tmp_path / "all" / f"{number}.jpg")
        Image.fromarray(mask).save(tmp_path / "all" / f"{number}_mask.png")
    run = make_run(tmp_path / "run", TrainingSource.of_folders(tmp_path / "all", tmp_path / "all"))
    data = freeze(run, run.config(), lambda: None)
    assert [sample.name for sample in data.samples] == [f"{number}.jpg" for number in range(COUNT)]
    assert np.array_equal(data.read_truth(data.samples[1]), disc_image(1)[1])


def test_the_folder_around_images_and_masks_serves_for_both(tmp_path):
    write_images(tmp_path)
    for number in range(COUNT):
        Image.fromarray(disc_image(number)[1]).save(tmp_path / "masks" / f"{number}.png")
    run = make_run(tmp_path / "run", TrainingSource.of_folders(tmp_path, tmp_path))
    data = freeze(run, run.config(), lambda: None)
    assert [sample.name for sample in data.samples] == [f"{number}.png" for number in range(COUNT)]


@pytest.mark.parametrize(
    ("missing", "told"), [("images", "no folder"), ("masks", "no folder"), ("", "holds no mask pictures")]
)
def test_a_folder_without_what_it_should_hold_is_refused(tmp_path, missing, told):
    write_images(tmp_path)
    if missing:
        for path in (tmp_path / missing).iterdir():
            path.unlink()
        (tmp_path / missing).rmdir()
    with pytest.raises(StudioError, match=told):
        frozen(tmp_path)


def test_masks_of_other_images_are_refused(tmp_path):
    write_images(tmp_path)
    Image.fromarray(disc_image(0)[1]).save(tmp_path / "masks" / "holiday.png")
    with pytest.raises(StudioError, match="has the name of an image"):
        frozen(tmp_path)
