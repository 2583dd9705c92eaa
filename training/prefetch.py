"""Drawing the next batch while the device computes the present one."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

Batch = tuple[Tensor, Tensor]


class Prefetch:
    """Batches by their step, each drawn in a thread as soon as the one before is taken.

    draw: the batch of a step; called in that thread alone, and with one torch thread, so that a batch is
    the same however many threads train. last: the number of steps; nothing is drawn beyond.
    On a graphics card the thread has a stream of its own: what it waits for, the training does not.
    """

    def __init__(self, draw: Callable[[int], Batch], device: torch.device, last: int) -> None:
        self._draw, self._last = draw, last
        self._stream: Any = None
        if device.type == "cuda":
            self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        threads = torch.get_num_threads()
        self._thread = ThreadPoolExecutor(1, "prefetch", initializer=torch.set_num_threads, initargs=(1,))
        self._thread.submit(lambda: None).result()
        torch.set_num_threads(threads)  # parts of torch know one number for all threads: ours, set last
        self._coming: tuple[int, Future[tuple[Batch, Any]]] | None = None

    def take(self, step: int) -> Batch:
        """The batch of a step, from 0. Raises what drawing it raised."""
        if self._coming is None or self._coming[0] != step:
            self._coming = self._begin(step)
        coming, self._coming = self._coming[1], None
        (images, target), drawn = coming.result()
        if step + 1 < self._last:
            self._coming = self._begin(step + 1)
        if drawn is not None:
            present = torch.cuda.current_stream(images.device)
            present.wait_event(drawn)
            for tensor in (images, target):
                tensor.record_stream(present)  # its memory is not reused before the step is done with it
        return images, target

    def close(self) -> None:
        """End the thread."""
        self._coming = None
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _begin(self, step: int) -> tuple[int, "Future[tuple[Batch, Any]]"]:
        return step, self._thread.submit(self._make, step)

    def _make(self, step: int) -> tuple[Batch, Any]:
        """The batch, and on a graphics card the event that says that it is there."""
        with torch.cuda.stream(self._stream) if self._stream else nullcontext():
            images, target = self._draw(step)
            images = images.contiguous(memory_format=torch.channels_last)
            return (images, target), self._stream.record_event() if self._stream else None
