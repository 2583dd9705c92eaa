"""Small sound sets of masks in every format, to be spoiled: our own exports, and some written by hand."""

import base64
import io
import json
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from unet_studio.core.classes import ClassTable
from unet_studio.formats.brush_runs import encode
from unet_studio.formats.sample import Outgoing, Sample
from unet_studio.formats.table import FORMATS

SHAPE = (6, 8)  # H, W in px of all images
TABLE = ClassTable.binary("cell").add("wall")
POLYGON = [[1.0, 1.0], [5.5, 1.0], [5.0, 4.0], [1.0, 4.5]]


def labels(seed: int) -> Any:
    """Labels with a hole and an island, uint8."""
    found = np.zeros(SHAPE, np.uint8)
    found[1:5, 1:6] = 1
    found[2:4, 2:4] = 0
    found[5, 7] = 2
    found[0, seed] = 2
    return found


def written(name: str, folder: Path) -> None:
    """What our own writer makes of two masks."""
    samples = [Sample("a.png", labels(0)), Sample("sub/b.png", labels(3))]
    FORMATS[name].write(folder, Outgoing("set", TABLE, [one.name for one in samples], lambda: samples))


def save(folder: Path, name: str, value: Any) -> None:
    """A JSON file."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def base64_png(values: Any) -> str:
    """A picture as text."""
    stream = io.BytesIO()
    Image.fromarray(values).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


def labelme(folder: Path, kind: str = "5.5.0") -> None:
    """Every kind of shape."""
    shapes = [
        {"label": "cell", "points": POLYGON, "group_id": 1, "shape_type": "polygon", "flags": {"x": True}},
        {
            "label": "wall",
            "points": [[1, 1], [4, 3]],
            "group_id": None,
            "shape_type": "rectangle",
            "flags": {},
        },
        {"label": "wall", "points": [[4, 3], [5, 4]], "group_id": None, "shape_type": "circle", "flags": {}},
        {"label": "cell", "points": POLYGON, "group_id": 2, "shape_type": "rotation", "direction": 0.1},
        {"label": "seed", "points": [[1, 1]], "group_id": None, "shape_type": "point", "flags": {}},
        {
            "label": "cell",
            "points": [[1, 1], [3, 2]],
            "shape_type": "mask",
            "mask": base64_png(np.array([[0, 1, 1], [1, 0, 1]], np.uint8)),
        },
    ]
    height, width = SHAPE
    whole = {"version": kind, "flags": {}, "shapes": shapes, "imagePath": "..\\a.png", "imageData": None}
    save(folder, "c.json", {**whole, "imageHeight": height, "imageWidth": width, "reviewer": {"id": 7}})
    (folder / "labels.txt").write_text("__ignore__\n_background_\ncell\nwall\n")


def isat(folder: Path) -> None:
    """Two objects in two layers, with the list of classes."""
    info = {
        "description": "ISAT",
        "folder": "/x",
        "name": "a.png",
        "width": 8,
        "height": 6,
        "depth": 3,
        "note": "",
    }
    one = {
        "category": "cell",
        "group": 1,
        "segmentation": POLYGON,
        "area": 3,
        "layer": 1.0,
        "bbox": [1, 1, 5, 4],
    }
    save(
        folder,
        "a.json",
        {"info": info, "objects": [one, {**one, "category": "wall", "layer": 2.0, "group": 2}]},
    )
    (folder / "isat.yaml").write_text(
        "label:\n- color: '#000000'\n  name: __background__\n- color: '#ef2929'\n  name: cell\n"
    )


def via(folder: Path) -> None:
    """Every kind of region."""
    x, y = [int(point[0]) for point in POLYGON], [int(point[1]) for point in POLYGON]
    shapes = [
        {"name": "polygon", "all_points_x": x, "all_points_y": y},
        {"name": "rect", "x": 1, "y": 1, "width": 3, "height": 2},
        {"name": "circle", "cx": 3, "cy": 3, "r": 2},
        {"name": "ellipse", "cx": 3, "cy": 3, "rx": 2, "ry": 1, "theta": 0.3},
        {"name": "point", "cx": 1, "cy": 1},
        {"name": "polyline", "all_points_x": x, "all_points_y": y},
    ]
    regions = [{"shape_attributes": shape, "region_attributes": {"type": "cell"}} for shape in shapes]
    images = {
        f"{name}.png9": {"filename": f"{name}.png", "size": 9, "regions": regions, "file_attributes": {}}
        for name in "ab"
    }
    options = {"region": {"type": {"type": "dropdown", "options": {"cell": "", "wall": ""}}}, "file": {}}
    save(folder, "via.json", {"_via_settings": {}, "_via_img_metadata": images, "_via_attributes": options})


def via_table(folder: Path) -> None:
    """The same tool's CSV."""
    quote = '"'
    shape = json.dumps({"name": "rect", "x": 1, "y": 1, "width": 3, "height": 2}).replace(quote, quote * 2)
    kind = json.dumps({"type": "cell"}).replace(quote, quote * 2)
    (folder / "via.csv").write_text(
        "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes\n"
        + "".join(f'{name}.png,9,"{{}}",1,0,"{shape}","{kind}"\n' for name in "ab")
    )


def supervisely(folder: Path) -> None:
    """Polygons with a hole, a rectangle, bitmaps."""
    classes = [{"title": name, "shape": "any", "color": "#ff0000"} for name in ("cell", "wall")]
    save(folder, "meta.json", {"classes": classes, "tags": [], "projectType": "images"})
    hole = [[2, 2], [3, 2], [3, 3]]
    stream = io.BytesIO()
    Image.fromarray(np.array([[0, 255], [255, 255]], np.uint8)).save(stream, "PNG")
    data = base64.b64encode(zlib.compress(stream.getvalue())).decode()
    objects = [
        {
            "geometryType": "polygon",
            "classTitle": "cell",
            "points": {"exterior": POLYGON, "interior": [hole]},
        },
        {
            "geometryType": "rectangle",
            "classTitle": "wall",
            "points": {"exterior": [[1, 1], [4, 3]], "interior": []},
        },
        {"geometryType": "bitmap", "classTitle": "cell", "bitmap": {"data": data, "origin": [5, 4]}},
        {"geometryType": "point", "classTitle": "cell", "points": {"exterior": [[1, 1]], "interior": []}},
    ]
    for name in ("a", "b"):
        save(
            folder,
            f"ds/ann/{name}.png.json",
            {"size": {"height": 6, "width": 8}, "tags": [], "objects": objects},
        )


def coco(folder: Path) -> None:
    """Polygons, and run lengths as a list and as text."""
    images = [
        {"id": number, "file_name": f"{name}.png", "height": 6, "width": 8}
        for number, name in enumerate("ab")
    ]
    flat = [number for point in POLYGON for number in point]
    runs: list[Any] = [[flat], {"size": [6, 8], "counts": [7, 4, 37]}, {"size": [6, 8], "counts": "74U1"}]
    save(
        folder,
        "annotations.json",
        {
            "images": images,
            "categories": [{"id": 4, "name": "cell"}, {"id": 9, "name": "wall", "color": [1, 2, 3]}],
            "annotations": [
                {
                    "id": number,
                    "image_id": number % 2,
                    "category_id": 4,
                    "segmentation": run,
                    "iscrowd": 0,
                    "area": 3,
                    "bbox": [1, 1, 2, 2],
                }
                for number, run in enumerate(runs)
            ],
        },
    )


def cvat(folder: Path) -> None:
    """Every element with pixels."""
    points = ";".join(f"{x},{y}" for x, y in POLYGON)
    element = 'label="cell" source="manual" occluded="0"'
    (folder / "annotations.xml").write_text(
        '<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version><meta><task><labels>'
        "<label><name>cell</name><color>#ff0000</color><type>any</type></label></labels></task></meta>"
        + "".join(
            f'<image id="{number}" name="{name}.png" width="8" height="6">'
            f'<polygon {element} points="{points}" z_order="1"></polygon>'
            f'<box {element} xtl="1.5" ytl="1" xbr="4" ybr="3" rotation="10" z_order="0"></box>'
            f'<ellipse {element} cx="3" cy="3" rx="2" ry="1.5" z_order="0"></ellipse>'
            f'<mask {element} rle="0, 3, 2, 1" left="1" top="1" width="3" height="2" z_order="2"></mask>'
            f'<points {element} points="1,1"></points></image>'
            for number, name in enumerate("ab")
        )
        + "</annotations>"
    )


def label_studio(folder: Path) -> None:
    """Every result with an area."""
    whole = {
        "from_name": "tag",
        "to_name": "image",
        "original_width": 8,
        "original_height": 6,
        "image_rotation": 0,
    }
    values = {
        "brushlabels": {"format": "rle", "rle": encode(labels(0) == 1)},
        "polygonlabels": {"points": [[10, 10], [60, 15], [50, 80]]},
        "rectanglelabels": {"x": 10, "y": 10, "width": 30, "height": 40, "rotation": 5},
        "ellipselabels": {"x": 40, "y": 40, "radiusX": 20, "radiusY": 10, "rotation": 0},
        "keypointlabels": {"x": 10, "y": 10, "width": 1},
    }
    results = [
        {**whole, "id": kind, "type": kind, "value": {**value, kind: ["cell"]}}
        for kind, value in values.items()
    ]
    tasks = [
        {"id": 1, "data": {"image": "/data/upload/1/0123abcd-a.png"}, "annotations": [{"result": results}]}
    ]
    save(folder, "annotations.json", tasks)
    (folder / "label_config.xml").write_text(
        '<View><BrushLabels name="tag" toName="image">'
        '<Label value="cell" background="#ff0000"/></BrushLabels></View>'
    )


def cellpose(folder: Path) -> None:
    """What Cellpose's window saves."""
    masks = np.zeros(SHAPE, np.uint16)
    masks[1:3, 1:4], masks[3:5, 1:4] = 1, 2
    value = {
        "masks": masks,
        "outlines": masks,
        "filename": "a.png",
        "ismanual": np.ones(2, bool),
        "diameter": 3.0,
    }
    stored = np.empty((), dtype=object)
    stored[()] = value
    np.save(folder / "a_seg.npy", stored, allow_pickle=True)


def archive(suffix: str) -> Callable[[Path], None]:
    """A set in an archive."""

    def make(folder: Path) -> None:
        inner = folder / "inner"
        inner.mkdir()
        labelme(inner)
        files = [path for path in sorted(inner.rglob("*")) if path.is_file()]
        if suffix == ".zip":
            with zipfile.ZipFile(folder / "set.zip", "w", zipfile.ZIP_DEFLATED) as packed:
                for path in files:
                    packed.write(path, f"set/{path.name}")
        else:
            with tarfile.open(folder / f"set{suffix}", "w:gz" if suffix == ".tar.gz" else "w") as tar:
                for path in files:
                    tar.add(path, f"set/{path.name}")
        for path in files:
            path.unlink()
        inner.rmdir()

    return make


def _both(name: str, *others: Callable[[Path], None]) -> tuple[Callable[[Path], None], ...]:
    return (lambda folder: written(name, folder), *others)


# Family -> the format that reads it, and the sets to spoil.
FAMILIES: dict[str, tuple[str, tuple[Callable[[Path], None], ...]]] = {
    "index-png": ("index-png", _both("index-png")),
    "index-tiff": ("index-tiff", _both("index-tiff")),
    "color-png": ("color-png", _both("color-png")),
    "cityscapes": ("cityscapes", _both("cityscapes")),
    "coco": ("coco", _both("coco", coco)),
    "voc": ("voc", _both("voc")),
    "nnunet": ("nnunet", _both("nnunet")),
    "labelme": ("labelme", _both("labelme", labelme)),
    "xanylabeling": ("xanylabeling", (lambda folder: labelme(folder, "2.4.0"),)),
    "isat": ("isat", (isat,)),
    "label-studio": ("label-studio", _both("label-studio", label_studio)),
    "cvat": ("cvat", _both("cvat", cvat)),
    "yolo": ("yolo", _both("yolo")),
    "cellpose": ("cellpose", _both("cellpose", cellpose)),
    "rootpainter": ("rootpainter", _both("rootpainter")),
    "via": ("via", (via, via_table)),
    "supervisely": ("supervisely", (supervisely,)),
    "zip": ("labelme", (archive(".zip"),)),
    "tar": ("labelme", (archive(".tar"), archive(".tar.gz"))),
}
FAMILIES = {name: family for name, family in FAMILIES.items() if family[0] in FORMATS}
