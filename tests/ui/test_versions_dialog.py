"""The window of versions: what it lists, and going back, naming, deleting, exporting and importing in it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QDesktopServices
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QLabel, QMessageBox

from tests.helpers import make_model
from unet_studio.core.model_card import CARD_FILE, read_card
from unet_studio.core.model_file import pack
from unet_studio.core.run_folder import RunFolder
from unet_studio.core.training_config import TrainingConfig
from unet_studio.jobs.version_list import Dependents
from unet_studio.ui.dialogs.changes.dialog import ChangesDialog
from unet_studio.ui.dialogs.versions.dialog import VersionsDialog, consequences
from unet_studio.ui.dialogs.versions.table import COLUMNS, one_line, size_text

WAIT = 20_000  # ms
LEFT = Qt.MouseButton.LeftButton
TITLES = [column.title for column in COLUMNS]
GATE = {
    "outcome": "candidate",
    "change": {"mean": -0.1, "low": -0.2, "high": -0.05, "images": 6, "level": 0.9},
    "reasons": ["It is worse."],
    "warnings": [],
}


def change(folder, **fields):
    card = json.loads((folder / CARD_FILE).read_text())
    (folder / CARD_FILE).write_text(json.dumps({**card, **fields}))


@pytest.fixture
def models(opened):
    """v1, in use, and v2, which came from it and is no better."""
    folder = opened.session.project.models_folder
    opened.session.project.prepare()
    change(make_model(folder / "v1"), created="2024-05-01T10:00:00+00:00")
    change(
        make_model(folder / "v2", seed=1), created="2025-05-01T10:00:00+00:00", parent="v1", base="v1",
        metrics={"mean_dice": 0.8125, "gate": GATE}, training={"samples": {"train": ["a", "b"]}, "run": "v2"},
    )  # fmt: skip
    opened.session.predictor.refresh()
    opened.session.predictor.set_model("v1")
    return folder


@pytest.fixture
def dialog(opened, models, qtbot):
    opened.action_table["versions"].trigger()
    qtbot.waitUntil(lambda: bool(opened.findChildren(VersionsDialog)), timeout=WAIT)
    (made,) = opened.findChildren(VersionsDialog)
    qtbot.waitUntil(lambda: row_of(made, "v2") is not None, timeout=WAIT)
    yield made
    if made in opened.findChildren(VersionsDialog):
        made.reject()


def row_of(dialog, name):
    return next((row for row in range(dialog.table.rowCount()) if dialog.table._name(row) == name), None)


def cell(dialog, name, title):
    column = TITLES.index(title) if title in TITLES else len(TITLES)
    return dialog.table.item(row_of(dialog, name), column).text()


def choose(dialog, name):
    dialog.table.choose(name)
    assert dialog.chosen.name == name


def visible_box(dialog, qtbot):
    def boxes():
        return [box for box in dialog.findChildren(QMessageBox) if box.isVisible()]

    qtbot.waitUntil(lambda: bool(boxes()), timeout=WAIT)
    return boxes()[0]


def test_it_lists_what_the_cards_say_and_which_is_in_use(dialog):
    assert dialog.chosen.name == "v1"
    assert dialog.focusWidget() is dialog.table
    texts = [cell(dialog, "v2", title) for title in TITLES]
    assert texts[:6] == ["v2", "v1", "2025-05-01 10:00", "2", "Dice 0.812", "Candidate"]
    assert texts[6].endswith("kB")
    assert [cell(dialog, name, "In Use") for name in ("v1", "v2")] == ["In use", ""]
    choose(dialog, "v2")
    assert dialog.details.gate.text() == "It is worse."


def test_going_back_takes_one_click(opened, dialog):
    choose(dialog, "v2")
    QTest.mouseClick(dialog.use, LEFT)
    assert opened.session.predictor.model_name == "v2"
    assert cell(dialog, "v2", "In Use") == "In use"
    assert not dialog.use.isEnabled()
    choose(dialog, "v1")
    QTest.mouseClick(dialog.use, LEFT)
    assert opened.session.predictor.model_name == "v1"
    assert "v2 stays in this list" in dialog.told.text.text()


def test_another_version_is_compared_with_the_one_in_use(opened, dialog, qtbot):
    qtbot.waitUntil(lambda: opened.session.document is not None, timeout=WAIT)
    choose(dialog, "v1")
    assert not dialog.versus.isVisible()
    choose(dialog, "v2")
    QTest.mouseClick(dialog.versus, LEFT)
    assert [side.entry.name for side in opened.session.comparer.sides] == ["v1", "v2"]
    opened.session.comparer.end()
    QTest.mouseClick(dialog.by_image, LEFT)
    qtbot.waitUntil(lambda: bool(opened.findChildren(ChangesDialog)), timeout=WAIT)
    (changes,) = opened.findChildren(ChangesDialog)
    assert [entry.name for entry in changes.pair] == ["v1", "v2"]
    changes.reject()


def test_a_file_never_takes_the_name_of_a_training_whose_model_is_to_come(opened, models, qtbot, tmp_path):
    session = opened.session
    entry = next(one for one in session.predictor.models() if one.name == "v2")
    pack(replace(entry, card=replace(entry.card, name="v3")), tmp_path / "v3.unet.zip")
    RunFolder.create(session.project.new_run("v3"), TrainingConfig())
    taken = []
    session.versions.taken.connect(taken.append)
    session.versions.unpack(tmp_path / "v3.unet.zip")
    qtbot.waitUntil(lambda: taken == ["v3-2"], timeout=WAIT)


def test_a_title_and_a_note_are_taken_when_the_field_is_left(opened, dialog, models, qtbot):
    choose(dialog, "v2")
    dialog.details.title.setFocus()
    QTest.keyClicks(dialog.details.title, "Spring")
    QTest.keyClick(dialog.details.title, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: read_card(models / "v2").title == "Spring", timeout=WAIT)
    qtbot.waitUntil(lambda: cell(dialog, "v2", "Version") == "Spring (v2)", timeout=WAIT)
    assert dialog.isVisible()
    dialog.details.note.setPlainText("Best on dark images")
    choose(dialog, "v1")
    qtbot.waitUntil(lambda: read_card(models / "v2").note == "Best on dark images", timeout=WAIT)
    assert read_card(models / "v1").note == ""
    choice = opened.panels["model"].choice
    qtbot.waitUntil(lambda: choice.findText("Spring (v2) · Dice 0.812") >= 0, timeout=WAIT)


def test_what_is_typed_stays_when_the_list_is_read_again(opened, dialog, qtbot):
    choose(dialog, "v2")
    dialog.details.title.setText("Half a tit")
    with qtbot.waitSignal(opened.session.versions.changed, timeout=WAIT):
        opened.session.versions.look()
    assert dialog.details.title.text() == "Half a tit"


def test_deleting_asks_and_says_what_rests_on_it(opened, dialog, models, qtbot):
    choose(dialog, "v1")
    assert not dialog.delete.isEnabled()
    assert "in use" in dialog.delete.toolTip()
    opened.session.predictor.set_model("v2")
    assert dialog.delete.isEnabled()
    QTest.mouseClick(dialog.delete, LEFT)
    box = visible_box(dialog, qtbot)
    assert box.text() == "Delete v1 for good?"
    assert "v2 would start the next training from it" in box.informativeText()
    assert (models / "v1").is_dir()
    next(button for button in box.buttons() if button.text() == "Delete").click()
    qtbot.waitUntil(lambda: row_of(dialog, "v1") is None, timeout=WAIT)
    assert not (models / "v1").exists()
    assert dialog.told.text.text() == "v1 was deleted."


def test_a_version_is_exported_and_imported(dialog, models, qtbot, tmp_path):
    path = tmp_path / "mine.unet.zip"
    choose(dialog, "v2")
    dialog.export.click()
    (files,) = dialog.findChildren(QFileDialog)
    files.fileSelected.emit(str(path))
    files.close()
    qtbot.waitUntil(lambda: "was written to" in dialog.told.text.text(), timeout=WAIT)
    assert path.is_file()
    dialog.take.click()
    files = next(box for box in dialog.findChildren(QFileDialog) if box.isVisible())
    files.fileSelected.emit(str(path))
    files.close()
    qtbot.waitUntil(lambda: row_of(dialog, "v2-2") is not None, timeout=WAIT)
    assert dialog.chosen.name == "v2-2"
    assert "v2-2 is one of this project's models now" in dialog.told.text.text()


def test_what_fails_is_told_with_its_remedy(opened, dialog, qtbot, tmp_path):
    path = tmp_path / "x.unet.zip"
    path.write_bytes(b"nonsense")
    opened.session.versions.unpack(path)
    qtbot.waitUntil(dialog.told.isVisible, timeout=WAIT)
    assert "is no model of U-Net Studio" in dialog.told.text.text()
    assert "Export the model again" in dialog.told.text.text()


def test_the_report_of_its_run_is_opened(opened, dialog, models, qtbot, monkeypatch):
    choose(dialog, "v2")
    assert not dialog.report.isEnabled()
    run = RunFolder.create(opened.session.project.new_run("v2"), TrainingConfig())
    change(make_model(run.best), created="2025-05-01T10:00:00+00:00")
    run.report.write_text("<html>")
    opened.session.versions.look()
    qtbot.waitUntil(dialog.report.isEnabled, timeout=WAIT)
    shown = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: shown.append(url.toLocalFile()))
    dialog.report.click()
    assert [Path(path) for path in shown] == [run.report]
    assert "No program here opens" in dialog.told.text.text()


def test_who_may_only_look_can_still_compare_export_and_use(opened, dialog, qtbot):
    opened.session.project.read_only = "It is open in another window."
    choose(dialog, "v2")
    dialog.refresh()
    assert not any(control.isEnabled() for control in (dialog.delete, dialog.take))
    assert dialog.use.isEnabled()
    assert dialog.export.isEnabled()
    assert dialog.details.title.isReadOnly()
    assert dialog.details.note.isReadOnly()
    opened.session.project.read_only = None


def test_foreign_text_is_shown_as_text(opened, dialog, models, qtbot):
    nasty = "<b>bold</b>\u202egpj\n<img src='file:///etc/passwd'>"
    change(models / "v2", title=nasty, note=nasty, parent=nasty)
    opened.session.versions.look()
    qtbot.waitUntil(lambda: "bold" in cell(dialog, "v2", "Version"), timeout=WAIT)
    assert cell(dialog, "v2", "From") == one_line(nasty)
    assert "\u202e" not in cell(dialog, "v2", "Version")
    item = dialog.table.item(row_of(dialog, "v2"), 0)
    assert "<b>" not in item.toolTip()
    choose(dialog, "v2")
    labels = dialog.findChildren(QLabel)
    assert all(one.textFormat() == Qt.TextFormat.PlainText for one in labels if "bold" in one.text())


def test_a_broken_model_is_listed_with_its_reason(opened, dialog, models, qtbot):
    (models / "v2" / CARD_FILE).write_text("{")
    opened.session.versions.look()
    qtbot.waitUntil(lambda: cell(dialog, "v2", "Score") == "can't be used", timeout=WAIT)
    choose(dialog, "v2")
    assert dialog.details.facts.text()
    assert not dialog.use.isEnabled()
    assert not dialog.export.isEnabled()
    assert dialog.delete.isEnabled()


def test_the_columns_sort_by_what_they_mean(dialog):
    for title, first in (("Made", "v1"), ("Images", "v1"), ("Score", "v1")):
        dialog.table.sortItems(TITLES.index(title), Qt.SortOrder.AscendingOrder)
        rows = [name for name in map(dialog.table._name, range(dialog.table.rowCount())) if name]
        assert next(name for name in rows if name in ("v1", "v2")) == first


def test_one_window_is_enough_and_it_leaves_with_the_project(opened, dialog, qtbot):
    opened.panels["model"].versions.click()
    assert len([box for box in opened.findChildren(VersionsDialog) if box.isVisible()]) == 1
    opened.session.close_project()
    qtbot.waitUntil(lambda: not opened.findChildren(VersionsDialog), timeout=WAIT)


def test_what_rests_on_a_version_in_words():
    told = consequences(Dependents("v1", ("v2", "v3"), (), 1))
    assert "v2, v3 came from it" in told
    assert "What it says of 1 image stays" in told
    many = consequences(Dependents("v1", (), tuple(f"v{number}" for number in range(2, 8)), 0))
    assert "v2, v3, v4 and 3 more would start" in many


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (1, "1 kB"),
        (812_000, "812 kB"),
        (8_400_000, "8.4 MB"),
        (124_000_000, "124 MB"),
        (2_345_000_000, "2,345 MB"),
    ],
)
def test_sizes_in_words(size, text):
    assert size_text(size) == text
