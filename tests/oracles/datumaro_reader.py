"""What datumaro reads in an export: `DATUMARO_PYTHON datumaro_reader.py FORMAT FOLDER OUT.npz`.

Runs in datumaro's own environment (`pip install datumaro`). OUT.npz holds, by `<image>|<class>`, the union of
that class's masks as datumaro understands them, bool (H, W).
"""

import sys

import numpy as np
from datumaro.components.annotation import AnnotationType, Polygon
from datumaro.components.dataset import Dataset
from pycocotools import mask as coco_mask


def stencil(annotation, shape):
    if isinstance(annotation, Polygon):
        return coco_mask.decode(coco_mask.frPyObjects([list(annotation.points)], *shape))[..., 0] > 0
    return np.asarray(annotation.image) > 0


def main(kind, folder, out):
    dataset = Dataset.import_from(folder, kind)
    names = [label.name for label in dataset.categories()[AnnotationType.label]]
    found = {}
    for item in dataset:
        shape = tuple(item.media.size) if item.media is not None and item.media.size else None
        for annotation in item.annotations:
            if annotation.type not in (AnnotationType.mask, AnnotationType.polygon):
                continue
            pixels = stencil(annotation, shape)
            key = f"{item.id}|{names[annotation.label]}"
            found[key] = found.get(key, np.zeros_like(pixels)) | pixels
    np.savez_compressed(out, **found)


main(*sys.argv[1:])
