"""One step: the gradient of one batch, computed in pieces where it doesn't fit at once, and the update.

A loss is no sum over pieces: cross-entropy is divided by the known pixels of the whole batch, Dice pools
them. So a batch in pieces goes forward once without a gradient, the loss is taken on all its logits, and each
piece goes forward again to carry its part of the gradient back. The update is that of the whole batch for
every loss, at the cost of one more forward pass, a third of the time. Batch-norm statistics alone are the
pieces'.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import clip_grad_norm_

from training.job import Job
from training.losses import IGNORE

SEEDS = 2**63  # random numbers start below
STEP_SEEDS, PIECE_SEEDS = 1_000_003, 7_919_000_017  # primes that keep steps and pieces apart


def learn(job: Job, images: Tensor, target: Tensor) -> Tensor:
    """One update of the weights from this process's part of a batch; returns the batch's loss, a scalar.

    images: float32 (N, C, h, w); target: int64 (N, h, w). The processes compute standing.batch at once.
    """
    state = job.state
    state.network.train()
    state.optimiser.zero_grad(set_to_none=True)
    most = -(-state.standing.batch // job.team.size)
    pieces = [slice(first, first + most) for first in range(0, len(images), most)]
    if len(pieces) == 1:
        logits = _forward(job, images, 0)
        loss = _loss(job, logits, target)
        state.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
    else:
        with torch.no_grad(), _statistics_untouched(state.network):
            logits = torch.cat([_forward(job, images[piece], n) for n, piece in enumerate(pieces)])
        logits.requires_grad_()
        loss = _loss(job, logits, target)
        state.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        for number, piece in enumerate(pieces):
            _forward(job, images[piece], number).backward(logits.grad[piece])  # type: ignore
    job.team.add_gradients(state.network)
    if job.config.clip:
        state.scaler.unscale_(state.optimiser)
        clip_grad_norm_(state.network.parameters(), job.config.clip)
    state.scaler.step(state.optimiser)
    state.scaler.update()
    _count(job, logits.detach(), target)
    return loss.detach()


def _forward(job: Job, images: Tensor, piece: int) -> Tensor:
    """Logits, float32 (n, K, h, w). Each piece has random numbers of its own, the same whenever it comes."""
    number = job.team.rank * 1024 + piece
    seed = job.config.seed * STEP_SEEDS + job.state.standing.step + number * PIECE_SEEDS
    torch.manual_seed(seed % SEEDS)
    with torch.autocast(job.device.type, dtype=job.dtype, enabled=job.dtype is not None):
        logits: Tensor = job.state.network(images)
    return logits.float()


def _loss(job: Job, logits: Tensor, target: Tensor) -> Tensor:
    with job.team.together():
        return job.loss(logits, target, job.background)


@contextmanager
def _statistics_untouched(network: nn.Module) -> Iterator[None]:
    """Inside, batch-norm layers in training use a batch's statistics without taking them in."""
    layers: list[tuple[Any, Any]] = [
        (layer, layer.momentum)
        for layer in network.modules()
        if isinstance(layer, _BatchNorm) and layer.training and layer.track_running_stats
    ]
    for layer, _ in layers:
        layer.momentum = 0.0
    try:
        yield
    finally:
        for layer, momentum in layers:
            layer.momentum = momentum


def _count(job: Job, logits: Tensor, target: Tensor) -> None:
    """Add a batch to the confusion matrix since the last validation, (K * K + 1,) on the device.

    Its last place counts what is unknown: picking the known pixels out would wait for a graphics card.
    """
    classes = max(2, logits.shape[1])
    labels = (logits[:, 0] > 0).long() if logits.shape[1] == 1 else logits.argmax(dim=1)
    cells = torch.where(target == IGNORE, classes**2, target * classes + labels).flatten()
    if cells.device.type == "cpu":
        counted = torch.bincount(cells, minlength=classes**2 + 1)
    else:
        counted = torch.zeros(classes**2 + 1, dtype=torch.int64, device=cells.device)
        counted.scatter_add_(0, cells, torch.ones_like(cells))
    before = job.state.confusion
    job.state.confusion = counted if before is None else before + counted
