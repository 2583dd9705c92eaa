"""A training is begun once, from what is saved, while the window goes on; finished masks are counted once."""

import threading

import pytest

from tests.helpers import SHAPE, make_folder
from unet_studio.core.errors import StudioError
from unet_studio.jobs import training_plan
from unet_studio.jobs.training_plan import PixelCounts
from unet_studio.session import trainer


@pytest.fixture
def begun(monkeypatch):
    """The runs whose processes would have been started."""
    runs = []
    monkeypatch.setattr(trainer, "start", runs.append)
    return runs


@pytest.fixture
def project(session, tmp_path, qtbot):
    """A folder of three images, two of them approved and not saved yet."""
    session.open_folder(make_folder(tmp_path / "images", 3))
    for name in ("0.png", "1.png"):
        approve(session, qtbot, name)
    return session.project


def approve(session, qtbot, name):
    session.open_image(name)
    qtbot.waitUntil(lambda: session.document is not None and session.document.name == name, timeout=20_000)
    session.editor.edit(lambda document: document.fill_rest(int(name[0])))
    session.editor.approve()
    assert session.document.approved


def test_it_starts_in_a_thread_from_what_is_saved(session, project, begun, qtbot, monkeypatch):
    go = threading.Event()
    real = session.writer.settle

    def slowly(*arguments):
        go.wait(10)
        real(*arguments)

    monkeypatch.setattr(session.writer, "settle", slowly)
    session.trainer.start({"steps": 3})
    session.trainer.start({"steps": 4})
    assert session.trainer.state == "starting"
    assert begun == []
    go.set()
    qtbot.waitUntil(lambda: session.trainer.run is not None, timeout=20_000)
    assert [run.config().steps for run in begun] == [3]
    assert session.trainer.run is begun[0]
    assert len(list(project.folder.glob("approved/*.png"))) == 2


def test_what_keeps_it_from_starting_is_said_and_it_can_be_tried_again(session, tmp_path, begun, qtbot):
    session.open_folder(make_folder(tmp_path / "images", 2))
    qtbot.waitUntil(lambda: session.document is not None, timeout=20_000)
    said = []
    session.failed.connect(lambda message, remedy: said.append((message, remedy)))
    session.trainer.start()
    qtbot.waitUntil(lambda: bool(said), timeout=20_000)
    assert "nothing to learn from" in said[0][0]
    assert session.trainer.state == "none"
    approve(session, qtbot, "0.png")
    session.trainer.start()
    qtbot.waitUntil(lambda: len(begun) == 1, timeout=20_000)


def test_a_process_that_can_not_be_started_is_said(session, project, monkeypatch, qtbot):
    def refuse(_run):
        raise StudioError("No process can be started.", "Close other programs.")

    monkeypatch.setattr(trainer, "start", refuse)
    with qtbot.waitSignal(session.failed, timeout=20_000) as caught:
        session.trainer.start()
    assert caught.args == ["No process can be started.", "Close other programs."]
    assert session.trainer.state == "none"


def test_a_project_that_was_left_too_soon_has_no_training_and_that_is_said(
    session, project, begun, tmp_path, qtbot
):
    go, said = threading.Event(), []
    session.failed.connect(lambda message, _: said.append(message))
    session.trainer._tasks.submit("wait", lambda: go.wait(10))
    session.trainer.start()
    session.open_folder(make_folder(tmp_path / "others", 1))
    go.set()
    qtbot.waitUntil(lambda: bool(begun or said), timeout=20_000)
    qtbot.wait(50)
    assert begun == []
    assert said == ["The training was not started: its folder was left too soon."]
    assert session.trainer.run is None
    assert session.trainer.state == "none"


def test_finished_masks_are_counted_once(session, project, qtbot, monkeypatch):
    qtbot.waitUntil(lambda: not session._dirty(), timeout=20_000)
    read = []
    real = training_plan.look
    monkeypatch.setattr(
        training_plan, "look", lambda project, name, model: read.append(name) or real(project, name, model)
    )
    counts, names = PixelCounts(), ["0.png", "1.png"]
    first = counts.of(project, names)
    pixels = SHAPE[0] * SHAPE[1]
    assert (first[0], first[1], first.sum()) == (pixels, pixels, 2 * pixels)
    assert (counts.of(project, names) == first).all()
    assert read == names
    session.open_image("1.png")
    qtbot.waitUntil(lambda: session.document is not None and session.document.name == "1.png", timeout=20_000)
    session.editor.unapprove()
    qtbot.waitUntil(lambda: not session._dirty(), timeout=20_000)
    counts.of(project, names)
    assert read == [*names, "1.png"]
