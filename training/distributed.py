"""Several processes on one run: python -m torch.distributed.run --nproc-per-node N -m training RUN.

Every process has the whole network and computes its part of each batch. Two sums make the update that of one
process with the whole batch: the sums over pixels inside a loss (total), so that every process computes
the loss of the whole batch, and those of the gradients (add_gradients). Gradients are added and not
averaged, as each is already that of the one loss, by the pixels of its process. An average of the processes'
own losses would be another loss wherever their parts hold unlike numbers of known pixels.

The first process, rank 0, alone writes and decides; what it decides reaches all at the same step (agree).
"""

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import psutil
import torch
import torch.distributed as dist
from torch import Tensor, nn

from unet_studio.core.errors import StudioError
from unet_studio.model.devices import cuda_count

PATIENCE = timedelta(days=1)  # between two agreements: a validation, which rank 0 does alone, may take long
LOOK_SECONDS = 1.0  # between two looks at whether the other processes live
GRACE_SECONDS = 10.0  # in which a process that learns of another's death may end by itself


@dataclass
class Team:
    """The processes of a run, as one of them sees them. control: their channel on the CPU, for agreements."""

    rank: int = 0
    size: int = 1
    control: Any = None
    watch: "Watch | None" = field(default=None, repr=False)

    @property
    def leads(self) -> bool:
        """Whether this process writes and decides."""
        return self.rank == 0

    def agree(self, numbers: Sequence[float]) -> list[float]:
        """The numbers of rank 0, in every process. All must call it at the same places."""
        if self.size == 1:
            return list(numbers)
        told = torch.tensor(numbers, dtype=torch.float64)
        with _others_needed():
            dist.broadcast(told, 0, group=self.control)
        return [float(number) for number in told]

    def least(self, number: int) -> int:
        """The smallest of the processes' numbers."""
        if self.size == 1:
            return number
        told = torch.tensor(number)
        with _others_needed():
            dist.all_reduce(told, dist.ReduceOp.MIN, group=self.control)
        return int(told)

    def part(self, count: int) -> slice:
        """Which of so many patches this process computes. Raises StudioError where some would have none."""
        if count < self.size:
            raise StudioError(
                f"A step has {count} patches for {self.size} processes.",
                f"Set batch to {self.size} at least, or start fewer processes.",
            )
        return slice(count * self.rank // self.size, count * (self.rank + 1) // self.size)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Inside, total() adds over all processes."""
        before = _Span.size
        _Span.size = self.size
        try:
            yield
        finally:
            _Span.size = before

    def add(self, values: Tensor) -> Tensor:
        """The sum of the processes' tensors, in all of them."""
        if self.size > 1:
            values = values.clone()
            with _others_needed():
                dist.all_reduce(values)
        return values

    def add_gradients(self, network: nn.Module) -> None:
        """Add the processes' gradients, in one go."""
        gradients = [value.grad for value in network.parameters() if value.grad is not None]
        if self.size > 1 and gradients:
            summed = self.add(torch.cat([gradient.reshape(-1) for gradient in gradients]))
            places = torch.split(summed, [gradient.numel() for gradient in gradients])
            for gradient, place in zip(gradients, places, strict=True):
                gradient.copy_(place.view(gradient.shape))

    def level(self, network: nn.Module) -> None:
        """Average the processes' batch-norm statistics, of which each has seen its own patches alone."""
        statistics = [value for value in network.buffers() if value.is_floating_point()]
        if self.size > 1 and statistics:
            mean = self.add(torch.cat([value.reshape(-1) for value in statistics])) / self.size
            places = torch.split(mean, [value.numel() for value in statistics])
            for value, place in zip(statistics, places, strict=True):
                value.copy_(place.view(value.shape))

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.size > 1:
            with _others_needed():
                dist.barrier(group=self.control)

    def leave(self) -> None:
        """End the team, for good or after an error; what follows, a process does by itself."""
        if self.watch is not None:
            self.watch.end()
        if self.size > 1 and dist.is_initialized():
            with suppress(RuntimeError):
                dist.destroy_process_group()


class _Span:
    """Over how many processes total() adds at the moment."""

    size = 1


class _Total(torch.autograd.Function):
    """Forward: the sum over the processes. Backward: as it is, for each has the gradient of the one loss."""

    @staticmethod
    def forward(_context: Any, values: Tensor) -> Tensor:
        """Add."""
        summed = values.clone()
        with _others_needed():
            dist.all_reduce(summed)
        return summed

    @staticmethod
    def backward(_context: Any, gradient: Tensor) -> Tensor:
        """Pass on."""
        return gradient


def total(values: Tensor) -> Tensor:
    """Sums over pixels, completed by those of the other processes' pixels while they compute together.

    Every sum of a loss goes through here before anything that is not linear is done with it.
    """
    if _Span.size == 1:
        return values
    summed: Tensor = _Total.apply(values)
    return summed


def place() -> tuple[int, int]:
    """Rank of this process and number of processes, as torchrun tells them; 0 and 1 without it."""
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


def local_place() -> tuple[int, int]:
    """The same among the processes of this computer."""
    return int(os.environ.get("LOCAL_RANK", "0")), int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def own_device(device: torch.device) -> torch.device:
    """This process's device, where the settings name one for all: each process has a card of its own."""
    number, count = local_place()
    if count == 1 or device.type == "cpu":
        return device
    if device.type != "cuda" or device.index is not None:
        raise StudioError(f"{count} processes can't share {device}.", "Set device=cuda or device=cpu.")
    if count > cuda_count():
        raise StudioError(
            f"There are {count} processes for {cuda_count()} CUDA devices.", "Start one process a device."
        )
    return torch.device("cuda", number)


def join(device: torch.device, orphaned: Callable[[StudioError], None]) -> Team:
    """Meet the other processes that torchrun has started, if any.

    orphaned: tells of the death of another process, where this one can't end by itself and is ended.
    """
    rank, size = place()
    if size == 1:
        return Team()
    with _others_needed():
        if device.type == "cuda":
            torch.cuda.set_device(device)
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
        control: Any = dist.new_group(backend="gloo", timeout=PATIENCE)
        pids = [torch.zeros(1, dtype=torch.int64) for _ in range(size)]
        dist.all_gather(pids, torch.tensor([os.getpid()]), group=control)
    watch = None
    if local_place()[1] == size:
        watch = Watch([int(pid) for pid in pids if int(pid) != os.getpid()], orphaned)
        watch.start()
    return Team(rank, size, control, watch)


class Watch(threading.Thread):
    """Ends this process when another has died and this one still waits for it: cards wait for ever."""

    def __init__(self, pids: Iterable[int], orphaned: Callable[[StudioError], None]) -> None:
        super().__init__(name="watch", daemon=True)
        self._over = threading.Event()
        self._orphaned = orphaned
        self._others = []
        for pid in pids:
            with suppress(psutil.NoSuchProcess):
                self._others.append(psutil.Process(pid))

    def end(self) -> None:
        """Watch no longer."""
        self._over.set()

    def run(self) -> None:
        """Look until the end."""
        while not self._over.wait(LOOK_SECONDS):
            if not all(_lives(other) for other in self._others):
                if not self._over.wait(GRACE_SECONDS):
                    self._orphaned(_bereaved())
                    os._exit(1)
                return


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _bereaved() -> StudioError:
    return StudioError(
        "Another process of this training has ended before its time.",
        "What it printed tells why; mend that, then resume the run.",
    )


@contextmanager
def _others_needed() -> Iterator[None]:
    """Turn the many errors of a broken connection into one that people understand."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, ValueError) as error:
        raise _bereaved() from error
