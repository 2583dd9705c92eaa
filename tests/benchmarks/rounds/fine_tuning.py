"""A training as the window's button starts it, and what becomes of its model."""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.benchmarks.recipes.studio import STARTING, Studio
from unet_studio.core.events import FINAL, Froze
from unet_studio.core.model_card import ModelEntry
from unet_studio.core.project import Project
from unet_studio.core.run_folder import RunFolder
from unet_studio.core.training_choices import DEFAULTS
from unet_studio.core.training_config import recipe
from unet_studio.jobs.publishing import Published, publish_run
from unet_studio.jobs.training_plan import make_run


@dataclass(frozen=True)
class Tuned:
    """A training that is over. entry: the version it made. facts: figures of it, as JSON holds them."""

    entry: ModelEntry
    published: Published
    facts: dict[str, Any]


def model_in_use(project: Project) -> ModelEntry | None:
    """The model that the window would predict with."""
    return next((entry for entry in project.models() if entry.name == project.model), None)


def settings(project: Project, pinned: str, changed: dict[str, Any]) -> dict[str, Any]:
    """What the window gives make_run, as session.trainer.Trainer.start does. pinned: the image on screen.

    changed: what a person would have changed in the form.
    """
    return {"pinned": str(project.image_path(pinned)), **DEFAULTS, **changed}


def assigned(assignments: Sequence[str]) -> dict[str, Any]:
    """Settings of "key=value" texts."""
    values = recipe().with_set(assignments).to_json()
    return {key: values[key] for key in (text.partition("=")[0].strip() for text in assignments)}


def fine_tune(studio: Studio, project: Project, pinned: str, seed: int) -> Tuned:
    """Train on what is approved, from a click on Start to the version that the gate has judged.

    The version is not in use yet. Raises Failure where the training fails.
    """
    began = time.perf_counter()
    changed = {"minutes": studio.minutes, "clock": studio.clock, "threads": studio.threads, "seed": seed}
    chosen = settings(project, pinned, {**changed, **assigned(studio.sets)})
    run = make_run(project, model_in_use(project), chosen)
    # What core.run_folder.start does, but as a child that is waited for: its processor time is known then.
    command = [sys.executable, "-P", "-m", "training", run.path]
    done = studio.run(command, 4 * 60 * studio.minutes + STARTING)
    published = publish_run(project, run)
    if published.entry is None:
        raise RuntimeError(f"{run.path} made no version.")
    facts = {**_facts(run), "cpu": round(done.cpu, 1), "clock": round(time.perf_counter() - began, 1)}
    return Tuned(published.entry, published, facts)


def _facts(run: RunFolder) -> dict[str, Any]:
    """How a run went. seconds: by the clock of its time limit's kind, as the run itself counted them."""
    events = run.events()[0]
    froze = next(event for event in events if isinstance(event, Froze))
    last = next(event for event in reversed(events) if isinstance(event, FINAL))
    return {
        "train": froze.train,
        "val": froze.val,
        "step": getattr(last, "step", 0),
        "seconds": getattr(last, "seconds", 0.0),
        "reason": getattr(last, "reason", type(last).__name__.lower()),
        "started_from": str(run.config().init),
    }
