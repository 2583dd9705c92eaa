"""How the model of a run that is over becomes a version, and what the gate says of it."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from unet_studio.core.errors import StudioError
from unet_studio.core.events import Stopped
from unet_studio.core.gate import GATE_FILE, Verdict, judge, read_gate, undecided
from unet_studio.core.model_card import ModelEntry, read_card
from unet_studio.core.project import Project
from unet_studio.core.run_folder import RESUMABLE, RunFolder
from unet_studio.core.versions import publish_once, version_of


@dataclass(frozen=True)
class Published:
    """What came of a run. entry: the version that its model is; None where that was deleted, or is awaited.

    models: those of the project, read after that. verdict: promoted where there was no model to compare with.
    awaited: whether it is on somebody else to make the version, as this project may only be read.
    """

    run: RunFolder
    entry: ModelEntry | None
    models: list[ModelEntry]
    verdict: Verdict
    awaited: bool = False


def publish_run(project: Project, run: RunFolder) -> Published:
    """Make a run's best model a version of the project, unless that has been done or nothing may change.

    Its card says what the gate found. Reads and copies files.
    """
    verdict = verdict_of(run)
    awaited = project.read_only is not None and run.unpublished
    if project.read_only is None:
        entry = publish_once(run, project.models_folder, run.name, {"gate": verdict.to_json()})
    else:
        entry = None if awaited else version_of(run, project.models_folder)
    return Published(run, entry, project.shown_models(), verdict, awaited)


def publish_earlier(project: Project, runs: Iterable[RunFolder]) -> list[Published]:
    """Make versions of trainings that ended well while nobody looked, as where another one began meanwhile.

    What can't become a version now is passed over: it is tried again with the next opening.
    """
    made = []
    for run in runs:
        if run.unpublished and run.has_best and run.state() in ("finished", "stopped"):
            with suppress(StudioError, OSError):
                made.append(publish_run(project, run))
    return made


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
    rival = ""
    try:
        rival = Path(run.config().rival).name
        scores = read_gate(run.path / GATE_FILE)
        if scores is not None and scores[1] is not None:
            return replace(judge(scores[0], scores[1]), rival=rival or scores[0].model)
    except (StudioError, ValueError) as error:
        return undecided("candidate", f"It can't be compared with the model in use: {error}", rival)
    if not rival:
        return undecided("promoted", "No model was in use, so there is nothing to compare it with.")
    if scores is None:
        return undecided(
            "candidate", f"{rival} was not scored, so nothing shows which of them is better.", rival
        )
    return undecided("candidate", "It was stopped before it could be measured.", rival)
