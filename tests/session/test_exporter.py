"""Export and statistics beside the work of a person: plans, cancelling, and what changes meanwhile."""

import csv
import json
import math
import threading

import numpy as np
import pytest

from tests.helpers import SHAPE, make_folder, truth
from unet_studio.core.document_files import load_document
from unet_studio.core.errors import StudioError
from unet_studio.core.pixel_size import PixelSize
from unet_studio.core.project import Project, Status
from unet_studio.core.storage import read_index_png
from unet_studio.formats import export_plan, exporting
from unet_studio.formats.export_options import ExportOptions
from unet_studio.jobs import writer as writer_module
from unet_studio.session import Session
from unet_studio.session.exporter import ExportWish, seconds_left

WAIT = 20_000  # ms


@pytest.fixture
def folder(tmp_path):
    """Pictures 0.png to 3.png; what is bright is painted in the first three, and approved in two of them."""
    made = make_folder(tmp_path / "images")
    project = Project.open(made)
    for seed in range(3):
        project.write_annotation(f"{seed}.png", truth(seed), {})
        if seed < 2:
            project.write_approved(f"{seed}.png", truth(seed), {})
    project.close()
    return made


@pytest.fixture
def opened(session, folder, qtbot):
    session.open_folder(folder)
    shown(session, qtbot, "0.png")
    return session


def shown(session, qtbot, name):
    session.open_image(name)
    qtbot.waitUntil(lambda: session.document is not None and session.document.name == name, timeout=WAIT)


def paint(session, row=50.0):
    session.editor.set_tool("brush")
    session.editor.set_active_class(1)
    session.editor.pointer("press", row, 10.0)
    session.editor.pointer("move", row, 110.0)
    session.editor.pointer("release", row, 110.0)


def wish(place, **options):
    return ExportWish("index-png", place, ExportOptions(**{"which": "all", **options}))


def exported(session, qtbot, wanted):
    with qtbot.waitSignal(session.exporter.exported, timeout=WAIT) as caught:
        session.exporter.run(wanted)
    return caught.args[0]


def test_a_plan_says_what_would_be_written_and_writes_nothing(opened, qtbot, tmp_path):
    wanted = wish(tmp_path / "out", which="all")
    with qtbot.waitSignal(opened.exporter.planned, timeout=WAIT) as caught:
        opened.exporter.plan(wanted)
    assert caught.args[0] == wanted
    assert caught.args[1].images == ("0.png", "1.png", "2.png")
    assert caught.args[1].empty == ("3.png",)
    assert not caught.args[1].counted
    with qtbot.waitSignal(opened.exporter.planned, timeout=WAIT) as caught:
        opened.exporter.plan(wanted, count=True)
    cells = next(entry for entry in caught.args[1].classes if entry.name == "object")
    assert cells.pixels == sum(int(truth(seed).sum()) for seed in range(3))
    assert not (tmp_path / "out").exists()


def test_a_newer_plan_takes_the_place_of_the_one_before(opened, qtbot, tmp_path, monkeypatch):
    said, gate = [], threading.Event()
    real = export_plan.plan_export

    def slow(project, name, place, options, advance, count=False):
        gate.wait(10)
        advance(0, 1)
        return real(project, name, place, options, advance, count=count)

    monkeypatch.setattr(export_plan, "plan_export", slow)
    opened.exporter.planned.connect(lambda wanted, _plan: said.append(wanted.destination.name))
    opened.exporter.plan(wish(tmp_path / "first"))
    opened.exporter.plan(wish(tmp_path / "second"))
    gate.set()
    qtbot.waitUntil(lambda: said == ["second"], timeout=WAIT)
    qtbot.wait(50)
    assert said == ["second"]


def test_a_plan_that_fails_says_why(opened, qtbot, tmp_path):
    with qtbot.waitSignal(opened.exporter.planFailed, timeout=WAIT) as caught:
        opened.exporter.plan(wish(tmp_path / "out", renames={"nobody": "x"}))
    assert "no class named nobody" in str(caught.args[1])


def test_an_export_writes_what_is_unsaved_too(opened, qtbot, tmp_path):
    paint(opened)
    assert opened.unsaved().images == {"0.png"}
    found = exported(opened, qtbot, wish(tmp_path / "out"))
    labels, _ = read_index_png(tmp_path / "out" / "0.png")
    assert np.array_equal(labels, opened.document.mask())
    assert found.report.proof.exact
    assert found.meanwhile == ()
    assert opened.exporter.running is None


def test_the_window_goes_on_while_unsaved_work_is_waited_for(opened, qtbot, tmp_path, monkeypatch):
    """A save that hangs holds up the export, not the thread that asks for it."""
    hanging = threading.Event()
    real = writer_module.save_snapshot
    monkeypatch.setattr(writer_module, "save_snapshot", lambda *given: (hanging.wait(20), real(*given))[1])
    paint(opened)
    opened.exporter.run(wish(tmp_path / "out"))
    assert opened.exporter.running is not None
    paint(opened, 30.0)  # painting goes on
    assert opened.document.annotation.pixels[30, 60] == 1
    with qtbot.waitSignal(opened.exporter.exported, timeout=WAIT):
        hanging.set()


def test_journals_are_enough_where_saves_take_long(opened, qtbot, tmp_path, monkeypatch):
    hanging = threading.Event()
    real = writer_module.save_snapshot
    monkeypatch.setattr(writer_module, "JOURNALS_WILL_DO", 0.0)
    monkeypatch.setattr(writer_module, "save_snapshot", lambda *given: (hanging.wait(20), real(*given))[1])
    shown(opened, qtbot, "1.png")
    paint(opened)
    try:
        qtbot.waitUntil(lambda: not opened.unsaved().unsafe, timeout=WAIT)
        exported(opened, qtbot, wish(tmp_path / "out", which="all"))
    finally:
        hanging.set()
    labels, _ = read_index_png(tmp_path / "out" / "1.png")
    assert np.array_equal(labels, opened.document.mask())


def test_work_that_cannot_be_saved_is_in_the_way(opened, qtbot, tmp_path, monkeypatch):
    def full(*_given):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writer_module, "save_snapshot", full)
    paint(opened)
    with qtbot.waitSignal(opened.exporter.failed, timeout=WAIT) as caught:
        opened.exporter.run(wish(tmp_path / "out"))
    assert "The disk is full" in str(caught.args[0])
    assert not (tmp_path / "out").exists()


def held(monkeypatch, at=1):
    """Lets an export stop at its step `at` until the event is set; returns the events (reached, go on)."""
    reached, go_on = threading.Event(), threading.Event()
    real = exporting.export_masks

    def slow(project, name, place, options, advance):
        def step(done, total):
            advance(done, total)
            if done == at:
                reached.set()
                go_on.wait(20)
                advance(done, total)

        return real(project, name, place, options, step)

    monkeypatch.setattr(exporting, "export_masks", slow)
    return reached, go_on


def test_an_image_painted_meanwhile_is_named(opened, qtbot, tmp_path, monkeypatch):
    """Painted after it was written and before it is read back: the proof is of what was written."""
    before = opened.document.mask()
    reached, go_on = held(monkeypatch, at=2)
    with qtbot.waitSignal(opened.exporter.exported, timeout=WAIT) as caught:
        opened.exporter.run(wish(tmp_path / "out"))
        qtbot.waitUntil(reached.is_set, timeout=WAIT)
        paint(opened, 20.0)
        go_on.set()
    assert caught.args[0].meanwhile == ("0.png",)
    assert caught.args[0].report.proof.exact
    assert np.array_equal(read_index_png(tmp_path / "out" / "0.png")[0], before)


def test_a_save_never_comes_between_layers_and_journal(opened, qtbot, monkeypatch):
    """Whoever reads an image that is painted finds a state that was: no step gets lost on the way."""
    monkeypatch.setattr(writer_module, "SAVE_DELAY", 60.0)
    paint(opened)
    qtbot.waitUntil(lambda: not opened.unsaved().unsafe, timeout=WAIT)
    project, real = opened.project, opened.project.read_approved
    saved = threading.Event()

    def save_meanwhile(name):
        found = real(name)
        opened.save_now()
        threading.Thread(target=lambda: (opened.writer.flush(20), saved.set())).start()
        saved.wait(0.3)
        return found

    monkeypatch.setattr(project, "read_approved", save_meanwhile)
    read = load_document(project, "0.png")
    assert saved.wait(20)
    assert np.array_equal(read.annotation.pixels, opened.document.annotation.pixels)


def test_looking_at_other_images_is_no_change(opened, qtbot, tmp_path, monkeypatch):
    reached, go_on = held(monkeypatch)
    paint(opened)
    with qtbot.waitSignal(opened.exporter.exported, timeout=WAIT) as caught:
        opened.exporter.run(wish(tmp_path / "out"))
        qtbot.waitUntil(reached.is_set, timeout=WAIT)
        shown(opened, qtbot, "1.png")
        go_on.set()
    assert caught.args[0].meanwhile == ()


def test_cancelling_comes_at_once_and_leaves_nothing(opened, qtbot, tmp_path, monkeypatch):
    reached, go_on = held(monkeypatch)
    opened.exporter.run(wish(tmp_path / "out"))
    qtbot.waitUntil(reached.is_set, timeout=WAIT)
    with qtbot.waitSignal(opened.exporter.cancelled, timeout=1000):
        opened.exporter.cancel()
    assert opened.exporter.running is None
    go_on.set()
    qtbot.waitUntil(lambda: opened.exporter._thread.idle, timeout=WAIT)
    assert not (tmp_path / "out").exists()
    monkeypatch.undo()
    assert exported(opened, qtbot, wish(tmp_path / "out")).report.images == ("0.png", "1.png", "2.png")


def test_one_export_at_a_time(opened, qtbot, tmp_path, monkeypatch):
    reached, go_on = held(monkeypatch)
    opened.exporter.run(wish(tmp_path / "first"))
    qtbot.waitUntil(reached.is_set, timeout=WAIT)
    opened.exporter.run(wish(tmp_path / "second"))
    assert opened.exporter.running.destination.name == "first"
    with qtbot.waitSignal(opened.exporter.exported, timeout=WAIT):
        go_on.set()
    assert not (tmp_path / "second").exists()


def test_progress_is_told_with_the_time_that_is_left(opened, qtbot, tmp_path):
    told = []
    opened.exporter.progressed.connect(lambda *said: told.append(said))
    exported(opened, qtbot, wish(tmp_path / "out"))
    assert told
    assert all(0 <= done <= total for done, total, _ in told)
    assert math.isnan(seconds_left(0.1, 1, 10))
    assert seconds_left(2.0, 2, 10) == pytest.approx(8.0)
    assert math.isnan(seconds_left(2.0, 0, 10))


def test_leaving_the_project_ends_an_export(opened, qtbot, tmp_path, monkeypatch):
    reached, go_on = held(monkeypatch)
    opened.exporter.run(wish(tmp_path / "out"))
    qtbot.waitUntil(reached.is_set, timeout=WAIT)
    opened.close_project()
    go_on.set()
    qtbot.waitUntil(lambda: opened.exporter._thread.idle, timeout=WAIT)
    assert not (tmp_path / "out").exists()


def test_what_is_unforeseen_is_said(opened, qtbot, tmp_path, monkeypatch):
    def broken(*_given):
        raise OSError("the disk left")

    monkeypatch.setattr(exporting, "export_masks", broken)
    with qtbot.waitSignal(opened.exporter.failed, timeout=WAIT) as caught:
        opened.exporter.run(wish(tmp_path / "out"))
    assert isinstance(caught.args[0], StudioError)
    assert "the disk left" in caught.args[0].message


# -- statistics -------------------------------------------------------------------------------------------


def measured(session, qtbot, **options):
    found = []

    def take(images, columns):
        assert len(columns) == sum(len(image.classes) for image in images)
        found.extend(images)

    session.statistician.found.connect(take)
    with qtbot.waitSignal(session.statistician.finished, timeout=WAIT) as caught:
        session.statistician.measure(ExportOptions(which="all", **options))
    session.statistician.found.disconnect(take)
    return found, caught.args[0]


def test_masks_are_measured_as_they_are_now(opened, qtbot):
    shown(opened, qtbot, "2.png")
    opened.editor.clear_annotation()
    paint(opened)
    found, end = measured(opened, qtbot)
    assert [image.name for image in found] == ["0.png", "1.png", "2.png"]
    assert [image.status for image in found] == ["approved", "approved", "painted"]
    assert end.images == 3
    assert end.empty == ("3.png",)
    cell = found[0].classes[1]
    assert cell.pixels == int(truth(0).sum())
    assert found[2].classes[1].components == 1
    assert found[2].unlabelled == SHAPE[0] * SHAPE[1] - found[2].classes[1].pixels


def test_what_cannot_be_measured_is_named(opened, qtbot, folder):
    (folder / "unet-studio" / "approved" / "1.png.png").write_bytes(b"no picture")
    found, end = measured(opened, qtbot)
    assert [image.name for image in found] == ["0.png", "2.png"]
    assert list(end.problems) == ["1.png"]


def test_measuring_can_be_stopped(opened, qtbot, monkeypatch):
    from unet_studio.session import statistician

    reached, go_on = threading.Event(), threading.Event()
    real = statistician.measure

    def slow(*given):
        reached.set()
        go_on.wait(20)
        return real(*given)

    monkeypatch.setattr(statistician, "measure", slow)
    opened.statistician.measure(ExportOptions(which="all"))
    qtbot.waitUntil(reached.is_set, timeout=WAIT)
    with qtbot.waitSignal(opened.statistician.cancelled, timeout=1000):
        opened.statistician.cancel()
    assert not opened.statistician.measuring
    go_on.set()


def test_statistics_are_saved_in_units(opened, qtbot, tmp_path):
    opened.statistician.set_pixel_size(PixelSize(0.5, "µm"))
    found, _ = measured(opened, qtbot)
    with qtbot.waitSignal(opened.statistician.saved, timeout=WAIT):
        opened.statistician.save(tmp_path / "table.csv", found)
    with (tmp_path / "table.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    cell = next(row for row in rows if row["image"] == "0.png" and row["class"] == "object")
    assert float(cell["area (px)"]) == truth(0).sum()
    assert float(cell["area (µm²)"]) == pytest.approx(truth(0).sum() * 0.25)


def test_the_pixel_size_is_kept_in_the_project(opened, qtbot, folder):
    with qtbot.waitSignal(opened.statistician.pixelSizeChanged, timeout=1000):
        opened.statistician.set_pixel_size(PixelSize(0.65, "µm"))
    stored = json.loads((folder / "unet-studio" / "project.json").read_text(encoding="utf-8"))
    assert stored["pixel_size"] == {"value": 0.65, "unit": "µm"}
    assert opened.statistician.pixel_size == PixelSize(0.65, "µm")


def test_a_project_that_cannot_be_written_can_be_measured_and_exported(opened, qtbot, tmp_path, folder):
    opened.close_project()
    other = Project.open(folder)  # holds the lock
    other.prepare()
    session = Session()
    session.predictor.auto = False
    session.open_folder(folder)
    try:
        assert session.read_only
        qtbot.waitUntil(lambda: session.document is not None, timeout=WAIT)
        assert exported(session, qtbot, wish(tmp_path / "out")).report.proof.exact
        assert len(measured(session, qtbot)[0]) == 3
        said = []
        session.failed.connect(lambda *text: said.append(text))
        session.statistician.set_pixel_size(PixelSize(1, "mm"))
        assert said
        assert session.project.status("0.png") is Status.APPROVED
    finally:
        session.shut_down()
        other.close()
