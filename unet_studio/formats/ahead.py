"""Work on many items begun in threads while earlier ones are used: in order, and never far ahead.

It pays where the work waits for the disk or decodes pictures, which leaves the interpreter to others.
"""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from unet_studio.core.errors import StudioError

Item = TypeVar("Item")
Result = TypeVar("Result")

WORKERS = min(4, os.cpu_count() or 1)
MOST = 1 << 28  # bytes of results that may wait to be used


def ahead(
    items: Iterable[Item],
    work: Callable[[Item], Result],
    size: Callable[[Result], int] = lambda _result: 0,
    workers: int = WORKERS,
) -> Generator[tuple[Item, Result | StudioError], None, None]:
    """Each item with what work(item) gives, or with the StudioError that it raises, in the order of items.

    size(result): bytes of memory; the first result tells how far ahead the others may be. What is under way
    where the caller stops ends before the generator is closed: at most one item a worker.
    """
    waiting: deque[tuple[Item, Future[Result]]] = deque()
    largest, allowed = 0, 0  # nothing ahead of the first
    pool = ThreadPoolExecutor(workers, "ahead")
    try:
        for item in items:
            waiting.append((item, pool.submit(work, item)))
            while len(waiting) > allowed:
                entry = _next(waiting)
                if not isinstance(entry[1], StudioError):
                    largest = max(largest, size(entry[1]))
                    allowed = min(2 * workers, MOST // max(largest, 1))
                yield entry
        while waiting:
            last = _next(waiting)
            yield last
    finally:
        pool.shutdown(cancel_futures=True)


def _next(waiting: "deque[tuple[Item, Future[Result]]]") -> tuple[Item, Result | StudioError]:
    item, future = waiting.popleft()
    try:
        return item, future.result()
    except StudioError as error:
        return item, error
