"""Reading folders of labelme's JSON files, and those of the tools that have taken them over.

Also what such a file says beside its masks, so that it survives an import and a later export: flags, shapes
without area, keys that nobody here knows. That remainder is

    {"top": {key: value}, "image_path": text, "embedded": whether the file held the image itself,
     "shapes": {label: {key: value}}, "kept": [shapes without area, whole]}

where "shapes" holds for each label what all its shapes agree on, for they come back as one mask.
"""

import json
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from unet_studio.core.errors import StudioError
from unet_studio.formats.json_files import json_files, load_json, size_of, text_of, unusable
from unet_studio.formats.labelme_shapes import Draw
from unet_studio.formats.regions import MALFORMED, Legend, Region, Scene, from_scenes
from unet_studio.formats.sample import Incoming, Shape, check_shape

FAMILY = "labelme"  # whose files a remainder can be written into
LABELS = "labels.txt"
LARGEST_REMAINDER = 1 << 20  # characters of JSON
# The keys that say again what the masks say, or what labelme writes anew.
OF_FILE = frozenset({"version", "shapes", "imagePath", "imageData", "imageHeight", "imageWidth"})
OF_SHAPE = frozenset({"label", "points", "shape_type", "mask"})


@dataclass(frozen=True)
class Dialect:
    """Whose files they are. drawn: how its shapes with an area are drawn; without_area: its other shapes."""

    tool: str
    drawn: Mapping[str, Draw]
    without_area: Collection[str]

    @property
    def remedy(self) -> str:
        """What to do about a file that can't be used."""
        return f"Save it again in {self.tool}."


@dataclass(frozen=True)
class _Facts:
    """What is remembered of each file. size: None where it states none. blank: no shape has an area.

    image: the path of the image as the file names it.
    """

    size: Shape | None
    blank: bool
    image: str


def read_shape_files(source: Path, dialect: Dialect) -> Incoming:
    """Open a folder of files, at any depth, or one of them. A labels.txt says the classes' order."""
    files = json_files(source, '"shapes"', dialect.tool)
    listed = text_of((source if source.is_dir() else source.parent) / LABELS).splitlines()
    names: dict[str, None] = dict.fromkeys(line.strip() for line in listed if line.strip())
    passed_over: Counter[str] = Counter()
    facts = {}
    for key, path in files.items():
        facts[key] = _survey(path, dialect, names, passed_over)

    def scene(key: str, shape: Shape | None) -> Scene:
        return _scene(files[key], dialect, shape)

    notes = tuple(
        f"{count} {kind} shapes have no area and are passed over." for kind, count in passed_over.items()
    )
    incoming = from_scenes(
        Legend.of(names),
        files,
        scene,
        lambda key: facts[key].blank,
        notes,
        lambda key: facts[key].size,
    )
    return replace(
        incoming,
        also=lambda key: facts[key].image,
        family=FAMILY,
        remainder=lambda key: _remainder(_load(files[key], dialect), dialect),
    )


def _survey(path: Path, dialect: Dialect, names: dict[str, None], passed_over: Counter[str]) -> _Facts:
    """The facts of one file; adds its labels and the kinds of its shapes without area to what is known."""
    value = _load(path, dialect)
    blank = True
    for shape in value["shapes"]:
        kind = _kind(path, dialect, shape)
        if kind in dialect.drawn:
            names.setdefault(str(shape["label"]))
            blank = False
        else:
            passed_over[kind] += 1
    try:
        size = size_of(value["imageHeight"], value["imageWidth"])
    except (KeyError, ValueError):
        size = None  # whoever wants to read it is told
    return _Facts(size, blank, _image_path(value))


def _scene(path: Path, dialect: Dialect, shape: Shape | None) -> Scene:
    """The regions of one file."""
    value = _load(path, dialect)

    def malformed(reason: str) -> StudioError:
        return unusable(path, dialect.tool, dialect.remedy)(f"a shape is malformed: {reason}")

    try:
        height, width = value.get("imageHeight"), value.get("imageWidth")
        # labelme 3 wrote no size; then it is that of the image.
        unknown = height is None and width is None and shape is not None
        size = shape if unknown and shape is not None else size_of(height, width)
        check_shape(str(path), size, shape)
        drawn = [item for item in value["shapes"] if _kind(path, dialect, item) in dialect.drawn]
        return Scene(size, tuple(_region(item, dialect) for item in drawn), malformed)
    except MALFORMED as error:
        raise malformed(str(error)) from error


def _load(path: Path, dialect: Dialect) -> Mapping[str, Any]:
    value = load_json(path, dialect.tool, dialect.remedy)
    if not isinstance(value.get("shapes"), list):
        raise unusable(path, dialect.tool, dialect.remedy)('it has no list of "shapes"')
    return value


def _kind(path: Path, dialect: Dialect, shape: Any) -> str:
    """The type of a shape; a file of labelme 3 may leave it out where it is a polygon."""
    broken = unusable(path, dialect.tool, dialect.remedy)
    if not isinstance(shape, dict) or not isinstance(shape.get("label"), str):
        raise broken("one of its shapes has no label")
    kind = shape.get("shape_type") or "polygon"
    if not isinstance(kind, str) or (kind not in dialect.drawn and kind not in dialect.without_area):
        raise broken(f"{kind!r} is no type of shape that is known here")
    return kind


def _region(item: Any, dialect: Dialect) -> Region:
    """A shape; those of one label and group_id are one object, as in labelme's shapes_to_label."""
    draw = dialect.drawn[item.get("shape_type") or "polygon"]
    group = item.get("group_id")
    instance = f"{item['label']} {group}" if isinstance(group, int | str) else ""
    return Region(str(item["label"]), lambda shape: draw(item, shape), instance)


def _image_path(value: Mapping[str, Any]) -> str:
    """The image as the file names it, with forward slashes; labelme on Windows wrote the other ones."""
    path = value.get("imagePath")
    return path.replace("\\", "/") if isinstance(path, str) else ""


def _remainder(value: Mapping[str, Any], dialect: Dialect) -> Mapping[str, Any] | None:
    """What a file says beside its masks; None where it is too large to be kept, or nothing."""
    agreed: dict[str, dict[str, Any]] = {}
    kept = []
    for shape in value["shapes"]:
        if (shape.get("shape_type") or "polygon") not in dialect.drawn:
            kept.append(shape)
            continue
        others = {key: told for key, told in shape.items() if key not in OF_SHAPE}
        before = agreed.get(shape["label"], others)
        agreed[shape["label"]] = {
            key: told for key, told in others.items() if key in before and before[key] == told
        }
    found = {
        "top": {key: told for key, told in value.items() if key not in OF_FILE},
        "image_path": _image_path(value),
        "embedded": isinstance(value.get("imageData"), str),
        "shapes": agreed,
        "kept": kept,
    }
    try:
        return found if len(json.dumps(found)) <= LARGEST_REMAINDER else None
    except RecursionError:
        return None


def image_name(path: str) -> str:
    """The last part of an imagePath."""
    return PurePosixPath(path).name
