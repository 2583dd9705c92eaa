"""Masks find their images by path, then by stem, and never by guessing."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unet_studio.core.errors import StudioError
from unet_studio.formats.matching import inside, mask_names, match, own_file
from unet_studio.formats.table import format_named

SUFFIXES = (".jpg", ".png", ".tif", ".JPG")
NAMES = st.lists(
    st.tuples(st.sampled_from(["", "a/", "b/", "a/c/"]), st.text("xyz.é", min_size=1, max_size=4)),
    unique=True,
    max_size=6,
).map(lambda parts: [f"{folder}n{stem}" for folder, stem in parts])


def test_the_same_path_wins_over_the_stem() -> None:
    found = match(["a/one", "one"], ["one.jpg", "a/one.jpg"])
    assert found.pairs == {"one.jpg": "one", "a/one.jpg": "a/one"}
    assert found.unused == found.missing == ()


def test_a_stem_finds_its_image_in_any_folder() -> None:
    found = match(["masks/one.png", "two"], ["deep/down/one.jpg", "two.tif", "three.jpg"])
    assert found.pairs == {"deep/down/one.jpg": "masks/one.png", "two.tif": "two"}
    assert found.missing == ("three.jpg",)


def test_a_full_name_tells_a_jpg_from_a_png() -> None:
    found = match(["a.jpg", "a.png"], ["a.jpg", "a.png"])
    assert found.pairs == {"a.jpg": "a.jpg", "a.png": "a.png"}


def test_dots_that_are_no_suffix_stay() -> None:
    assert match(["shot.rf.1a2b"], ["shot.rf.1a2b.jpg"]).pairs == {"shot.rf.1a2b.jpg": "shot.rf.1a2b"}


def test_names_of_other_systems() -> None:
    assert match(["sub\\a.jpg"], ["sub/a.jpg"]).pairs == {"sub/a.jpg": "sub\\a.jpg"}
    assert match(["e\u0301.jpg"], ["\u00e9.jpg"]).pairs == {"\u00e9.jpg": "e\u0301.jpg"}
    assert match(["/data/mine/a.jpg"], ["a.jpg"]).pairs == {"a.jpg": "/data/mine/a.jpg"}


def test_an_image_that_has_its_mask_takes_no_second_one() -> None:
    found = match(["sub/a", "a"], ["sub/a.jpg"])
    assert found.pairs == {"sub/a.jpg": "sub/a"}
    assert found.unused == ("a",)


@pytest.mark.parametrize(
    ("keys", "images", "named"),
    [
        (["a"], ["x/a.jpg", "y/a.jpg"], ["x/a.jpg", "y/a.jpg"]),
        (["a"], ["a.jpg", "a.png"], ["a.jpg", "a.png"]),
        (["x/a", "y/a"], ["a.jpg"], ["x/a", "y/a"]),
    ],
)
def test_ambiguity_lists_both(keys: list[str], images: list[str], named: list[str]) -> None:
    with pytest.raises(StudioError) as error:
        match(keys, images)
    assert all(name in error.value.message for name in named)


@given(stems=NAMES, suffix=st.sampled_from(SUFFIXES))
def test_mask_names_lead_back_to_their_images(stems: list[str], suffix: str) -> None:
    images = [f"{stem}{suffix}" for stem in stems]
    files = mask_names(images)
    assert len({file.casefold() for file in files.values()}) == len({name.casefold() for name in images})
    back = match([file.removesuffix(".png") for file in files.values()], images)
    assert back.pairs == {name: files[name].removesuffix(".png") for name in images}


def test_images_that_differ_in_their_suffix_keep_it() -> None:
    files = mask_names(["a.jpg", "a.tif", "b.jpg"])
    assert files == {"a.jpg": "a.jpg.png", "a.tif": "a.tif.png", "b.jpg": "b.png"}
    assert match([file.removesuffix(".png") for file in files.values()], list(files)).missing == ()


def test_names_that_would_share_a_file_are_refused() -> None:
    with pytest.raises(StudioError, match=r"share one mask file, a\.jpg\.png"):
        mask_names(["a.jpg", "a.tif", "a.jpg.bmp"])


@pytest.mark.parametrize("name", ["../evil.png", "sub/../../evil.png", "/tmp/evil.png"])
def test_no_name_leads_outside(tmp_path: Path, name: str) -> None:
    with pytest.raises(StudioError, match="outside"):
        inside(tmp_path, name)


def test_no_link_leads_outside(tmp_path: Path) -> None:
    (tmp_path / "dest").mkdir()
    (tmp_path / "dest" / "sub").symlink_to(tmp_path)
    with pytest.raises(StudioError, match="outside"):
        inside(tmp_path / "dest", "sub/a.png")
    assert inside(tmp_path / "dest", "other/a.png") == tmp_path / "dest" / "other" / "a.png"


def test_a_file_of_a_foreign_folder_is_its_own(tmp_path: Path) -> None:
    (tmp_path / "outside.json").write_text("{}")
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "real.json").write_text("{}")
    (folder / "away.json").symlink_to(tmp_path / "outside.json")
    (folder / "within.json").symlink_to(folder / "sub" / "real.json")
    (folder / "round.json").symlink_to(folder / "round.json")
    (folder / "[a].json").write_text("{}")
    assert own_file(folder, "away.json") is None
    assert own_file(folder, "round.json") is None
    assert own_file(folder, "sub") is None
    assert own_file(folder, "none.json") is None
    assert own_file(folder / "none", "none.json") is None
    assert own_file(folder, "within.json") == folder / "within.json"
    assert own_file(folder, "[a].json") == folder / "[a].json"


OBJECT = (
    '{"classTitle": "secret", "geometryType": "rectangle", "points": '
    '{"exterior": [[0, 0], [1, 1]], "interior": []}}'
)


@pytest.mark.parametrize(
    ("format_name", "own", "content", "told", "beside"),
    [
        ("yolo", "data.yaml", 'names:\n  0: "secret"\n', "secret", {"labels/a.txt": "0 0 0 1 0 1 1\n"}),
        (
            "supervisely",
            "meta.json",
            '{"classes": [{"title": "secret", "color": "#123456"}]}',
            "#123456",
            {"ds/ann/a.png.json": f'{{"size": {{"height": 4, "width": 4}}, "objects": [{OBJECT}]}}'},
        ),
    ],
)
def test_links_out_of_a_source_are_not_followed(
    format_name: str, own: str, content: str, told: str, beside: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "source"
    for name, text in beside.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / own).write_text(content)
    assert told in str(format_named(format_name).read(folder).classes)
    (tmp_path / "outside").mkdir()
    (folder / own).rename(tmp_path / "outside" / own)
    (folder / own).symlink_to(tmp_path / "outside" / own)
    assert told not in str(format_named(format_name).read(folder).classes)
