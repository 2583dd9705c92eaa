"""Areas found by connection or likeness, against a walk from pixel to pixel."""

from collections import deque

import numpy as np
import pytest

from unet_studio.core.errors import Cancelled
from unet_studio.core.geometry import TILE, Rect
from unet_studio.tools.regions import everywhere, flood, members, smoothed

CROSS = ((-1, 0), (1, 0), (0, -1), (0, 1))
RING = (*CROSS, (-1, -1), (-1, 1), (1, -1), (1, 1))


def walked(belongs, seed, diagonal):
    """What is connected with seed: the plain definition."""
    found = np.zeros(belongs.shape, dtype=bool)
    found[seed] = True
    waiting = deque([seed])
    while waiting:
        row, column = waiting.popleft()
        for down, right in RING if diagonal else CROSS:
            r, c = row + down, column + right
            inside = 0 <= r < belongs.shape[0] and 0 <= c < belongs.shape[1]
            if inside and belongs[r, c] and not found[r, c]:
                found[r, c] = True
                waiting.append((r, c))
    return found


def reading(belongs):
    return lambda rect: members(belongs[rect.slices].copy())


def whole(region):
    return region.part(Rect.of(region.shape))


def spiral(shape):
    """A path of one px that goes around and around: it crosses every tile's sides many times."""
    belongs = np.zeros(shape, dtype=bool)
    top, left, bottom, right = 0, 0, shape[0] - 1, shape[1] - 1
    while top <= bottom and left <= right:
        belongs[top, max(left - 2, 0) : right + 1] = True
        belongs[top : bottom + 1, right] = True
        belongs[bottom, left : right + 1] = True
        belongs[top + 2 : bottom + 1, left] = True
        top, left, bottom, right = top + 2, left + 2, bottom - 2, right - 2
    return belongs


@pytest.mark.parametrize("diagonal", [False, True])
@pytest.mark.parametrize("share", [0.4, 0.6, 0.9])
def test_flood_finds_what_a_walk_finds(share, diagonal):
    random = np.random.default_rng(int(share * 100) + diagonal)
    belongs = random.random((TILE + 40, TILE + 51)) < share
    for seed in [(0, 0), (TILE - 1, TILE), (TILE + 39, TILE + 50)]:
        region = flood(reading(belongs), belongs.shape, seed, diagonal=diagonal)
        np.testing.assert_array_equal(whole(region), walked(belongs, seed, diagonal))


def test_flood_follows_a_winding_path_through_all_tiles():
    belongs = spiral((TILE + 45, TILE + 59))
    region = flood(reading(belongs), belongs.shape, (0, 0))
    np.testing.assert_array_equal(whole(region), walked(belongs, (0, 0), False))
    assert len(region.tiles) == 4


@pytest.mark.parametrize(("diagonal", "pixels"), [(False, 1), (True, 4)])
def test_only_diagonal_floods_go_over_the_corner_where_four_tiles_meet(diagonal, pixels):
    belongs = np.zeros((2 * TILE, 2 * TILE), dtype=bool)
    for step in (-2, -1, 0, 1):
        belongs[TILE + step, TILE + step] = True
    region = flood(reading(belongs), belongs.shape, (TILE - 1, TILE - 1), diagonal=diagonal)
    assert whole(region).sum() == pixels


def test_the_seed_belongs_in_any_case():
    nothing = np.zeros((5, 7), dtype=bool)
    assert np.argwhere(whole(flood(reading(nothing), (5, 7), (2, 3)))).tolist() == [[2, 3]]
    assert whole(flood(reading(np.ones((1, 1), dtype=bool)), (1, 1), (0, 0))).all()


def test_flood_looks_at_no_more_tiles_than_it_must():
    looked = []

    def member(rect):
        looked.append(rect)
        belongs = np.zeros((rect.height, rect.width), dtype=bool)
        both = rect.intersect(Rect(5000, 5000, 5300, 5010))
        if not both.empty:
            belongs[
                both.top - rect.top : both.bottom - rect.top, both.left - rect.left : both.right - rect.left
            ] = True
        return members(belongs)

    region = flood(member, (16384, 16384), (5200, 5005))
    assert sum(int(part.sum()) for part in region.tiles.values()) == 300 * 10
    assert len(looked) <= 4
    assert flood(member, (16384, 16384), (5200, 5005), most=1) is None
    part = flood(member, (16384, 16384), (5200, 5005), most=1, partly=True)
    assert list(part.tiles) == [(20, 19)]


@pytest.mark.parametrize(("gap", "open_"), [(False, False), (True, True)])
def test_an_enclosed_flood_tells_whether_it_came_to_the_border(gap, open_):
    belongs = np.ones((600, 700), dtype=bool)
    belongs[100, 100:500] = belongs[400, 100:500] = belongs[100:401, 100] = belongs[100:401, 499] = False
    belongs[200, 499] = gap
    region = flood(reading(belongs), belongs.shape, (300, 300), enclosed=True)
    assert region.open is open_
    assert open_ or whole(region).sum() == 299 * 398


def test_everywhere_is_every_member():
    belongs = np.random.default_rng(0).random((300, 600)) < 0.1
    np.testing.assert_array_equal(whole(everywhere(reading(belongs), belongs.shape)), belongs)
    assert everywhere(reading(belongs), belongs.shape, most=5) is None
    near = everywhere(reading(belongs), belongs.shape, most=2, near=(299, 599))
    assert set(near.tiles) <= {(0, 1), (0, 2), (1, 1), (1, 2)}
    assert (1, 2) in near.tiles
    assert len(near.tiles) == 2


@pytest.mark.parametrize("radius", [1, 2, 5])
def test_smoothing_is_the_vote_of_the_neighbours(radius):
    random = np.random.default_rng(radius)
    belongs = random.random((TILE + 40, TILE + 30)) < 0.5
    belongs[:, TILE:] = False
    side = 2 * radius + 1
    padded = np.pad(belongs, radius, mode="edge")
    votes = sum(
        padded[down : down + belongs.shape[0], right : right + belongs.shape[1]].astype(int)
        for down in range(side)
        for right in range(side)
    )
    found = smoothed(everywhere(reading(belongs), belongs.shape), radius)
    np.testing.assert_array_equal(whole(found), votes > side * side // 2)


def test_smoothing_by_nothing_changes_nothing():
    region = everywhere(reading(np.eye(9, dtype=bool)), (9, 9))
    assert smoothed(region, 0) is region


def test_a_search_can_be_stopped():
    def stop(_):
        raise Cancelled

    with pytest.raises(Cancelled):
        flood(reading(np.ones((9, 9), dtype=bool)), (9, 9), (0, 0), progress=stop)


def test_bounds_are_the_tiles_and_a_part_may_lie_anywhere():
    belongs = np.zeros((600, 700), dtype=bool)
    belongs[300:310, 500:520] = True
    region = everywhere(reading(belongs), belongs.shape)
    assert region.bounds == Rect(256, 256, 512, 700)
    np.testing.assert_array_equal(region.part(Rect(305, 490, 600, 515)), belongs[305:600, 490:515])
