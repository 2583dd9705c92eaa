"""The index of thumbnails is a cache: it forgets, it mends itself, it never raises."""

import sqlite3
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unet_studio.core.index import ThumbnailIndex

STAMP = (1_700_000_000_123_456_789, 4711)


def test_what_was_put_is_found_again_after_closing(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    index = ThumbnailIndex(path)
    assert index.get("a.png", STAMP) is None
    assert not path.exists()
    index.put("a.png", STAMP, b"picture", 640, 480)
    index.close()
    again = ThumbnailIndex(path)
    assert again.get("a.png", STAMP) == b"picture"
    assert again.size("a.png", STAMP) == (640, 480)
    again.close()
    assert [entry.name for entry in tmp_path.iterdir()] == ["index.sqlite"]  # no WAL, no left-overs


def test_another_state_of_the_file_is_another_picture(tmp_path: Path) -> None:
    index = ThumbnailIndex(tmp_path / "index.sqlite")
    index.put("a", STAMP, b"old", 1, 1)
    assert index.get("a", (STAMP[0] + 1, STAMP[1])) is None
    assert index.get("a", (STAMP[0], STAMP[1] + 1)) is None
    assert index.size("a", (0, 0)) is None
    index.put("a", (5, 6), b"new", 1, 1)
    assert index.get("a", STAMP) is None
    assert index.get("a", (5, 6)) == b"new"
    index.close()


@given(st.dictionaries(st.text(st.characters(), max_size=20), st.binary(max_size=50), max_size=5))
def test_any_name_and_any_bytes(pictures: dict[str, bytes]) -> None:
    index = ThumbnailIndex(None)
    for name, picture in pictures.items():
        index.put(name, STAMP, picture, 1, 2)
    assert {name: index.get(name, STAMP) for name in pictures} == pictures
    index.close()


def test_names_that_are_no_text() -> None:
    index = ThumbnailIndex(None)
    index.put("caf\udce9.png", STAMP, b"x", 1, 1)
    assert index.get("caf\udce9.png", STAMP) == b"x"
    index.close()


def other_table(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE thumbnails (something INTEGER)")
    connection.commit()
    connection.close()


def damaged(path: Path) -> None:
    index = ThumbnailIndex(path)
    for number in range(200):
        index.put(f"{number}", STAMP, bytes(500), 1, 1)
    index.close()
    data = bytearray(path.read_bytes())
    data[100:] = b"\xa5" * (len(data) - 100)
    path.write_bytes(data)


@pytest.mark.parametrize(
    "breaker",
    [other_table, damaged, lambda path: path.write_bytes(b"no database" * 500), lambda path: path.touch()],
    ids=["other table", "damaged", "no database", "empty"],
)
def test_a_broken_file_is_replaced(tmp_path: Path, breaker: object) -> None:
    path = tmp_path / "index.sqlite"
    breaker(path)  # type: ignore[operator]
    index = ThumbnailIndex(path)
    assert index.get("a", STAMP) is None
    index.put("a", STAMP, b"x", 1, 1)
    assert index.get("a", STAMP) == b"x"
    index.close()
    again = ThumbnailIndex(path)
    assert again.get("a", STAMP) == b"x"
    again.close()


def test_without_a_folder_it_lives_in_memory_and_creates_nothing(tmp_path: Path) -> None:
    index = ThumbnailIndex(tmp_path / "absent" / "index.sqlite")
    assert index.get("a", STAMP) is None
    index.put("a", STAMP, b"x", 1, 1)
    assert index.get("a", STAMP) == b"x"
    index.close()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "index.sqlite").mkdir()
    index = ThumbnailIndex(tmp_path / "index.sqlite")
    assert index.get("a", STAMP) is None
    index.put("a", STAMP, b"x", 1, 1)
    assert index.get("a", STAMP) == b"x"
    index.close()
    assert (tmp_path / "index.sqlite").is_dir()


def test_a_file_that_another_process_holds_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unet_studio.core.index._WAIT", 0.01)
    path = tmp_path / "index.sqlite"
    index = ThumbnailIndex(path)
    index.put("a", STAMP, b"mine", 1, 1)
    other = sqlite3.connect(path)
    other.execute("BEGIN EXCLUSIVE")
    index.put("b", STAMP, b"x", 1, 1)
    assert index.get("a", STAMP) is None
    other.rollback()
    other.close()
    assert index.get("a", STAMP) == b"mine"
    assert index.get("b", STAMP) is None
    index.close()


def test_many_threads(tmp_path: Path) -> None:
    index = ThumbnailIndex(tmp_path / "index.sqlite")
    wrong: list[object] = []

    def work(number: int) -> None:
        for step in range(20):
            name = f"{number}-{step}"
            index.put(name, STAMP, name.encode(), number, step)
            if index.get(name, STAMP) != name.encode():
                wrong.append(name)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert all(index.size(f"{n}-{s}", STAMP) == (n, s) for n in range(6) for s in range(20))
    index.close()
