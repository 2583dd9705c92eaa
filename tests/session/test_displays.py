"""How pictures are shown: for an image or for all, reset, automatic contrast; and that tools see it."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from tests.helpers import make_folder
from unet_studio.core.geometry import Rect
from unet_studio.session import Session


@pytest.fixture
def session(qtbot, tmp_path):
    made = Session()
    made.predictor.auto = False
    folder = make_folder(tmp_path / "images")
    deep = np.linspace(1000, 3000, 96 * 128).reshape(96, 128).astype(np.uint16)
    Image.fromarray(deep).save(folder / "9.png")
    made.open_folder(folder)
    shown(qtbot, made, "0.png")
    yield made
    made.shut_down()


def shown(qtbot, session, name):
    session.open_image(name)
    qtbot.waitUntil(lambda: session.document is not None and session.document.name == name, timeout=20_000)


def darker(session):
    return replace(session.displays.current, windows=((0.0, 510.0),) * 3)


def test_a_changed_display_is_announced_kept_for_its_image_and_seen_by_tools(session, qtbot):
    first = session.displays.current
    rect = Rect(10, 10, 20, 30)
    before = session.editor.context(session.document).picture(rect)
    with qtbot.waitSignal(session.displayChanged):
        session.set_display(darker(session))
    after = session.editor.context(session.document).picture(rect)
    np.testing.assert_allclose(after, before / 2, atol=1)
    shown(qtbot, session, "1.png")
    assert session.displays.current == first
    shown(qtbot, session, "0.png")
    assert session.displays.current != first
    session.displays.reset()
    assert session.displays.current == first


def test_a_display_is_forgotten_where_the_file_has_other_channels_now(session, qtbot):
    session.set_display(darker(session))
    Image.fromarray(np.full((96, 128), 7, dtype=np.uint8)).save(session.project.image_path("0.png"))
    session.read_again("0.png")
    shown(qtbot, session, "0.png")
    assert session.displays.current == session.displays.first
    assert (session.pyramid.region(0, Rect(0, 0, 96, 128)) == 7).all()


def test_a_display_that_does_not_change_is_not_announced(session, qtbot):
    with qtbot.assertNotEmitted(session.displayChanged):
        session.set_display(session.displays.current)


def test_on_request_a_display_holds_for_all_images_of_that_type(session, qtbot):
    wanted = darker(session)
    session.displays.set_keep(True)
    session.set_display(wanted)
    shown(qtbot, session, "2.png")
    assert session.displays.current == wanted
    shown(qtbot, session, "9.png")
    assert session.displays.current == session.displays.first
    session.displays.set_keep(False)
    shown(qtbot, session, "3.png")
    assert session.displays.current == session.displays.first


def test_automatic_contrast_and_histogram_come_from_a_thread(session, qtbot):
    with qtbot.waitSignal(session.displayChanged, timeout=20_000):
        session.displays.auto_contrast()
    low, high = session.displays.current.windows[0]
    assert 0 < low < high < 255
    with qtbot.waitSignal(session.displays.measured, timeout=20_000):
        session.displays.measure()
    assert session.displays.histogram.counts.shape == (3, 256)
    shown(qtbot, session, "1.png")
    assert session.displays.histogram is None


def test_what_was_measured_of_another_image_is_not_used(session, qtbot):
    image = session.document.image
    shown(qtbot, session, "1.png")
    before = session.displays.current
    session.displays._task_done("auto", (image, darker(session)))
    assert session.displays.current == before


def test_another_project_begins_anew(session, qtbot, tmp_path):
    session.displays.set_keep(True)
    session.set_display(darker(session))
    session.open_folder(make_folder(tmp_path / "others"))
    shown(qtbot, session, "0.png")
    assert session.displays.current == session.displays.first
