"""A run made ready: its data, plan, network, batches and clock, from the settings or from where it was."""

import copy
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training.augment import AUGMENTATIONS
from training.board import Board
from training.data import Batches, Samples, middle_patches
from training.distributed import Team
from training.frozen import FrozenData, FrozenSample, evenly
from training.losses import Loss, choose_loss, class_weights
from training.network import Origin, choose_architecture, find_origin, make_network, model_classes
from training.pinned import Pinned
from training.plan import Plan, make_plan
from training.prefetch import Prefetch
from training.provenance import first_weights
from training.reading import Pending
from training.room import largest_batch, memory_share
from training.state import Average, Standing, State, make_optimiser
from training.validate import metrics
from unet_studio.core.errors import Cancelled, SettingsError
from unet_studio.core.events import Event, Validated
from unet_studio.core.model_card import Architecture, ModelCard, Preprocessing
from unet_studio.core.run_folder import RunFolder
from unet_studio.core.training_config import TrainingConfig
from unet_studio.model.calibration import Evidence
from unet_studio.model.checkpoint import save_model
from unet_studio.model.devices import fast_dtype
from unet_studio.model.network import Network
from unet_studio.model.predict import Model

CLOSING = 2.0  # seconds of a time limit that are left for the report and the end of the process
LOSS_PATCHES = 16  # validation patches that the validation loss is taken on
CLOCKS: dict[str, Callable[[], float]] = {"wall": time.monotonic, "processor": time.process_time}
ENDING = {"stop", "discard", "interrupt"}  # requests that end the loop


@dataclass
class Job:
    """A run with everything it works with. fine_tuned: whether it started from a model.
    notes: where its first weights came from.

    team: the processes that share it. batches: see Prefetch. asked: the requests that ended it. pending:
    steps that are not told yet; lag: how many may be, so that a graphics card need not be waited for at each.
    saved: when last.pt was written; kept: how far the run was then, but for its seconds. step_seconds: what
    the last step took.
    """

    run: RunFolder
    config: TrainingConfig
    data: FrozenData
    plan: Plan
    device: torch.device
    state: State
    judge: Model
    batches: Prefetch
    loss: Loss
    background: int | None
    judged: list[FrozenSample]
    loss_patches: list[tuple[Tensor, Tensor]]
    board: Board | None
    pinned: Pinned
    dtype: torch.dtype | None
    team: Team = field(default_factory=Team)
    fine_tuned: bool = False
    notes: tuple[str, ...] = ()
    metrics: dict[str, Any] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)
    pending: deque[Pending] = field(default_factory=deque)
    lag: int = 0
    evidence: Evidence = field(default_factory=Evidence)
    saved: float = 0.0
    kept: Standing | None = None
    started: float = 0.0
    step_seconds: float = 0.0

    @property
    def clock(self) -> Callable[[], float]:
        """What the time limit goes by, in seconds."""
        return CLOCKS[self.config.clock]

    @property
    def seconds(self) -> float:
        """Spent so far by that clock, without pauses, resumed parts included."""
        return self.state.standing.seconds + self.clock() - self.started

    @property
    def limit(self) -> float:
        """What the time limit leaves for steps and validations, in seconds; 0 for no limit.

        It begins with the process and ends with it: that is what a person waits for. At least half of it is
        left, however long the data took to freeze.
        """
        whole = 60 * self.config.minutes
        return max(whole - self.state.standing.beginning - CLOSING, whole / 2) if whole else 0.0

    @property
    def closing(self) -> float:
        """Seconds that the last validation and the comparison with the model in use will take, as before.

        At most a fifth of the time limit goes to the comparison.
        """
        standing = self.state.standing
        return standing.validation_seconds + min(standing.comparing_seconds, self.limit / 5)

    def hold_clock(self) -> None:
        """Bring the standing's seconds up to date; the clock goes on from there."""
        self.state.standing.seconds = self.seconds
        self.started = self.clock()

    def record(self, event: Event) -> None:
        """Write the numbers of an event for TensorBoard."""
        if self.board is not None:
            self.board.record(event)

    def close(self) -> None:
        """End what works beside the loop."""
        self.batches.close()
        if self.board is not None:
            self.board.close()

    def level(self) -> None:
        """Bring together what every process has of its own patches alone. All must call it."""
        if self.team.size > 1:
            self.team.level(self.state.network)
            if self.state.average is not None:
                self.state.average.copy_buffers(self.state.network)

    def save(self) -> None:
        """Write last.pt, unless it says so already: of a large network it is hundreds of megabytes."""
        self.hold_clock()
        standing = replace(self.state.standing, seconds=0.0)
        if not self.team.leads or self.kept == standing:
            return
        self.state.save(self.run.last)
        self.saved, self.kept = time.monotonic(), standing

    def check(self) -> None:
        """Raise Cancelled where a request ends the run."""
        if self.run.requested() & ENDING:
            raise Cancelled

    def save_best(self) -> None:
        """Write the judge's weights as the run's best model, whole or not at all."""
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
                **self.judge.card.training,
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
        with self.run.fresh_best() as folder:
            save_model(folder, self.judge.network, card)


def prepare(
    run: RunFolder, config: TrainingConfig, data: FrozenData, device: torch.device, team: Team
) -> Job:
    """Everything that the loop works with; where the run has a last.pt, as it was then."""
    origin = find_origin(config)
    given = origin.card.preprocessing if origin else None
    plan = make_plan(config, data, device.type, given, config.init != "random")
    architecture = choose_architecture(config, data.classes, plan.preprocessing, origin)
    beginning = make_network(config, architecture, model_classes(data.classes), origin, run.last.is_file())
    network = beginning.network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    dtype = _precision(config.amp, device)
    loss = choose_loss(config, architecture.out_channels, class_weights(config, data.classes, data.pixels()))
    state = _first_state(run, config, network, device, dtype)
    if config.batch == 0:
        trial = memory_share(
            copy.deepcopy(network), loss, plan.preprocessing.channels, plan.patch, device, dtype
        )
        found = _automatic_batch(state.standing, plan, device, team, trial)
        plan = make_plan(
            replace(config, batch=found), data, device.type, plan.preprocessing, config.init != "random"
        )
    if state.standing.planned != plan.batch:
        state.standing.planned = state.standing.batch = plan.batch
    card = _first_card(config, data, architecture, plan.preprocessing, origin)
    judged = _judged(data, plan.validation_images)
    limited = Samples(data, evenly(judged, LOSS_PATCHES), plan.preprocessing, 0)
    return Job(
        run=run,
        config=config,
        data=data,
        plan=plan,
        device=device,
        state=state,
        judge=Model(card, copy.deepcopy(network), device),
        batches=_batches(config, data, plan, device, team),
        loss=loss,
        background=_background_channel(data),
        judged=judged,
        loss_patches=middle_patches(limited, plan.preprocessing, plan.patch),
        board=Board(run.tensorboard, state.standing.step, config) if team.leads else None,
        pinned=Pinned(run, config.pinned if team.leads else ""),
        dtype=dtype,
        team=team,
        lag=1 if device.type == "cuda" else 0,
        fine_tuned=beginning.knows_classes,
        notes=beginning.notes,
        metrics=_metrics_of(run),
        started=CLOCKS[config.clock](),
        saved=time.monotonic(),
    )


def _first_state(
    run: RunFolder, config: TrainingConfig, network: Network, device: torch.device, dtype: torch.dtype | None
) -> State:
    """The network's state at the start; where the run has a last.pt, as it was then."""
    state = State(
        network,
        Average(network, config.ema) if config.ema else None,
        make_optimiser(network, config),
        torch.amp.GradScaler(device.type, enabled=dtype is torch.float16),
        Standing(),
    )
    if run.last.is_file():
        state.load(run.last)
    return state


def _first_card(
    config: TrainingConfig,
    data: FrozenData,
    architecture: Architecture,
    preprocessing: Preprocessing,
    origin: Origin | None,
) -> ModelCard:
    """What is known of the model before it has learnt anything. origin: the model that it starts from."""
    return ModelCard(
        name=config.name,
        architecture=architecture,
        classes=model_classes(data.classes),
        background=data.classes.background,
        preprocessing=preprocessing,
        parent=origin.card.name if origin else None,
        base=origin.card.name if origin else None if config.init == "random" else Path(config.init).name,
        training={"weights": first_weights(config, architecture, origin)},
    )


def _automatic_batch(
    standing: Standing, plan: Plan, device: torch.device, team: Team, share: Callable[[int], float]
) -> int:
    """Patches computed at once: as a run began, else what a graphics card holds, else the plan's."""
    if standing.planned or device.type != "cuda":
        return standing.planned or plan.batch
    return team.least(largest_batch(share)) * team.size


def _batches(
    config: TrainingConfig, data: FrozenData, plan: Plan, device: torch.device, team: Team
) -> Prefetch:
    """This process's part of every step's patches."""
    whole = Batches(
        Samples(data, data.part("train"), plan.preprocessing),
        plan.preprocessing,
        plan.patch,
        plan.batch * config.accumulate,
        AUGMENTATIONS["none" if config.overfit else config.augmentation],
        config.seed,
        device,
        config.rare_classes,
    )
    part = team.part(plan.batch * config.accumulate)
    return Prefetch(lambda step: whole.draw(step, part), device, plan.steps)


def _judged(data: FrozenData, limit: int) -> list[FrozenSample]:
    """The validation samples, at most `limit`, evenly spread; training samples where there are none."""
    val, train = ([one for one in data.part(part) if one.pixels] for part in ("val", "train"))
    return evenly(val or train, limit or len(val or train))


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
        raise SettingsError("amp=fp16 needs a CUDA device.", "Use amp=auto.")
    return {"off": None, "bf16": torch.bfloat16, "fp16": torch.float16}[amp]


def _metrics_of(run: RunFolder) -> dict[str, Any]:
    """The metrics of the best model so far, for a resumed run."""
    if not run.last.is_file():
        return {}
    validated = [event for event in run.events()[0] if isinstance(event, Validated) and event.best]
    return metrics(validated[-1]) if validated else {}
