"""A confusion matrix to look at: a row a true class, a column a predicted one, shares of the row in blue."""

from collections.abc import Sequence

from unet_studio.core.metrics import Matrix
from unet_studio.core.sheet import FAINT, INK, RULE, Box, Sheet, Text, shortened, text_width

BLUE = "#0072b2"
NOTHING = "no class"  # the column of predictions that are none of the classes
_ABOVE = "predicted, in % of the true pixels"
_LARGE, _MIDDLE, _SMALL = 46, 22, 10  # px of a cell: numbers fit in, labels are easy, labels can be read
_FEW, _SOME = 14, 40  # classes up to which cells are large, and middling
_LONGEST = 150  # px of a label
_SPARSE = 10  # classes between two lines of the grid, where cells are small
_WIDER = 1.15  # the font of a page may be so much wider than the one that text_width knows
_VISIBLE = 0.002  # a smaller share than this is not drawn


def confusion_sheet(matrix: Matrix, names: Sequence[str]) -> Sheet:
    """The matrix of core.metrics, int (K, K + 1), every row as shares of its true pixels.

    The last column is left out where it is empty. A true class without a pixel has an empty row.
    """
    count = len(names)
    columns = [*names, NOTHING] if matrix[:, -1].any() else list(names)
    cell = _LARGE if count <= _FEW else _MIDDLE if count <= _SOME else _SMALL
    size = min(12.0, cell)
    labels = [shortened(name, size, _LONGEST) for name in columns]
    label = max((text_width(text, size) for text in labels), default=0) + 10
    left, top = label + 20, label + 20
    title = f"Confusion matrix of {count} classes: rows are true classes, columns predicted ones"
    width = max(cell * len(columns), text_width(_ABOVE, 11) * _WIDER)
    sheet = Sheet(left + width + 10, top + cell * count + 10, title)
    sheet.items.append(Text(left, 10, _ABOVE, 11, FAINT))
    sheet.items.append(Text(8, top + cell * count / 2, "true", 11, FAINT, "middle", upright=True))
    for number, text in enumerate(labels):
        middle = left + cell * (number + 0.5)
        sheet.items.append(Text(middle, top - 5, text, size, upright=True))
    for row in range(count):
        y = top + cell * row
        sheet.items.append(Text(left - 5, y + cell / 2, labels[row], size, anchor="end"))
        _draw_row(sheet, matrix, row, columns, (left, y, cell))
    every = _SPARSE if cell == _SMALL else 1
    for number in {*range(0, len(columns), every), len(columns)}:
        sheet.items.append(Box(left + cell * number, top, 1, cell * count, RULE))
    for number in {*range(0, count, every), count}:
        sheet.items.append(Box(left, top + cell * number, cell * len(columns), 1, RULE))
    return sheet


def _draw_row(
    sheet: Sheet, matrix: Matrix, row: int, columns: Sequence[str], place: tuple[float, float, float]
) -> None:
    left, y, cell = place
    pixels = int(matrix[row].sum())
    for column, name in enumerate(columns if pixels else ()):
        share = float(matrix[row, column]) / pixels
        if share < _VISIBLE:
            continue
        tip = f"{columns[row]} predicted as {name}: {100 * share:.1f} %, {int(matrix[row, column]):,} pixels"
        sheet.items.append(Box(left + cell * column, y, cell, cell, BLUE, share, tip))
        if cell == _LARGE:
            middle = left + cell * (column + 0.5), y + cell / 2
            told = f"{100 * share:.1f}" if share < 0.9995 else "100"
            sheet.items.append(Text(*middle, told, 12, "#ffffff" if share > 0.5 else INK, "middle"))
