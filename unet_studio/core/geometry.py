"""Rectangles of pixels and the 256-px tiles that canvas, undo and caches share."""

from collections.abc import Iterator
from dataclasses import dataclass

TILE = 256  # side of a tile of canvas, undo and cache, in px


@dataclass(frozen=True, slots=True)
class Rect:
    """A half-open rectangle of pixels: rows top..bottom-1, columns left..right-1."""

    top: int
    left: int
    bottom: int
    right: int

    @classmethod
    def of(cls, shape: tuple[int, ...]) -> "Rect":
        """The rectangle that covers an array of shape (H, W, ...)."""
        return cls(0, 0, shape[0], shape[1])

    @property
    def height(self) -> int:
        """Rows covered, never negative."""
        return max(0, self.bottom - self.top)

    @property
    def width(self) -> int:
        """Columns covered, never negative."""
        return max(0, self.right - self.left)

    @property
    def empty(self) -> bool:
        """Whether no pixel is covered."""
        return self.bottom <= self.top or self.right <= self.left

    @property
    def slices(self) -> tuple[slice, slice]:
        """The numpy index of these pixels."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def union(self, other: "Rect") -> "Rect":
        """The smallest rectangle around both; an empty one adds nothing."""
        if self.empty:
            return other
        if other.empty:
            return self
        return Rect(
            min(self.top, other.top),
            min(self.left, other.left),
            max(self.bottom, other.bottom),
            max(self.right, other.right),
        )

    def intersect(self, other: "Rect") -> "Rect":
        """The pixels in both; may be empty."""
        return Rect(
            max(self.top, other.top),
            max(self.left, other.left),
            min(self.bottom, other.bottom),
            min(self.right, other.right),
        )

    def clip(self, shape: tuple[int, ...]) -> "Rect":
        """The part inside an array of shape (H, W, ...)."""
        return self.intersect(Rect.of(shape))

    def expand(self, margin: int) -> "Rect":
        """This rectangle with margin px more on every side."""
        return Rect(self.top - margin, self.left - margin, self.bottom + margin, self.right + margin)

    def tiles(self, size: int = TILE) -> Iterator[tuple[int, int]]:
        """The (row, column) indices of the tiles this rectangle touches."""
        if self.empty:
            return
        for row in range(self.top // size, (self.bottom - 1) // size + 1):
            for column in range(self.left // size, (self.right - 1) // size + 1):
                yield row, column


EMPTY = Rect(0, 0, 0, 0)


def tile_rect(row: int, column: int, shape: tuple[int, ...], size: int = TILE) -> Rect:
    """The pixels of one tile of an array of shape (H, W, ...)."""
    return Rect(row * size, column * size, (row + 1) * size, (column + 1) * size).clip(shape)
