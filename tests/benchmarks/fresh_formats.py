"""Imports and exports in a process of their own: `python -m tests.benchmarks.fresh_formats WHAT ...` as JSON.

import FORMAT SOURCE IMAGES PROJECT     masks into a new project, approved
export IMAGES PROJECT FORMAT PLACE      the approved masks of a project
pycocotools FILE                        every mask of a COCO file, drawn from pycocotools' own COCO class
plain-coco MASKS PLACE                  index PNGs to one COCO file of run lengths, with json and pycocotools
read-png MASKS, write-png MASKS PLACE   index PNGs with Pillow alone
"""

import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np


def status(field):
    """A field of this process's status that is in kB, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return 1024 * int(line.split()[1])
    raise LookupError(field)


def import_all(name, source, images, project):
    """Into a new project."""
    from unet_studio.core.project import Project
    from unet_studio.formats.importing import ImportOptions, import_masks

    opened = Project.open(Path(images), Path(project))
    report = import_masks(opened, name, Path(source), ImportOptions(approve=True))
    assert report.proof.exact
    assert not report.problems
    opened.close()
    return len(report.imported)


def export_all(images, project, name, place):
    """With the proof, as every export does it."""
    from unet_studio.core.project import Project
    from unet_studio.formats.exporting import export_masks

    opened = Project.open(Path(images), Path(project))
    report = export_masks(opened, name, Path(place))
    assert report.proof.exact
    return len(report.images)


def pycocotools(file):
    """As most scripts do it: the whole file in memory, each annotation a mask of the image's size."""
    from contextlib import redirect_stdout

    from pycocotools.coco import COCO

    with redirect_stdout(sys.stderr):
        coco = COCO(file)
    for number, entry in coco.imgs.items():
        labels = np.zeros((entry["height"], entry["width"]), np.uint8)
        for annotation in coco.imgToAnns[number]:
            labels[coco.annToMask(annotation) == 1] = annotation["category_id"]
    return len(coco.imgs)


def plain_coco(masks, place):
    """One annotation a class, everything in memory, one json.dump: no objects, no proof, no images read."""
    from PIL import Image
    from pycocotools import mask as coco_mask

    images, annotations = [], []
    for number, path in enumerate(sorted(Path(masks).glob("*.png")), 1):
        labels = np.array(Image.open(path))
        images.append(
            {"id": number, "file_name": path.stem, "height": labels.shape[0], "width": labels.shape[1]}
        )
        for index in np.unique(labels)[1:].tolist():
            packed = coco_mask.encode(np.asfortranarray(labels == index, dtype=np.uint8))
            packed["counts"] = packed["counts"].decode()
            facts = {"id": len(annotations) + 1, "image_id": number, "category_id": index, "iscrowd": 0}
            annotations.append({**facts, "segmentation": packed, "area": float((labels == index).sum())})
    categories = [{"id": index, "name": str(index)} for index in range(1, 6)]
    with Path(place).open("w") as stream:
        json.dump({"images": images, "annotations": annotations, "categories": categories}, stream)
    return len(images)


def read_png(masks):
    """Decode every mask."""
    from PIL import Image

    return sum(1 for path in sorted(Path(masks).glob("*.png")) if np.array(Image.open(path)).size)


def write_png(masks, place):
    """Decode every mask and encode it again."""
    from PIL import Image

    Path(place).mkdir(parents=True)
    paths = sorted(Path(masks).glob("*.png"))
    for path in paths:
        Image.fromarray(np.array(Image.open(path))).save(Path(place) / path.name)
    return len(paths)


WHAT = {
    "import": import_all,
    "export": export_all,
    "pycocotools": pycocotools,
    "plain-coco": plain_coco,
    "read-png": read_png,
    "write-png": write_png,
}

if __name__ == "__main__":
    warnings.simplefilter("ignore", DeprecationWarning)  # pycocotools' masks under numpy 2
    start, cpu = time.perf_counter(), time.process_time()
    count = WHAT[sys.argv[1]](*sys.argv[2:])
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    print(json.dumps({"images": count, "seconds": seconds, "cpu": cpu, "peak": status("VmHWM")}))
