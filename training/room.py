"""How many patches fit on a graphics card: found by trying, twice as many each time."""

from collections.abc import Callable

import torch

from training.losses import IGNORE, Loss
from unet_studio.model.network import Network

FULL = 0.7  # share of the memory that training may take: the rest is for predicting, and for what varies
MOST = 64  # patches; larger batches learn no faster, and learning rates are tried with fewer


def largest_batch(share: Callable[[int], float], most: int = MOST) -> int:
    """The largest power of two, up to `most`, whose share of the memory is at most FULL; at least 1.

    share: computes a step with so many patches; may raise OutOfMemoryError.
    """
    count = 1
    while 2 * count <= most:
        try:
            if share(2 * count) > FULL:
                break
        except torch.OutOfMemoryError:
            break
        count *= 2
    return count


def memory_share(
    network: Network,
    loss: Loss,
    channels: int,
    patch: tuple[int, int],
    device: torch.device,
    dtype: torch.dtype | None,
) -> Callable[[int], float]:
    """What largest_batch asks, of a copy of a network that nobody needs afterwards.

    Counts what others have on the card, this step's peak, and the optimiser's two numbers a weight.
    """
    weights = sum(value.numel() * value.element_size() for value in network.parameters())

    def share(count: int) -> float:
        torch.cuda.empty_cache()
        free, whole = torch.cuda.mem_get_info(device)
        taken = whole - free - torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        network.train()
        images = torch.zeros(count, channels, *patch, device=device)
        images = images.contiguous(memory_format=torch.channels_last)
        target = torch.zeros(count, *patch, dtype=torch.int64, device=device)
        target[:, 0] = IGNORE
        with torch.autocast(device.type, dtype=dtype, enabled=dtype is not None):
            logits = network(images)
        loss(logits.float(), target, None).backward()  # type: ignore[no-untyped-call]
        network.zero_grad(set_to_none=True)
        return (taken + torch.cuda.max_memory_allocated(device) + 2 * weights) / whole

    return share
