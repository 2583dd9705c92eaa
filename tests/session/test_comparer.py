"""Two versions on the image on screen: which two, where their answers come from, and nothing is changed."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from tests.helpers import make_folder, make_model
from unet_studio.core.geometry import Rect
from unet_studio.core.model_card import ModelEntry, read_card, write_card
from unet_studio.core.project import Status
from unet_studio.session import Session
from unet_studio.session.comparer import VIEWS, default_pair


@pytest.fixture
def session(tmp_path, qtbot):
    """Three images and two small models, of which "two" is in use; nothing is predicted unasked."""
    folder = make_folder(tmp_path / "images", 3, (40, 48))
    for seed, name in enumerate(("one", "two")):
        make_model(folder / "unet-studio" / "models" / name, seed=seed)
    opened = Session()
    opened.predictor.auto = False
    opened.open_folder(folder)
    shown(qtbot, opened, "0.png")
    opened.predictor.set_model("two")
    yield opened
    opened.shut_down()


def shown(qtbot, session, name):
    if session.current != name:
        session.open_image(name)
    qtbot.waitUntil(lambda: session.document is not None and session.document.name == name, timeout=20_000)


def known(qtbot, session):
    """Wait until both sides have their answer; returns the two predictions."""
    qtbot.waitUntil(lambda: all(not side.waiting for side in session.comparer.sides), timeout=60_000)
    return [side.prediction for side in session.comparer.sides]


def compared(qtbot, session, *names):
    session.comparer.begin(*names)
    return known(qtbot, session)


def paint_corner(document):
    document.begin("Test")
    document.annotation.write(Rect(0, 0, 20, 20), 1 - int(document.prediction.labels[0, 0]))
    return document.commit()


def refuse(*_):
    raise AssertionError("nothing is to be predicted")


def entry(name, created="", parent=None, rival=""):
    """A model as its card says."""
    card = replace(read_card(entry.folder), name=name, created=created, parent=parent)
    return ModelEntry(name, entry.folder, replace(card, training={"config": {"rival": rival}}))


@pytest.fixture
def cards(tmp_path):
    entry.folder = make_model(tmp_path / "card")


def test_both_are_predicted_and_the_document_stays_as_it_is(session, qtbot):
    document = session.document
    version = document.version
    first, second = compared(qtbot, session)
    assert [side.entry.name for side in session.comparer.sides] == ["one", "two"]
    assert (first.model, second.model) == ("one", "two")
    assert not np.array_equal(first.confidence, second.confidence)
    assert (document.prediction, document.version, document.painted) == (None, version, False)
    assert session.status("0.png") is Status.UNLABELLED
    session.comparer.end()
    assert (document.prediction, document.version) == (None, version)


def test_what_was_predicted_is_stored_and_not_predicted_again(session, qtbot, monkeypatch):
    before = compared(qtbot, session)
    session.comparer.end()
    session.comparer._shelf.clear()
    monkeypatch.setattr(session.comparer._queue, "submit", refuse)
    after = compared(qtbot, session)
    for one, other in zip(before, after, strict=True):
        assert np.array_equal(one.labels, other.labels)


def test_what_the_document_shows_is_taken_from_it(session, qtbot):
    with qtbot.waitSignal(session.predictor.predicted, timeout=60_000):
        session.predictor.predict_current()
    found = session.document.prediction
    assert compared(qtbot, session)[1] is found


def test_another_image_is_compared_by_the_same_two(session, qtbot):
    compared(qtbot, session, "two", "one")
    shown(qtbot, session, "2.png")
    first, second = known(qtbot, session)
    assert (first.model, second.model) == ("two", "one")
    assert first.labels.shape == session.document.shape
    assert first.made["image-hash"] == session.document.facts["image-hash"]


def test_the_pinned_mask_of_an_approved_image_is_no_answer_of_its_model(session, qtbot):
    """Read from disk, an approved image's finished mask stands for its prediction."""
    with qtbot.waitSignal(session.predictor.predicted, timeout=60_000):
        session.predictor.predict_current()
    said = session.document.prediction.labels.copy()
    session.editor.edit(paint_corner)
    session.editor.approve()
    folder = session.project.image_root
    session.close_project()
    session.open_folder(folder)
    shown(qtbot, session, "0.png")
    assert session.document.approved
    assert np.array_equal(compared(qtbot, session, "one", "two")[1].labels, said)


def test_nothing_can_be_changed_meanwhile_and_everything_after(session, qtbot):
    assert session.editable
    compared(qtbot, session)
    assert not session.editable
    session.editor.approve()
    session.editor.fill_rest()
    assert not session.document.approved
    assert not session.document.painted
    session.comparer.end()
    assert session.editable


def test_a_stroke_under_way_ends_before(session, qtbot):
    session.editor.set_tool("polygon")
    session.editor.pointer("press", 5.0, 5.0)
    session.editor.pointer("release", 5.0, 5.0)
    assert session.editor.busy
    session.comparer.begin()
    assert not session.editor.busy


def test_flipping_goes_between_the_two_and_back_to_what_was_shown(session, qtbot):
    comparer = session.comparer
    comparer.begin(view="split")
    comparer.flip()
    assert comparer.view == "first"
    comparer.flip_back()
    assert comparer.view == "split"
    for expected in ("first", "second", "first"):
        comparer.flip()
        assert comparer.view == expected
    comparer.flip_back()
    assert comparer.view == "second"
    comparer.flip_back()
    assert comparer.view == "second"
    for view in VIEWS:
        comparer.set_view(view)
        assert comparer.view == view


def test_flipping_begins_the_comparison(session, qtbot):
    session.comparer.flip()
    assert (session.comparer.on, session.comparer.view) == (True, "first")
    session.comparer.flip_back()
    assert (session.comparer.on, session.comparer.view) == (True, "first")


def test_the_line_stays_on_the_image_and_tells_what_it_passed(session, qtbot):
    comparer = session.comparer
    comparer.begin()
    moved = []
    comparer.splitMoved.connect(lambda before, now: moved.append((before, now)))
    assert comparer.column == 24
    for to, expected in ((30.2, 30), (30.4, 30), (-5.0, 0), (100.0, 48)):
        comparer.move_split(to)
        assert comparer.column == expected
    assert moved == [(24, 30), (30, 0), (0, 48)]


def test_a_model_that_is_chosen_twice_trades_places(session, qtbot):
    comparer = session.comparer
    comparer.begin("one", "two")
    comparer.choose(0, "two")
    assert [side.entry.name for side in comparer.sides] == ["two", "one"]
    comparer.swap()
    assert [side.entry.name for side in comparer.sides] == ["one", "two"]


def test_a_model_with_other_classes_says_why_it_has_no_answer(session, qtbot):
    assert "sample-cells" in [entry.name for entry in session.predictor.models()]
    assert [entry.name for entry in session.comparer.models] == ["one", "two"]
    session.comparer.begin("one", "two")
    session.class_editor.rename(1, "gap")
    shown(qtbot, session, "1.png")
    assert known(qtbot, session) == [None, None]
    assert "classes that this project lacks" in session.comparer.sides[0].problem


def test_a_model_that_is_broken_says_so_and_the_other_one_is_shown(session, qtbot):
    (session.project.models_folder / "one" / "model.safetensors").write_bytes(b"nothing")
    first, second = compared(qtbot, session, "one", "two")
    assert first is None
    assert session.comparer.sides[0].problem
    assert second.model == "two"


def test_a_model_that_is_deleted_ends_it(session, qtbot):
    compared(qtbot, session, "one", "two")
    shutil.rmtree(session.project.models_folder / "one")
    session.predictor.refresh()
    assert not session.comparer.on
    session.comparer.begin()
    assert "one" not in [side.entry.name for side in session.comparer.sides]


def test_a_title_that_is_given_meanwhile_is_shown(session, qtbot):
    session.comparer.begin("one", "two")
    folder = session.project.models_folder / "one"
    write_card(folder, replace(read_card(folder), title="First try"))
    session.predictor.refresh()
    assert session.comparer.on
    assert session.comparer.sides[0].entry.shown == "First try (one)"


def test_closing_the_project_ends_it(session, qtbot):
    session.comparer.begin()
    session.close_project()
    assert not session.comparer.on
    session.comparer.begin()
    assert not session.comparer.on


def test_unknown_models_are_not_compared(session, qtbot):
    said = []
    session.message.connect(said.append)
    session.comparer.begin("one", "seven")
    assert not session.comparer.on
    assert said == ["There are no two models to compare yet."]


def test_by_default_the_newest_candidate_is_held_against_the_model_in_use(cards):
    v1 = entry("v1", "2026-01-01", "base")
    v2 = entry("v2", "2026-01-02", "base", "/p/models/v1")
    v3 = entry("v3", "2026-01-03", "base", "/p/models/v2")
    base = entry("base")
    models = [base, v1, v2, v3]
    assert default_pair(models, v2) == ("v2", "v3")
    assert default_pair(models, v3) == ("v2", "v3")
    assert default_pair([base, v1], v1) == ("base", "v1")
    assert default_pair([base, v1, v3], v3) == ("base", "v3")
    assert default_pair(models, None) == ("v2", "v3")
    assert default_pair([v1, entry("v9", "2026-01-09")], v1) == ("v9", "v1")
    assert default_pair([v1], v1) == ()
