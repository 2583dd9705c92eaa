"""A comparison as one drawing: PNG and SVG, or in pages: PDF.

SVG keeps its texts, tables and curves as text and lines. PDF is written by Pillow, which knows pages of
pictures alone: sharp enough to print, but its text can't be searched; no further package is needed for it.
"""

import textwrap
from collections.abc import Sequence
from pathlib import Path

from unet_studio.core.sheet import FAINT, INK, Box, Sheet, Text, Tile, shortened, text_width
from unet_studio.core.sheet_picture import draw_sheet
from unet_studio.core.storage import atomic_write
from unet_studio.core.table_sheet import table_sheet
from unet_studio.model.comparison import Comparison, Shown
from unet_studio.model.comparison_tables import (
    EXPLAINED,
    SUMMARY,
    Curves,
    class_rows,
    columns,
    curve_sheets,
    differences,
    figure,
    legend,
    summary_rows,
    title,
)

MARGIN, GAP, LINE = 20, 8, 20  # px: around all, between pictures, of a line of text
NARROWEST = 900  # px
SIZE = 13  # px of letters: smaller ones stand unevenly, as Pillow sets them on whole pixels
FULL = 0.95  # of a line that letters of mean width may fill
MOST_CLASSES = 24  # whose table is drawn; HTML and JSON have all
PAGE = 1.414  # height of a page for its width, as A4
SHARP = 2  # px of a PDF for one of the drawing
RESOLUTION = 144  # dots an inch that a PDF says


def write_sheet(path: Path, found: Comparison, curves: Curves) -> None:
    """Write the comparison as its suffix says: .png, .svg or .pdf; whole or not at all."""
    blocks = [*_head(found, curves), _headings(found), *(_row(found, shown) for shown in found.shown)]
    with atomic_write(path) as stream:
        if path.suffix.lower() == ".svg":
            stream.write(_stacked(blocks, title(found)).to_svg().encode())
        elif path.suffix.lower() == ".png":
            draw_sheet(_stacked(blocks, title(found))).save(stream, format="PNG", optimize=True)
        else:
            pages = [draw_sheet(page, SHARP) for page in _pages(blocks, title(found))]
            pages[0].save(
                stream,
                format="PDF",
                save_all=True,
                append_images=pages[1:],
                resolution=RESOLUTION,
                quality=92,
                title=title(found),
            )


def _head(found: Comparison, curves: Curves) -> list[Sheet]:
    """Title, tables, curves and notes."""
    width = _width(found)
    blocks = [_text([title(found)], width, 20)]
    if found.has_truth:
        blocks.append(table_sheet(SUMMARY, summary_rows(found)))
        blocks.append(_text(_wrapped(EXPLAINED, width), width, color=FAINT))
        blocks.append(_text([line for text in differences(found) for line in _wrapped(text, width)], width))
        if len(found.table.active) <= MOST_CLASSES:
            tables = []
            for score, name in (("iou", "IoU"), ("dice", "Dice"), ("boundary_f1", "Boundary F1")):
                head, rows = class_rows(found, score, pooled=False)
                colors = [entry.color for entry in found.table.active]
                tables.append(table_sheet([name, *head[1:]], rows, colors))
            blocks.append(_beside(tables, width))
    drawn = curve_sheets(found, curves)
    if drawn:
        blocks.append(_beside(drawn, width))
    notes = [*found.notes, *(f"Left out: {what}: {why}" for what, why in found.failures[:10])]
    if notes:
        blocks.append(_text([line for note in notes for line in _wrapped(note, width)], width, color=FAINT))
    return blocks


def _headings(found: Comparison) -> Sheet:
    """How the images were chosen, and what stands over the columns of pictures."""
    side = _side(found)
    sheet = Sheet(_width(found), 0)
    sheet.items.append(Text(0, LINE / 2, found.choice, 13, FAINT))
    y = _draw_legend(sheet, found, 1.5 * LINE) + LINE + 4
    for number, name in enumerate(columns(found)):
        sheet.items.append(Text(number * (side + GAP), y, shortened(name, 14, side), 14))
    sheet.height = y + LINE / 2
    return sheet


def _draw_legend(sheet: Sheet, found: Comparison, y: float) -> float:
    """The colours with their names, in as many lines as they need; returns the middle of the last one."""
    x = 0.0
    for color, name in legend(found):
        text = shortened(name, 12, sheet.width / 2)
        needed = 18 + text_width(text, 12) + 18
        if x and x + needed > sheet.width:
            x, y = 0.0, y + LINE
        sheet.items += [Box(x, y - 5, 11, 11, color), Text(x + 18, y, text, 12)]
        x += needed
    return y


def _row(found: Comparison, shown: Shown) -> Sheet:
    """The pictures of one image, with its name and scores below."""
    side, height = _side(found), max(picture.shape[0] for picture in shown.pictures)
    sheet = Sheet(_width(found), height + LINE + 10)
    texts = [shown.name, *([""] if found.has_truth else [])]
    texts += [f"Dice {figure(value)}" for value in shown.dice]
    for number, picture in enumerate(shown.pictures):
        x = number * (side + GAP)
        told = texts[number] if number < len(texts) else ""
        sheet.items.append(Tile(x, 0, picture, f"{shown.name}: {columns(found)[number]}"))
        if told:
            sheet.items.append(Text(x, height + LINE / 2, shortened(told, 12, side), 12, FAINT))
    return sheet


def _side(found: Comparison) -> int:
    """The width of a column of pictures."""
    return max((picture.shape[1] for shown in found.shown for picture in shown.pictures), default=256)


def _width(found: Comparison) -> float:
    return max(NARROWEST, len(columns(found)) * (_side(found) + GAP))


def _text(lines: Sequence[str], width: float, size: float = SIZE, color: str = INK) -> Sheet:
    sheet = Sheet(width, len(lines) * (size + 7) + 4)
    for number, line in enumerate(lines):
        y = number * (size + 7) + size / 2 + 2
        sheet.items.append(Text(0, y, shortened(line, size, width), size, color))
    return sheet


def _wrapped(text: str, width: float) -> list[str]:
    """The text in lines of at most so many px, nearly: letters are not all as wide as the text's mean one."""
    letter = text_width(text, SIZE) / max(1, len(text))
    return textwrap.wrap(text, max(40, int(FULL * width / max(1.0, letter)))) or [""]


def _beside(sheets: Sequence[Sheet], width: float) -> Sheet:
    """Sheets from left to right, in as many rows as their widths need."""
    whole = Sheet(width, 0)
    x = y = tallest = 0.0
    for sheet in sheets:
        if x and x + sheet.width > width:
            x, y, tallest = 0.0, y + tallest + 10, 0.0
        whole.place(sheet, x, y)
        tallest = max(tallest, sheet.height)
        x += sheet.width + 30
    whole.height = y + tallest
    whole.width = max([width, *(sheet.width for sheet in sheets)])
    return whole


def _stacked(blocks: Sequence[Sheet], name: str) -> Sheet:
    """All blocks below one another."""
    whole = Sheet(max(block.width for block in blocks) + 2 * MARGIN, MARGIN, name)
    for block in blocks:
        whole.place(block, MARGIN, whole.height)
        whole.height += block.height + 12
    whole.height += MARGIN - 12
    return whole


def _pages(blocks: Sequence[Sheet], name: str) -> list[Sheet]:
    """The blocks in pages of one width that are no higher than PAGE says, but for a block that alone is."""
    width = max(block.width for block in blocks) + 2 * MARGIN
    pages: list[list[Sheet]] = [[]]
    for block in blocks:
        if pages[-1] and _stacked([*pages[-1], block], name).height > PAGE * width:
            pages.append([])
        pages[-1].append(block)
    made = []
    for page in pages:
        sheet = _stacked(page, name)
        sheet.width, sheet.height = width, max(sheet.height, PAGE * width)
        made.append(sheet)
    return made
