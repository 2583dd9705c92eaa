"""Which images there are and how far each is, counted as it changes."""

from hypothesis import given
from hypothesis import strategies as st

from unet_studio.core.image_table import STATUSES, ImageTable, Status

NAMES = [f"{number}.png" for number in range(6)]
CHANGES = st.lists(st.tuples(st.sampled_from([*NAMES, "gone.png"]), st.sampled_from(STATUSES)))


@given(st.sets(st.sampled_from(NAMES)), CHANGES, CHANGES)
def test_counts_codes_and_lists_agree_after_any_changes(listed, before, after):
    table = ImageTable()
    for name, status in before:
        table.set_status(name, status)
    found = {name: status for name, status in before if status is not Status.UNLABELLED}
    table.replace(sorted(listed), found)
    for name, status in after:
        table.set_status(name, status)
    states = [table.status(name) for name in table.names]
    assert table.counts() == {status: states.count(status) for status in Status}
    assert [STATUSES[code] for code in table.codes()] == states
    for status in Status:
        assert table.with_status(status) == [n for n in table.names if table.status(n) is status]
    assert [table.place(name) for name in table.names] == list(range(len(table.names)))
    assert table.place("gone.png") is None


def test_what_is_set_while_a_listing_is_made_is_newer_than_the_listing():
    table = ImageTable()
    table.replace(NAMES, {"1.png": Status.PAINTED})
    table.expect()
    table.set_status("1.png", Status.UNLABELLED)
    table.set_status("2.png", Status.APPROVED)
    table.replace(NAMES, {"1.png": Status.PAINTED, "3.png": Status.PAINTED})
    assert table.with_status(Status.PAINTED, Status.APPROVED) == ["2.png", "3.png"]
    table.replace(NAMES, {})
    assert table.with_status(Status.PAINTED, Status.APPROVED) == []


def test_a_hundred_thousand_states_are_not_looked_at_to_count_them(monkeypatch):
    table = ImageTable()
    table.replace([f"{number}.png" for number in range(100_000)], {})
    asked = []
    monkeypatch.setattr(table, "status", lambda name: asked.append(name) or Status.UNLABELLED)
    for number in range(50):
        table.set_status(f"{number}.png", Status.APPROVED)
    assert table.counts()[Status.APPROVED] == 50
    assert table.with_status(Status.APPROVED) == [f"{number}.png" for number in range(50)]
    assert not asked
