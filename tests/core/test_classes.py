"""Class tables: indices are permanent, names are told apart, JSON brings everything back."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unet_studio.core.classes import (
    DEFAULT_COLORS,
    ClassTable,
    PixelClass,
    read_classes_file,
    rgb,
    write_classes_file,
)
from unet_studio.core.errors import StudioError
from unet_studio.core.storage import write_json

NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8).filter(str.strip)
COLORS = st.from_regex(r"#[0-9a-fA-F]{6}", fullmatch=True)


@st.composite
def tables(draw: st.DrawFn) -> ClassTable:
    indices = draw(st.lists(st.integers(0, 254), unique=True, max_size=6))
    classes = tuple(
        PixelClass(
            index, draw(NAMES), draw(COLORS), draw(st.none() | st.sampled_from("1aß")), draw(st.booleans())
        )
        for index in indices
    )
    return ClassTable(classes, draw(st.sampled_from([None, *indices])))


@given(tables())
def test_json_round_trip(table: ClassTable) -> None:
    assert ClassTable.from_json(json.loads(json.dumps(table.to_json()))) == table


def test_a_new_project_has_background_and_one_class() -> None:
    table = ClassTable.binary("cell")
    assert table.indices == (0, 1)
    assert table.foreground == (1,)
    assert table.background == 0
    assert table.describe() == "0 background, 1 cell"


@given(tables(), NAMES)
def test_a_new_class_gets_an_index_above_all_that_ever_were(table: ClassTable, name: str) -> None:
    if table.named(name) or any(entry.index == 254 for entry in table.classes):
        with pytest.raises(StudioError):
            table.add(name)
        return
    added = table.add(name)
    new = added.classes[-1]
    assert added.classes[:-1] == table.classes
    assert new.index == max((entry.index for entry in table.classes), default=-1) + 1
    assert new.name == " ".join(name.split())
    assert new.color.lower() not in {entry.color.lower() for entry in table.classes}


def test_a_retired_index_is_never_given_again() -> None:
    table = ClassTable.binary().add("nucleus").add("cell").retire(3)
    assert table.indices == (0, 1, 2)
    assert table.get(3).retired
    assert table.named("cell") is None
    again = table.add("cell")
    assert again.named("cell") == PixelClass(4, "cell", again.get(4).color)


def test_colors_run_out_gracefully_and_indices_don_t() -> None:
    table = ClassTable(())
    for number in range(255):
        table = table.add(f"class {number}")
    assert len({entry.color for entry in table.classes}) == len(DEFAULT_COLORS)
    with pytest.raises(StudioError, match="All 255"):
        table.add("one more")


def test_renaming_recoloring_retiring() -> None:
    table = ClassTable.binary("cell").add("nucleus", "#010203")
    assert table.renamed(1, " body ").get(1).name == "body"
    assert table.renamed(1, "Cell").get(1).name == "Cell"
    assert table.recolored(2, "#ABCDEF").get(2).color == "#ABCDEF"
    changes = (
        (lambda: table.renamed(1, "NUCLEUS"), "already"),
        (lambda: table.renamed(1, "  "), "needs a name"),
        (lambda: table.renamed(9, "x"), "no class 9"),
        (lambda: table.add("Nucleus"), "already"),
        (lambda: table.add(" "), "needs a name"),
        (lambda: table.recolored(1, "red"), "not a colour"),
        (lambda: table.retire(0), "background can't be deleted"),
        (lambda: table.retire(7), "no class 7"),
    )
    for change, message in changes:
        with pytest.raises(StudioError, match=message) as caught:
            change()
        assert caught.value.remedy


def test_an_exact_name_goes_before_a_loose_one() -> None:
    table = ClassTable((PixelClass(3, "cell", "#000000"), PixelClass(4, "Cell", "#000001")))
    for name, index in (("Cell", 4), ("cell", 3), (" Cell ", 4), ("CELL", 3)):
        found = table.named(name)
        assert found is not None
        assert found.index == index
    assert table.named("cells") is None


@pytest.mark.parametrize("index", [-1, 255, 256])
def test_indices_are_0_to_254(index: int) -> None:
    with pytest.raises(StudioError, match="out of range"):
        PixelClass(index, "x", "#000000")


def test_tables_that_contradict_themselves() -> None:
    cell = PixelClass(1, "cell", "#000000")
    with pytest.raises(StudioError, match="share an index"):
        ClassTable((cell, PixelClass(1, "other", "#000000")))
    with pytest.raises(StudioError, match="is not a class"):
        ClassTable((cell,), 0)


def test_palette_has_every_color_at_its_index() -> None:
    table = ClassTable((PixelClass(0, "a", "#010203"), PixelClass(254, "b", "#Ff8000", retired=True)))
    palette = table.palette()
    assert palette.shape == (256, 3)
    assert palette.dtype == np.uint8
    assert palette[0].tolist() == [1, 2, 3]
    assert palette[254].tolist() == [255, 128, 0]
    assert (palette[1:254] == 128).all()
    assert rgb("#0a0B0c") == (10, 11, 12)


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"classes": None},
        {"classes": [1]},
        {"classes": [{"index": "x", "name": "a", "color": "#000000"}]},
        {"classes": [{"index": float("inf"), "name": "a", "color": "#000000"}]},
        {"classes": [{"name": "a", "color": "#000000"}]},
        {"classes": [{"index": 1, "name": "a", "color": "#00"}]},
        {"classes": [], "background": 3},
    ],
)
def test_json_that_is_no_table(value: object) -> None:
    with pytest.raises(StudioError) as caught:
        ClassTable.from_json(value)
    assert caught.value.remedy


def test_the_background_is_found_by_its_name_where_the_file_says_nothing() -> None:
    classes = [
        {"index": 4, "name": "Background", "color": "#000000"},
        {"index": 5, "name": "x", "color": "#111111"},
    ]
    assert ClassTable.from_json({"classes": classes}).background == 4
    assert ClassTable.from_json({"classes": classes, "background": None}).background is None
    assert ClassTable.from_json({"classes": classes[1:]}).background is None


def test_classes_file_round_trip(tmp_path: Path) -> None:
    table = ClassTable.binary().add("old").add("nucleus").retire(2)
    write_classes_file(tmp_path / "classes.json", "set", table)
    read, ignore = read_classes_file(tmp_path / "classes.json")
    assert ignore == 255
    assert read.classes == table.active
    assert read.background == 0


def test_void_is_no_class_even_where_it_is_called_background(tmp_path: Path) -> None:
    path = tmp_path / "classes.json"
    entries = [
        {"index": index, "name": name, "color": "#000000"} for index, name in ((0, "background"), (1, "sky"))
    ]
    write_json(path, {"name": "set", "classes": entries, "ignore_index": 0})
    table, ignore = read_classes_file(path)
    assert ignore == 0
    assert table.indices == (1,)
    assert table.background is None


@pytest.mark.data
@pytest.mark.parametrize(
    ("folder", "count", "background", "ignore"),
    [("human_seg", 2, 0, None), ("street_camvid", 11, None, 11), ("em_vnc", 6, None, None)],
)
def test_classes_files_of_real_sets(
    data: Path, folder: str, count: int, background: int | None, ignore: int
) -> None:
    table, found = read_classes_file(data / folder / "classes.json")
    assert len(table.active) == count
    assert table.background == background
    assert found == json.loads((data / folder / "classes.json").read_text())["ignore_index"]
    assert found == ignore or folder == "em_vnc"
    assert found not in table.indices


@given(tables(), st.data())
def test_moving_classes_changes_the_order_alone(table: ClassTable, data: st.DataObject) -> None:
    before = {entry.index: entry for entry in table.classes}
    for _ in range(3):
        if not table.indices:
            return
        index = data.draw(st.sampled_from(table.indices))
        place = data.draw(st.integers(-2, 8))
        moved = table.moved(index, place)
        assert {entry.index: entry for entry in moved.classes} == before
        assert moved.background == table.background
        others = [other for other in table.indices if other != index]
        assert [other for other in moved.indices if other != index] == others
        assert moved.indices.index(index) == min(max(place, 0), len(others))
        assert ClassTable.from_json(json.loads(json.dumps(moved.to_json()))) == moved
        table = moved


@given(tables(), st.data())
def test_merging_classes_keeps_every_index_and_leads_to_one_that_is_there(
    table: ClassTable, data: st.DataObject
) -> None:
    table = ClassTable(tuple(replace(entry, retired=False) for entry in table.classes), table.background)
    indices = {entry.index for entry in table.classes}
    for _ in range(data.draw(st.integers(0, 5))):
        choices = [index for index in table.indices if index != table.background]
        if not choices:
            break
        index = data.draw(st.sampled_from(choices))
        others = [other for other in table.indices if other != index]
        before = table
        table = table.retire(index, data.draw(st.sampled_from([*others, 255])))
        assert {entry.index for entry in table.classes} == indices
        assert set(before.indices) - set(table.indices) == {index}
    now = table.successors()
    if now is None:
        assert all(entry.becomes is None for entry in table.classes)
        return
    for value in range(256):
        entry = next((entry for entry in table.classes if entry.index == value), None)
        gone = entry is not None and entry.retired
        assert (int(now[value]) in (*table.indices, 255)) if gone else now[value] == value
    assert np.array_equal(now[now], now)  # once is enough
    assert table.background is None or now[table.background] == table.background


def test_a_class_that_became_itself_by_way_of_others_ends_the_search() -> None:
    round_and_round = ClassTable.from_json(
        {
            "classes": [
                {"index": 0, "name": "a", "color": "#000000", "retired": True, "becomes": 1},
                {"index": 1, "name": "b", "color": "#000000", "retired": True, "becomes": 0},
            ]
        }
    )
    assert round_and_round.successors() is not None


def test_a_key_belongs_to_one_class() -> None:
    table = ClassTable.binary().add("roof").keyed(1, "5").keyed(2, "5")
    assert [entry.key for entry in table.classes] == [None, None, "5"]
    assert table.keyed(2, None).get(2).key is None
    assert table.retire(2, 1).get(2).key is None


def test_free_colours_are_those_of_no_active_class() -> None:
    table = ClassTable.binary().add("roof")
    assert set(DEFAULT_COLORS) - set(table.free_colors) == {table.get(1).color, table.get(2).color}
    assert table.get(2).color in table.retire(2, 1).free_colors


def test_a_name_from_elsewhere_is_one_line_and_found_as_it_is_written() -> None:
    table = ClassTable.from_json({"classes": [{"index": 0, "name": "  cell\n wall\t", "color": "#000000"}]})
    assert table.describe() == "0 cell wall"
    assert table.named("  cell\n wall\t") == table.named("cell wall") == table.get(0)


def test_a_classes_file_that_lacks_something_is_named_with_what_it_lacks(tmp_path: Path) -> None:
    path = tmp_path / "classes.json"
    write_json(path, {"classes": [{"index": 0, "name": "cell"}]})
    with pytest.raises(StudioError, match=r'classes\.json: .*no "color"'):
        read_classes_file(path)
