"""ISAT: a JSON file for each image, polygons in layers.

Read after ISAT's own code (ISAT/formats/isat.py and voc.py in yatengLG/ISAT_with_segment_anything): a file's
"info" says "ISAT" and the image's size; each of its "objects" has a "category", a "segmentation" of [x, y], a
"layer" (the higher lies on top) and a "group" (the parts of one object share it). Drawn as ISAT draws its own
masks, to the pixel: coordinates are cut to whole numbers, and a pixel counts whose centre lies in the polygon
or on its edge. isat.yaml holds the classes and their colours, classification.txt the classes alone.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from unet_studio.core.errors import StudioError
from unet_studio.core.geometry import Rect
from unet_studio.formats.json_files import json_files, load_json, size_of, text_of
from unet_studio.formats.polygons import fill
from unet_studio.formats.regions import MALFORMED, Legend, Region, Scene, Stencil, from_scenes
from unet_studio.formats.sample import Incoming, Shape, check_shape

LAYER = 2.0  # of an object that states none, as ISAT reads it
REMEDY = "Save it again in ISAT."


def read_isat(source: Path) -> Incoming:
    """Open a folder of ISAT files, at any depth, or one of them."""
    files = json_files(source, '"objects"', "ISAT")
    names, colors = _listed(source if source.is_dir() else source.parent)
    sizes: dict[str, Shape] = {}
    blank = set()
    for key, path in files.items():
        try:
            info, objects = _parts(load_json(path, "ISAT", REMEDY))
            sizes[key] = size_of(info.get("height"), info.get("width"))
            names.update(dict.fromkeys(_category(item) for item in objects))
        except MALFORMED as error:
            raise _broken(path, str(error)) from error
        if not objects:
            blank.add(key)
    legend = Legend.of(names, colors)

    def scene(key: str, shape: Shape | None) -> Scene:
        path = files[key]
        check_shape(str(path), sizes[key], shape)

        def malformed(reason: str) -> StudioError:
            return _broken(path, f"an object is malformed: {reason}")

        try:
            _, objects = _parts(load_json(path, "ISAT", REMEDY))
            lowest_first = sorted(objects, key=_layer)  # stable: then by place in the file
            return Scene(sizes[key], tuple(map(_region, lowest_first)), malformed)
        except MALFORMED as error:
            raise malformed(str(error)) from error

    return from_scenes(legend, files, scene, blank.__contains__, size=sizes.__getitem__)


def _listed(folder: Path) -> tuple[dict[str, None], dict[str, str]]:
    """The classes that isat.yaml or else classification.txt lists, in order, and their colours."""
    text = text_of(folder / "isat.yaml")
    try:
        # An alias could make a short text a huge value, and ISAT writes none.
        value: Any = yaml.safe_load(text) if "&" not in text else None
        colors = {str(entry["name"]): str(entry.get("color", "")) for entry in value["label"]}
    except (yaml.YAMLError, *MALFORMED, AttributeError, RecursionError):
        colors = {}
    if colors:
        return dict.fromkeys(colors), colors
    lines = text_of(folder / "classification.txt").splitlines()
    return dict.fromkeys(line.strip() for line in lines if line.strip()), {}


def _parts(value: Mapping[str, Any]) -> tuple[Mapping[str, Any], list[Any]]:
    """A file's info and its objects. Raises ValueError where it is no file of ISAT's."""
    info, objects = value.get("info"), value.get("objects")
    if not isinstance(info, dict) or not isinstance(objects, list):
        raise ValueError('it has no "info" or no list of "objects"')
    if info.get("description") != "ISAT":
        raise ValueError('its "info" does not say that it is of ISAT')
    return info, objects


def _category(item: Any) -> str:
    if not isinstance(item, dict) or not isinstance(item.get("category"), str):
        raise ValueError("one of its objects has no category")
    return str(item["category"])


def _layer(item: Any) -> float:
    layer = float(item.get("layer", LAYER))
    if not math.isfinite(layer):
        raise ValueError("a layer is no number")
    return layer


def _region(item: Any) -> Region:
    group = item.get("group")
    instance = str(group) if isinstance(group, int | str) and group else ""
    return Region(_category(item), lambda shape: _draw(item["segmentation"], shape), instance)


def _draw(segmentation: Any, shape: Shape) -> tuple[Rect, Stencil]:
    """The pixels of a polygon as scikit-image's draw.polygon fills it, which ISAT calls for its masks."""
    points = [(float(x), float(y)) for x, y in segmentation]
    limit = 4 * max(shape) + 16
    if len(points) < 3:
        raise ValueError("a polygon has fewer than three points")
    if not all(abs(value) <= limit for point in points for value in point):  # NaN is no number here either
        raise ValueError("a polygon lies far outside of its image")
    ring = np.trunc(np.asarray(points)).astype(np.int64)
    (left, top), (right, bottom) = ring.min(axis=0).tolist(), ring.max(axis=0).tolist()
    rect = Rect(top, left, bottom + 1, right + 1).clip(shape)
    if rect.empty:
        return Rect(0, 0, 0, 0), np.zeros((0, 0), dtype=np.bool_)
    ring -= (rect.left, rect.top)
    stencil = fill([ring + 0.5], (rect.height, rect.width))
    steps = np.roll(ring, -1, axis=0) - ring
    parts = np.maximum(np.gcd(steps[:, 0], steps[:, 1]), 1)  # the whole-numbered points of an edge, but one
    on_edge = np.zeros_like(stencil)
    for (x, y), (right, down), count in zip(ring, steps // parts[:, None], parts, strict=True):
        number = np.arange(1, count)
        columns, rows = x + number * right, y + number * down
        within = (columns >= 0) & (columns < rect.width) & (rows >= 0) & (rows < rect.height)
        on_edge[rows[within], columns[within]] ^= True  # where two edges cross, the even-odd rule goes on
    corners = ring[((ring >= 0) & (ring < (rect.width, rect.height))).all(axis=1)]
    on_edge[corners[:, 1], corners[:, 0]] = True
    stencil |= on_edge
    return rect, stencil


def _broken(path: Path, reason: str) -> StudioError:
    return StudioError(f"{path} is not a usable ISAT file: {reason}.", REMEDY)
