"""CVAT for images 1.1: one XML file, masks as run lengths, row by row inside their rectangle.

Specification: CVAT's manual, "CVAT for images 1.1" (docs.cvat.ai, XML annotation format). Written: a mask for
each class and image, so holes and parts survive. Read: masks, polygons, boxes and ellipses, laid one over the
other by z_order, then by their place in the file; points, polylines and tags have no pixels.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from unet_studio.core.errors import StudioError
from unet_studio.core.geometry import Rect
from unet_studio.core.storage import atomic_write
from unet_studio.formats import run_lengths
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
from unet_studio.formats.shapes import box, draw_ellipse, draw_points, turned

FILE_NAME = "annotations.xml"  # in a destination that is a folder, as in CVAT's own zip files
FAR = 1e12  # px; a number beyond is broken, and would overflow where it is squared
BLOCK = 1 << 20  # bytes parsed at a time
WITHOUT_PIXELS = ("points", "polyline", "tag", "skeleton", "cuboid")


def write_cvat(destination: Path, outgoing: Outgoing) -> Mapping[str, str]:
    """Write one XML file. Memory holds one sample at a time."""
    check_names(outgoing.classes)
    path = one_file(destination, FILE_NAME)
    with atomic_write(path) as stream:
        stream.write(_head(outgoing).encode())
        for number, sample in enumerate(outgoing.samples()):
            check_labels(sample, outgoing.classes)
            height, width = sample.labels.shape
            name = quoteattr(sample.name)
            stream.write(f'  <image id="{number}" name={name} width="{width}" height="{height}">\n'.encode())
            for label, rect, stencil in split(sample.labels, outgoing.classes):
                runs = ", ".join(map(str, run_lengths.encode(stencil)))
                stream.write(
                    f'    <mask label={quoteattr(label)} source="manual" occluded="0" rle="{runs}" '
                    f'left="{rect.left}" top="{rect.top}" width="{rect.width}" height="{rect.height}" '
                    f'z_order="0"></mask>\n'.encode()
                )
            stream.write(b"  </image>\n")
        stream.write(b"</annotations>\n")
    return dict.fromkeys(outgoing.names, path.name)


def _head(outgoing: Outgoing) -> str:
    labels = "".join(
        f"        <label><name>{escape(name)}</name><color>{color}</color><type>mask</type>"
        "<attributes></attributes></label>\n"
        for name, color in names_to_write(outgoing.classes)
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n  <meta>\n'
        f"    <task>\n      <name>{escape(outgoing.title)}</name>\n      <size>{len(outgoing.names)}</size>\n"
        f"      <mode>annotation</mode>\n      <labels>\n{labels}      </labels>\n    </task>\n  </meta>\n"
    )


@dataclass
class _Image:
    """Where an <image> element lies in the file, in bytes. regions: how many of its elements have pixels."""

    name: str
    subset: str
    shape: Shape
    start: int
    end: int = 0
    regions: int = 0


@dataclass
class _Index:
    """What one pass over the file finds: the labels in their order with their colours, and the images."""

    path: Path
    labels: dict[str, str] = field(default_factory=dict)
    images: list[_Image] = field(default_factory=list)
    passed_over: dict[str, int] = field(default_factory=dict)

    def read(self, stream: Any) -> None:
        """Parse a binary stream without keeping it."""
        parser = expat.ParserCreate()
        walker = _Walker(self, parser)
        parser.StartElementHandler = walker.start
        parser.EndElementHandler = walker.end
        parser.CharacterDataHandler = walker.text
        # Entities are declared in a document type, which CVAT never writes and an XML bomb needs.
        parser.StartDoctypeDeclHandler = self._refuse
        parser.XmlDeclHandler = walker.declaration
        try:
            while block := stream.read(BLOCK):
                parser.Parse(block, False)
            parser.Parse(b"", True)
        except (expat.ExpatError, ValueError, LookupError, OverflowError, OSError) as error:
            raise broken(self.path, str(error) or repr(error)) from error

    def by_key(self) -> dict[str, _Image]:
        """The images by name; where a project's subsets share names, by subset and name."""
        names = {image.name for image in self.images}
        unique = len(names) == len(self.images)
        found = {image.name if unique else f"{image.subset}/{image.name}": image for image in self.images}
        if len(found) < len(self.images):
            raise broken(self.path, "two of its images share a name")
        return found

    def _refuse(self, *_: object) -> None:
        raise broken(self.path, "it declares a document type, which no such file has")


class _Walker:
    """The events of one pass."""

    def __init__(self, index: _Index, parser: Any) -> None:
        self._index = index
        self._parser = parser
        self._image: _Image | None = None
        self._path: list[str] = []
        self._text = ""
        self._label = self._color = self._type = ""

    def declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        # Images are parsed again alone, where nothing declares an encoding.
        if encoding is not None and encoding.lower() not in ("utf-8", "us-ascii"):
            raise ValueError(f"its encoding is {encoding}, where CVAT writes UTF-8")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._path.append(name)
        self._text = ""
        index = self._index
        if name == "image" and self._path[:-1] == ["annotations"]:
            shape = int(attributes["height"]), int(attributes["width"])
            if not all(0 < side < MAX_SIDE for side in shape):
                raise ValueError(f"{attributes['name']} has an impossible size")
            place = self._parser.CurrentByteIndex
            self._image = _Image(attributes["name"], attributes.get("subset", ""), shape, place)
            index.images.append(self._image)
        elif self._image is not None and self._path[:-1] == ["annotations", "image"]:
            if name in DRAWN:
                self._image.regions += 1
                index.labels.setdefault(attributes.get("label", ""), "")
            else:
                index.passed_over[name] = index.passed_over.get(name, 0) + 1
        elif name in ("track", "box") and self._path[:-1] == ["annotations"]:
            raise ValueError('it is "CVAT for video"; export the task as "CVAT for images"')

    def text(self, text: str) -> None:
        self._text += text

    def end(self, name: str) -> None:
        if name == "image" and self._image is not None and len(self._path) == 2:
            self._image.end = self._parser.CurrentByteIndex
            self._image = None
        elif self._path[-3:-1] == ["labels", "label"] and name == "name":
            self._label = self._text
        elif self._path[-3:-1] == ["labels", "label"] and name == "color":
            self._color = self._text.strip().lower()
        elif self._path[-3:-1] == ["labels", "label"] and name == "type":
            self._type = self._text.strip()
        elif self._path[-2:-1] == ["labels"] and name == "label":
            if self._type not in WITHOUT_PIXELS:
                self._index.labels.setdefault(self._label, self._color)
            self._label = self._color = self._type = ""
        self._path.pop()


def read_cvat(source: Path) -> Incoming:
    """Open an annotations.xml, or the folder that holds one."""
    path = _find(source)
    index = _Index(path)
    with path.open("rb") as stream:
        index.read(stream)
    if not index.images:
        raise broken(path, "it lists no image")
    images = index.by_key()
    legend = Legend.of(sorted(index.labels, key=lambda name: not name), index.labels)
    notes = tuple(
        f"{count} {name} elements have no area and are passed over."
        for name, count in index.passed_over.items()
        if name in WITHOUT_PIXELS
    )

    def scene(key: str, shape: Shape | None) -> Scene:
        found = images[key]
        check_shape(f"{key} in {path}", found.shape, shape)

        def malformed(reason: str) -> StudioError:
            return broken(path, f"the regions of {key} are malformed: {reason}")

        try:
            return Scene(found.shape, tuple(_regions(path, found)), malformed)
        except MALFORMED as error:
            raise malformed(str(error)) from error

    return from_scenes(
        legend, images, scene, lambda key: not images[key].regions, notes, lambda key: images[key].shape
    )


def _find(source: Path) -> Path:
    if source.is_file():
        return source
    path = inside(source, FILE_NAME)
    if not path.is_file():
        found = files_below(source, "*.xml")
        if len(found) != 1:
            raise StudioError(f"There is no {path}.", "Name the XML or zip file that CVAT exported.")
        path = found[0]
    return path


def _regions(path: Path, image: _Image) -> list[Region]:
    with path.open("rb") as stream:
        stream.seek(image.start)
        element = ElementTree.fromstring(stream.read(image.end - image.start) + b"</image>")
    drawn = [child for child in element if child.tag in DRAWN]
    drawn.sort(key=lambda child: int(child.get("z_order", "0")))  # stable: then by place in the file
    return [_region(child) for child in drawn]


def _region(element: ElementTree.Element) -> Region:
    draw = DRAWN[element.tag]
    return Region(element.get("label", ""), lambda shape: draw(element, shape))


def _mask(element: ElementTree.Element, shape: Shape) -> tuple[Rect, Stencil]:
    top, left = int(element.attrib["top"]), int(element.attrib["left"])
    height, width = int(element.attrib["height"]), int(element.attrib["width"])
    rect = Rect(top, left, top + height, left + width)
    if not (0 < height <= shape[0] and 0 < width <= shape[1]) or rect.clip(shape) != rect:
        raise ValueError(f"a mask of {width} x {height} px at {left}, {top} does not fit the image")
    text = element.attrib["rle"].replace(",", " ").split()
    runs = np.array(text, dtype=np.float64)
    if not (np.abs(runs) < FAR).all() or (runs != np.rint(runs)).any():
        raise ValueError("its run lengths are not all whole numbers")
    return rect, run_lengths.decode(runs.astype(np.int64), height, width)


def _polygon(element: ElementTree.Element, shape: Shape) -> tuple[Rect, Stencil]:
    pairs = [point.split(",") for point in element.attrib["points"].split(";")]
    return draw_points(np.array([(float(x), float(y)) for x, y in pairs]), shape)


def _box(element: ElementTree.Element, shape: Shape) -> tuple[Rect, Stencil]:
    """A box, turned around its middle."""
    left, top, right, bottom = (_number(element, key) for key in ("xtl", "ytl", "xbr", "ybr"))
    middle = ((left + right) / 2, (top + bottom) / 2)
    return draw_points(turned(box(left, top, right, bottom) - middle, _radians(element)) + middle, shape)


def _ellipse(element: ElementTree.Element, shape: Shape) -> tuple[Rect, Stencil]:
    centre = _number(element, "cx"), _number(element, "cy")
    reach = _number(element, "rx"), _number(element, "ry")
    return draw_ellipse(centre, reach, _radians(element), shape)


def _radians(element: ElementTree.Element) -> float:
    """How far a shape is turned, clockwise on the screen."""
    return math.radians(_number(element, "rotation", "0"))


def _number(element: ElementTree.Element, key: str, missing: str = "") -> float:
    value = float(element.get(key, missing))
    if not abs(value) < FAR:
        raise ValueError(f"{key} is {value}")
    return value


# The elements that have pixels.
DRAWN: dict[str, Callable[[ElementTree.Element, Shape], tuple[Rect, Stencil]]] = {
    "mask": _mask,
    "polygon": _polygon,
    "box": _box,
    "ellipse": _ellipse,
}


def broken(path: Path, reason: str) -> StudioError:
    """The error of a file that can't be used."""
    return StudioError(f"{path} is not a usable CVAT file: {reason}.", "Export it again, or mend that entry.")
