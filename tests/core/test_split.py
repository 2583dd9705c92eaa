"""Splits: read and written as files, and made anew so that what belongs together stays together."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unet_studio.core.errors import StudioError
from unet_studio.core.split import divide, read_split, stable_part, write_split

UNITS = st.dictionaries(st.text(min_size=1, max_size=6), st.integers(1, 9), min_size=1, max_size=40)
SHARES = st.sampled_from([(0.8, 0.2), (0.6, 0.2, 0.2), (0.5, 0.25, 0.25), (0.9, 0.1, 0.0)])


def test_a_split_is_read_as_it_was_written(tmp_path):
    parts = {"b.png": "val", "a.png": "train", "c.png": "test"}
    write_split(tmp_path / "split.json", parts)
    assert read_split(tmp_path / "split.json") == parts
    assert json.loads((tmp_path / "split.json").read_text())["val"] == ["b.png"]


@pytest.mark.parametrize("text", ["[]", '{"train": "a.png"}', '{"train": ["a"], "val": ["a"]}', "{"])
def test_what_is_no_split_is_refused(tmp_path, text):
    (tmp_path / "split.json").write_text(text)
    with pytest.raises(StudioError):
        read_split(tmp_path / "split.json")


@given(UNITS, SHARES, st.integers(0, 5))
def test_a_new_split_depends_on_units_shares_and_seed_alone(units, shares, seed):
    parts = divide(units, shares, seed)
    assert set(parts) == set(units)
    assert parts == divide(dict(reversed(units.items())), shares, seed)
    with_share = sum(1 for share in shares if share)
    assert len(set(parts.values())) == min(with_share, len(units))


@given(st.integers(20, 400), st.integers(0, 3))
def test_single_images_are_divided_to_the_image(count, seed):
    counts = Counter(divide({str(number): 1 for number in range(count)}, (0.8, 0.2), seed).values())
    assert abs(counts["train"] - 0.8 * count) <= 0.5 + 1e-9


def test_every_seed_divides_otherwise_and_zero_is_a_seed():
    units = {str(number): 1 for number in range(50)}
    found = [tuple(sorted(divide(units, (0.8, 0.2), seed).items())) for seed in range(4)]
    assert len(set(found)) == 4
    assert {stable_part(str(number), 0) for number in range(50)} == {"train", "val"}
    assert [stable_part(str(number), 0) for number in range(50)] != [
        stable_part(str(number), 1) for number in range(50)
    ]


def test_an_image_more_moves_few_others():
    units = {str(number): 1 for number in range(200)}
    before = divide(units, (0.8, 0.2))
    after = divide({**units, "new": 1}, (0.8, 0.2))
    assert sum(before[key] != after[key] for key in units) <= 2
