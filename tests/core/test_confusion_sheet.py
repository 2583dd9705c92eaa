"""Confusion matrices as drawings, from 2 to 150 classes."""

import numpy as np
import pytest

from unet_studio.core.confusion_sheet import BLUE, NOTHING, confusion_sheet
from unet_studio.core.sheet import Box, Text, text_width
from unet_studio.core.sheet_picture import draw_sheet


def cells(sheet):
    return [item for item in sheet.items if isinstance(item, Box) and item.color == BLUE]


def texts(sheet):
    return [item.text for item in sheet.items if isinstance(item, Text)]


def matrix(count: int) -> np.ndarray:
    found = np.zeros((count, count + 1), np.int64)
    found[np.arange(count), np.arange(count)] = 10
    return found


@pytest.mark.parametrize("count", [2, 11, 14, 15, 40, 41, 150])
def test_every_class_is_labelled_and_the_picture_bounded(count):
    names = [f"class number {number}" for number in range(count)]
    sheet = confusion_sheet(matrix(count), names)
    told = texts(sheet)
    assert all(told.count(name) == 2 for name in names)
    assert len(cells(sheet)) == count
    assert {cell.strength for cell in cells(sheet)} == {1.0}
    picture = draw_sheet(sheet)
    assert max(picture.size) < 1700
    labels = [item for item in sheet.items if isinstance(item, Text) and item.text in names]
    assert min(item.size for item in labels) >= 10


def test_rows_are_shares_of_their_true_pixels():
    found = np.array([[90, 10, 0], [0, 0, 0]], np.int64)
    sheet = confusion_sheet(found, ["ground", "cell"])
    assert [cell.strength for cell in cells(sheet)] == [0.9, 0.1]
    assert {"90.0", "10.0"} <= set(texts(sheet))
    assert "ground predicted as cell: 10.0 %, 10 pixels" in {cell.tip for cell in cells(sheet)}


def test_predictions_of_no_class_have_a_column_only_where_there_are_any():
    assert NOTHING not in texts(confusion_sheet(matrix(3), ["a", "b", "c"]))
    found = matrix(3)
    found[1, 3] = 30
    sheet = confusion_sheet(found, ["a", "b", "c"])
    assert NOTHING in texts(sheet)
    assert 0.75 in {cell.strength for cell in cells(sheet)}


def test_the_line_above_has_room_in_a_wider_font_too():
    sheet = confusion_sheet(np.array([[3, 1, 0], [0, 2, 0]]), ["a", "b"])
    above = next(item for item in sheet.items if isinstance(item, Text) and item.text.startswith("predicted"))
    assert above.x + 1.15 * text_width(above.text, above.size) <= sheet.width
