"""COCO instance JSON: run lengths out, polygons and run lengths in.

Written: one annotation a class and image, as compressed run lengths with iscrowd 0, so that holes and parts
survive. The background is not a category. What COCO can't say, which pixels nobody has labelled, goes into a
key of its own in each image's entry, `unlabelled`, that other readers pass over.
"""

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from pycocotools import mask as coco_mask

from unet_studio.core.classes import UNLABELLED, rgb
from unet_studio.core.storage import atomic_write
from unet_studio.formats.coco_reader import read_coco as read_coco  # the pair that the table of formats names
from unet_studio.formats.sample import Labels, Outgoing, Sample, check_labels, one_file

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
    columns = np.asfortranarray(labels)
    counts = np.bincount(labels.ravel(), minlength=256)
    for index, number in numbers.items():
        if not counts[index]:
            continue
        segmentation = encode(columns == index)
        box = [float(value) for value in coco_mask.toBbox(segmentation)]
        yield {
            "category_id": number,
            "segmentation": segmentation,
            "area": float(counts[index]),
            "bbox": box,
            "iscrowd": 0,
        }


def _write_item(stream: IO[bytes], value: Any, *, first: bool) -> None:
    stream.write((b"\n" if first else b",\n") + _json(value))


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
