"""The picture of augmented samples: what is on it, that nothing is trained, what is said when it fails."""

import json
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.training.samples import disc_image, make_run, write_folders
from training import preview
from training.preview import CELL, ROWS, VARIANTS, make_preview
from unet_studio.core.errors import StudioError
from unet_studio.core.project import Project
from unet_studio.core.run_folder import RunFolder, ask
from unet_studio.core.training_config import TrainingSource


def made(tmp_path: Path, count: int = 8, **settings) -> np.ndarray:
    source = settings.pop("source", None) or write_folders(tmp_path, count)
    run = make_run(tmp_path / "run", source, augmentation="photos", **settings)
    return np.asarray(make_preview(run.config(), run))


def test_there_is_a_row_a_sample_and_a_column_a_variant(tmp_path):
    picture = made(tmp_path)
    side = CELL // 32 * 32  # patches of 32 px, enlarged
    assert picture.shape[1] > (VARIANTS + 1) * side
    red = (picture[..., 0] > 1.5 * picture[..., 1].clip(min=1)) & (picture[..., 0] > 100)
    columns = red.any(axis=0)
    assert (np.diff(columns.astype(int)) == 1).sum() >= VARIANTS + 1
    assert picture.shape[0] > ROWS * side


def test_no_two_samples_are_varied_alike(tmp_path, monkeypatch):
    seeds = []
    real = preview.Batches

    def noted(*arguments):
        seeds.append(arguments[5])
        return real(*arguments)

    monkeypatch.setattr(preview, "Batches", noted)
    made(tmp_path)
    assert len(set(seeds)) == ROWS


def test_fewer_samples_make_fewer_rows_and_unknown_is_hatched(tmp_path):
    source = write_folders(tmp_path, 2)
    value = json.loads((tmp_path / "classes.json").read_text())
    (tmp_path / "classes.json").write_text(json.dumps({**value, "ignore_index": 9}))
    for number in range(2):
        mask = disc_image(number)[1]
        mask[:8] = 9
        Image.fromarray(mask).save(tmp_path / "masks" / f"{number}.png")
    picture = made(tmp_path, source=source, overfit=1)
    assert picture.shape[0] < 4 * CELL
    where = np.zeros((48, 48), bool)
    where[:12] = True
    hatched = preview._hatched(np.zeros((48, 48, 3), np.uint8), where)
    assert (hatched[:12] == 255).all(axis=2).mean() == pytest.approx(1 / 6, abs=0.05)
    assert not hatched[12:].any()
    # Both rows begin with a quarter that is unknown: stripes, of which there are none without it.
    stripes = (np.diff((picture == 255).all(axis=2).astype(int), axis=1) == 1).sum(axis=1)
    assert (stripes > 50).sum() >= 2 * (CELL // 32 * 32) // 5


@pytest.mark.parametrize("shape", [(40, 60, 5), (40, 60)])
def test_deep_images_of_any_number_of_channels_are_shown(tmp_path, shape):
    import tifffile

    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
    for number in range(2):
        image = np.random.default_rng(number).integers(0, 5000, shape).astype(np.uint16)
        options = {"planarconfig": "contig", "photometric": "minisblack"} if len(shape) == 3 else {}
        tifffile.imwrite(tmp_path / "images" / f"{number}.tif", image, **options)
        mask = np.zeros((40, 60), np.uint8)
        mask[:20] = 1
        Image.fromarray(mask).save(tmp_path / "masks" / f"{number}.png")
    source = TrainingSource.of_folders(tmp_path / "images", tmp_path / "masks")
    assert made(tmp_path, source=source).size


def test_as_a_process_it_writes_the_picture_and_says_what_is_wrong(tmp_path):
    run = make_run(tmp_path / "run", write_folders(tmp_path))
    found = ask("training.preview", str(run.path), str(tmp_path / "samples.png"))
    with Image.open(tmp_path / "samples.png") as picture:
        assert picture.size == (found["width"], found["height"])
    assert not run.best.exists()
    for kind in ("images", "masks"):
        for path in (tmp_path / kind).iterdir():
            path.unlink()
    again = make_run(tmp_path / "another", run.config().source)
    with pytest.raises(StudioError, match="holds no mask"):
        ask("training.preview", str(again.path), str(tmp_path / "none.png"))
    assert not (tmp_path / "none.png").exists()


def test_a_picture_that_can_t_be_written_is_an_error_of_its_own(tmp_path, capsys):
    run = make_run(tmp_path / "run", write_folders(tmp_path))
    (tmp_path / "taken.png").mkdir()
    assert preview.main([str(run.path), str(tmp_path / "taken.png")]) == 1
    assert "can't be written" in json.loads(capsys.readouterr().out)["error"]
    assert preview.main([]) == 2


def test_a_project_that_is_open_elsewhere_can_be_previewed(tmp_path):
    for number in range(3):
        path = tmp_path / "pictures" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(disc_image(number)[0]).save(path)
    with closing(Project.open(tmp_path / "pictures")) as project:
        for number in range(3):
            project.write_approved(f"{number}.png", disc_image(number)[1], {})
        run = RunFolder.create(
            tmp_path / "run",
            make_run(tmp_path / "other", TrainingSource.of_project(project.image_root)).config(),
        )
        assert make_preview(run.config(), run).size[0] > CELL
