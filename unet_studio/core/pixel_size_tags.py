"""The size of a pixel as an image file states it: a suggestion, for many files hold what a program guessed.

TIFF: OME-XML (PhysicalSizeX of the OME data model), ImageJ's description (`unit=` with the resolution tags),
else the resolution tags alone (TIFF 6.0). PNG: pHYs (PNG specification, 11.3.4.3). JPEG: the JFIF header's
density (ITU-T T.871). Only where pixels are square.
"""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from unet_studio.core import tiff
from unet_studio.core.decoding import explained, open_pillow, open_regular
from unet_studio.core.errors import StudioError
from unet_studio.core.pixel_size import UNITS, PixelSize

_MICROMETRES = {"nm": 1e-3, "µm": 1.0, "mm": 1e3, "cm": 1e4, "m": 1e6, "in": 25400.0}
# Dots an inch that programs write where they know nothing.
_PLACEHOLDERS = (1, 72, 96)
_SQUARE = 1e-3  # so much may the sides differ, of their length: resolutions are rounded
_DESCRIPTION, _RESOLUTIONS, _UNIT = 270, (282, 283), 296
_UNITS_OF_TIFF = {2: "in", 3: "cm"}


def suggested_pixel_size(path: Path) -> PixelSize | None:
    """What an image file says of its pixels' size; None where it says nothing usable, or can't be read."""
    try:
        with explained(path), open_regular(path) as stream:
            signature = stream.read(4)
            stream.seek(0)
            if signature in tiff.SIGNATURES:
                return _of_tiff(stream)
            with open_pillow(stream, ("PNG", "JPEG")) as image:
                return _of_picture(image)
    except StudioError:
        return None


def first_suggestion(paths: Iterator[Path]) -> PixelSize | None:
    """The suggestion of the first of these files that makes one."""
    return next((size for path in paths if (size := suggested_pixel_size(path)) is not None), None)


def _of_tiff(stream: Any) -> PixelSize | None:
    with tiff.open_tiff(stream) as tif:
        tags = tif.pages[0].aspage().tags
        text = str(tags.valueof(_DESCRIPTION, ""))
        each = [_ratio(tags.valueof(code)) for code in _RESOLUTIONS]
        unit = _UNITS_OF_TIFF.get(int(tags.valueof(_UNIT, 2)))
    if "PhysicalSizeX" in text:
        return _of_ome(text)
    if text.startswith("ImageJ="):
        named = re.search(r"^unit=(.+)$", text, re.MULTILINE)
        written = re.sub(r"\\u00b5", "µ", named[1].strip(), flags=re.IGNORECASE) if named else ""
        return _of_density(each, UNITS.get(written.casefold()))
    return _unless_placeholder(each, unit)


def _of_ome(text: str) -> PixelSize | None:
    sides = []
    for axis in "XY":
        value = re.search(rf'\bPhysicalSize{axis}="([0-9.eE+-]{{1,40}})"', text)
        unit = re.search(rf'\bPhysicalSize{axis}Unit="([^"]{{1,20}})"', text)
        known = UNITS.get((unit[1] if unit else "µm").casefold())
        if value is None or known not in _MICROMETRES:
            return None
        sides.append(_number(value[1]) * _MICROMETRES[known])
    return _square(sides)


def _of_picture(image: Any) -> PixelSize | None:
    info = image.info
    if image.format == "PNG":
        dots = info.get("dpi")  # Pillow has made dots an inch of pHYs' dots a metre
        return None if dots is None else _unless_placeholder([float(dot) for dot in dots], "in")
    unit = {1: "in", 2: "cm"}.get(info.get("jfif_unit", 0))
    return _unless_placeholder([float(dot) for dot in info.get("jfif_density", (0, 0))], unit)


def _unless_placeholder(each: list[float], unit: str | None) -> PixelSize | None:
    """The size where there are so many pixels in a unit, unless that is what programs write unasked."""
    dots = each[0] * (2.54 if unit == "cm" else 1)
    placeholder = any(math.isclose(dots, usual, rel_tol=5e-3) for usual in _PLACEHOLDERS)
    return None if placeholder else _of_density(each, unit)


def _of_density(each: list[float], unit: str | None) -> PixelSize | None:
    """The size where there are so many pixels in a unit."""
    if unit not in _MICROMETRES or not all(value > 0 for value in each):
        return None
    return _square([_MICROMETRES[unit] / value for value in each])


def _square(sides: list[float]) -> PixelSize | None:
    """The size of square pixels whose sides are so many micrometres, in a unit that reads well."""
    if not all(math.isfinite(side) and 1e-6 < side < 1e9 for side in sides):
        return None
    if abs(sides[0] - sides[1]) > _SQUARE * sides[0]:
        return None
    unit = next((unit for unit, most in (("nm", 0.01), ("µm", 1e3), ("mm", 1e6)) if sides[0] < most), "m")
    return PixelSize(float(f"{sides[0] / _MICROMETRES[unit]:.6g}"), unit)


def _ratio(value: Any) -> float:
    """A rational tag as a number; 0 where it is none."""
    parts = value if isinstance(value, tuple) else (value, 1)
    try:
        return float(parts[0]) / float(parts[1])
    except (TypeError, ValueError, ZeroDivisionError, IndexError):
        return 0.0


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
