"""A run made ready: its data, plan, network, batches and clock, from the settings or from where it was."""

import copy
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import torch
from torch import Tensor

from training.augment import AUGMENTATIONS
from training.board import Board
from training.data import Batches, Samples, middle_patches
from training.freeze import FrozenData, FrozenSample
from training.losses import Loss, choose_loss, class_weights
from training.network import choose_architecture, find_origin, make_network, model_classes
from training.plan import Plan, make_plan
from training.state import Average, Standing, State, make_optimiser
from training.validate import metrics
from unet_studio.core.errors import Cancelled, StudioError
from unet_studio.core.events import Validated
from unet_studio.core.model_card import ModelCard
from unet_studio.core.run_folder import RunFolder
from unet_studio.core.training_config import TrainingConfig
from unet_studio.model.calibration import Evidence
from unet_studio.model.checkpoint import save_model
from unet_studio.model.devices import fast_dtype
from unet_studio.model.predict import Model

LOSS_PATCHES = 16  # validation patches that the validation loss is taken on
ENDING = {"stop", "discard", "interrupt"}  # requests that end the loop


@dataclass
class Job:
    """A run with everything it works with. fine_tuned: whether it started from a model."""

    run: RunFolder
    config: TrainingConfig
    data: FrozenData
    plan: Plan
    device: torch.device
    state: State
    judge: Model
    batches: Batches
    loss: Loss
    background: int | None
    judged: list[FrozenSample]
    loss_patches: list[tuple[Tensor, Tensor]]
    board: Board
    dtype: torch.dtype | None
    fine_tuned: bool = False
    metrics: dict[str, Any] = field(default_factory=dict)
    confusion: Tensor | None = None
    evidence: Evidence = field(default_factory=Evidence)
    saved: float = 0.0
    validation_seconds: float = 0.0
    started: float = 0.0

    @property
    def seconds(self) -> float:
        """Spent so far, without pauses, resumed parts included."""
        return self.state.standing.seconds + time.monotonic() - self.started

    def hold_clock(self) -> None:
        """Bring the standing's seconds up to date; the clock goes on from there."""
        self.state.standing.seconds = self.seconds
        self.started = time.monotonic()

    def save(self) -> None:
        """Write last.pt."""
        self.hold_clock()
        self.state.save(self.run.last)
        self.saved = time.monotonic()

    def check(self) -> None:
        """Raise Cancelled where a request ends the run."""
        if self.run.requested() & ENDING:
            raise Cancelled

    def save_best(self) -> None:
        """Write the judge's weights as the run's best model."""
        validated = self.judged[0].part == "val"
        kind = "validation" if validated else "training"
        # Images that a model learnt from say nothing of how sure it may be of others.
        found = self.evidence.calibration() if validated else None
        calibrated = {"calibration": found.to_json()} if found else {}
        card = replace(
            self.judge.card,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            temperature=found.temperature if found else 1.0,
            metrics={
                "kind": f"mean over {kind} images",
                "images": len(self.judged),
                **self.metrics,
                **calibrated,
            },
            training={
                "run": self.run.name,
                "steps": self.state.standing.step,
                "seconds": round(self.seconds, 1),
                "samples": {
                    part: [sample.name for sample in self.data.part(part)]
                    for part in ("train", "val", "test")
                },
                "config": self.config.to_json(),
            },
        )
        save_model(self.run.best, self.judge.network, card)


def prepare(run: RunFolder, config: TrainingConfig, data: FrozenData, device: torch.device) -> Job:
    """Everything that the loop works with; where the run has a last.pt, as it was then."""
    origin = find_origin(config)
    given = origin.card.preprocessing if origin else None
    plan = make_plan(config, data, device.type, given, config.init != "random")
    classes = model_classes(data.classes)
    architecture = choose_architecture(config, data.classes, plan.preprocessing, origin)
    network = make_network(config, architecture, classes, origin)
    network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    dtype = _precision(config.amp, device)
    state = State(
        network,
        Average(network, config.ema) if config.ema else None,
        make_optimiser(network, config),
        torch.amp.GradScaler(device.type, enabled=dtype is torch.float16),
        Standing(batch=plan.batch),
    )
    if run.last.is_file():
        state.load(run.last)
    card = ModelCard(
        name=config.name,
        architecture=architecture,
        classes=classes,
        background=data.classes.background,
        preprocessing=plan.preprocessing,
        parent=origin.card.name if origin else None,
        base=origin.card.name if origin else None if config.init == "random" else config.init,
    )
    judged = _judged(data, config.validation_images)
    few = judged[:: -(-len(judged) // LOSS_PATCHES)]
    limited = Samples(data, few, plan.preprocessing, 0)
    return Job(
        run=run,
        config=config,
        data=data,
        plan=plan,
        device=device,
        state=state,
        judge=Model(card, copy.deepcopy(network), device),
        batches=Batches(
            Samples(data, data.part("train"), plan.preprocessing),
            plan.preprocessing,
            plan.patch,
            state.standing.batch,
            AUGMENTATIONS[config.augmentation],
            config.seed,
            device,
        ),
        loss=choose_loss(
            config, architecture.out_channels, class_weights(config, data.classes, data.pixels())
        ),
        background=_background_channel(data),
        judged=judged,
        loss_patches=middle_patches(limited, plan.preprocessing, plan.patch),
        board=Board(run.tensorboard, state.standing.step),
        dtype=dtype,
        fine_tuned=origin is not None,
        metrics=_metrics_of(run),
        started=time.monotonic(),
        saved=time.monotonic(),
    )


def _judged(data: FrozenData, limit: int) -> list[FrozenSample]:
    """The validation samples, at most `limit`, evenly spread; training samples where there are none."""
    val, train = ([one for one in data.part(part) if one.pixels] for part in ("val", "train"))
    samples = val or train
    return samples[:: -(-len(samples) // limit) if limit else 1]


def _background_channel(data: FrozenData) -> int | None:
    background = data.classes.background
    return None if background is None else data.classes.indices.index(background)


def _precision(amp: str, device: torch.device) -> torch.dtype | None:
    """The format of mixed precision, None for float32.

    Automatic is only for graphics cards: on processors, bfloat16 speeds up prediction, but its gradients of
    depthwise convolutions were measured ten times slower.
    """
    if amp == "auto":
        return fast_dtype(device) if device.type == "cuda" else None
    if amp == "fp16" and device.type != "cuda":
        raise StudioError("amp=fp16 needs a CUDA device.", "Use amp=auto.")
    return {"off": None, "bf16": torch.bfloat16, "fp16": torch.float16}[amp]


def _metrics_of(run: RunFolder) -> dict[str, Any]:
    """The metrics of the best model so far, for a resumed run."""
    if not run.last.is_file():
        return {}
    validated = [event for event in run.events()[0] if isinstance(event, Validated) and event.best]
    return metrics(validated[-1]) if validated else {}
