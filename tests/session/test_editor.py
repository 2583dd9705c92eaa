"""Work in hand while threads answer: nothing that a person drew is lost, and nothing stays half done."""

import numpy as np
import pytest
from PySide6.QtCore import QObject

from tests.helpers import make_folder
from unet_studio.core.classes import UNLABELLED
from unet_studio.core.errors import StudioError
from unet_studio.core.project import Status
from unet_studio.session import Session
from unet_studio.tools import PaintRule
from unet_studio.tools.brush import Brush


@pytest.fixture
def session(qtbot, tmp_path):
    made = Session()
    made.predictor.auto = False
    made.open_folder(make_folder(tmp_path / "images"))
    qtbot.waitUntil(lambda: made.document is not None, timeout=20_000)
    yield made
    made.shut_down()


def pointer(session, *events):
    for kind, row, column in events:
        session.editor.pointer(kind, row, column)


def stroke(session, row=20.0):
    pointer(session, ("press", row, 20.0), ("move", row, 60.0), ("release", row, 60.0))


def words(signal):
    heard = []
    signal.connect(lambda *said: heard.append(said[0]))
    return heard


# -- approving a large image, whose mask is judged in a thread ----------------------------------------------


@pytest.fixture
def judged(session, monkeypatch):
    """A finished mask whose judgement has been asked for and not come yet; calling it lets it come."""
    monkeypatch.setattr("unet_studio.session.editor.LARGE_IMAGE", 10)
    session.document.fill_rest(0)
    calls = []
    monkeypatch.setattr(session.editor._tasks, "submit", lambda key, call: calls.append((key, call)))
    session.editor.approve()
    key, call = calls.pop()
    found = call()
    return lambda: session.editor._task_done(key, found)


def test_an_approval_that_comes_in_the_middle_of_a_stroke_leaves_the_stroke_alone(session, judged):
    pointer(session, ("press", 20.0, 20.0), ("move", 20.0, 60.0))
    judged()
    assert session.document.editing
    pointer(session, ("move", 20.0, 100.0), ("release", 20.0, 100.0))
    assert (session.document.annotation.pixels[20, 20:100] == 1).all()
    assert not session.document.approved


def test_a_mask_that_was_painted_on_after_it_was_judged_is_not_approved(session, judged):
    said = words(session.message)
    stroke(session)
    judged()
    assert not session.document.approved
    assert "approve it again" in said[-1]


def test_a_judgement_that_fails_leaves_a_stroke_alone(session, judged):
    pointer(session, ("press", 20.0, 20.0), ("move", 20.0, 60.0))
    session.editor._task_failed("approve", StudioError("No memory.", "Close other programs."))
    pointer(session, ("release", 20.0, 60.0))
    assert session.editor.undo_name == "Brush"


# -- what a tool raises -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["press", "move", "release"])
def test_what_a_tool_raises_is_heard_and_the_next_stroke_works(session, monkeypatch, kind):
    stroke(session)
    before, seen = session.document.annotation.pixels.copy(), words(session.maskChanged)
    sweep = Brush._sweep

    def failing(tool, context, drag, to):
        changed = sweep(tool, context, drag, to)
        if to == (50.0, 60.0):
            raise MemoryError("no room")
        return changed

    events = {
        "press": [("press", 50.0, 60.0)],
        "move": [("press", 50.0, 20.0), ("move", 50.0, 60.0)],
        "release": [("press", 50.0, 20.0), ("release", 50.0, 60.0)],
    }
    with monkeypatch.context() as patch:
        patch.setattr(Brush, "_sweep", failing)
        with pytest.raises(MemoryError):
            pointer(session, *events[kind])
    assert not session.document.editing
    assert np.array_equal(session.document.annotation.pixels, before)
    assert seen[-1].top <= 50 < seen[-1].bottom  # the views show that it was taken back
    pointer(session, ("release", 50.0, 60.0))
    stroke(session, 80.0)
    assert session.document.annotation.pixels[80, 40] == 1


# -- work that is planned in a thread -----------------------------------------------------------------------


class Held(QObject):
    """A thread that never comes to it."""

    def submit(self, *_):
        pass

    def stop(self):
        pass


@pytest.fixture
def landing(session, monkeypatch):
    monkeypatch.setattr(session.editor.landing, "_tasks", Held())
    return session.editor.landing


def test_a_plan_that_fails_while_an_image_is_left_is_said_and_holds_nobody(session, landing, qtbot):
    failures = words(session.failed)

    def fail(_progress):
        raise MemoryError

    landing.begin("Rectangle", fail)
    session.open_image("1.png")
    assert not landing.under_way
    assert "memory" in failures[-1]
    qtbot.waitUntil(lambda: session.document is not None, timeout=20_000)
    stroke(session)
    assert session.document.painted


def test_a_class_is_not_deleted_before_what_was_drawn_has_landed(session, landing, qtbot):
    session.class_editor.add("wall")
    stroke(session)
    session.class_editor.delete(2, 0)  # waits for the save
    document = session.document
    tiles = [((0, 0), np.zeros(document.shape, dtype=np.uint8))]
    landing.begin("Rectangle", lambda _progress: document.annotation.plan(tiles))
    qtbot.waitUntil(lambda: not session._dirty(), timeout=20_000)
    qtbot.wait(100)
    assert 2 in session.classes.indices
    landing.settle()
    qtbot.waitUntil(lambda: 2 not in session.classes.indices, timeout=20_000)
    qtbot.waitUntil(lambda: session.document is not None, timeout=20_000)
    assert session.document is not document
    assert (session.document.annotation.pixels == 0).all()


@pytest.mark.parametrize("way", ["another image", "close"])
def test_a_polygon_with_an_inside_is_not_lost_when_the_image_is_left(session, qtbot, way):
    session.editor.set_tool("polygon")
    for at in ((20.0, 20.0), (20.0, 60.0), (60.0, 60.0)):
        pointer(session, ("press", *at), ("release", *at))
    document, folder = session.document, session.project.folder
    if way == "close":
        session.close_project()
        session.open_folder(folder)
    else:
        session.open_image("1.png")
        session.open_image("0.png")
    qtbot.waitUntil(lambda: session.document is not None, timeout=20_000)
    assert (session.document is document) == (way != "close")
    assert session.document.annotation.pixels[30, 50] == 1
    assert session.status("0.png") is Status.PAINTED


# -- what is said -------------------------------------------------------------------------------------------


def test_what_a_tool_says_itself_is_not_covered_by_what_the_rule_says(session):
    session.editor.set_rule(PaintRule(locked=frozenset({0})))
    stroke(session)
    said = words(session.message)
    session.editor.set_tool("fill")
    pointer(session, ("press", 20.0, 40.0), ("release", 20.0, 40.0))
    assert said == ["This area has that class already."]


def test_accepting_where_nothing_is_predicted_says_so(session):
    said = words(session.message)
    session.editor.set_tool("accept")
    stroke(session)
    assert said == ["There is no prediction on this image to accept."]
    assert (session.document.annotation.pixels == UNLABELLED).all()
