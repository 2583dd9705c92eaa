"""COCO instance JSON: run lengths out, polygons and run lengths in.

Written: one annotation an object, which is an 8-connected component of a class; where two of them touch they
are one. Objects without holes are polygons on pixel edges, which pycocotools fills to the very pixels and
every reader of COCO takes; those with holes, which a list of polygons can't say, are compressed run lengths
with iscrowd 0, as Datumaro and detectron2 read them. Together the annotations of a class are its mask.

The background is not a category. What COCO can't say, which pixels nobody has labelled, goes into a key of
its own in each image's entry, `unlabelled`, that other readers pass over.
"""

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from unet_studio.core.classes import UNLABELLED, rgb
from unet_studio.core.geometry import Rect
from unet_studio.core.storage import atomic_write
from unet_studio.formats.coco_reader import LONGEST_EDGE
from unet_studio.formats.coco_reader import read_coco as read_coco  # the pair that the table of formats names
from unet_studio.formats.polygons import Ring, outlines
from unet_studio.formats.regions import Stencil, bounds
from unet_studio.formats.sample import Labels, Outgoing, Sample, Shape, check_labels, one_file

FILE_NAME = "annotations.json"  # in a destination that is a folder


def write_coco(destination: Path, outgoing: Outgoing) -> Mapping[str, str]:
    """Write one JSON file. Memory holds one sample at a time, however many there are."""
    path = one_file(destination, FILE_NAME)
    foreground = [outgoing.classes.get(index) for index in outgoing.classes.foreground]
    categories = [
        {"id": number, "name": entry.name, "supercategory": "", "color": list(rgb(entry.color))}
        for number, entry in enumerate(foreground, 1)
    ]
    numbers = {entry.index: number for number, entry in enumerate(foreground, 1)}
    head = {"info": {"description": outgoing.title}, "licenses": [], "categories": categories}
    # The list of images waits in a file of its own: JSON can't take turns between two lists.
    with atomic_write(path) as stream, tempfile.TemporaryFile() as waiting:
        stream.write(_json(head)[:-1] + b',\n"annotations": [')
        annotation_id = 0
        for image_id, sample in enumerate(outgoing.samples(), 1):
            check_labels(sample, outgoing.classes)
            _write_item(waiting, _image_entry(image_id, sample), first=image_id == 1)
            for annotation in _annotations(sample.labels, numbers):
                annotation_id += 1
                entry = {"id": annotation_id, "image_id": image_id, **annotation}
                _write_item(stream, entry, first=annotation_id == 1)
        stream.write(b'\n],\n"images": [')
        waiting.seek(0)
        shutil.copyfileobj(waiting, stream)
        stream.write(b"\n]}\n")
    return dict.fromkeys(outgoing.names, path.name)


def encode(stencil: Any) -> dict[str, Any]:
    """Compressed run lengths, as JSON values, of a stencil (H, W) in column-major order, bool or uint8."""
    rle = coco_mask.encode(np.asfortranarray(stencil, dtype=np.uint8))
    return {"size": [int(side) for side in rle["size"]], "counts": rle["counts"].decode("ascii")}


def runs_of(stencil: Stencil, rect: Rect, shape: Shape) -> NDArray[np.int64]:
    """The run lengths, column by column, zeros first, in a picture of (H, W), of a stencil that has pixels
    and lies at a rectangle of it.
    """
    height = shape[0]
    steps = np.diff(np.pad(stencil.T, ((0, 0), (1, 1))).view(np.int8), axis=1)
    (column, row), (_, end) = np.nonzero(steps == 1), np.nonzero(steps == -1)
    base = (column + rect.left) * height + rect.top
    edges = np.stack((base + row, base + end), axis=1).ravel()
    meets = np.flatnonzero(edges[1:-1:2] == edges[2::2]) * 2 + 1  # over the end of a column into the next
    edges = np.delete(edges, np.concatenate((meets, meets + 1)))
    runs = np.diff(edges, prepend=0, append=height * shape[1])
    return runs if runs[-1] else runs[:-1]


def packed(runs: NDArray[np.int64], shape: Shape) -> dict[str, Any]:
    """Run lengths that fill a picture of (H, W), compressed, as JSON values."""
    rle = coco_mask.frPyObjects({"size": [*shape], "counts": runs.tolist()}, *shape)
    return {"size": [*shape], "counts": rle["counts"].decode("ascii")}


def _image_entry(image_id: int, sample: Sample) -> dict[str, Any]:
    height, width = sample.labels.shape
    return {
        "id": image_id,
        "file_name": sample.name,
        "width": width,
        "height": height,
        "unlabelled": encode(sample.labels == UNLABELLED),
    }


def _annotations(labels: Labels, numbers: Mapping[int, int]) -> Iterator[dict[str, Any]]:
    """The objects of one image's labels, uint8 (H, W). numbers: class index -> category id."""
    counts = np.bincount(labels.ravel(), minlength=256)
    for index, number in numbers.items():
        if counts[index]:
            for rect, area, segmentation in _objects(labels == index):
                yield {
                    "category_id": number,
                    "segmentation": segmentation,
                    "area": float(area),
                    "bbox": [float(side) for side in (rect.left, rect.top, rect.width, rect.height)],
                    "iscrowd": 0,
                }


def _objects(stencil: Stencil) -> Iterator[tuple[Rect, int, Any]]:
    """The components of a stencil (H, W) that has pixels: their rectangle, area in px and segmentation."""
    import cv2

    around, shape = bounds(stencil), (stencil.shape[0], stencil.shape[1])
    count, found, facts, _ = cv2.connectedComponentsWithStats(
        stencil[around.slices].astype(np.uint8), connectivity=8
    )
    components = np.asarray(found, dtype=np.int32)
    for number, rings in enumerate(outlines(components, count)[1:], 1):
        left, top, width, height, area = facts[number].tolist()
        inside = np.s_[top : top + height, left : left + width]
        top, left = top + around.top, left + around.left
        rect = Rect(top, left, top + height, left + width)
        if rings is None or (4 * area > LONGEST_EDGE and _length(rings) > LONGEST_EDGE):
            runs = runs_of(components[inside] == number, rect, shape)
            yield rect, area, packed(runs, shape)
        else:
            corner = around.left, around.top
            yield rect, area, [(ring + corner).ravel().tolist() for ring in rings]


def _length(rings: list[Ring]) -> int:
    """Of all edges, in px."""
    return sum(int(np.abs(np.diff(ring, axis=0, append=ring[:1])).sum()) for ring in rings)


def _write_item(stream: IO[bytes], value: Any, *, first: bool) -> None:
    stream.write((b"\n" if first else b",\n") + _json(value))


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
