"""COCO: the golden vector, files of other tools, and files that are wrong."""

import json
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pycocotools import mask as coco_mask

from unet_studio.core.classes import ClassTable
from unet_studio.core.errors import StudioError
from unet_studio.core.geometry import Rect
from unet_studio.formats import coco as coco_writer
from unet_studio.formats.coco import encode, write_coco
from unet_studio.formats.coco_reader import counts_of, read_coco, stencil_of
from unet_studio.formats.matching import match
from unet_studio.formats.regions import Order, draw_scene, overlap
from unet_studio.formats.sample import Labels, Outgoing, Sample

# pycocotools.decode itself, which only the tests call, says so under numpy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")

# 5 x 7, rows 1-3 columns 2-4 set but for the hole at (2, 3), and the single pixel (4, 6).
GOLDEN = np.zeros((5, 7), np.uint8)
GOLDEN[1:4, 2:5] = 1
GOLDEN[2, 3] = 0
GOLDEN[4, 6] = 1
PLAIN = [11, 3, 2, 1, 1, 1, 2, 3, 10, 1]
PACKED = ";32NO0128N"


def written(tmp_path: Path, labels: Labels, table: ClassTable | None = None) -> dict[str, Any]:
    out = Outgoing("set", table or ClassTable.binary("cell"), ["a.jpg"], lambda: [Sample("a.jpg", labels)])
    write_coco(tmp_path / "out.json", out)
    value: dict[str, Any] = json.loads((tmp_path / "out.json").read_text())
    return value


def coco(segmentations: list[Any], width: int = 7, height: int = 5, **more: Any) -> dict[str, Any]:
    """A minimal COCO file of one image whose n-th annotation is of category n."""
    return {
        "images": [{"id": 1, "file_name": "a.jpg", "width": width, "height": height}],
        "categories": [{"id": 10 + n, "name": f"class {n}"} for n in range(len(segmentations))],
        "annotations": [
            {"id": n, "image_id": 1, "category_id": 10 + n, "segmentation": segmentation, "iscrowd": 0}
            for n, segmentation in enumerate(segmentations)
        ],
        **more,
    }


def read(tmp_path: Path, value: Any) -> Labels:
    path = tmp_path / "in.json"
    path.write_text(json.dumps(value))
    return read_coco(path).read("a.jpg", None)


def test_the_golden_vector_is_written(tmp_path: Path) -> None:
    assert encode(GOLDEN) == {"size": [5, 7], "counts": PACKED}
    value = written(tmp_path, GOLDEN)
    ring, single = value["annotations"]
    # As PACKED up to the single pixel, which is an object of its own; then 11, written as 9 more than 2.
    assert ring["segmentation"] == {"size": [5, 7], "counts": ";32NO0129"}
    assert counts_of(ring["segmentation"], (5, 7)).tolist() == [*PLAIN[:7], 3, 11]
    assert (ring["area"], ring["bbox"]) == (8, [2, 1, 3, 3])
    assert single["segmentation"] == [[6, 4, 7, 4, 7, 5, 6, 5]]
    assert (single["area"], single["bbox"]) == (1, [6, 4, 1, 1])
    assert ring["iscrowd"] == single["iscrowd"] == 0
    assert ring["id"] == ring["image_id"] == ring["category_id"] == 1
    assert (single["id"], single["image_id"], single["category_id"]) == (2, 1, 1)
    assert value["categories"] == [{"id": 1, "name": "cell", "supercategory": "", "color": [230, 159, 0]}]
    assert value["images"][0].items() >= {"id": 1, "file_name": "a.jpg", "width": 7, "height": 5}.items()


SHAPES = st.one_of(
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    st.tuples(st.integers(1, 2), st.integers(1, 500)),
    st.tuples(st.integers(1, 500), st.integers(1, 2)),
)


@settings(max_examples=100, deadline=None)
@given(SHAPES.flatmap(lambda shape: arrays.arrays(np.uint8, shape, elements=st.integers(0, 2))))
def test_pycocotools_reads_every_object_to_the_pixel(labels: Labels) -> None:
    table = ClassTable.binary("cell").add("wall")
    with tempfile.TemporaryDirectory() as folder:
        value = written(Path(folder), labels, table)
    back = np.zeros(labels.shape, np.uint8)
    for annotation in value["annotations"]:
        segmentation = annotation["segmentation"]
        if isinstance(segmentation, list):
            segmentation = coco_mask.merge(coco_mask.frPyObjects(segmentation, *labels.shape))
        stencil = coco_mask.decode(segmentation) == 1
        rows, columns = np.nonzero(stencil)
        assert annotation["area"] == len(rows)
        assert annotation["bbox"] == [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
        assert cv2.connectedComponents(stencil.astype(np.uint8), connectivity=8)[0] == 2
        assert not back[stencil].any()
        back[stencil] = annotation["category_id"]
    assert np.array_equal(back, labels)
    objects = [cv2.connectedComponents((labels == n).astype(np.uint8), connectivity=8)[0] - 1 for n in (1, 2)]
    assert len(value["annotations"]) == sum(objects)


def test_a_large_object_is_a_polygon_unless_its_edge_is_endless(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coco_writer, "LONGEST_EDGE", 100)
    whole = np.ones((30, 19), np.uint8)
    assert isinstance(written(tmp_path, whole)["annotations"][0]["segmentation"], list)
    whole[::2, :-1] = 0
    assert isinstance(written(tmp_path, whole)["annotations"][0]["segmentation"], dict)
    assert np.array_equal(_read_back(tmp_path, whole), whole)


@pytest.mark.parametrize("counts", [PLAIN, PACKED])
def test_the_golden_vector_is_read(tmp_path: Path, counts: Any) -> None:
    assert np.array_equal(read(tmp_path, coco([{"size": [5, 7], "counts": counts}])), GOLDEN)


def test_counts_may_be_bytes() -> None:
    assert counts_of({"size": [5, 7], "counts": PACKED.encode()}, (5, 7)).tolist() == PLAIN


@settings(max_examples=200, deadline=None)
@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40)), elements=st.integers(0, 1)))
def test_run_lengths_are_those_of_pycocotools(stencil: Labels) -> None:
    packed = encode(stencil)
    runs = counts_of(packed, stencil.shape)
    drawn = np.repeat(np.arange(len(runs)) % 2, runs).reshape(stencil.shape[::-1]).T
    assert np.array_equal(drawn, coco_mask.decode(packed))
    assert np.array_equal(drawn, stencil)


def test_long_runs_are_unpacked() -> None:
    stencil = np.zeros((3000, 4000), np.uint8)
    stencil[1234:2345, 17] = stencil[0, 3999] = 1
    runs = counts_of(encode(stencil), stencil.shape)
    assert runs.sum() == stencil.size
    assert runs[1::2].sum() == stencil.sum()
    assert runs[0] == 17 * 3000 + 1234


def test_polygons_are_drawn_on_pixel_edges(tmp_path: Path) -> None:
    square = [2, 1, 5, 1, 5, 4, 2, 4]  # the corners of the pixels in rows 1-3, columns 2-4
    single = [6, 4, 7, 4, 7, 5, 6, 5]
    expected = np.zeros((5, 7), np.uint8)
    expected[1:4, 2:5] = expected[4, 6] = 1
    assert np.array_equal(read(tmp_path, coco([[square, single]])), expected)


def test_polygons_and_run_lengths_mix_and_the_later_lies_on_top(tmp_path: Path) -> None:
    whole = [0, 0, 7, 0, 7, 5, 0, 5]
    labels = read(tmp_path, coco([[whole], {"size": [5, 7], "counts": PLAIN}]))
    assert np.array_equal(labels, 1 + GOLDEN)
    labels = read(tmp_path, coco([{"size": [5, 7], "counts": PLAIN}, [whole]]))
    assert (labels == 2).all()


def test_extremes(tmp_path: Path) -> None:
    assert written(tmp_path, np.zeros((5, 7), np.uint8))["annotations"] == []
    full = written(tmp_path, np.ones((5, 7), np.uint8))["annotations"][0]
    assert full["segmentation"] == [[0, 0, 7, 0, 7, 5, 0, 5]]
    frame = np.ones((5, 7), np.uint8)
    frame[2, 3] = 0
    around = written(tmp_path, frame)["annotations"][0]
    assert counts_of(around["segmentation"], (5, 7)).tolist() == [0, 17, 1, 17]
    wide = np.zeros((2, 16384), np.uint8)
    wide[:, -1] = 1
    assert np.array_equal(_read_back(tmp_path, wide), wide)


def _read_back(tmp_path: Path, labels: Labels) -> Labels:
    written(tmp_path, labels)
    return read_coco(tmp_path / "out.json").read("a.jpg", labels.shape)


def test_unlabelled_pixels_survive_though_coco_has_no_word_for_them(tmp_path: Path) -> None:
    labels = GOLDEN.copy()
    labels[0, :3] = 255
    assert np.array_equal(_read_back(tmp_path, labels), labels)
    nothing = np.full((5, 7), 255, np.uint8)
    assert np.array_equal(_read_back(tmp_path, nothing), nothing)
    background = np.zeros((5, 7), np.uint8)
    assert np.array_equal(_read_back(tmp_path, background), background)


def test_what_uncovered_pixels_mean(tmp_path: Path) -> None:
    path = tmp_path / "in.json"
    value = coco([{"size": [5, 7], "counts": PLAIN}])
    value["images"].append({"id": 2, "file_name": "b.jpg", "width": 1, "height": 1})
    path.write_text(json.dumps(value))
    incoming = read_coco(path)
    assert incoming.read("a.jpg", None)[0, 0] == 0
    assert incoming.read("b.jpg", None)[0, 0] == 255
    assert [incoming.is_blank(key) for key in incoming.keys] == [False, True]
    assert read_coco(path, uncovered="unlabelled").read("a.jpg", None)[0, 0] == 255
    assert read_coco(path, uncovered="background").read("b.jpg", None)[0, 0] == 0


def test_categories_of_one_name_are_one_class_and_background_is_background(tmp_path: Path) -> None:
    parts = [[[0, 0, 1, 0, 1, 1, 0, 1]], [[1, 0, 2, 0, 2, 1, 1, 1]], [[2, 0, 3, 0, 3, 1, 2, 1]]]
    value = coco(parts)
    for category, name in zip(value["categories"], ["facade", "_background_", "facade"], strict=True):
        category["name"] = name
    path = tmp_path / "in.json"
    path.write_text(json.dumps(value))
    incoming = read_coco(path)
    assert incoming.classes is not None
    assert [(entry.index, entry.name) for entry in incoming.classes.active] == [
        (0, "background"),
        (1, "facade"),
    ]
    assert incoming.read("a.jpg", None)[0, :4].tolist() == [1, 0, 1, 0]


def test_every_annotation_is_a_region_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "in.json"
    value = coco([[[0, 0, 2, 0, 2, 2, 0, 2]], [[1, 1, 4, 1, 4, 4, 1, 4]]])
    value["images"][0] = {"id": 1, "file_name": "sub/é.jpg", "width": 7, "height": 5}
    # The order of the three lists is free.
    path.write_text(json.dumps(dict(reversed(value.items())), ensure_ascii=False), encoding="utf-8")
    incoming = read_coco(path)
    assert incoming.keys == ("sub/é.jpg",)
    assert incoming.size("sub/é.jpg") == (5, 7)
    assert incoming.scene is not None
    assert incoming.legend is not None
    scene = incoming.scene("sub/é.jpg", None)
    assert [(region.name, region.instance) for region in scene.regions] == [
        ("class 0", "0"),
        ("class 1", "1"),
    ]
    rect, stencil = scene.regions[1].draw(scene.shape)
    assert rect == Rect(1, 1, 4, 4)
    assert stencil.all()
    assert overlap(scene, incoming.legend) == 1
    assert draw_scene(scene, incoming.legend)[1, 1] == 2
    assert draw_scene(scene, incoming.legend, Order.REVERSED)[1, 1] == 1


def test_annotations_are_found_again_among_those_of_other_images(tmp_path: Path) -> None:
    value = coco([[[x, 0, x + 1, 0, x + 1, 1, x, 1]] for x in range(7)])
    value["images"] += [{"id": n, "file_name": f"{n}.jpg", "width": 7, "height": 5} for n in (2, "x", 4)]
    for annotation, owner in zip(value["annotations"], ["x", 1, 2, "x", 2, 1, 1], strict=True):
        annotation["image_id"] = owner
    path = tmp_path / "in.json"
    path.write_text(json.dumps(value, indent=1))
    incoming = read_coco(path)
    assert [incoming.read(key, None)[0].tolist() for key in incoming.keys] == [
        [0, 2, 0, 0, 0, 6, 7],
        [0, 0, 3, 0, 5, 0, 0],
        [1, 0, 0, 4, 0, 0, 0],
        [255] * 7,
    ]


def test_a_file_that_changes_meanwhile_is_not_trusted(tmp_path: Path) -> None:
    path = tmp_path / "in.json"
    path.write_text(json.dumps(coco([{"size": [5, 7], "counts": PLAIN}])))
    incoming = read_coco(path)
    path.write_text(json.dumps(coco([{"size": [5, 7], "counts": PLAIN}, {"size": [5, 7], "counts": PLAIN}])))
    with pytest.raises(StudioError, match="has changed"):
        incoming.read("a.jpg", None)


def test_a_category_may_be_called_unlabelled(tmp_path: Path) -> None:
    value = coco([{"size": [5, 7], "counts": PLAIN}])
    value["categories"][0]["name"] = "unlabelled"
    value["images"][0]["unlabelled"] = {"size": [5, 7], "counts": [34, 1]}
    labels = read(tmp_path, value)
    assert (labels[1, 2], labels[4, 6]) == (1, 1)
    value["annotations"] = []
    assert read(tmp_path, value)[4, 6] == 255


def test_a_polygon_of_endless_edges_is_refused(tmp_path: Path) -> None:
    zigzag = [number for n in range(300_000) for number in (20 * (n % 2), n % 3)]
    with pytest.raises(StudioError, match="edge is longer"):
        read(tmp_path, coco([[zigzag]]))


@settings(max_examples=150, deadline=None)
@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.integers(0, 1)))
def test_run_lengths_become_the_smallest_rectangle(stencil: Labels) -> None:
    rect, found = stencil_of(counts_of(encode(stencil), stencil.shape), stencil.shape)
    drawn = np.zeros(stencil.shape, np.bool_)
    drawn[rect.slices] = found
    assert np.array_equal(drawn, stencil == 1)
    if stencil.any():
        rows = np.flatnonzero(stencil.any(axis=1))
        columns = np.flatnonzero(stencil.any(axis=0))
        across = rect.height == len(stencil)  # a run over the end of a column leaves its rows unknown
        assert across or (rect.top, rect.bottom) == (rows[0], rows[-1] + 1)
        assert (rect.left, rect.right) == (columns[0], columns[-1] + 1)


def test_boxes_alone_are_passed_over_and_said(tmp_path: Path) -> None:
    path = tmp_path / "in.json"
    path.write_text(json.dumps(coco([{"size": [5, 7], "counts": PLAIN}, []])))
    assert read_coco(path).notes == ("1 annotations without a mask (boxes alone) are passed over.",)
    path.write_text(json.dumps(coco([[], None])))
    with pytest.raises(StudioError, match="boxes alone"):
        read_coco(path)


BAD_MASKS: dict[str, Any] = {
    "counts short": {"size": [5, 7], "counts": [11, 3]},
    "counts long": {"size": [5, 7], "counts": [11, 300]},
    "counts negative": {"size": [5, 7], "counts": [36, -1]},
    "counts huge": {"size": [5, 7], "counts": [2**70]},
    "counts of text": {"size": [5, 7], "counts": ["a"]},
    "counts of floats": {"size": [5, 7], "counts": [34.5, 0.5]},
    "no counts": {"size": [5, 7]},
    "null counts": {"size": [5, 7], "counts": None},
    "packed short": {"size": [5, 7], "counts": ";32"},
    "packed cut off": {"size": [5, 7], "counts": ";32NO0128NZ"},
    "packed long": {"size": [5, 7], "counts": ";32NO0128N9"},
    "packed empty": {"size": [5, 7], "counts": ""},
    "packed odd letters": {"size": [5, 7], "counts": "é~"},
    "packed impossible": {"size": [5, 7], "counts": "o" * 30 + "0"},
    "another size": {"size": [7, 5], "counts": PLAIN},
    "a flat polygon": [1, 1, 2, 2, 3, 3],
    "two points": [[1, 1, 2, 2]],
    "odd numbers": [[1, 1, 2, 2, 3, 3, 4]],
    "text": [["a", "b", "c", "d", "e", "f"]],
    "not finite": [[1, 1, 2, float("nan"), 3, 3]],
    "far away": [[1, 1, 1e12, 2, 3, 3]],
}


@pytest.mark.parametrize("segmentation", BAD_MASKS.values(), ids=BAD_MASKS)
def test_malformed_masks_are_refused_by_name(tmp_path: Path, segmentation: Any) -> None:
    with pytest.raises(StudioError, match=r"in\.json is not a usable COCO file: the mask of annotation 0"):
        read(tmp_path, coco([segmentation]))


BAD_FILES: dict[str, Any] = {
    "no keys": {},
    "a number": 5,
    "images null": coco([], images=None),
    "image without size": coco([], images=[{"id": 1, "file_name": "a"}]),
    "image of no size": coco([], images=[{"id": 1, "file_name": "a", "width": 0, "height": 5}]),
    "image of text size": coco([], images=[{"id": 1, "file_name": "a", "width": "x", "height": 5}]),
    "endless image": coco([], images=[{"id": 1, "file_name": "a", "width": 10**12, "height": 5}]),
    "image id twice": coco([], images=[{"id": 1, "file_name": n, "width": 5, "height": 5} for n in "ab"]),
    "file name twice": coco(
        [], images=[{"id": n, "file_name": "a", "width": 5, "height": 5} for n in (1, 2)]
    ),
    "category id twice": coco([], categories=[{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]),
    "category without name": coco([], categories=[{"id": 1}]),
    "too many categories": coco([], categories=[{"id": n, "name": str(n)} for n in range(300)]),
    "category is a list": coco([], categories=[[1]]),
    "category id is a list": coco([], categories=[{"id": [], "name": "a"}]),
    "lost image": coco([], annotations=[{"id": 1, "image_id": 9, "category_id": 1, "segmentation": [[0]]}]),
    "lost category": coco(
        [], annotations=[{"id": 1, "image_id": 1, "category_id": 9, "segmentation": [[0]]}]
    ),
    "annotation is text": coco([], annotations=["x"]),
    "results": [{"image_id": 1, "category_id": 1, "segmentation": {}}],
}


@pytest.mark.parametrize("value", BAD_FILES.values(), ids=BAD_FILES)
def test_malformed_files_are_refused(tmp_path: Path, value: Any) -> None:
    path = tmp_path / "in.json"
    path.write_text(json.dumps(value))
    with pytest.raises(StudioError) as error:
        read_coco(path)
    assert error.value.remedy


@pytest.mark.parametrize("text", ["", "{", '{"images": [', "[" * 100_000])
def test_files_that_are_no_json_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "in.json"
    path.write_text(text)
    with pytest.raises(StudioError, match=r"in\.json"):
        read_coco(path)


def test_a_folder_means_its_only_coco_file(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="holds no COCO"):
        read_coco(tmp_path)
    (tmp_path / "x.json").write_text(json.dumps(coco([])))
    (tmp_path / "classes.json").write_text("{}")
    assert read_coco(tmp_path).keys == ("a.jpg",)
    (tmp_path / "y.json").write_text(json.dumps(coco([])))
    with pytest.raises(StudioError, match=r"x\.json, y\.json"):
        read_coco(tmp_path)
    with pytest.raises(StudioError, match="There is no"):
        read_coco(tmp_path / "nowhere")


def test_a_failed_export_leaves_nothing_behind(tmp_path: Path) -> None:
    def samples() -> Any:
        yield Sample("a.jpg", GOLDEN)
        raise StudioError("the disk is gone")

    with pytest.raises(StudioError, match="disk"):
        write_coco(tmp_path / "out.json", Outgoing("set", ClassTable.binary(), ["a.jpg"], samples))
    assert not list(tmp_path.iterdir())


@pytest.mark.data
def test_results_of_cocoapi_unpack_and_pack_to_the_same_letters(data: Path) -> None:
    path = data / "interop" / "coco_results" / "instances_val2014_fakesegm100_results.json"
    with pytest.raises(StudioError, match="results file"):
        read_coco(path)
    for entry in json.loads(path.read_text()):
        height, width = entry["segmentation"]["size"]
        runs = counts_of(entry["segmentation"], (height, width))
        stencil = np.repeat(np.arange(len(runs)) % 2, runs).reshape(width, height).T
        assert encode(stencil) == entry["segmentation"]


@pytest.mark.data
def test_a_roboflow_export_of_facades(data: Path) -> None:
    incoming = read_coco(data / "facade_ccby" / "_annotations.coco.json")
    assert incoming.classes is not None
    names = [entry.name for entry in incoming.classes.active]
    assert names.count("facade") == 1
    assert len(names) == 11
    images = sorted(path.name for path in (data / "facade_ccby" / "images").iterdir())
    found = match(incoming.keys, images)
    assert found.missing == found.unused == ()
    raw = json.loads((data / "facade_ccby" / "_annotations.coco.json").read_text())
    entry = raw["images"][0]
    expected = np.zeros((entry["height"], entry["width"]), np.uint8)
    by_id = {category["id"]: category["name"] for category in raw["categories"]}
    for annotation in raw["annotations"]:
        if annotation["image_id"] == entry["id"]:
            rle = coco_mask.merge(coco_mask.frPyObjects(annotation["segmentation"], *expected.shape))
            expected[coco_mask.decode(rle) == 1] = names.index(by_id[annotation["category_id"]])
    assert np.array_equal(incoming.read(entry["file_name"], expected.shape), expected)


@pytest.mark.data
@pytest.mark.parametrize(
    ("file", "pixels"),
    [
        # Polygon (0 0, 1 0, 1 2, 0 2) of class a under a crowd of 20 pixels of class b: columns 0 and 1.
        ("datumaro_layouts/coco/coco_instances/annotations/instances_val.json", {"a": 0, "b": 20}),
        ("datumaro_layouts/coco/coco_roboflow/val/_annotations.coco.json", {"a": 0, "b": 20}),
    ],
)
def test_datumaro_files(data: Path, file: str, pixels: dict[str, int]) -> None:
    incoming = read_coco(data / "interop" / file)
    labels = incoming.read("b.jpg", (10, 5))
    assert incoming.classes is not None
    found = {name: int((labels == incoming.classes.named(name).index).sum()) for name in pixels}
    assert found == pixels


@pytest.mark.data
def test_isat_crowds_and_holes(data: Path) -> None:
    path = data / "interop" / "isat" / "coco_tiny" / "coco_tiny.json"
    raw = json.loads(path.read_text())
    incoming = read_coco(path)
    assert len(incoming.keys) == 5
    assert any(annotation["iscrowd"] for annotation in raw["annotations"])
    for image in raw["images"]:
        labels = incoming.read(image["file_name"], (image["height"], image["width"]))
        assert (labels != 0).any()


@pytest.mark.data
def test_labelme_coco_matches_by_stem_from_a_sub_folder(data: Path) -> None:
    folder = data / "interop" / "labelme" / "instance_segmentation" / "data_dataset_coco"
    incoming = read_coco(folder / "annotations.json")
    assert incoming.classes is not None
    assert "_background_" not in [entry.name for entry in incoming.classes.active]
    found = match(incoming.keys, ["2011_000003.jpg", "2011_000006.jpg", "2011_000025.jpg"])
    assert found.missing == ()
