"""Undo and redo, bounded in bytes over all images of a session: the oldest steps go first."""

import weakref
from collections import deque
from collections.abc import Callable
from itertools import count
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


class Budget:
    """The bytes that several histories may take together; the oldest steps of all are forgotten first."""

    def __init__(self, limit: int = HISTORY_BYTES) -> None:
        self._limit = limit
        self._histories: weakref.WeakSet[History[Step]] = weakref.WeakSet()
        self._order: deque[tuple[int, weakref.ref[History[Step]]]] = deque()  # of every step, oldest first
        self._numbers = count()

    @property
    def limit(self) -> int:
        """The bytes that may be taken."""
        return self._limit

    @limit.setter
    def limit(self, nbytes: int) -> None:
        self._limit = nbytes
        self.shrink()

    @property
    def nbytes(self) -> int:
        """The memory all steps take, in bytes."""
        return sum(history.nbytes for history in self._histories)

    def number(self, history: "History[Step]") -> int:
        """The number of a new step, larger than those of all before it."""
        number = next(self._numbers)
        self._histories.add(history)
        self._order.append((number, weakref.ref(history)))
        return number

    def shrink(self) -> None:
        """Forget the oldest steps until the others fit. The newest one always stays."""
        over = self.nbytes - self._limit
        while over > 0 and len(self._order) > 1:
            number, found = self._order.popleft()
            history = found()
            if history is not None:
                over -= history.forget(number)


class History(Generic[S]):
    """The steps done and undone, in a row. It keeps them; whoever owns it carries them out.

    budget: what it shares its memory with; without one it has `limit` bytes of its own.
    """

    def __init__(self, limit: int = HISTORY_BYTES, budget: Budget | None = None) -> None:
        self.budget = budget or Budget(limit)
        self.forgotten = 0  # steps at the beginning that were too old to keep
        self._steps: list[S] = []
        self._numbers: list[int] = []
        self._sizes: list[int] = []  # bytes
        self._place = 0
        self._bytes = 0

    @property
    def nbytes(self) -> int:
        """The memory all steps take, in bytes."""
        return self._bytes

    @property
    def steps(self) -> tuple[S, ...]:
        """Every step, oldest first; the first `place` of them are done."""
        return tuple(self._steps)

    def between(self, first: int, last: int) -> list[S]:
        """The steps from place first to place last, oldest first."""
        return self._steps[first:last]

    def __len__(self) -> int:
        return len(self._steps)

    def __getitem__(self, row: int) -> S:
        return self._steps[row]

    @property
    def place(self) -> int:
        """How many steps are done; the others were undone. Whoever carries steps out sets it."""
        return self._place

    @place.setter
    def place(self, place: int) -> None:
        if not 0 <= place <= len(self._steps):
            raise ValueError(f"there are {len(self._steps)} steps, not {place}")
        self._place = place

    @property
    def last(self) -> S | None:
        """The step done last, or None."""
        return self._steps[self._place - 1] if self._place else None

    @property
    def undo_name(self) -> str | None:
        """What undo would take back, or None."""
        return self.last.name if self.last else None

    @property
    def redo_name(self) -> str | None:
        """What redo would do again, or None."""
        return self._steps[self._place].name if self._place < len(self._steps) else None

    def push(self, step: S) -> None:
        """Remember a step just done; what had been undone is forgotten."""
        self._bytes += step.nbytes - sum(self._sizes[self._place :])
        for row in (self._steps, self._numbers, self._sizes):
            del row[self._place :]
        self._steps.append(step)
        self._sizes.append(step.nbytes)
        self._numbers.append(self.budget.number(self))  # type: ignore[arg-type]
        self._place += 1
        self.budget.shrink()

    def weigh(self, nbytes: Callable[[S], int]) -> None:
        """Count every step with another size, and forget the oldest ones where they are too large then."""
        self._sizes = [nbytes(step) for step in self._steps]
        self._bytes = sum(self._sizes)
        self.budget.shrink()

    def undo(self) -> S | None:
        """Move back over the last step and return it, or None."""
        step = self.last
        self._place = max(self._place - 1, 0)
        return step

    def redo(self) -> S | None:
        """Move forward over the step last undone and return it, or None."""
        if self._place == len(self._steps):
            return None
        self._place += 1
        return self.last

    def forget(self, number: int) -> int:
        """Forget the step of this number if it is the oldest one. Returns the bytes that this gave.

        Steps that were undone rest on it where it was undone itself: they go with it.
        """
        if not self._numbers or self._numbers[0] != number:
            return 0
        gone = 1 if self._place else len(self._steps)
        freed = sum(self._sizes[:gone])
        for row in (self._steps, self._numbers, self._sizes):
            del row[:gone]
        self._place = max(self._place - gone, 0)
        self._bytes -= freed
        self.forgotten += gone
        return freed

    def exchange(self, steps: list[S]) -> None:
        """Put a step that does the same in the place of every one."""
        if len(steps) != len(self._steps):
            raise ValueError("a history is exchanged step by step")
        self._steps = list(steps)
        self.weigh(lambda step: step.nbytes)

    def clear(self) -> None:
        """Forget everything."""
        self.forgotten += len(self._steps)
        for row in (self._steps, self._numbers, self._sizes):
            row.clear()
        self._place = self._bytes = 0
