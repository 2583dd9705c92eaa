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
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.errors import StudioError
from unet_studio.core.geometry import Rect
from unet_studio.core.storage import atomic_write
from unet_studio.formats.matching import inside
from unet_studio.formats.regions import (
    MALFORMED,
    MAX_SIDE,
    Legend,
    Region,
    Scene,
    Stencil,
    check_names,
    draw_ring,
    from_scenes,
    names_to_write,
    split,
)
from unet_studio.formats.sample import Incoming, Outgoing, Shape, check_labels, check_shape, one_file

FILE_NAME = "annotations.json"
CONFIG_NAME = "label_config.xml"
SIZES = (3, 4, 8, 16)  # bits that a block's length may take
CHANNELS = 4  # the brush stores RGBA; the mask is the alpha channel
HEADER_BITS = 32 + 5 + 4 * len(SIZES)
UPLOADED = re.compile(r"^[0-9a-f]{8}-")  # what Label Studio puts before the name of an uploaded file


# -- the brush's run lengths ------------------------------------------------------------------------------


def encode(stencil: NDArray[np.bool_]) -> list[int]:
    """The bytes, as whole numbers, of a stencil, bool (H, W)."""
    values = np.where(stencil.ravel(), 255, 0)
    starts = np.concatenate(([0], np.flatnonzero(np.diff(values)) + 1))
    lengths = np.diff(np.concatenate((starts, [values.size]))) * CHANNELS
    bits = [f"{values.size * CHANNELS:032b}{7:05b}", *(f"{size - 1:04b}" for size in SIZES)]
    for value, length in zip(values[starts].tolist(), lengths.tolist(), strict=True):
        for block in _blocks(length):
            number = next(place for place, size in enumerate(SIZES) if block <= 1 << size)
            bits.append(f"1{number:02b}{block - 1:0{SIZES[number]}b}{value:08b}")
    text = "".join(bits)
    text += "0" * (-len(text) % 8)
    return list(int(text, 2).to_bytes(len(text) // 8, "big"))


def _blocks(length: int) -> Iterator[int]:
    most = 1 << SIZES[-1]
    while length > 0:
        yield min(length, most)
        length -= most


def decode(data: bytes, shape: Shape) -> Stencil:
    """The stencil, bool (H, W): where the alpha channel is not 0. Raises ValueError where it is malformed."""
    bits = _Bits(data)
    count = shape[0] * shape[1] * CHANNELS
    if bits.take(32) != count:
        raise ValueError(f"its run lengths are not of {shape[1]} x {shape[0]} px")
    word = bits.take(5) + 1
    sizes = [bits.take(4) + 1 for _ in SIZES]
    if word != 8:
        raise ValueError(f"its values have {word} bit instead of 8")
    values: list[NDArray[np.uint8]] = []
    lengths: list[int] = []
    place = 0
    while place < count:
        run = bits.take(1)
        length = bits.take(sizes[bits.take(2)]) + 1
        place += length
        if place > count:
            raise ValueError("its run lengths reach beyond the image")
        if run:
            values.append(np.array([bits.take(8)], dtype=np.uint8))
            lengths.append(length)
        else:
            literal = bits.bytes(length)
            values.append(literal)
            lengths.extend([1] * length)
    flat = np.repeat(np.concatenate(values) if values else np.empty(0, np.uint8), lengths)
    return np.asarray(flat.reshape(*shape, CHANNELS)[..., CHANNELS - 1] != 0)


class _Bits:
    """Reads whole numbers of a few bits, the most significant bit first."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def take(self, count: int) -> int:
        first, self._place = self._place, self._place + count
        self._check()
        window = self._data[first >> 3 : (self._place + 7) >> 3]
        return int.from_bytes(window, "big") >> (-self._place & 7) & ((1 << count) - 1)

    def bytes(self, count: int) -> NDArray[np.uint8]:
        first, self._place = self._place, self._place + 8 * count
        self._check()
        window = np.frombuffer(self._data[first >> 3 : (self._place + 7) >> 3], dtype=np.uint8)
        return np.packbits(np.unpackbits(window)[first & 7 :][: 8 * count])

    def _check(self) -> None:
        if self._place > 8 * len(self._data):
            raise ValueError("its run lengths end early")


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
    """One task: its regions' results, in their order."""

    results: tuple[Any, ...]


def read_label_studio(source: Path) -> Incoming:
    """Open an exported JSON file, or the only one in a folder. A label_config.xml says the classes' order."""
    path = _find(source)
    tasks: dict[str, _Task] = {}
    colors = _configured(path.with_name(CONFIG_NAME))
    names: dict[str, None] = dict.fromkeys(colors)
    passed_over: Counter[str] = Counter()
    others = 0
    for task in _load(path):
        try:
            key = _key(task)
            chosen, several = _answers(task)
            results = tuple(result for result in chosen if result.get("type") in DRAWN)
            passed_over.update(
                str(result.get("type")) for result in chosen if result.get("type") not in DRAWN
            )
            names.update(dict.fromkeys(_label(result) for result in results))
        except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
            raise _broken(path, f"a task is malformed: {error!r}") from error
        if key in tasks:
            raise _broken(path, f"two tasks are of {key}")
        tasks[key] = _Task(results)
        others += several
    if not tasks:
        raise _broken(path, "it holds no task")
    legend = Legend.of(names, colors)
    notes = [
        f"{count} {kind} results have no area and are passed over." for kind, count in passed_over.items()
    ]
    if others:
        notes.append(f"{others} tasks have several annotations; the first that was not skipped counts.")

    def scene(key: str, shape: Shape | None) -> Scene:
        results = tasks[key].results

        def malformed(reason: str) -> StudioError:
            return _broken(path, f"a region of {key} is malformed: {reason}")

        try:
            size = _size(results, shape)
            check_shape(f"{key} in {path}", size, shape)
            return Scene(size, tuple(_region(result) for result in results), malformed)
        except MALFORMED as error:
            raise malformed(str(error)) from error

    return from_scenes(legend, tasks, scene, lambda key: not tasks[key].results, tuple(notes))


def _find(source: Path) -> Path:
    if (source / FILE_NAME).is_file():
        return source / FILE_NAME
    found = [source] if source.is_file() else sorted(source.glob("*.json")) if source.is_dir() else []
    if len(found) != 1:
        raise StudioError(f"{source} should be or hold one JSON file.", "Name the file that was exported.")
    return found[0]


def _configured(path: Path) -> dict[str, str]:
    """The labels and colours of a labelling interface, in its order; none where there is no such file."""
    try:
        text = path.read_text(encoding="utf-8")
        if "<!DOCTYPE" in text:  # the interface never has one, and an XML bomb needs it
            return {}
        tags = ElementTree.fromstring(text).iter("Label")
        return {tag.attrib["value"]: tag.get("background", "") for tag in tags}
    except (OSError, ValueError, KeyError, ElementTree.ParseError):
        return {}


def _load(path: Path) -> list[Any]:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise _broken(path, f"it can't be read: {error}") from error
    if not isinstance(value, list):
        raise _broken(path, "it is no list of tasks")
    return value


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


def _answers(task: Any) -> tuple[list[Any], bool]:
    """The results that count, and whether others were passed over for them."""
    given = [entry for entry in task.get("annotations") or [] if not entry.get("was_cancelled")]
    given = given or list(task.get("predictions") or [])
    return (list(given[0].get("result") or []) if given else []), len(given) > 1


def _label(result: Any) -> str:
    labels = result["value"].get(result["type"]) or []
    return str(labels[0]) if labels else ""


def _size(results: tuple[Any, ...], wanted: Shape | None) -> Shape:
    sizes = {(int(item["original_height"]), int(item["original_width"])) for item in results}
    if not sizes and wanted is not None:
        return wanted
    if len(sizes) != 1:
        raise ValueError("its results are of images of several sizes, or of none")
    (size,) = sizes
    if not all(0 < side < MAX_SIDE for side in size):
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
    height, width = shape
    return draw_ring([(float(x) * width / 100, float(y) * height / 100) for x, y in value["points"]], shape)


def _rectangle(value: Any, shape: Shape) -> tuple[Rect, Stencil]:
    height, width = shape
    x, y = float(value["x"]) * width / 100, float(value["y"]) * height / 100
    right, down = float(value["width"]) * width / 100, float(value["height"]) * height / 100
    corners = [(0.0, 0.0), (right, 0.0), (right, down), (0.0, down)]
    return draw_ring(_turned(corners, float(value.get("rotation", 0)), (x, y)), shape)


def _ellipse(value: Any, shape: Shape) -> tuple[Rect, Stencil]:
    height, width = shape
    centre = float(value["x"]) * width / 100, float(value["y"]) * height / 100
    right, down = float(value["radiusX"]) * width / 100, float(value["radiusY"]) * height / 100
    if not (math.isfinite(right + down) and max(abs(right), abs(down)) <= 4 * max(shape)):
        raise ValueError("an ellipse is far larger than its image")
    angles = np.linspace(0, 2 * math.pi, max(16, round(4 * max(right, down))), endpoint=False)
    rim = [(right * math.cos(angle), down * math.sin(angle)) for angle in angles]
    return draw_ring(_turned(rim, float(value.get("rotation", 0)), centre), shape)


def _turned(
    points: list[tuple[float, float]], degrees: float, origin: tuple[float, float]
) -> list[tuple[float, float]]:
    """Turned clockwise on the screen around their own (0, 0), which then lies at origin."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return [(origin[0] + x * cosine - y * sine, origin[1] + x * sine + y * cosine) for x, y in points]


# The results that have an area, by type; a value's labels go by the same name.
DRAWN: dict[str, Callable[[Any, Shape], tuple[Rect, Stencil]]] = {
    "brushlabels": _brush,
    "polygonlabels": _polygon,
    "rectanglelabels": _rectangle,
    "ellipselabels": _ellipse,
}


def _broken(path: Path, reason: str) -> StudioError:
    return StudioError(f"{path} is not a usable Label Studio file: {reason}.", "Export it again as JSON.")
