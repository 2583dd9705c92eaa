"""How the model of a run that is over becomes a version, and what the gate says of it."""

from dataclasses import dataclass, replace
from pathlib import Path

from unet_studio.core.errors import StudioError
from unet_studio.core.events import Stopped
from unet_studio.core.gate import GATE_FILE, Verdict, judge, read_gate, undecided
from unet_studio.core.model_card import ModelEntry, read_card
from unet_studio.core.project import Project
from unet_studio.core.run_folder import RESUMABLE, RunFolder
from unet_studio.core.versions import publish_once


@dataclass(frozen=True)
class Published:
    """What came of a run. entry: its new version, None where that was made before or may not be made.

    models: those of the project, read after that. verdict: promoted where there was no model to compare with.
    """

    run: RunFolder
    entry: ModelEntry | None
    models: list[ModelEntry]
    verdict: Verdict


def publish_run(project: Project, run: RunFolder) -> Published:
    """Make a run's best model a version of the project, unless that has been done or nothing may change.

    Its card says what the gate found. Reads and copies files.
    """
    verdict = verdict_of(run)
    entry = None
    if project.read_only is None:
        entry = publish_once(run, project.models_folder, run.name, {"gate": verdict.to_json()})
    return Published(run, entry, project.shown_models(), verdict)


def conclude(run: RunFolder) -> Stopped:
    """End a run that failed or was cut off as a stop would have: its best model is what came of it.

    Raises StudioError while a process has it, where it is over, or has no model; OSError on a full disk.
    """
    run.mend()
    if run.state() not in RESUMABLE:
        raise StudioError(f"The training {run.name} can't be ended now.", "Look at what it does first.")
    card = read_card(run.best)
    told = card.training
    end = Stopped(int(told.get("steps", 0)), float(told.get("seconds", 0)), str(run.best), card.metrics)
    run.emit(end)
    return end


def verdict_of(run: RunFolder) -> Verdict:
    """What the gate says of a run's best model, by the scores that the training left.

    Scores that can't be read or compared make a candidate.
    """
    try:
        rival = Path(run.config().rival).name
        scores = read_gate(run.path / GATE_FILE)
        if scores is not None and scores[1] is not None:
            return replace(judge(scores[0], scores[1]), rival=rival or scores[0].model)
    except (StudioError, ValueError) as error:
        return undecided("candidate", f"It can't be compared with the model in use: {error}")
    if not rival:
        return undecided("promoted", "No model was in use, so there is nothing to compare it with.")
    if scores is None:
        return undecided(
            "candidate", f"{rival} was not scored, so nothing shows which of them is better.", rival
        )
    return undecided("candidate", "It was stopped before it could be measured.", rival)
