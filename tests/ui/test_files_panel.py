"""The files panel: order, states, filters, pictures, and many thousand images."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage

from tests.helpers import make_folder
from tests.ui.conftest import paint_all, shown
from unet_studio.core.catalogue import Wish
from unet_studio.core.project import Status
from unet_studio.ui.panels.file_list import KEPT_PICTURES, STATE_ROLE, WORDS, FileList


@pytest.fixture
def panel(opened):
    return opened.panels["files"]


def names(model):
    return [model.name(row) for row in range(model.rowCount())]


def states(model):
    return [model.index(row, 0).data(STATE_ROLE) for row in range(model.rowCount())]


def test_images_are_in_natural_order_with_counts(window, qtbot, tmp_path):
    window.open_folder(make_folder(tmp_path / "many", 11))
    panel = window.panels["files"]
    assert names(panel.model)[:3] == ["0.png", "1.png", "2.png"]
    assert names(panel.model)[-1] == "10.png"
    assert panel.counts.text() == "0 approved · 0 painted · 11 images"
    assert panel.objectName() == "files"


def test_states_and_counts_follow_the_work(opened, panel, qtbot):
    session = opened.session
    paint_all(session, 1)
    assert states(panel.model) == ["painted", "unlabelled", "unlabelled", "unlabelled"]
    session.editor.approve()
    qtbot.waitUntil(lambda: states(panel.model)[0] == "approved", timeout=20_000)
    qtbot.waitUntil(lambda: panel.counts.text() == "1 approved · 0 painted · 4 images")
    assert (panel.progress.value(), panel.progress.maximum()) == (1, 4)


def test_filters_by_name_and_state(opened, panel, qtbot):
    session = opened.session
    paint_all(session, 1)
    session.editor.approve()
    qtbot.waitUntil(lambda: not session._dirty(), timeout=20_000)
    panel.states.setCurrentText("Unfinished")
    assert names(panel.model) == ["1.png", "2.png", "3.png"]
    panel.search.setText("2.P")
    assert names(panel.model) == ["2.png"]
    panel.search.setText("nothing")
    assert panel.nothing.isVisible()
    assert not panel.view.isVisible()
    panel.search.clear()
    panel.states.setCurrentText("Approved")
    assert names(panel.model) == ["0.png"]


def test_choosing_a_row_opens_it_and_keys_step_the_selection(opened, panel, qtbot):
    session = opened.session
    panel.view.setCurrentIndex(panel.model.index(2, 0))
    assert session.current == "2.png"
    shown(qtbot, session, "2.png")
    session.step_image(1)
    assert panel.view.currentIndex().row() == 3


def test_a_click_gives_the_keys_back_to_the_canvas(opened, panel, qtbot):
    place = panel.view.visualRect(panel.model.index(1, 0)).center()
    qtbot.mouseClick(panel.view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert opened.session.current == "1.png"
    qtbot.waitUntil(opened.canvas.hasFocus)


def test_pictures_come_for_the_rows_in_view(opened, panel, qtbot):
    qtbot.waitUntil(lambda: all(panel.model.has_picture(name) for name in names(panel.model)), timeout=20_000)
    picture = panel.model.index(0, 0).data(Qt.ItemDataRole.DecorationRole)
    assert picture.width() == picture.height()


def test_a_broken_image_is_marked_and_the_rest_works(window, qtbot, folder):
    (folder / "a broken one.png").write_bytes(b"no image at all")
    window.open_folder(folder)
    panel, session = window.panels["files"], window.session
    place = names(panel.model).index("a broken one.png")
    session.open_image("a broken one.png")
    qtbot.waitUntil(lambda: states(panel.model)[place] == "broken", timeout=20_000)
    qtbot.waitUntil(lambda: "1 broken" in panel.counts.text())
    assert window.canvas.message[0]
    shown(qtbot, session, "0.png")
    assert window.canvas.message == ("", "")


def test_twenty_thousand_images_are_listed_and_filtered_without_looking_at_each(qtbot):
    asked = []

    def state(name):
        asked.append(name)
        return Status.UNLABELLED.value

    model = FileList(state)
    everything = [f"plate {number // 96}/well {number}.tif" for number in range(20_000)]
    model.set_names(everything)
    assert model.rowCount() == 20_000
    assert asked == []  # states are asked for when a row is drawn
    model.set_wish(Wish(text="WELL 1999"))
    assert names(model) == ["plate 20/well 1999.tif", *(f"plate 208/well 1999{n}.tif" for n in range(10))]
    assert model.index_of(everything[1999]).row() == 0
    assert not model.index_of(everything[5]).isValid()
    assert asked == []
    model.set_wish(Wish(states=frozenset({"painted"})))
    assert model.rowCount() == 0


def test_scrolling_asks_for_the_rows_in_view_alone(opened, panel, qtbot, monkeypatch):
    asked = []
    session = opened.session
    monkeypatch.setattr(session, "thumbnail", asked.append)
    many = [f"{number}.png" for number in range(5000)]
    panel.model.set_names(many)
    qtbot.waitUntil(lambda: "5.png" in asked)
    asked.clear()
    panel.view.scrollTo(panel.model.index(4000, 0))
    qtbot.waitUntil(lambda: "4000.png" in asked)
    assert len(asked) < 60
    assert set(asked) <= set(many[3900:4100])


def test_pictures_are_bounded(qtbot):
    model = FileList(lambda _: "unlabelled")
    many = [str(number) for number in range(KEPT_PICTURES + 50)]
    model.set_names(many)
    image = QImage(8, 4, QImage.Format.Format_RGB32)
    image.fill(0)
    for name in many:
        model.set_picture(name, image)
    assert not model.has_picture("49")
    assert model.has_picture("50")
    assert sum(model.has_picture(name) for name in many) == KEPT_PICTURES


def test_rows_say_their_state_to_screen_readers(opened, panel):
    text = panel.model.index(0, 0).data(Qt.ItemDataRole.AccessibleTextRole)
    assert text == f"0.png\n{WORDS['unlabelled']}"
