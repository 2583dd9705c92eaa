"""Whether anything is labelled, against looking at every pixel."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from unet_studio.core.classes import UNLABELLED
from unet_studio.core.geometry import Rect
from unet_studio.core.labelled import Labelled
from unet_studio.core.mask import Mask

SHAPE = (600, 900)
RECTS = st.tuples(st.integers(0, 599), st.integers(0, 899), st.integers(1, 400), st.integers(1, 400)).map(
    lambda r: Rect(r[0], r[1], r[0] + r[2], r[1] + r[3]).clip(SHAPE)
)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(RECTS, st.sampled_from([0, 1, UNLABELLED]), st.sampled_from(["commit", "undo", "back"]))
    )
)
def test_it_is_what_all_pixels_say(steps):
    mask = Mask.full(SHAPE, UNLABELLED)
    labelled = Labelled(mask)
    for rect, value, end in steps:
        mask.begin()
        mask.write(rect, value)
        diff = mask.rollback() if end == "back" else mask.commit()
        assert labelled.any() == (mask.pixels != UNLABELLED).any()
        if end == "undo" and diff is not None:
            mask.apply(diff)
            assert labelled.any() == (mask.pixels != UNLABELLED).any()


def test_tiles_are_looked_at_only_where_none_is_known():
    mask = Mask.full(SHAPE, UNLABELLED)
    labelled = Labelled(mask)
    assert not labelled.any()
    assert not labelled._unsure
    with mask.edit():
        mask.write(Rect(520, 520, 530, 530), 0)
    assert labelled.any()
    with mask.edit():
        mask.write(Rect(10, 10, 500, 500), 1)
    assert labelled.any()
    assert labelled._unsure == {(0, 0), (0, 1), (1, 0), (1, 1)}


def test_a_mask_that_is_labelled_from_the_start():
    pixels = np.full(SHAPE, UNLABELLED, dtype=np.uint8)
    pixels[-1, -1] = 0
    assert Labelled(Mask(pixels)).any()
