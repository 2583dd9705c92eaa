"""Label Studio: a JSON list of tasks, masks as its brush's run lengths.

Specification: Label Studio's manual ("Label Studio JSON format of annotated tasks", "brush labels") and its
SDK's converter.brush, whose bytes are those of thi.ng's rle-pack. Written: one brush region a class and
image, and label_config.xml for a project that takes them. Read: brush, polygon, rectangle and ellipse
regions, the last of a task's results on top.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

import numpy as np

from unet_studio.core.errors import StudioError
from unet_studio.core.geometry import Rect
from unet_studio.core.storage import atomic_write
from unet_studio.formats.brush_runs import decode, encode
from unet_studio.formats.json_elements import items, read_element
from unet_studio.formats.json_files import text_of
from unet_studio.formats.matching import files_below, inside
from unet_studio.formats.regions import (
    MALFORMED,
    MAX_SIDE,
    Legend,
    Region,
    Scene,
    Stencil,
    check_names,
    from_scenes,
    names_to_write,
    split,
)
from unet_studio.formats.sample import Incoming, Outgoing, Shape, check_labels, check_shape, one_file
from unet_studio.formats.shapes import Points, box, draw_ellipse, draw_points, turned

FILE_NAME = "annotations.json"
CONFIG_NAME = "label_config.xml"
UPLOADED = re.compile(r"^[0-9a-f]{8}-")  # what Label Studio puts before the name of an uploaded file


# -- writing ----------------------------------------------------------------------------------------------


def write_label_studio(destination: Path, outgoing: Outgoing) -> Mapping[str, str]:
    """Write one JSON file of tasks, and the labelling interface beside it. Memory holds one sample."""
    check_names(outgoing.classes)
    path = one_file(destination, FILE_NAME)
    inside(path.parent, CONFIG_NAME).parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path.with_name(CONFIG_NAME)) as config:
        config.write(_config(outgoing).encode())
    with atomic_write(path) as stream:
        stream.write(b"[")
        for number, sample in enumerate(outgoing.samples(), 1):
            check_labels(sample, outgoing.classes)
            height, width = sample.labels.shape
            results = [
                {
                    "id": f"{number}-{place}",
                    "from_name": "tag",
                    "to_name": "image",
                    "type": "brushlabels",
                    "original_width": width,
                    "original_height": height,
                    "image_rotation": 0,
                    "value": {"format": "rle", "rle": encode(_whole(rect, part, (height, width))),
                              "brushlabels": [name]},
                }
                for place, (name, rect, part) in enumerate(split(sample.labels, outgoing.classes), 1)
            ]  # fmt: skip
            task = {"id": number, "data": {"image": sample.name}, "annotations": [{"result": results}]}
            stream.write(b"\n" if number == 1 else b",\n")
            stream.write(json.dumps(task, ensure_ascii=False).encode())
        stream.write(b"\n]\n")
    return dict.fromkeys(outgoing.names, path.name)


def _whole(rect: Rect, part: Stencil, shape: Shape) -> Stencil:
    stencil = np.zeros(shape, dtype=np.bool_)
    stencil[rect.slices] = part
    return stencil


def _config(outgoing: Outgoing) -> str:
    labels = "".join(
        f"    <Label value={quoteattr(name)} background={quoteattr(color)}/>\n"
        for name, color in names_to_write(outgoing.classes)
    )
    return (
        '<View>\n  <Image name="image" value="$image" zoom="true"/>\n'
        f'  <BrushLabels name="tag" toName="image">\n{labels}  </BrushLabels>\n</View>\n'
    )


# -- reading ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Task:
    """Where a task lies in the file, in bytes. size: of its image. blank: whether no region has an area."""

    start: int
    end: int
    size: Shape | None
    blank: bool


@dataclass
class _Index:
    """What one pass over a file finds, its regions aside. others: tasks with several annotations."""

    path: Path
    tasks: dict[str, _Task] = field(default_factory=dict)
    names: dict[str, None] = field(default_factory=dict)
    passed_over: Counter[str] = field(default_factory=Counter)
    others: int = 0

    def read(self) -> None:
        """Go through the file; memory holds one task at a time."""
        try:
            with self.path.open("rb") as stream:
                for element in items(stream):
                    self._add(element.value, element.start, element.end)
        except (OSError, RecursionError) as error:
            raise _broken(self.path, f"it can't be read: {error}") from error
        except ValueError as error:
            raise _broken(self.path, f"it is no list of tasks: {error}") from error
        if not self.tasks:
            raise _broken(self.path, "it holds no task")

    def _add(self, task: Any, start: int, end: int) -> None:
        try:
            key = _key(task)
            results, others, several = _results(task)
            self.names.update(dict.fromkeys(_label(result) for result in results))
            sizes = {_stated_size(result) for result in results}
        except (KeyError, TypeError, AttributeError, IndexError, ValueError, OverflowError) as error:
            raise _broken(self.path, f"a task is malformed: {error!r}") from error
        if key in self.tasks:
            raise _broken(self.path, f"two tasks are of {key}")
        # Several sizes, or an impossible one, are an error of that image alone, found when it is read.
        size = sizes.pop() if len(sizes) == 1 else None
        size = size if size and _possible(size) else None
        self.tasks[key] = _Task(start, end, size, not results)
        self.passed_over.update(others)
        self.others += several

    def notes(self) -> tuple[str, ...]:
        """What a person should know."""
        notes = [
            f"{count} {kind} results have no area and are passed over."
            for kind, count in self.passed_over.items()
        ]
        if self.others:
            notes.append(
                f"{self.others} tasks have several annotations; the first that was not skipped counts."
            )
        return tuple(notes)


def read_label_studio(source: Path) -> Incoming:
    """Open an exported JSON file, or the only one in a folder. A label_config.xml says the classes' order."""
    path = _find(source)
    colors = _configured(path.with_name(CONFIG_NAME))
    index = _Index(path, names=dict.fromkeys(colors))
    index.read()
    tasks = index.tasks

    def scene(key: str, shape: Shape | None) -> Scene:
        def malformed(reason: str) -> StudioError:
            return _broken(path, f"a region of {key} is malformed: {reason}")

        try:
            with path.open("rb") as stream:
                results, _, _ = _results(read_element(stream, tasks[key].start, tasks[key].end))
            size = _size(results, shape)
            check_shape(f"{key} in {path}", size, shape)
            return Scene(size, tuple(_region(result) for result in results), malformed)
        except (*MALFORMED, AttributeError) as error:
            raise malformed(str(error)) from error

    return from_scenes(
        Legend.of(index.names, colors),
        tasks,
        scene,
        lambda key: tasks[key].blank,
        index.notes(),
        lambda key: tasks[key].size,
    )


def _find(source: Path) -> Path:
    if source.is_dir() and inside(source, FILE_NAME).is_file():
        return source / FILE_NAME
    found = [source] if source.is_file() else files_below(source, "*.json")
    if len(found) != 1:
        raise StudioError(f"{source} should be or hold one JSON file.", "Name the file that was exported.")
    return found[0]


def _configured(path: Path) -> dict[str, str]:
    """The labels and colours of a labelling interface, in its order; none where there is no such file."""
    text = text_of(path)
    if not text or "<!DOCTYPE" in text:  # the interface never has one, and an XML bomb needs it
        return {}
    try:
        tags = ElementTree.fromstring(text).iter("Label")
        return {tag.attrib["value"]: tag.get("background", "") for tag in tags}
    except (ValueError, LookupError, ElementTree.ParseError):
        return {}


def _key(task: Any) -> str:
    """What the task's image is called. An uploaded file loses the eight characters put before its name."""
    data = task["data"]
    address = data.get("image") or next(iter(data.values()), None)
    if address is None:
        raise ValueError("its data names no image")
    parts = urlsplit(str(address))
    local = parse_qs(parts.query).get("d")
    name = unquote(local[0] if local else parts.path)
    if local or not ("upload" in name or parts.scheme):
        return name.lstrip("/")
    return UPLOADED.sub("", name.rsplit("/", 1)[-1])


def _results(task: Any) -> tuple[tuple[Any, ...], Counter[str], bool]:
    """The results that have an area, the others' types, and whether other annotations were passed over."""
    given = [entry for entry in task.get("annotations") or [] if not entry.get("was_cancelled")]
    given = given or list(task.get("predictions") or [])
    chosen = list(given[0].get("result") or []) if given else []
    drawn = tuple(result for result in chosen if result.get("type") in DRAWN)
    others = Counter(str(result.get("type")) for result in chosen if result.get("type") not in DRAWN)
    return drawn, others, len(given) > 1


def _label(result: Any) -> str:
    labels = result["value"].get(result["type"]) or []
    return str(labels[0]) if labels else ""


def _stated_size(result: Any) -> Shape:
    return int(result["original_height"]), int(result["original_width"])


def _possible(size: Shape) -> bool:
    return all(0 < side < MAX_SIDE for side in size)


def _size(results: tuple[Any, ...], wanted: Shape | None) -> Shape:
    sizes = {_stated_size(item) for item in results}
    if not sizes and wanted is not None:
        return wanted
    if len(sizes) != 1:
        raise ValueError("its results are of images of several sizes, or of none")
    (size,) = sizes
    if not _possible(size):
        raise ValueError("the image has an impossible size")
    return size


def _region(result: Any) -> Region:
    if result.get("image_rotation", 0) % 360:
        raise ValueError("the image was turned while it was labelled")
    draw = DRAWN[result["type"]]
    return Region(_label(result), lambda shape: draw(result["value"], shape))


def _brush(value: Any, shape: Shape) -> tuple[Rect, Stencil]:
    return Rect.of(shape), decode(bytes(value["rle"]), shape)


def _polygon(value: Any, shape: Shape) -> tuple[Rect, Stencil]:
    return draw_points(np.array([_px(x, y, shape) for x, y in value["points"]]), shape)


def _rectangle(value: Any, shape: Shape) -> tuple[Rect, Stencil]:
    """A box, turned around its upper left corner."""
    right, down = _px(value["width"], value["height"], shape)
    corners: Points = turned(box(0, 0, right, down), _radians(value))
    return draw_points(corners + _px(value["x"], value["y"], shape), shape)


def _ellipse(value: Any, shape: Shape) -> tuple[Rect, Stencil]:
    reach = _px(value["radiusX"], value["radiusY"], shape)
    return draw_ellipse(_px(value["x"], value["y"], shape), reach, _radians(value), shape)


def _px(x: Any, y: Any, shape: Shape) -> tuple[float, float]:
    """x and y, in percent of the image's width and height, in px."""
    return float(x) * shape[1] / 100, float(y) * shape[0] / 100


def _radians(value: Any) -> float:
    return math.radians(float(value.get("rotation", 0)))


# The results that have an area, by type; a value's labels go by the same name.
DRAWN: dict[str, Callable[[Any, Shape], tuple[Rect, Stencil]]] = {
    "brushlabels": _brush,
    "polygonlabels": _polygon,
    "rectanglelabels": _rectangle,
    "ellipselabels": _ellipse,
}


def _broken(path: Path, reason: str) -> StudioError:
    return StudioError(f"{path} is not a usable Label Studio file: {reason}.", "Export it again as JSON.")
