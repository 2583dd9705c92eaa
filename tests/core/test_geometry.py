"""Rectangles against sets of pixels."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from unet_studio.core.geometry import EMPTY, TILE, Rect, tile_rect

RECTS = st.builds(Rect, *[st.integers(-6, 12)] * 4)


def pixels(rect: Rect) -> set[tuple[int, int]]:
    return {(r, c) for r in range(rect.top, rect.bottom) for c in range(rect.left, rect.right)}


@given(RECTS)
def test_size_and_emptiness(rect: Rect) -> None:
    assert rect.empty == (not pixels(rect))
    assert rect.height == len(range(rect.top, rect.bottom))
    assert rect.width == len(range(rect.left, rect.right))


@given(RECTS, RECTS)
def test_intersection_is_the_common_pixels(one: Rect, other: Rect) -> None:
    assert pixels(one.intersect(other)) == pixels(one) & pixels(other)


@given(RECTS, RECTS)
def test_union_is_the_smallest_around_both(one: Rect, other: Rect) -> None:
    covered = pixels(one) | pixels(other)
    around = one.union(other)
    assert covered <= pixels(around)
    if covered:
        rows, columns = zip(*covered, strict=True)
        assert around == Rect(min(rows), min(columns), max(rows) + 1, max(columns) + 1)
    else:
        assert around.empty


@given(RECTS, st.integers(1, 9), st.integers(1, 9))
def test_clip_and_slices_select_the_same_pixels(rect: Rect, height: int, width: int) -> None:
    field = np.zeros((height, width, 3), dtype=bool)
    clipped = rect.clip(field.shape)
    inside = {(r, c) for r, c in pixels(rect) if 0 <= r < height and 0 <= c < width}
    assert pixels(clipped) == inside
    if not clipped.empty:
        field[clipped.slices] = True
        assert {(int(r), int(c)) for r, c in np.argwhere(field[..., 0])} == inside


@given(RECTS, st.integers(1, 5))
def test_tiles_are_those_that_pixels_fall_into(rect: Rect, size: int) -> None:
    assert list(rect.tiles(size)) == sorted({(r // size, c // size) for r, c in pixels(rect)})


@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 7))
def test_tile_rects_cover_an_array_once(height: int, width: int, size: int) -> None:
    count = np.zeros((height, width), dtype=int)
    for row, column in Rect.of(count.shape).tiles(size):
        count[tile_rect(row, column, count.shape, size).slices] += 1
    assert (count == 1).all()


def test_expand_and_the_constants() -> None:
    assert Rect(2, 3, 4, 5).expand(2) == Rect(0, 1, 6, 7)
    assert EMPTY.empty
    assert list(EMPTY.tiles()) == []
    assert Rect.of((300, 10, 3)) == Rect(0, 0, 300, 10)
    assert tile_rect(1, 0, (300, 10)) == Rect(TILE, 0, 300, 10)
