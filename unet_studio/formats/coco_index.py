"""What a COCO file holds and where: memory has names, sizes and places of bytes, no mask."""

from array import array
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.errors import StudioError
from unet_studio.formats.json_elements import Element, elements, first_sign, read_element
from unet_studio.formats.regions import MAX_SIDE
from unet_studio.formats.sample import Shape

SECTIONS = frozenset({"images", "categories", "annotations"})
# Keys that tell annotations of another kind: what it is called, and what it lacks.
OTHER_KINDS = {
    "segments_info": ("panoptic file", "its masks are in pictures beside it"),
    "caption": ("captions file", "it has sentences and no masks"),
}
_WRONG_KIND = (KeyError, TypeError, AttributeError, ValueError, OverflowError, IndexError)


@dataclass(frozen=True)
class CocoIndex:
    """One file. names, shapes, says_unlabelled: of its images, in its order: file_name, (H, W) in px, and
    whether the entry has our own key "unlabelled". categories: the entries as they are.

    image_places: int64 (n, 2), the bytes of each image's entry. places: int64 (m, 2), those of the
    annotations that have a mask, image by image, in the file's order within; firsts: int64 (n + 1), where
    those of each image begin. skipped: how many annotations have no mask.
    """

    path: Path
    stamp: tuple[int, int]
    names: list[str]
    shapes: NDArray[np.int32]
    says_unlabelled: NDArray[np.bool_]
    categories: list[Any]
    image_places: NDArray[np.int64]
    places: NDArray[np.int64]
    firsts: NDArray[np.int64]
    skipped: int

    def shape(self, number: int) -> Shape:
        """(H, W) in px of an image."""
        return int(self.shapes[number, 0]), int(self.shapes[number, 1])

    def count(self, number: int) -> int:
        """How many annotations with a mask an image has."""
        return int(self.firsts[number + 1] - self.firsts[number])

    def image(self, number: int) -> Any:
        """An image's entry as it is in the file."""
        with self._opened() as stream:
            return read_element(stream, *self.image_places[number].tolist())

    def annotations(self, number: int) -> list[Any]:
        """The annotations of an image that have a mask, in the file's order."""
        if not self.count(number):
            return []
        places = self.places[self.firsts[number] : self.firsts[number + 1]].tolist()
        with self._opened() as stream:
            return [read_element(stream, start, end) for start, end in places]

    @contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        """The file, opened again for each use, so that nothing has to be closed and threads don't meet."""
        try:
            with self.path.open("rb") as stream:
                if _stamp(self.path) != self.stamp:
                    raise StudioError(f"{self.path} has changed while it was read.", "Open it again.")
                yield stream
        except (OSError, ValueError) as error:
            raise broken(self.path, f"it can't be read: {error}") from error


def broken(path: Path, reason: str) -> StudioError:
    """The error that a file is none that can be used, and why."""
    return StudioError(f"{path} is not a usable COCO file: {reason}.", "Export it again, or mend that entry.")


def index_coco(path: Path) -> CocoIndex:
    """Look through a COCO instances file once. Raises StudioError where it is none, or malformed."""
    arrays: set[str] = set()
    building = _Building()
    try:
        stamp = _stamp(path)
        with path.open("rb") as stream:
            if first_sign(stream) == "[":
                raise StudioError(
                    f"{path} is a COCO results file: it names neither images nor categories.",
                    "Import the instances file that has both.",
                )
            stream.seek(0)
            for element in elements(stream, arrays):
                building.add(path, element)
    except (OSError, RecursionError, *_WRONG_KIND) as error:
        raise broken(path, _reason(error)) from error
    if not arrays >= SECTIONS:
        raise broken(path, f"it lacks {' and '.join(sorted(SECTIONS - arrays))}")
    return building.finish(path, stamp)


def _reason(error: Exception) -> str:
    if isinstance(error, (OSError, RecursionError)) or type(error) is ValueError:
        return f"it can't be read: {error}"
    return f"something is missing or of the wrong kind: {error!r}"


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


@dataclass
class _Building:
    """An index in the making. Ids get numbers as they are met: images may come after their annotations."""

    names: list[str] = field(default_factory=list)
    shapes: "array[int]" = field(default_factory=lambda: array("i"))
    says_unlabelled: "array[int]" = field(default_factory=lambda: array("b"))
    image_places: "array[int]" = field(default_factory=lambda: array("q"))
    image_ids: list[int] = field(default_factory=list)
    categories: list[Any] = field(default_factory=list)
    numbers: dict[Any, int] = field(default_factory=dict)
    places: "array[int]" = field(default_factory=lambda: array("q"))
    owners: "array[int]" = field(default_factory=lambda: array("q"))
    users: dict[Any, Any] = field(default_factory=dict)  # category id -> the first annotation that has it
    firsts: dict[int, Any] = field(default_factory=dict)  # image's number -> its first annotation
    skipped: int = 0

    def add(self, path: Path, element: Element) -> None:
        """Note one entry. Raises StudioError, or what a wrong kind of value raises."""
        if element.key == "images":
            self._add_image(element)
        elif element.key == "categories":
            self.categories.append(element.value)
        elif element.key == "annotations":
            self._add_annotation(path, element)

    def _add_image(self, element: Element) -> None:
        entry = element.value
        shape = int(entry["height"]), int(entry["width"])
        if not all(0 < side < MAX_SIDE for side in shape):
            raise StudioError(f"{entry['file_name']} has an impossible size.", "Correct width and height.")
        self.names.append(str(entry["file_name"]))
        self.shapes.extend(shape)
        self.says_unlabelled.append(entry.get("unlabelled") is not None)
        self.image_places.extend((element.start, element.end))
        self.image_ids.append(self.numbers.setdefault(entry["id"], len(self.numbers)))

    def _add_annotation(self, path: Path, element: Element) -> None:
        entry = element.value
        for key, (kind, lack) in OTHER_KINDS.items():
            if key in entry and "segmentation" not in entry:
                raise StudioError(f"{path} is a COCO {kind}: {lack}.", "Import the instances file.")
        number = self.numbers.setdefault(entry["image_id"], len(self.numbers))
        self.firsts.setdefault(number, entry.get("id"))
        self.users.setdefault(entry["category_id"], entry.get("id"))
        if not entry.get("segmentation"):
            self.skipped += 1
            return
        self.owners.append(number)
        self.places.extend((element.start, element.end))

    def finish(self, path: Path, stamp: tuple[int, int]) -> CocoIndex:
        """The index. Raises StudioError where entries don't belong together."""
        order = np.full(len(self.numbers), -1, dtype=np.int64)
        order[self.image_ids] = np.arange(len(self.image_ids))
        if len(set(self.image_ids)) < len(self.image_ids):
            raise self._two_alike()
        if len(set(self.names)) < len(self.names):
            raise broken(path, "two of its images share a file_name")
        for number, annotation in self.firsts.items():
            if order[number] < 0:
                raise _lost(annotation, "an image")
        known = self._category_ids(path)
        for category, annotation in self.users.items():
            if category not in known:
                raise _lost(annotation, "a category")
        owners = order[np.asarray(self.owners, dtype=np.int64)]
        ranked = np.argsort(owners, kind="stable")
        count = np.bincount(owners, minlength=len(self.names)) if len(owners) else np.zeros(len(self.names))
        return CocoIndex(
            path,
            stamp,
            self.names,
            np.asarray(self.shapes, dtype=np.int32).reshape(-1, 2),
            np.asarray(self.says_unlabelled, dtype=np.bool_),
            self.categories,
            np.asarray(self.image_places, dtype=np.int64).reshape(-1, 2),
            np.asarray(self.places, dtype=np.int64).reshape(-1, 2)[ranked],
            np.concatenate(([0], np.cumsum(count))).astype(np.int64),
            self.skipped,
        )

    def _category_ids(self, path: Path) -> set[Any]:
        try:
            return {category["id"] for category in self.categories}
        except _WRONG_KIND as error:
            raise broken(path, _reason(error)) from error

    def _two_alike(self) -> StudioError:
        ids = {number: value for value, number in self.numbers.items()}
        alike = Counter(self.image_ids).most_common(1)[0][0]
        return StudioError(f"Two images have the id {ids[alike]}.", "Give each one its own.")


def _lost(annotation: Any, what: str) -> StudioError:
    return StudioError(
        f"Annotation {annotation} is of {what} that the file does not list.", "Restore the entry."
    )
