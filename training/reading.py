"""Reading a step's loss without making the device wait: asked for late, when it has long been computed."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


class Reading:
    """A number on its way from the device: it is waited for only when it is asked for."""

    def __init__(self, value: Tensor) -> None:
        self._event: Any = None
        if value.device.type == "cuda":
            self._value = torch.empty((), dtype=value.dtype, pin_memory=True)
            self._value.copy_(value, non_blocking=True)
            self._event = torch.cuda.current_stream(value.device).record_event()
        else:
            self._value = value

    def get(self) -> float:
        """The number; waits for the work up to it, and for nothing that was begun later."""
        if self._event is not None:
            self._event.synchronize()
        return float(self._value)


@dataclass(frozen=True)
class Pending:
    """A step whose loss may still be on its way from the device. rate: learning rate; seconds: at its end."""

    step: int
    loss: Reading
    rate: float
    seconds: float
