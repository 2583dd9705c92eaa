"""A model that predicts: a network with its card on a device, and what to do when memory runs out."""

import threading
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from unet_studio.core.model_card import ModelCard
from unet_studio.core.prediction import Prediction
from unet_studio.model.devices import lost, out_of_memory, set_threads
from unet_studio.model.flows import streamable
from unet_studio.model.folding import fold
from unet_studio.model.network import Network
from unet_studio.model.plan import BANDS, BATCHES, LARGE_TILE, Plan, PredictSettings
from unet_studio.model.preprocess import checked, resize, to_channels
from unet_studio.model.sweep import Progress, Sweep, Watch

__all__ = ["Model", "PredictSettings", "Prepared"]

USUAL_TILE = ModelCard.tile  # on cards where nobody chose one


@dataclass(frozen=True)
class Prepared:
    """An image that Model.prepare brought to the network's size. shape: (H, W) of the image itself.

    pixels: (h, w, C), not yet scaled.
    """

    shape: tuple[int, ...]
    pixels: NDArray[Any]


class Model:
    """A network with its card, on a device. predict() may be called from any thread, one at a time."""

    def __init__(self, card: ModelCard, network: Network, device: torch.device | str = "cpu") -> None:
        self.card = card
        self.device = torch.device(device)
        self._spare = _copy_beside(network, self.device)  # for when what is on a card can't be read any more
        self.network = _moved(network, self.device)
        self._spared = self._state()
        self._lock = threading.Lock()
        self._folded: tuple[object, torch.device, Network] | None = None
        self._largest: Plan | None = None  # what fitted, once memory ran out

    @property
    def name(self) -> str:
        """The name on the card."""
        return self.card.name

    def prepare(self, image: NDArray[Any]) -> Prepared:
        """The part of predict that needs no network; may run beside a prediction, in another thread.

        Raises StudioError where the image's channels or pixels don't suit the model.
        """
        preprocessing = self.card.preprocessing
        to_channels(checked(image)[:1, :1], preprocessing.channels)  # before it is resized in vain
        return Prepared(image.shape[:2], resize(image, preprocessing))

    def predict(
        self,
        image: NDArray[Any] | Prepared,
        progress: Progress | None = None,
        settings: PredictSettings | None = None,
        watch: Watch | None = None,
    ) -> Prediction:
        """Labels (the model's class indices) and confidence of an image, (H, W) or (H, W, C), or of a
        prepared one.

        progress(fraction), 0..1, is called several times in every band or tile; what it raises (Cancelled)
        ends the prediction. watch(top, columns, logits) sees the logits of each part of the image that is
        ready; it may see parts again where memory runs out. When memory runs out, bands (or the batch, then
        the tile) are halved, then the processor does it; where a card fails altogether, the processor does
        this and all that follow. The result's `made` says so. Raises StudioError where the image doesn't suit
        the model.
        """
        chosen = settings or PredictSettings()
        with self._lock:
            if chosen.threads:
                set_threads(chosen.threads)
            prepared = image if isinstance(image, Prepared) else self.prepare(image)
            plan, notes = self._plan(chosen), list[str]()
            report = _monotonic(progress)
            while True:
                try:
                    labels, confidence = self._run(prepared, plan, report, watch)
                    break
                except (RuntimeError, MemoryError) as error:
                    gone = lost(error)
                    if gone and self._can_leave_card():
                        notes.append(f"{self.device} failed: on the processor")
                        self._leave_card()
                        plan = self._plan(chosen)
                    elif out_of_memory(error):
                        plan, note = plan.smaller()
                        notes.append(note)
                    else:
                        raise
                if not gone:
                    _release_memory()
            if notes and plan.device == self.device:
                self._largest = plan
        return Prediction(labels, confidence, self.card.name, {**plan.made(), "notes": notes})

    def _plan(self, settings: PredictSettings) -> Plan:
        """The settings with all that they leave open filled in.

        A tile that a person chose, in the settings or the card, is kept to. Otherwise the image is streamed,
        unless the network can't be, or the average over flips, which begins at all four corners, is wanted.
        """
        kind, largest = self.device.type, self._largest
        batch = settings.batch or BATCHES.get(kind, 1)
        tile = settings.tile or (self.card.tile if self.card.tile != USUAL_TILE else 0)
        band = 0 if tile or settings.tta or not streamable(self.network) else BANDS.get(kind, BANDS["cpu"])
        plan = Plan(
            settings.mode, self.device, tile or LARGE_TILE, settings.overlap, batch, settings.tta, band
        )
        return plan if largest is None else plan.within(largest)

    def _run(
        self, image: Prepared, plan: Plan, progress: Progress, watch: Watch | None
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Labels and confidence, uint8 (H, W), by one plan."""
        network = self._ready(plan.device)
        with torch.inference_mode(), plan.precision():
            return Sweep(network, self.card, image.pixels, plan).decide(image.shape, progress, watch)

    def _ready(self, device: torch.device) -> Network:
        """The network as it is now, folded for prediction, on a device; made anew where weights changed."""
        state = self._state()
        if self._folded is None or self._folded[:2] != (state, device):
            self._folded = None  # its memory is needed for the new one
            self._folded = state, device, _moved(fold(self.network), device)
        return self._folded[2]

    def _state(self) -> object:
        """What changes when the network's weights do."""
        tensors = (*self.network.parameters(), *self.network.buffers())
        return tuple((id(tensor), tensor._version) for tensor in tensors)

    def _can_leave_card(self) -> bool:
        """Whether the copy beside the card has the same weights: those of a training don't."""
        return self._spare is not None and self._spared == self._state()

    def _leave_card(self) -> None:
        """Go on with the copy, on the processor."""
        if self._spare is not None:
            self.device = torch.device("cpu")
            self.network, self._spare = _moved(self._spare, self.device), None
            self._folded = self._largest = None


def _moved(network: Network, device: torch.device) -> Network:
    """The network itself, on a device, its weights in the layout that convolutions run fastest in."""
    return network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _copy_beside(network: Network, device: torch.device) -> Network | None:
    """A copy of a network that is about to leave the processor for another device."""
    here = all(tensor.device.type == "cpu" for tensor in network.parameters())
    return deepcopy(network) if here and device.type != "cpu" else None


def _release_memory() -> None:
    """Give a graphics card's cached memory back, before less of it is tried."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _monotonic(progress: Progress | None) -> Progress:
    """A progress that never goes back, also when a prediction starts again with less memory."""
    reached = 0.0

    def report(fraction: float) -> None:
        nonlocal reached
        reached = max(reached, fraction)
        if progress:
            progress(reached)

    return report
