"""While a large image is read the canvas says so; it can be cancelled and opened again."""

import threading

import pytest
from PySide6.QtCore import Qt

from tests.ui.conftest import shown
from unet_studio.jobs import documents


@pytest.fixture
def gate(monkeypatch, opened, qtbot):
    """Holds every image that is read from now on until it is set."""
    gate = threading.Event()
    load = documents.load_document

    def slow(project, name, model, progress):
        while not gate.wait(0.01):
            progress(0.25)
        return load(project, name, model, progress)

    qtbot.waitUntil(lambda: opened.session._loader._thread.idle, timeout=20_000)
    monkeypatch.setattr(documents, "load_document", slow)
    yield gate
    gate.set()


def begun(qtbot, opened):
    opened.session.open_image("3.png")
    qtbot.waitUntil(lambda: opened.opening.isVisible(), timeout=20_000)


def test_a_quick_image_opens_without_a_strip(qtbot, opened):
    opened.session.open_image("3.png")
    shown(qtbot, opened.session, "3.png")
    assert not opened.opening.isVisible()
    qtbot.wait(450)
    assert not opened.opening.isVisible()


def test_progress_is_shown_and_goes_when_the_image_is_there(qtbot, opened, gate):
    begun(qtbot, opened)
    strip = opened.opening
    qtbot.waitUntil(lambda: strip.progress.value() == 225, timeout=20_000)
    assert strip.cancel.isVisible()
    assert not strip.again.isVisible()
    assert opened.canvas.message == ("Opening…", "3.png")
    gate.set()
    shown(qtbot, opened.session, "3.png")
    assert not strip.isVisible()


@pytest.mark.parametrize("how", ["button", "key"])
def test_cancelling_leaves_a_clear_state_and_opening_again_works(qtbot, opened, gate, how):
    begun(qtbot, opened)
    opened.activateWindow()
    opened.canvas.setFocus()
    if how == "button":
        opened.opening.cancel.click()
    else:
        qtbot.keyClick(opened.canvas, Qt.Key.Key_Escape)
    session = opened.session
    qtbot.waitUntil(lambda: session.opening is None, timeout=5_000)  # a button's key is seen to press it
    assert (session.current, session.document) == ("3.png", None)
    assert opened.canvas.message[0] == "This image was not opened"
    assert "3.png" not in session.broken
    gate.set()
    opened.opening.again.click()
    shown(qtbot, session, "3.png")
    assert not opened.opening.isVisible()
    assert opened.canvas.message == ("", "")


def test_choosing_the_image_again_after_cancelling_opens_it(qtbot, opened, gate):
    begun(qtbot, opened)
    opened.opening.cancel.click()
    gate.set()
    opened.session.open_image("3.png")
    qtbot.waitUntil(lambda: opened.session.document is not None, timeout=20_000)


def test_another_image_is_shown_while_one_is_read(qtbot, opened, gate):
    begun(qtbot, opened)
    opened.session.open_image("0.png")
    assert opened.session.document.name == "0.png"
    assert not opened.opening.isVisible()
    gate.set()
    qtbot.wait(100)
    assert opened.session.document.name == "0.png"


def test_a_broken_image_can_be_tried_again(qtbot, opened, folder):
    whole = (folder / "3.png").read_bytes()
    (folder / "3.png").write_bytes(b"no picture")
    opened.session._loader.drop("3.png")
    with qtbot.waitSignal(opened.session.documentFailed, timeout=20_000):
        opened.session.open_image("3.png")
    assert opened.opening.again.isVisible()
    (folder / "3.png").write_bytes(whole)
    opened.opening.again.click()
    shown(qtbot, opened.session, "3.png")
    assert not opened.opening.isVisible()


def test_closing_the_project_while_an_image_is_read(qtbot, opened, gate):
    begun(qtbot, opened)
    opened.session.close_project()
    assert not opened.opening.isVisible()
