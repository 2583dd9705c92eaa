"""Figures in words: what a training will do, how long it takes, what came of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from unet_studio.core.events import Event, Freezing, Froze, Note, Progress, Started, scores_before_and_after
from unet_studio.core.model_card import ModelCard
from unet_studio.core.words import count as count
from unet_studio.jobs.training_plan import ClassFit, TrainingPlan


def duration(seconds: float) -> str:
    """ "40 s", "3 min", "1 h 20 min"."""
    if not math.isfinite(seconds):
        return "some time"
    if seconds < 55:
        return f"{max(1, round(seconds))} s"
    minutes = max(1, round(seconds / 60))
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def size(pixels: int) -> str:
    """ "640 px", "12,300 px", "1.2 Mpx"."""
    return f"{pixels / 1e6:.1f} Mpx" if pixels >= 1e6 else f"{pixels:,} px"


def plan_text(plan: TrainingPlan) -> str:
    """What a training would learn from."""
    if not plan.train and not plan.val:
        return "Nothing to learn from yet: correct the mask of an image and approve it (Enter)."
    learns = f"Learns from {count(plan.train, 'approved image')}"
    checks = f", is checked on {plan.val} it never learns from" if plan.val else ""
    return f"{learns}{checks}."


def split_text(plan: TrainingPlan) -> str:
    """ "3 train, 1 validates, 1 tests"."""
    parts = [(len(plan.images.get("train", ())), "train"), (len(plan.images.get("val", ())), "validate")]
    tested = len(plan.images.get("test", ()))
    if tested:
        parts.append((tested, "test"))
    return ", ".join(f"{number:,} {verb}{'s' if number == 1 else ''}" for number, verb in parts)


def joining_text(number: int, under_way: bool) -> str:
    """What was finished since a training began; "" for nothing."""
    if not number:
        return ""
    which = count(number, "image")
    join, were = ("joins", "was") if number == 1 else ("join", "were")
    if under_way:
        return f"{which} finished meanwhile {join} the next round."
    it = "it" if number == 1 else "them"
    return f"{which} {were} finished since the last training: the next round learns from {it} too."


def class_fit_text(name: str, fit: ClassFit) -> str:
    """How the classes of a model that a training starts from meet the project's."""
    said = []
    same = [name for name in fit.kept if name not in {now for _, now in fit.renamed}]
    if same:
        said.append(f"what it knows of {', '.join(same)} goes on")
    said += [f"{now} begins with what it knows of {before}" for before, now in fit.renamed]
    if fit.fresh:
        said.append(f"{', '.join(fit.fresh)} {'begins' if len(fit.fresh) == 1 else 'begin'} anew")
    if fit.dropped:
        said.append(f"{', '.join(fit.dropped)} {'is' if len(fit.dropped) == 1 else 'are'} forgotten")
    return f"{name} has other classes: {'; '.join(said)}."


def device_memory(events: Sequence[Event]) -> int:
    """Bytes that a training held on its graphics card last; 0 on a processor."""
    last = next((event for event in reversed(events) if isinstance(event, Progress)), None)
    return last.memory if last is not None else 0


def memory_text(size: int) -> str:
    """ "812 MB", "1.4 GB"."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def progress_text(events: Sequence[Event], state: str) -> str:
    """How far a training is."""
    if state == "paused":
        return "Paused. Its state is saved."
    last = next((event for event in reversed(events) if isinstance(event, Progress)), None)
    started = next((event for event in reversed(events) if isinstance(event, Started)), None)
    if last is None:
        if started is None:
            looked = next((event for event in reversed(events) if isinstance(event, Freezing)), None)
            if looked is not None:
                return f"Looking at the images: {looked.done:,} of {looked.total:,}…"
            return "Starting: the training process loads…"
        froze = next((event for event in events if isinstance(event, Froze)), None)
        return f"Preparing {count(froze.train, 'image')}…" if froze else "Copying the masks…"
    left = f" · about {duration(last.seconds_left)} left" if math.isfinite(last.seconds_left) else ""
    return f"Step {last.step:,} of at most {last.steps:,}{left}"


def done(progress: Progress) -> float:
    """How much of a training is over, 0..1; it ends at its last step or at its time limit."""
    if not math.isfinite(progress.seconds_left) or progress.seconds + progress.seconds_left <= 0:
        return progress.step / max(progress.steps, 1)
    return progress.seconds / (progress.seconds + progress.seconds_left)


def running_on(events: Sequence[Event]) -> str:
    """The device of a run: "CPU, 1 thread"."""
    started = next((event for event in reversed(events) if isinstance(event, Started)), None)
    if started is None:
        return ""
    name = started.device.upper() if started.device in ("cpu", "mps") else started.device
    return f"{name}, {count(started.threads, 'thread')}" if started.device == "cpu" else name


def notes(events: Sequence[Event]) -> list[str]:
    """What a run wants people to know; what it said again when it was resumed counts once."""
    said = [event.text for event in events if isinstance(event, Note)]
    return list(dict.fromkeys(reversed(said)))[::-1]


@dataclass(frozen=True)
class Outcome:
    """What came of a run. before, after: mean Dice on the validation images, NaN where unknown."""

    before: float
    after: float
    images: int

    @property
    def known(self) -> bool:
        """Whether there is a figure to show."""
        return math.isfinite(self.after)

    @property
    def better(self) -> bool:
        """Whether the new model is better than what it started from, as far as is known."""
        return not math.isfinite(self.before) or self.after > self.before

    @property
    def first(self) -> bool:
        """Whether there is a figure, and none of a model before."""
        return self.known and not math.isfinite(self.before)

    def text(self) -> str:
        """ "Dice 0.812 → 0.874 on 3 validation images"."""
        if not self.known and self.images:
            return "It ended before it was measured, so it is not known how good the new model is."
        if not self.known:
            return "There was no validation image, so it is not known how good the new model is."
        before = f"{self.before:.3f} → " if math.isfinite(self.before) else ""
        few = " 5 images or more tell better." if self.images < 5 else ""
        return f"Dice {before}{self.after:.3f} on {count(self.images, 'validation image')}.{few}"


def outcome(events: Sequence[Event]) -> Outcome:
    """The figures of a run that is over."""
    before, after = scores_before_and_after(events)
    froze = next((event for event in events if isinstance(event, Froze)), None)
    unknown = math.nan
    return Outcome(
        unknown if before is None else before, unknown if after is None else after, froze.val if froze else 0
    )


def score_text(card: ModelCard) -> str:
    """ "Dice 0.842", or "" where nothing was measured."""
    for key, name in (("mean_dice", "Dice"), ("mean_iou", "IoU")):
        value = card.metrics.get(key)
        if isinstance(value, (int, float)) and math.isfinite(value):
            return f"{name} {value:.3f}"
    return ""


def card_text(card: ModelCard) -> str:
    """A model in a few words: architecture, score, descent, date."""
    parts = [card.architecture.name.replace("unet-", "U-Net, ").replace("unet", "U-Net")]
    if score_text(card):
        parts.append(f"{score_text(card)} on the images it was checked with")
    if card.parent and card.parent != card.name:
        parts.append(f"fine-tuned from {card.parent}")
    if card.created:
        parts.append(card.created[:10])
    return " · ".join(parts)
