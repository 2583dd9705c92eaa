"""How long a pixel is: a number with a unit, as a project stores it and a person writes it."""

import math
import re
from dataclasses import dataclass
from typing import Any

from unet_studio.core.errors import StudioError

# How people write a unit -> how it is stored and shown. Both characters that look like a mu are common.
UNITS = {
    "nm": "nm", "um": "µm", "µm": "µm", "\N{GREEK SMALL LETTER MU}m": "µm", "micron": "µm", "microns": "µm",
    "mm": "mm", "cm": "cm", "m": "m", "km": "km", "in": "in", "inch": "in",
}  # fmt: skip
_WRITTEN = re.compile(r"\s*([0-9]*[.,]?[0-9]+(?:[eE][+-]?[0-9]+)?)\s*([^\s0-9]\S*)\s*")


@dataclass(frozen=True)
class PixelSize:
    """The side of a pixel, which is square. value: above 0, in units. unit: one of UNITS' values."""

    value: float
    unit: str

    def __post_init__(self) -> None:
        if not (math.isfinite(self.value) and self.value > 0) or self.unit not in UNITS.values():
            raise StudioError(f"{self.value:g} {self.unit} is no pixel size.", _HELP)

    def __str__(self) -> str:
        return f"{self.value:g} {self.unit}"

    @property
    def area(self) -> float:
        """The area of a pixel, in square units."""
        return self.value * self.value

    @classmethod
    def parse(cls, text: str) -> "PixelSize":
        """What a person wrote, "0.65 µm" or "0,65um". Raises StudioError that says how to write it."""
        found = _WRITTEN.fullmatch(text)
        unit = UNITS.get(found[2].casefold()) if found else None
        if found is None or unit is None:
            raise StudioError(f"{text!r} is no pixel size.", _HELP)
        return cls(float(found[1].replace(",", ".")), unit)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"value": self.value, "unit": self.unit}

    @classmethod
    def from_json(cls, value: Any) -> "PixelSize":
        """The inverse of to_json. Raises StudioError, KeyError, TypeError or ValueError for anything else."""
        return cls(float(value["value"]), UNITS.get(str(value["unit"]), str(value["unit"])))


_HELP = (
    f"Write a number and a unit, for example 0.65 µm; units are {', '.join(dict.fromkeys(UNITS.values()))}."
)
