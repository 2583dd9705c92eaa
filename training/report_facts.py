"""What is known of a run, for its report: all that its folder holds."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from training.frozen import FrozenData, read_frozen
from unet_studio.core.classes import ClassTable
from unet_studio.core.errors import StudioError
from unet_studio.core.events import FINAL, Event, Validated
from unet_studio.core.metrics import Matrix
from unet_studio.core.model_card import ModelCard, read_card
from unet_studio.core.run_folder import RunFolder
from unet_studio.core.storage import read_json
from unet_studio.core.training_config import TrainingConfig


@dataclass(frozen=True)
class Kept:
    """What a run kept of its best validation, see training.gallery."""

    step: int
    part: str
    table: ClassTable
    matrix: Matrix
    images: Sequence[Mapping[str, Any]]
    worst: Sequence[Mapping[str, Any]]
    best: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Facts:
    """All that is known of a run. last: the event that it ended with. card: of its best model."""

    run: RunFolder
    config: TrainingConfig
    events: Sequence[Event]
    last: Event | None
    card: ModelCard | None
    data: FrozenData | None
    kept: Kept | None

    def of(self, kind: type) -> list[Any]:
        """The events of a kind."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def best(self) -> Validated | None:
        """The validation of the best model."""
        found = [event for event in self.of(Validated) if event.best]
        return found[-1] if found else None


def gather(run: RunFolder, last: Event | None = None) -> Facts:
    """What the folder of a run holds; what is missing or broken there is None."""
    events, _ = run.events()
    ends = [event for event in events if isinstance(event, FINAL)]
    card = data = kept = None
    with suppress(StudioError):
        card = read_card(run.best)
    with suppress(StudioError):
        data = read_frozen(run.data)
    with suppress(StudioError, KeyError, TypeError, ValueError):
        kept = _read_kept(run.validation)
    return Facts(run, run.config(), events, last or (ends[-1] if ends else None), card, data, kept)


def _read_kept(path: Path) -> Kept:
    value = read_json(path)
    table = ClassTable.from_json(value["classes"])
    matrix = np.array(value["confusion"], dtype=np.int64)
    if matrix.shape != (len(table.indices), len(table.indices) + 1):
        raise ValueError("the matrix is not of these classes")
    return Kept(value["step"], value["part"], table, matrix, value["images"], value["worst"], value["best"])
