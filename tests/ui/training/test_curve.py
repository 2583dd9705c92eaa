"""The curve of a training: what is drawn of a run, and when."""

import pytest

from tests.ui.training.states import score
from unet_studio.core.classes import ClassTable
from unet_studio.core.events import Note, Progress, Started, Validated
from unet_studio.ui.graph import round_end
from unet_studio.ui.panels.curve import MOST_POINTS, loss_curve, readable, smoothed
from unet_studio.ui.theme import DARK, LIGHT


def test_a_run_shows_its_course_and_curve(approved, panel, run, qtbot):
    qtbot.waitUntil(panel.controls.isVisible)
    assert panel.doing.text().startswith("Preparing 1 image…\nOn CPU, 1 thread")
    assert (panel.form.isVisible(), panel.start.isVisible()) == (False, False)
    assert panel.plan.text().startswith("Next round: learns from 1 approved image")
    for step in range(1, 41):
        run.emit(Progress(step, 100, 2.0 / step, 1e-3, step, 100 - step))
    run.emit(score(20, 0.6))
    run.emit(score(40, 0.8))
    run.emit(Note("The images are small."))
    qtbot.waitUntil(lambda: "Step 40 of at most 100" in panel.doing.text(), timeout=20_000)
    assert "The images are small." in panel.doing.text()
    assert panel.progress.value() == 400
    qtbot.waitUntil(lambda: panel.curve.ready, timeout=30_000)
    qtbot.waitUntil(lambda: "MB of memory" in panel.doing.text(), timeout=10_000)
    steps, losses = panel.curve._lines["steps"].getData()
    assert list(steps) == list(range(1, 41))
    assert losses[1] == 1.0
    assert list(panel.curve._lines["mean"].getData()[1]) == [0.6, 0.8]
    assert list(panel.curve._lines["best"].getData()[0]) == [40]
    assert "loss in training 0." in panel.curve.loss_legend.text()
    assert "on validation images 0.400" in panel.curve.loss_legend.text()
    assert "mean 0.800" in panel.curve.score_legend.text()
    view, name = panel.curve.scores.view, panel.curve.scores.bottom.label
    assert name.mapRectToScene(name.boundingRect()).bottom() <= view.height()  # "step" is whole
    panel.curve.measure.setCurrentIndex(panel.curve.measure.findData("IoU"))
    assert list(panel.curve._lines["mean"].getData()[1]) == [0.5, 0.7]
    assert "best: 0.700, at step 40" in panel.curve.score_legend.text()


def test_a_curve_is_drawn_for_what_is_new_alone(approved, panel, run, qtbot, monkeypatch):
    run.emit(Progress(1, 100, 1.0, 1e-3, 1, 99))
    qtbot.waitUntil(lambda: panel.curve.ready, timeout=30_000)
    approved.session.trainer._follower._timer.stop()  # else it tells of the process's memory meanwhile
    drawn, curve = [], panel.curve
    qtbot.waitUntil(curve.scores.view.isVisible)
    for name in ("steps", "mean"):
        line = curve._lines[name]
        monkeypatch.setattr(line, "setData", lambda *data, own=name, put=line.setData: note(own, put, data))

    def note(name, put, data):
        put(*data)
        drawn.append(name)

    def after(change, table):
        """Which of the two lines are drawn anew."""
        drawn.clear()
        change()
        curve.show_events(events, table)
        qtbot.wait(100)
        return drawn

    events, table = approved.session.trainer.events, approved.session.classes
    other, nothing = ClassTable.binary("other"), list
    assert after(nothing, table) == []
    assert after(lambda: events.append(Progress(2, 100, 0.5, 1e-3, 2, 98)), table) == ["steps"]
    assert list(curve._lines["steps"].getData()[0]) == [1, 2]
    assert after(lambda: events.append(score(2, 0.6)), table) == ["steps", "mean"]
    assert after(nothing, other) == ["steps", "mean"]
    assert after(nothing, other) == []


@pytest.mark.parametrize(
    ("value", "end"), [(1, 1), (2, 2), (7, 8), (13, 15), (99, 100), (101, 120), (0.31, 0.4), (1.01, 1.2)]
)
def test_an_axis_ends_at_a_round_number(value, end):
    assert round_end(value) == pytest.approx(end)


def test_of_many_classes_the_worst_are_drawn_and_the_others_counted(approved, panel, run, qtbot):
    dice = {f"class {number}": number / 20 for number in range(11)}
    run.emit(Progress(1, 100, 1.0, 0.001, 1.0, 99.0))
    run.emit(Validated(1, 0.4, dice, dice, 0.9, 0.3, 0.3, True))
    curve = panel.curve
    qtbot.waitUntil(lambda: "3 better ones are not drawn" in curve.score_legend.text(), timeout=30_000)
    drawn = {name for name in curve._lines if name.startswith("class ")}
    assert drawn == {f"class class {number}" for number in range(8)}


def test_an_axis_seldom_moves():
    ends = [round_end(step) for step in range(1, 1001)]
    assert all(end >= step > 0.75 * end - 1 for step, end in enumerate(ends, 1))
    assert len(set(ends)) <= 30


def test_a_color_that_would_not_show_is_mixed_with_the_texts():
    assert readable("#e53935", LIGHT) == "#e53935"
    assert readable("#fbfbff", LIGHT) != "#fbfbff"
    assert readable("#101010", DARK) != "#101010"


def test_a_resumed_run_is_drawn_once(approved, panel, run, qtbot):
    for step in range(1, 131):
        run.emit(Progress(step, 200, 2.0 / step, 1e-3, step, 200 - step))
    run.emit(score(40, 0.6))
    run.emit(score(120, 0.8))
    run.emit(Started("cpu", 1, 50, 200, resumed=True))
    run.emit(Progress(51, 200, 0.3, 1e-3, 51, 149))
    qtbot.waitUntil(lambda: panel.curve.ready, timeout=30_000)
    steps = panel.curve._lines["steps"]
    qtbot.waitUntil(lambda: list(steps.getData()[0]) == list(range(1, 52)))
    assert list(panel.curve._lines["mean"].getData()[0]) == [40]


def test_long_curves_are_thinned_and_smoothing_starts_at_the_first_value():
    events = [Progress(step, 9000, 1.0, 1e-3, step, 1.0) for step in range(9000)]
    assert len(loss_curve(events)[0]) <= MOST_POINTS
    assert smoothed([4.0, 4.0, 4.0]) == pytest.approx([4.0, 4.0, 4.0])
    assert smoothed([]) == []
