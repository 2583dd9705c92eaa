"""Which format a file, a folder or an archive is in: guessed from names and the beginnings of files.

A probe a format, each a sentence on what its files look like; nothing is decoded or unpacked. The answer is a
suggestion for a person, so a wrong one costs a click and no more.
"""

import json
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path, PurePosixPath

from unet_studio.core.errors import StudioError
from unet_studio.formats.archives import BROKEN, is_archive, members

MOST_FILES = 5000  # names looked at
MOST_HEADS = 24  # files of one kind that are looked into
MOST_PASSED = 1 << 28  # bytes of a tar file, which has no list, that are passed over
HEAD = 1 << 14  # bytes looked at
PNG = b"\x89PNG\r\n\x1a\n"
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6  # kinds of pixels in a PNG's header


@dataclass
class Look:
    """What is seen of a source. names: of its files, posix, those of upper folders first."""

    names: tuple[str, ...]
    _read: Callable[[str], bytes]
    _heads: dict[str, bytes] = field(default_factory=dict)

    @cached_property
    def lower(self) -> tuple[str, ...]:
        """The names in lower case, with a slash in front, so that "/labels/" means a folder."""
        return tuple(f"/{name.lower()}" for name in self.names)

    def any(self, pattern: str) -> bool:
        """Whether a name, in lower case and with a slash in front, holds what a pattern says."""
        return self.count(pattern) > 0

    def count(self, pattern: str) -> int:
        """How many names do."""
        wanted = re.compile(pattern)
        return sum(1 for name in self.lower if wanted.search(name))

    def heads(self, pattern: str) -> Iterator[bytes]:
        """The beginnings of files with such names."""
        wanted = re.compile(pattern)
        fitting = (name for name, low in zip(self.names, self.lower, strict=True) if wanted.search(low))
        for name in islice(fitting, MOST_HEADS):
            if name not in self._heads:
                self._heads[name] = self._read(name)
            yield self._heads[name]

    def says(self, pattern: str, *texts: str) -> bool:
        """Whether one such file has all these texts in its beginning."""
        wanted = [text.encode() for text in texts]
        return any(all(text in head for text in wanted) for head in self.heads(pattern))

    @cached_property
    def png_kinds(self) -> frozenset[int]:
        """The kinds of pixels of the PNG files, as their headers say (PNG specification, IHDR)."""
        found = (head for head in self.heads(r"\.png$") if head.startswith(PNG) and len(head) > 25)
        return frozenset(head[25] for head in found)


def recognise(source: Path) -> list[str]:
    """The names of the formats that a source may be in, the likeliest first; [] where nothing fits.

    May run in a thread. Never raises for what the source holds; where it can't be read, nothing fits.
    """
    from unet_studio.formats.table import FORMATS

    look = look_at(source)
    if look is None:
        return []
    scores = {name: PROBES[name](look) for name in FORMATS if name in PROBES}
    return sorted((name for name, score in scores.items() if score), key=lambda name: -scores[name])


def look_at(source: Path) -> Look | None:
    """A look at a file, a folder or an archive; None where there is nothing to see."""
    try:
        if is_archive(source):
            return _of_archive(source)
        if source.is_file():
            return Look((source.name,), lambda _name: _head(source))
        return Look(tuple(_names(source)), lambda name: _head(source / name)) if source.is_dir() else None
    except (OSError, ValueError):
        return None


def _names(folder: Path) -> Iterator[str]:
    """The files in a folder, folder by folder, the upper ones first; links are not followed."""
    waiting, found = [folder], 0
    while waiting and found < MOST_FILES:
        below = []
        for place in waiting:
            try:
                entries = sorted(islice(place.iterdir(), MOST_FILES))
            except OSError:
                continue
            for path in entries:
                if path.is_symlink():
                    continue
                if path.is_dir():
                    below.append(path)
                else:
                    found += 1
                    yield path.relative_to(folder).as_posix()
            if found >= MOST_FILES:
                break
        waiting = below


def _head(path: Path) -> bytes:
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as stream:
            return stream.read(HEAD)
    except OSError:
        return b""


def _of_archive(archive: Path) -> Look:
    """A look into an archive: one pass, in which the beginnings of some files are kept."""
    heads: dict[str, bytes] = {}
    kinds: Counter[str] = Counter()
    passed = 0
    with suppress(*BROKEN, StudioError):  # as far as it can be read
        for member in islice(members(archive, 1 << 50), MOST_FILES):
            suffix = PurePosixPath(member.name).suffix.lower()
            kinds[suffix] += 1
            heads[member.name] = b""
            if kinds[suffix] <= MOST_HEADS:
                with member.open() as stream:
                    heads[member.name] = stream.read(HEAD)
            passed += member.size
            if passed > MOST_PASSED and not zipfile.is_zipfile(archive):
                break
    names = sorted(heads, key=lambda name: (name.count("/"), name))
    return Look(tuple(names), heads.__getitem__)


# -- one probe a format: 0 for "no", else how sure it is, up to 100 ---------------------------------------


def _labelme(look: Look) -> int:
    """JSON with shapes and an imagePath."""
    if _xanylabeling(look):
        return 60
    return 90 * look.says(r"\.json$", '"shapes"', '"imagePath"') or 70 * (
        look.says(r"\.json$", '"shapes"', '"points"') and not look.says(r"\.json$", '"objects"')
    )


def _xanylabeling(look: Look) -> int:
    """labelme's JSON with keys that only X-AnyLabeling writes."""
    own = ('"kie_linking"', '"difficult"', '"checked"')
    return 95 * any(look.says(r"\.json$", '"shapes"', key) for key in own)


def _isat(look: Look) -> int:
    """JSON whose info says ISAT, often with an isat.yaml."""
    said = look.says(r"\.json$", '"ISAT"', '"info"') or look.says(r"\.json$", '"segmentation"', '"layer"')
    return 95 if said else 0


def _coco(look: Look) -> int:
    """JSON with categories and images at its top, or a list of results."""
    for head in look.heads(r"\.json$"):
        top = set(_keys(head))
        if top & {"licenses", "categories"} or {"images", "annotations"} <= top or {"info", "images"} <= top:
            return 90
        if b'"image_id"' in head and b'"segmentation"' in head:
            return 80
    return 85 * look.any(r"(_annotations\.coco|/instances_[^/]*)\.json$")


def _label_studio(look: Look) -> int:
    """A JSON list of tasks with results of a labelling interface."""
    for head in look.heads(r"\.json$"):
        listed = head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")
        if listed and (b'"from_name"' in head or b'"original_width"' in head or b'"completed_by"' in head):
            return 95
        if listed and b'"data"' in head and (b'"annotations"' in head or b'"predictions"' in head):
            return 85
    return 0


def _via(look: Look) -> int:
    """JSON of regions with shape_attributes, or a CSV of them."""
    settings = look.says(r"\.json$", '"_via_') or look.says(r"\.json$", '"shape_attributes"')
    return 95 * (settings or look.says(r"\.csv$", "region_shape_attributes"))


def _supervisely(look: Look) -> int:
    """meta.json with classes, and ann/<image>.json with their titles."""
    project = look.says(r"/meta\.json$", '"classes"') and look.any(r"/ann/[^/]+\.json$")
    return 97 * project or 85 * look.says(r"\.json$", '"classTitle"', '"geometryType"')


def _cvat(look: Look) -> int:
    """XML with annotations of images."""
    for head in look.heads(r"\.xml$"):
        if b"<annotations>" in head and (b"<image " in head or b"<task>" in head or b"<version>1.1" in head):
            return 95
    return 0


def _yolo(look: Look) -> int:
    """Text files of rows of numbers from 0 to 1, with a data.yaml or a folder labels."""
    row = re.compile(rb"^\d+( -?\d+(\.\d+)?(e-?\d+)?){4,}\s*$", re.MULTILINE)
    rows = any(row.search(head) for head in look.heads(r"\.txt$"))
    named = look.any(r"/(data|dataset|coco[^/]*)\.ya?ml$") or look.any(r"/(obj\.names|classes\.txt)$")
    return 95 if rows and named else 85 if rows else 40 * (named and look.any(r"/labels/"))


def _voc(look: Look) -> int:
    """A folder SegmentationClass."""
    return 95 * look.any(r"/segmentationclass/[^/]+\.png$") or 60 * look.any(r"/segmentationobject/")


def _cityscapes(look: Look) -> int:
    """Masks called _gtFine_labelIds and the like."""
    return 97 * look.any(r"_(gtfine|gtcoarse)_(labelids|instanceids|labeltrainids|color)\.png$")


def _nnunet(look: Look) -> int:
    """dataset.json beside a folder labelsTr."""
    listed = look.says(r"/dataset\.json$", '"labels"') or look.says(r"/dataset\.json$", '"channel_names"')
    folder = look.any(r"/labels(tr|ts)/")
    return 97 if listed and folder else 80 if folder else 70 * listed


def _cellpose(look: Look) -> int:
    """Files called _seg.npy, _masks or _cp_masks."""
    return 95 * look.any(r"_seg\.npy$") or 90 * look.any(r"_(cp_)?masks\.(png|tiff?)$")


def _rootpainter(look: Look) -> int:
    """A project's .seg_proj file, or RGBA annotations in train and val."""
    annotated = look.any(r"/annotations/(train|val)/[^/]+\.png$") and RGBA in look.png_kinds
    return 97 * look.any(r"\.seg_proj$") or 85 * annotated


def _index_png(look: Look) -> int:
    """PNG files of grey or palette pixels."""
    if not look.png_kinds & {GREY, PALETTE}:
        return 0
    return 75 if look.any(r"/classes\.json$") else 45


def _index_tiff(look: Look) -> int:
    """TIFF files."""
    return 40 * look.any(r"\.tiff?$")


def _color_png(look: Look) -> int:
    """PNG files of coloured pixels; surer where a table of colours lies beside them."""
    palette = PALETTE in look.png_kinds and look.any(COLOR_TABLES)
    if not look.png_kinds & {RGB, RGBA} and not palette:
        return 0
    return 65 if look.any(COLOR_TABLES) else 30


COLOR_TABLES = (
    r"/(label_?colou?rs?|labelmap|class_dict|class_colou?rs?|mask_colou?r_map|colou?rs?|_classes)"
    r"\.(txt|csv|json)$"
)

# A probe for every format of the table.
PROBES: Mapping[str, Callable[[Look], int]] = {
    "index-png": _index_png,
    "index-tiff": _index_tiff,
    "color-png": _color_png,
    "coco": _coco,
    "voc": _voc,
    "cityscapes": _cityscapes,
    "nnunet": _nnunet,
    "labelme": _labelme,
    "labelme-polygons": lambda _look: 0,  # read as labelme
    "xanylabeling": _xanylabeling,
    "isat": _isat,
    "label-studio": _label_studio,
    "cvat": _cvat,
    "yolo": _yolo,
    "cellpose": _cellpose,
    "rootpainter": _rootpainter,
    "via": _via,
    "supervisely": _supervisely,
}


def _keys(head: bytes) -> Iterator[str]:
    """The keys at the top of a JSON object of which only the beginning is known."""
    depth, text = 0, head.decode("utf-8", errors="replace")
    for found in re.finditer(r'"((?:[^"\\]|\\.)*)"(\s*:)?|[{}\[\]]', text):
        sign = found.group()
        if sign in "{[":
            depth += 1
        elif sign in "}]":
            depth -= 1
        elif depth == 1 and found.group(2):
            try:
                yield str(json.loads(f'"{found.group(1)}"', strict=False))
            except ValueError:
                continue
