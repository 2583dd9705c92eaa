"""Which images a project has, in their order, and how far each is, also where there are 100,000."""

import threading
from collections.abc import Iterable, Mapping
from enum import Enum

import numpy as np
from numpy.typing import NDArray


class Status(Enum):
    """How far an image is: nobody painted, somebody did, or a person found the whole mask right."""

    UNLABELLED = "unlabelled"
    PAINTED = "painted"
    APPROVED = "approved"


STATUSES = tuple(Status)
_CODE = {status: code for code, status in enumerate(STATUSES)}


class ImageTable:
    """Names, their places and states. Safe in threads; replace() lets a listing made in a thread take over.

    A state may also be known of an image that is not listed (yet): its file may be gone, or be found later.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self._places: dict[str, int] = {}
        self._codes = bytearray()
        self._states: dict[str, Status] = {}  # of all that are not unlabelled, listed or not
        self._counts = dict.fromkeys(STATUSES, 0)
        self._since: set[str] | None = None  # what was set while a listing is being made
        self._lock = threading.Lock()

    @property
    def places(self) -> Mapping[str, int]:
        """Where each image comes in the order."""
        return self._places

    def place(self, name: str | None) -> int | None:
        """Where an image comes in the order; None where it is not listed."""
        return self._places.get(name) if name is not None else None

    def status(self, name: str) -> Status:
        """How far an image is."""
        return self._states.get(name, Status.UNLABELLED)

    def set_status(self, name: str, status: Status) -> None:
        """Note how far an image is now."""
        with self._lock:
            self._set(name, status)
            if self._since is not None:
                self._since.add(name)

    def _set(self, name: str, status: Status) -> None:
        before = self._states.get(name, Status.UNLABELLED)
        if status is Status.UNLABELLED:
            self._states.pop(name, None)
        else:
            self._states[name] = status
        place = self._places.get(name)
        if place is not None:
            self._codes[place] = _CODE[status]
            self._counts[before] -= 1
            self._counts[status] += 1

    def counts(self) -> dict[Status, int]:
        """How many listed images are how far."""
        return dict(self._counts)

    def codes(self) -> NDArray[np.uint8]:
        """How far each listed image is, as places in STATUSES, uint8 (images,); a copy."""
        with self._lock:
            return np.frombuffer(bytes(self._codes), dtype=np.uint8)

    def with_status(self, *wanted: Status) -> list[str]:
        """The listed images that are so far, in order."""
        with self._lock:
            codes, names = np.frombuffer(bytes(self._codes), dtype=np.uint8), self.names
        chosen = np.isin(codes, [_CODE[status] for status in wanted])
        return [names[place] for place in np.flatnonzero(chosen)]

    @property
    def any_work(self) -> bool:
        """Whether a person has worked on any image, listed or not."""
        return bool(self._states)

    def expect(self) -> None:
        """A listing is being made: what is set from now on is newer than what it finds."""
        with self._lock:
            self._since = set()

    def replace(self, names: Iterable[str], states: Mapping[str, Status]) -> None:
        """Take a listing over. states: of all images that are not unlabelled."""
        listed = list(names)
        places = {name: place for place, name in enumerate(listed)}
        with self._lock:
            kept = {name: self._states.get(name, Status.UNLABELLED) for name in self._since or ()}
            merged = {**states, **kept}
            self._states = {name: status for name, status in merged.items() if _CODE[status]}
            codes = bytearray(len(listed))
            for name, status in self._states.items():
                if name in places:
                    codes[places[name]] = _CODE[status]
            self.names, self._places, self._codes = listed, places, codes
            self._counts = {status: codes.count(code) for status, code in _CODE.items()}
            self._since = None
