"""How to predict: the settings people choose, and the plan with nothing left open."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch

from unet_studio.core.errors import StudioError
from unet_studio.model.devices import fast_dtype

SMALLEST_TILE = 128
LARGE_TILE = 1536  # where a network can't be streamed: far fewer seams than small tiles have, at no more work
# Pixels of a band that a network reads at once: few enough for a processor's caches. Below WHOLE, one pass.
BANDS = {"cpu": 2**18, "mps": 2**20, "cuda": 2**22}
WHOLE = {"cpu": 2**19, "mps": 2**20, "cuda": 2**22}
SMALLEST_BAND = 2**15
BATCHES = {"cpu": 1, "mps": 1, "cuda": 8}  # tiles at once: a processor gains nothing from more


@dataclass(frozen=True)
class PredictSettings:
    """How to predict. Equal settings on equal hardware, with as many threads, give equal pixels.

    mode: exact (float32), or fast (bfloat16 or float16 where the device computes them natively).
    tile: side in px of the network's input, for a prediction in tiles; 0 leaves the way to the program, which
    streams the image through the network in bands, without seams, wherever that is possible.
    overlap: part of a side that two tiles share. batch: tiles at once; 0 leaves it to the device.
    tta: average over the four flips. threads: of the processor; 0 leaves them as they are.
    """

    mode: Literal["exact", "fast"] = "exact"
    tile: int = 0
    overlap: float = 0.25
    batch: int = 0
    tta: bool = False
    threads: int = 0

    def __post_init__(self) -> None:
        if self.mode not in ("exact", "fast"):
            raise StudioError(f"There is no mode {self.mode!r}.", "Use exact or fast.")
        if min(self.tile, self.batch, self.threads) < 0 or not 0 <= self.overlap <= 0.5:
            raise StudioError(
                "The settings of prediction are out of range.",
                "Use an overlap of 0 to 0.5, and no negative tile, batch or threads.",
            )


@dataclass(frozen=True)
class Plan:
    """Settings with nothing left open. tile: side in px of the network's input. overlap: part of a side.

    band: pixels that the network reads at once where it is streamed from top to bottom; 0 stands for tiles.
    """

    mode: str
    device: torch.device
    tile: int
    overlap: float
    batch: int
    tta: bool
    band: int = 0

    @property
    def dtype(self) -> torch.dtype | None:
        """The format that convolutions compute in, or None for float32."""
        return fast_dtype(self.device) if self.mode == "fast" else None

    def precision(self) -> AbstractContextManager[Any]:
        """The context that makes the mode: autocast, or float32 without a graphics card's shortcuts.

        Never cudnn's benchmark, whose choice, and with it the last bit, may differ from run to run.
        """
        if self.dtype is not None:
            return torch.autocast(self.device.type, dtype=self.dtype)
        if self.device.type == "cuda":
            flags = {"enabled": True, "benchmark": False, "deterministic": True, "allow_tf32": False}
            return torch.backends.cudnn.flags(**flags)
        return nullcontext()

    def within(self, limit: "Plan") -> "Plan":
        """The same plan, with no more at once than another one that is known to fit."""
        band, tile = min(self.band, limit.band or self.band), self.tile
        if not limit.band:
            tile = min(tile, limit.tile)
        return replace(self, batch=min(self.batch, limit.batch), tile=tile, band=band)

    def smaller(self) -> tuple["Plan", str]:
        """What to try when memory ran out, and a note about it. Raises StudioError where nothing is left."""
        if self.band > SMALLEST_BAND:
            return replace(self, band=self.band // 2), f"out of memory: bands of {self.band // 2} px"
        if self.batch > 1 and not self.band:
            return replace(self, batch=self.batch // 2), f"out of memory: batch {self.batch // 2}"
        if not self.band and self.tile >= 2 * SMALLEST_TILE:
            return replace(self, tile=self.tile // 2), f"out of memory: tile {self.tile // 2}"
        if self.device.type != "cpu":
            note = f"out of memory on {self.device}: on the processor"
            return replace(self, device=torch.device("cpu")), note
        raise StudioError(
            "There is not enough memory to predict.", "Close other programs, or use a smaller model."
        )

    def made(self) -> dict[str, Any]:
        """How a prediction was made, as plain JSON values."""
        tiles = {"tile": self.tile, "overlap": self.overlap, "batch": self.batch}
        return {
            "mode": self.mode,
            "precision": str(self.dtype or torch.float32).removeprefix("torch."),
            "device": str(self.device),
            **({"band": self.band} if self.band else tiles),
            "tta": self.tta,
            "threads": torch.get_num_threads(),
            "backend": f"torch {torch.__version__}",
        }
