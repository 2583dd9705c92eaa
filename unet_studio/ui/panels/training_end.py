"""How a training ended, in words: its kind, what to do next, and what there is to look at."""

from collections.abc import Sequence
from dataclasses import dataclass

from unet_studio.core.events import Event, Failed, Stopped
from unet_studio.core.gate import Verdict
from unet_studio.ui import words

# Heading, and colour of the note, by the gate's outcome; a version that is promoted need not be better.
BETTER, NO_WORSE = ("Finished: better", "good"), ("Finished: no worse", "info")
UNPROMOTED = {
    "candidate": ("Finished: not better", "warning"),
    "indicative": ("Finished: you decide", "info"),
}
LITTLE = 0.5  # Dice below which a first model has hardly learnt anything
SAID_ANYWAY = "only indicative"  # in a run's note on few validation images; its end says how many there were
ANEW = "The same settings would fail again: change them below, under Advanced, and start anew."
RECENT_NOTES = 2  # of what a run said, shown with its end
FOUND = "It ended while the window was closed."


@dataclass(frozen=True)
class Ending:
    """What the panel shows of a run that is over.

    heading: a few words; text: what it came to; kind: the colour of the note, see Note. resumable: whether it
    can go on, or end with its best model; settings: whether going on as it is would fail again. details: the
    reasons, shown below the next step so that a small window shows that first.
    """

    heading: str
    text: str
    kind: str
    resumable: bool = False
    details: str = ""
    settings: bool = False


def ending(
    state: str,
    name: str,
    events: Sequence[Event],
    verdict: Verdict | None,
    lead: str,
    found: bool,
    last_words: str,
) -> Ending | None:
    """How the run called `name` ended, None where it has not.

    state: the run's; lead: a sentence on its version; found: whether it ended while the window was closed;
    last_words: the last line of its log.
    """
    if state == "stopped" and not _model_of(events):
        text = "It was stopped before it had learnt anything, so there is no model of it."
        return Ending(f"Stopped: {name}", text, "info")
    if state in ("finished", "stopped"):
        return _model_made(state, events, verdict, f"{lead} {FOUND}" if found else lead)
    if state == "failed":
        failed = next((event for event in reversed(events) if isinstance(event, Failed)), None)
        said = f"{failed.message} {failed.remedy}" if failed else "The training failed."
        settings = failed is not None and failed.settings
        notes = _lines(ANEW if settings else "", *_recent(events))
        return Ending(f"Failed: {name}", said, "danger", True, notes, settings)
    if state == "interrupted":
        return _cut_off(name, events, last_words)
    if state == "gone":
        text = "Its folder was deleted or moved away. What became versions before is still there."
        return Ending(f"Gone: {name}", text, "warning")
    if state == "discarded":
        return Ending(
            f"Discarded: {name}", "Its model is gone; your images and masks are as they were.", "info"
        )
    return None


def _model_made(state: str, events: Sequence[Event], verdict: Verdict | None, lead: str) -> Ending:
    """A run that left a model: what the gate says of it, else what its own figures say."""
    stopped = "Stopped: the best model so far is kept." if state == "stopped" else ""
    if verdict is not None and (verdict.rival or verdict.outcome != "promoted"):
        reasons = _lines(*verdict.reasons, *verdict.warnings, *_recent(events))
        text = _lines(lead, stopped, _change(verdict))
        proven = BETTER if verdict.interval.better else NO_WORSE
        heading, kind = UNPROMOTED.get(verdict.outcome, proven)
        return Ending(heading, text, kind, details=reasons)
    result = words.outcome(events)
    heading = "Finished: the first model" if verdict is not None else "Finished"
    kind = "good" if result.known and result.better else "warning" if result.known else "info"
    little = ""
    if result.first and result.after < LITTLE:
        kind, little = "info", "It has learnt little yet: approve more images, or give it more time."
    text = _lines(lead, stopped, result.text(), little)
    return Ending(heading, text, kind, details=_lines(*_recent(events)))


def _model_of(events: Sequence[Event]) -> str:
    """The folder of the model that a stopped run left, "" where it left none."""
    return next((event.model for event in reversed(events) if isinstance(event, Stopped)), "")


def _change(verdict: Verdict) -> str:
    """ "Dice 0.500 → 0.900", or "" where nothing was compared."""
    if not verdict.interval.images:
        return ""
    return f"Dice {verdict.before:.3f} → {verdict.after:.3f}."


def _cut_off(name: str, events: Sequence[Event], last_words: str) -> Ending:
    """A run whose process is gone without a word of its own."""
    why = (
        f"Its process broke off: {last_words}"
        if _is_error(last_words)
        else "Its process was ended from outside, as happens when the machine restarts or its memory is full."
    )
    step = next((event.step for event in reversed(events) if hasattr(event, "step")), 0)
    kept = "It goes on from its last saved state." if step else "It had not begun: going on starts it anew."
    return Ending(f"Cut off: {name}", _lines(why, kept), "warning", True)


def _is_error(line: str) -> bool:
    """Whether a line of a log is the last one of a Python error, or of the system's."""
    first = line.split(":")[0].split(".")[-1]
    return first.endswith(("Error", "Exception", "Killed")) or line.startswith(("Killed", "Segmentation"))


def _recent(events: Sequence[Event]) -> list[str]:
    """What the run said, such as that it went on with less memory."""
    return [note for note in words.notes(events) if SAID_ANYWAY not in note][-RECENT_NOTES:]


def _lines(*sentences: str) -> str:
    return "\n".join(sentence for sentence in sentences if sentence)
