"""The window of statistics over real projects: figures, filters, order, totals, copies, units, many rows."""

import csv
import io
import math
import threading

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog

from tests.helpers import SHAPE, make_folder, picture, truth
from tests.ui.conftest import paint_all, shown
from unet_studio.core.pixel_size import PixelSize
from unet_studio.core.project import Project
from unet_studio.core.statistics import ClassStatistics, ImageStatistics, measure
from unet_studio.core.statistics_columns import Columns, add_up
from unet_studio.session import statistician
from unet_studio.ui.dialogs.statistics.dialog import StatisticsDialog
from unet_studio.ui.dialogs.statistics.table import StatisticsTable, figure
from unet_studio.ui.pixel_size_field import PixelSizeField

WAIT = 20_000  # ms


@pytest.fixture
def folder(tmp_path):
    """Pictures 0.png to 3.png; what is bright is approved in the first two and painted in the third."""
    made = make_folder(tmp_path / "images")
    project = Project.open(made)
    for seed in range(3):
        project.write_annotation(f"{seed}.png", truth(seed), {})
        if seed < 2:
            project.write_approved(f"{seed}.png", truth(seed), {})
    project.close()
    return made


@pytest.fixture
def dialog(opened, qtbot):
    opened.action_table["statistics"].trigger()
    qtbot.waitUntil(lambda: bool(opened.findChildren(StatisticsDialog)), timeout=WAIT)
    (made,) = opened.findChildren(StatisticsDialog)
    done(made, qtbot)
    yield made
    if made in opened.findChildren(StatisticsDialog):
        made.reject()


def done(dialog, qtbot):
    qtbot.waitUntil(lambda: dialog.again.isVisible(), timeout=WAIT)


def rows(dialog):
    model = dialog.model
    return [
        [model.index(row, column).data() for column in range(model.columnCount())]
        for row in range(model.rowCount())
    ]


def column(dialog, title):
    place = next(n for n in range(dialog.model.columnCount()) if dialog.model.title(n) == title)
    return [row[place] for row in rows(dialog)]


def totals(dialog):
    return [dialog.totals.item(0, place).text() for place in range(dialog.totals.columnCount())]


def test_figures_are_those_of_the_masks(dialog):
    assert column(dialog, "Image") == [f"{seed}.png" for seed in range(3) for _ in range(2)]
    assert column(dialog, "Class") == ["background", "object"] * 3
    areas = [f"{int(count):,}" for seed in range(3) for count in np.bincount(truth(seed).ravel())]
    assert column(dialog, "Area (px)") == areas
    share = 100 * truth(0).mean()
    assert column(dialog, "Share")[1] == f"{share:.3f} %"
    assert dialog.far.text() == "3 masks measured · 1 image without any"


def test_a_class_and_its_totals(dialog):
    dialog.classes.setCurrentIndex(dialog.classes.findText("object"))
    assert dialog.model.rowCount() == 3
    area = sum(int(truth(seed).sum()) for seed in range(3))
    titles = [dialog.model.title(n) for n in range(dialog.model.columnCount())]
    found = dict(zip(titles, totals(dialog), strict=True))
    assert found["Image"] == "3 images"
    assert found["Class"] == "object"
    assert found["Area (px)"] == f"{area:,}"
    assert found["Share"] == f"{100 * area / (3 * SHAPE[0] * SHAPE[1]):.3f} %"
    assert found["Objects"] == str(sum(int(text) for text in column(dialog, "Objects")))
    assert found["Median (px)"] == ""
    dialog.classes.setCurrentIndex(0)
    assert totals(dialog)[3] == f"{3 * SHAPE[0] * SHAPE[1]:,}"
    assert totals(dialog)[4] == "", "shares of all classes together say nothing"


def test_rows_are_found_by_name_and_hidden_where_there_is_nothing(dialog, qtbot):
    QTest.keyClicks(dialog.search, "2.P")
    qtbot.waitUntil(lambda: dialog.model.rowCount() == 2, timeout=WAIT)
    assert column(dialog, "Image") == ["2.png", "2.png"]
    dialog.search.setText("nothing like it")
    qtbot.waitUntil(dialog.nothing.isVisible, timeout=WAIT)
    assert not dialog.view.isVisible()
    dialog.search.clear()
    qtbot.waitUntil(lambda: dialog.model.rowCount() == 6, timeout=WAIT)
    assert dialog.view.isVisible()


def test_classes_that_an_image_has_nothing_of_can_be_hidden(dialog, opened, qtbot):
    paint_all(opened.session, 1)
    dialog.again.click()
    done(dialog, qtbot)
    assert column(dialog, "Objects")[:2] == ["0", "1"]
    dialog.present.click()
    assert column(dialog, "Objects")[0] == "1"
    assert len(rows(dialog)) == 5


def test_columns_sort_both_ways(dialog):
    dialog.classes.setCurrentIndex(dialog.classes.findText("object"))
    areas = {f"{seed}.png": int(truth(seed).sum()) for seed in range(3)}
    dialog.view.sortByColumn(3, Qt.SortOrder.AscendingOrder)
    assert column(dialog, "Image") == sorted(areas, key=areas.get)
    dialog.view.sortByColumn(3, Qt.SortOrder.DescendingOrder)
    assert column(dialog, "Image") == sorted(areas, key=areas.get, reverse=True)
    dialog.view.sortByColumn(0, Qt.SortOrder.DescendingOrder)
    assert column(dialog, "Image") == ["2.png", "1.png", "0.png"]


def test_what_image_files_say_of_their_pixels_is_proposed_and_not_taken_unasked(window, qtbot, tmp_path):
    folder = tmp_path / "told"
    folder.mkdir()
    Image.fromarray(picture(0)).save(folder / "a.png", dpi=(25_400, 25_400))
    window.open_folder(folder)
    field = PixelSizeField(window.session)
    qtbot.addWidget(field)
    field.show()
    qtbot.waitUntil(field.proposal.isVisible, timeout=20_000)
    assert field.proposal.text() == "1 µm?"
    assert window.session.project.pixel_size is None
    field.proposal.click()
    assert window.session.project.pixel_size == PixelSize(1.0, "µm")
    assert not field.proposal.isVisible()
    assert field.number.text() == "1"


def test_a_pixel_size_brings_units(dialog, opened, folder):
    assert all("µm" not in dialog.model.title(n) for n in range(dialog.model.columnCount()))
    dialog.pixel_size.number.setText("0,5 um")
    QTest.keyClick(dialog.pixel_size.number, Qt.Key.Key_Return)
    assert opened.session.project.pixel_size == PixelSize(0.5, "µm")
    assert dialog.pixel_size.number.text() == "0.5"
    assert column(dialog, "Area (µm²)")[1] == figure(truth(0).sum() * 0.25)
    dialog.pixel_size.number.setText("wide")
    dialog.pixel_size.number.editingFinished.emit()
    assert dialog.pixel_size.number.text() == "0.5", "what is no size is taken back"
    dialog.pixel_size.unit.setCurrentText("mm")
    dialog.pixel_size.unit.activated.emit(0)
    assert opened.session.project.pixel_size == PixelSize(0.5, "mm")
    dialog.pixel_size.number.setText("")
    dialog.pixel_size.number.editingFinished.emit()
    assert opened.session.project.pixel_size is None


def test_rows_are_copied_for_spreadsheets(dialog, qtbot):
    clipboard = QGuiApplication.clipboard()
    clipboard.clear()
    dialog.copy.click()
    qtbot.waitUntil(lambda: bool(clipboard.text()), timeout=WAIT)
    table = list(csv.DictReader(io.StringIO(clipboard.text()), delimiter="\t"))
    assert len(table) == 6
    assert int(table[1]["Area (px)"]) == truth(0).sum()
    assert float(table[1]["Share"]) == pytest.approx(truth(0).mean())
    dialog.view.selectRow(1)
    dialog.view.selectionModel().select(
        dialog.model.index(3, 0),
        dialog.view.selectionModel().SelectionFlag.Select | dialog.view.selectionModel().SelectionFlag.Rows,
    )
    clipboard.clear()
    dialog.view.setFocus()
    QTest.keyClick(dialog.view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: clipboard.text().count("\n") == 3, timeout=WAIT)
    assert [line.split("\t")[0] for line in clipboard.text().splitlines()] == ["Image", "0.png", "1.png"]


def test_all_that_was_measured_is_saved(dialog, qtbot, tmp_path, opened):
    dialog.classes.setCurrentIndex(1)
    dialog.save.click()
    (chooser,) = [box for box in dialog.findChildren(QFileDialog) if box.isVisible()]
    chooser.fileSelected.emit(str(tmp_path / "table.csv"))
    qtbot.waitUntil(lambda: dialog.far.text() == "Saved as table.csv", timeout=WAIT)
    chooser.reject()
    with (tmp_path / "table.csv").open(encoding="utf-8", newline="") as stream:
        assert len(list(csv.DictReader(stream))) == 6


def test_a_double_click_opens_the_image(dialog, opened, qtbot):
    index = dialog.model.index(3, 0)
    QTest.mouseDClick(
        dialog.view.viewport(),
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
        dialog.view.visualRect(index).center(),
    )
    dialog.view.doubleClicked.emit(index)  # offscreen, the first click of the two may be lost
    shown(qtbot, opened.session, "1.png")
    assert dialog.isVisible()


def test_measuring_is_stopped_and_begun_again(dialog, opened, qtbot, monkeypatch):
    reached, go_on = threading.Event(), threading.Event()

    def slow(*given):
        reached.set()
        go_on.wait(20)
        return measure(*given)

    with monkeypatch.context() as patched:
        patched.setattr(statistician, "measure", slow)
        dialog.again.click()
        qtbot.waitUntil(reached.is_set, timeout=WAIT)
        assert not dialog.save.isEnabled()
        dialog.stop.click()
        assert dialog.far.text() == "Stopped after 0 masks"
        go_on.set()
    dialog.which.setCurrentIndex(1)
    dialog.which.activated.emit(1)
    done(dialog, qtbot)
    assert column(dialog, "Image") == ["0.png", "0.png", "1.png", "1.png"]


def test_changes_are_said_and_unreadable_masks_named(dialog, opened, qtbot, folder):
    (folder / "unet-studio" / "approved" / "1.png.png").write_bytes(b"no picture")
    opened.session.editor.unapprove()
    assert "changed since" in dialog.far.text()
    dialog.again.click()
    done(dialog, qtbot)
    assert "Not measured: 1.png." in dialog.note.text.text()
    dialog.layer.setCurrentIndex(2)
    dialog.layer.activated.emit(2)
    done(dialog, qtbot)
    assert dialog.note.isVisible()
    assert dialog.model.rowCount() == 0


def test_it_closes_with_the_project_and_stops(dialog, opened, qtbot):
    dialog.again.click()
    opened.session.close_project()
    qtbot.waitUntil(lambda: not opened.findChildren(StatisticsDialog), timeout=WAIT)
    assert not opened.session.statistician.measuring


def test_it_fits_a_small_screen(dialog):
    size = dialog.minimumSizeHint().expandedTo(dialog.minimumSize())
    assert size.width() <= 860
    assert size.height() <= 540


def many(images, classes=5):
    """Made-up statistics of many images; every hundredth is the same."""
    random = np.random.default_rng(0)
    found = []
    for _ in range(min(images, 100)):
        areas = [np.sort(random.integers(1, 500, random.integers(0, 9))) for _ in range(classes)]
        entries = tuple(
            ClassStatistics(f"class {place}", "#123456", one, 10_000, 12_000, int(one.size > 0))
            for place, one in enumerate(areas)
        )
        found.append(entries)
    return [
        ImageStatistics(f"folder/{number:05d}.png", "approved", found[number % 100], 12_000, 2_000)
        for number in range(images)
    ]


def test_fifty_thousand_rows(qtbot):
    """Ten thousand images of five classes: only what is on screen is asked for as text."""
    images = many(10_000)
    table = StatisticsTable()
    table.add(images, Columns.of_images(images))
    assert table.rowCount() == 50_000
    table.sort(2, Qt.SortOrder.DescendingOrder)
    counts = [int(table.index(row, 2).data()) for row in range(0, 50_000, 777)]
    assert counts == sorted(counts, reverse=True)
    table.set_filter("class 3", "0007", present=False)
    wanted = [image for image in images if "0007" in image.name]
    assert table.rowCount() == len(wanted)
    assert table.totals.area == sum(image.classes[3].pixels for image in wanted)
    assert table.totals.objects == sum(image.classes[3].components for image in wanted)


def test_totals_count_every_image_once():
    images = many(20, classes=3)
    columns = Columns.of_images(images)
    found = add_up(columns, np.arange(len(columns)))
    assert found.images == 20
    assert found.share == pytest.approx(sum(c.pixels for i in images for c in i.classes) / (20 * 12_000))
    assert found.least == min(c.least for i in images for c in i.classes if c.components)
    assert math.isnan(add_up(columns, np.zeros(0, dtype=np.intp)).mean)


def test_figures_are_short_and_whole():
    assert figure(math.nan) == ""
    assert figure(0.012345) == "0.01235"
    assert figure(1234.56) == "1,234.6"
    assert figure(2000) == "2,000"
