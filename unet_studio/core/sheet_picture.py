"""A sheet as a picture: what TensorBoard, PNG and PDF show of drawings."""

from itertools import pairwise

from PIL import Image, ImageDraw

from unet_studio.core.classes import rgb
from unet_studio.core.letters import font_for
from unet_studio.core.sheet import PAPER, THEME, Box, Line, Sheet, Text, Tile, harmless

_ANCHORS = {"start": "lm", "middle": "mm", "end": "rm"}
_DASH, _GAP = 5.0, 4.0  # px of a dashed line


def draw_sheet(sheet: Sheet, scale: int = 1) -> Image.Image:
    """The sheet on white paper, RGB, `scale` px for each of its own; pictures in it are enlarged as well."""
    size = round(sheet.width * scale), round(sheet.height * scale)
    image = Image.new("RGB", size, THEME[PAPER])
    draw = ImageDraw.Draw(image)
    for item in sheet.items:
        match item:
            case Text():
                _draw_text(image, draw, item, scale)
            case Box():
                right, bottom = (item.x + item.width) * scale - 1, (item.y + item.height) * scale - 1
                if right >= item.x * scale and bottom >= item.y * scale:
                    color = _mixed(item.color, item.strength)
                    draw.rectangle((item.x * scale, item.y * scale, right, bottom), fill=color)
            case Line():
                _draw_line(draw, item, scale)
            case Tile():
                tile = Image.fromarray(item.picture)
                if scale != 1:
                    wide = (tile.width * scale, tile.height * scale)
                    tile = tile.resize(wide, Image.Resampling.NEAREST)
                image.paste(tile, (round(item.x * scale), round(item.y * scale)))
    return image


def _draw_text(image: Image.Image, draw: ImageDraw.ImageDraw, item: Text, scale: int) -> None:
    text = harmless(item.text)
    font = font_for(text, item.size * scale)
    color = THEME.get(item.color, item.color)
    if not item.upright:
        draw.text((item.x * scale, item.y * scale), text, fill=color, font=font, anchor=_ANCHORS[item.anchor])
        return
    length, height = max(1, round(font.getlength(text)) + 2), round(item.size * scale * 1.5)
    letters = Image.new("L", (length, height), 0)
    ImageDraw.Draw(letters).text((0, height / 2), text, fill=255, font=font, anchor="lm")
    turned = letters.rotate(90, expand=True)
    above = {"start": turned.height, "middle": turned.height / 2, "end": 0}[item.anchor]
    place = round(item.x * scale - turned.width / 2), round(item.y * scale - above)
    image.paste(Image.new("RGB", turned.size, color), place, turned)


def _draw_line(draw: ImageDraw.ImageDraw, item: Line, scale: int) -> None:
    color, width = THEME.get(item.color, item.color), max(1, round(item.width * scale))
    points = [(x * scale, y * scale) for x, y in item.points]
    if not item.dashed:
        draw.line(points, fill=color, width=width, joint="curve")
        return
    along = 0.0  # how far the pattern of dashes is
    for (x0, y0), (x1, y1) in pairwise(points):
        length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
        done = 0.0
        while done < length:
            within = along % ((_DASH + _GAP) * scale)
            drawn = within < _DASH * scale
            step = min(length - done, (_DASH if drawn else _DASH + _GAP) * scale - within + 1e-6)
            if drawn:
                a, b = done / length, (done + step) / length
                ends = [(x0 + (x1 - x0) * t, y0 + (y1 - y0) * t) for t in (a, b)]
                draw.line(ends, fill=color, width=width)
            done, along = done + step, along + step


def _mixed(color: str, strength: float) -> tuple[int, int, int]:
    """A colour thinned with the paper."""
    own, paper = rgb(THEME.get(color, color)), rgb(THEME[PAPER])
    red, green, blue = (round(a * strength + b * (1 - strength)) for a, b in zip(own, paper, strict=True))
    return red, green, blue
