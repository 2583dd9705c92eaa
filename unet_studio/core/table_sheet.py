"""A table as a drawing: names to the left, figures to the right of their columns."""

from collections.abc import Sequence

from unet_studio.core.sheet import FAINT, INK, RULE, Box, Sheet, Text, shortened, text_width

ROW, SIZE, GAP = 24, 13, 22  # px: height of a row, of its letters, and between columns
_LONGEST = 260  # px of a name


def table_sheet(head: Sequence[str], rows: Sequence[Sequence[str]], colors: Sequence[str] = ()) -> Sheet:
    """The table. colors: #rrggbb of the rows' names, for a swatch before them."""
    texts = [[shortened(cell, SIZE, _LONGEST) for cell in row] for row in (head, *rows)]
    widths = [max(text_width(row[column], SIZE) for row in texts) for column in range(len(head))]
    swatch = 18 if colors else 0
    rights = [swatch + widths[0]]
    for width in widths[1:]:
        rights.append(rights[-1] + GAP + width)
    sheet = Sheet(rights[-1] + 4, ROW * len(texts) + 4, ", ".join(head))
    for number, row in enumerate(texts):
        y = ROW * number + ROW / 2
        color = INK if number else FAINT
        sheet.items.append(Text(swatch, y, row[0], SIZE, color))
        for right, cell in zip(rights[1:], row[1:], strict=True):
            sheet.items.append(Text(right, y, cell, SIZE, color, "end"))
        if 0 < number <= len(colors):
            sheet.items.append(Box(0, y - 5, 11, 11, colors[number - 1]))
        sheet.items.append(Box(0, ROW * (number + 1) - 1, rights[-1], 1, RULE))
    return sheet
