"""Journals: what they hold after torn writes, cuts and repairs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unet_studio.core import journal
from unet_studio.core.classes import UNLABELLED
from unet_studio.core.mask import Mask

SHAPE = (300, 260)
PICTURE = journal.Picture(SHAPE, "x")


def entry(value, key=(0, 0)):
    height, width = (256, 256) if key == (0, 0) else (300 - 256, 256)
    return journal.Entry(journal.EDIT, {key: np.full((height, width), value, np.uint8)})


def replayed(path):
    mask = Mask.full(SHAPE, UNLABELLED)
    return journal.replay(path, PICTURE, mask, mend=False), mask.pixels


@pytest.mark.parametrize("count", range(7))
def test_the_last_entries_are_kept_as_they_were(tmp_path, count):
    path, late = tmp_path / "a.journal", tmp_path / "b.journal"
    for value in range(5):
        journal.append(path, PICTURE, entry(value, (value % 2, 0)))
        if value >= 5 - count:
            journal.append(late, PICTURE, entry(value, (value % 2, 0)))
    size = journal.keep_last(path, count) if count else 0
    if count:
        assert path.read_bytes() == late.read_bytes()
        assert size == path.stat().st_size


def test_a_journal_that_is_gone_has_nothing_to_keep(tmp_path):
    assert journal.keep_last(tmp_path / "none", 3) == 0
    journal.sync(tmp_path / "none")
    journal.repair(tmp_path / "none")


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(0, 400), late=st.integers(0, 3))
def test_after_a_repair_later_entries_are_found(tmp_path_factory, cut, late):
    path = tmp_path_factory.mktemp("journal") / "a.journal"
    for value in range(3):
        journal.append(path, PICTURE, entry(value))
    whole = path.read_bytes()
    path.write_bytes(whole[: max(len(whole) - cut, 0)])
    before = replayed(path)[1]
    journal.repair(path)
    assert np.array_equal(replayed(path)[1], before)
    journal.append(path, PICTURE, entry(late))
    assert (replayed(path)[1][:256, :256] == late).all()


def test_of_a_tile_that_is_packed_twice_the_last_one_counts(tmp_path):
    packer = journal.Packer()
    for value in (3, 4):
        packer.add(entry(value).tiles)
    packer.add(entry(5, (1, 0)).tiles)
    path = tmp_path / "a.journal"
    journal.append_frame(path, PICTURE, packer.frame(journal.APPROVED))
    kind, pixels = replayed(path)
    assert kind == journal.APPROVED
    assert (pixels[:256, :256] == 4).all()
    assert (pixels[256:, :256] == 5).all()
    assert (pixels[:, 256:] == UNLABELLED).all()
