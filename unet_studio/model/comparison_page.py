"""A comparison as a page that opens offline: see core.html_page."""

from pathlib import Path

from unet_studio.core import html_page as html
from unet_studio.core.sheet import escaped, jpeg_url
from unet_studio.core.storage import atomic_write
from unet_studio.model.comparison import Comparison
from unet_studio.model.comparison_tables import (
    EXPLAINED,
    SUMMARY,
    Curves,
    class_rows,
    columns,
    curve_sheets,
    differences,
    figure,
    image_rows,
    legend,
    summary_rows,
    title,
)

MOST_ROWS = 1000  # of the table of images; --json has all


def write_page(path: Path, found: Comparison, curves: Curves) -> None:
    """Write the comparison as one HTML file; whole or not at all."""
    text = html.page(title(found), _parts(found, curves))
    with atomic_write(path) as stream:
        stream.write(text.encode())


def _parts(found: Comparison, curves: Curves) -> list[str]:
    parts = [f"<h1>{escaped(title(found))}</h1>"]
    if found.has_truth:
        parts.append(html.table(EXPLAINED, SUMMARY, summary_rows(found)))
        parts.append(_listed(differences(found)))
    left_out = [f"Left out: {what}: {why}" for what, why in found.failures]
    if found.notes or left_out:
        parts += ["<h2>Notes</h2>", _listed([*found.notes, *left_out])]
    drawn = curve_sheets(found, curves)
    if drawn:
        parts += ["<h2>Training</h2>", f'<div class="row">{"".join(map(html.figure, drawn))}</div>']
    parts += ["<h2>Images</h2>", f'<p class="faint">{escaped(found.choice)}</p>']
    parts.append(html.legend(legend(found)))
    parts += [_pictures(found, number) for number in range(len(found.shown))]
    if found.has_truth:
        parts += ["<h2>Classes</h2>", *_classes(found)]
    parts += ["<h2>Image by image</h2>", _images(found)]
    return parts


def _listed(lines: list[str]) -> str:
    return f"<ul>{''.join(f'<li>{escaped(line)}</li>' for line in lines)}</ul>" if lines else ""


def _pictures(found: Comparison, number: int) -> str:
    shown = found.shown[number]
    heads = columns(found)
    scores = ["", *([""] if found.has_truth else []), *(f", Dice {figure(value)}" for value in shown.dice)]
    pictures = []
    for place, picture in enumerate(shown.pictures):
        told = shown.name if place == 0 else f"{heads[place]}{scores[place] if place < len(scores) else ''}"
        pictures.append(html.picture(jpeg_url(picture), f"{shown.name}: {heads[place]}", told))
    return html.grid(pictures)


def _classes(found: Comparison) -> list[str]:
    colors = [entry.color for entry in found.table.active]
    parts = []
    for score, name in (("iou", "IoU"), ("dice", "Dice"), ("boundary_f1", "Boundary F1")):
        for pooled, kind in ((False, "mean over images"), (True, "pooled")):
            head, rows = class_rows(found, score, pooled)
            parts.append(html.table(f"{name}, {kind}", head, rows, colors))
    return [f'<div class="row">{"".join(parts)}</div>']


def _images(found: Comparison) -> str:
    head, rows = image_rows(found)
    told = "Dice of each image" if found.has_truth else "What the models say of each image"
    told += "; those on which they differ most come first."
    if len(rows) > MOST_ROWS:
        told += f" The first {MOST_ROWS:,} of {len(rows):,}; --json has all."
    return html.table(told, head, rows[:MOST_ROWS])
