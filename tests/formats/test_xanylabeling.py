"""X-AnyLabeling: its own masks, and the shapes that labelme does not have."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from unet_studio.core.errors import StudioError
from unet_studio.formats.labelme import read_labelme
from unet_studio.formats.xanylabeling import read_xanylabeling


def write(folder: Path, *shapes: dict[str, Any]) -> None:
    others = {"label": "cat", "score": None, "group_id": None, "difficult": False, "attributes": {}}
    value = {"version": "2.4.0", "flags": {}, "shapes": [{**others, **shape} for shape in shapes]}
    size = {"imagePath": "a.webp", "imageData": None, "imageHeight": 6, "imageWidth": 8}
    (folder / "a.json").write_text(json.dumps({**value, **size}))


@pytest.mark.parametrize(("kind", "most"), [("multiclass", 20), ("binary", 20)])
def test_the_pixels_are_those_of_its_own_masks_but_for_twenty(data: Path, kind: str, most: int) -> None:
    """Of 1,166,400 px. The others lie singly beside edges; no OpenCV from 4.7 to 5.0 draws them so."""
    folder = data / "interop" / "xanylabeling" / "segmentation" / f"{kind}_semantic_segmentation"
    incoming = read_xanylabeling(folder / "sources")
    assert incoming.classes is not None
    truth = np.asarray(Image.open(folder / "masks" / "cat_dog.png").convert("RGB"))
    names = {"multiclass": {"cat": [85, 0, 255], "dog": [213, 42, 54]}, "binary": {"pet": [255] * 3}}[kind]
    meant = np.zeros(truth.shape[:2], dtype=np.uint8)
    for name, value in names.items():
        same = truth == np.array(value)
        entry = incoming.classes.named(name)
        assert entry is not None
        meant[same.all(axis=-1)] = entry.index
    labels = incoming.read("cat_dog", meant.shape)
    assert np.count_nonzero(labels != meant) == most
    assert np.count_nonzero(read_labelme(folder / "sources").read("cat_dog", meant.shape) != meant) > 5 * most


def test_rectangles_have_four_points_and_coordinates_are_cut(tmp_path: Path) -> None:
    corners = [[1.9, 1.2], [4.7, 1.2], [4.7, 3.9], [1.9, 3.9]]
    expected = np.zeros((6, 8), dtype=np.uint8)
    expected[1:4, 1:5] = 1
    for kind in ("polygon", "rotation", "quadrilateral"):
        write(tmp_path, {"shape_type": kind, "points": corners, "direction": 0.3})
        assert np.array_equal(read_xanylabeling(tmp_path).read("a", (6, 8)), expected)
    write(tmp_path, {"shape_type": "rectangle", "points": [[1, 1], [4, 1], [4, 3], [1, 3]]})
    assert np.array_equal(read_xanylabeling(tmp_path).read("a", (6, 8)), expected)


def test_cuboids_are_passed_over_and_unknown_shapes_refused(tmp_path: Path) -> None:
    write(tmp_path, {"shape_type": "cuboid", "points": [[1, 1]] * 8})
    incoming = read_xanylabeling(tmp_path)
    assert incoming.notes == ("1 cuboid shapes have no area and are passed over.",)
    assert incoming.is_blank("a")
    write(tmp_path, {"shape_type": "spiral", "points": [[1, 1]] * 8})
    with pytest.raises(StudioError, match="'spiral' is no type of shape"):
        read_xanylabeling(tmp_path)
