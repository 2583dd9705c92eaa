"""Tools that look for areas, in a session with its real threads."""

import numpy as np
import pytest
from PIL import Image

from tests.helpers import make_folder, picture, truth
from unet_studio.core.classes import UNLABELLED


@pytest.fixture
def document(session, qtbot, tmp_path):
    """0.png, on screen."""
    session.open_folder(make_folder(tmp_path / "images", 2))
    qtbot.waitUntil(lambda: session.document is not None, timeout=20_000)
    return session.document


def bright_place():
    """A pixel inside a disc of 0.png, away from its border."""
    import cv2

    depth = cv2.distanceTransform(np.pad(truth(0), 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    row, column = np.unravel_index(np.argmax(depth), depth.shape)
    return float(row) + 0.5, float(column) + 0.5


def click(session, at):
    session.editor.pointer("press", *at)
    session.editor.pointer("release", *at)


def test_smart_fix_is_found_by_the_thread_and_shown(session, document, qtbot):
    told = []
    session.maskChanged.connect(told.append)
    session.editor.set_tool("smart_fix")
    at = bright_place()
    click(session, at)
    qtbot.waitUntil(lambda: document.history.undo_name == "Smart fix", timeout=20_000)
    found = document.annotation.pixels == 1
    assert found[int(at[0]), int(at[1])]
    assert truth(0)[found].mean() > 0.8
    inside = np.zeros(document.shape, dtype=bool)
    for rect in told:
        inside[rect.slices] = True
    assert not found[~inside].any()
    session.editor.undo()
    assert (document.annotation.pixels == UNLABELLED).all()


def test_escape_takes_a_fix_back_that_is_still_looked_for(session, document, qtbot):
    session.editor.set_tool("smart_fix")
    click(session, bright_place())
    assert session.editor.busy
    assert session.editor.tool_key("escape")
    assert not session.editor.busy
    qtbot.waitUntil(lambda: session.editor._tasks.idle, timeout=20_000)
    qtbot.wait(20)
    assert (document.annotation.pixels == UNLABELLED).all()
    assert document.history.undo_name is None


def test_another_tool_finishes_the_fix(session, document):
    session.editor.set_tool("smart_fix")
    click(session, bright_place())
    session.editor.set_tool("brush")
    assert document.history.undo_name == "Smart fix"


def test_another_image_drops_it(session, document, qtbot):
    session.editor.set_tool("smart_fix")
    click(session, bright_place())
    session.open_image("1.png")
    qtbot.waitUntil(lambda: session.document is not None and session.document is not document, timeout=20_000)
    qtbot.waitUntil(lambda: session.editor._tasks.idle, timeout=20_000)
    assert (session.document.annotation.pixels == UNLABELLED).all()
    assert not document.editing
    assert not session.editor.busy


def test_the_tool_says_why_nothing_happened(session, document):
    said = []
    session.message.connect(said.append)
    session.editor.set_tool("component")
    click(session, (10.0, 10.0))
    assert said == ["There is no island here: click one."]


def test_the_wand_sees_the_picture_as_it_is_shown(session, document):
    session.editor.set_tool("wand")
    session.editor.set_setting("wand", "smooth", 0)
    session.editor.set_setting("wand", "sample", 0)
    session.editor.set_setting("wand", "tolerance", 0)
    session.editor.set_setting("wand", "contiguous", False)
    at = bright_place()
    click(session, at)
    grey = picture(0)[..., 0]
    np.testing.assert_array_equal(document.annotation.pixels == 1, grey == grey[int(at[0]), int(at[1])])


def test_a_drag_of_the_wand_tells_its_tolerance(session, document):
    told = []
    session.editor.toolChanged.connect(told.append)
    session.editor.set_tool("wand")
    before, told[:] = session.editor.tools["wand"].values["tolerance"], []
    session.editor.pointer("press", 50.0, 50.0)
    session.editor.pointer("move", 50.0, 80.0)
    assert told
    assert session.editor.tools["wand"].values["tolerance"] > before
    session.editor.pointer("cancel", 50.0, 80.0)
    assert session.editor.tools["wand"].values["tolerance"] == before


def test_a_large_fill_lands_when_the_thread_has_worked_it_out(session, qtbot, tmp_path):
    (tmp_path / "large").mkdir()
    Image.fromarray(np.zeros((2048, 2048), np.uint8)).save(tmp_path / "large" / "0.png")
    session.open_folder(tmp_path / "large")
    qtbot.waitUntil(lambda: session.document is not None, timeout=20_000)
    session.editor.set_tool("fill")
    click(session, (1000.0, 1000.0))
    qtbot.waitUntil(lambda: session.document.history.undo_name == "Fill", timeout=20_000)
    assert (session.document.annotation.pixels == 1).all()
    session.editor.undo()
    qtbot.waitUntil(lambda: (session.document.annotation.pixels == UNLABELLED).all(), timeout=20_000)
