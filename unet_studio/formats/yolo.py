"""YOLO segmentation (Ultralytics): a text file for each image, polygons in parts of its width and height.

Specification: Ultralytics' manual, "Instance Segmentation Datasets Overview" (docs.ultralytics.com): a row is
`class x1 y1 x2 y2 ...`, in 0..1, at least three points; data.yaml names the classes and the folders of
images, where the last "images" of a path is "labels" for its text files (img2label_paths in its
ultralytics/data/utils.py). One row is one piece without holes, so every piece gets a row, and a hole hangs on
its outer ring by a cut of no width. The background is no class, and pixels that nobody labelled can't be
said: they come back as background.

Ultralytics draws with cv2.fillPoly on corners cut to whole numbers (polygon2mask in the same file), others
ask which pixel centres lie inside (pycocotools, this reader). Written rings lie a quarter of a pixel inside
of their piece, where both find the very mask, and where the rounding to float32 on the way does not matter.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from unet_studio.core.classes import ClassTable
from unet_studio.core.errors import StudioError
from unet_studio.core.geometry import Rect
from unet_studio.core.storage import atomic_write
from unet_studio.formats.json_files import text_of
from unet_studio.formats.matching import inside, mask_names, own_file
from unet_studio.formats.polygons import inset, keyhole, trace
from unet_studio.formats.regions import Legend, Region, Scene, Stencil, bounds, draw_ring, from_scenes
from unet_studio.formats.sample import Incoming, Labels, Outgoing, Shape, check_labels

YAML = "data.yaml"
YAMLS = (YAML, "data.yml", "dataset.yaml", "dataset.yml")
LABELS, IMAGES = "labels", "images"
DIGITS = 9  # behind the point: a 16,384th is told from the next to 1/60,000 of a px
PARTS = ("train", "val", "valid", "validation", "test")  # folders, as Ultralytics and Roboflow call them
NO_LABELS = frozenset({"classes", "labels", "train", "val", "valid", "test", "trainval"})  # stems of lists
LARGE = 1 << 20  # bytes of a data.yaml that is none


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
            ring = keyhole(inset(part)) / 4 + np.array((rect.left, rect.top))
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


@dataclass(frozen=True)
class _Set:
    """A data set. files: text files by what their images are called. images: where their images would lie."""

    files: Mapping[str, Path]
    images: Mapping[str, str]
    names: Mapping[int, str]
    named: bool


def read_yolo(source: Path) -> Incoming:
    """Open a data set, its data.yaml, one of its parts, or a folder of such text files itself.

    Text files lie in labels/<part>/, as Ultralytics has them, or in <part>/labels/, as Roboflow does, or
    where data.yaml says, as long as that is inside of the data set. A pixel belongs to a polygon where its
    centre lies inside; later rows lie on top. Rows of four numbers are boxes without a mask and are passed
    over.
    """
    found = _find(source)
    used, boxes = set(), 0
    blank = set()
    for key, path in found.files.items():
        rows = _parse(path)
        polygons = [row for row in rows if len(row[1]) > 4]
        boxes += len(rows) - len(polygons)
        used |= {number for number, _ in polygons}
        if rows and not polygons:
            blank.add(key)
    listed = {number: found.names.get(number, f"class {number}") for number in sorted({*found.names, *used})}
    notes = [f"{boxes} rows are boxes without a mask and are passed over."] if boxes else []
    if not found.named:
        notes.append(f"There is no {YAML} or classes.txt: the classes are called by their numbers.")

    def scene(key: str, shape: Shape | None) -> Scene:
        path = found.files[key]
        if shape is None:
            raise StudioError(f"{path} does not say its image's size.", "Read it beside its image.")
        rows = [row for row in _parse(path) if len(row[1]) > 4]
        regions = tuple(_region(listed[number], values) for number, values in rows)
        return Scene(shape, regions, lambda reason: _broken(path, reason))

    incoming = from_scenes(Legend.of(listed.values()), found.files, scene, blank.__contains__, tuple(notes))
    return replace(incoming, also=lambda key: found.images[key])


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


# -- folders ----------------------------------------------------------------------------------------------


def _find(source: Path) -> _Set:
    if source.is_file() and source.suffix.lower() in (".yaml", ".yml"):
        source = source.parent
    if not source.is_dir():
        raise StudioError(f"{source} is not a folder.", "Choose the folder that holds labels and data.yaml.")
    facts, path = _described(source)
    files, images = _text_files(source, _label_folders(source, facts))
    if not files:
        raise StudioError(f"{source} holds no text files of labels.", "Choose the folder that holds labels.")
    names = _listed_names(source) if path is None else _names(path, facts)
    return _Set(files, images, names, path is not None or bool(names))


def _described(source: Path) -> tuple[Any, Path | None]:
    """What a data.yaml says, and where it is: in the data set, or around the part of it that was chosen."""
    places = [source]
    while places[-1].name in (LABELS, *PARTS) and len(places) < 3:
        places.append(places[-1].parent)
    found = (own_file(place, name) for place in places for name in YAMLS)
    path = next((path for path in found if path is not None), None)
    return ({}, None) if path is None else (_load_yaml(path), path)


def _load_yaml(path: Path) -> Any:
    """A data.yaml. Its texts and numbers all come as text: nothing in it is made into something else."""
    import yaml

    try:
        if path.stat().st_size > LARGE:
            raise ValueError("it is far too long")
        # Not SafeLoader: that one copies what "<<" names, and a few lines of it can fill the memory.
        value = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
        if not isinstance(value, dict):
            raise ValueError("it has no names")
    except (OSError, ValueError, RecursionError, TypeError, yaml.YAMLError) as error:
        raise _broken(path, f"its names can't be read: {error}") from error
    if "kpt_shape" in value:
        raise _broken(path, "it describes poses, whose rows are no polygons")
    return value


def _names(path: Path, facts: Any) -> dict[int, str]:
    names = facts.get("names")
    pairs = (
        names.items() if isinstance(names, dict) else enumerate(names) if isinstance(names, list) else None
    )
    if pairs is None:
        raise _broken(path, "its names can't be read: they are no list")
    try:
        found = {int(number): name for number, name in pairs}
    except ValueError as error:
        raise _broken(path, f"its names can't be read: {error}") from error
    if not all(isinstance(name, str) for name in found.values()):
        raise _broken(path, "its names can't be read: one is no text")
    return found


def _listed_names(source: Path) -> dict[int, str]:
    """The classes in a classes.txt, as older tools write it; none where there is none."""
    for place in (source, source.parent, source / LABELS):
        if (place / "classes.txt").is_file():
            lines = text_of(place / "classes.txt").splitlines()
            return dict(enumerate(line.strip() for line in lines if line.strip()))
    return {}


def _label_folders(source: Path, facts: Any) -> list[Path]:
    """The folders of text files, in every layout that is known here; the source itself where none is."""
    usual = [source / LABELS, *(source / part / LABELS for part in PARTS)]
    said = [place for part in PARTS for place in _said(source, facts, facts.get(part))]
    folders = [place for place in dict.fromkeys((*usual, *said)) if place.is_dir()]
    return folders or [source]


def _said(source: Path, facts: Any, entry: Any) -> list[Path]:
    """Where the labels of a part lie by data.yaml; nothing that is outside of the data set."""
    places = []
    for text in entry if isinstance(entry, list) else [entry]:
        for base in (facts.get("path"), "."):
            if not isinstance(text, str) or not isinstance(base, str):
                continue
            # Roboflow writes ../train/images for what lies beside data.yaml, and Ultralytics takes it so.
            parts = list(PurePosixPath(base, re.sub(r"^(\.\./)+", "", text.replace("\\", "/"))).parts)
            if IMAGES in parts:
                parts[len(parts) - 1 - parts[::-1].index(IMAGES)] = LABELS
            place = source.joinpath(*parts)
            if place.resolve().is_relative_to(source.resolve()):
                places.append(place)
    return places


def _text_files(source: Path, folders: list[Path]) -> tuple[dict[str, Path], dict[str, str]]:
    """The text files by what their images are called, and where those images would lie, without suffix.

    The part of the data set is no part of a name, unless two images would share one.
    """
    by_name: dict[str, dict[Path, str]] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*.txt")):
            relative = path.relative_to(folder).as_posix().removesuffix(".txt")
            no_labels = relative in NO_LABELS or path.name.startswith((".", "README"))
            if no_labels or not inside(source, path.relative_to(source).as_posix()).is_file():
                continue
            part, slash, rest = relative.partition("/")
            name = rest if slash and part in PARTS else relative
            by_name.setdefault(name, {})[path] = _image_of(source, path)
    files, images = {}, {}
    for name, found in by_name.items():
        for path, image in found.items():
            key = name if len(found) == 1 else image
            files[key], images[key] = path, image
    return files, images


def _image_of(source: Path, path: Path) -> str:
    """Where the image of a text file would lie, without its suffix."""
    parts = list(path.relative_to(source).with_suffix("").parts)
    if LABELS in parts:
        parts[len(parts) - 1 - parts[::-1].index(LABELS)] = IMAGES
    return "/".join(parts)


# -- rows -------------------------------------------------------------------------------------------------


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
