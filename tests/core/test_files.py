"""Images of a folder: which, and in what order."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unet_studio.core.errors import Cancelled, StudioError
from unet_studio.core.files import ImageWalk, find_images, natural_key, path_key, stored_names

# Few letters, so that equal and nearly equal texts are common.
TEXTS = st.text("aAbß019²٣ /._-é", max_size=12) | st.text(max_size=8)


@given(TEXTS, TEXTS, TEXTS)
def test_natural_key_is_a_total_order(first: str, second: str, third: str) -> None:
    a, b, c = natural_key(first), natural_key(second), natural_key(third)
    assert (a == b) == (first == second)
    assert (a < b) + (b < a) + (a == b) == 1
    if a < b < c:
        assert a < c


@given(
    st.text("abc_", max_size=4), st.integers(0, 10**30), st.integers(0, 10**30), st.text("abc", max_size=4)
)
def test_numbers_are_compared_as_numbers(before: str, low: int, high: int, after: str) -> None:
    if low != high:
        smaller = natural_key(f"{before}{low}{after}") < natural_key(f"{before}{high}{after}")
        assert smaller == (low < high)
        padded = natural_key(f"{before}{low:040}{after}") < natural_key(f"{before}{high}{after}")
        assert padded == (low < high)


def test_order_of_a_usual_folder() -> None:
    wanted = [
        "A1.png",
        "a2.PNG",
        "a10.png",
        "a10b.png",
        "B.png",
        "img-2-9.tif",
        "img-2-10.tif",
        "Ä.png",
        "日本.png",
    ]
    for other in (wanted[::-1], sorted(wanted), wanted[3:] + wanted[:3]):
        assert sorted(other, key=natural_key) == wanted


def test_numbers_of_any_length() -> None:
    natural_key("9" * 100_000)


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_images_of_all_folders_in_natural_order(tmp_path: Path) -> None:
    touch(
        tmp_path,
        *("b/2.png", "b/10.png", "a.JPG", "B/1.tiff", "deep/er/still/x.webp", "notes.txt", "png", ".png"),
        *(".hidden.png", ".git/a.png", "unet-studio/annotations/a.JPG.png", "日本語/画像.png", "a.jpg.json"),
    )
    (tmp_path / "folder.png").mkdir()
    touch(tmp_path, "folder.png/inside.bmp")
    assert find_images(tmp_path, skip=("unet-studio",)) == [
        "a.JPG",
        "B/1.tiff",
        "b/2.png",
        "b/10.png",
        "deep/er/still/x.webp",
        "folder.png/inside.bmp",
        "日本語/画像.png",
    ]


def test_skip_by_name_by_path_and_by_absolute_path(tmp_path: Path) -> None:
    touch(tmp_path, "a/masks/1.png", "b/masks/1.png", "masks/1.png", "c/1.png", "1.png")
    assert find_images(tmp_path, ["masks"]) == ["1.png", "c/1.png"]
    assert find_images(tmp_path, ["a/masks", "c"]) == ["1.png", "b/masks/1.png", "masks/1.png"]
    absolute = find_images(tmp_path, [tmp_path / "masks", tmp_path / "a", Path("/elsewhere")])
    assert absolute == ["1.png", "b/masks/1.png", "c/1.png"]


def test_links_are_followed_but_never_round_in_circles(tmp_path: Path) -> None:
    root, other = tmp_path / "root", tmp_path / "other"
    touch(root, "a/1.png")
    touch(other, "2.png")
    (root / "a" / "back").symlink_to(root, target_is_directory=True)
    (root / "0-again").symlink_to(root / "a", target_is_directory=True)
    (root / "linked").symlink_to(other, target_is_directory=True)
    (other / "round").symlink_to(root, target_is_directory=True)
    (root / "file.png").symlink_to(other / "2.png")
    (root / "broken.png").symlink_to(root / "nowhere.png")
    (root / "self.png").symlink_to(root / "self.png")
    assert find_images(root) == ["a/1.png", "file.png", "linked/2.png"]


def test_names_that_are_no_text(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    try:
        (tmp_path / name).touch()
    except OSError:
        pytest.skip("this file system has no such names")
    touch(tmp_path, "back\\slash.png", "line\nbreak.png")
    assert set(find_images(tmp_path)) == {name, "back\\slash.png", "line\nbreak.png"}
    assert all((tmp_path / found).exists() for found in find_images(tmp_path))


def test_an_unreadable_folder_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "good/1.png", "locked/2.png")
    scan = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert find_images(tmp_path) == ["good/1.png"]
    monkeypatch.undo()
    assert find_images(tmp_path) == ["good/1.png", "locked/2.png"]


def test_a_folder_that_can_t_be_listed_is_an_error(tmp_path: Path) -> None:
    touch(tmp_path, "file.png")
    for name in ("absent", "file.png"):
        with pytest.raises(StudioError, match=name):
            find_images(tmp_path / name)


def test_what_is_in_a_folder_stays_together(tmp_path: Path) -> None:
    touch(tmp_path, "a b/1.png", "a/2.png", "a/10.png", "A/3.png", "a-1/1.png", "a2.png")
    found = find_images(tmp_path)
    assert found == ["A/3.png", "a/2.png", "a/10.png", "a2.png", "a b/1.png", "a-1/1.png"]
    assert found == sorted(found, key=path_key)


def test_an_interrupted_walk_has_the_first_images_and_goes_on(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{folder}/{number}.png" for folder in range(30) for number in range(100)))
    whole = find_images(tmp_path)
    walk = ImageWalk(tmp_path)
    steps = 0
    while not walk.run(0.0):
        assert walk.names == whole[: len(walk.names)]
        steps += 1
    assert steps > 5
    assert walk.names == whole
    assert walk.run()


def test_a_small_folder_is_listed_at_once_however_slow_the_machine(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{number}.png" for number in range(300)))
    assert ImageWalk(tmp_path).run(0.0)


def test_one_large_folder_is_read_in_parts_too(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{number}.png" for number in range(2500)))
    walk = ImageWalk(tmp_path)
    assert not walk.run(0.0)
    assert walk.names == []
    assert walk.run()
    assert walk.names == [f"{number}.png" for number in range(2500)]


def test_a_walk_that_is_stopped_ends(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.png", "b/2.png")
    walk = ImageWalk(tmp_path)
    walk.stopped = True
    with pytest.raises(Cancelled):
        walk.run()


def test_names_of_stored_layers(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg.png", "sub/b.png.png", ".1234.tmp", "sub/.hidden.png", "c.journal")
    found = [name for names in stored_names(tmp_path, ".png") for name in names]
    assert sorted(found) == ["a.jpg", "sub/b.png"]
    assert list(stored_names(tmp_path / "absent", ".png")) == []
