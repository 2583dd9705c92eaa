"""Undo and redo, bounded in bytes: the oldest steps go first."""

from collections import deque
from typing import Generic, Protocol, TypeVar

HISTORY_BYTES = 256 * 2**20


class Step(Protocol):
    """One thing that can be undone."""

    @property
    def name(self) -> str:
        """What a person calls it: "Brush", "Approve"."""
        ...

    @property
    def nbytes(self) -> int:
        """The memory it takes, in bytes."""
        ...


S = TypeVar("S", bound=Step)


class History(Generic[S]):
    """The steps done and undone. It keeps them; whoever owns it carries them out."""

    def __init__(self, limit: int = HISTORY_BYTES) -> None:
        self.limit = limit
        self._done: deque[S] = deque()
        self._undone: list[S] = []
        self._bytes = 0

    @property
    def nbytes(self) -> int:
        """The memory all steps take, in bytes."""
        return self._bytes

    @property
    def last(self) -> S | None:
        """The step done last, or None."""
        return self._done[-1] if self._done else None

    @property
    def undo_name(self) -> str | None:
        """What undo would take back, or None."""
        return self._done[-1].name if self._done else None

    @property
    def redo_name(self) -> str | None:
        """What redo would do again, or None."""
        return self._undone[-1].name if self._undone else None

    def push(self, step: S) -> None:
        """Remember a step just done; what had been undone is forgotten. The newest step always stays."""
        self._bytes += step.nbytes - sum(undone.nbytes for undone in self._undone)
        self._undone.clear()
        self._done.append(step)
        while self._bytes > self.limit and len(self._done) > 1:
            self._bytes -= self._done.popleft().nbytes

    def undo(self) -> S | None:
        """Move back over the last step and return it, or None."""
        if not self._done:
            return None
        step = self._done.pop()
        self._undone.append(step)
        return step

    def redo(self) -> S | None:
        """Move forward over the step last undone and return it, or None."""
        if not self._undone:
            return None
        step = self._undone.pop()
        self._done.append(step)
        return step

    def clear(self) -> None:
        """Forget everything."""
        self._done.clear()
        self._undone.clear()
        self._bytes = 0
