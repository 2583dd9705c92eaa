"""The table of what changed between two models: worst first, by class, the interval of core.paired."""

import math

import pytest

from unet_studio.core.changes import ALL, ChangeTable, changes_of_gate
from unet_studio.core.gate import Change, ModelScores, judge
from unet_studio.core.paired import paired_interval

IMAGES = tuple(f"{number}.png" for number in range(6))
BEFORE = ModelScores("v1", IMAGES, {"cell": (0.8, 0.7, 0.9, 0.6, 0.5, math.nan), "gap": (0.5,) * 6})
AFTER = ModelScores("v2", IMAGES, {"cell": (0.9, 0.5, 0.9, 0.7, 0.6, math.nan), "gap": (0.6,) * 6})


def test_the_images_that_lost_most_come_first_and_what_can_not_be_compared_last():
    found = changes_of_gate(BEFORE, AFTER, "From the gate.").worst_first("cell")
    assert [one.image for one in found][:2] == ["1.png", "2.png"]
    assert found[-1].image == "5.png"
    assert math.isnan(found[-1].difference)


def test_the_figures_of_a_gate_are_its_verdict():
    table, verdict = changes_of_gate(BEFORE, AFTER, "From the gate."), judge(BEFORE, AFTER)
    assert table.worst_first() == verdict.worst_first
    assert table.interval() == verdict.interval
    assert table.means() == pytest.approx((verdict.before, verdict.after))
    assert (table.first, table.second, table.images) == ("v1", "v2", 6)


def test_each_class_has_its_own_images_and_interval():
    table = changes_of_gate(BEFORE, AFTER, "From the gate.")
    assert table.classes == ["cell", "gap"]
    assert table.interval("gap") == paired_interval((0.5,) * 6, (0.6,) * 6)
    assert table.interval("cell").images == 5
    assert table.by_class["cell"][1] == Change("1.png", 0.7, 0.5)


def test_a_class_that_one_model_alone_sees_counts_as_right_for_the_other():
    before = ModelScores("v1", ("a",), {"cell": (0.0,)})
    after = ModelScores("v2", ("a",), {"cell": (math.nan,)})
    assert changes_of_gate(before, after, "").by_class["cell"] == (Change("a", 0.0, 1.0),)


def test_a_class_that_is_not_there_has_no_figures():
    table = ChangeTable("v1", "v2", {ALL: ()}, "")
    assert table.worst_first("sky") == []
    assert all(math.isnan(one) for one in (table.interval("sky").mean, *table.means()))
