"""Dialogs: export with its proof, about, and what is asked before something is lost."""

import json

import pytest
from PySide6.QtWidgets import QFileDialog, QLabel

from tests.ui.conftest import paint_all
from unet_studio.core.storage import read_index_png
from unet_studio.formats.proof import Proof
from unet_studio.formats.table import WRITTEN
from unet_studio.ui.dialogs.about import AboutDialog
from unet_studio.ui.dialogs.export import ExportDialog, proof_text
from unet_studio.ui.dialogs.messages import ask, ask_folder


def only(window, kind):
    (found,) = [widget for widget in window.findChildren(kind) if widget.isVisible()]
    return found


@pytest.fixture
def finished(opened, qtbot):
    paint_all(opened.session, 1)
    opened.session.editor.approve()
    return opened


@pytest.mark.parametrize("name", WRITTEN)
def test_exports_every_format_and_shows_the_proof(finished, qtbot, tmp_path, name):
    finished.action_table["export"].trigger()
    dialog = only(finished, ExportDialog)
    assert [dialog.format.itemData(i) for i in range(dialog.format.count())] == list(WRITTEN)
    assert dialog.which.currentData() == "approved"
    dialog.format.setCurrentIndex(dialog.format.findData(name))
    dialog.destination.setText(str(tmp_path / "out"))
    dialog.start.click()
    assert not dialog.start.isEnabled()
    qtbot.waitUntil(dialog.start.isEnabled, timeout=20_000)
    assert "1 image written to" in dialog.outcome.text.text()
    assert "read back, every pixel as it was" in dialog.outcome.text.text()
    assert list((tmp_path / "out").iterdir())
    dialog.reject()


def test_the_exported_mask_is_the_mask(finished, qtbot, tmp_path):
    finished.action_table["export"].trigger()
    dialog = only(finished, ExportDialog)
    dialog.destination.setText(str(tmp_path / "out"))
    dialog.start.click()
    qtbot.waitUntil(dialog.start.isEnabled, timeout=20_000)
    labels, _ = read_index_png(tmp_path / "out" / "0.png")
    assert (labels == 1).all()
    assert json.loads((tmp_path / "out/manifest.json").read_text())
    dialog.reject()


def test_an_export_that_is_refused_says_why_and_can_be_tried_again(opened, qtbot, folder):
    opened.action_table["export"].trigger()
    dialog = only(opened, ExportDialog)
    assert dialog.which.currentData() == "all"
    dialog.destination.setText(" ")
    dialog.start.click()
    assert "Choose a folder" in dialog.outcome.text.text()
    dialog.destination.setText(str(folder / "inside"))
    dialog.start.click()
    qtbot.waitUntil(dialog.outcome.isVisible, timeout=20_000)
    qtbot.waitUntil(dialog.start.isEnabled, timeout=20_000)
    assert dialog.outcome.text.text()
    dialog.reject()


def test_a_proof_that_is_not_exact_gives_figures():
    text = proof_text(Proof(3, {"background": 0.9999, "cell": 0.98}, ("a.png",)))
    assert "1 image of 3 differ" in text
    assert "cell 0.9800" in text


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
