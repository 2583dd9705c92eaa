"""labelme: a JSON file for each image, masks as a PNG in it, polygons as labelme draws them.

Compared with what labelme's own converter, labelme2voc, makes of its files. Written: a shape of the type
"mask" for each class, lossless, which labelme shows from version 5.3 on. Read: polygon, rectangle, circle and
mask, each drawn as labelme does, a later shape over an earlier one; points and lines have no area.
"""

import base64
import binascii
import io
import json
import math
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, UnidentifiedImageError

from unet_studio.core.errors import StudioError
from unet_studio.core.geometry import Rect
from unet_studio.core.storage import write_json
from unet_studio.formats.matching import inside, mask_names
from unet_studio.formats.regions import (
    MALFORMED,
    MAX_SIDE,
    Legend,
    Region,
    Scene,
    Stencil,
    check_names,
    from_scenes,
    split,
)
from unet_studio.formats.sample import Incoming, Outgoing, Shape, check_labels, check_shape

VERSION = "5.5.0"  # the oldest that other tools write masks as; what matters to readers is its first number
IGNORED = "__ignore__"  # what labelme's converters turn into void
HUGE = 64_000_000  # px
WITHOUT_AREA = ("point", "points", "line", "linestrip")


def write_labelme(folder: Path, outgoing: Outgoing) -> Mapping[str, str]:
    """Write `<stem>.json` for every sample, sub-folders kept, and labels.txt for labelme's --labels."""
    check_names(outgoing.classes)
    files = {name: f"{path.removesuffix('.png')}.json" for name, path in mask_names(outgoing.names).items()}
    background = outgoing.classes.background
    names = [entry.name for entry in outgoing.classes.active if entry.index != background]
    first = [] if background is None else [outgoing.classes.get(background).name]
    inside(folder, "labels.txt").parent.mkdir(parents=True, exist_ok=True)
    (folder / "labels.txt").write_text("\n".join([IGNORED, *first, *names]) + "\n", encoding="utf-8")
    for sample in outgoing.samples():
        check_labels(sample, outgoing.classes)
        height, width = sample.labels.shape
        content = {
            "version": VERSION,
            "flags": {},
            "shapes": [_shape(*part) for part in split(sample.labels, outgoing.classes, IGNORED)],
            "imagePath": Path(sample.name).name,
            "imageData": None,
            "imageHeight": height,
            "imageWidth": width,
        }
        write_json(inside(folder, files[sample.name]), content)
    return files


def _shape(name: str, rect: Rect, stencil: Stencil) -> dict[str, Any]:
    stream = io.BytesIO()
    Image.fromarray(stencil.astype(np.uint8)).save(stream, "PNG")
    return {
        "label": name,
        "points": [[rect.left, rect.top], [rect.right - 1, rect.bottom - 1]],
        "group_id": None,
        "description": "",
        "shape_type": "mask",
        "flags": {},
        "mask": base64.b64encode(stream.getvalue()).decode("ascii"),
    }


def read_labelme(source: Path) -> Incoming:
    """Open a folder of labelme files, at any depth, or one of them. A labels.txt says the classes' order."""
    files = _find(source)
    names: dict[str, None] = dict.fromkeys(_listed(source if source.is_dir() else source.parent))
    passed_over: Counter[str] = Counter()
    blank = set()
    for key, path in files.items():
        drawn = 0
        for shape in _load(path)["shapes"]:
            kind = _kind(path, shape)
            if kind in DRAWN:
                names.setdefault(str(shape["label"]))
                drawn += 1
            else:
                passed_over[kind] += 1
        if not drawn:
            blank.add(key)
    legend = Legend.of(names)
    notes = tuple(
        f"{count} {kind} shapes have no area and are passed over." for kind, count in passed_over.items()
    )

    def scene(key: str, shape: Shape | None) -> Scene:
        path, value = files[key], _load(files[key])

        def malformed(reason: str) -> StudioError:
            return _broken(path, f"a shape is malformed: {reason}")

        try:
            size = _size(value, shape)
            check_shape(str(path), size, shape)
            drawn = [item for item in value["shapes"] if _kind(path, item) in DRAWN]
            return Scene(size, tuple(Region(str(item["label"]), _drawing(item)) for item in drawn), malformed)
        except MALFORMED as error:
            raise malformed(str(error)) from error

    return from_scenes(legend, files, scene, blank.__contains__, notes)


def _find(source: Path) -> dict[str, Path]:
    """The files by what they are called without .json."""
    if source.is_file():
        return {source.stem: source}
    if not source.is_dir():
        raise StudioError(f"There is no {source}.", "Choose the folder that holds labelme's .json files.")
    found = {}
    for path in sorted(source.rglob("*.json")):
        relative = path.relative_to(source).as_posix()
        if path.is_file() and '"shapes"' in _text(path):
            found[relative.removesuffix(".json")] = path
    if not found:
        raise StudioError(f"{source} holds no labelme file.", "Choose the folder with labelme's .json files.")
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _listed(folder: Path) -> list[str]:
    """The names in labels.txt, or none."""
    path = folder / "labels.txt"
    return [line.strip() for line in _text(path).splitlines() if line.strip()] if path.is_file() else []


def _load(path: Path) -> Any:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise _broken(path, f"it can't be read: {error}") from error
    if not isinstance(value, dict) or not isinstance(value.get("shapes"), list):
        raise _broken(path, 'it has no list of "shapes"')
    return value


def _kind(path: Path, shape: Any) -> str:
    """The type of a shape; a file of labelme 3 may leave it out where it is a polygon."""
    if not isinstance(shape, dict) or not isinstance(shape.get("label"), str):
        raise _broken(path, "one of its shapes has no label")
    kind = shape.get("shape_type") or "polygon"
    if kind not in DRAWN and kind not in WITHOUT_AREA:
        raise _broken(path, f"{kind!r} is no type of shape that is known here")
    return str(kind)


def _size(value: Any, wanted: Shape | None) -> Shape:
    """The image's size; labelme 3 did not write it, then it is that of the image."""
    height, width = value.get("imageHeight"), value.get("imageWidth")
    if height is None and width is None and wanted is not None:
        return wanted
    if type(height) is not int or type(width) is not int:
        raise ValueError("imageHeight and imageWidth are not whole numbers")
    if not (0 < height < MAX_SIDE and 0 < width < MAX_SIDE):
        raise ValueError("the image has an impossible size")
    return height, width


def _drawing(item: Any) -> Callable[[Shape], tuple[Rect, Stencil]]:
    draw = DRAWN[item.get("shape_type") or "polygon"]
    return lambda shape: draw(item, shape)


def _points(item: Any, shape: Shape, least: int) -> list[tuple[float, float]]:
    points = [(float(x), float(y)) for x, y in item["points"]]
    limit = 4 * max(shape) + 16
    if len(points) < least:
        raise ValueError(f"it has {len(points)} points and needs {least}")
    if not all(math.isfinite(value) and abs(value) <= limit for point in points for value in point):
        raise ValueError("a point lies far outside of the image")
    return points


def _drawn(
    points: list[tuple[float, float]], shape: Shape, draw: Callable[[ImageDraw.ImageDraw, Any], None]
) -> tuple[Rect, Stencil]:
    """What draw lays on an empty picture.

    Moved points are rounded elsewhere, which can cost a pixel of labelme's own result: only in a huge image
    is the picture no larger than the shape.
    """
    x, y = zip(*points, strict=True)
    box = Rect(math.floor(min(y)) - 1, math.floor(min(x)) - 1, math.ceil(max(y)) + 2, math.ceil(max(x)) + 2)
    rect = box.clip(shape)
    if rect.empty:
        return Rect(0, 0, 0, 0), np.zeros((0, 0), dtype=np.bool_)
    area = Rect.of(shape) if shape[0] * shape[1] <= HUGE else rect
    picture = Image.new("1", (area.width, area.height))
    draw(ImageDraw.Draw(picture), [(left - area.left, top - area.top) for left, top in points])
    return area, np.array(picture, dtype=np.bool_)


def _polygon(item: Any, shape: Shape) -> tuple[Rect, Stencil]:
    points = _points(item, shape, 3)
    return _drawn(points, shape, lambda pen, moved: pen.polygon(moved, outline=1, fill=1))


def _rectangle(item: Any, shape: Shape) -> tuple[Rect, Stencil]:
    (x0, y0), (x1, y1) = _points(item, shape, 2)[:2]
    corners = [(min(x0, x1), min(y0, y1)), (max(x0, x1), max(y0, y1))]
    return _drawn(corners, shape, lambda pen, moved: pen.rectangle(moved, outline=1, fill=1))


def _circle(item: Any, shape: Shape) -> tuple[Rect, Stencil]:
    (x, y), rim = _points(item, shape, 2)[:2]
    radius = math.dist((x, y), rim)
    corners = [(x - radius, y - radius), (x + radius, y + radius)]
    return _drawn(corners, shape, lambda pen, moved: pen.ellipse(moved, outline=1, fill=1))


def _mask(item: Any, shape: Shape) -> tuple[Rect, Stencil]:
    (left, top), (right, bottom) = (tuple(map(round, point)) for point in _points(item, shape, 2)[:2])
    rect = Rect(top, left, bottom + 1, right + 1)
    try:
        with Image.open(io.BytesIO(base64.b64decode(item["mask"], validate=True)), formats=["PNG"]) as found:
            if found.size != (rect.width, rect.height) or rect.clip(shape) != rect:
                raise ValueError(f"a mask of {found.size} px does not fit its corners in the image")
            return rect, np.array(found.convert("L") if found.mode == "P" else found) != 0
    except (binascii.Error, UnidentifiedImageError) as error:
        raise ValueError(f"a mask is no PNG: {error}") from error


# The shapes that have an area.
DRAWN: dict[str, Callable[[Any, Shape], tuple[Rect, Stencil]]] = {
    "polygon": _polygon,
    "oriented_rectangle": _polygon,
    "rotation": _polygon,  # X-AnyLabeling's name for it
    "rectangle": _rectangle,
    "circle": _circle,
    "mask": _mask,
}


def _broken(path: Path, reason: str) -> StudioError:
    return StudioError(f"{path} is not a usable labelme file: {reason}.", "Save it again in labelme.")
