"""The box that imports masks, driven as a person would, with files that formats wrote."""

import json

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QApplication, QComboBox, QMenu, QMessageBox, QPushButton

from tests.helpers import SHAPE, make_folder, picture, truth
from tests.session.test_importer import coco
from tests.ui.conftest import paint_all, shown
from unet_studio.core.classes import ClassTable
from unet_studio.core.project import Status
from unet_studio.formats.examination import Examination, Touching
from unet_studio.formats.sample import Outgoing, Sample
from unet_studio.formats.table import FORMATS
from unet_studio.ui.banner import Notice
from unet_studio.ui.dialogs.importing.classes import IGNORE, NEW
from unet_studio.ui.dialogs.importing.dialog import ImportDialog
from unet_studio.ui.dialogs.importing.words import examination_words, progress_words
from unet_studio.ui.dialogs.text_file import TextFileDialog


@pytest.fixture
def masks(tmp_path):
    """Masks of 0.png to 2.png with classes of their own, and one that belongs to no image."""
    place = tmp_path / "masks"
    table = ClassTable.binary("Objects").add("leaf", "#12ab34")
    names = ["0.png", "1.png", "2.png", "nobody.png"]
    samples = [Sample(name, labels(number)) for number, name in enumerate(names)]
    FORMATS["index-png"].write(place, Outgoing("set", table, names, lambda: iter(samples)))
    return place


def labels(seed):
    found = truth(seed)
    found[:10, :10] = 2
    return found


@pytest.fixture
def dialog(opened, qtbot):
    opened.action_table["import"].trigger()
    return visible(qtbot, opened)


def visible(qtbot, window):
    found = []

    def look():
        found[:] = [box for box in window.findChildren(ImportDialog) if box.isVisible()]
        return bool(found)

    qtbot.waitUntil(look, timeout=20_000)
    qtbot.waitUntil(lambda: found[0].source.format.count() > 3, timeout=20_000)
    return found[0]


def choose(box, value):
    """Choose as a person does, with a click."""
    place = box.findData(value)
    assert place >= 0
    box.setCurrentIndex(place)
    box.activated.emit(place)


def name_source(qtbot, dialog, source, format_name):
    dialog.source.take(source)
    choose(dialog.source.format, format_name)
    planned(qtbot, dialog)


def planned(qtbot, dialog):
    """Wait until the plan says what is chosen."""

    def settled():
        plan, wish = dialog._plan, dialog.wish()
        return plan is not None and wish is not None and plan.options == wish.options

    qtbot.waitUntil(settled, timeout=20_000)


def examined(qtbot, dialog):
    qtbot.waitUntil(lambda: dialog._whole, timeout=20_000)


def finished(qtbot, dialog):
    qtbot.waitUntil(lambda: dialog.pages.currentWidget() is dialog.outcome, timeout=30_000)


def test_nothing_can_be_imported_before_a_source_is_named(dialog):
    assert dialog.pages.currentWidget() is dialog.drop
    assert not dialog.start.isEnabled()
    offered = [dialog.source.format.itemData(place) for place in range(dialog.source.format.count())]
    assert offered == list(FORMATS)


def test_the_format_is_recognised_and_a_choice_by_hand_stays(dialog, qtbot, masks):
    dialog.take(masks)
    assert dialog.source.how.text() == "Looking which format it is…"
    assert dialog.summary.text() == "", "nobody is asked yet"
    qtbot.waitUntil(lambda: dialog.source.format_name == "index-png", timeout=20_000)
    planned(qtbot, dialog)
    choose(dialog.source.format, "voc")
    dialog.source.recognised(str(masks), ("index-png",))
    assert dialog.source.format_name == "voc"


def test_the_preview_says_what_happens_to_each_image_and_writes_nothing(dialog, qtbot, masks, opened):
    name_source(qtbot, dialog, masks, "index-png")
    model = dialog.images.model
    told = {
        model.line(row).name or model.line(row).key: model.line(row).fate for row in range(model.rowCount())
    }
    assert told == {
        "0.png": "import", "1.png": "import", "2.png": "import", "3.png": "missing", "nobody": "unused",
    }  # fmt: skip
    assert dialog.start.text().strip() == "Import 3 Masks"
    assert dialog.summary.text() == "3 masks come in as painted pixels to go on with."
    assert not opened.session.project.exists


def test_the_list_is_narrowed_by_fate_and_by_name(dialog, qtbot, masks):
    name_source(qtbot, dialog, masks, "index-png")
    images = dialog.images
    assert [images.filter.itemText(place) for place in range(images.filter.count())] == [
        "All (5)", "Come in (3)", "Images without a mask (1)", "Masks without an image (1)",
    ]  # fmt: skip
    choose(images.filter, "missing")
    assert [images.model.line(row).name for row in range(images.model.rowCount())] == ["3.png"]
    choose(images.filter, "")
    images.search.setText("NOBODY")
    assert [images.model.line(row).key for row in range(images.model.rowCount())] == ["nobody"]


def test_classes_are_matched_and_a_person_chooses_what_they_become(dialog, qtbot, masks, opened):
    opened.session.class_editor.add("plant")
    name_source(qtbot, dialog, masks, "index-png")
    classes = dialog.classes.classes
    assert [classes.target(row) for row in range(3)] == ["background", "object", NEW]
    assert any("similar name" in text for text in dialog.remarks.texts)
    dialog.classes.setCurrentIndex(classes.index(2, 2))
    qtbot.keyClick(dialog.classes, Qt.Key.Key_Return)
    (editor,) = [box for box in dialog.classes.findChildren(QComboBox) if box.isVisible()]
    assert editor.accessibleName() == "What leaf becomes"
    texts = [editor.itemText(place) for place in range(editor.count())]
    assert texts == ["background", "object", "plant", "", "New class", "Unlabelled (ignored)"]
    editor.setCurrentIndex(2)
    editor.activated.emit(2)
    planned(qtbot, dialog)
    assert dialog.wish().options.renames == {"Objects": "object", "leaf": "plant"}
    dialog.start.click()
    finished(qtbot, dialog)
    shown(qtbot, opened.session, "1.png")
    assert (opened.session.document.annotation.pixels == labels(1)).all()
    assert [entry.name for entry in opened.session.classes.active] == ["background", "object", "plant"]


def test_an_ignored_class_becomes_unlabelled(dialog, qtbot, masks, opened):
    opened.session.class_editor.add("plant")
    name_source(qtbot, dialog, masks, "index-png")
    dialog.classes.classes.set_target(2, IGNORE)
    planned(qtbot, dialog)
    dialog.start.click()
    finished(qtbot, dialog)
    shown(qtbot, opened.session, "0.png")
    assert (opened.session.document.annotation.pixels[:10, :10] == 255).all()


def test_pixels_are_counted_and_the_picture_follows_the_list(dialog, qtbot, masks):
    name_source(qtbot, dialog, masks, "index-png")
    examined(qtbot, dialog)
    meant = sum(int((labels(number) == 2).sum()) for number in range(3))
    assert dialog.classes.classes.index(2, 1).data() == f"{meant:,}"
    qtbot.waitUntil(lambda: dialog.picture.canvas.picture is not None, timeout=20_000)
    first = dialog.picture.canvas.picture.copy()
    dialog.images.view.selectRow(1)
    assert dialog.picture.current == "1.png"
    qtbot.waitUntil(lambda: dialog.picture.canvas.picture != first, timeout=20_000)
    dialog.picture.after.click()
    assert dialog.images.model.line(dialog.images.view.currentIndex().row()).name == "2.png"
    masked = dialog.picture.canvas.picture
    qtbot.waitUntil(lambda: dialog.picture.canvas.picture != masked, timeout=20_000)
    masked = dialog.picture.canvas.picture
    dialog.picture.mask_box.click()
    assert dialog.picture.canvas.picture != masked


def test_another_order_of_overlaps_is_seen_at_once(dialog, qtbot, tmp_path, opened):
    source = tmp_path / "overlap.json"
    source.write_text(json.dumps(coco("0.png", [("small", 30, 30, 50, 50), ("big", 10, 10, 70, 70)])))
    name_source(qtbot, dialog, source, "coco")
    examined(qtbot, dialog)
    assert any("400 pixels in 1 image lie under regions" in text for text in dialog.remarks.texts)
    assert dialog.picture.order_line.isVisible()
    qtbot.waitUntil(lambda: dialog.picture.canvas.picture is not None, timeout=20_000)
    before = dialog.picture.canvas.picture.pixel(40, 40)
    choose(dialog.picture.order, "smallest")
    planned(qtbot, dialog)
    qtbot.waitUntil(lambda: dialog.picture.canvas.picture.pixel(40, 40) != before, timeout=20_000)
    dialog.start.click()
    finished(qtbot, dialog)
    shown(qtbot, opened.session, "0.png")
    small = opened.session.classes.named("small").index
    assert opened.session.document.annotation.pixels[40, 40] == small


def test_masks_of_another_size_are_left_out_or_scaled(opened, qtbot, folder, masks):
    Image.fromarray(picture(2, (48, 64))).save(folder / "2.png")
    opened.action_table["import"].trigger()
    dialog = visible(qtbot, opened)
    name_source(qtbot, dialog, masks, "index-png")
    line = dialog.images.model.line(2)
    assert line.fate == "refuse"
    assert dialog.start.text().strip() == "Import 2 Masks"
    choose(dialog.options.boxes["other_size"], "scale")
    planned(qtbot, dialog)
    assert dialog.images.model.line(2).fate == "scale"
    assert dialog.summary.text().endswith("Of these, 1 scaled.")
    dialog.start.click()
    finished(qtbot, dialog)
    shown(qtbot, opened.session, "2.png")
    assert opened.session.document.annotation.pixels.shape == (48, 64)
    assert "Scaled to the image: 1 mask." in dialog.outcome.remarks.texts


@pytest.fixture
def doubtful(tmp_path):
    """Two masks that fit 0.png, and one whose name is like that of no image."""
    place = tmp_path / "doubtful"
    names = ["a/0.png", "b/0.png", "one.png"]
    samples = [Sample(name, truth(number + 1)) for number, name in enumerate(names)]
    FORMATS["index-png"].write(place, Outgoing("set", ClassTable.binary(), names, lambda: iter(samples)))
    return place


def mask_menu(dialog, image):
    """Click on the mask of an image, and return the menu that opens."""
    images = dialog.images
    index = images.model.index(images.model.row_of(image), 3)
    images.view.clicked.emit(index)
    return next(menu for menu in images.findChildren(QMenu) if menu.isVisible())


def pick(menu, text):
    next(action for action in menu.actions() if action.text() == text).trigger()
    menu.close()


def test_where_several_masks_fit_a_person_chooses_one(dialog, qtbot, doubtful, opened):
    name_source(qtbot, dialog, doubtful, "index-png")
    model = dialog.images.model
    assert [model.index(0, column).data() for column in (0, 1, 3)] == [
        "0.png", "choose its mask: Which mask belongs to it can't be told; it may be a/0, b/0.", "Choose…",
    ]  # fmt: skip
    assert dialog.summary.text() == "Several masks fit each image: choose one in the list of images."
    menu = mask_menu(dialog, "0.png")
    assert [action.text() for action in menu.actions() if action.isChecked()] == ["None of them"]
    pick(menu, "b/0")
    planned(qtbot, dialog)
    assert model.line(0).fate == "import"
    assert dialog.picture.current == "0.png"
    menu = mask_menu(dialog, "0.png")
    assert [action.text() for action in menu.actions() if action.isChecked()] == ["b/0"]
    menu.close()
    pick(mask_menu(dialog, "1.png"), "one")  # by no rule, but a person knows
    planned(qtbot, dialog)
    assert dialog.start.text().strip() == "Import 2 Masks"
    dialog.start.click()
    finished(qtbot, dialog)
    shown(qtbot, opened.session, "0.png")
    assert (opened.session.document.annotation.pixels == truth(2)).all()
    shown(qtbot, opened.session, "1.png")
    assert (opened.session.document.annotation.pixels == truth(3)).all()


def test_enter_in_a_field_or_a_list_starts_no_import(dialog, qtbot, masks, opened):
    name_source(qtbot, dialog, masks, "index-png")
    for widget in (dialog.source.path, dialog.images.search, dialog.images.view, dialog.classes):
        qtbot.keyClick(widget, Qt.Key.Key_Return)
        assert not opened.session.importer.running
    assert dialog.start.isEnabled()


def test_a_choice_can_be_taken_back_and_ends_with_the_source(dialog, qtbot, doubtful, masks):
    name_source(qtbot, dialog, doubtful, "index-png")
    dialog.tabs.setCurrentWidget(dialog.images)
    dialog.images.view.setFocus()
    dialog.images.view.selectRow(0)
    qtbot.keyClick(dialog.images.view, Qt.Key.Key_Return)
    pick(next(menu for menu in dialog.images.findChildren(QMenu) if menu.isVisible()), "a/0")
    planned(qtbot, dialog)
    assert dialog.wish().options.pairs == {"0.png": "a/0"}
    pick(mask_menu(dialog, "0.png"), "None of them")
    planned(qtbot, dialog)
    assert dialog.images.model.line(0).fate == "choose"
    pick(mask_menu(dialog, "0.png"), "a/0")
    name_source(qtbot, dialog, masks, "index-png")
    assert dialog.wish().options.pairs == {}


def test_only_questions_that_matter_are_asked(dialog, qtbot, masks):
    name_source(qtbot, dialog, masks, "index-png")
    asked = [name for name, box in dialog.options.boxes.items() if box.isVisible()]
    assert asked == ["layer"]


def test_questions_that_are_asked_stand_side_by_side_without_gaps(opened, qtbot, folder, masks):
    Image.fromarray(picture(2, (48, 64))).save(folder / "2.png")
    opened.action_table["import"].trigger()
    dialog = visible(qtbot, opened)
    name_source(qtbot, dialog, masks, "index-png")
    boxes = [box for box in dialog.options.boxes.values() if box.isVisible()]
    first, second = (box.mapTo(dialog, box.rect().topLeft()).x() for box in boxes)
    assert second - first < boxes[0].width() + 20


def test_a_source_that_can_t_be_read_is_explained_where_one_looks(dialog, qtbot, tmp_path, masks):
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    dialog.source.take(broken)
    choose(dialog.source.format, "coco")
    qtbot.waitUntil(dialog.problem.isVisible, timeout=20_000)
    assert "broken.json" in dialog.problem.text.text()
    assert not dialog.start.isEnabled()
    name_source(qtbot, dialog, masks, "index-png")
    assert not dialog.problem.isVisible()


def test_where_no_format_is_recognised_a_person_is_asked(dialog, qtbot, tmp_path):
    place = tmp_path / "notes"
    place.mkdir()
    (place / "notes.txt").write_text("nothing")
    dialog.take(place)
    qtbot.waitUntil(lambda: dialog.summary.text() == "Choose the format of these masks.", timeout=20_000)
    assert dialog.source.how.text() == "Not recognised: choose it"


def test_a_source_that_is_not_there_is_said_and_found_once_it_is(dialog, qtbot, tmp_path, masks):
    place = tmp_path / "later"
    dialog.source.take(place)
    qtbot.waitUntil(lambda: "no such file" in dialog.source.how.text(), timeout=20_000)
    assert dialog.summary.text() == ""
    masks.rename(place)
    qtbot.keyClick(dialog.source.path, Qt.Key.Key_Return)
    planned(qtbot, dialog)
    assert dialog.start.isEnabled()


def test_the_report_can_be_read_in_the_window(dialog, qtbot, masks):
    name_source(qtbot, dialog, masks, "index-png")
    dialog.start.click()
    finished(qtbot, dialog)
    dialog.outcome.report.click()
    (box,) = [box for box in dialog.findChildren(TextFileDialog) if box.isVisible()]
    assert "index-png" in box.text.toPlainText()
    assert box.text.isReadOnly()


def test_masks_of_other_images_are_explained(opened, qtbot, tmp_path):
    place = tmp_path / "others"
    samples = [Sample("elsewhere.png", truth(0))]
    table = ClassTable.binary()
    FORMATS["index-png"].write(place, Outgoing("set", table, ["elsewhere.png"], lambda: iter(samples)))
    opened.action_table["import"].trigger()
    dialog = visible(qtbot, opened)
    name_source(qtbot, dialog, place, "index-png")
    assert dialog.summary.text().startswith("None of the 1 masks belongs to an image")
    assert not dialog.start.isEnabled()


def test_painted_pixels_come_back_when_the_import_is_undone(opened, qtbot, masks):
    session = opened.session
    paint_all(session, 1)
    painted = session.document.annotation.pixels.copy()
    opened.action_table["import"].trigger()
    dialog = visible(qtbot, opened)
    name_source(qtbot, dialog, masks, "index-png")
    assert dialog.images.model.line(0).fate == "keep"
    choose(dialog.options.boxes["replace"], "replace")
    choose(dialog.options.boxes["layer"], "finished")
    planned(qtbot, dialog)
    assert dialog.start.text().strip() == "Import 3 Masks"
    dialog.start.click()
    finished(qtbot, dialog)
    assert dialog.outcome.heading.text() == "3 masks came in."
    assert (
        dialog.outcome.remarks.texts[0]
        == "Proved: 3 masks read back from the project, every pixel as it was meant."
    )
    shown(qtbot, session, "0.png")
    assert session.document.approved
    leaf = session.classes.named("leaf").index
    assert (session.document.annotation.pixels[:10, :10] == leaf).all()
    seen = canvas_color(opened, 5, 5)
    assert seen.green() > seen.red() + 40  # the leaf's green over a grey image
    qtbot.waitUntil(dialog.outcome.undo.isEnabled, timeout=20_000)
    dialog.outcome.undo.click()
    qtbot.waitUntil(lambda: "taken back" in dialog.outcome.heading.text(), timeout=20_000)
    shown(qtbot, session, "0.png")
    assert np.array_equal(session.document.annotation.pixels, painted)
    assert session.status("1.png") is Status.UNLABELLED
    assert session.classes.named("leaf") is None
    assert not dialog.outcome.undo.isVisible()


def canvas_color(window, row, column):
    """What the canvas shows at a place of the image."""
    QApplication.processEvents()
    window.canvas.finish()
    at = window.canvas.to_widget(row + 0.5, column + 0.5)
    return window.canvas.grab().toImage().pixelColor(int(at.x()), int(at.y()))


def test_the_last_import_is_undone_from_the_menu_after_a_question(opened, qtbot, masks):
    session = opened.session
    opened.action_table["import"].trigger()
    dialog = visible(qtbot, opened)
    assert not opened.action_table["undo_import"].isEnabled()
    name_source(qtbot, dialog, masks, "index-png")
    dialog.start.click()
    finished(qtbot, dialog)
    dialog.close_button.click()
    qtbot.waitUntil(opened.action_table["undo_import"].isEnabled, timeout=20_000)
    shown(qtbot, session, "1.png")
    paint_all(session, 0)
    opened.action_table["undo_import"].trigger()
    answer(opened, "Undo Import")
    qtbot.waitUntil(lambda: bool(boxes(opened)), timeout=20_000)
    assert "1 image was changed since the import: 1.png." in boxes(opened)[0].text()
    with qtbot.waitSignal(session.importer.undone, timeout=20_000):
        answer(opened, "Keep Changed Images")
    assert session.status("0.png") is Status.UNLABELLED
    assert session.status("1.png") is Status.PAINTED


def boxes(window):
    return [box for box in window.findChildren(QMessageBox) if box.isVisible()]


def answer(window, text):
    (box,) = boxes(window)
    next(button for button in box.findChildren(QPushButton) if button.text() == text).click()


def test_where_masks_came_from_is_offered_again(opened, qtbot, masks, preferences):
    opened.action_table["import"].trigger()
    dialog = visible(qtbot, opened)
    assert not dialog.source.recent.isVisible()
    name_source(qtbot, dialog, masks, "index-png")
    dialog.start.click()
    finished(qtbot, dialog)
    dialog.close_button.click()
    assert preferences.import_sources == [str(masks)]
    opened.action_table["import"].trigger()
    dialog = visible(qtbot, opened)
    (entry,) = dialog.source.recent.menu().actions()
    entry.trigger()
    assert dialog.source.source == masks


def test_a_file_of_masks_dropped_on_the_window_is_offered_for_import(opened, qtbot, tmp_path):
    source = tmp_path / "masks.json"
    source.write_text(json.dumps(coco("0.png", [("big", 10, 10, 70, 70)])))
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(source))])
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    event = QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, data, buttons, keys)
    opened.dropEvent(event)
    dialog = visible(qtbot, opened)
    assert dialog.source.source == source
    assert opened.session.project.image_root != tmp_path


def test_the_box_stays_while_masks_are_written(dialog, qtbot, masks, opened):
    name_source(qtbot, dialog, masks, "index-png")
    dialog.start.click()
    assert dialog.pages.currentWidget() is dialog.work
    dialog.reject()
    assert dialog.isVisible()
    assert not opened.action_table["approve"].isEnabled()
    finished(qtbot, dialog)
    qtbot.waitUntil(opened.action_table["undo_import"].isEnabled, timeout=20_000)
    dialog.reject()
    assert not dialog.isVisible()


def test_strange_names_are_shown_and_nothing_is_cut_off(opened, qtbot, tmp_path):
    name = "خلية 🧬 with an unreasonably long name that does not fit anywhere at all in this column"
    source = tmp_path / "names.json"
    source.write_text(json.dumps(coco("0.png", [(name, 10, 10, 70, 70), ("<b>bold</b>", 5, 5, 20, 20)])))
    opened.action_table["import"].trigger()
    dialog = visible(qtbot, opened)
    name_source(qtbot, dialog, source, "coco")
    assert [found.name for found in dialog.classes.classes.found][1:] == [name, "<b>bold</b>"]
    dialog.resize(dialog.minimumSize())
    for widget in (dialog.start, dialog.close_button, *dialog.options.boxes.values(), dialog.source.folder):
        if widget.isVisible():
            corner = widget.mapTo(dialog, widget.rect().bottomRight())
            assert dialog.rect().contains(corner)


def test_every_control_has_a_name_and_a_tooltip(dialog, qtbot, masks):
    name_source(qtbot, dialog, masks, "index-png")
    for box in dialog.findChildren(QComboBox):
        assert box.accessibleName(), box.objectName()
        assert box.toolTip(), box.objectName()
    for button in dialog.findChildren(QPushButton):
        assert button.toolTip() or not button.text(), button.text()


def test_touching_objects_are_told_in_numbers():
    found = Examination(
        images=2, touching={"a.png": {"cell": Touching(200, 190)}, "b.png": {"cell": Touching(12, 8)}}
    )
    (remark,) = examination_words(found, True, False)
    assert remark.text.startswith(
        "212 objects in 2 images become 198 areas, because 14 touch another of the same class"
    )


def test_progress_names_the_time_that_is_left_once_it_is_known():
    assert progress_words(12, 48, float("nan")) == "12 of 48"
    assert progress_words(12, 48, 3.0) == "12 of 48 · about 3 s left"


def test_thousands_of_images_are_listed_without_a_widget_each(opened, qtbot, tmp_path):
    names = [f"{number:05}.png" for number in range(2_000)]
    folder = make_folder(tmp_path / "many", 1)
    first = (folder / "0.png").read_bytes()
    for name in names:
        (folder / name).write_bytes(first)
    opened.open_folder(folder)
    qtbot.waitUntil(lambda: len(opened.session.images) == 2_001, timeout=30_000)
    source = tmp_path / "many.json"
    images = [
        {"id": place, "file_name": name, "width": SHAPE[1], "height": SHAPE[0]}
        for place, name in enumerate(names)
    ]
    source.write_text(
        json.dumps({"images": images, "annotations": [], "categories": [{"id": 1, "name": "a"}]})
    )
    opened.action_table["import"].trigger()
    dialog = visible(qtbot, opened)
    name_source(qtbot, dialog, source, "coco")
    assert dialog.images.model.rowCount() == 2_001
    assert len(dialog.images.view.viewport().children()) < 100
    assert dialog.images.filter.itemText(1) == "Listed without a mask (2,000)"


def test_a_long_notice_is_not_cut_off_in_a_small_window(opened, qtbot):
    opened.resize(900, 600)
    text = "The import of a_folder_with_a_long_name (index-png) was broken off before its end."
    remedy = "What came in is there. Take it back, or import the same masks again to get the rest."
    opened.banner.show_notice(Notice("warning", text, remedy, "Undo Import", lambda: None))

    def all_of_it_shows():
        said = opened.banner._text
        return said.height() >= said.heightForWidth(said.width()) > 0

    qtbot.waitUntil(all_of_it_shows, timeout=5_000)
