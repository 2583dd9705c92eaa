"""What can be wrong with a run ends as Failed with a remedy, exit status 1, and nothing half-written."""

import errno
import json
import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
import tifffile
import torch
from PIL import Image

from tests.training.samples import SPLIT, disc_image, make_run, numbered, write_folders
from training import __main__ as process
from training import state
from training.engine import train
from unet_studio.core import storage
from unet_studio.core.classes import UNLABELLED
from unet_studio.core.events import Failed, Finished, Note, Progress, Validated
from unet_studio.core.model_card import read_card
from unet_studio.core.run_folder import RunFolder
from unet_studio.core.storage import write_json
from unet_studio.model.checkpoint import load_model


@pytest.fixture
def source(tmp_path):
    return write_folders(tmp_path / "set", split=SPLIT)


@pytest.fixture(autouse=True)
def within_this_process(monkeypatch):
    """The process's border, without what would change the process of the tests."""
    monkeypatch.setattr(process, "_share_the_machine", lambda config: None)
    monkeypatch.setattr(process, "_heed_signals", lambda run, leads: None)


def fails(run: RunFolder) -> Failed:
    """How a run that must fail has ended."""
    assert process.main([str(run.path)]) == 1
    ends = [event for event in run.events()[0] if isinstance(event, Failed)]
    assert run.events()[0][-1] == ends[-1]
    assert ends[-1].remedy
    assert run.state() == "failed"
    assert whole(run)
    return ends[-1]


def whole(run: RunFolder) -> bool:
    """Whether nothing half-written lies about."""
    return not [path for path in run.path.rglob("*") if path.name.startswith(".")]


def succeeds(run: RunFolder) -> list:
    assert process.main([str(run.path)]) == 0
    assert isinstance(run.events()[0][-1], Finished)
    return run.events()[0]


def notes(events) -> str:
    return " ".join(event.text for event in events if isinstance(event, Note))


def change_settings(run: RunFolder, **settings) -> None:
    write_json(run.path / "config.json", replace(run.config(), **settings).to_json())


def change_masks(source, change) -> None:
    for path in Path(source.masks).iterdir():
        mask = np.array(Image.open(path))
        change(mask)
        Image.fromarray(mask).save(path)


def with_void(source) -> None:
    path = Path(source.classes)
    path.write_text(json.dumps({**json.loads(path.read_text()), "ignore_index": UNLABELLED}))


# The data


def test_a_class_without_a_pixel_is_told_and_one_class_alone_refused(tmp_path, source):
    path = Path(source.classes)
    value = json.loads(path.read_text())
    value["classes"].append({"index": 5, "name": "square", "color": "#00ff00"})
    path.write_text(json.dumps(value))
    assert "No training pixel shows square" in notes(succeeds(make_run(tmp_path / "told", source, steps=4)))
    change_masks(source, lambda mask: mask.fill(0))
    assert "nothing to tell apart" in fails(make_run(tmp_path / "refused", source)).message


def test_one_image_alone_is_learnt_from_and_it_is_said(tmp_path):
    source = write_folders(tmp_path / "set", 1, split={"train": numbered(0)})
    assert "no validation images" in notes(succeeds(make_run(tmp_path / "run", source, steps=4)))


def test_masks_that_say_nothing_are_refused(tmp_path, source):
    with_void(source)
    change_masks(source, lambda mask: mask.fill(UNLABELLED))
    run = make_run(tmp_path / "run", source)
    assert "No pixel of the training images is labelled" in fails(run).message
    assert not run.last.exists()
    assert not run.best.exists()


def test_unknown_class_indices_are_named(tmp_path, source):
    change_masks(source, lambda mask: mask[:2].fill(7))
    run = make_run(tmp_path / "run", source)
    failed = fails(run)
    assert "[7]" in failed.message
    assert "disc" in failed.remedy
    assert not (run.data / "samples.json").exists()


def test_image_values_that_are_no_numbers_count_as_nothing(tmp_path, source):
    for number, path in enumerate(sorted(Path(source.images).iterdir())):
        image = disc_image(number)[0].astype(np.float32) / 255
        image[:3] = np.nan
        image[3, 0] = np.inf
        path.unlink()
        tifffile.imwrite(path.with_suffix(".tif"), image, photometric="rgb")
    Path(source.split).unlink()
    run = make_run(tmp_path / "run", replace(source, split=None), steps=8)
    events = succeeds(run)
    assert all(np.isfinite(event.loss) for event in events if isinstance(event, Progress))
    state = load_model(run.path, "cpu").network.state_dict()
    assert all(torch.isfinite(value).all() for value in state.values())


@pytest.mark.parametrize("change", ["deleted", "replaced"])
def test_an_image_that_is_gone_or_another_one_ends_the_run(tmp_path, source, change):
    run = make_run(tmp_path / "run", source)
    emit = RunFolder.emit

    def meanwhile(run, event):
        emit(run, event)
        if isinstance(event, Progress) and event.step == 6:
            path = Path(source.images) / "5.png"
            path.unlink()
            if change == "replaced":
                Image.fromarray(disc_image(77)[0]).save(path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunFolder, "emit", meanwhile)
        failed = fails(run)
    assert "5.png" in failed.message
    assert "Put it back" in failed.remedy
    assert read_card(run.best).metrics["step"] == 4
    Image.fromarray(disc_image(5)[0]).save(Path(source.images) / "5.png")
    succeeds(run)


# The numbers


@pytest.mark.parametrize("settings", [{}, {"clip": 0.0, "optimiser": "sgd"}], ids=["adamw", "sgd"])
def test_a_learning_rate_beyond_all_numbers_stops_at_its_step_and_keeps_the_best(tmp_path, source, settings):
    run = make_run(tmp_path / "run", source, steps=4, warmup_steps=0, **settings)
    succeeds(run)
    kept = (run.best / "model.safetensors").read_bytes()
    last = run.last.read_bytes()
    change_settings(run, steps=40, learning_rate=1e20)
    failed = fails(run)
    assert "is not a number at step" in failed.message
    assert int(failed.message.split("step ")[1].rstrip(".")) <= 8
    assert "Lower the learning rate" in failed.remedy
    assert (run.best / "model.safetensors").read_bytes() == kept
    assert run.last.read_bytes() == last
    change_settings(run, steps=8, learning_rate=1e-3)
    succeeds(run)


def test_weights_that_are_no_numbers_are_never_kept(tmp_path, source):
    """The last step's update spoils them, after its loss was good."""
    run = make_run(tmp_path / "run", source, steps=1, warmup_steps=0, learning_rate=3e38, clip=0.0)
    change_settings(run, optimiser="sgd")
    assert "not a number at step 1" in fails(run).message
    assert not run.best.exists()
    assert not run.last.exists()


# The run's folder


@pytest.mark.parametrize(
    ("text", "told", "remedy"),
    [
        ('{"learning_rat": 1}', "no training setting 'learning_rat'", "'learning_rate'"),
        ('{"source": {"project": "a", "imags": "b"}}', "'source.imags'", "'source.images'"),
        ('{"loss": "dyce"}', "loss can't be 'dyce'", "dice"),
        ('{"steps": -1}', "steps can't be -1", "at least 0"),
        ('{"steps": "many"}', "steps can't be 'many'", "Length"),
        ('{"steps": 12', "can't be read as JSON", "Restore"),
        ("[]", "no table of keys", "README"),
    ],
)
def test_settings_that_cannot_be_used_are_named_with_what_is_nearest(tmp_path, text, told, remedy):
    (tmp_path / "config.json").write_text(text)
    run = RunFolder(tmp_path)
    failed = fails(run)
    assert told in failed.message
    assert remedy in failed.remedy


def test_a_run_in_use_is_left_alone(tmp_path, source, capsys):
    run = make_run(tmp_path / "run", source)
    run.claim(psutil.Process().ppid())
    run.request("pause")
    before = sorted(path.name for path in run.path.rglob("*"))
    assert process.main([str(run.path)]) == 1
    told = capsys.readouterr().err
    assert f"in use by process {psutil.Process().ppid()}" in told
    assert "Wait for it" in told
    assert sorted(path.name for path in run.path.rglob("*")) == before
    assert run.requested() == {"pause"}


@contextmanager
def mounted(folder: Path, *options: str):
    """The folder as a mount of its own, by these options of mount; skips where that needs more rights."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root may mount")
    if subprocess.run(["mount", *options, str(folder)], capture_output=True, check=False).returncode:
        pytest.skip("mounting is forbidden here")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_read_only_folder_is_said_to_be_one(tmp_path, source, capsys):
    run = make_run(tmp_path / "run", source)
    with mounted(run.path, "--bind", "-o", "ro", str(run.path)):
        assert process.main([str(run.path)]) == 1
    told = capsys.readouterr().err
    assert "can't be written to" in told
    assert "Choose another folder" in told
    assert run.events()[0] == []


def test_a_folder_that_refuses_to_be_written_to_is_said_to_be_one(tmp_path, source, capsys, monkeypatch):
    run = make_run(tmp_path / "run", source)

    def refuse(*_arguments, **_named):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(storage.os, "replace", refuse)
    assert process.main([str(run.path)]) == 1
    assert "can't be written to" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["another network", "cut off", "no such file at all"])
def test_a_state_that_does_not_fit_is_refused_and_the_best_kept(tmp_path, source, kind):
    run = make_run(tmp_path / "run", source, steps=4)
    succeeds(run)
    if kind == "another network":
        other = make_run(tmp_path / "other", source, steps=1, channels=6)
        succeeds(other)
        run.last.write_bytes(other.last.read_bytes())
    elif kind == "cut off":
        run.last.write_bytes(run.last.read_bytes()[:1000])
    else:
        run.last.write_bytes(b"something else")
    before = run.last.read_bytes()
    change_settings(run, steps=8)
    failed = fails(run)
    assert "can't be continued from" in failed.message
    assert len(failed.message) < 800
    assert "Start another run" in failed.remedy
    assert run.last.read_bytes() == before
    load_model(run.path, "cpu")


# The disk


def full(*_arguments, **_named):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


STEADY = {"schedule": "constant", "warmup_steps": 0}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The curve of a run that has room."""
    folder = tmp_path_factory.mktemp("undisturbed")
    run = make_run(folder / "run", write_folders(folder / "set", split=SPLIT), **STEADY)
    for event in train(run):
        run.emit(event)
    return curve(run)


@pytest.mark.parametrize("place", ["last", "best", "event"])
def test_a_full_disk_is_told_and_what_was_kept_stays_so(tmp_path, source, undisturbed, place):
    run = make_run(tmp_path / "run", source, **STEADY, steps=4)
    succeeds(run)
    kept = {path: path.read_bytes() for path in (run.last, *sorted(run.best.iterdir()))}
    change_settings(run, steps=12)
    with pytest.MonkeyPatch.context() as patch:
        if place == "last":
            patch.setattr(state.torch, "save", full)
        elif place == "best":
            patch.setattr("training.job.save_model", full)
        else:
            emit = RunFolder.emit
            patch.setattr(
                RunFolder,
                "emit",
                lambda run, event: full() if isinstance(event, Validated) else emit(run, event),
            )
        failed = fails(run)
    assert "disk is full" in failed.message
    assert "Free some space, then resume" in failed.remedy
    assert run.last.read_bytes() == kept.pop(run.last)
    if place == "best":
        assert all(path.read_bytes() == content for path, content in kept.items())
    load_model(run.path, "cpu")
    assert whole(run)
    succeeds(run)
    assert curve(run) == undisturbed


def curve(run: RunFolder) -> dict[int, float]:
    return {event.step: event.loss for event in run.events()[0] if isinstance(event, Progress)}


@pytest.mark.parametrize("kilobytes", [300, 420])
def test_a_disk_that_is_really_full(tmp_path, source, kilobytes):
    """The run alone fills a disk of so many kilobytes, at its first or a later checkpoint."""
    disk = tmp_path / "disk"
    disk.mkdir()
    with mounted(disk, "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs"):
        run = make_run(disk / "run", source, steps=200, evaluate_every=4, patience=0)
        failed = fails(run)
        assert "disk is full" in failed.message
        if run.last.exists():
            torch.load(run.last, weights_only=True)
        if run.best.exists():
            load_model(run.path, "cpu")
        subprocess.run(["mount", "-o", "remount,size=50m", str(disk)], check=True)
        steps = max(curve(run), default=0) + 4
        change_settings(run, steps=steps)
        succeeds(run)
        assert set(curve(run)) == set(range(1, steps + 1))
