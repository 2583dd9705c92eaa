"""The gate: what is promoted, what waits as a candidate, what a person decides, and what is warned of."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unet_studio.core.errors import StudioError
from unet_studio.core.gate import (
    FEWEST,
    TOLERANCE,
    ModelScores,
    class_changes,
    judge,
    read_gate,
    read_verdict,
    write_gate,
)

NAN = math.nan


def scored(model="m", unknown=(), **dice):
    count = len(next(iter(dice.values())))
    names = tuple(f"{number}.png" for number in range(count))
    return ModelScores(model, names, {name: tuple(values) for name, values in dice.items()}, tuple(unknown))


def test_a_better_one_is_promoted_and_says_by_how_much():
    verdict = judge(scored(cell=[0.7] * 8), scored(cell=[0.8] * 8))
    assert verdict.outcome == "promoted"
    assert (verdict.before, verdict.after) == pytest.approx((0.7, 0.8))
    assert verdict.interval.low == pytest.approx(0.1)
    assert "+0.100" in verdict.reasons[0]
    assert "better" in verdict.reasons[0]
    assert verdict.warnings == ()


@pytest.mark.parametrize(("loss", "outcome"), [(0.0, "promoted"), (0.009, "promoted"), (0.011, "candidate")])
def test_a_little_worse_is_tolerated(loss, outcome):
    verdict = judge(scored(cell=[0.7] * 8), scored(cell=[0.7 - loss] * 8))
    assert verdict.outcome == outcome
    assert ("worse" in verdict.reasons[0]) is True


def test_what_may_be_worse_by_chance_waits():
    random = np.random.default_rng(1)
    before = random.uniform(0.4, 0.9, 6)
    after = before + np.array([0.2, -0.2, 0.15, -0.1, 0.1, -0.14])
    verdict = judge(scored(cell=before), scored(cell=after))
    assert verdict.outcome == "candidate"
    assert verdict.interval.low < -TOLERANCE < verdict.interval.high
    assert "may be worse" in verdict.reasons[0]


@pytest.mark.parametrize("count", range(FEWEST))
def test_few_images_decide_nothing(count):
    verdict = judge(scored(cell=[0.1] * count), scored(cell=[0.9] * count))
    assert verdict.outcome == "indicative"
    assert "you decide" in verdict.reasons[0]
    assert math.isnan(verdict.after) == (count == 0)


def test_images_without_any_foreground_do_not_count_as_images():
    scores = [0.5] * 4 + [NAN] * 20
    assert judge(scored(cell=scores), scored(cell=scores)).outcome == "indicative"


def test_a_class_that_only_one_sees_where_it_is_not_counts_against_that_one():
    verdict = judge(scored(cell=[0.8, NAN]), scored(cell=[0.8, 0.0]))
    assert verdict.changes[1].before == 1.0
    assert verdict.changes[1].after == 0.0
    assert [one.image for one in verdict.worst_first] == ["1.png", "0.png"]


def test_a_class_that_got_worse_is_warned_of_although_all_got_better():
    before = scored(cell=[0.5] * 6, root=[0.9] * 6)
    after = scored(cell=[0.9] * 6, root=[0.8] * 6)
    verdict = judge(before, after)
    assert verdict.outcome == "promoted"
    assert verdict.warnings == ("root got worse: Dice 0.900 before, 0.800 now.",)


def test_classes_that_can_not_be_judged_are_named():
    before = scored(cell=[0.5] * 6, root=[NAN] * 6, leaf=[0.5] * 6)
    after = scored(unknown=["leaf"], cell=[0.5] * 6, root=[NAN] * 6, leaf=[0.0] * 6)
    warnings = judge(before, after).warnings
    assert warnings == (
        "No validation image shows root: nothing is known of it.",
        "The new version does not know leaf.",
    )


def test_images_that_can_not_be_compared_come_last():
    verdict = judge(scored(cell=[NAN, 0.5, 0.9]), scored(cell=[NAN, 0.6, 0.2]))
    assert [one.image for one in verdict.worst_first] == ["2.png", "1.png", "0.png"]


def test_different_images_are_refused():
    with pytest.raises(ValueError, match="different images"):
        judge(scored(cell=[0.5]), scored(cell=[0.5, 0.5]))


def test_a_model_that_was_scored_on_fewer_images_is_compared_on_these():
    before = scored(cell=[0.1, 0.5, 0.6, 0.5, 0.6, 0.5])
    after = replace(scored(cell=[0.7] * 5), images=before.images[1:])
    verdict = judge(before, after)
    assert [one.before for one in verdict.changes] == [0.5, 0.6, 0.5, 0.6, 0.5]
    assert verdict.outcome == "promoted"
    assert verdict.reasons[0].startswith("On 5 of the 6 validation images Dice changed by +0.160")
    assert class_changes(before, after)["cell"] == verdict.changes


values = st.one_of(st.just(NAN), st.floats(0, 1))


@given(st.lists(st.tuples(values, values), min_size=1, max_size=9))
def test_a_model_beside_itself_never_changes_and_both_ways_mirror(pairs):
    first, second = scored(cell=[one for one, _ in pairs]), scored(cell=[two for _, two in pairs])
    same = judge(first, first)
    assert same.outcome in ("promoted", "indicative")
    assert all(math.isnan(one.difference) or one.difference == 0 for one in same.changes)
    there, back = judge(first, second), judge(second, first)
    for one, other in zip(there.changes, back.changes, strict=True):
        assert (math.isnan(one.difference) and math.isnan(other.difference)) or (
            one.difference == -other.difference
        )


def test_scores_and_verdict_survive_json():
    import json

    scores = scored(unknown=["x"], cell=[0.5, NAN], root=[0.25, 1.0])
    back = ModelScores.from_json(json.loads(json.dumps(scores.to_json())))
    assert back.images == scores.images
    assert back.unknown == ("x",)
    assert math.isnan(back.dice["cell"][1])
    verdict = judge(scores, scores)
    outcome, interval = read_verdict(json.loads(json.dumps(verdict.to_json())))
    assert (outcome, interval.images) == ("indicative", 2)


@pytest.mark.parametrize(
    "broken", [None, {}, {"images": ["a"], "dice": {"c": []}, "model": "", "unknown": []}]
)
def test_broken_scores_are_refused(broken):
    with pytest.raises(StudioError, match="can't be understood"):
        ModelScores.from_json(broken)


@pytest.mark.parametrize("broken", [None, {}, {"outcome": "yes", "change": {}}])
def test_broken_verdicts_are_refused(broken):
    with pytest.raises(StudioError, match="can't be understood"):
        read_verdict(broken)


def test_what_a_gate_compares_is_stored_and_read(tmp_path):
    path = tmp_path / "gate.json"
    assert read_gate(path) is None
    before, after = scored("old", cell=[0.5, 0.75]), scored("new", cell=[0.25, 1.0])
    write_gate(path, before, None)
    assert read_gate(path) == (before, None)
    write_gate(path, before, after)
    assert read_gate(path) == (before, after)
    for broken in ("[]", "{}", '{"before": {}}'):
        path.write_text(broken)
        with pytest.raises(StudioError):
            read_gate(path)
