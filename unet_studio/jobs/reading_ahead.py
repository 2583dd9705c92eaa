"""Reading the images that are predicted next, while the network works on the one before."""

import os
from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

if TYPE_CHECKING:
    from unet_studio.model.predict import Prepared

AHEAD = 3  # images read ahead: a card may predict one faster than one thread decodes it


@dataclass(frozen=True)
class Read:
    """An image, as it is or as a model wants it. digest: core.image_io.pixel_hash of its pixels."""

    image: "NDArray[Any] | Prepared"
    digest: str


class ReadingAhead:
    """Calls that run in a few threads of their own, known by what they are for; used by one thread."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None  # made when it is needed
        self._begun: dict[Hashable, Future[Read | None]] = {}

    def want(self, calls: Iterable[tuple[Hashable, Callable[[], Read | None]]]) -> None:
        """Begin what isn't begun yet, in this order; what is not among it any more is dropped."""
        wanted = dict(calls)
        for key in [key for key in self._begun if key not in wanted]:
            self._begun.pop(key).cancel()
        for key, call in wanted.items():
            if key not in self._begun:
                self._begun[key] = self._threads().submit(call)

    def take(self, key: Hashable) -> Future[Read | None] | None:
        """What was begun for this, if anything was; its call may not have ended."""
        return self._begun.pop(key, None)

    def stop(self) -> None:
        """Drop everything, and wait for the calls that run."""
        self.want(())
        if self._pool is not None:
            self._pool.shutdown()

    def _threads(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(min(AHEAD, os.cpu_count() or 1), "reading ahead")
        return self._pool
