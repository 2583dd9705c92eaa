"""Weights that need no file: of any shape, the same on every machine, and such that a network stays alive."""

import math
from collections.abc import Mapping, Sequence

import torch


def wave(shape: Sequence[int], phase: float) -> torch.Tensor:
    """Numbers from -1 to 1 that repeat nowhere near, float32."""
    places = torch.arange(math.prod(shape), dtype=torch.float64)
    return torch.sin(places * 12.9898 + phase * 78.233).mul(43_758.5453).frac().float().reshape(*shape)


def filled(shapes: Mapping[str, Sequence[int]]) -> dict[str, torch.Tensor]:
    """A state of these shapes, with the counters of its batch normalisations."""
    state = {}
    for phase, (key, shape) in enumerate(shapes.items()):
        values = wave(shape, phase)
        if len(shape) == 4:
            state[key] = values * math.sqrt(6 / math.prod(shape[1:]))
        elif key.endswith("running_var"):
            state[key] = 1 + values.abs()
            state[key.replace("running_var", "num_batches_tracked")] = torch.tensor(phase)
        else:
            state[key] = values / 4 + (1 if key.endswith("weight") else 0)
    return state
