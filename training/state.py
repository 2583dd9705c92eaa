"""What a run must not lose: weights, their average, the optimiser, and how far it is. Saved as last.pt."""

import pickle
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop

from unet_studio.core.errors import SettingsError, StudioError
from unet_studio.core.storage import atomic_write
from unet_studio.core.training_config import TrainingConfig
from unet_studio.model.network import Network

VERSION = 1
# What comes of a file that is cut off, of something else, or of another network.
BROKEN = (
    OSError,
    EOFError,
    RuntimeError,
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    pickle.UnpicklingError,
)
MOST_TOLD = 300  # characters of an error that go into a message
BETA = 0.999  # Adam's second
# Of the groups of parameters, the weight decay and the momentum.
OPTIMISERS: dict[str, Any] = {
    "adamw": lambda groups, decay, momentum: AdamW(groups, betas=(momentum, BETA), weight_decay=decay),
    "adam": lambda groups, decay, momentum: Adam(groups, betas=(momentum, BETA), weight_decay=decay),
    "sgd": lambda groups, decay, momentum: SGD(
        groups, momentum=momentum, nesterov=momentum > 0, weight_decay=decay
    ),
    "rmsprop": lambda groups, decay, momentum: RMSprop(groups, momentum=momentum, weight_decay=decay),
}
MOMENTUM = {"rmsprop": 0.0}  # as usual, where it is not USUAL_MOMENTUM
USUAL_MOMENTUM = 0.9


@dataclass
class Standing:
    """How far a run is. step: steps done. seconds: spent. best: highest score so far, below 0 for none.

    stale: validations since then. planned: patches computed at once; batch: the same, less once memory ran
    out. validation_seconds: what the last one took; validated: its step, below 0 for none. beginning: seconds
    from the start of the process until it was ready, the most of those that had this run. comparing_seconds:
    what it took to score the model in use, where the best one is to be scored on as many images at the end.
    """

    step: int = 0
    seconds: float = 0.0
    best: float = -1.0
    stale: int = 0
    batch: int = 0
    planned: int = 0
    validation_seconds: float = 0.0
    validated: int = -1
    beginning: float = 0.0
    comparing_seconds: float = 0.0


class Average:
    """A moving average of a network's weights; its first steps count more, so that it forgets the start.

    Y. Polyak and A. Juditsky, "Acceleration of stochastic approximation by averaging", 1992, with exponential
    weights. Buffers, such as batch-norm statistics, are copied.
    """

    def __init__(self, network: Network, decay: float) -> None:
        self._decay = decay
        self.weights = {key: value.detach().clone() for key, value in network.state_dict().items()}
        self._learnt = {key for key, _ in network.named_parameters()}

    @torch.no_grad()
    def update(self, network: Network, step: int) -> None:
        """Take in the weights after a step (from 1 on)."""
        decay = min(self._decay, (1 + step) / (10 + step))
        for key, value in network.state_dict().items():
            if key in self._learnt:
                self.weights[key].lerp_(value.detach(), 1 - decay)
            else:
                self.weights[key].copy_(value)

    @torch.no_grad()
    def copy_buffers(self, network: Network) -> None:
        """Take over what is no parameter, where it has changed since the last update."""
        for key, value in network.state_dict().items():
            if key not in self._learnt:
                self.weights[key].copy_(value)


def make_optimiser(network: Network, config: TrainingConfig) -> Optimizer:
    """The optimiser, a pretrained encoder's parameters in a group of their own.

    Every group has "share", its part of the learning rate. A share of 0 freezes the encoder.
    """
    share = 1.0 if config.init == "random" else config.encoder_lr_factor
    groups = [{"params": list(network.decoder_parameters()), "share": 1.0, "lr": config.learning_rate}]
    encoder = list(network.encoder_parameters())
    if share == 0:
        for parameter in encoder:
            parameter.requires_grad_(False)
    else:
        groups.append({"params": encoder, "share": share, "lr": config.learning_rate * share})
    usual = MOMENTUM.get(config.optimiser, USUAL_MOMENTUM)
    momentum = usual if config.momentum < 0 else config.momentum
    made: Optimizer = OPTIMISERS[config.optimiser](groups, config.weight_decay, momentum)
    return made


@dataclass
class State:
    """All of it. scaler: of the gradients, for float16; it does nothing otherwise.

    confusion: of the training patches since the last validation, int64 (K * K + 1,), the last for unknown.
    """

    network: Network
    average: Average | None
    optimiser: Optimizer
    scaler: torch.amp.GradScaler
    standing: Standing
    confusion: Tensor | None = None

    def weights(self) -> dict[str, Tensor]:
        """The weights that make the model: the average, where there is one."""
        return self.network.state_dict() if self.average is None else self.average.weights

    def save(self, path: Path) -> None:
        """Write last.pt, atomically. Raises StudioError rather than keep weights that are no numbers."""
        self.check_finite()
        content = {
            "version": VERSION,
            "network": self.network.state_dict(),
            "average": None if self.average is None else self.average.weights,
            "optimiser": self.optimiser.state_dict(),
            "scaler": self.scaler.state_dict(),
            "standing": asdict(self.standing),
            "confusion": self.confusion,
        }
        with atomic_write(path) as stream:
            try:
                torch.save(content, stream)
            except RuntimeError as error:
                raise _cause(error) from error

    def check_finite(self) -> None:
        """Raise StudioError where a weight is no number, as after an update that was too large."""
        if not all(bool(torch.isfinite(value).all()) for value in self.network.parameters()):
            raise not_finite("A weight", self.standing.step)

    def load(self, path: Path) -> None:
        """Continue from a last.pt. Raises StudioError where it is broken or of another network."""
        try:
            content = torch.load(path, map_location="cpu", weights_only=True)
            if content["version"] != VERSION:
                raise ValueError(f"version {content['version']}")
            self.network.load_state_dict(content["network"])
            if self.average is not None:
                for key, value in content["average"].items():
                    self.average.weights[key].copy_(value)
            self.optimiser.load_state_dict(content["optimiser"])
            self.scaler.load_state_dict(content["scaler"])
            self.standing = Standing(**content["standing"])
            confusion, device = content.get("confusion"), next(self.network.parameters()).device
            self.confusion = None if confusion is None else confusion.to(device)
        except BROKEN as error:
            why = " ".join(str(error).split())[:MOST_TOLD]
            raise StudioError(
                f"{path} can't be continued from: {why}.", "Start another run; the best model is kept."
            ) from error


def _cause(error: BaseException) -> BaseException:
    """The OSError behind what torch.save says when a disk is full ("unexpected pos"), else the error."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OSError):
        cause = cause.__cause__ or cause.__context__
    return error if cause is None else cause


def not_finite(what: str, step: int) -> SettingsError:
    """What is said of a loss or weight that is no number."""
    return SettingsError(
        f"{what} is not a number at step {step}.",
        "Lower the learning rate, or set amp=off; if there is a best model so far, it is kept.",
    )
