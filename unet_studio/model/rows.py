"""Parts of a network that read rows of an image and give rows: what a streamed network is put together from.

Every part keeps the few rows that its next output needs (as line buffers do in image processors), and skip
connections wait in queues for the rows that come up from the deep levels. Rows come as tensors (1, C, n, W).
"""

from collections import deque
from collections.abc import Callable

import torch
from torch import Tensor

Rows = Tensor | None  # (1, C, n, W), or None where there are none yet


class NotStreamable(Exception):
    """The network holds something that needs the whole image at once, or that nobody described here."""


class Flow:
    """A part of a network: rows in, and out come the rows of its result that are complete."""

    def push(self, rows: Rows, last: bool) -> Rows:
        """last: no rows follow these."""
        raise NotImplementedError


class Pointwise(Flow):
    """What needs no neighbours below or above."""

    def __init__(self, compute: Callable[[Tensor], Tensor]) -> None:
        self.compute = compute

    def push(self, rows: Rows, last: bool) -> Rows:  # noqa: ARG002
        """See Flow."""
        return None if rows is None else self.compute(rows)


class Window(Flow):
    """What needs `kernel` rows for an output and goes on by `step` rows.

    compute: the windows of n rows, with no rows made up beyond them. above, below: rows beyond the image's
    edges, of zeros or the edge repeated.
    """

    def __init__(
        self,
        compute: Callable[[Tensor], Tensor],
        kernel: int,
        step: int = 1,
        above: int = 0,
        below: int = 0,
        repeated: bool = False,
    ) -> None:
        self.compute, self.kernel, self.step = compute, kernel, step
        self.above, self.below, self.repeated = above, below, repeated
        self._held: Rows = None

    def push(self, rows: Rows, last: bool) -> Rows:
        """See Flow."""
        parts = [part for part in (self._held, rows) if part is not None and part.shape[2]]
        if self._held is None and rows is not None and self.above:
            parts.insert(0, self._beyond(rows[:, :, :1], self.above))
        if last and self.below:
            parts.append(self._beyond(parts[-1][:, :, -1:], self.below))
        if not parts:
            return None
        x = parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)
        steps = (x.shape[2] - self.kernel) // self.step + 1
        if steps <= 0:
            self._held = x.clone()
            return None
        self._held = x[:, :, steps * self.step :].clone()
        return self.compute(x[:, :, : (steps - 1) * self.step + self.kernel])

    def _beyond(self, row: Tensor, count: int) -> Tensor:
        """So many rows beyond an edge, given its outermost row."""
        rows = row if self.repeated else torch.zeros_like(row)
        return rows if count == 1 else torch.cat([rows] * count, dim=2)


class Chain(Flow):
    """One after the other."""

    def __init__(self, *parts: Flow) -> None:
        self.parts = parts

    def push(self, rows: Rows, last: bool) -> Rows:
        """See Flow."""
        for part in self.parts:
            rows = part.push(rows, last)
            if rows is None and not last:
                return None
        return rows


class Queue:
    """Rows that wait for others to come as far."""

    def __init__(self) -> None:
        self._parts: deque[Tensor] = deque()
        self.count = 0

    @property
    def nbytes(self) -> int:
        """The memory of the rows."""
        return sum(part.nbytes for part in self._parts)

    def add(self, rows: Rows) -> None:
        """Put rows at the end."""
        if rows is not None:
            self._parts.append(rows)
            self.count += rows.shape[2]

    def take(self, count: int) -> Rows:
        """The first rows; no more than there are."""
        count = min(count, self.count)
        self.count -= count
        taken = []
        while count:
            part = self._parts.popleft()
            if part.shape[2] > count:
                self._parts.appendleft(part[:, :, count:])
                part = part[:, :, :count]
            taken.append(part)
            count -= part.shape[2]
        if not taken:
            return None
        return taken[0] if len(taken) == 1 else torch.cat(taken, dim=2)


class Residual(Flow):
    """What goes in, or what a shortcut makes of it, is added to what comes out."""

    def __init__(self, inner: Flow, shortcut: Flow | None = None) -> None:
        self.inner, self.shortcut, self._waiting = inner, shortcut, Queue()

    def push(self, rows: Rows, last: bool) -> Rows:
        """See Flow. A shortcut that sees as few rows below as inner does is never behind it."""
        self._waiting.add(rows if self.shortcut is None else self.shortcut.push(rows, last))
        result = self.inner.push(rows, last)
        waited = None if result is None else self._waiting.take(result.shape[2])
        return result if result is None or waited is None else result.add_(waited)


class Join:
    """A step up: the rows from below, twice as large, and the skip connection beside them."""

    def __init__(self) -> None:
        self.skip = Queue()

    def push(self, rows: Rows, last: bool) -> Rows:
        """Rows from below; those of the skip connection were added to the queue before."""
        raise NotImplementedError


class Concatenation(Join):
    """As networks are written: both beside each other, then the layers."""

    def __init__(self, up: Flow, layers: Flow, skip_first: bool) -> None:
        super().__init__()
        self.up, self.layers, self.skip_first = up, layers, skip_first

    def push(self, rows: Rows, last: bool) -> Rows:
        """See Join."""
        x = self.up.push(rows, last)
        if x is not None:
            skip = self.skip.take(x.shape[2])
            if skip is not None:
                x = torch.cat([skip, x] if self.skip_first else [x, skip], dim=1)
        return self.layers.push(x, last)
