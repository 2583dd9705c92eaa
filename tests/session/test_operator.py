"""Operations in a session: worked out in a thread, one step, nothing painted is lost, nothing lingers."""

import threading

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QTimer

from tests.helpers import SHAPE, make_folder, picture
from unet_studio.core.classes import UNLABELLED
from unet_studio.core.geometry import Rect
from unet_studio.core.operations import OPERATIONS
from unet_studio.core.prediction import Prediction
from unet_studio.core.project import Status
from unet_studio.core.storage import read_index_png
from unet_studio.session import Session, operator
from unet_studio.session.operator import Request
from unet_studio.tools import PaintRule

WHOLE = Rect.of(SHAPE)


@pytest.fixture
def session(qtbot, tmp_path):
    folder = make_folder(tmp_path / "images", 3)
    Image.fromarray(picture(9, (50, 70))).save(folder / "9.png")
    made = Session()
    made.predictor.auto = False
    made.open_folder(folder)
    shown(made, qtbot, "0.png")
    predict(made)
    yield made
    made.shut_down()


def shown(session, qtbot, name):
    session.open_image(name)
    qtbot.waitUntil(lambda: session.document is not None and session.document.name == name, timeout=20_000)


def predict(session, seed=0):
    """A prediction with specks and holes, as a model would have made it."""
    document = session.document
    random = np.random.default_rng(seed)
    labels = (picture(seed, document.shape)[..., 0] > 115).astype(np.uint8)
    labels[random.random(document.shape) < 0.03] ^= 1
    document.set_prediction(Prediction(labels, np.full(document.shape, 255, np.uint8), "model"))
    return labels


@pytest.fixture
def held(monkeypatch):
    """Work that does not go on before it is let go."""
    go_on, reached = threading.Event(), threading.Event()
    prepare = operator.prepare

    def slow(*arguments):
        progress = arguments[5]
        reached.set()
        while not go_on.wait(0.002):
            progress(0.5)
        return prepare(*arguments)

    monkeypatch.setattr(operator, "prepare", slow)
    slow.go_on, slow.reached = go_on, reached
    yield slow
    go_on.set()


def done(session, qtbot):
    qtbot.waitUntil(lambda: not session.operator.running, timeout=20_000)


def saved(session, qtbot):
    session._writer.hurry()
    qtbot.waitUntil(lambda: not session._dirty(), timeout=20_000)


def stroke(session):
    session.editor.pointer("press", 20.0, 20.0)
    session.editor.pointer("release", 20.0, 60.0)


def listen(signal):
    heard = []
    signal.connect(lambda *words: heard.append(words[0] if len(words) == 1 else words))
    return heard


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_is_one_step_that_is_saved_and_undone(session, qtbot, name):
    if OPERATIONS[name].copies:
        session.editor.fill_rest()
        shown(session, qtbot, "1.png")
        predict(session, 5)
    stroke(session)
    before = session.document.annotation.pixels.copy()
    messages, rects = listen(session.message), listen(session.maskChanged)
    session.operator.apply(Request(name, 1, {"into": 0}))
    assert session.operator.running == OPERATIONS[name].title
    done(session, qtbot)
    after = session.document.annotation.pixels.copy()
    changed = after != before
    assert changed.any()
    assert f"changed {changed.sum():,} pixel" in messages[-1]
    assert not changed[[n for n in range(SHAPE[0]) if not rects[-1].top <= n < rects[-1].bottom]].any()
    assert session.editor.undo_name == OPERATIONS[name].title
    labelled = bool((after != UNLABELLED).any())
    assert session.status(session.current) is (Status.PAINTED if labelled else Status.UNLABELLED)
    saved(session, qtbot)
    stored = session.project.annotation_path(session.current)
    assert stored.is_file() == labelled
    if stored.is_file():
        assert np.array_equal(read_index_png(stored)[0], after)
    session.editor.undo()
    assert np.array_equal(session.document.annotation.pixels, before)
    assert session.editor.undo_name == "Brush"
    session.editor.redo()
    assert np.array_equal(session.document.annotation.pixels, after)


def test_while_it_runs_the_mask_is_locked_and_says_so(session, qtbot, held):
    messages, fractions = listen(session.message), listen(session.operator.progressed)
    session.operator.apply(Request("drop_specks", 1))
    assert not session.editable
    stroke(session)
    assert "under way" in messages[-1]
    assert not session.editor.can_undo
    session.editor.fill_rest()
    session.editor.approve()
    session.operator.apply(Request("grow", 1))
    assert session.editor.tool_key("enter")  # approves nothing
    qtbot.waitUntil(lambda: 0.5 in fractions, timeout=20_000)
    assert not session.document.painted
    held.go_on.set()
    done(session, qtbot)
    assert session.editor.undo_name == "Drop Specks"
    stroke(session)
    assert session.editor.undo_name == "Brush"


@pytest.mark.parametrize("way", ["cancel", "escape", "leave", "close"])
def test_cancelling_leaving_and_closing_leave_no_trace(session, qtbot, held, way):
    messages = listen(session.message)
    document, version = session.document, session.document.version
    session.operator.apply(Request("drop_specks", 1))
    assert held.reached.wait(20)
    if way == "cancel":
        session.operator.cancel()
    elif way == "escape":
        assert session.editor.tool_key("escape")
    elif way == "leave":
        session.open_image("1.png")
    else:
        session.close_project()
    assert not session.operator.running
    assert messages[-1] == "Drop Specks was cancelled: nothing changed."
    held.go_on.set()
    qtbot.waitUntil(lambda: session.operator._thread.idle, timeout=20_000)
    qtbot.wait(20)
    assert not document.painted
    assert (document.version, document.history.undo_name) == (version, None)
    if way == "cancel":
        stroke(session)
        assert session.document.painted


def test_a_prediction_that_comes_meanwhile_is_what_it_works_on(session, qtbot, held):
    session.operator.apply(Request("drop_specks", 1))
    assert held.reached.wait(20)
    predict(session, 7)
    held.go_on.set()
    done(session, qtbot)
    after = session.document.mask()
    session.editor.undo()
    again = operator.prepare(
        session.document, OPERATIONS["drop_specks"], 1, {}, (), lambda _: None, None, None
    )
    session.document.land("again", again.plan)
    assert np.array_equal(session.document.mask(), after)


def test_a_mask_that_keeps_changing_is_given_up_with_a_word(session, qtbot, monkeypatch):
    prepare, failures = operator.prepare, listen(session.failed)

    def restless(document, *rest):
        found = prepare(document, *rest)
        document.version += 1
        return found

    monkeypatch.setattr(operator, "prepare", restless)
    session.operator.apply(Request("drop_specks", 1))
    done(session, qtbot)
    assert "not done" in failures[-1][0]
    assert session.document.history.undo_name is None


def test_an_approved_image_becomes_unfinished_and_undo_approves_it_again(session, qtbot):
    session.editor.approve()
    session.operator.apply(Request("drop_specks", 1))
    done(session, qtbot)
    assert not session.document.approved
    session.editor.undo()
    assert session.document.approved
    assert session.status("0.png") is Status.APPROVED


def test_what_changes_nothing_is_no_step_and_keeps_an_approval(session, qtbot):
    session.editor.approve()
    messages = listen(session.message)
    session.operator.apply(Request("relabel", 1, {"into": 1}))
    done(session, qtbot)
    assert messages[-1] == "Relabel: there is nothing to change."
    assert session.document.approved
    assert session.editor.undo_name == "Approve"


def test_locked_classes_stay(session, qtbot):
    session.editor.set_rule(PaintRule(locked=frozenset({0})))
    mask = session.document.mask()
    session.operator.apply(Request("grow", 1))
    done(session, qtbot)
    assert not session.document.painted
    session.editor.set_rule(PaintRule())
    session.operator.apply(Request("accept"))
    done(session, qtbot)
    session.editor.set_rule(PaintRule(locked=frozenset({1})))
    session.editor.clear_annotation()
    done(session, qtbot)
    assert np.array_equal(session.document.annotation.pixels == 1, mask == 1)
    assert (session.document.annotation.pixels[mask == 0] == UNLABELLED).all()


# -- foreseeing -------------------------------------------------------------------------------------------


def foresee(session, qtbot, request, view=WHOLE):
    with qtbot.waitSignal(session.operator.previewed, timeout=20_000) as caught:
        assert session.operator.preview(request, view)
    return caught.args[0]


def test_a_preview_changes_nothing_and_is_what_then_lands_at_once(session, qtbot):
    before, version = session.document.annotation.pixels.copy(), session.document.version
    request = Request("drop_specks", 1, {"size": 9})
    foreseen = foresee(session, qtbot, request)
    assert foreseen.pixels > foreseen.places > 0
    assert np.array_equal(session.document.annotation.pixels, before)
    assert (session.document.version, session.editable) == (version, True)
    seen = listen(session.operator.previewed)
    session.operator.apply(request)
    assert seen == [None]
    assert session.editor.undo_name == "Drop Specks"
    assert (session.document.annotation.pixels != before).sum() == foreseen.pixels


def test_another_request_than_the_foreseen_one_is_worked_out_anew(session, qtbot):
    foresee(session, qtbot, Request("drop_specks", 1, {"size": 2}))
    session.operator.apply(Request("drop_specks", 1, {"size": 9}))
    assert session.operator.running
    done(session, qtbot)


def test_painting_makes_a_preview_go_and_what_it_found_never_lands(session, qtbot):
    request = Request("drop_specks", 1, {"size": 9})
    foresee(session, qtbot, request)
    seen = listen(session.operator.previewed)
    stroke(session)
    assert seen == [None]
    painted = session.document.annotation.pixels.copy()
    session.operator.apply(request)
    assert session.operator.running
    done(session, qtbot)
    kept = session.document.annotation.pixels[painted == 1]
    assert (kept == 1).all()


def test_a_preview_under_way_is_forgotten_for_a_newer_one_and_on_leaving(session, qtbot, held):
    seen = listen(session.operator.previewed)
    session.operator.preview(Request("drop_specks", 1, {"size": 2}), WHOLE)
    assert held.reached.wait(20)
    session.operator.preview(Request("drop_specks", 1, {"size": 9}), WHOLE)
    held.go_on.set()
    qtbot.waitUntil(lambda: bool(seen), timeout=20_000)
    qtbot.wait(20)
    assert len(seen) == 1
    session.operator.preview(Request("grow", 1), WHOLE)
    shown(session, qtbot, "1.png")
    qtbot.wait(50)
    assert seen[1:] == [None]


def test_of_a_large_image_only_what_is_in_view_is_foreseen(session, qtbot, monkeypatch):
    monkeypatch.setattr(operator, "PREVIEW_PIXELS", 12_000)
    monkeypatch.setattr(operator, "MARGIN", 0)
    request = Request("smooth", 1)
    whole = foresee(session, qtbot, Request("drop_specks", 1))
    assert whole.area == WHOLE
    assert not session.operator.preview(request, WHOLE)
    part = foresee(session, qtbot, request, Rect(0, 0, 40, 40))
    assert part.area == WHOLE  # one tile


# -- copying ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("in_memory", [True, False])
def test_the_mask_of_the_image_before_is_copied(session, qtbot, in_memory):
    session.operator.apply(Request("accept"))
    done(session, qtbot)
    wanted = session.document.mask()
    saved(session, qtbot)
    shown(session, qtbot, "1.png")
    if not in_memory:
        session._loader.drop("0.png")
    session.operator.apply(Request("copy"))
    done(session, qtbot)
    assert np.array_equal(session.document.annotation.pixels == 1, wanted == 1)
    assert (session.document.annotation.pixels[wanted == 0] == UNLABELLED).all()
    assert session.editor.undo_name == "Copy from Previous Image"


@pytest.mark.parametrize(
    ("image", "message"),
    [("0.png", "no image before"), ("9.png", "is 128 × 96 px"), ("2.png", "has no mask yet")],
)
def test_what_cannot_be_copied_is_said_with_the_remedy(session, qtbot, image, message):
    shown(session, qtbot, image)
    failures, refused = listen(session.failed), listen(session.operator.previewFailed)
    session.operator.preview(Request("copy"), WHOLE)
    qtbot.waitUntil(lambda: bool(refused), timeout=20_000)
    session.operator.apply(Request("copy"))
    qtbot.waitUntil(lambda: bool(failures), timeout=20_000)
    for text, remedy in (refused[-1], failures[-1]):
        assert message in text
        assert remedy
    assert not session.operator.running
    assert session.document.history.undo_name is None


# -- large images -----------------------------------------------------------------------------------------


def test_filling_the_rest_and_forgetting_everything_of_a_large_image(session, qtbot, monkeypatch):
    monkeypatch.setattr("unet_studio.session.editor.LARGE_IMAGE", 10)
    session.document.set_prediction(None)
    stroke(session)
    session.editor.fill_rest()
    assert session.operator.running == "Fill the rest"
    done(session, qtbot)
    assert (
        (session.document.annotation.pixels == 0).sum() > (session.document.annotation.pixels == 1).sum() > 0
    )
    assert not (session.document.annotation.pixels == UNLABELLED).any()
    session.editor.clear_annotation()
    assert session.operator.running == "Forget all corrections"
    done(session, qtbot)
    assert not session.document.painted


@pytest.mark.slow
def test_the_window_lives_on_while_a_large_mask_is_worked_on(qtbot, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    Image.fromarray(np.zeros((4096, 4096), dtype=np.uint8)).save(folder / "0.png", compress_level=1)
    session = Session()
    session.predictor.auto = False
    session.open_folder(folder)
    shown(session, qtbot, "0.png")
    predict(session)
    turns = []
    timer = QTimer(interval=5)
    timer.timeout.connect(lambda: turns.append(session.operator.running))
    timer.start()
    session.operator.apply(Request("drop_specks", 1))
    done(session, qtbot)
    timer.stop()
    session.shut_down()
    assert turns.count("Drop Specks") > 20
    assert session.document is None
