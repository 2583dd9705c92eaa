"""Dialogs: export with its proof, about, and what is asked before something is lost."""

import json
import threading

import pytest
from PySide6.QtCore import QItemSelectionModel, Qt
from PySide6.QtGui import QDesktopServices
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QLabel,
    QLineEdit,
    QPushButton,
    QTableWidget,
    QWidget,
)

from tests.ui.conftest import paint_all, shown
from unet_studio.core.errors import StudioError
from unet_studio.core.storage import read_index_png
from unet_studio.formats import destination, exporting
from unet_studio.formats.destination import MANIFEST
from unet_studio.formats.export_options import ExportOptions
from unet_studio.formats.proof import Proof
from unet_studio.formats.table import WRITTEN
from unet_studio.session.exporter import ExportWish
from unet_studio.ui.dialogs.about import AboutDialog
from unet_studio.ui.dialogs.exporting.dialog import ExportDialog
from unet_studio.ui.dialogs.exporting.outcome import proof_text
from unet_studio.ui.dialogs.messages import ask, ask_folder
from unet_studio.ui.dialogs.text_file import TextFileDialog, show_text_file

WAIT = 20_000  # ms


def only(window, kind):
    (found,) = [widget for widget in window.findChildren(kind) if widget.isVisible()]
    return found


@pytest.fixture
def finished(opened, qtbot):
    paint_all(opened.session, 1)
    opened.session.editor.approve()
    return opened


def assistant(window, qtbot, counted=True):
    """The export assistant, with what would be written worked out."""
    window.action_table["export"].trigger()
    qtbot.waitUntil(lambda: bool(window.findChildren(ExportDialog)), timeout=WAIT)
    dialog = only(window, ExportDialog)
    if counted:
        planned(dialog, qtbot)
    return dialog


def planned(dialog, qtbot):
    """Wait until the plan is of what is chosen now, and everything is counted that there is."""

    def ready():
        plan = dialog._plan
        return plan is not None and (plan.counted or not plan.images) and not dialog._timer.isActive()

    qtbot.waitUntil(ready, timeout=WAIT)


def choose(dialog, name):
    dialog.choices.format.setCurrentIndex(dialog.choices.format.findData(name))


def written(dialog, qtbot):
    qtbot.waitUntil(dialog.start.isEnabled, timeout=WAIT)
    dialog.start.click()
    qtbot.waitUntil(dialog.outcome.isVisible, timeout=WAIT)


@pytest.mark.parametrize("name", WRITTEN)
def test_exports_every_format_and_shows_the_proof(finished, qtbot, tmp_path, name):
    dialog = assistant(finished, qtbot, counted=False)
    choices = dialog.choices
    assert [choices.format.itemData(i) for i in range(choices.format.count())] == list(WRITTEN)
    assert choices.which.currentData() == "approved"
    choose(dialog, name)
    assert choices.purpose.text(), f"say in format_words what {name} is for"
    assert choices.loses.isVisible() is bool(WRITTEN[name].loses)
    choices.set_place(str(tmp_path / "out"))
    planned(dialog, qtbot)
    written(dialog, qtbot)
    assert "1 mask written as" in dialog.outcome.note.text.text()
    assert "every pixel as it was" in dialog.outcome.note.text.text()
    assert list((tmp_path / "out").iterdir())
    rows = range(dialog.outcome.proof.rowCount())
    assert {dialog.outcome.proof.item(row, 1).text() for row in rows} == {"1.000000"}
    dialog.close()


def test_the_manifest_is_shown_as_text_in_part_where_it_is_long(finished, qtbot, tmp_path, monkeypatch):
    dialog = assistant(finished, qtbot)
    dialog.choices.set_place(str(tmp_path / "out"))
    planned(dialog, qtbot)
    written(dialog, qtbot)
    dialog.outcome.show_manifest.click()
    box = only(finished, TextFileDialog)
    assert json.loads(box.text.toPlainText())["format"] == "index-png"
    box.reject()
    monkeypatch.setattr("unet_studio.ui.dialogs.text_file.MOST", 100)
    dialog.outcome.show_manifest.click()
    shown_text = only(finished, TextFileDialog).text.toPlainText()
    assert shown_text.endswith("(the rest is in the file)")
    assert len(shown_text) < 140


def test_a_folder_that_nothing_opens_is_told_by_the_text_s_box(finished, qtbot, tmp_path, monkeypatch):
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda _url: False)
    path = tmp_path / "report.txt"
    path.write_text("what was found")
    show_text_file("Report", path, finished.session, finished)
    box = only(finished, TextFileDialog)
    with qtbot.waitSignal(finished.session.failed) as heard:
        next(button for button in box.findChildren(QPushButton) if "Folder" in button.text()).click()
    assert str(tmp_path) in heard.args[0]


def test_enter_in_the_field_of_the_pixel_size_starts_no_export(finished, qtbot, tmp_path):
    dialog = assistant(finished, qtbot)
    dialog.choices.set_place(str(tmp_path / "out"))
    planned(dialog, qtbot)
    assert dialog.start.isEnabled()
    dialog.choices.more.set_open(True)
    dialog.choices.pixel_size.number.setText("0.5")
    QTest.keyClick(dialog.choices.pixel_size.number, Qt.Key.Key_Return)
    assert str(finished.session.project.pixel_size) == "0.5 µm"
    assert finished.session.exporter.running is None


def test_a_manifest_that_is_gone_is_said(finished, qtbot, tmp_path):
    dialog = assistant(finished, qtbot)
    dialog.choices.set_place(str(tmp_path / "out"))
    planned(dialog, qtbot)
    written(dialog, qtbot)
    (tmp_path / "out" / MANIFEST).unlink()
    with qtbot.waitSignal(finished.session.failed) as heard:
        dialog.outcome.show_manifest.click()
    assert MANIFEST in heard.args[0]


def test_the_exported_mask_is_the_mask(finished, qtbot, tmp_path):
    dialog = assistant(finished, qtbot)
    dialog.choices.set_place(str(tmp_path / "out"))
    planned(dialog, qtbot)
    assert dialog.start.text() == " Export 1 Mask"
    written(dialog, qtbot)
    labels, _ = read_index_png(tmp_path / "out" / "0.png")
    assert (labels == 1).all()
    assert json.loads((tmp_path / "out" / MANIFEST).read_text())
    dialog.close()


def test_what_would_be_written_is_said_in_numbers(finished, qtbot, tmp_path):
    dialog = assistant(finished, qtbot)
    assert dialog.foresight.heading.text() == "1 object in 1 image"
    assert any("1 approved" in text for text in dialog.foresight.texts())
    table = dialog.foresight.classes
    assert [table.item(1, column).text() for column in range(3)] == ["object", "1", f"{96 * 128:,}"]
    dialog.close()


def test_nothing_to_export_is_explained_and_mended(opened, qtbot):
    paint_all(opened.session, 1)
    dialog = assistant(opened, qtbot)
    assert dialog.choices.which.currentData() == "all"
    dialog.choices.which.setCurrentIndex(0)
    planned(dialog, qtbot)
    note = dialog.foresight.obstacle
    assert "No image is approved yet" in note.text.text()
    assert not dialog.start.isEnabled()
    note.button.click()
    assert dialog.choices.which.currentData() == "all"
    planned(dialog, qtbot)
    assert dialog.start.isEnabled()
    assert any("3 images left out" in text for text in dialog.foresight.texts())
    dialog.close()


def test_a_place_that_will_not_do_is_refused_before_anything_is_written(finished, qtbot, folder):
    dialog = assistant(finished, qtbot)
    dialog.choices.set_place(str(folder / "inside"))
    qtbot.waitUntil(lambda: "among the images" in dialog.foresight.obstacle.text.text(), timeout=WAIT)
    assert not dialog.start.isEnabled()
    dialog.choices.destination.setText(" ")
    planned(dialog, qtbot)
    assert not dialog.start.isEnabled()
    assert "Choose where" in dialog.start.toolTip()
    assert not (folder / "inside").exists()
    dialog.close()


def test_a_place_that_cannot_be_written_to_is_refused_too(finished, qtbot, tmp_path, monkeypatch):
    closed = tmp_path / "closed"
    closed.mkdir()
    real = destination.os.access
    monkeypatch.setattr(destination.os, "access", lambda path, mode: path != closed and real(path, mode))
    dialog = assistant(finished, qtbot)
    dialog.choices.set_place(str(closed / "deep" / "out"))
    qtbot.waitUntil(lambda: "can't be written to" in dialog.foresight.obstacle.text.text(), timeout=WAIT)
    assert not dialog.start.isEnabled()
    dialog.reject()


def test_an_export_that_fails_says_why_and_can_be_tried_again(finished, qtbot, tmp_path, monkeypatch):
    def broken(*_given):
        raise StudioError("The disk is full.", "Make room on it.")

    dialog = assistant(finished, qtbot)
    dialog.choices.set_place(str(tmp_path / "out"))
    planned(dialog, qtbot)
    with monkeypatch.context() as patched:
        patched.setattr(exporting, "export_masks", broken)
        written(dialog, qtbot)
    assert dialog.outcome.note.text.text() == "The disk is full. Make room on it."
    assert not dialog.outcome.show_folder.isVisible()
    dialog.more.click()
    planned(dialog, qtbot)
    written(dialog, qtbot)
    assert "1 mask written" in dialog.outcome.note.text.text()
    dialog.close()


def test_a_second_export_says_what_it_replaces(finished, qtbot, tmp_path):
    dialog = assistant(finished, qtbot)
    dialog.choices.set_place(str(tmp_path / "out"))
    planned(dialog, qtbot)
    written(dialog, qtbot)
    dialog.more.click()
    planned(dialog, qtbot)
    assert dialog.start.text() == " Replace With 1 Mask"
    assert any("Replaces" in text for text in dialog.foresight.texts())
    dialog.close()


def test_classes_are_renamed_merged_and_left_out(finished, qtbot, tmp_path):
    session = finished.session
    session.class_editor.add("debris")
    dialog = assistant(finished, qtbot)
    names = dialog.choices.class_names
    assert names.renames == {}
    assert not names.reset.isEnabled()
    names.table.item(1, 1).setText("cell")
    names.table.item(2, 1).setText("cell")
    names.table.item(0, 0).setCheckState(Qt.CheckState.Unchecked)
    assert names.renames == {"background": "", "object": "cell", "debris": "cell"}
    assert "1 left out" in names.summary()
    dialog.choices.set_place(str(tmp_path / "out"))
    planned(dialog, qtbot)
    rows = range(dialog.foresight.classes.rowCount())
    assert [dialog.foresight.classes.item(row, 0).text() for row in rows] == ["cell"]
    written(dialog, qtbot)
    assert dialog.outcome.proof.item(0, 0).text() == "cell"
    names.table.item(1, 1).setText("  ")
    assert names.renames["debris"] == "cell"
    assert "object" not in names.renames, "an empty name is its own"
    names.reset.click()
    assert names.renames == {}
    dialog.close()


def test_names_of_classes_outlive_a_change_of_the_classes(finished, qtbot):
    dialog = assistant(finished, qtbot)
    names = dialog.choices.class_names
    names.table.item(1, 1).setText("cell")
    finished.session.class_editor.add("debris")
    assert names.table.rowCount() == 3
    assert names.renames == {"object": "cell"}
    dialog.close()


def test_pictures_and_statistics_go_beside_the_masks(finished, qtbot, tmp_path):
    dialog = assistant(finished, qtbot)
    for tick in (dialog.choices.statistics, dialog.choices.overlay, dialog.choices.side_by_side):
        tick.click()
    dialog.choices.set_place(str(tmp_path / "out"))
    planned(dialog, qtbot)
    written(dialog, qtbot)
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert sum(path.suffix == ".csv" for path in files) == 2
    assert "Beside the masks" in dialog.outcome.beside.text()
    dialog.close()


def test_the_selection_of_the_panel_can_be_exported(finished, qtbot, tmp_path):
    panel = finished.panels["files"]
    panel.view.selectAll()
    dialog = assistant(finished, qtbot)
    dialog.choices.which.setCurrentIndex(2)
    assert dialog.choices.which.currentText() == "Selected in the panel of images (4)"
    planned(dialog, qtbot)
    assert dialog._plan.images == ("0.png",)
    panel.view.show_row(panel.model.index(1, 0))
    panel.view.selectionModel().select(
        panel.model.index(2, 0), QItemSelectionModel.SelectionFlag.ClearAndSelect
    )
    assert dialog.choices.wish().options.names == ("2.png",)
    planned(dialog, qtbot)
    assert not dialog.start.isEnabled()
    dialog.close()


def test_what_was_chosen_is_remembered(finished, qtbot, tmp_path):
    dialog = assistant(finished, qtbot)
    choose(dialog, "coco")
    dialog.choices.set_place(str(tmp_path / "out" / "mine.json"))
    dialog.choices.statistics.click()
    dialog.choices.class_names.table.item(1, 1).setText("cell")
    planned(dialog, qtbot)
    written(dialog, qtbot)
    dialog.close()
    qtbot.waitUntil(lambda: not finished.findChildren(ExportDialog), timeout=WAIT)
    again = assistant(finished, qtbot)
    assert again.choices.format.currentData() == "coco"
    assert again.choices.destination.text() == str(tmp_path / "out" / "mine.json")
    assert again.choices.statistics.isChecked()
    assert again.choices.class_names.renames == {"object": "cell"}
    choose(again, "index-png")
    assert again.choices.destination.text() == str(tmp_path / "images-index-png")
    again.close()


def test_what_is_of_one_project_stays_with_it(preferences, tmp_path):
    preferences.store_export(tmp_path / "one", {"format": "coco", "renames": {"a": "b"}}, ("format",))
    assert preferences.export(tmp_path / "one") == {"format": "coco", "renames": {"a": "b"}}
    assert preferences.export(tmp_path / "two") == {"format": "coco"}


def test_split_folders_need_a_folder(finished, qtbot):
    dialog = assistant(finished, qtbot)
    choose(dialog, "coco")
    assert dialog.choices.destination.text().endswith(".json")
    dialog.choices.split_folders.setChecked(True)
    assert dialog.choices.destination.text().endswith("images-coco")
    assert dialog.choices.wish().options.split_folders
    choose(dialog, "voc")
    assert not dialog.choices.split_folders.isEnabled()
    assert not dialog.choices.wish().options.split_folders
    dialog.close()


def test_an_export_goes_on_while_its_box_is_closed(finished, qtbot, tmp_path, monkeypatch):
    reached, go_on = threading.Event(), threading.Event()
    real = exporting.export_masks

    def slow(*given):
        reached.set()
        go_on.wait(20)
        return real(*given)

    monkeypatch.setattr(exporting, "export_masks", slow)
    dialog = assistant(finished, qtbot)
    dialog.choices.set_place(str(tmp_path / "out"))
    planned(dialog, qtbot)
    dialog.start.click()
    assert dialog.close_button.text() == "Hide"
    qtbot.waitUntil(reached.is_set, timeout=WAIT)
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not finished.findChildren(ExportDialog), timeout=WAIT)
    again = assistant(finished, qtbot, counted=False)
    assert again.cancel.isVisible()
    assert "Exporting" in again.doing.text()
    go_on.set()
    qtbot.waitUntil(again.outcome.isVisible, timeout=WAIT)
    again.close()


def test_an_export_can_be_stopped(finished, qtbot, tmp_path, monkeypatch):
    reached, go_on = threading.Event(), threading.Event()
    real = exporting.export_masks

    def slow(project, name, place, options, advance):
        reached.set()
        go_on.wait(20)
        return real(project, name, place, options, advance)

    monkeypatch.setattr(exporting, "export_masks", slow)
    dialog = assistant(finished, qtbot)
    dialog.choices.set_place(str(tmp_path / "out"))
    planned(dialog, qtbot)
    dialog.start.click()
    qtbot.waitUntil(reached.is_set, timeout=WAIT)
    dialog.cancel.click()
    assert dialog.start.isVisible()
    go_on.set()
    planned(dialog, qtbot)
    assert not (tmp_path / "out").exists()
    dialog.close()


def test_an_export_that_ends_unseen_is_said(finished, qtbot, tmp_path):
    said = []
    finished.session.message.connect(said.append)
    wish = ExportWish("index-png", tmp_path / "out", ExportOptions())
    with qtbot.waitSignal(finished.session.exporter.exported, timeout=WAIT):
        finished.session.exporter.run(wish)
    assert any("1 mask" in text for text in said)


def test_masks_that_change_are_counted_again_when_asked(finished, qtbot):
    dialog = assistant(finished, qtbot)
    assert not dialog.foresight.again.isVisible()
    finished.session.editor.unapprove()
    assert dialog.foresight.again.isVisible()
    assert dialog.choices.which.itemText(0) == "Approved images (0)"
    dialog.foresight.again.click()
    qtbot.waitUntil(lambda: not dialog.foresight.again.isVisible(), timeout=WAIT)
    qtbot.waitUntil(lambda: dialog.foresight.heading.text() == "Nothing to write", timeout=WAIT)
    dialog.close()


def test_images_that_cannot_be_exported_are_listed_and_opened(finished, qtbot, tmp_path, folder):
    session = finished.session
    shown(qtbot, session, "1.png")
    paint_all(session, 1)
    session.editor.approve()
    shown(qtbot, session, "0.png")
    qtbot.waitUntil(lambda: not session.unsaved().images, timeout=WAIT)
    (folder / "unet-studio" / "approved" / "1.png.png").write_bytes(b"no picture")
    dialog = assistant(finished, qtbot)
    assert any("1.png is left out" in text for text in dialog.foresight.texts())
    dialog.choices.set_place(str(tmp_path / "out"))
    planned(dialog, qtbot)
    written(dialog, qtbot)
    outcome = dialog.outcome
    assert outcome.problems_title.text() == "1 image could not be exported"
    assert outcome.problems.item(0, 0).text() == "1.png"
    assert outcome.note.property("kind") == "warning"
    dialog.close()


def test_the_assistant_is_shown_once_and_closes_with_the_project(finished, qtbot):
    dialog = assistant(finished, qtbot)
    finished.action_table["export"].trigger()
    assert only(finished, ExportDialog) is dialog
    finished.session.close_project()
    qtbot.waitUntil(lambda: not finished.findChildren(ExportDialog), timeout=WAIT)


def test_the_assistant_fits_a_small_screen_and_names_its_parts(finished, qtbot):
    dialog = assistant(finished, qtbot)
    size = dialog.minimumSizeHint().expandedTo(dialog.minimumSize())
    assert size.width() <= 860
    assert size.height() <= 540
    for widget in dialog.findChildren(QWidget):
        if isinstance(widget, QComboBox | QLineEdit | QTableWidget) and widget.isVisibleTo(dialog):
            assert widget.accessibleName() or widget.objectName() == "qt_spinbox_lineedit", widget
        if isinstance(widget, QPushButton | QCheckBox) and widget.isVisibleTo(dialog):
            assert widget.toolTip(), widget.text()
    dialog.close()


def test_a_proof_that_is_not_exact_says_so():
    text = proof_text(Proof(3, {"background": 0.9999, "cell": 0.98}, ("a.png",)))
    assert "1 mask of 3 differ" in text


def test_about_names_version_and_licence(opened):
    opened.action_table["about"].trigger()
    dialog = only(opened, AboutDialog)
    text = " ".join(label.text() for label in dialog.findChildren(QLabel))
    assert "Version 0.1.0" in text
    assert "MIT" in text
    dialog.accept()


def test_asking_does_nothing_until_answered(opened):
    done = []
    box = ask(opened, "Title", "Really?", "It is lost.", "Do It", lambda: done.append(1))
    assert done == []
    box.reject()
    assert done == []
    box = ask(opened, "Title", "Really?", "It is lost.", "Do It", lambda: done.append(1))
    assert box.defaultButton().text() == "Cancel"
    next(button for button in box.buttons() if button.text() == "Do It").click()
    assert done == [1]


def test_asking_for_a_folder_starts_where_it_should(opened, tmp_path):
    found = []
    ask_folder(opened, "Folder", tmp_path, found.append)
    dialog = only(opened, QFileDialog)
    assert dialog.directory().absolutePath() == str(tmp_path)
    dialog.fileSelected.emit("there")
    assert found == ["there"]
    dialog.reject()
