"""Drawings: as SVG that is well formed whatever the names, and as pictures with everything at its place."""

import xml.etree.ElementTree as ElementTree
from base64 import b64decode
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from unet_studio.core.letters import font_for
from unet_studio.core.sheet import (
    INK,
    PAPER,
    THEME,
    Box,
    Line,
    Sheet,
    Text,
    Tile,
    harmless,
    jpeg_url,
    shortened,
    text_width,
)
from unet_studio.core.sheet_picture import draw_sheet
from unet_studio.core.table_sheet import table_sheet

NASTY = ("<script>alert(1)</script>", "\"quoted\" & 'single'", "a\nb\x00\x1b[31m", "odd \udcff byte", "日本")
SVG = "{http://www.w3.org/2000/svg}"


def whole(name="a name"):
    picture = np.zeros((4, 6, 3), np.uint8)
    picture[0, 0] = 255, 0, 0
    items = [
        Text(5, 10, name),
        Text(50, 50, name, upright=True, anchor="middle"),
        Box(10, 20, 30, 10, "#ff0000", tip=name),
        Line([(0, 0), (20, 5), (40, 0)], dashed=True),
        Tile(60, 60, picture, name),
    ]
    return Sheet(100, 80, name, items)


@pytest.mark.parametrize("name", NASTY)
@pytest.mark.parametrize("themed", [False, True])
def test_foreign_names_stay_text(name, themed):
    svg = whole(name).to_svg(themed)
    root = ElementTree.fromstring(svg)
    assert "script" not in {element.tag.removeprefix(SVG) for element in root.iter()}
    assert [element.text for element in root.iter(f"{SVG}text")] == [harmless(name)] * 2
    assert root.find(f"{SVG}title").text == root.get("aria-label") == harmless(name)
    assert not set(harmless(name)) & {"\n", "\x00", "\x1b"}
    draw_sheet(whole(name))


def test_the_picture_of_a_tile_is_held_exactly():
    root = ElementTree.fromstring(whole().to_svg())
    href = root.find(f"{SVG}image").get("href")
    assert href.startswith("data:image/png;base64,")
    held = np.asarray(Image.open(BytesIO(b64decode(href.partition(",")[2]))))
    assert np.array_equal(held, whole().items[-1].picture)


def test_colours_follow_the_page_or_are_fixed():
    assert "var(--ink)" in whole().to_svg(themed=True)
    assert "var(" not in whole().to_svg()
    assert f'fill="{THEME[INK]}"' in whole().to_svg()
    assert THEME[PAPER] in whole().to_svg()


def test_everything_is_drawn_at_its_place():
    drawn = np.asarray(draw_sheet(whole()))
    assert drawn.shape == (80, 100, 3)
    assert tuple(drawn[25, 25]) == (255, 0, 0)
    assert tuple(drawn[19, 25]) == tuple(drawn[25, 41]) == (255, 255, 255)
    assert tuple(drawn[60, 60]) == (255, 0, 0)
    assert tuple(drawn[61, 61]) == (0, 0, 0)
    rows = np.flatnonzero((drawn[:, 46:55] < 200).any(axis=(1, 2)))
    columns = np.flatnonzero((drawn[35:60, 42:58] < 200).any(axis=(0, 2)))
    assert np.ptp(rows) > 2 * np.ptp(columns)  # it stands upright
    assert draw_sheet(whole(), 2).size == (200, 160)


def test_a_thin_colour_is_mixed_with_the_paper():
    drawn = draw_sheet(Sheet(10, 10, items=[Box(0, 0, 10, 10, "#000000", 0.25)]))
    assert drawn.getpixel((5, 5)) == (191, 191, 191)


def test_dashes_leave_gaps():
    line = Line([(0, 5), (90, 5)], "#000000", 1, dashed=True)
    row = np.asarray(draw_sheet(Sheet(90, 10, items=[line])))[5, :, 0]
    assert 0.4 < (row == 0).mean() < 0.75
    assert np.count_nonzero(np.diff((row == 0).astype(int))) > 15


def test_long_names_lose_their_middle():
    name = "a very long name of a class that nobody could read in a table.png"
    short = shortened(name, 12, 120)
    assert text_width(short, 12) <= 120
    assert short.startswith("a very")
    assert short.endswith(".png")
    assert shortened("short", 12, 120) == "short"
    assert text_width(shortened("x" * 100_000, 12, 60), 12) <= 60


def test_letters_beyond_ascii_come_from_the_system():
    if font_for("ä", 12) is font_for("a", 12):
        pytest.skip("this machine has none of the fonts")
    assert bytes(font_for("ä", 12).getmask("ä")) != bytes(font_for("ö", 12).getmask("ö"))


def test_places_of_a_sheet_inside_another_are_moved():
    outer = Sheet(200, 200)
    outer.place(whole(), 100, 50)
    assert outer.items[2] == Box(110, 70, 30, 10, "#ff0000", tip="a name")
    assert list(outer.items[3].points)[1] == (120, 55)


def test_tables_align_their_figures():
    sheet = table_sheet(["class", "IoU"], [["a", "0.5"], ["b", "0.25"]], ["#ff0000", "#00ff00"])
    cells = [item for item in sheet.items if isinstance(item, Text) and item.anchor == "end"]
    assert len({cell.x for cell in cells}) == 1
    assert [cell.text for cell in cells] == ["IoU", "0.5", "0.25"]
    assert {"#ff0000", "#00ff00"} <= {item.color for item in sheet.items if isinstance(item, Box)}


def test_a_jpeg_url_decodes():
    picture = np.full((20, 30, 3), 90, np.uint8)
    opened = Image.open(BytesIO(b64decode(jpeg_url(picture).partition(",")[2])))
    assert (opened.format, opened.size) == ("JPEG", (30, 20))
