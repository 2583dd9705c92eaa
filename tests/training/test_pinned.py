"""The pinned image is followed through a run; whatever goes wrong with it, the run goes on as it would."""

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from tests.training.samples import SPLIT, disc_image, make_run, write_folders
from tests.training.test_engine import follow, of
from training import pinned as training_pinned
from training.engine import Interrupted
from unet_studio.core import pinned
from unet_studio.core.errors import Cancelled
from unet_studio.core.events import Discarded, Finished, Note, Stopped, Validated
from unet_studio.core.image_io import read_image
from unet_studio.model import load_model


@pytest.fixture
def source(tmp_path):
    return write_folders(tmp_path / "data", 8, split=SPLIT)


@pytest.fixture
def image(tmp_path):
    """An image that is no part of the data."""
    path = tmp_path / "watched.png"
    Image.fromarray(disc_image(99, 48)[0]).save(path)
    return path


def test_a_frame_at_the_start_and_after_every_validation(tmp_path, source, image):
    run = make_run(tmp_path / "run", source, pinned=str(image))
    scored = {event.step: event for event in of(Validated, follow(run))}
    assert pinned.steps_of(run.path) == [0, 4, 8, 12]
    assert pinned.read_frame(run.path, 0) == pinned.Frame(0, None, False)
    for step, event in scored.items():
        frame = pinned.read_frame(run.path, step)
        assert (frame.dice, frame.best) == (pytest.approx(event.mean_dice), event.best)
    assert pinned.read_image(run.path).shape == (48, 48, 3)
    best = max(step for step, event in scored.items() if event.best)
    expected = load_model(run.best, "cpu").predict(read_image(image)).labels
    assert (pinned.read_labels(run.path, best) == expected).all()


def test_a_fine_tuning_shows_the_score_it_began_with(tmp_path, source, image):
    old = make_run(tmp_path / "old", source)
    follow(old)
    run = make_run(tmp_path / "run", source, pinned=str(image), init=str(old.best), steps=4)
    start = of(Validated, follow(run))[0]
    assert start.step == 0
    assert pinned.read_frame(run.path, 0).dice == pytest.approx(start.mean_dice)
    expected = load_model(old.best, "cpu").predict(read_image(image)).labels
    assert (pinned.read_labels(run.path, 0) == expected).all()


def test_a_run_learns_the_same_with_a_pinned_image(tmp_path, source, image):
    weights = []
    for name, path in (("with", str(image)), ("without", "")):
        run = make_run(tmp_path / name, source, pinned=path)
        follow(run)
        weights.append(load_file(run.best / "model.safetensors"))
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])


@pytest.mark.parametrize("content", [None, b"no image"])
def test_an_image_that_cannot_be_read_is_said_once_and_ends_nothing(tmp_path, source, content):
    path = tmp_path / "gone.png"
    if content is not None:
        path.write_bytes(content)
    run = make_run(tmp_path / "run", source, pinned=str(path))
    events = follow(run)
    assert isinstance(events[-1], Finished)
    said = [event.text for event in of(Note, events) if "pinned image" in event.text]
    assert len(said) == 1
    assert pinned.steps_of(run.path) == []


def test_a_disk_that_refuses_frames_ends_nothing(tmp_path, source, image):
    run = make_run(tmp_path / "run", source, pinned=str(image))
    (run.path / "pinned").write_text("a file where the folder should be")
    events = follow(run)
    assert isinstance(events[-1], Finished)
    assert sum("pinned image" in event.text for event in of(Note, events)) == 1


def test_a_stopped_run_waits_for_no_frame(tmp_path, source, image, monkeypatch):
    asked = []

    def predict(*_):
        raise AssertionError("the request was not heeded")

    class Stopping:
        def predict(self, _image, progress):
            asked.append(True)
            progress(0.5)
            predict()

        card = None

    monkeypatch.setattr(training_pinned, "_side_of", lambda *_: 1.0)
    run = make_run(tmp_path / "run", source, pinned=str(image))

    def check():
        if asked:
            raise Cancelled

    watched = training_pinned.Pinned(run, str(image))
    assert list(watched.look(Stopping(), 3, 0.5, False, check)) == []
    assert asked
    assert pinned.steps_of(run.path) == []
    assert isinstance(follow(run, 5, "stop")[-1], Stopped)


def test_a_discarded_run_keeps_no_frame(tmp_path, source, image):
    run = make_run(tmp_path / "run", source, pinned=str(image))
    assert isinstance(follow(run, 6, "discard")[-1], Discarded)
    assert not (run.path / "pinned").exists()


def test_a_resumed_run_goes_on_with_its_strip(tmp_path, source, image):
    run = make_run(tmp_path / "run", source, pinned=str(image))
    with pytest.raises(Interrupted):
        follow(run, 6, "interrupt")
    assert pinned.steps_of(run.path) == [0, 4]
    assert isinstance(follow(run)[-1], Finished)
    assert pinned.steps_of(run.path) == [0, 4, 8, 12]


def test_of_a_large_image_the_middle_is_looked_at(tmp_path, source, image, monkeypatch):
    monkeypatch.setattr(training_pinned, "MOST_PIXELS", 16 * 16)
    run = make_run(tmp_path / "run", source, pinned=str(image))
    follow(run)
    assert pinned.read_labels(run.path, 12).shape == (16, 16)
    expected = read_image(image)[16:32, 16:32]
    assert (pinned.read_image(run.path) == np.asarray(expected)).all()
