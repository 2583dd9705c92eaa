"""Plans of imports: what belongs together, which classes are meant, what fits; and what masks hold."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from unet_studio.core.classes import ClassTable, PixelClass, write_classes_file
from unet_studio.core.errors import Cancelled, StudioError
from unet_studio.core.geometry import Rect
from unet_studio.core.pixels import oriented
from unet_studio.core.project import Project, Status
from unet_studio.core.storage import write_index_png
from unet_studio.formats.examination import Touching, drawn, examine
from unet_studio.formats.import_classes import classes_after, found_classes
from unet_studio.formats.import_options import ImportOptions
from unet_studio.formats.import_plan import plan_import
from unet_studio.formats.matching import match_certain
from unet_studio.formats.regions import Legend, Order, Region, Scene, draw_scene, overlap
from unet_studio.formats.sample import Incoming

SHAPE = (6, 8)
TABLE = ClassTable.binary("cell")


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """a.png as it is seen, turned.jpg to be turned by 90 degrees (8 x 6 px stored), mirrored.jpg."""
    folder = tmp_path / "images"
    folder.mkdir()
    Image.new("RGB", SHAPE[::-1]).save(folder / "a.png")
    for name, orientation in (("turned.jpg", 6), ("mirrored.jpg", 2)):
        image = Image.new("RGB", SHAPE[::-1])
        exif = image.getexif()
        exif[274] = orientation
        image.save(folder / name, exif=exif)
    made = Project.open(folder)
    yield made
    made.close()


def masks(folder: Path, **sizes: tuple[int, int]) -> Path:
    """A folder of index masks of these sizes (H, W), with their classes."""
    for name, shape in sizes.items():
        labels = np.zeros(shape, np.uint8)
        labels[0, 1] = 1
        write_index_png(folder / f"{name}.png", labels, TABLE.palette())
    write_classes_file(folder / "classes.json", "theirs", TABLE)
    return folder


def fates(project: Project, source: Path, **options: object) -> dict[str, str]:
    found = plan_import(project, "index-png", source, ImportOptions(**options))  # type: ignore[arg-type]
    return {row.name: row.fate for row in found.rows}


def test_sizes_and_orientations_decide_the_fate(project: Project, tmp_path: Path) -> None:
    source = masks(tmp_path / "masks", a=(3, 4), turned=SHAPE, mirrored=SHAPE)
    refused = {"a.png": "refuse", "turned.jpg": "refuse", "mirrored.jpg": "import"}
    assert fates(project, source) == refused
    assert fates(project, source, turn="sized") == {**refused, "turned.jpg": "turn"}
    assert fates(project, source, turn="all") == {
        "a.png": "refuse",
        "turned.jpg": "turn",
        "mirrored.jpg": "turn",
    }
    assert fates(project, source, other_size="scale") == {
        "a.png": "scale",
        "turned.jpg": "scale",
        "mirrored.jpg": "import",
    }
    assert fates(project, source, other_size="scale", turn="sized")["turned.jpg"] == "turn"
    plan = plan_import(project, "index-png", source)
    remarks = {row.name: row.remark for row in plan.rows}
    assert remarks["a.png"] == "The mask is 4 x 3 px, but its image is 8 x 6 px."
    assert "without its EXIF orientation" in remarks["turned.jpg"]
    assert any("1 masks were drawn on pictures without their EXIF" in note for note in plan.notes)
    assert not (project.folder).exists()


def test_other_options_need_no_new_look(project: Project, tmp_path: Path) -> None:
    source = masks(tmp_path / "masks", a=(3, 4), turned=SHAPE, mirrored=SHAPE)
    plan = plan_import(project, "index-png", source)
    for options in (
        ImportOptions(turn="all"),
        ImportOptions(other_size="scale", only=frozenset({"a.png"})),
        ImportOptions(layer="prediction"),
    ):
        assert plan.under(options) == plan_import(project, "index-png", source, options)
    assert plan.under(ImportOptions(only=frozenset())).counts() == {"skip": 3}
    assert plan.counts() == {"refuse": 2, "import": 1}
    assert [row.name for row in plan.coming] == ["mirrored.jpg"]


def test_painted_images_are_kept_but_for_predictions(project: Project, tmp_path: Path) -> None:
    source = masks(tmp_path / "masks", a=SHAPE)
    project.write_annotation("a.png", np.ones(SHAPE, np.uint8), {})
    plan = plan_import(project, "index-png", source)
    assert plan.rows[0].state is Status.PAINTED
    assert (plan.rows[0].fate, plan.rows[0].remark) == ("keep", "It is painted here already.")
    assert fates(project, source, replace=True) == {"a.png": "import"}
    assert fates(project, source, layer="prediction") == {"a.png": "import"}
    assert plan.missing == ("mirrored.jpg", "turned.jpg")


def test_broken_images_are_refused_with_their_reason(project: Project, tmp_path: Path) -> None:
    source = masks(tmp_path / "masks", a=SHAPE)
    (project.image_root / "a.png").write_bytes(b"broken")
    row = plan_import(project, "index-png", source).rows[0]
    assert row.fate == "refuse"
    assert "a.png" in row.remark


def test_what_can_t_be_told_is_a_row_and_a_person_s_choice(tmp_path: Path) -> None:
    for name in ("x/a.png", "y/a.png", "b.png"):
        (tmp_path / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", SHAPE[::-1]).save(tmp_path / "images" / name)
    source = masks(tmp_path / "masks", a=SHAPE, b=SHAPE)
    project = Project.open(tmp_path / "images")
    plan = plan_import(project, "index-png", source)
    rows = {row.name: row for row in plan.rows}
    assert rows["b.png"].fate == "import"
    assert rows["x/a.png"].fate == rows["y/a.png"].fate == "refuse"
    assert rows["x/a.png"].candidates == ("a",)
    assert "may be a." in rows["x/a.png"].remark
    assert plan.missing == plan.unused == ()
    plan = plan_import(project, "index-png", source, ImportOptions(pairs={"y/a.png": "a"}))
    assert {row.name: row.fate for row in plan.rows} == {"y/a.png": "import", "b.png": "import"}
    assert plan.missing == ("x/a.png",)


def test_certain_pairs_are_found_beside_uncertain_ones() -> None:
    found = match_certain(["x/a", "y/a", "b", "c"], ["a.jpg", "b.jpg", "d.jpg"])
    assert found.pairs == {"b.jpg": "b"}
    assert found.ambiguous == {"a.jpg": ("x/a", "y/a")}
    assert found.unused == ("c",)
    assert found.missing == ("d.jpg",)
    chosen = match_certain(["x/a", "y/a"], ["a.jpg"], {"a.jpg": "y/a", "gone.jpg": "x/a"})
    assert chosen.pairs == {"a.jpg": "y/a"}
    assert chosen.unused == ("x/a",)
    spare = match_certain(["x/a", "y/a", "a"], ["x/a.jpg", "y/a.jpg"])
    assert spare.pairs == {"x/a.jpg": "x/a", "y/a.jpg": "y/a"}
    assert spare.unused == ("a",)


@given(
    keys=st.lists(st.sampled_from(["a", "x/a", "y/a", "b", "x/b", "c.png", "c"]), max_size=6),
    images=st.lists(
        st.sampled_from(["a.jpg", "x/a.jpg", "y/a.png", "b.tif", "z/b.jpg", "c.png"]), unique=True
    ),
)
def test_every_image_and_mask_has_one_place(keys: list[str], images: list[str]) -> None:
    found = match_certain(keys, images)
    assert sorted([*found.pairs, *found.ambiguous, *found.missing]) == sorted(images)
    open_keys = {key for some in found.ambiguous.values() for key in some}
    assert set(found.pairs.values()) | open_keys | set(found.unused) == set(keys)
    assert len(set(found.pairs.values())) == len(found.pairs)
    assert not set(found.pairs.values()) & open_keys


def test_classes_are_found_by_name_and_likeness() -> None:
    table = ClassTable(
        tuple(
            PixelClass(index, name, "#000000")
            for index, name in enumerate(["Background", "nucleus", "Cell Wall", "berry", "glass"])
        ),
        0,
    )
    source = ClassTable(
        tuple(
            PixelClass(index, name, "#123456")
            for index, name in enumerate(
                ["void", "NUCLEUS", "cell_walls", "berries", "glasses", "grass", "cell"]
            )
        ),
        0,
    )
    found = {one.name: (one.here, one.likeness) for one in found_classes(source, table)}
    assert found == {
        "void": ("Background", "background"),
        "NUCLEUS": ("nucleus", "same"),
        "cell_walls": ("Cell Wall", "similar"),
        "berries": ("berry", "similar"),
        "glasses": ("glass", "similar"),
        "grass": (None, "none"),
        "cell": (None, "none"),
    }
    without = replace(table, background=None)
    assert found_classes(source, without)[0].here == ""
    twice = ClassTable((PixelClass(0, "cells", "#000000"), PixelClass(1, "cell_", "#000000")), None)
    assert found_classes(ClassTable((PixelClass(0, "CELL", "#000000"),), None), twice)[0].here is None


def test_a_new_class_gets_a_colour_that_no_other_class_has(project: Project) -> None:
    here = ClassTable.binary("cell")  # on the first colour of the palette
    there = ClassTable.binary("leaf").add("stem").add("root", "#123456")
    colors = {one.name: one.color for one in found_classes(there, here)}
    assert colors["root"] == "#123456"
    assert colors["stem"] == there.get(2).color
    assert colors["leaf"] not in {here.get(1).color, *(entry.color for entry in there.active)}
    project.set_classes(here)
    incoming = Incoming(there, (), lambda _key, _shape: pytest.fail("read"))
    after = classes_after(project, incoming, False, ImportOptions(add_classes=True))
    assert {entry.name: entry.color for entry in after.active[2:]} == {
        name: colors[name] for name in ("leaf", "stem", "root")
    }


def test_a_new_project_takes_over_the_classes_and_says_so(project: Project, tmp_path: Path) -> None:
    source = masks(tmp_path / "masks", a=SHAPE)
    plan = plan_import(project, "index-png", source)
    assert plan.takes_over
    assert [(one.name, one.likeness) for one in plan.classes] == [("background", "same"), ("cell", "same")]
    project.set_name("still without classes")
    assert plan_import(project, "index-png", source).takes_over
    project.set_classes(ClassTable.binary("nucleus"))
    plan = plan_import(project, "index-png", source)
    assert not plan.takes_over
    assert plan.classes[1].here is None


def test_it_can_be_cancelled_and_opened_once(project: Project, tmp_path: Path) -> None:
    source = masks(tmp_path / "masks", a=SHAPE, turned=SHAPE)
    seen = []
    plan = plan_import(project, "index-png", source, advance=lambda *step: seen.append(step))
    assert seen == [(0, 2), (1, 2), (2, 2)]
    again = plan_import(project, "index-png", tmp_path / "gone", incoming=plan.incoming)
    assert again.rows == plan.rows

    def stop(*_: int) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        plan_import(project, "index-png", source, advance=stop)
    with pytest.raises(Cancelled):
        examine(plan, project, advance=stop)


def test_a_plan_is_plain_json(project: Project, tmp_path: Path) -> None:
    plan = plan_import(project, "index-png", masks(tmp_path / "masks", a=(3, 4)))
    value = json.loads(json.dumps(plan.to_json()))
    assert value["images"][0]["mask_size"] == {"width": 4, "height": 3}
    assert value["counts"] == {"refuse": 1}


# -- what masks hold --------------------------------------------------------------------------------------


def boxes(*regions: tuple[str, Rect] | tuple[str, Rect, str]) -> Scene:
    """A scene of filled rectangles."""

    def region(name: str, rect: Rect, instance: str = "") -> Region:
        return Region(name, lambda _: (rect, np.ones((rect.height, rect.width), bool)), instance)

    return Scene((10, 12), tuple(region(*one) for one in regions), lambda why: StudioError(why))


LEGEND = Legend.of(["cell", "wall", "ignore"])
NAMED = st.sampled_from(["cell", "wall", "ignore"])
RECTS = st.tuples(st.integers(0, 8), st.integers(0, 8), st.integers(1, 4), st.integers(1, 4)).map(
    lambda p: Rect(p[0], p[1], min(p[0] + p[2], 10), min(p[1] + p[3], 12))
)


@given(st.lists(st.tuples(NAMED, RECTS), max_size=6), st.sampled_from(Order))
def test_drawing_and_counting_in_one_go_is_the_same(found: list[tuple[str, Rect]], order: Order) -> None:
    scene = boxes(*found)
    result = drawn(scene, LEGEND, order)
    assert np.array_equal(result.labels, draw_scene(scene, LEGEND, order))
    # Which pixels are shared does not hang on the order; which class was drawn last does.
    assert result.shared == overlap(scene, LEGEND)


def project_of_boxes(folder: Path, shapes: list[dict[str, object]]) -> Project:
    """One image with labelme shapes."""
    (folder / "images").mkdir()
    (folder / "masks").mkdir()
    Image.new("RGB", (12, 10)).save(folder / "images" / "a.png")
    value = {
        "version": "5.4.1",
        "flags": {},
        "shapes": shapes,
        "imagePath": "a.png",
        "imageData": None,
        "imageHeight": 10,
        "imageWidth": 12,
    }
    (folder / "masks" / "a.json").write_text(json.dumps(value))
    return Project.open(folder / "images")


def box(
    label: str, left: int, top: int, right: int, bottom: int, group: int | None = None
) -> dict[str, object]:
    points = [[left, top], [right, top], [right, bottom], [left, bottom]]
    return {"label": label, "points": points, "group_id": group, "shape_type": "polygon", "flags": {}}


def test_overlaps_and_touching_objects_are_counted(tmp_path: Path) -> None:
    project = project_of_boxes(
        tmp_path,
        [
            box("cell", 0, 0, 3, 3),
            box("cell", 4, 0, 7, 3),  # touches the first
            box("cell", 9, 0, 11, 3),  # stands alone
            box("wall", 2, 2, 5, 5),  # over both
        ],
    )
    plan = plan_import(project, "labelme", tmp_path / "masks")
    assert plan.has_regions
    found = examine(plan, project)
    assert found.images == 1
    assert found.overlapping == {"a.png": 8}  # 4 x 2 px
    assert found.touching == {"a.png": {"cell": Touching(3, 2)}}
    assert found.merged() == 1
    assert found.pixels == {"background": 120 - 44 - 8, "cell": 44 - 8, "wall": 16}
    below = examine(plan, project, options=ImportOptions(order=Order.REVERSED))
    assert below.pixels["cell"] == 44
    assert examine(plan, project, names=[]).images == 0


def test_objects_of_several_parts_are_one(tmp_path: Path) -> None:
    project = project_of_boxes(
        tmp_path, [box("cell", 0, 0, 2, 2, 7), box("cell", 6, 6, 8, 8, 7), box("cell", 10, 0, 11, 2)]
    )
    plan = plan_import(project, "labelme", tmp_path / "masks")
    assert examine(plan, project).touching == {}


@given(st.lists(st.tuples(st.just("cell"), RECTS), min_size=2, max_size=6, unique=True))
def test_objects_without_a_gap_are_one(found: list[tuple[str, Rect]]) -> None:
    from unet_studio.formats.examination import _touching

    scene = boxes(*found)
    labels = draw_scene(scene, LEGEND)
    pieces = cv2.connectedComponents((labels == 1).astype(np.uint8), connectivity=8)[0] - 1
    result = _touching(scene, LEGEND, Order.FILE, labels).get("cell")
    if result is not None:  # every object here is one rectangle, though others may cut it into pieces
        assert result.components <= pieces
        assert result.instances <= len(found)
        assert result.components < result.instances
    else:
        assert pieces >= 1


def test_strange_values_and_broken_masks_are_told(project: Project, tmp_path: Path) -> None:
    source = masks(tmp_path / "masks", a=SHAPE, mirrored=SHAPE)
    plan = plan_import(project, "index-png", source)
    (source / "mirrored.png").write_bytes(b"broken")
    read = plan.incoming.read
    odd = np.full(SHAPE, 9, np.uint8)
    incoming = replace(plan.incoming, read=lambda key, shape: odd if key == "a" else read(key, shape))
    found = examine(replace(plan, incoming=incoming), project)
    assert found.strange == {"a.png": (9,)}
    assert set(found.problems) == {"mirrored.jpg"}
    assert json.loads(json.dumps(found.to_json()))["strange_values"] == {"a.png": [9]}


@pytest.mark.data
def test_pictures_of_every_orientation(data: Path, tmp_path: Path) -> None:
    """Masks of the pictures as they are stored fit once they are turned, of all eight orientations."""
    from unet_studio.core.image_io import read_image, read_info
    from unet_studio.formats.importing import import_masks

    pictures = sorted((data / "torture" / "exif_orientation").glob("*.jpg"))
    folder = tmp_path / "images"
    folder.mkdir()
    stored = {}
    for path in pictures:
        (folder / path.name).symlink_to(path)
        with Image.open(path) as image:  # Pillow leaves the orientation alone
            stored[path.name] = (np.asarray(image.convert("L")) > 128).astype(np.uint8)
            write_index_png(tmp_path / "masks" / f"{path.stem}.png", stored[path.name], TABLE.palette())
    write_classes_file(tmp_path / "masks" / "classes.json", "m", TABLE)
    project = Project.open(folder)
    assert {read_info(folder / path.name).orientation for path in pictures} >= set(range(1, 9))
    report = import_masks(project, "index-png", tmp_path / "masks", ImportOptions(turn="all"))
    assert report.problems == {}
    for path in pictures:
        found = project.truth(path.name)
        assert found is not None
        info = read_info(path)
        assert found.shape == (info.height, info.width)
        assert np.array_equal(found, oriented(stored[path.name], info.orientation))
        seen = read_image(path)
        seen = seen if seen.ndim == 2 else np.asarray(Image.fromarray(seen[..., :3]).convert("L"))
        assert np.mean(found == (seen > 128)) > 0.999
    project.close()
