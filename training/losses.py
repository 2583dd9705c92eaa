"""What training minimises, on known pixels alone: one table, from a setting's name to a function.

Every loss takes logits (N, K, H, W), K = 1 meaning two classes by sigmoid, and a target (N, H, W) of output
channels (0 or 1 for K = 1) with IGNORE where nothing is known, and gives a scalar. A perfect prediction
scores the loss's minimum whatever share of the pixels is known; no known pixel at all gives 0, with a
gradient of 0.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from unet_studio.core.classes import UNLABELLED

IGNORE = UNLABELLED
EMPTY = 1e-6  # keeps Dice of nothing against nothing from dividing by zero; far below one pixel

Loss = Callable[[Tensor, Tensor, int | None], Tensor]


def bce(logits: Tensor, target: Tensor, background: int | None) -> Tensor:
    """Binary cross-entropy a pixel; with several channels, the mean of one class against the others each."""
    del background
    known = target != IGNORE
    if logits.shape[1] == 1:
        wanted = (target == 1).to(logits.dtype)[:, None]
    else:
        wanted = _one_hot(target, known, logits)
    each = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none").mean(dim=1)
    return _mean(each, known)


def ce(logits: Tensor, target: Tensor, background: int | None) -> Tensor:
    """Cross-entropy a pixel, in nats."""
    del background
    known = target != IGNORE
    each = functional.cross_entropy(_as_channels(logits), target, ignore_index=IGNORE, reduction="none")
    return _mean(each, known)


def dice(logits: Tensor, target: Tensor, background: int | None) -> Tensor:
    """One minus soft Dice, the pixels of the batch pooled, averaged over the classes present in its truth.

    The background (an output channel) is left out; a batch without any other class scores 0. Pooling keeps an
    image with three pixels of a class from weighing as much as one that is full of it (F. Milletari et al.,
    "V-Net", 3DV 2016, has the soft Dice; its squares are not used here).
    """
    known = target != IGNORE
    if logits.shape[1] == 1:
        share = torch.sigmoid(logits.float())
        truth = (target == 1)[:, None].to(share.dtype)
        counted = [0]
    else:
        share = torch.softmax(logits.float(), dim=1)
        truth = _one_hot(target, known, share)
        counted = [channel for channel in range(logits.shape[1]) if channel != background]
    mask = known[:, None].to(share.dtype)
    share, truth = (share * mask)[:, counted], (truth * mask)[:, counted]
    common = (share * truth).sum(dim=(0, 2, 3))
    size = (share + truth).sum(dim=(0, 2, 3))
    present = (truth.sum(dim=(0, 2, 3)) > 0).to(share.dtype)
    each = 1 - (2 * common + EMPTY) / (size + EMPTY)
    return (each * present).sum() / present.sum().clamp(min=1)


def _sum(*losses: Loss) -> Loss:
    def total(logits: Tensor, target: Tensor, background: int | None) -> Tensor:
        return torch.stack([loss(logits, target, background) for loss in losses]).sum()

    return total


LOSSES: dict[str, Loss] = {
    "bce": bce,
    "ce": ce,
    "dice": dice,
    "bce+dice": _sum(bce, dice),
    "ce+dice": _sum(ce, dice),
}


def choose_loss(name: str, channels: int) -> Loss:
    """The loss of a setting; "auto" takes bce+dice for one output channel and ce+dice for several."""
    automatic = "bce+dice" if channels == 1 else "ce+dice"
    return LOSSES[automatic if name == "auto" else name]


def _mean(each: Tensor, known: Tensor) -> Tensor:
    """The mean of (N, H, W) over known pixels; 0 where there are none."""
    weight = known.to(torch.float32)
    return (each.float() * weight).sum() / weight.sum().clamp(min=1)


def _one_hot(target: Tensor, known: Tensor, like: Tensor) -> Tensor:
    """Target channels as (N, K, H, W) of 0 and 1; unknown ones are channel 0, for the caller to leave out."""
    channels = torch.where(known, target, torch.zeros_like(target))
    return functional.one_hot(channels, like.shape[1]).permute(0, 3, 1, 2).to(like.dtype)


def _as_channels(logits: Tensor) -> Tensor:
    """One logit z as the two logits 0 and z, whose softmax is sigmoid(z)."""
    if logits.shape[1] > 1:
        return logits
    return torch.cat([torch.zeros_like(logits), logits], dim=1)
