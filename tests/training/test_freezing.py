"""Freezing takes long: it tells how far it is, can be cancelled and begun anew, and names what is broken."""

import json

import numpy as np
import pytest
from PIL import Image

import training.freeze
from tests.training.samples import SPLIT, disc_image, make_run, write_folders
from training.freeze import freeze, freezing, read_frozen
from unet_studio.core.decoding import NoRoomError
from unet_studio.core.errors import Cancelled, StudioError
from unet_studio.core.events import Freezing, from_line, to_line


def nothing() -> None:
    """A check that lets the work go on."""


def test_long_freezing_tells_how_far_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(training.freeze, "TELL_SECONDS", -1.0)
    run = make_run(tmp_path / "run", write_folders(tmp_path, split=SPLIT))
    told = list(freezing(run, run.config(), nothing))
    assert told == [Freezing(number, 8) for number in range(1, 9)]
    assert from_line(to_line(told[0])) == told[0]
    assert list(freezing(run, run.config(), nothing)) == []


def test_freezing_that_is_cancelled_leaves_nothing_that_counts_and_is_begun_anew(tmp_path):
    source = write_folders(tmp_path, split=SPLIT)
    run = make_run(tmp_path / "run", source)
    looked = 0

    def check() -> None:
        nonlocal looked
        looked += 1
        if looked == 4:
            raise Cancelled

    with pytest.raises(Cancelled):
        freeze(run, run.config(), check)
    assert not (run.data / "samples.json").exists()
    assert not (run.data / "split.json").exists()
    (tmp_path / "images/0.png").unlink()
    (tmp_path / "masks/0.png").unlink()
    data = freeze(run, run.config(), nothing)
    assert "0.png" not in [sample.name for sample in data.samples]
    assert not (run.data / "masks/0.png.png").exists()
    assert read_frozen(run.data) == data


def test_a_run_of_an_older_version_is_read(tmp_path):
    run = make_run(tmp_path / "run", write_folders(tmp_path, split=SPLIT))
    data = freeze(run, run.config(), nothing)
    path = run.data / "samples.json"
    from unet_studio.core.storage import read_json, write_json

    value = read_json(path)
    for entry in value["samples"]:
        del entry["pixel_hash"]
    write_json(path, value)
    old = read_frozen(run.data)
    assert np.array_equal(old.read_truth(old.samples[0]), data.read_truth(data.samples[0]))


def test_several_broken_files_are_counted_in_one_sentence(tmp_path):
    run = make_run(tmp_path / "run", write_folders(tmp_path, split=SPLIT))
    for number in (1, 4):
        (tmp_path / "images" / f"{number}.png").write_bytes(b"broken")
    with pytest.raises(StudioError) as error:
        freeze(run, run.config(), nothing)
    assert error.value.message.startswith("2 of 8 images can't be learnt from; the first: ")
    assert "1.png" in error.value.message
    assert not (run.data / "samples.json").exists()


def test_freezing_ends_early_where_nothing_is_right(tmp_path):
    source = write_folders(tmp_path, 40)
    for path in (tmp_path / "images").iterdir():
        path.write_bytes(b"broken")
    run = make_run(tmp_path / "run", source)
    with pytest.raises(StudioError, match="10 or more of 40"):
        freeze(run, run.config(), nothing)


def test_masks_without_a_labelled_pixel_are_left_out(tmp_path):
    source = write_folders(tmp_path, split=SPLIT)
    Image.fromarray(np.full((32, 32), 255, np.uint8)).save(tmp_path / "masks/1.png")
    run = make_run(tmp_path / "run", source)
    data = freeze(run, run.config(), nothing)
    assert "1.png" not in [sample.name for sample in data.samples]
    assert any("1 image with no labelled pixel is left out" in note for note in data.notes)


def test_few_images_are_in_memory_at_a_time(tmp_path, monkeypatch):
    """At most two a thread wait to be used, and none of them is kept."""
    source = write_folders(tmp_path, 30)
    held: list[int] = []
    alive = 0

    class Watched(np.ndarray):
        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    def read(path):
        nonlocal alive
        alive += 1
        held.append(alive)
        return np.array(Image.open(path)).view(Watched)

    monkeypatch.setattr(training.freeze, "read_image", read)
    monkeypatch.setattr(training.freeze, "pixel_hash", lambda image: str(int(np.asarray(image).sum())))
    run = make_run(tmp_path / "run", source)
    assert len(freeze(run, run.config(), nothing).samples) == 30
    assert max(held) <= 4
    assert disc_image(0)[0].shape == (32, 32, 3)


def test_what_finds_no_room_beside_others_is_tried_again(tmp_path, monkeypatch):
    run = make_run(tmp_path / "run", write_folders(tmp_path, split=SPLIT))
    refused: set[str] = set()

    def read(path):
        if path.name in ("2.png", "5.png") and path.name not in refused:
            refused.add(path.name)
            raise NoRoomError("No room.", "Close other programs.")
        return np.array(Image.open(path))

    monkeypatch.setattr(training.freeze, "read_image", read)
    assert len(freeze(run, run.config(), nothing).samples) == 8
    assert refused == {"2.png", "5.png"}


def test_of_many_classes_without_a_pixel_some_are_named(tmp_path):
    source = write_folders(tmp_path, split=SPLIT)
    entries = [{"index": index, "name": f"c{index}", "color": "#112233"} for index in range(102)]
    (tmp_path / "classes.json").write_text(json.dumps({"classes": entries}))
    run = make_run(tmp_path / "run", source)
    (note,) = [one for one in freeze(run, run.config(), lambda: None).notes if "No training pixel" in one]
    assert note.endswith("c20, c21, ...: these 100 classes can't be learnt.")
