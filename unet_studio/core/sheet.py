"""A drawing as a list of things at places, which becomes an SVG (here) or a picture (see sheet_picture).

Positions are (x, y) in px from the upper left corner, as both say it. Colours are #rrggbb, or one of the
names of THEME, which a page shows light or dark.
"""

import unicodedata
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from io import BytesIO
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unet_studio.core.letters import font_for

INK, FAINT, RULE, PAPER = "ink", "faint", "rule", "paper"
THEME = {INK: "#1f2328", FAINT: "#59636e", RULE: "#d1d9e0", PAPER: "#ffffff"}  # as on light paper
# Okabe and Ito, "Color Universal Design", 2008, without what is too light on white or too dark on black.
LINE_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
BASELINE = 0.35  # of a letter's size, from its middle down to its baseline
_FONT = "system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif"

Anchor = Literal["start", "middle", "end"]


@dataclass(frozen=True)
class Text:
    """One line; x is where it starts, has its middle or ends, y its middle. upright: reads from below."""

    x: float
    y: float
    text: str
    size: float = 13
    color: str = INK
    anchor: Anchor = "start"
    upright: bool = False


@dataclass(frozen=True)
class Box:
    """A filled rectangle. strength: how much of its colour there is, 0..1. tip: told where one points."""

    x: float
    y: float
    width: float
    height: float
    color: str
    strength: float = 1.0
    tip: str = ""


@dataclass(frozen=True)
class Line:
    """Points joined by straight lines."""

    points: Sequence[tuple[float, float]]
    color: str = INK
    width: float = 1.0
    dashed: bool = False


@dataclass(frozen=True)
class Tile:
    """A picture, uint8 (h, w, 3), in its own size. tip: what it is."""

    x: float
    y: float
    picture: NDArray[np.uint8]
    tip: str = ""


@dataclass
class Sheet:
    """What is drawn, in the order of drawing. title: what the drawing shows, also for those who can't see."""

    width: float
    height: float
    title: str = ""
    items: list[Text | Box | Line | Tile] = field(default_factory=list)

    def place(self, other: "Sheet", x: float, y: float) -> None:
        """Draw another sheet here, its upper left corner at a place."""
        for item in other.items:
            if isinstance(item, Line):
                points = [(px + x, py + y) for px, py in item.points]
                self.items.append(Line(points, item.color, item.width, item.dashed))
            else:
                values = {**item.__dict__, "x": item.x + x, "y": item.y + y}
                self.items.append(type(item)(**values))

    def to_svg(self, themed: bool = False) -> str:
        """The drawing as an svg element. themed: inside a page whose style knows the names of THEME."""
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_n(self.width)} {_n(self.height)}" '
            f'width="{_n(self.width)}" height="{_n(self.height)}" role="img" '
            f'aria-label="{escaped(self.title)}" font-family="{_FONT}">',
            f"<title>{escaped(self.title)}</title>",
        ]
        if not themed:
            parts.append(f'<rect width="100%" height="100%" fill="{THEME[PAPER]}"/>')
        parts += [_element(item, themed) for item in self.items]
        return "\n".join([*parts, "</svg>"])


def text_width(text: str, size: float) -> float:
    """About how wide a line is, in px, in the letters of pictures."""
    known = harmless(text)
    return float(font_for(known, size).getlength(known))


def shortened(text: str, size: float, width: float) -> str:
    """The text, or as much of its beginning and end as fits into so many px."""
    text = harmless(text)[:500]
    if text_width(text, size) <= width:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if text_width(_cut(text, middle), size) <= width:
            low = middle
        else:
            high = middle - 1
    return _cut(text, low)


def _cut(text: str, kept: int) -> str:
    head = (kept + 1) // 2
    tail = kept - head
    return f"{text[:head]}...{text[len(text) - tail :] if tail else ''}"


def harmless(text: str) -> str:
    """A foreign name as one line that XML and every font take: no control characters, no broken Unicode."""
    whole = text.encode(errors="backslashreplace").decode()
    return "".join("\ufffd" if unicodedata.category(sign)[0] == "C" else sign for sign in whole)


def escaped(text: str) -> str:
    """Foreign text inside of markup or of a quoted attribute."""
    return escape(harmless(text), quote=True)


def png_url(picture: NDArray[np.uint8]) -> str:
    """A picture, uint8 (h, w, 3), as a URL that holds it."""
    stream = BytesIO()
    Image.fromarray(picture).save(stream, format="PNG", compress_level=6)
    return f"data:image/png;base64,{b64encode(stream.getvalue()).decode()}"


def jpeg_url(picture: NDArray[np.uint8], quality: int = 88) -> str:
    """A picture, uint8 (h, w, 3), as a URL that holds it, small and not quite exact."""
    stream = BytesIO()
    Image.fromarray(picture).save(stream, format="JPEG", quality=quality)
    return f"data:image/jpeg;base64,{b64encode(stream.getvalue()).decode()}"


def _element(item: Text | Box | Line | Tile, themed: bool) -> str:
    match item:
        case Text():
            y = item.y + (0 if item.upright else BASELINE * item.size)
            turn = f' transform="rotate(-90 {_n(item.x)} {_n(item.y)})"' if item.upright else ""
            shift = f' dy="{_n(BASELINE * item.size)}"' if item.upright else ""
            anchor = "" if item.anchor == "start" else f' text-anchor="{item.anchor}"'
            place = f'x="{_n(item.x)}" y="{_n(y)}"{shift}{turn}{anchor}'
            style = f'font-size="{_n(item.size)}" {_paint("fill", item.color, themed)}'
            return f"<text {place} {style}>{escaped(item.text)}</text>"
        case Box():
            place = f'x="{_n(item.x)}" y="{_n(item.y)}" width="{_n(item.width)}" height="{_n(item.height)}"'
            strength = "" if item.strength >= 1 else f' fill-opacity="{item.strength:.3f}"'
            tip = f"><title>{escaped(item.tip)}</title></rect>" if item.tip else "/>"
            return f"<rect {place} {_paint('fill', item.color, themed)}{strength}{tip}"
        case Line():
            points = " ".join(f"{_n(x)},{_n(y)}" for x, y in item.points)
            dashes = ' stroke-dasharray="5 4"' if item.dashed else ""
            paint = f'fill="none" {_paint("stroke", item.color, themed)} stroke-width="{_n(item.width)}"'
            return f'<polyline points="{points}" {paint} stroke-linejoin="round"{dashes}/>'
        case Tile():
            height, width = item.picture.shape[:2]
            place = f'x="{_n(item.x)}" y="{_n(item.y)}" width="{width}" height="{height}"'
            return f'<image {place} href="{png_url(item.picture)}"><title>{escaped(item.tip)}</title></image>'


def _paint(what: str, color: str, themed: bool) -> str:
    if color not in THEME:
        return f'{what}="{color}"'
    return f'style="{what}: var(--{color})"' if themed else f'{what}="{THEME[color]}"'


def _n(value: float) -> str:
    """A number as short as a tenth of a pixel needs."""
    return f"{value:.1f}".removesuffix(".0")
