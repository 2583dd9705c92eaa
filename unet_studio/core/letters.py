"""The letters of pictures: those that Pillow brings along, or a font of this machine for what they lack."""

from functools import lru_cache

from PIL import ImageFont

# Found by name where the system keeps its fonts; the first that is there.
SYSTEM_FONTS = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "LiberationSans-Regular.ttf",
    "segoeui.ttf",
    "Arial Unicode.ttf",
    "Arial.ttf",
    "arial.ttf",
)
Font = ImageFont.ImageFont | ImageFont.FreeTypeFont | ImageFont.TransposedFont


def font_for(text: str, size: float) -> Font:
    """Letters of so many px for a text. Pillow's own know ASCII alone but look the same everywhere."""
    return _own(size) if text.isascii() else _of_system(size)


@lru_cache(maxsize=32)
def _own(size: float) -> Font:
    return ImageFont.load_default(size)


@lru_cache(maxsize=32)
def _of_system(size: float) -> Font:
    for name in SYSTEM_FONTS:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return _own(size)
