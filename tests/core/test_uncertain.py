"""Uncertain regions: which there are, in which order, and which are left out."""

import numpy as np
import pytest

from unet_studio.core import uncertain
from unet_studio.core.classes import UNLABELLED
from unet_studio.core.errors import Cancelled
from unet_studio.core.geometry import Rect
from unet_studio.core.uncertain import LIMITS, Survey

SHAPE = (300, 400)
LIMIT = LIMITS[1]


def sure(*spots, shape=SHAPE):
    """Confidence 255 but in spots: (rows, columns, confidence)."""
    confidence = np.full(shape, 255, np.uint8)
    for rows, columns, value in spots:
        confidence[rows, columns] = value
    return confidence


def nothing(shape=SHAPE):
    return np.full(shape, UNLABELLED, np.uint8)


SMALL = np.s_[10:20], np.s_[20:30], 100
LARGE = np.s_[50:80], np.s_[100:150], 150
FAINT = np.s_[120:160], np.s_[200:262], LIMIT - 1


def rects(regions):
    return [region.rect for region in regions]


def test_the_most_doubt_in_sum_comes_first():
    found = Survey(sure(SMALL, LARGE, FAINT)).regions(nothing())
    assert rects(found) == [Rect(120, 200, 160, 262), Rect(50, 100, 80, 150), Rect(10, 20, 20, 30)]
    doubts = [2480 * (256 - LIMIT) / 255, 1500 * 105 / 255, 100 * 155 / 255]
    assert [region.doubt for region in found] == pytest.approx(doubts)


def test_what_is_as_sure_as_the_limit_is_no_region():
    assert Survey(sure((np.s_[10:40], np.s_[10:40], LIMIT))).regions(nothing()) == []


def test_where_much_is_uncertain_the_least_certain_part_stands_out():
    most = np.s_[:], np.s_[:200], 170
    least = np.s_[100:140], np.s_[50:90], 160
    assert rects(Survey(sure(most, least)).regions(nothing())) == [Rect(100, 50, 140, 90)]
    hopeless = Survey(sure((np.s_[:], np.s_[:200], LIMITS[0] - 1))).regions(nothing())
    assert sum(region.rect.height * region.rect.width for region in hopeless) == 300 * 200


def test_painted_pixels_and_visited_regions_are_left_out():
    survey, painted = Survey(sure(SMALL, LARGE)), nothing()
    first, second = survey.regions(painted)
    survey.visit(first)
    assert rects(survey.regions(painted)) == [second.rect]
    painted[10:20, 20:25] = 1
    assert rects(survey.regions(painted)) == [Rect(10, 25, 20, 30)]
    painted[10:20, 25:30] = 0
    assert survey.regions(painted) == []


def test_lines_along_borders_count_only_where_nothing_is_wider():
    line = np.s_[5:190], np.s_[40:42], 130
    assert rects(Survey(sure(line)).regions(nothing())) == [Rect(5, 40, 190, 42)]
    survey, painted = Survey(sure(line, SMALL)), nothing()
    assert rects(survey.regions(painted)) == [Rect(10, 20, 20, 30)]
    painted[10:20, 20:30] = 1
    assert survey.regions(painted) == []  # not now that the area is done


def test_areas_that_share_a_corner_hang_together_and_a_border_does_not_join_any():
    corner = [(np.s_[10:20], np.s_[10:20], 100), (np.s_[20:30], np.s_[20:30], 100)]
    assert rects(Survey(sure(*corner)).regions(nothing())) == [Rect(10, 10, 30, 30)]
    bridge = (np.s_[14:16], np.s_[30:100], 100)
    joined = Survey(sure(SMALL, (np.s_[10:20], np.s_[100:110], 100), bridge)).regions(nothing())
    assert rects(joined) == [Rect(10, 20, 20, 30), Rect(10, 100, 20, 110)]


def test_a_region_larger_than_one_can_look_at_comes_in_parts():
    found = Survey(sure((np.s_[:], np.s_[:], 90), shape=(700, 1200))).regions(nothing((700, 1200)))
    assert len(found) == 15
    assert max(max(region.rect.height, region.rect.width) for region in found) <= uncertain.LARGEST
    assert sum(region.doubt for region in found) == pytest.approx(700 * 1200 * 165 / 255)


def test_bands_and_a_coarser_grid_find_the_same_places(monkeypatch):
    confidence = sure(SMALL, LARGE, FAINT, shape=(303, 401))
    whole = Survey(confidence).regions(nothing((303, 401)))
    monkeypatch.setattr(uncertain, "BAND", 401 * 7)
    assert Survey(confidence).regions(nothing((303, 401)))[0].contour == whole[0].contour
    monkeypatch.setattr(uncertain, "CELLS", 9000)
    survey = Survey(confidence)
    coarse = survey.regions(nothing((303, 401)))
    assert survey.step == 4
    assert [region.doubt for region in coarse] == pytest.approx([region.doubt for region in whole])
    for one, other in zip(coarse, whole, strict=True):
        assert one.rect.intersect(other.rect) == other.rect
        assert max(one.rect.height - other.rect.height, one.rect.width - other.rect.width) < 8
    for region in coarse:
        survey.visit(region)
    assert survey.regions(nothing((303, 401))) == []


def test_regions_are_no_more_than_anybody_looks_at():
    rows, columns = np.ogrid[:300, :300]
    spots = np.where((rows % 12 < 6) & (columns % 12 < 6), 90, 255).astype(np.uint8)
    found = Survey(spots).regions(nothing((300, 300)))
    assert len(found) == uncertain.MOST
    assert all(region.rect.height == 6 for region in found)


def test_looking_can_be_cancelled():
    def cancel():
        raise Cancelled

    with pytest.raises(Cancelled):
        Survey(sure(SMALL)).regions(nothing(), cancel)


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (1, 50), (50, 1)])
def test_tiny_images_have_regions_too(shape):
    assert rects(Survey(np.full(shape, 99, np.uint8)).regions(nothing(shape))) == [Rect.of(shape)]
