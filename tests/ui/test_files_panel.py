"""The files panel: order, states, filters, parts of the split, pictures, and many thousand images."""

import os
import shutil

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QDesktopServices, QGuiApplication, QImage

from tests.helpers import SHAPE, make_folder, make_model
from tests.ui.conftest import paint_all, shown
from unet_studio.core.catalogue import Wish
from unet_studio.core.files import find_images
from unet_studio.core.index import FactIndex
from unet_studio.core.mask_facts import look
from unet_studio.core.model_card import ModelEntry
from unet_studio.core.prediction import Prediction
from unet_studio.core.project import Project, Status
from unet_studio.jobs import file_facts
from unet_studio.ui.panels.file_list import (
    KEPT_PICTURES,
    OPEN_ROLE,
    SPLIT_ROLE,
    STATE_ROLE,
    WORDS,
    FileList,
)
from unet_studio.ui.panels.file_menu import file_menu


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


def choose(panel, name):
    """Select one image and return the menu of the right mouse button, by its words."""
    panel.view.setCurrentIndex(panel.model.index_of(name))
    return menu_of(panel)


def menu_of(panel):
    menu = file_menu(panel._session, panel.view.chosen_names(), panel)
    return {action.text().replace("&", ""): action for action in menu.actions()}


def sort(panel, key):
    next(action for action in panel.sorts.actions() if action.data() == key).trigger()


def test_several_images_are_selected_without_opening_any(opened, panel, qtbot):
    session, view = opened.session, panel.view
    places = [view.visualRect(panel.model.index(row, 0)).center() for row in range(4)]
    press = Qt.MouseButton.LeftButton
    qtbot.mouseClick(view.viewport(), press, Qt.KeyboardModifier.ControlModifier, places[2])
    assert session.current == "0.png"
    assert view.chosen_names() == ["0.png", "2.png"]
    qtbot.mouseClick(view.viewport(), press, Qt.KeyboardModifier.ShiftModifier, places[3])
    assert len(view.chosen_names()) > 1
    assert session.current == "0.png"
    assert panel.model.index(0, 0).data(OPEN_ROLE)
    qtbot.mouseClick(view.viewport(), press, pos=places[2])
    assert session.current == "2.png"
    assert view.chosen_names() == ["2.png"]
    assert not panel.model.index(0, 0).data(OPEN_ROLE)


def test_the_selected_images_are_predicted_from_their_menu(opened, panel, monkeypatch):
    asked, predictor = [], opened.session.predictor
    make_model(opened.session.project.models_folder / "small")
    predictor.auto = False
    predictor.refresh()
    predictor.set_model("small")
    monkeypatch.setattr(predictor, "predict_these", asked.append)
    choose(panel, "1.png")["Predict Again"].trigger()
    panel.view.selectAll()
    menu_of(panel)["Predict 4 Images Again"].trigger()
    assert asked == [["1.png"], ["0.png", "1.png", "2.png", "3.png"]]
    predictor.set_model(None)
    assert not menu_of(panel)["Predict 4 Images Again"].isEnabled()


def test_images_are_put_into_parts_of_the_split(opened, panel, qtbot):
    session, view = opened.session, panel.view
    view.selectAll()
    parts = {a.text().replace("&", ""): a for a in menu_of(panel)["Use 4 Images for"].menu().actions()}
    with qtbot.waitSignal(session.browser.splitChanged, timeout=20_000):
        parts["Test"].trigger()
    assert set(session.project.split.values()) == {"test"}
    assert panel.model.index(3, 0).data(SPLIT_ROLE) == "test"
    assert "For test" in panel.model.index(3, 0).data(Qt.ItemDataRole.ToolTipRole)
    again = choose(panel, "1.png")["Use for"].menu()
    assert [action.isChecked() for action in again.actions()][:3] == [False, False, True]
    with qtbot.waitSignal(session.browser.splitChanged, timeout=20_000):
        next(action for action in again.actions() if "Automatic" in action.text()).trigger()
    assert "1.png" not in session.project.split
    assert Project.open(session.project.image_root, writable=False).split == session.project.split


def test_an_approved_image_that_is_put_back_to_automatic_gets_its_turn(opened, panel, qtbot):
    session = opened.session
    paint_all(session, 1)
    session.editor.approve()
    qtbot.waitUntil(lambda: not session._dirty(), timeout=20_000)
    for part, wanted in (("test", "test"), (None, "train")):
        with qtbot.waitSignal(session.browser.splitChanged, timeout=20_000):
            session.browser.set_split(["0.png"], part)
        assert session.project.split["0.png"] == wanted


def test_paths_are_copied(opened, panel):
    panel.view.selectAll()
    menu_of(panel)["Copy 4 Paths"].trigger()
    root = opened.session.project.image_root
    wanted = "\n".join(str(root / f"{number}.png") for number in range(4))
    assert QGuiApplication.clipboard().text() == wanted


def test_a_folder_that_can_not_be_opened_is_said(opened, panel, qtbot, monkeypatch):
    asked = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: asked.append(url.toLocalFile()))
    with qtbot.waitSignal(opened.session.failed) as said:
        choose(panel, "0.png")["Show in Folder"].trigger()
    assert asked == [str(opened.session.project.image_root)]
    assert "No program here opens" in said.args[0]


def test_a_mask_is_set_aside_and_the_image_begun_anew(opened, panel, qtbot):
    session = opened.session
    paint_all(session, 1)
    qtbot.waitUntil(lambda: not session._dirty(), timeout=20_000)
    session.open_image("1.png")
    shown(qtbot, session, "1.png")
    menu = choose(panel, "1.png")
    assert not menu["Set Mask Aside…"].isEnabled()
    session.set_aside("0.png")  # what the box calls
    assert session.status("0.png") is Status.UNLABELLED
    assert (session.project.folder / "set-aside/annotations/0.png.png").is_file()
    shown(qtbot, session, "0.png")
    assert not session.document.painted


def test_work_that_is_not_saved_yet_is_not_set_aside_under_the_writer(opened, panel, qtbot):
    session = opened.session
    paint_all(session, 1)
    with qtbot.waitSignal(session.failed) as caught:
        session.set_aside("0.png")
    assert "being saved" in caught.args[0]
    assert session.document.painted


def test_an_image_is_read_again_after_another_program_changed_it(opened, panel, qtbot):
    session, root = opened.session, opened.session.project.image_root
    (root / "3.png").write_bytes(b"no image")  # not read ahead yet
    session.open_image("3.png")
    qtbot.waitUntil(lambda: panel.state("3.png") == "broken", timeout=20_000)
    shutil.copy(root / "1.png", root / "3.png")
    menu_of(panel)["Read Again"].trigger()
    shown(qtbot, session, "3.png")
    assert panel.state("3.png") == "unlabelled"


def test_only_what_works_is_offered(opened, panel, qtbot):
    session = opened.session
    paint_all(session, 1)
    session.editor.approve()
    assert "Take Approval Back" in choose(panel, "0.png")
    menu_of(panel)["Take Approval Back"].trigger()
    assert not session.document.approved
    assert "Approve" in menu_of(panel)
    session.project.read_only = "It is on a CD."
    found = menu_of(panel)
    assert not found["Use for"].isEnabled()
    assert not found["Set Mask Aside…"].isEnabled()


def test_stepping_follows_the_list_as_it_is_filtered_and_sorted(opened, panel, qtbot):
    session = opened.session
    sort(panel, "name_reversed")
    assert names(panel.model) == ["3.png", "2.png", "1.png", "0.png"]
    assert panel.sort.isChecked()
    session.step_image(-1)
    assert session.current == "1.png"
    panel.search.setText("0")
    session.step_image(1)
    assert session.current == "0.png"
    session.step_image(1)
    assert session.current == "0.png"


def test_the_next_unfinished_image(opened, panel, qtbot):
    session = opened.session
    paint_all(session, 1)
    session.editor.approve()
    assert names(panel.model) == ["0.png", "1.png", "2.png", "3.png"]
    session.open_image("1.png")
    shown(qtbot, session, "1.png")
    opened.canvas.setFocus()
    qtbot.keyClick(opened.canvas, Qt.Key.Key_A, Qt.KeyboardModifier.ShiftModifier)
    assert session.current == "3.png"  # 0.png is approved
    qtbot.keyClick(opened.canvas, Qt.Key.Key_D, Qt.KeyboardModifier.ShiftModifier)
    assert session.current == "1.png"
    panel.states.setCurrentText("Approved")
    with qtbot.waitSignal(session.message):
        session.browser.step_unfinished(1)
    assert session.current == "1.png"


def test_an_image_stays_in_the_list_until_the_filter_is_set_again(opened, panel, qtbot):
    panel.states.setCurrentText("Unfinished")
    paint_all(opened.session, 1)
    opened.session.editor.approve()
    assert names(panel.model)[0] == "0.png"
    opened.session.step_image(1)
    assert opened.session.current == "1.png"


def predict(project, name, value, sure):
    labels, confidence = np.full(SHAPE, value, np.uint8), np.full(SHAPE, sure, np.uint8)
    project.write_prediction(name, Prediction(labels, confidence, "m", {}))


def test_images_are_sorted_by_confidence_and_filtered_by_class(opened, panel, qtbot):
    session, project = opened.session, opened.session.project
    session.predictor.model = ModelEntry("m", project.models_folder / "m", None)
    for name, value, sure in (("1.png", 1, 200), ("2.png", 0, 100), ("3.png", 1, 250)):
        predict(project, name, value, sure)
    sort(panel, "least_sure")
    qtbot.waitUntil(lambda: names(panel.model) == ["2.png", "1.png", "3.png", "0.png"], timeout=20_000)
    assert "39.2 % sure" in panel.model.index(0, 0).data(Qt.ItemDataRole.ToolTipRole)
    panel.classes.setCurrentIndex(panel.classes.findData(1))
    assert names(panel.model) == ["1.png", "3.png"]
    predict(project, "0.png", 1, 10)
    session.predictor.stored.emit("0.png")
    session.open_image("3.png")  # the image on screen is looked at when it is left
    qtbot.waitUntil(panel.again.isVisible, timeout=20_000)
    assert names(panel.model) == ["1.png", "3.png"]  # rows don't move under the person's hand
    qtbot.mouseClick(panel.again, Qt.MouseButton.LeftButton)
    assert names(panel.model) == ["0.png", "1.png", "3.png"]
    assert not panel.again.isVisible()
    panel.classes.setCurrentIndex(0)
    sort(panel, "name")
    assert names(panel.model) == ["0.png", "1.png", "2.png", "3.png"]
    assert FactIndex(project.index_file).all("m")["1.png"].shown == {1: SHAPE[0] * SHAPE[1]}


def test_what_the_index_knows_is_not_read_again(opened, panel, qtbot, monkeypatch):
    session, project = opened.session, opened.session.project
    session.predictor.model = ModelEntry("m", project.models_folder / "m", None)
    for number in range(4):
        predict(project, f"{number}.png", 1, 60 * number)
    sort(panel, "surest")
    qtbot.waitUntil(lambda: names(panel.model)[0] == "3.png", timeout=20_000)
    qtbot.waitUntil(lambda: len(FactIndex(project.index_file).all("m")) == 4, timeout=20_000)
    read = []
    monkeypatch.setattr(file_facts, "look", lambda *a: read.append(a[1]) or look(*a))
    predict(project, "1.png", 1, 255)
    opened.open_folder(project.image_root)
    session.predictor.model = ModelEntry("m", project.models_folder / "m", None)
    sort(panel, "surest")
    qtbot.waitUntil(lambda: names(panel.model) == ["1.png", "3.png", "2.png", "0.png"], timeout=20_000)
    assert read == ["1.png"]


def test_images_are_sorted_by_date(opened, panel, qtbot):
    root = opened.session.project.image_root
    for place, name in enumerate(("2.png", "0.png", "3.png", "1.png")):
        os.utime(root / name, (place * 1000, place * 1000))
    sort(panel, "oldest")
    qtbot.waitUntil(lambda: names(panel.model) == ["2.png", "0.png", "3.png", "1.png"], timeout=20_000)
    sort(panel, "newest")
    assert names(panel.model) == ["1.png", "3.png", "0.png", "2.png"]


def test_keys_in_the_list_and_typing_a_name(opened, panel, qtbot, tmp_path):
    folder = make_folder(tmp_path / "named", 3)
    for name in ("beam.png", "bridge.png", "Brick.png"):
        shutil.copy(folder / "0.png", folder / name)
    opened.open_folder(folder)
    session, view = opened.session, panel.view
    view.setFocus()
    qtbot.waitUntil(view.hasFocus)
    qtbot.keyClick(view, Qt.Key.Key_End)
    assert session.current == names(panel.model)[-1]
    qtbot.keyClick(view, Qt.Key.Key_Home)
    qtbot.keyClick(view, Qt.Key.Key_Down)
    assert session.current == "1.png"
    qtbot.keyClicks(view, "bri")  # B is no brush here, and "br" no other image
    assert session.current == "Brick.png"
    qtbot.keyClicks(view, "d")
    assert session.current == "bridge.png"
    qtbot.keyClick(view, Qt.Key.Key_Return)
    qtbot.waitUntil(opened.canvas.hasFocus)
    assert not (session.document and session.document.approved)


def test_enter_in_the_search_opens_the_first_image_found(opened, panel, qtbot):
    opened.canvas.setFocus()
    qtbot.keyClick(opened.canvas, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    assert panel.search.hasFocus()
    qtbot.keyClicks(panel.search, "3")
    qtbot.keyClick(panel.search, Qt.Key.Key_Return)
    assert opened.session.current == "3.png"
    qtbot.waitUntil(opened.canvas.hasFocus)


def test_a_large_folder_shows_its_first_image_before_it_is_listed(window, qtbot, tmp_path, monkeypatch):
    folder = make_folder(tmp_path / "many", 1)
    many = 1500
    for number in range(1, many):
        (folder / str(number % 50)).mkdir(exist_ok=True)
        os.link(folder / "0.png", folder / str(number % 50) / f"{number}.png")
    monkeypatch.setattr("unet_studio.session.session.LISTING_PATIENCE", 0.0)
    session, panel = window.session, window.panels["files"]
    window.open_folder(folder)
    assert not session.project.listed
    assert session.current == session.images[0]
    first = session.images[:]
    assert "so far" in panel.counts.text()
    qtbot.waitUntil(lambda: panel.model.rowCount() == many, timeout=20_000)
    assert session.images == find_images(folder, [folder / "unet-studio"])
    assert session.images[: len(first)] == first
    assert panel.view.currentIndex().row() == 0
    assert "so far" not in panel.counts.text()
    session.step_image(1)
    assert session.current == session.images[1]


def test_one_huge_folder_opens_once_it_is_listed(window, qtbot, tmp_path, monkeypatch):
    folder = make_folder(tmp_path / "many", 1)
    for number in range(1, 1600):
        os.link(folder / "0.png", folder / f"{number}.png")
    monkeypatch.setattr("unet_studio.session.session.LISTING_PATIENCE", 0.0)
    window.open_folder(folder)
    assert window.session.current is None
    assert window.canvas.message[0] == "Looking for images…"
    shown(qtbot, window.session, "0.png")
    qtbot.waitUntil(lambda: window.panels["files"].model.rowCount() == 1600, timeout=20_000)


def test_a_project_that_is_closed_while_it_is_listed(window, qtbot, tmp_path, monkeypatch):
    folder = make_folder(tmp_path / "many", 1)
    for number in range(1, 1600):
        os.link(folder / "0.png", folder / f"{number}.png")
    monkeypatch.setattr("unet_studio.session.session.LISTING_PATIENCE", 0.0)
    window.open_folder(folder)
    window.open_folder(make_folder(tmp_path / "other", 2))
    shown(qtbot, window.session, "0.png")
    qtbot.wait(200)
    assert window.session.images == ["0.png", "1.png"]


def test_looking_at_the_folder_again_finds_what_came_and_keeps_the_place(opened, panel, qtbot):
    session, root = opened.session, opened.session.project.image_root
    session.open_image("2.png")
    shutil.copy(root / "0.png", root / "1b.png")
    session.refresh()
    assert names(panel.model) == ["0.png", "1.png", "1b.png", "2.png", "3.png"]
    assert session.current == "2.png"
    assert panel.view.currentIndex().row() == 3


def test_counts_are_not_made_by_looking_at_every_image(opened, panel, monkeypatch):
    asked = []
    monkeypatch.setattr(opened.session, "status", lambda name: asked.append(name) or Status.UNLABELLED)
    panel._count()
    assert asked == []
    opened.session.broken["0.png"] = "broken"
    panel._count()
    assert asked == ["0.png"]
    assert panel.counts.text() == "0 approved · 0 painted · 1 broken · 4 images"
    opened.session.broken.clear()


def test_ten_thousand_images_change_parts_in_one_write(tmp_path, monkeypatch):
    project = Project.open(make_folder(tmp_path / "images", 1))
    written = []
    monkeypatch.setattr("unet_studio.core.split.write_json", lambda *a: written.append(a))
    project.set_split([f"{number}.png" for number in range(10_000)], "test")
    assert len(written) == 1
    assert len(project.split) == 10_000
    project.close()
