"""TensorBoard files, read back by TensorBoard itself."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.training.samples import SPLIT, make_run, write_folders
from training.board import Board
from training.engine import Interrupted, train
from training.gallery import GAP
from unet_studio.core.events import Progress
from unet_studio.core.run_folder import RunFolder

TAGS = {"Loss/train", "Loss/val", "IoU/train", "IoU/val"}


@pytest.fixture
def source(tmp_path):
    return write_folders(tmp_path / "set", split=SPLIT)


def follow(run, at_step=-1, request=""):
    for event in train(run):
        run.emit(event)
        if isinstance(event, Progress) and event.step == at_step:
            run.request(request)


def read(run):
    found = EventAccumulator(str(run.tensorboard), {"scalars": 0, "images": 0, "tensors": 0})
    found.Reload()
    return found


def steps(found, tag):
    return [event.step for event in found.Scalars(tag)]


def test_scalars_pictures_and_settings_of_a_run(tmp_path, source):
    run = make_run(tmp_path / "run", source)
    follow(run)
    found = read(run)
    tags = found.Tags()
    assert set(tags["scalars"]) >= TAGS | {
        "Dice/val",
        "BoundaryF1/val",
        "PixelAccuracy/val",
        "IoU of disc/val",
    }
    losses = [event.loss for event in run.events()[0] if isinstance(event, Progress)]
    assert [scalar.value for scalar in found.Scalars("Loss/train")] == pytest.approx(losses, rel=1e-5)
    assert steps(found, "Loss/train") == list(range(1, 13))
    assert steps(found, "Loss/val") == steps(found, "IoU/val") == steps(found, "IoU/train") == [4, 8, 12]
    assert all(0 <= event.value <= 1 for event in found.Scalars("IoU/train"))
    assert sorted(tags["images"]) == ["Confusion/val", "Validation/1", "Validation/2"]
    for event in found.Images("Validation/1"):
        opened = Image.open(BytesIO(event.encoded_image_string))
        assert opened.size == (3 * 32 + 2 * GAP, 32)
    assert [event.step for event in found.Images("Validation/2")] == [4, 8, 12]
    matrix = Image.open(BytesIO(found.Images("Confusion/val")[-1].encoded_image_string))
    assert matrix.size[0] > 100
    assert len(np.unique(np.asarray(matrix))) > 10
    (tag,) = tags["tensors"]
    text = found.Tensors(tag)[0].tensor_proto.string_val[0].decode()
    assert tag.startswith("Settings")
    assert '"learning_rate": 0.01' in text


def test_a_resumed_run_has_no_point_twice(tmp_path, source):
    run = make_run(tmp_path / "run", source)
    with pytest.raises(Interrupted):
        follow(run, 6, "interrupt")
    # A kill may leave points of steps that are done again.
    late = Board(run.tensorboard, 6)
    for step in (7, 8, 9):
        late.record(Progress(step, 12, 99.0, 1e-3, 0.0, 0.0))
    late.close()
    follow(RunFolder(run.path))
    found = read(run)
    assert steps(found, "Loss/train") == list(range(1, 13))
    assert max(event.value for event in found.Scalars("Loss/train")) < 99
    assert steps(found, "Loss/val") == [4, 8, 12]
    assert [event.step for event in found.Images("Validation/1")] == [4, 8, 12]


def test_a_run_that_begins_again_has_no_point_twice(tmp_path, source):
    run = make_run(tmp_path / "run", source, steps=4)
    killed = Board(run.tensorboard, 0)
    killed.record(Progress(1, 4, 99.0, 1e-3, 0.0, 0.0))
    killed.close()
    follow(run)
    found = read(run)
    assert steps(found, "Loss/train") == [1, 2, 3, 4]
    assert max(event.value for event in found.Scalars("Loss/train")) < 99


def test_a_run_whose_time_is_up_and_is_asked_again_has_no_point_twice(tmp_path, source):
    run = make_run(tmp_path / "run", source, steps=1000, minutes=1e-6, evaluate_every=100)
    for _ in range(2):
        follow(RunFolder(run.path))
    found = read(run)
    assert steps(found, "Loss/val") == sorted(set(steps(found, "Loss/val")))
    assert steps(found, "Loss/train") == sorted(set(steps(found, "Loss/train")))
