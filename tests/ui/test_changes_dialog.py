"""The window of changes: worst first, one class on request, how sure it is, and a click opens A/B."""

import math

import pytest
from PySide6.QtCore import Qt

from tests.helpers import SHAPE, make_model, truth
from tests.ui.conftest import shown
from unet_studio.core.changes import ALL, ChangeTable
from unet_studio.core.gate import Change
from unet_studio.ui.dialogs.changes.dialog import ChangesDialog, summary
from unet_studio.ui.dialogs.changes.table import ChangeRows

NAN = math.nan
MEAN = (Change("a", 0.5, 0.6), Change("b", 0.7, 0.4), Change("c", NAN, 0.9), Change("d", 0.2, 0.2))
CELL = tuple(Change(one.image, one.after, one.before) for one in MEAN)
TABLE = ChangeTable("one", "two", {ALL: MEAN, "cell": CELL, "gap": MEAN}, "From a test.")


@pytest.fixture
def dialog(qtbot, window, folder):
    """The window of changes over a project of three approved validation images and two models."""
    for seed, name in enumerate(("one", "two")):
        make_model(folder / "unet-studio" / "models" / name, seed=seed)
    window.open_folder(folder)
    shown(qtbot, window.session, "0.png")
    project = window.session.project
    for number in (1, 2, 3):
        project.write_approved(f"{number}.png", truth(number, SHAPE), {})
        project.set_split(f"{number}.png", "val")
    window.session.predictor.set_device("cpu")
    with qtbot.waitSignal(window.session.changes.missing, timeout=20_000):
        window.commands.show_changes("one", "two")
    return next(box for box in window.findChildren(ChangesDialog) if box.isVisible())


def cells(rows, column):
    return [rows.index(row, column).data() for row in range(rows.rowCount())]


def test_the_worst_comes_first_and_what_has_no_figure_last(qtbot):
    rows = ChangeRows()
    rows.show(TABLE)
    assert cells(rows, 0) == ["b", "d", "a", "c"]
    assert cells(rows, 3) == ["-0.300", "+0.000", "+0.100", "–"]
    rows.sort(3, Qt.SortOrder.DescendingOrder)
    assert cells(rows, 0) == ["a", "d", "b", "c"]
    rows.sort(1)
    assert cells(rows, 1) == ["0.200", "0.500", "0.700", "–"]
    rows.sort(0, Qt.SortOrder.DescendingOrder)
    assert cells(rows, 0) == ["d", "c", "b", "a"]


def test_the_summary_is_the_interval_of_the_table():
    interval = TABLE.interval()
    means, sure = summary(TABLE)
    assert f"{interval.mean:+.3f} ({interval.low:+.3f} to {interval.high:+.3f})" in means
    assert sure.startswith("90% interval over 3 images: it may be chance.")
    better = ChangeTable("one", "two", {ALL: tuple(Change(str(n), 0.5, 0.6 + n / 100) for n in range(6))}, "")
    assert summary(better)[1] == "90% interval over 6 images: B is better."
    assert summary(ChangeTable("one", "two", {ALL: ()}, "")) == ("No image can be compared.", "")


def test_it_is_measured_and_a_click_opens_the_image_in_a_and_b(dialog, window, qtbot):
    session = window.session
    assert "No training compared these two" in dialog.note.text.text()
    with qtbot.waitSignal(session.changes.found, timeout=60_000):
        qtbot.mouseClick(dialog.measure, Qt.MouseButton.LeftButton)
        assert dialog.stop.isVisible()
        assert not dialog.choices[0].isEnabled()
    assert dialog.source.text() == "Measured now on 3 approved validation images."
    assert dialog.measure.isVisible()
    assert sorted(cells(dialog.rows, 0)) == ["1.png", "2.png", "3.png"]
    place = dialog.view.visualRect(dialog.rows.index(1, 0)).center()
    name = dialog.rows.image(1)
    qtbot.mouseClick(dialog.view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    shown(qtbot, session, name)
    assert session.comparer.on
    assert [side.entry.name for side in session.comparer.sides] == ["one", "two"]


def test_a_class_has_its_own_rows(dialog, window):
    window.session.changes.found.emit(TABLE)
    assert dialog.classes.isVisible()
    dialog.classes.setCurrentIndex(dialog.classes.findData("cell"))
    dialog.classes.activated.emit(dialog.classes.currentIndex())
    assert cells(dialog.rows, 0) == ["a", "d", "b", "c"]
    assert dialog.total.text() == summary(TABLE, "cell")[0]


def test_measuring_stops_where_nobody_waits(dialog, window, qtbot):
    session = window.session
    dialog.measure.click()
    assert session.changes.measuring
    dialog.reject()
    assert not session.changes.measuring


def test_another_model_forgets_the_figures(dialog, window, qtbot):
    window.session.changes.found.emit(TABLE)
    dialog.choices[0].setCurrentIndex(dialog.choices[0].findData("two"))
    with qtbot.waitSignal(window.session.changes.missing, timeout=20_000):
        dialog.choices[0].activated.emit(dialog.choices[0].currentIndex())
    assert [choice.currentData() for choice in dialog.choices] == ["two", "one"]
    assert dialog.rows.rowCount() == 0
    assert dialog.source.text() == ""
