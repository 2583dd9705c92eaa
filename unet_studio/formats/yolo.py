"""YOLO segmentation (Ultralytics): a text file for each image, polygons in parts of its width and height.

Specification: Ultralytics' manual, "Instance Segmentation Datasets Overview" (docs.ultralytics.com): a row is
`class x1 y1 x2 y2 ...`, in 0..1, at least three points; data.yaml names the classes. One row is one piece
without holes, so every piece gets a row, and a hole hangs on its outer ring by a cut of no width. The
background is no class, and pixels that nobody labelled can't be said: they come back as background.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from unet_studio.core.classes import ClassTable
from unet_studio.core.errors import StudioError
from unet_studio.core.geometry import Rect
from unet_studio.core.storage import atomic_write
from unet_studio.formats.matching import inside, mask_names
from unet_studio.formats.polygons import keyhole, trace
from unet_studio.formats.regions import Legend, Region, Scene, Stencil, bounds, draw_ring, from_scenes
from unet_studio.formats.sample import Incoming, Labels, Outgoing, Shape, check_labels

YAML = "data.yaml"
DIGITS = 9  # behind the point: a 16,384th is told from the next to 1/60,000 of a px
PARTS = {"train": "train", "val": "val", "test": "test"}


def write_yolo(folder: Path, outgoing: Outgoing) -> Mapping[str, str]:
    """Write labels/<split>/<stem>.txt and data.yaml; images without a place in the split go to train."""
    table = outgoing.classes
    numbers = {index: number for number, index in enumerate(table.foreground)}
    files = {
        name: f"labels/{outgoing.split.get(name, 'train')}/{path.removesuffix('.png')}.txt"
        for name, path in mask_names(outgoing.names).items()
    }
    for sample in outgoing.samples():
        check_labels(sample, table)
        with atomic_write(inside(folder, files[sample.name])) as stream:
            stream.write("".join(_rows(sample.labels, numbers)).encode())
    with atomic_write(inside(folder, YAML)) as stream:
        stream.write(_yaml(table, sorted({path.split("/")[1] for path in files.values()})).encode())
    return files


def _rows(labels: Labels, numbers: Mapping[int, int]) -> list[str]:
    height, width = labels.shape
    rows = []
    present = np.flatnonzero(np.bincount(labels.ravel(), minlength=256))
    for index, number in numbers.items():
        if index not in present:
            continue
        stencil = labels == index
        rect = bounds(stencil)
        for part in trace(stencil[rect.slices]):
            ring = keyhole(part) + np.array((rect.left, rect.top))
            scaled = (ring / (width, height)).ravel().tolist()
            rows.append(f"{number} {' '.join(f'{value:.{DIGITS}f}' for value in scaled)}\n")
    return rows


def _yaml(table: ClassTable, parts: list[str]) -> str:
    """data.yaml, where strings are written as JSON writes them, which YAML reads alike."""
    names = [
        f"  {number}: {json.dumps(table.get(index).name)}" for number, index in enumerate(table.foreground)
    ]
    places = [f"{part}: images/{part}" for part in dict.fromkeys(["train", "val", *parts])]
    return "\n".join(["path: .", *places, "names:", *names]) + "\n"


def read_yolo(source: Path) -> Incoming:
    """Open a folder with labels/ and data.yaml (or classes.txt), or a folder of such text files itself.

    A pixel belongs to a polygon where its centre lies inside; later rows lie on top. Rows of four numbers
    are boxes without a mask and are passed over.
    """
    root, files = _find(source)
    names = _names(root)
    used, boxes = set(), 0
    blank = set()
    for key, path in files.items():
        rows = _parse(path)
        polygons = [row for row in rows if len(row[1]) > 4]
        boxes += len(rows) - len(polygons)
        used |= {number for number, _ in polygons}
        if rows and not polygons:
            blank.add(key)
    listed = {number: names.get(number, f"class {number}") for number in sorted({*names, *used})}
    legend = Legend.of(listed.values())
    notes = (f"{boxes} rows are boxes without a mask and are passed over.",) if boxes else ()

    def scene(key: str, shape: Shape | None) -> Scene:
        if shape is None:
            raise StudioError(f"{files[key]} does not say its image's size.", "Read it beside its image.")
        rows = [row for row in _parse(files[key]) if len(row[1]) > 4]
        regions = tuple(_region(listed[number], values) for number, values in rows)
        return Scene(shape, regions, lambda reason: _broken(files[key], reason))

    return from_scenes(legend, files, scene, blank.__contains__, notes)


def _region(name: str, values: list[float]) -> Region:
    def draw(shape: Shape) -> tuple[Rect, Stencil]:
        height, width = shape
        points = [(x * width, y * height) for x, y in zip(values[::2], values[1::2], strict=True)]
        return draw_ring([_on_edge(point) for point in points], shape)

    return Region(name, draw)


def _on_edge(point: tuple[float, float]) -> tuple[float, float]:
    """A point that rounding moved a little off a pixel's corner, back on it."""
    whole = round(point[0]), round(point[1])
    near = max(abs(point[0] - whole[0]), abs(point[1] - whole[1])) < 1e-3
    return (float(whole[0]), float(whole[1])) if near else point


def _find(source: Path) -> tuple[Path, dict[str, Path]]:
    """The data set's root, and its text files by what their images are called."""
    if not source.is_dir():
        raise StudioError(f"{source} is not a folder.", "Choose the folder that holds labels and data.yaml.")
    root = source.parent if source.name == "labels" and (source.parent / YAML).is_file() else source
    labels = root / "labels" if (root / "labels").is_dir() else source
    files = {}
    for path in sorted(labels.rglob("*.txt")):
        relative = path.relative_to(labels).as_posix().removesuffix(".txt")
        if (
            path.is_file()
            and relative not in ("classes", "train", "val", "test")
            and not path.name.startswith(".")
        ):
            part, slash, rest = relative.partition("/")
            files[rest if slash and part in PARTS else relative] = path
    if not files:
        raise StudioError(f"{labels} holds no text files of labels.", "Choose the folder that holds labels.")
    return root, files


def _names(root: Path) -> dict[int, str]:
    """The classes by number, from data.yaml or classes.txt; none where neither is there."""
    if (root / YAML).is_file():
        return _yaml_names(root / YAML)
    for place in (root / "classes.txt", root.parent / "classes.txt", root / "labels" / "classes.txt"):
        if place.is_file():
            lines = place.read_text(encoding="utf-8", errors="replace").splitlines()
            return dict(enumerate(line.strip() for line in lines if line.strip()))
    return {}


def _yaml_names(path: Path) -> dict[int, str]:
    import yaml

    try:
        names = yaml.safe_load(path.read_text(encoding="utf-8"))["names"]
        pairs = names.items() if isinstance(names, dict) else enumerate(names)
        return {int(number): str(name) for number, name in pairs}
    except (
        OSError,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        RecursionError,
        yaml.YAMLError,
    ) as error:
        raise _broken(path, f"its names can't be read: {error}") from error


def _parse(path: Path) -> list[tuple[int, list[float]]]:
    """The rows: class number, coordinates."""
    rows = []
    try:
        text = path.read_text(encoding="ascii")
        for line in text.splitlines():
            words = line.split()
            if not words:
                continue
            if not re.fullmatch(r"\d{1,6}", words[0]):
                raise ValueError(f"{words[0]!r} is no class number")
            values = [float(word) for word in words[1:]]
            if len(values) < 4 or len(values) % 2:
                raise ValueError(f"a row has {len(values)} coordinates")
            if not all(-0.01 <= value <= 1.01 for value in values):
                raise ValueError("a coordinate is not between 0 and 1")
            rows.append((int(words[0]), values))
    except (OSError, ValueError) as error:
        raise _broken(path, str(error)) from error
    return rows


def _broken(path: Path, reason: str) -> StudioError:
    return StudioError(f"{path} is not a usable YOLO label file: {reason}.", "Export it again.")
