"""predict on whole folders: going on where it ended, what failed and why, and what the disk refuses."""

import errno
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.commands.conftest import Run
from unet_studio.commands import predict, prediction_folder
from unet_studio.commands.terminal import Meter
from unet_studio.core import classes, image_io
from unet_studio.core.errors import Cancelled
from unet_studio.core.image_io import read_image
from unet_studio.core.prediction import UNCERTAIN
from unet_studio.core.project import Project
from unet_studio.core.storage import read_index_png
from unet_studio.core.words import count
from unet_studio.model import Model, load_model


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def words(images: Path, out: Path, model: Path) -> list[Any]:
    """The command, on three images that were not changed a moment ago."""
    settle(images)
    return ["predict", images, "--out", out, "--model", model, "--device", "cpu", "--json"]


def settle(folder: Path) -> None:
    for path in folder.rglob("*.*"):
        os.utime(path, (1e9, 1e9))


def test_what_is_done_is_told_without_hashing_images_or_loading_the_model(
    run: Run, words: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(*words).value

    def never(*_: Any) -> Any:
        raise AssertionError("an image was read")

    monkeypatch.setattr(prediction_folder, "file_hash", never)
    monkeypatch.setattr("unet_studio.model.load_model", never)
    again = run(*words).value
    assert again["skipped"] == ["a.png", "b.jpg", "sub/c.png"]
    assert again["totals"]["images_per_second"] is None
    for name, facts in first["images"].items():
        assert again["images"][name] == {**facts, "status": "skipped"}


def test_an_image_that_was_touched_is_done_and_one_that_was_replaced_is_not(
    run: Run, words: list[Any], images: Path
) -> None:
    run(*words)
    os.utime(images / "a.png", (2e9, 2e9))
    pixels = read_image(images / "sub" / "c.png")
    Image.fromarray(255 - pixels).save(images / "sub" / "c.png")
    done = run(*words).value
    assert list(done["written"]) == ["sub/c.png"]
    assert done["skipped"] == ["a.png", "b.jpg"]


def test_an_image_replaced_in_the_moment_of_its_reading_is_seen_by_its_bytes(
    run: Run, words: list[Any], images: Path, out: Path
) -> None:
    """A clock may give two states of a file one time; such a time is not believed."""
    picture = images / "bmp.bmp"
    Image.new("RGB", (8, 8), "red").save(picture)
    now = time.time()
    os.utime(picture, (now, now))
    run(*words)
    assert read_index_png(out / "bmp.png")[1]["image-stamp"] == ""
    Image.new("RGB", (8, 8), "blue").save(picture)
    os.utime(picture, (now, now))
    assert list(run(*words).value["written"]) == ["bmp.png".replace("png", "bmp")]


def test_an_image_that_is_replaced_while_it_is_predicted_is_predicted_again(
    run: Run, words: list[Any], images: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever of the two its mask was made of."""
    whole = image_io.read_image
    for moment in ("before", "after"):
        settle(images)

        def read(path: Path, moment: str = moment) -> Any:
            pixels = whole(path) if moment == "after" else None
            if path.name == "a.png":
                Image.fromarray(255 - whole(path)).save(path)
            return whole(path) if pixels is None else pixels

        with monkeypatch.context() as meanwhile:
            meanwhile.setattr(image_io, "read_image", read)
            run(*words, "--force")
        assert list(run(*words).value["written"]) == ["a.png"]
        labels = load_model(words[5], "cpu").predict(read_image(images / "a.png")).labels
        assert np.array_equal(read_index_png(out / "a.png")[0], labels)


@pytest.mark.parametrize("other", [["--tta"], ["--tile", "64"], ["--fast"]])
def test_other_settings_make_the_masks_again(run: Run, words: list[Any], other: list[str]) -> None:
    run(*words)
    assert len(run(*words, *other).value["written"]) == 3
    assert len(run(*words, *other).value["skipped"]) == 3
    assert len(run(*words).value["written"]) == 3


def test_masks_of_versions_that_knew_fewer_settings_stay(
    run: Run, words: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = prediction_folder.write_index_png
    since = ("tile", "tta", "temperature", "thresholds", "image-stamp", "made", "mean-confidence")

    def former(path: Path, labels: Any, palette: Any, texts: dict[str, str], level: int) -> None:
        whole(path, labels, palette, {key: text for key, text in texts.items() if key not in since}, level)

    with monkeypatch.context() as earlier:
        earlier.setattr(prediction_folder, "write_index_png", former)
        run(*words)
    done = run(*words).value
    assert len(done["skipped"]) == 3
    assert done["images"]["a.png"]["mean_confidence"] is None
    assert len(run(*words, "--tta").value["written"]) == 3


def test_a_mask_that_was_cut_off_is_made_again(run: Run, words: list[Any], out: Path) -> None:
    run(*words)
    content = (out / "a.png").read_bytes()
    (out / "a.png").write_bytes(content[:-5])
    assert list(run(*words).value["written"]) == ["a.png"]
    assert (out / "a.png").read_bytes() == content


def test_a_folder_in_place_of_a_mask_is_named(run: Run, words: list[Any], out: Path) -> None:
    (out / "a.png").mkdir(parents=True)
    done = run(*words)
    assert "is there already and is no prediction" in done.value["problems"]["a.png"]
    assert set(done.value["written"]) == {"b.jpg", "sub/c.png"}


def test_the_summary_says_how_sure_the_model_is(
    run: Run, words: list[Any], images: Path, model: Path
) -> None:
    value = run(*words).value
    found = load_model(model, "cpu").predict(read_image(images / "a.png"))
    facts = value["images"]["a.png"]
    assert facts["status"] == "written"
    assert facts["mean_confidence"] == pytest.approx(found.confidence.mean() / 255, abs=1e-5)
    share = (found.confidence < round(255 * UNCERTAIN)).mean()
    assert facts["uncertain_share"] == pytest.approx(share, abs=1e-5)
    totals = value["totals"]
    assert (totals["images"], totals["written"], totals["skipped"], totals["failed"]) == (3, 3, 0, 0)
    means = [facts["mean_confidence"] for facts in value["images"].values()]
    assert totals["mean_confidence"] == pytest.approx(sum(means) / 3, abs=1e-4)
    assert totals["images_per_second"] > 0
    assert value["devices"] == {"cpu": 3}
    assert "images/s on cpu" in run(*words, "--force").err


def test_the_thresholds_of_the_project_hold(run: Run, images: Path, model: Path, out: Path) -> None:
    """The masks are what the window shows, and go on being that where a person changes a threshold."""
    with_rule = ["predict", images, "--out", out, "--model", model, "--project", images, "--json"]
    project = Project.open(images)
    card = load_model(model, "cpu").card
    project.set_classes(replace(card.table(), background=None))
    project.close()
    settle(images)
    run(*with_rule)
    plain = read_index_png(out / "a.png")[0]
    found = load_model(model, "cpu").predict(read_image(images / "a.png"))
    assert np.array_equal(plain, found.labels)
    project = Project.open(images)
    least = float(np.median(found.confidence)) / 255
    project.set_thresholds({0: least, 1: least})
    expected = project.thresholds.shown(found.labels, found.confidence)
    project.close()
    done = run(*with_rule).value
    assert len(done["written"]) == 3
    assert done["thresholds"] == {"0": least, "1": least}
    assert np.array_equal(read_index_png(out / "a.png")[0], expected)
    assert 255 in expected
    assert len(run(*with_rule).value["skipped"]) == 3


def test_images_that_fail_for_one_reason_are_told_together(run: Run, words: list[Any], images: Path) -> None:
    for name in ("x.png", "y.png", "sub/z.png"):
        (images / name).write_bytes(b"\x89PNG broken")
    np.save(images / "ignored.npy", np.zeros(3))
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(images / "grey.png")
    done = run(*words)
    assert done.status == 1
    assert len(done.value["written"]) == 4
    assert sorted(done.value["problems"]) == ["sub/z.png", "x.png", "y.png"]
    lines = [line for line in done.err.splitlines() if line.startswith("unet-studio:")]
    assert lines == [
        "unet-studio: 3 images (sub/z.png, x.png, y.png): the file is broken, or not an image of a known "
        "format. Copy it again from its source, or remove it from the folder."
    ]


def test_a_model_for_other_channels_says_so_once(run: Run, words: list[Any], images: Path) -> None:
    import tifffile

    stack = np.zeros((9, 9, 5), np.uint8)
    for name in ("m.tif", "n.tif"):
        tifffile.imwrite(images / name, stack, photometric="minisblack", planarconfig="contig")
    done = run(*words)
    assert done.status == 1
    assert set(done.value["problems"]) == {"m.tif", "n.tif"}
    assert done.err.count("5 channels and the model takes 3") == 1


@pytest.mark.parametrize("error", [RuntimeError("too odd\nat line 3"), ValueError("too odd")])
def test_an_image_that_pytorch_can_t_cope_with_does_not_end_the_others(
    run: Run, words: list[Any], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    whole = Model.predict

    def picky(self: Model, image: Any, *rest: Any) -> Any:
        if image.pixels[0, 0, 0] == first:
            raise error
        return whole(self, image, *rest)

    first = read_image(words[1] / "a.png")[0, 0, 0]
    monkeypatch.setattr(Model, "predict", picky)
    done = run(*words)
    assert done.status == 1
    assert "a.png can't be predicted: too odd. Please report" in done.value["problems"]["a.png"]
    assert set(done.value["written"]) == {"b.jpg", "sub/c.png"}


def test_only_so_many_reasons_are_shown(run: Run, words: list[Any], images: Path, out: Path) -> None:
    for number in range(25):
        Image.new("RGB", (4, 4)).save(images / f"n{number}.png")
        (out / f"n{number}.png").mkdir(parents=True)
    done = run(*words)
    assert len(done.value["problems"]) == 25
    assert "5 more images failed" in done.err.splitlines()[-1]


def test_what_a_model_remarks_is_said_once(
    run: Run, words: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Model.predict

    def short_of_memory(self: Model, *rest: Any) -> Any:
        found = whole(self, *rest)
        return replace(found, made={**found.made, "notes": ["out of memory: batch 4"]})

    monkeypatch.setattr(Model, "predict", short_of_memory)
    done = run(*words)
    assert done.status == 0
    assert done.err.count("unet-studio: a.png: out of memory: batch 4") == 1
    assert done.err.count("out of memory: batch 4: 3 images") == 1
    assert done.value["images"]["b.jpg"]["notes"] == ["out of memory: batch 4"]


def test_of_several_pages_only_the_first_is_predicted_and_that_is_said(
    run: Run, words: list[Any], images: Path
) -> None:
    pages = np.random.default_rng(0).integers(0, 256, (4, 24, 32), dtype=np.uint8)
    for name in ("many.tif", "as many.tif"):
        tifffile.imwrite(images / name, pages, photometric="minisblack")
    tifffile.imwrite(images / "one.tif", pages[0], photometric="minisblack")
    done = run(*words)
    note = "only the first of 4 pages is predicted"
    assert done.status == 0
    assert done.value["notes"] == {note: ["as many.tif", "many.tif"]}
    assert done.value["images"]["many.tif"]["notes"] == [note]
    assert "notes" not in done.value["images"]["one.tif"]
    assert f"unet-studio: as many.tif: {note}" in done.err


def test_how_many_is_said_in_words_that_fit(run: Run, images: Path, out: Path, model: Path) -> None:
    words = ["predict", images / "a.png", "--out", out, "--model", model, "--device", "cpu"]
    assert run(*words).out.startswith(f"1 mask written to {out}\n")
    assert run(*words).out == f"0 masks written to {out}, 1 was done already\n"


def test_a_full_disk_is_named_when_not_even_the_classes_fit(
    run: Run, words: list[Any], out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(classes, "write_classes_file", full)
    done = run(*words)
    assert done.status == 1
    assert done.value["error"] == f"classes.json can't be written to {out}: No space left on device."
    assert "goes on" in done.value["remedy"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_disk_that_takes_no_more_ends_it_with_what_was_done(
    run: Run, words: list[Any], out: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    whole = prediction_folder.write_index_png

    def full(path: Path, *rest: Any) -> None:
        if path.name == "b.png":
            raise OSError(number, os.strerror(number), str(path))
        whole(path, *rest)

    with monkeypatch.context() as disk:
        disk.setattr(prediction_folder, "write_index_png", full)
        done = run(*words)
    assert done.status == 1
    assert os.strerror(number) in done.value["error"]
    assert "goes on" in done.value["remedy"]
    assert f"{count(len(list(out.rglob('*.png'))), 'mask')} written" in done.err
    assert (out / "a.png").is_file()
    assert "b.jpg" in run(*words).value["written"]


def test_a_name_that_the_disk_refuses_is_a_matter_of_one_image(
    run: Run, words: list[Any], images: Path
) -> None:
    long = "n" * 250 + ".jpg"
    Image.new("RGB", (8, 8)).save(images / long)
    done = run(*words, "--overlay")
    assert done.status == 1
    assert list(done.value["problems"]) == [long]
    assert len(done.value["written"]) == 3


def test_a_place_that_can_t_be_written_to_is_refused_before_anything_is_done(
    run: Run, words: list[Any], out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as system:
        system.setattr(os, "access", lambda *_: False)
        done = run(*words)
    assert (done.status, "can't be written to" in done.err) == (1, True)
    assert not out.exists()
    assert run(*words).status == 0
    with monkeypatch.context() as system:
        system.setattr(os, "access", lambda *_: False)
        assert len(run(*words).value["skipped"]) == 3  # there is nothing to write
    shutil.rmtree(out)
    out.write_bytes(b"")
    assert "is a file" in run(*words).err


def test_it_goes_on_where_a_person_stopped_it(
    run: Run, words: list[Any], out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    advance = Meter.advance

    def stop(self: Meter, done: float, total: float, detail: str = "") -> None:
        if self.what == "Predicting" and done > 2:
            raise Cancelled
        advance(self, done, total, detail)

    with monkeypatch.context() as person:
        person.setattr(Meter, "advance", stop)
        done = run(*words)
    assert done.status == 130
    assert done.value["interrupted"] is True
    assert list(done.value["written"]) == ["a.png", "b.jpg"]
    assert predict.STOPPED in done.err
    done = run(*words)
    assert done.status == 0
    assert (done.value["interrupted"], list(done.value["written"])) == (False, ["sub/c.png"])


def test_what_a_kill_left_half_written_goes(run: Run, words: list[Any], out: Path) -> None:
    out.mkdir()
    old, young = out / ".old.tmp", out / ".young.tmp"
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (1e9, 1e9))
    run(*words)
    assert (old.exists(), young.exists()) == (False, True)


@pytest.mark.parametrize("tile", ["0", "12", "-512", "big"])
def test_a_tile_that_makes_no_sense_is_wrong_usage(run: Run, words: list[Any], tile: str) -> None:
    assert run(*[word for word in words if word != "--json"], "--tile", tile).status == 2
