"""What became of every image of a call of predict: lines for people, and the one JSON object."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from unet_studio.commands.prediction_folder import MEAN, UNCERTAIN_SHARE, Item
from unet_studio.commands.terminal import Terminal
from unet_studio.core.errors import StudioError
from unet_studio.core.words import count

if TYPE_CHECKING:
    from unet_studio.core.prediction import Prediction

SHOWN = 20  # reasons that are said in full; --json has all


@dataclass
class Report:
    """Image by image. terminal: where a note is said when it first occurs. seconds: of predicting.

    reasons: why images failed, without their paths -> names; notes: what was remarked -> names.
    """

    terminal: Terminal
    images: dict[str, dict[str, Any]] = field(default_factory=dict)
    errors: dict[str, StudioError] = field(default_factory=dict)
    reasons: dict[str, list[str]] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)
    devices: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    interrupted: bool = False

    def skip(self, item: Item, texts: Mapping[str, str]) -> None:
        """An image was done already; texts: of its mask."""
        sure = (_number(texts.get(MEAN)), _number(texts.get(UNCERTAIN_SHARE)))
        self._add(item, "skipped", *sure)

    def write(self, item: Item, found: "Prediction") -> None:
        """A mask was written."""
        self._add(item, "written", found.mean_confidence, found.uncertain_share)
        notes = list(found.made.get("notes", ()))
        if notes:
            self.images[item.name]["notes"] = notes
        for note in notes:
            if note not in self.notes:
                self.terminal.note(f"unet-studio: {item.name}: {note}")
            self.notes.setdefault(note, []).append(item.name)
        self.devices[str(found.made.get("device", ""))] += 1

    def fail(self, item: Item, error: StudioError) -> None:
        """Nothing was written of an image."""
        self.errors[item.name] = error
        self.reasons.setdefault(str(error).replace(str(item.path), "the file"), []).append(item.name)
        self.images[item.name] = {"status": "failed", "problem": str(error)}

    def _add(self, item: Item, status: str, mean: float | None, uncertain: float | None) -> None:
        facts = {"mean_confidence": mean, "uncertain_share": uncertain}
        told = {key: None if value is None else round(value, 5) for key, value in facts.items()}
        self.images[item.name] = {"status": status, "mask": item.target, **told}

    def with_status(self, status: str) -> dict[str, dict[str, Any]]:
        """The images with that status: name -> facts."""
        return {name: facts for name, facts in self.images.items() if facts["status"] == status}

    def rate(self) -> float | None:
        """Images a second, of those that were written; None where none was."""
        written = len(self.with_status("written"))
        return written / self.seconds if written and self.seconds > 0 else None

    def to_json(self) -> dict[str, Any]:
        """Images, and totals over them."""
        written, skipped = self.with_status("written"), self.with_status("skipped")
        rate = self.rate()
        return {
            "written": {name: facts["mask"] for name, facts in written.items()},
            "skipped": list(skipped),
            "problems": {name: str(error) for name, error in self.errors.items()},
            "images": self.images,
            "totals": {
                "images": len(self.images),
                "written": len(written),
                "skipped": len(skipped),
                "failed": len(self.errors),
                "mean_confidence": _mean(self.images, "mean_confidence"),
                "uncertain_share": _mean(self.images, "uncertain_share"),
                "seconds": round(self.seconds, 3),
                "images_per_second": None if rate is None else round(rate, 3),
            },
            "devices": dict(self.devices),
            "notes": self.notes,
            "interrupted": self.interrupted,
        }

    def show(self, out: str) -> None:
        """What was done, and what failed and why."""
        written, skipped = self.with_status("written"), self.with_status("skipped")
        line = f"{count(len(written), 'mask')} written to {out}"
        were = "was" if len(skipped) == 1 else "were"
        self.terminal.say(f"{line}, {len(skipped):,} {were} done already" if skipped else line)
        rate = self.rate()
        if rate is not None:
            devices = " and ".join(f"{device} ({number})" for device, number in self.devices.items())
            where = devices if len(self.devices) > 1 else next(iter(self.devices))
            self.terminal.say(f"{rate:.3g} images/s on {where}")
        sure = [(facts["mean_confidence"], name) for name, facts in written.items()]
        if sure:
            share = _mean(written, "uncertain_share") or 0.0
            mean = _mean(written, "mean_confidence") or 0.0
            least = ", ".join(f"{name} ({value:.2f})" for value, name in sorted(sure)[:3])
            self.terminal.say(f"Mean confidence {mean:.3f}, {share:.1%} of the pixels are uncertain")
            if len(sure) > 3:
                self.terminal.say(f"Least sure: {least}")
        for note, names in self.notes.items():
            if len(names) > 1:
                self.terminal.note(f"{note}: {len(names)} images ({_some(names)})")
        self._show_failures()

    def _show_failures(self) -> None:
        for reason, names in list(self.reasons.items())[:SHOWN]:
            several = f"{len(names)} images ({_some(names)})"
            told = f"{several}: {reason}" if len(names) > 1 else self._of_one(names[0])
            self.terminal.note(f"unet-studio: {' '.join(told.split())}")
        if len(self.reasons) > SHOWN:
            left = sum(len(names) for names in list(self.reasons.values())[SHOWN:])
            self.terminal.note(f"unet-studio: {left} more images failed; --json names all.")

    def _of_one(self, name: str) -> str:
        reason = str(self.errors[name])
        return reason if name in reason else f"{name}: {reason}"


def _mean(images: Mapping[str, Mapping[str, Any]], key: str) -> float | None:
    values = [facts[key] for facts in images.values() if facts.get(key) is not None]
    return round(sum(values) / len(values), 5) if values else None


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
