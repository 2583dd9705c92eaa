"""The filmstrip of a run: its frames in order, live, scrubbed by keys and mouse, and after reopening."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt

from tests.helpers import make_folder
from tests.ui.conftest import paint_all, shown
from unet_studio.core import pinned
from unet_studio.core.pinned import Frame
from unet_studio.core.prediction import Prediction
from unet_studio.core.run_folder import RunFolder
from unet_studio.core.training_config import TrainingConfig
from unet_studio.session import trainer
from unet_studio.session.strip import MOST_PICTURES, THUMB
from unet_studio.ui.panels.filmstrip import FilmStrip, told

SIZE = (60, 80)


@pytest.fixture
def run(opened):
    """A run that watches 1.png of the folder, of which there are three frames."""
    project = opened.session.project
    project.prepare()
    config = TrainingConfig(name="v1", pinned=str(project.image_path("1.png")))
    made = RunFolder.create(project.new_run("v1"), config)
    pinned.write_image(made.path, np.full((*SIZE, 3), 100, np.uint8))
    for step, dice in ((0, None), (10, 0.5), (20, 0.75)):
        add(made, step, dice)
    return made


def add(run, step, dice, best=True):
    labels = np.zeros(SIZE, np.uint8)
    labels[:, : step + 1] = 1
    prediction = Prediction(labels, np.full_like(labels, 255), "v1", {})
    pinned.write_frame(run.path, Frame(step, dice, best and dice is not None), prediction)


@pytest.fixture
def strip(opened, run, qtbot):
    made = FilmStrip(opened.session)
    qtbot.addWidget(made)
    made.resize(320, 420)
    opened.session.trainer._follower.follow(run)
    qtbot.waitUntil(lambda: made.frames.count() == 3, timeout=20_000)
    made.show()
    return made


def texts(strip):
    return [strip.frames.item(place).text() for place in range(strip.frames.count())]


def test_no_pinned_image_no_strip(opened, qtbot):
    made = FilmStrip(opened.session)
    qtbot.addWidget(made)
    assert not made.isVisibleTo(made.parentWidget()) or made.isHidden()
    assert made.step is None


def test_step_and_dice_stand_below_each_frame(strip):
    assert texts(strip) == ["0\n", "10\n0.500", "20\nbest 0.750"]
    assert strip.caption.text() == "Step 20: Dice 0.750 on the validation images, the best"
    assert strip.frames.item(0).data(Qt.ItemDataRole.AccessibleTextRole) == "At the start, not measured"
    assert strip.open.text().strip() == "1.png"


def test_the_picture_shows_the_classes_over_the_image(strip, opened, qtbot):
    wait_for_picture(strip, opened, qtbot, 20)
    found = opened.session.strip.picture(20)
    assert (found.width(), found.height()) == (80, 60)
    painted, clear = (found.pixelColor(x, 30).getRgb()[:3] for x in (5, 70))
    assert clear == (100, 100, 100)
    color = opened.session.classes.palette()[1]
    assert painted == tuple(round((100 + int(part)) / 2 + 1e-6) for part in color) or painted != clear
    assert opened.session.strip.thumb(20).width() <= THUMB[0]


def wait_for_picture(strip, opened, qtbot, step):
    qtbot.waitUntil(lambda: step in opened.session.strip._pictures, timeout=20_000)


def test_keys_go_through_the_frames(strip, qtbot):
    for key, step in (("Left", 10), ("Home", 0), ("Left", 0), ("Right", 10), ("End", 20)):
        qtbot.keyClick(strip.frames, getattr(Qt.Key, f"Key_{key}"))
        assert strip.step == step
    assert strip.caption.text().startswith("Step 20")


def test_dragging_over_the_picture_scrubs(strip, qtbot):
    width = strip.picture.width()
    qtbot.mousePress(strip.picture, Qt.MouseButton.LeftButton, pos=QPoint(1, 50))
    assert strip.step == 0
    strip.picture._drag(QPoint(width // 2, 50))
    assert strip.step == 10
    strip.picture._drag(QPoint(width + 500, 50))
    assert strip.step == 20


def test_a_click_on_a_frame_shows_it(strip, opened, qtbot):
    middle = strip.frames.visualItemRect(strip.frames.item(0)).center()
    qtbot.mouseClick(strip.frames.viewport(), Qt.MouseButton.LeftButton, pos=middle)
    assert strip.step == 0
    assert strip.caption.text() == "At the start, not measured"


def test_it_follows_live_unless_a_person_looks_back(strip, run, opened, qtbot):
    add(run, 30, 0.7, best=False)
    opened.session.trainer.changed.emit()
    qtbot.waitUntil(lambda: strip.frames.count() == 4, timeout=20_000)
    assert strip.step == 30
    assert texts(strip)[2:] == ["20\nbest 0.750", "30\n0.700"]
    strip.frames.setCurrentRow(1)
    add(run, 40, 0.9)
    opened.session.trainer.changed.emit()
    qtbot.waitUntil(lambda: strip.frames.count() == 5, timeout=20_000)
    assert strip.step == 10
    assert texts(strip)[2] == "20\n0.750"
    assert texts(strip)[4] == "40\nbest 0.900"


def test_frames_that_were_dropped_leave_the_strip(strip, run, opened, qtbot):
    pinned.frame_path(run.path, 10).unlink()
    opened.session.trainer.changed.emit()
    qtbot.waitUntil(lambda: strip.frames.count() == 2, timeout=20_000)
    assert strip.step == 20


def test_the_link_opens_the_image(strip, opened, qtbot):
    strip.open.click()
    shown(qtbot, opened.session, "1.png")
    assert opened.session.current == "1.png"


def test_it_is_there_again_after_reopening(strip, opened, folder, qtbot):
    opened.session.close_project()
    assert strip.isHidden()
    opened.open_folder(folder)
    qtbot.waitUntil(lambda: strip.frames.count() == 3, timeout=20_000)
    assert strip.step == 20


def test_another_folder_has_no_strip(strip, opened, tmp_path, qtbot):
    opened.open_folder(make_folder(tmp_path / "other", 1))
    shown(qtbot, opened.session, "0.png")
    assert strip.isHidden()


def test_a_broken_frame_is_left_out_and_few_pictures_stay_in_memory(strip, run, opened, qtbot):
    pinned.frame_path(run.path, 15).write_bytes(b"no picture")
    for step in range(21, 21 + MOST_PICTURES + 4):
        add(run, step, 0.1, best=False)
    opened.session.trainer.changed.emit()
    count = 3 + MOST_PICTURES + 4
    qtbot.waitUntil(lambda: strip.frames.count() == count, timeout=20_000)
    for place in range(count):
        strip.frames.setCurrentRow(place)
        wait_for_picture(strip, opened, qtbot, strip.step)
    assert len(opened.session.strip._pictures) == MOST_PICTURES


def test_the_panel_of_the_training_shows_it(strip, opened, qtbot):
    found = opened.panels["training"].filmstrip
    assert found.frames.count() == 3
    assert found.isVisibleTo(opened.panels["training"])


@pytest.fixture
def approved(opened, qtbot):
    """Two finished images of both classes; 0.png is on screen."""
    for name in ("1.png", "0.png"):
        shown(qtbot, opened.session, name)
        paint_all(opened.session, 1)
        editor = opened.session.editor
        editor.set_active_class(0)
        editor.set_brush_radius(20)
        editor.pointer("press", 40.0, 40.0)
        editor.pointer("release", 40.0, 40.0)
        editor.approve()
    qtbot.waitUntil(lambda: not opened.session._dirty(), timeout=20_000)
    return opened


@pytest.mark.parametrize("chosen", [None, "", "/elsewhere/other.png"])
def test_a_training_watches_the_image_on_screen_unless_another_is_chosen(
    approved, chosen, qtbot, monkeypatch
):
    begun = []
    monkeypatch.setattr(trainer, "start", begun.append)
    approved.session.trainer.start({} if chosen is None else {"pinned": chosen})
    qtbot.waitUntil(lambda: bool(begun), timeout=20_000)
    expected = str(approved.session.project.image_path("0.png")) if chosen is None else chosen
    assert begun[0].config().pinned == expected


@pytest.mark.slow
def test_a_real_training_fills_the_strip(approved, qtbot):
    tiny = {"network": "unet", "init": "random", "depth": 2, "channels": 4, "normalisation": "batch"}
    tiny |= {"freeze_encoder_statistics": False, "steps": 4, "evaluate_every": 2, "patch": 32, "batch": 1}
    session = approved.session
    session.trainer.start({**tiny, "minutes": 0.0, "device": "cpu", "threads": 1})
    strip = approved.panels["training"].filmstrip
    qtbot.waitUntil(lambda: session.trainer.state in ("finished", "failed"), timeout=120_000)
    qtbot.waitUntil(lambda: [frame.step for frame in session.strip.frames] == [0, 2, 4], timeout=20_000)
    assert strip.step == 4
    qtbot.waitUntil(lambda: session.strip.picture(4) is not None, timeout=20_000)
    assert strip.open.text().strip() == "0.png"
    assert not session.strip.picture(4).isNull()


def test_words():
    assert told(Frame(1200, 0.5, False), 10) == "Step 1,200: Dice 0.500 on the validation images"
