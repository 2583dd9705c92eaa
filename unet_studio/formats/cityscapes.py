"""Cityscapes: gtFine/<split>/<city>/<stem>_gtFine_{labelIds,instanceIds,color,labelTrainIds}.png.

Layout: README.md of cityscapesScripts; the numbers in instanceIds: its preparation/json2instanceImg.py (a
label's id times 1000 plus the object's number, or the id alone where objects are not told apart). The
label_colors.txt, "r g b name" a line in the order of the ids, is CVAT's and datumaro's for labels other than
Cityscapes' own 34. datumaro (plugins/data_formats/cityscapes.py) takes train ids for the same numbers and
whatever is black for number 0, so here it is so; 255 is left out.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from unet_studio.core.classes import UNLABELLED, ClassTable, PixelClass, rgb
from unet_studio.core.errors import StudioError
from unet_studio.core.geometry import Rect
from unet_studio.core.storage import atomic_write, encodable
from unet_studio.formats.color_tables import BLACK, LABEL_COLORS, VOID_NAMES, Named, as_hex, lines_of_colors
from unet_studio.formats.found_values import Meaning
from unet_studio.formats.index_masks import numbers_of
from unet_studio.formats.known_palettes import CITYSCAPES, CITYSCAPES_VOID, IGNORED_ID, Color
from unet_studio.formats.mask_pictures import Values, header_size, image_named_in, walk_pictures
from unet_studio.formats.matching import inside, mask_names
from unet_studio.formats.object_numbers import number_objects, rectangles
from unet_studio.formats.regions import BACKGROUND_NAMES, UNLABELLED_NAME, Legend, Region, Scene, Stencil
from unet_studio.formats.sample import Incoming, Labels, Outgoing, Shape, check_labels, check_shape
from unet_studio.formats.voc_names import voc_palette

GROUND_TRUTH, IMAGES, TAG = "gtFine", "leftImg8bit", "_leftImg8bit"
VOID = "unlabeled"  # as Cityscapes spells it; its id is 0
PER_CLASS = 1000  # numbers of objects that an id has
COMPRESSION = 6  # zlib level
KINDS = ("labelIds", "instanceIds", "labelTrainIds")  # of which the first that is there says the classes
_NO_CITY = "_"  # the city of images that lie in no folder
_OURS = re.compile(r"(.+)_gt(?:Fine|Coarse)_(labelIds|instanceIds|labelTrainIds)\.png")
_THEIRS = re.compile(rf"(?:.*/)?{IMAGES}/([^/]+)/([^/]+)/([^/]+){TAG}")


def write_cityscapes(folder: Path, outgoing: Outgoing) -> Mapping[str, str]:
    """Write the four pictures of every sample, and label_colors.txt.

    0 is the background, the classes follow in their order, then unlabelled; without a background that is 0.
    Connected pieces of all classes but the background are objects; where a class has over 1000, or its id is
    above 64, which 16 bit can't hold, they are not told apart. Images that have no part in the split count as
    for training.
    """
    table = outgoing.classes
    _check_names(table)
    places = _places(outgoing)
    lines = _lines(table)
    ids = np.zeros(256, dtype=np.uint8)
    ids[[line.index for line in lines]] = range(len(lines))
    palette = np.array([line.color for line in lines], dtype=np.uint8)
    void = ids[UNLABELLED]
    text = "".join("{} {} {} {}\n".format(*line.color, line.name) for line in lines)
    with atomic_write(folder / LABEL_COLORS) as stream:
        stream.write(text.encode())
    for sample in outgoing.samples():
        check_labels(sample, outgoing.classes)
        numbers = ids[sample.labels]
        pictures = {
            "labelIds": numbers,
            "labelTrainIds": np.where(numbers == void, np.uint8(IGNORED_ID), numbers),
            "instanceIds": _instances(numbers, {0, int(void)}),
            "color": palette[numbers],
        }
        for kind, pixels in pictures.items():
            _save(inside(folder, f"{places[sample.name]}_{kind}.png"), pixels, sample.name)
    return {name: f"{place}_labelIds.png" for name, place in places.items()}


@dataclass(frozen=True)
class _Line:
    """A line of label_colors.txt. index: of the class, or 255."""

    name: str
    color: Color
    index: int


def _lines(table: ClassTable) -> list[_Line]:
    """The labels in the order of their ids, each of a colour of its own, black the first alone."""
    void = _Line(VOID, BLACK, UNLABELLED)
    first = void
    if table.background is not None:
        first = _Line(table.get(table.background).name, BLACK, table.background)
    others = [entry for entry in table.active if entry.index != table.background]
    spare = iter([tuple(color) for color in voc_palette()[::-1].tolist()])
    taken = {BLACK} | {rgb(entry.color) for entry in others}
    used = {BLACK}

    def own(color: Color) -> Color:
        if color in used:
            color = next(one for one in spare if one not in taken)
        used.add(color)
        return color

    lines = [first, *(_Line(entry.name, own(rgb(entry.color)), entry.index) for entry in others)]
    return lines if first is void else [*lines, replace(void, color=own(BLACK))]


def image_place(image: str, labels: str) -> str:
    """For Format.image_file: where the image of a file of labels lies."""
    del image
    return labels.replace(GROUND_TRUTH, IMAGES, 1).removesuffix(f"_{GROUND_TRUTH}_labelIds.png") + TAG


def _check_names(table: ClassTable) -> None:
    """Raise StudioError where label_colors.txt can't hold the classes."""
    if len(table.active) >= UNLABELLED:
        raise StudioError("Cityscapes' 8-bit ids hold 254 classes.", "Choose another format.")
    for entry in table.active:
        name = entry.name
        if name.strip().casefold() in VOID_NAMES:
            raise StudioError(f"A class is called {name!r}, which means no class here.", "Rename that class.")


def _places(outgoing: Outgoing) -> dict[str, str]:
    """Image -> the beginning of its files: gtFine/<split>/<city>/<stem>_gtFine, the city being its folder.

    "_leftImg8bit" at the end of an image's name is no part of the stem, nor is Cityscapes' own layout part of
    the city. Slashes between folders and "%" are written as in an address, so that nothing gets mixed up.
    """
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name, path in mask_names(outgoing.names).items():
        whole = PurePosixPath(path.removesuffix(".png"))
        theirs = _THEIRS.fullmatch(str(whole))
        split = outgoing.split.get(name, theirs[1] if theirs else "train")
        if theirs:
            city, stem = theirs[2], theirs[3]
        else:
            city = "" if whole.parent == PurePosixPath() else str(whole.parent)
            stem = whole.name.removesuffix(TAG) or whole.name
        for candidate in (stem, whole.name, str(whole)):
            place = f"{GROUND_TRUTH}/{split}/{_as_city(city)}/{_coded(candidate)}_{GROUND_TRUTH}"
            if place.casefold() not in taken:
                break
        taken.add(place.casefold())
        found[name] = place
    return found


def _coded(text: str) -> str:
    return text.replace("%", "%25").replace("/", "%2F")


def _decoded(text: str) -> str:
    return text.replace("%2F", "/").replace("%25", "%")


def _as_city(folder: str) -> str:
    """The folder of an image as the name of a city."""
    return _NO_CITY if not folder else "%5F" if folder == _NO_CITY else _coded(folder)


def _folder_of(city: str) -> str:
    """The inverse of _as_city."""
    return "" if city == _NO_CITY else _NO_CITY if city == "%5F" else _decoded(city)


def _instances(ids: NDArray[np.uint8], grounds: set[int]) -> NDArray[np.uint16]:
    """The numbers of objects, uint16 (H, W), for ids, uint8 (H, W)."""
    out = ids.astype(np.uint16)
    for number in np.flatnonzero(np.bincount(ids.ravel(), minlength=256)).tolist():
        if number in grounds or (number + 1) * PER_CLASS > 1 << 16:
            continue
        stencil = ids == number
        objects, count = number_objects(stencil)
        if count <= PER_CLASS:
            out[stencil] = number * PER_CLASS + objects[stencil] - 1
    return out


def _save(path: Path, pixels: NDArray[np.uint8] | NDArray[np.uint16], image: str) -> None:
    chunks = PngImagePlugin.PngInfo()
    chunks.add_itxt("image", encodable(image))
    with atomic_write(path) as stream:
        Image.fromarray(pixels).save(stream, "PNG", pnginfo=chunks, compress_level=COMPRESSION)


@dataclass(frozen=True)
class _Labels:
    """A list of labels. ids: what ids mean. trained: what train ids mean."""

    table: ClassTable
    ids: Meaning
    trained: Meaning
    notes: tuple[str, ...] = ()


@dataclass
class _Mask:
    """The pictures of one image, by their kind."""

    files: dict[str, Path] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """Of the picture that says the classes."""
        return next(kind for kind in KINDS if kind in self.files)

    @property
    def main(self) -> Path:
        """That picture."""
        return self.files[self.kind]


def read_cityscapes(folder: Path) -> Incoming:
    """Open a data set, or the folder gtFine or gtCoarse of one; objects of instanceIds stay apart."""
    masks = _find(folder)
    labels = _labels(folder)

    def load(key: str, kind: str, shape: Shape | None) -> tuple[Path, Values]:
        path = masks[key].files[kind]
        values = numbers_of(path).values
        assert values is not None  # numbers_of sees to that
        check_shape(str(path), (values.shape[0], values.shape[1]), shape)
        meaning = labels.trained if kind == "labelTrainIds" else labels.ids
        strange = meaning.strange(_class_ids(values))
        if strange:
            raise StudioError(
                f"{path} has ids that are no labels: {strange[:20]}.",
                f"Put a {LABEL_COLORS} beside {GROUND_TRUTH} that names them in their order.",
            )
        return path, values

    def read(key: str, shape: Shape | None) -> Labels:
        kind = masks[key].kind
        _, values = load(key, kind, shape)
        meaning = labels.trained if kind == "labelTrainIds" else labels.ids
        return meaning.labels(_class_ids(values))

    def scene(key: str, shape: Shape | None) -> Scene:
        kind = "instanceIds" if "instanceIds" in masks[key].files else masks[key].kind
        path, values = load(key, kind, shape)
        meaning = labels.trained if kind == "labelTrainIds" else labels.ids
        return Scene(
            (values.shape[0], values.shape[1]),
            _regions(values, meaning, labels.table),
            lambda reason: StudioError(f"{path} is broken: {reason}.", "Copy it again from its source."),
            int(meaning.lut[0]),
        )

    names = {entry.name: entry.index for entry in labels.table.active}
    return Incoming(
        labels.table,
        tuple(masks),
        read,
        notes=labels.notes,
        size=lambda key: header_size(masks[key].main),
        scene=scene,
        legend=Legend(labels.table, {UNLABELLED_NAME: UNLABELLED, **names}),
        also=lambda key: key + TAG,
    )


def _find(folder: Path) -> dict[str, _Mask]:
    """The masks by the names of their images, as far as those are known."""
    if not folder.is_dir():
        raise StudioError(f"{folder} is not a folder.", f"Choose the folder that holds {GROUND_TRUTH}.")
    found: dict[tuple[Path, str], _Mask] = defaultdict(_Mask)
    for path in walk_pictures(folder):
        if match := _OURS.fullmatch(path.name):
            found[path.parent, match[1]].files[match[2]] = path
    if not found:
        raise StudioError(
            f"{folder} holds no *_{GROUND_TRUTH}_labelIds.png.",
            f"Choose the folder that holds {GROUND_TRUTH}.",
        )
    named: dict[str, _Mask] = {}
    for (place, stem), mask in found.items():
        city = _folder_of(place.name)
        key = image_named_in(mask.main) or str(PurePosixPath(city, _decoded(stem)))
        named[key if key not in named else (place / stem).relative_to(folder).as_posix()] = mask
    return named


def _labels(folder: Path) -> _Labels:
    """The list of labels: label_colors.txt in the folder or above it, else Cityscapes' own."""
    for place in (folder, folder / GROUND_TRUTH, folder.parent, folder.parent.parent):
        for name in (LABEL_COLORS, "label_color.txt"):
            if inside(place, name).is_file():
                return _own_labels(place / name, list(lines_of_colors(place / name)))
    table = ClassTable(
        tuple(
            PixelClass(label.number, label.name, as_hex(label.color))
            for label in CITYSCAPES
            if label.name not in CITYSCAPES_VOID
        )
    )
    ids = {label.number: label.number for label in CITYSCAPES if label.name not in CITYSCAPES_VOID}
    voids = {label.number: UNLABELLED for label in CITYSCAPES if label.name in CITYSCAPES_VOID}
    trained = {label.train: label.number for label in CITYSCAPES if label.train != IGNORED_ID}
    note = (
        f"There is no {LABEL_COLORS}: the labels are Cityscapes' own; {', '.join(sorted(CITYSCAPES_VOID))} "
        "become unlabelled."
    )
    return _Labels(
        table,
        Meaning.of({**ids, **voids, UNLABELLED: UNLABELLED}),
        Meaning.of({**trained, IGNORED_ID: UNLABELLED}),
        (note,),
    )


def _own_labels(path: Path, lines: list[Named]) -> _Labels:
    """The labels of a list: the first line is id 0."""
    if not 0 < len(lines) <= UNLABELLED:
        raise StudioError(f"{path} names no label, or over 255.", "Write a line for each label.")
    entries, ids = [], {UNLABELLED: UNLABELLED}
    background = None
    for number, line in enumerate(lines):
        void = line.name.casefold() in VOID_NAMES
        ids[number] = UNLABELLED if void else number
        if not void:
            entries.append(PixelClass(number, line.name, as_hex(line.color)))
        if line.name.casefold() in BACKGROUND_NAMES:
            background = number
    if len({entry.name for entry in entries}) < len(entries):
        raise StudioError(f"{path} names a label twice.", "Give each label a name of its own.")
    return _Labels(ClassTable(tuple(entries), background), Meaning.of(ids), Meaning.of(ids))


def _class_ids(values: Values) -> Values:
    """The ids of labels in numbers of objects, which begin at 1000."""
    if values.dtype == np.uint8:
        return values
    return np.where(values < PER_CLASS, values, values // np.uint16(PER_CLASS))


def _regions(values: Values, meaning: Meaning, table: ClassTable) -> tuple[Region, ...]:
    """A region for each number but 0; numbers from 1000 on are objects by themselves. Void comes first."""
    names = {UNLABELLED: UNLABELLED_NAME, **{entry.index: entry.name for entry in table.active}}
    found, rects = rectangles(values)
    regions = []
    for number, edges in zip(found.tolist(), rects.tolist(), strict=True):
        index = int(meaning.lut[number if number < PER_CLASS else number // PER_CLASS])
        instance = str(number) if number >= PER_CLASS and index != UNLABELLED else ""
        regions.append(Region(names[index], _drawing(values, number, Rect(*edges)), instance))
    return tuple(sorted(regions, key=lambda region: region.name != UNLABELLED_NAME))


def _drawing(values: Values, number: int, rect: Rect) -> Callable[[Shape], tuple[Rect, Stencil]]:
    return lambda _shape: (rect, np.asarray(values[rect.slices] == number))
