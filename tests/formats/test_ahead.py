"""Work begun ahead in threads: in order, bounded, and over when the caller is."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from unet_studio.core.errors import StudioError
from unet_studio.formats import ahead as module
from unet_studio.formats.ahead import ahead


def test_results_come_in_the_order_of_items_whichever_is_ready_first() -> None:
    def work(number: int) -> int:
        time.sleep(0.01 if number % 3 == 0 else 0)
        return number * number

    assert list(ahead(range(40), work, workers=4)) == [(number, number * number) for number in range(40)]
    assert list(ahead([], work)) == []


def test_an_error_belongs_to_its_item_alone() -> None:
    def work(number: int) -> int:
        if number == 2:
            raise StudioError("broken")
        return number

    found = dict(ahead(range(4), work))
    assert str(found[2]) == "broken"
    assert [found[number] for number in (0, 1, 3)] == [0, 1, 3]


@pytest.mark.parametrize(("size", "most"), [(1, 8), (1 << 27, 2), (1 << 28, 1), (1 << 40, 0)])
def test_what_waits_is_bounded_by_its_size(size: int, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 1 << 28)
    begun = 0
    lock = threading.Lock()

    def work(_number: int) -> int:
        nonlocal begun
        with lock:
            begun += 1
        return 0

    for used, _ in enumerate(ahead(range(30), work, lambda _: size, workers=4)):
        time.sleep(0.002)
        assert begun <= used + 1 + most
    assert begun == 30


def test_who_stops_waits_for_what_is_under_way_and_no_more() -> None:
    begun: list[int] = []
    ended: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        time.sleep(0.01)
        ended.append(number)
        return number

    def numbers() -> Iterator[int]:
        yield from range(100)

    with closing(ahead(numbers(), work, workers=2)) as results:
        for number, _ in results:
            if number == 3:
                break
    assert sorted(begun) == sorted(ended)
    assert len(begun) <= 4 + 4 + 2
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ahead")]
