"""VGG Image Annotator (VIA) 1 and 2: projects and annotations as JSON, annotations as CSV. Only read.

Source: VIA's own via.js (gitlab.com/vgg/via, releases 1.0 and 2.0): package_region_data writes the JSON and
the CSV, `#filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,
region_attributes`; VIA 1 numbers its regions in a dict where VIA 2 lists them; a project wraps the same in
"_via_img_metadata", with "_via_attributes" for what its attributes may be. Coordinates are (x, y) in px of
the image, an ellipse's theta is in radians. VIA 3 is another format and is refused.

VIA does not know which of a region's attributes is its class. Here it is the one that nearly all regions
have; of several, one called so, then one with a list of options. The notes say which.
"""

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from unet_studio.core.errors import StudioError
from unet_studio.core.geometry import Rect
from unet_studio.formats.matching import inside
from unet_studio.formats.regions import Legend, Region, Scene, Stencil, from_scenes
from unet_studio.formats.sample import Incoming, Shape
from unet_studio.formats.shapes import box, draw_ellipse, draw_points

PROJECT, SETTINGS, ATTRIBUTES = "_via_img_metadata", "_via_settings", "_via_attributes"
CSV_START = "filename,file_size,file_attributes,region_count"  # VIA 1.0 puts a # before it
USUAL = ("class", "label", "category", "type", "name", "object", "species")  # names of such attributes
NEARLY = 0.9  # of the regions that the most used attribute is set for
UNNAMED = "object"  # a region without a class
WITHOUT_AREA = ("point", "polyline", "line")
FIELD = 1 << 27  # characters in a field of CSV; a polygon of ten million points
BROKEN = (KeyError, TypeError, AttributeError, IndexError, ValueError, OverflowError, RecursionError)


@dataclass
class _Set:
    """The regions of each image, and for each attribute its options, none where it is free text."""

    images: dict[str, list[Any]] = field(default_factory=dict)
    options: dict[str, list[str]] = field(default_factory=dict)

    def add(self, name: Any, regions: Iterable[Any]) -> None:
        """Add an image. Raises ValueError where there is one of that name."""
        if not isinstance(name, str) or not name:
            raise ValueError("an image has no file name")
        if name in self.images:
            raise ValueError(f"two of its images are called {name}")
        self.images[name] = list(regions)


def read_via(source: Path) -> Incoming:
    """Open a JSON or CSV file that VIA saved, or the only one in a folder."""
    path = _find(source)
    try:
        found = _load(path)
        every = [region for regions in found.images.values() for region in regions]
        drawn = [region for region in every if _kind(region) in DRAWN]
        passed_over = Counter(_kind(region) for region in every if _kind(region) not in DRAWN)
        attribute = _class_attribute(drawn, found.options)
        names = list(dict.fromkeys(_name(region, attribute) for region in drawn))
    except BROKEN as error:
        raise _broken(path, str(error) or repr(error)) from error
    if not found.images:
        raise _broken(path, "it lists no image")
    known = [option for option in found.options.get(attribute, []) if option]
    legend = Legend.of([*known, *(name for name in names if name not in known)])

    def scene(key: str, shape: Shape | None) -> Scene:
        if shape is None:
            raise StudioError(f"{path} does not say how large {key} is.", "Read it beside its image.")
        regions = tuple(
            Region(_name(region, attribute), _drawing(region["shape_attributes"]))
            for region in found.images[key]
            if _kind(region) in DRAWN
        )
        return Scene(
            shape, regions, lambda reason: _broken(path, f"a region of {key} is malformed: {reason}")
        )

    blank = {
        key for key, regions in found.images.items() if not any(_kind(item) in DRAWN for item in regions)
    }
    return from_scenes(legend, found.images, scene, blank.__contains__, _notes(attribute, drawn, passed_over))


def _notes(attribute: str, drawn: list[Any], passed_over: Mapping[str, int]) -> tuple[str, ...]:
    notes = [
        f"{count} {kind} regions have no area and are passed over." for kind, count in passed_over.items()
    ]
    if attribute:
        named = sum(_name(region, attribute) != UNNAMED for region in drawn)
        notes.append(f"The class is the attribute {attribute!r}, which {named} of {len(drawn)} regions have.")
    elif drawn:
        notes.append(f"The regions have no attribute that could be a class; they are called {UNNAMED!r}.")
    return tuple(notes)


# -- files ------------------------------------------------------------------------------------------------


def _find(source: Path) -> Path:
    if source.is_file():
        return source
    found = []
    for path in sorted(source.iterdir()) if source.is_dir() else ():
        if path.suffix.lower() in (".json", ".csv") and inside(source, path.name).is_file():
            found.append(path)
    if len(found) != 1:
        raise StudioError(
            f"{source} should be or hold one JSON or CSV file.", "Name the file that VIA saved."
        )
    return found[0]


def _load(path: Path) -> _Set:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise ValueError(f"it can't be read: {error}") from error
    found = _Set()
    if text.lstrip("#").startswith(CSV_START):
        _load_csv(text, found)
    else:
        _load_json(text, found)
    return found


def _load_json(text: str, found: _Set) -> None:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError("it holds no object")
    if "project" in value and "metadata" in value:
        raise ValueError("it is a project of VIA 3; export it from VIA 2, or as COCO")
    for name, facts in (value.get(ATTRIBUTES) or {}).get("region", {}).items():
        found.options[str(name)] = [str(option) for option in (facts.get("options") or {})]
    for image in (value[PROJECT] if PROJECT in value or SETTINGS in value else value).values():
        if not isinstance(image, dict) or not {"filename", "regions"} <= image.keys():
            raise ValueError('an entry has no "filename" or no "regions"')
        regions = image["regions"]
        found.add(image["filename"], regions.values() if isinstance(regions, dict) else regions)


def _load_csv(text: str, found: _Set) -> None:
    """A row a region; an image without any has one row with region_count 0."""
    before = csv.field_size_limit(FIELD)
    try:
        rows = list(csv.reader(io.StringIO(text)))
    except csv.Error as error:
        raise ValueError(f"its rows can't be read: {error}") from error
    finally:
        csv.field_size_limit(before)
    images: dict[str, list[Any]] = {}
    for row in rows[1:]:
        if not row:
            continue
        name, size, _, count, _, shape, attributes = row
        regions = images.setdefault(json.dumps([name, size]), [])
        if count.strip() != "0":
            regions.append(
                {"shape_attributes": json.loads(shape), "region_attributes": json.loads(attributes)}
            )
    for identity, regions in images.items():
        found.add(json.loads(identity)[0], regions)


# -- the class --------------------------------------------------------------------------------------------


def _class_attribute(drawn: list[Any], options: Mapping[str, list[str]]) -> str:
    """The name of the attribute that is the class; "" where the regions have none."""
    used = Counter(
        str(name) for region in drawn for name, value in region["region_attributes"].items() if _chosen(value)
    )
    if not used:
        return ""
    enough = NEARLY * max(used.values())
    candidates = [name for name, count in used.items() if count >= enough]
    usual = {name: place for place, name in enumerate(USUAL)}
    return min(
        candidates,
        key=lambda name: (usual.get(name.casefold(), len(usual)), not options.get(name), -used[name]),
    )


def _chosen(value: Any) -> str:
    """What an attribute says: a text, or the first option that is ticked; "" for nothing."""
    if isinstance(value, dict):
        return next((str(option) for option, ticked in value.items() if ticked), "")
    return str(value).strip() if isinstance(value, (str, int, float)) else ""


def _name(region: Any, attribute: str) -> str:
    return _chosen(region["region_attributes"].get(attribute)) or UNNAMED


# -- shapes -----------------------------------------------------------------------------------------------


def _kind(region: Any) -> str:
    kind = region["shape_attributes"]["name"]
    if kind not in DRAWN and kind not in WITHOUT_AREA:
        raise ValueError(f"{kind!r} is no shape that is known here")
    return str(kind)


def _drawing(facts: Any) -> Callable[[Shape], tuple[Rect, Stencil]]:
    draw = DRAWN[facts["name"]]
    return lambda shape: draw(facts, shape)


def _polygon(facts: Any, shape: Shape) -> tuple[Rect, Stencil]:
    across, down = facts["all_points_x"], facts["all_points_y"]
    if len(across) != len(down):
        raise ValueError(f"a polygon has {len(across)} x and {len(down)} y")
    return draw_points(np.array([across, down], dtype=np.float64).T, shape)


def _rectangle(facts: Any, shape: Shape) -> tuple[Rect, Stencil]:
    left, top = float(facts["x"]), float(facts["y"])
    return draw_points(box(left, top, left + float(facts["width"]), top + float(facts["height"])), shape)


def _circle(facts: Any, shape: Shape) -> tuple[Rect, Stencil]:
    radius = float(facts["r"])
    return draw_ellipse((float(facts["cx"]), float(facts["cy"])), (radius, radius), 0.0, shape)


def _ellipse(facts: Any, shape: Shape) -> tuple[Rect, Stencil]:
    centre, reach = (float(facts["cx"]), float(facts["cy"])), (float(facts["rx"]), float(facts["ry"]))
    return draw_ellipse(centre, reach, float(facts.get("theta") or 0), shape)


# The shapes that have an area.
DRAWN: dict[str, Callable[[Any, Shape], tuple[Rect, Stencil]]] = {
    "polygon": _polygon,
    "rect": _rectangle,
    "circle": _circle,
    "ellipse": _ellipse,
}


def _broken(path: Path, reason: str) -> StudioError:
    return StudioError(f"{path} is not a usable file of VIA: {reason}.", "Save it again in VIA 2.")
