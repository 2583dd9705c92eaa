"""The undo history in a session: across images, in jumps, and bounded."""

import numpy as np
import pytest

from tests.helpers import make_folder
from unet_studio.core.classes import UNLABELLED
from unet_studio.session import Session, editor


@pytest.fixture
def session(qtbot, tmp_path):
    opened = Session()
    opened.predictor.auto = False
    opened.open_folder(make_folder(tmp_path / "images", 3, (300, 560)))
    qtbot.waitUntil(lambda: opened.document is not None, timeout=20_000)
    yield opened
    opened.shut_down()


def stroke(session, row, value=1):
    session.editor.set_active_class(value)
    session.editor.pointer("press", float(row), 20.0)
    session.editor.pointer("move", float(row), 500.0)
    session.editor.pointer("release", float(row), 540.0)


def show(session, qtbot, name):
    session.open_image(name)
    qtbot.waitUntil(lambda: session.document is not None and session.document.name == name, timeout=20_000)


def evict(session, qtbot):
    qtbot.waitUntil(lambda: not session._dirty(), timeout=20_000)
    session._loader.clear()


def test_the_history_of_an_evicted_image_comes_back_and_undoes_exactly(session, qtbot):
    states = [session.document.annotation.pixels.copy()]
    for row in (40, 90, 140):
        stroke(session, row)
        states.append(session.document.annotation.pixels.copy())
    session.editor.undo()
    session._writer.hurry()
    first = session.document
    show(session, qtbot, "2.png")
    evict(session, qtbot)
    show(session, qtbot, "0.png")
    assert session.document is not first
    history = session.document.history
    assert (len(history), history.place) == (3, 2)
    session.editor.redo()
    assert np.array_equal(session.document.annotation.pixels, states[3])
    for state in states[2::-1]:
        session.editor.undo()
        assert np.array_equal(session.document.annotation.pixels, state)
    assert not session.editor.can_undo


def test_an_image_whose_mask_was_exchanged_begins_anew(session, qtbot):
    stroke(session, 40)
    show(session, qtbot, "2.png")
    evict(session, qtbot)
    labels, facts = session.project.read_annotation("0.png")
    labels[0, 0] = 1
    session.project.write_annotation("0.png", labels, facts)
    show(session, qtbot, "0.png")
    assert not session.editor.can_undo


def test_deleting_a_class_forgets_the_history_of_images_out_of_memory_too(session, qtbot):
    session.class_editor.add("cell")
    stroke(session, 40, 2)
    stroke(session, 40, 1)
    show(session, qtbot, "2.png")
    evict(session, qtbot)
    session.class_editor.delete(2, 1)
    qtbot.waitUntil(lambda: 2 not in session.classes.indices, timeout=20_000)
    show(session, qtbot, "0.png")
    assert not session.editor.can_undo


def test_all_images_share_one_budget_and_the_oldest_steps_go(session, qtbot):
    for row in (40, 90, 140):
        stroke(session, row)
    first = session.document
    show(session, qtbot, "1.png")
    for row in (40, 90):
        stroke(session, row)
    session.histories.budget.limit = session.document.history.nbytes
    assert (len(first.history), len(session.document.history)) == (0, 2)
    assert session.editor.can_undo


@pytest.mark.parametrize("quick", [1_000, 0])
def test_a_jump_undoes_and_redoes_many_steps_as_one(session, qtbot, monkeypatch, quick):
    """quick 0: every jump goes through the thread for long ones."""
    monkeypatch.setattr(editor, "QUICK_TILES", quick)
    states, rects = [session.document.annotation.pixels.copy()], []
    for row in range(30, 200, 20):
        stroke(session, row, row // 20 % 2)
        states.append(session.document.annotation.pixels.copy())
    session.editor.fill_rest()
    session.editor.approve()
    states += [session.document.annotation.pixels.copy()] * 2
    session.maskChanged.connect(rects.append)
    for place in (3, 8, 0, 11, 10, 5):
        rects.clear()
        before = session.document.annotation.pixels.copy()
        session.editor.jump(place)
        qtbot.waitUntil(lambda: session.document.history.place == place, timeout=10_000)  # noqa: B023
        assert np.array_equal(session.document.annotation.pixels, states[place])
        assert session.document.approved == (place == 11)
        unannounced = session.document.annotation.pixels != before
        for rect in rects:
            unannounced[rect.slices] = False
        assert not unannounced.any()
    assert session._writer.flush(20)
    labels, _ = session.project.read_annotation("0.png")
    assert np.array_equal(labels, states[5])


def test_a_jump_nowhere_does_nothing(session):
    stroke(session, 40)
    for place in (-1, 1, 2, 99):
        session.editor.jump(place)
    assert session.document.history.place == 1
    assert (session.document.annotation.pixels != UNLABELLED).any()
