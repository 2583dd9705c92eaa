"""Importing through the session: what is painted is safe, nothing stale stays, all can be undone."""

import json
import threading

import numpy as np
import pytest
from PIL import Image

from tests.helpers import SHAPE, make_folder, truth
from unet_studio.core.classes import ClassTable
from unet_studio.core.project import Project, Status
from unet_studio.formats.export_options import ExportOptions
from unet_studio.formats.import_options import ImportOptions
from unet_studio.formats.regions import Order
from unet_studio.formats.sample import Outgoing, Sample
from unet_studio.formats.table import FORMATS
from unet_studio.session import Session
from unet_studio.session.exporter import ExportWish
from unet_studio.session.import_preview import ImportWish

COUNT = 6


@pytest.fixture
def folder(tmp_path):
    return make_folder(tmp_path / "images", COUNT)


@pytest.fixture
def session(qtbot, folder):
    made = Session()
    made.predictor.auto = False
    made.open_folder(folder)
    shown(qtbot, made, "0.png")
    yield made
    made.shut_down()


@pytest.fixture
def masks(tmp_path):
    """Masks of all images but the last, as index pictures."""
    place = tmp_path / "masks"
    names = [f"{number}.png" for number in range(COUNT - 1)]
    samples = [Sample(name, truth(number)) for number, name in enumerate(names)]
    FORMATS["index-png"].write(place, Outgoing("set", ClassTable.binary(), names, lambda: iter(samples)))
    return place


def shown(qtbot, session, name):
    session.open_image(name)
    qtbot.waitUntil(lambda: session.document is not None and session.document.name == name, timeout=20_000)


def paint(session, row=20.0):
    session.editor.set_tool("brush")
    session.editor.set_active_class(1)
    session.editor.set_brush_radius(6)
    session.editor.pointer("press", row, 20.0)
    session.editor.pointer("move", row, 60.0)
    session.editor.pointer("release", row, 60.0)


def wish(source, format_name="index-png", **options):
    return ImportWish(format_name, source, ImportOptions(add_classes=True, **options))


def run(qtbot, session, wanted):
    with qtbot.waitSignal(session.importer.imported, timeout=30_000) as heard:
        session.importer.run(wanted)
    qtbot.waitUntil(lambda: session.importer.last is not None, timeout=20_000)
    return heard.args[0].report


def take_back(qtbot, session, changed="refuse"):
    with qtbot.waitSignal(session.importer.undone, timeout=30_000) as heard:
        session.importer.undo(changed)
    return heard.args[0]


def files(project):
    """Every file of a person's work, by its place."""
    kinds = ("annotations", "approved", "journal")
    found = [path for kind in kinds for path in (project.folder / kind).rglob("*") if path.is_file()]
    return {str(path.relative_to(project.folder)): path.read_bytes() for path in found}


def plan(qtbot, session, wanted):
    with qtbot.waitSignal(session.importer.preview.planned, timeout=30_000) as heard:
        session.importer.preview.plan_for(wanted)
    return heard.args[0]


def test_a_plan_says_what_would_happen_and_changes_nothing(qtbot, session, masks):
    found = plan(qtbot, session, wish(masks))
    assert [row.fate for row in found.rows] == ["import"] * (COUNT - 1)
    assert found.missing == (f"{COUNT - 1}.png",)
    assert not session.project.exists


def test_another_option_needs_no_second_look_at_the_source(qtbot, session, masks, monkeypatch):
    first = plan(qtbot, session, wish(masks))
    paint(session)
    qtbot.waitUntil(lambda: not session._dirty(), timeout=20_000)
    plan(qtbot, session, wish(masks))  # anew: the project has classes of its own now
    monkeypatch.setattr("unet_studio.formats.import_plan.read_info", lambda _path: pytest.fail("read again"))
    second = plan(qtbot, session, wish(masks, approve=True))
    assert second.incoming is first.incoming
    assert [row.fate for row in second.rows] == ["keep"] + ["import"] * (
        COUNT - 2
    )  # it was painted meanwhile
    third = plan(qtbot, session, wish(masks, replace=True))
    assert {row.fate for row in third.rows} == {"import"}


def test_what_is_painted_after_the_plan_keeps_its_class(qtbot, session, tmp_path):
    source = tmp_path / "leaves.json"
    source.write_text(json.dumps(coco("1.png", [("leaf", 10, 10, 70, 70)])))
    assert plan(qtbot, session, wish(source, "coco")).takes_over
    paint(session)
    run(qtbot, session, wish(source, "coco"))
    assert [entry.name for entry in session.classes.active] == ["background", "object", "leaf"]
    shown(qtbot, session, "1.png")
    assert (session.document.annotation.pixels == 2).any()


def test_a_mask_that_a_person_chose_comes_in_though_no_plan_was_made_of_it(qtbot, session, tmp_path):
    place = tmp_path / "twice"
    samples = [Sample("a/0.png", truth(1)), Sample("b/0.png", truth(2))]
    names = [sample.name for sample in samples]
    FORMATS["index-png"].write(place, Outgoing("set", ClassTable.binary(), names, lambda: iter(samples)))
    (row,) = plan(qtbot, session, wish(place)).rows
    assert (row.fate, row.candidates) == ("refuse", ("a/0", "b/0"))
    run(qtbot, session, wish(place, pairs={"0.png": "b/0"}))
    shown(qtbot, session, "0.png")
    assert (session.document.annotation.pixels == truth(2)).all()


def test_everyone_who_lists_masks_hears_of_an_import_and_of_its_undoing(qtbot, session, masks):
    heard = []
    session.browser.splitChanged.connect(lambda: heard.append(session.status("1.png")))
    run(qtbot, session, wish(masks))
    take_back(qtbot, session)
    assert heard == [Status.PAINTED, Status.UNLABELLED]


def test_a_source_that_can_t_be_read_is_said_with_its_remedy(qtbot, session, tmp_path):
    with qtbot.waitSignal(session.importer.preview.planFailed, timeout=20_000) as heard:
        session.importer.preview.plan_for(wish(tmp_path / "nothing", "coco"))
    assert heard.args[0].remedy
    assert session.importer.preview.plan is None


def test_the_newest_wish_is_the_one_that_is_answered(qtbot, session, masks, tmp_path):
    found = []
    session.importer.preview.planned.connect(found.append)
    session.importer.preview.planFailed.connect(found.append)
    session.importer.preview.plan_for(wish(tmp_path / "nothing", "coco"))
    session.importer.preview.plan_for(wish(masks))
    qtbot.waitUntil(lambda: bool(found), timeout=20_000)
    qtbot.wait(50)
    assert [entry.source for entry in found] == [masks]


def test_the_examination_counts_every_mask_once(qtbot, session, masks):
    plan(qtbot, session, wish(masks))
    heard = []
    session.importer.preview.examined.connect(lambda found, whole: heard.append((found, whole)))
    session.importer.preview.examine()
    qtbot.waitUntil(lambda: bool(heard) and heard[-1][1], timeout=30_000)
    found = heard[-1][0]
    assert found.images == COUNT - 1
    meant = sum(int(np.count_nonzero(truth(number))) for number in range(COUNT - 1))
    assert found.pixels["object"] == meant
    assert len(heard) > 1  # a few at a time, so that what is asked for meanwhile gets its turn


def test_a_picture_shows_the_mask_over_its_image(qtbot, session, masks):
    plan(qtbot, session, wish(masks))
    with qtbot.waitSignal(session.importer.preview.pictured, timeout=20_000) as heard:
        session.importer.preview.picture("1.png")
    found = heard.args[0]
    assert (found.masked.width(), found.masked.height()) == (SHAPE[1], SHAPE[0])
    rows, columns = np.nonzero(truth(1))
    inside, outside = (int(columns[0]), int(rows[0])), (0, 0)
    assert truth(1)[0, 0] == 0
    assert found.masked.pixel(*inside) != found.plain.pixel(*inside)
    assert found.masked.pixel(*outside) == found.plain.pixel(*outside)


def test_an_import_lands_in_the_document_on_screen(qtbot, session, masks):
    assert not session.document.painted
    report = run(qtbot, session, wish(masks))
    assert len(report.imported) == COUNT - 1
    assert report.proof.exact
    shown(qtbot, session, "0.png")
    assert np.array_equal(session.document.annotation.pixels, truth(0))
    assert session.status("0.png") is Status.PAINTED
    assert session.editable


def test_what_is_painted_is_saved_first_and_comes_back_when_the_import_is_undone(qtbot, session, masks):
    paint(session)
    painted = session.document.annotation.pixels.copy()
    run(qtbot, session, wish(masks, replace=True))
    shown(qtbot, session, "0.png")
    assert np.array_equal(session.document.annotation.pixels, truth(0))
    done = take_back(qtbot, session)
    assert len(done.images) == COUNT - 1
    shown(qtbot, session, "0.png")
    assert np.array_equal(session.document.annotation.pixels, painted)
    assert session.status("1.png") is Status.UNLABELLED
    qtbot.waitUntil(lambda: session.importer.last is None, timeout=20_000)


def test_undo_works_after_opening_the_project_again(qtbot, session, masks, folder):
    paint(session)
    assert session.close_project()
    session.open_folder(folder)
    before = files(session.project)
    run(qtbot, session, wish(masks, replace=True, approve=True))
    assert session.status("1.png") is Status.APPROVED
    session.close_project()
    session.open_folder(folder)
    qtbot.waitUntil(lambda: session.importer.last is not None, timeout=20_000)
    take_back(qtbot, session)
    assert files(session.project) == before


def test_undo_asks_where_a_person_painted_since(qtbot, session, masks):
    run(qtbot, session, wish(masks))
    shown(qtbot, session, "1.png")
    paint(session)
    mine = session.document.annotation.pixels.copy()
    with qtbot.waitSignal(session.importer.undoRefused, timeout=20_000) as heard:
        session.importer.undo()
    assert heard.args[0].names == ("1.png",)
    assert session.editable
    assert session.status("2.png") is Status.PAINTED
    assert take_back(qtbot, session, "keep").kept == ("1.png",)
    shown(qtbot, session, "1.png")
    assert np.array_equal(session.document.annotation.pixels, mine)
    assert session.status("2.png") is Status.UNLABELLED


@pytest.fixture
def gate(monkeypatch):
    """Stops the import where it writes its third mask until it is opened."""
    reached, opened = threading.Event(), threading.Event()
    original = Project.write_annotation

    def held(self, name, *what):
        if name == "2.png":
            reached.set()
            assert opened.wait(20)
        original(self, name, *what)

    monkeypatch.setattr(Project, "write_annotation", held)
    yield reached, opened
    opened.set()


def test_masks_can_t_be_changed_while_an_import_runs_and_the_window_says_so(qtbot, session, masks, gate):
    reached, opened = gate
    said = []
    session.message.connect(said.append)
    session.importer.run(wish(masks))
    assert reached.wait(20)
    before = session.document.version
    assert not session.editable
    paint(session)
    session.editor.fill_rest()
    session.class_editor.add("late")
    session.set_aside("0.png")
    assert session.document.version == before
    assert session.classes.named("late") is None
    assert "An import of masks is under way" in said[0]
    session.open_image("3.png")  # looking is free
    qtbot.waitUntil(lambda: session.document is not None and session.document.name == "3.png", timeout=20_000)
    with qtbot.waitSignal(session.importer.imported, timeout=30_000):
        opened.set()
    shown(qtbot, session, "3.png")
    assert np.array_equal(session.document.annotation.pixels, truth(3))


def test_nothing_is_exported_while_masks_become_others(qtbot, session, masks, gate, tmp_path):
    reached, opened = gate
    session.importer.run(wish(masks))
    assert reached.wait(20)
    with qtbot.waitSignal(session.exporter.failed, timeout=20_000) as heard:
        session.exporter.run(ExportWish("index-png", tmp_path / "out", ExportOptions(which="all")))
    assert heard.args[0].message == "An import of masks is under way."
    with qtbot.waitSignal(session.importer.imported, timeout=30_000):
        opened.set()
    assert not (tmp_path / "out").exists()
    with qtbot.waitSignal(session.exporter.exported, timeout=30_000) as heard:
        session.exporter.run(ExportWish("index-png", tmp_path / "out", ExportOptions(which="all")))
    assert len(heard.args[0].report.images) == COUNT - 1


def test_cancelling_stops_within_an_image_and_offers_to_take_back_and_to_go_on(qtbot, session, masks, gate):
    reached, opened = gate
    wanted = wish(masks)
    session.importer.run(wanted)
    assert reached.wait(20)
    with qtbot.waitSignal(session.importer.halted, timeout=20_000) as heard:
        session.importer.cancel()
        opened.set()
    halted = heard.args[0]
    assert (halted.done, halted.total) in {(2, COUNT - 1), (3, COUNT - 1)}
    assert halted.snapshot is not None
    came = [name for name in session.images if session.status(name) is Status.PAINTED]
    assert came == ["0.png", "1.png", "2.png"]
    report = run(qtbot, session, wish(masks, resume=True))
    assert len(report.imported) + len(report.earlier) == COUNT - 1
    take_back(qtbot, session)
    assert files(session.project) == {}


def test_an_import_that_is_cancelled_while_it_waits_for_a_save_changes_nothing(
    qtbot, session, masks, monkeypatch
):
    paint(session)
    monkeypatch.setattr(session.writer, "dirty", lambda: {"0.png"})
    monkeypatch.setattr(session.writer, "settle", lambda _seconds, watch: watch())
    session.importer.run(wish(masks))
    with qtbot.waitSignal(session.importer.halted, timeout=20_000) as heard:
        session.importer.cancel()
    assert heard.args[0].snapshot is None
    monkeypatch.undo()
    assert session.importer.last is None


def test_closing_the_project_ends_an_import_which_can_then_be_taken_back(qtbot, session, masks, folder, gate):
    reached, opened = gate
    session.importer.run(wish(masks))
    assert reached.wait(20)
    threading.Timer(0.1, opened.set).start()
    session.close_project()
    broken = []
    session.importer.brokenOff.connect(broken.append)
    session.open_folder(folder)
    qtbot.waitUntil(lambda: session.importer.last is not None, timeout=20_000)
    assert session.status("0.png") is Status.PAINTED
    assert broken == []  # it was stopped in good order
    take_back(qtbot, session)
    assert files(session.project) == {}


def test_an_import_that_was_killed_is_told_when_the_project_is_opened(qtbot, session, masks, folder):
    run(qtbot, session, wish(masks))
    state = session.importer.last.folder / "snapshot.json"
    session.close_project()
    state.write_text(json.dumps(json.loads(state.read_text()) | {"state": "open"}))
    with qtbot.waitSignal(session.importer.brokenOff, timeout=20_000) as heard:
        session.open_folder(folder)
    session.importer.leave_broken_off(heard.args[0])
    qtbot.waitUntil(lambda: json.loads(state.read_text())["state"] == "stopped", timeout=20_000)


def test_predictions_come_in_as_a_model_that_is_in_use_and_go_with_it(qtbot, session, masks):
    report = run(qtbot, session, wish(masks, layer="prediction"))
    assert session.predictor.model_name == report.model
    shown(qtbot, session, "1.png")
    assert np.array_equal(session.document.mask(), truth(1))
    assert not session.document.painted
    take_back(qtbot, session)
    assert session.predictor.model_name is None
    shown(qtbot, session, "1.png")
    assert session.document.under is None


def test_new_classes_are_there_at_once_and_go_again(qtbot, session, tmp_path):
    session.class_editor.add("cell")
    place = tmp_path / "more"
    table = ClassTable.binary("root").add("leaf")
    samples = [Sample("0.png", truth(0) * np.uint8(2))]
    FORMATS["index-png"].write(place, Outgoing("set", table, ["0.png"], lambda: iter(samples)))
    heard = []
    session.classesChanged.connect(lambda: heard.append([entry.name for entry in session.classes.active]))
    run(qtbot, session, wish(place, renames={"root": "object"}))
    assert heard[-1] == ["background", "object", "cell", "leaf"]
    shown(qtbot, session, "0.png")
    leaf = session.classes.named("leaf").index
    assert np.array_equal(session.document.annotation.pixels == leaf, truth(0) == 1)
    take_back(qtbot, session)
    assert heard[-1] == ["background", "object", "cell"]


def test_the_order_of_overlaps_reaches_the_mask(qtbot, session, tmp_path):
    source = tmp_path / "overlap.json"
    shapes = [("big", 10, 10, 70, 70), ("small", 30, 30, 50, 50)]
    source.write_text(json.dumps(coco("0.png", shapes[::-1])))
    run(qtbot, session, wish(source, "coco", order=Order.SMALLEST))
    shown(qtbot, session, "0.png")
    assert session.document.annotation.pixels[40, 40] == session.classes.named("small").index
    assert session.document.annotation.pixels[20, 20] == session.classes.named("big").index


def coco(name, boxes):
    names = list(dict.fromkeys(box[0] for box in boxes))
    return {
        "images": [{"id": 1, "file_name": name, "width": SHAPE[1], "height": SHAPE[0]}],
        "categories": [{"id": place + 1, "name": each} for place, each in enumerate(names)],
        "annotations": [
            {
                "id": place + 1,
                "image_id": 1,
                "category_id": names.index(label) + 1,
                "segmentation": [[left, top, right, top, right, bottom, left, bottom]],
                "bbox": [left, top, right - left, bottom - top],
                "area": (right - left) * (bottom - top),
                "iscrowd": 0,
            }
            for place, (label, left, top, right, bottom) in enumerate(boxes)
        ],
    }


def test_a_read_only_project_takes_nothing_in(qtbot, session, masks):
    session.project.read_only = "Another window has it."
    said = []
    session.failed.connect(lambda message, remedy: said.append((message, remedy)))
    session.importer.run(wish(masks))
    assert session.importer.running == ""
    assert said[0][1] == "Another window has it."


def test_a_mask_that_is_broken_is_a_problem_and_the_others_come_in(qtbot, session, masks):
    Image.fromarray(np.full(SHAPE, 77, np.uint8)).save(masks / "2.png")
    report = run(qtbot, session, wish(masks))
    assert list(report.problems) == ["2.png"]
    assert len(report.imported) == COUNT - 2
    assert session.status("2.png") is Status.UNLABELLED
