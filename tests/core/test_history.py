"""Undo histories: a row of steps with a place in it, and one budget for all."""

import gc
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unet_studio.core.history import Budget, History


@dataclass(frozen=True)
class Step:
    name: str
    nbytes: int = 1


def filled(count, size=10, **kind):
    history = History(**kind)
    for number in range(count):
        history.push(Step(str(number), size))
    return history


def test_history_is_bounded_in_bytes_and_keeps_the_newest():
    history = filled(10, 30, limit=100)
    assert (history.nbytes, history.forgotten) == (90, 7)
    assert [history.undo().name for _ in range(3)] == ["9", "8", "7"]
    assert history.undo() is None
    history.push(Step("big", 1000))
    assert history.undo_name == "big"
    assert history.redo_name is None
    assert history.last is not None
    assert history.nbytes == 1000


def test_history_forgets_what_was_undone_when_something_new_is_done():
    history = filled(3, 1)
    history.undo()
    history.undo()
    assert (history.undo_name, history.redo_name) == ("0", "1")
    assert history.redo().name == "1"
    history.push(Step("d"))
    assert history.redo() is None
    assert history.nbytes == 3
    history.clear()
    assert history.nbytes == 0
    assert history.last is None


def test_the_oldest_steps_of_all_images_go_first():
    budget = Budget(100)
    one, other = filled(3, 10, budget=budget), filled(3, 10, budget=budget)
    one.push(Step("new", 50))
    assert budget.nbytes == 100
    assert [step.name for step in one.steps] == ["1", "2", "new"]
    assert len(other) == 3
    other.push(Step("large", 95))
    assert [step.name for step in other.steps] == ["large"]
    assert len(one) == 0
    budget.limit = 10
    assert len(other) == 1  # the newest one always stays
    other.push(Step("small", 5))
    assert [step.name for step in other.steps] == ["small"]


def test_undone_steps_go_with_the_step_they_rest_on():
    budget = Budget(100)
    one, other = filled(4, 10, budget=budget), filled(1, 10, budget=budget)
    one.place = 0
    other.push(Step("new", 60))
    assert len(one) == 0
    assert one.redo_name is None
    two = filled(4, 10, budget=Budget(35))
    assert (len(two), two.place) == (3, 3)


def test_what_nobody_holds_any_more_takes_no_bytes():
    budget = Budget(100)
    gone, stays = filled(5, 10, budget=budget), filled(2, 10, budget=budget)
    del gone
    gc.collect()
    assert budget.nbytes == 20
    stays.push(Step("new", 80))
    assert len(stays) == 3


def test_a_place_outside_is_refused_and_steps_are_exchanged_one_by_one():
    history = filled(2)
    with pytest.raises(ValueError, match="2 steps"):
        history.place = 3
    with pytest.raises(ValueError, match="step by step"):
        history.exchange([])
    history.exchange([Step("a", 3), Step("b", 4)])
    assert history.nbytes == 7
    history.weigh(lambda step: 100)
    assert history.nbytes == 200


ACTIONS = st.one_of(
    st.tuples(st.just("push"), st.integers(0, 2), st.integers(1, 60)),
    st.tuples(st.just("undo"), st.integers(0, 2), st.just(0)),
    st.tuples(st.just("redo"), st.integers(0, 2), st.just(0)),
    st.tuples(st.just("clear"), st.integers(0, 2), st.just(0)),
)


@given(st.lists(ACTIONS, max_size=60), st.integers(20, 200))
def test_any_walk_equals_plain_lists(actions, limit):
    """The model: for every history a list of (number, size) and a place, searched for the oldest of all."""
    budget = Budget(limit)
    histories = [History(budget=budget) for _ in range(3)]
    rows, places = [[], [], []], [0, 0, 0]
    for number, (what, which, size) in enumerate(actions):
        history, row = histories[which], rows[which]
        if what == "push":
            history.push(Step(str(number), size))
            del row[places[which] :]
            row.append((number, size))
            places[which] += 1
            while sum(size for row in rows for _, size in row) > limit:
                oldest = min((row[0][0], place) for place, row in enumerate(rows) if row)[1]
                if rows[oldest][0][0] == number:
                    break
                gone = 1 if places[oldest] else len(rows[oldest])
                del rows[oldest][:gone]
                places[oldest] = max(places[oldest] - gone, 0)
        elif what == "undo":
            found = history.undo()
            assert (found.name if found else None) == (
                str(row[places[which] - 1][0]) if places[which] else None
            )
            places[which] = max(places[which] - 1, 0)
        elif what == "redo":
            assert (history.redo() is None) == (places[which] == len(row))
            places[which] = min(places[which] + 1, len(row))
        else:
            history.clear()
            row.clear()
            places[which] = 0
        for history, row, place in zip(histories, rows, places, strict=True):
            assert [step.name for step in history.steps] == [str(number) for number, _ in row]
            assert history.place == place
            assert history.nbytes == sum(size for _, size in row)
