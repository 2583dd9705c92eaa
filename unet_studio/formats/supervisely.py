"""Supervisely: meta.json with the classes, a JSON file for each image in `<data set>/ann`. Only read.

Sources: Supervisely's manual, "Supervisely Annotation JSON format" (developer.supervisely.com), and its SDK
(github.com/supervisely/supervisely, supervisely/geometry), whose drawing is followed: a polygon covers its
corners' pixels and what cv2.fillPoly finds between them, less its interiors drawn the same way
(polygon.py); a rectangle includes both of its corners (rectangle.py); a bitmap is a PNG, zlib'd and in
base64, whose alpha counts where it has one, laid at its origin (bitmap.py). Positions are (x, y) in px. A
later object lies on top. Points, lines, cuboids and graphs have no area.
"""

import base64
import binascii
import io
import json
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from unet_studio.core.decoding import open_pillow
from unet_studio.core.errors import StudioError
from unet_studio.core.geometry import Rect
from unet_studio.formats.matching import inside, own_file
from unet_studio.formats.regions import MAX_SIDE, Legend, Region, Scene, Stencil, from_scenes
from unet_studio.formats.sample import Incoming, Shape, check_shape

META, ANNOTATIONS, IMAGES = "meta.json", "ann", "img"
WITH_AREA = ("polygon", "rectangle", "bitmap", "any")  # what meta.json says of a class that can have an area
SLACK = 1 << 16  # bytes that a PNG may have beside its pixels
BROKEN = (
    KeyError,
    TypeError,
    AttributeError,
    IndexError,
    ValueError,
    OverflowError,
    RecursionError,
    OSError,
)


def read_supervisely(source: Path) -> Incoming:
    """Open a project, one of its data sets, or its folder ann."""
    files = _find(source)
    classes = _classes(source)
    names: dict[str, None] = dict.fromkeys(classes)
    passed_over: Counter[str] = Counter()
    sizes: dict[str, Shape] = {}
    blank = set()
    for key, path in files.items():
        try:
            value = _load(path)
            sizes[key] = _size(value)
            drawn, others = _objects(value)
            names.update(dict.fromkeys(str(item["classTitle"]) for item in drawn))
        except BROKEN as error:
            raise _broken(path, str(error) or repr(error)) from error
        passed_over.update(others)
        if not drawn:
            blank.add(key)
    legend = Legend.of(names, classes)
    notes = tuple(
        f"{count} {kind} objects have no area and are passed over." for kind, count in passed_over.items()
    )

    def scene(key: str, shape: Shape | None) -> Scene:
        path = files[key]
        check_shape(str(path), sizes[key], shape)
        try:
            drawn, _ = _objects(_load(path))
            regions = tuple(Region(str(item["classTitle"]), _drawing(item)) for item in drawn)
        except BROKEN as error:
            raise _broken(path, str(error) or repr(error)) from error
        return Scene(sizes[key], regions, lambda reason: _broken(path, f"an object is malformed: {reason}"))

    return from_scenes(legend, files, scene, blank.__contains__, notes, sizes.get)


def _find(source: Path) -> dict[str, Path]:
    """The files by the path of their image in the project."""
    if not source.is_dir():
        raise StudioError(f"{source} is not a folder.", "Choose the folder that holds meta.json.")
    files = {}
    for path in sorted(source.rglob("*.json")):
        relative = path.relative_to(source)
        if path.parent.name == ANNOTATIONS and inside(source, relative.as_posix()).is_file():
            image = path.parent.parent.relative_to(source) if path.parent != source else Path()
            files[(image / IMAGES / path.stem).as_posix()] = path
    if not files:
        raise StudioError(
            f"{source} holds no folder {ANNOTATIONS} with annotations.",
            f"Choose the folder that holds {META}.",
        )
    return files


def _classes(source: Path) -> dict[str, str]:
    """The classes that can have an area, with their colours, from the meta.json there or around it."""
    places = (source, *list(source.parents)[:2])
    place = next((folder for folder in places if own_file(folder, META) is not None), None)
    if place is None:
        return {}
    try:
        listed = _load(place / META)["classes"]
        return {str(item["title"]): str(item.get("color", "")) for item in listed if _has_area(item)}
    except BROKEN as error:
        raise _broken(place / META, str(error) or repr(error)) from error


def _has_area(item: Any) -> bool:
    return item.get("shape", "any") in WITH_AREA


def _load(path: Path) -> Any:
    return json.loads(path.read_bytes())


def _size(value: Any) -> Shape:
    height, width = value["size"]["height"], value["size"]["width"]
    if not all(type(side) is int and 0 < side < MAX_SIDE for side in (height, width)):
        raise ValueError("the image has an impossible size")
    return height, width


def _objects(value: Any) -> tuple[list[Any], Counter[str]]:
    """The objects that have an area, and how many others there are of each kind."""
    kinds = [(str(item["geometryType"]), item) for item in value["objects"]]
    drawn = [item for kind, item in kinds if kind in DRAWN]
    return drawn, Counter(kind for kind, _ in kinds if kind not in DRAWN)


def _drawing(item: Any) -> Callable[[Shape], tuple[Rect, Stencil]]:
    draw = DRAWN[item["geometryType"]]
    return lambda shape: draw(item, shape)


# -- shapes -----------------------------------------------------------------------------------------------


def _ring(points: Any, shape: Shape) -> NDArray[np.int32]:
    """Corners (n, 2), x and y, as whole pixels, as the SDK's exterior_np has them."""
    ring = np.array(points, dtype=np.float64)
    if ring.ndim != 2 or ring.shape[1] != 2 or not np.isfinite(ring).all():
        raise ValueError("its points are not pairs of numbers")
    if (np.abs(ring) > 4 * max(shape) + 16).any():
        raise ValueError("a point lies far outside of the image")
    return ring.astype(np.int32)


def _polygon(item: Any, shape: Shape) -> tuple[Rect, Stencil]:
    import cv2

    exterior = _ring(item["points"]["exterior"], shape)
    interiors = [_ring(points, shape) for points in item["points"].get("interior") or []]
    (left, top), (right, bottom) = exterior.min(axis=0).tolist(), exterior.max(axis=0).tolist()
    rect = Rect(top, left, bottom + 1, right + 1).clip(shape)
    stencil = np.zeros((rect.height, rect.width), dtype=np.uint8)
    if not rect.empty:
        corner = (-rect.left, -rect.top)
        cv2.fillPoly(stencil, [exterior], (1,), offset=corner)
        if interiors:
            cv2.fillPoly(stencil, interiors, (0,), offset=corner)
    return rect, stencil.astype(np.bool_)


def _rectangle(item: Any, shape: Shape) -> tuple[Rect, Stencil]:
    corners = _ring(item["points"]["exterior"], shape)
    if len(corners) != 2:
        raise ValueError(f"a rectangle has {len(corners)} corners, where two are expected")
    (left, top), (right, bottom) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    rect = Rect(top, left, bottom + 1, right + 1).clip(shape)
    return rect, np.ones((rect.height, rect.width), dtype=np.bool_)


def _bitmap(item: Any, shape: Shape) -> tuple[Rect, Stencil]:
    left, top = (int(value) for value in item["bitmap"]["origin"])
    stencil = decode_bitmap(item["bitmap"]["data"], shape)
    rect = Rect(top, left, top + stencil.shape[0], left + stencil.shape[1])
    if rect.clip(shape) != rect:
        raise ValueError(
            f"a bitmap of {rect.width} x {rect.height} px at {left}, {top} does not fit the image"
        )
    return rect, stencil


def decode_bitmap(text: str, most: Shape) -> Stencil:
    """The stencil, bool (h, w), of a bitmap's data, no larger than most. Raises ValueError where it is none.

    Its PNG may be packed by zlib or not. The rows of more pixels are never unpacked.
    """
    try:
        data = base64.b64decode(text, validate=True)
        if not data.startswith(b"\x89PNG"):
            unpacker = zlib.decompressobj()
            data = unpacker.decompress(data, 5 * most[0] * most[1] + SLACK)
        with open_pillow(io.BytesIO(data), ("PNG",)) as picture:
            if picture.height > most[0] or picture.width > most[1]:
                raise ValueError(f"a bitmap of {picture.width} x {picture.height} px does not fit the image")
            return _set_pixels(picture)
    except (binascii.Error, zlib.error, UnidentifiedImageError, SyntaxError) as error:
        raise ValueError(f"a bitmap is no PNG: {error}") from error


def _set_pixels(picture: Image.Image) -> Stencil:
    """Where a PNG's alpha is not 0, or where it has none, its index or value."""
    if picture.mode in ("RGBA", "LA") or "transparency" in picture.info:
        return np.asarray(np.asarray(picture.convert("RGBA"))[..., 3] != 0)
    pixels = np.asarray(picture)
    return np.asarray(pixels != 0 if pixels.ndim == 2 else (pixels != 0).any(axis=2))


# The kinds of objects that have an area.
DRAWN: Mapping[str, Callable[[Any, Shape], tuple[Rect, Stencil]]] = {
    "polygon": _polygon,
    "rectangle": _rectangle,
    "bitmap": _bitmap,
}


def _broken(path: Path, reason: str) -> StudioError:
    return StudioError(
        f"{path} is not a usable file of Supervisely: {reason}.", "Download the project again."
    )
