"""labelme: a JSON file for each image, masks as a PNG in it, polygons as labelme draws them.

Compared with what labelme's own converter, labelme2voc, makes of its files. Written: a shape of the type
"mask" for each class, lossless, which labelme shows from version 5.3 on; or polygons, for older versions and
other tools. Read: polygon, rectangle, circle and mask, each drawn as labelme does, a later shape over an
earlier one; points and lines have no area.

What a labelme file said beside its masks when it was imported (see labelme_reader) is written again: flags
and unknown keys of the file, points and lines, and what all shapes of a label agreed on. The image itself is
embedded again where it was, unless it is turned by its EXIF orientation, which labelme would not undo.
"""

import base64
import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

from unet_studio.core.classes import ClassTable
from unet_studio.core.errors import StudioError
from unet_studio.core.image_io import read_info
from unet_studio.core.storage import write_json
from unet_studio.formats.labelme_polygons import polygons
from unet_studio.formats.labelme_reader import FAMILY, LABELS, Dialect, read_shape_files
from unet_studio.formats.labelme_shapes import DRAWN, WITHOUT_AREA
from unet_studio.formats.matching import inside, mask_names, stem
from unet_studio.formats.regions import check_names, split
from unet_studio.formats.sample import Incoming, Labels, Outgoing, Sample, check_labels

VERSION = "5.5.0"  # the oldest that other tools write masks as; what matters to readers is its first number
IGNORED = "__ignore__"  # what labelme's converters turn into void
LABELME = Dialect("labelme", DRAWN, WITHOUT_AREA)
EMBEDDED = (".jpg", ".jpeg", ".png")  # what browsers and labelme's own loader read alike
LARGEST_EMBEDDED = 1 << 26  # bytes

# Gives the shapes, without group_id, description and flags, of labels.
Shapes = Callable[[Labels, ClassTable], Iterator[dict[str, Any]]]


def read_labelme(source: Path) -> Incoming:
    """Open a folder of labelme files, at any depth, or one of them."""
    return read_shape_files(source, LABELME)


def write_labelme(folder: Path, outgoing: Outgoing) -> Mapping[str, str]:
    """Write `<stem>.json` for every sample, sub-folders kept, and labels.txt for labelme's --labels."""
    return _write(folder, outgoing, _masks)


def write_labelme_polygons(folder: Path, outgoing: Outgoing) -> Mapping[str, str]:
    """The same with polygons instead of masks."""
    return _write(folder, outgoing, _polygons)


def _write(folder: Path, outgoing: Outgoing, shapes: Shapes) -> Mapping[str, str]:
    check_names(outgoing.classes)
    files = {name: f"{path.removesuffix('.png')}.json" for name, path in mask_names(outgoing.names).items()}
    background = outgoing.classes.background
    names = [entry.name for entry in outgoing.classes.active if entry.index != background]
    first = [] if background is None else [outgoing.classes.get(background).name]
    inside(folder, LABELS).parent.mkdir(parents=True, exist_ok=True)
    (folder / LABELS).write_text("\n".join([IGNORED, *first, *names]) + "\n", encoding="utf-8")
    for sample in outgoing.samples():
        check_labels(sample, outgoing.classes)
        write_json(inside(folder, files[sample.name]), _content(sample, outgoing, shapes))
    return files


def _content(sample: Sample, outgoing: Outgoing, shapes: Shapes) -> dict[str, Any]:
    """One file, what an imported one said beside its masks included."""
    remainder = outgoing.remainder(FAMILY, sample.name) or {}
    agreed = _object(remainder.get("shapes"))
    kept = remainder.get("kept")
    height, width = sample.labels.shape
    return {
        **_object(remainder.get("top")),
        "version": VERSION,
        "flags": _object(_object(remainder.get("top")).get("flags")),
        "shapes": [
            *(
                {
                    "group_id": None,
                    "description": "",
                    "flags": {},
                    **_object(agreed.get(shape["label"])),
                    **shape,
                }
                for shape in shapes(sample.labels, outgoing.classes)
            ),
            *(kept if isinstance(kept, list) else []),
        ],
        "imagePath": _image_path(sample.name, remainder.get("image_path")),
        "imageData": _image_data(sample, outgoing) if remainder.get("embedded") is True else None,
        "imageHeight": height,
        "imageWidth": width,
    }


def _object(value: Any) -> dict[str, Any]:
    """value where it is an object, else none: a kept file may have been changed by hand."""
    return value if isinstance(value, dict) else {}


def _image_path(name: str, before: Any) -> str:
    """Where the file says that its image is: as before, unless the image has another name now."""
    same = isinstance(before, str) and before and stem(before) == stem(name)
    return str(before) if same else PurePosixPath(name).name


def _image_data(sample: Sample, outgoing: Outgoing) -> str | None:
    """The image's file in base64; None where labelme would not read it as the image that is meant."""
    if outgoing.picture is None:
        return None
    path = outgoing.picture(sample.name)
    try:
        info = read_info(path)
        fits = info.orientation == 1 and (info.height, info.width) == sample.labels.shape
        if not fits or path.suffix.lower() not in EMBEDDED or path.stat().st_size > LARGEST_EMBEDDED:
            return None
        return base64.b64encode(path.read_bytes()).decode("ascii")
    except (OSError, StudioError):
        return None


def _masks(labels: Labels, table: ClassTable) -> Iterator[dict[str, Any]]:
    """A mask for each class."""
    for name, rect, stencil in split(labels, table, IGNORED):
        stream = io.BytesIO()
        Image.fromarray(stencil.astype(np.uint8)).save(stream, "PNG")
        yield {
            "label": name,
            "points": [[rect.left, rect.top], [rect.right - 1, rect.bottom - 1]],
            "shape_type": "mask",
            "mask": base64.b64encode(stream.getvalue()).decode("ascii"),
        }


def _polygons(labels: Labels, table: ClassTable) -> Iterator[dict[str, Any]]:
    """A polygon for each component, the one inside another after it."""
    for name, points in polygons(labels, table, IGNORED):
        yield {"label": name, "points": points, "shape_type": "polygon"}
