"""The report of a run as a page: curves, classes, images, confusion matrix, data, settings, model."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from typing import Any

from training.report_facts import Facts, Kept
from unet_studio.core import html_page as html
from unet_studio.core.confusion_sheet import confusion_sheet
from unet_studio.core.curves import Curve, curve_sheet, run_curves
from unet_studio.core.error_picture import ERRORS
from unet_studio.core.events import Failed, Finished, Note, Started, Stopped
from unet_studio.core.model_card import ModelCard
from unet_studio.core.sheet import LINE_COLORS, escaped
from unet_studio.core.training_config import TrainingConfig
from unet_studio.core.words import count

LOSS_COLOR, SCORE_COLOR, DICE_COLOR = LINE_COLORS[0], LINE_COLORS[1], LINE_COLORS[2]
REASONS = {
    "steps": "all steps are done",
    "minutes": "the time was up",
    "patience": "it got no better",
}
CLASS_HEAD = (
    "class",
    "IoU",
    "Dice",
    "boundary F1",
    "IoU pooled",
    "Dice pooled",
    "true pixels",
    "training pixels",
)
PICTURE = "data:image/jpeg;base64,"


def make_page(known: Facts) -> str:
    """The report as HTML."""
    title = f"{known.config.name}: training {known.run.name}"
    parts = [f"<h1>{escaped(title)}</h1>", f'<p class="faint">{escaped(_outcome(known))}</p>']
    for section in SECTIONS:
        parts += section(known)
    return html.page(title, parts)


def _outcome(known: Facts) -> str:
    last = known.last
    match last:
        case Finished():
            told = f"Finished at step {last.step:,}: {REASONS.get(last.reason, last.reason)}."
        case Stopped():
            told = f"Stopped by a person at step {last.step:,}."
        case Failed():
            told = f"Failed. {last.message} {last.remedy}"
        case _:
            told = "Under way, or interrupted."
    made = f" {known.card.created[:16].replace('T', ' ')} UTC." if known.card and known.card.created else ""
    return f"{told}{made}"


def _summary(known: Facts) -> Iterator[str]:
    best, started = known.best, known.of(Started)
    rows = []
    if best is not None:
        on = "training images" if known.kept and known.kept.part != "val" else "validation images"
        rows += [
            (f"mean Dice, {on}", _figure(best.mean_dice)),
            ("mean IoU", _figure(best.mean_iou)),
            ("boundary F1", _figure(best.mean_boundary_f1)),
            ("pixel accuracy", _figure(best.pixel_accuracy)),
            ("best at step", f"{best.step:,}"),
        ]
    if isinstance(known.last, (Finished, Stopped)):
        rows.append(("time", duration(known.last.seconds)))
    if started:
        on_cpu = f", {count(started[-1].threads, 'thread')}" if started[-1].device == "cpu" else ""
        rows.append(("device", f"{started[-1].device}{on_cpu}"))
    yield html.numbers(rows)
    if best is not None:
        yield (
            '<p class="faint">Dice and IoU are means over images first, then over the classes that '
            "the truth shows, without the background. Every image is predicted whole, as for people.</p>"
        )
    notes = dict.fromkeys(event.text for event in known.of(Note))
    if notes:
        yield f"<h2>Notes</h2><ul>{''.join(f'<li>{escaped(text)}</li>' for text in notes)}</ul>"


def _curves(known: Facts) -> Iterator[str]:
    found = run_curves(known.events)
    if not any(found.values()):
        return
    loss = [
        Curve("training", LOSS_COLOR, found["Loss/train"], dashed=True),
        Curve("validation", LOSS_COLOR, found["Loss/val"]),
    ]
    quality = [
        Curve("IoU, training patches", SCORE_COLOR, found["IoU/train"], dashed=True),
        Curve("IoU, validation", SCORE_COLOR, found["IoU/val"]),
        Curve("Dice, validation", DICE_COLOR, found["Dice/val"]),
    ]
    drawn = [curve_sheet("Loss", loss), curve_sheet("IoU and Dice", quality, limits=(0, 1))]
    yield "<h2>Curves</h2>"
    yield f'<div class="row">{"".join(html.figure(sheet) for sheet in drawn)}</div>'


def _classes(known: Facts) -> Iterator[str]:
    best, kept = known.best, known.kept
    if best is None:
        return
    trained = _training_pixels(known)
    true = _true_pixels(kept)
    scored = (best.iou, best.dice, best.boundary_f1, best.pooled_iou, best.pooled_dice)
    rows = [
        [
            name,
            *(_figure(values.get(name)) for values in scored),
            *(f"{pixels[name]:,}" if name in pixels else "" for pixels in (true, trained)),
        ]
        for name in best.iou
    ]
    colors = [entry.color for entry in kept.table.active] if kept is not None else []
    yield "<h2>Classes</h2>"
    yield html.table(
        "The best validation, by class. IoU, Dice and boundary F1 are means over images; pooled ones count "
        "the pixels of all images together. A dash: no image shows the class, and none was found.",
        CLASS_HEAD,
        rows,
        colors if len(colors) == len(rows) else (),
    )


def _true_pixels(kept: Kept | None) -> dict[str, int]:
    """Known pixels of the validation images, by class name."""
    if kept is None:
        return {}
    names = (entry.name for entry in kept.table.active)
    return {name: int(row.sum()) for name, row in zip(names, kept.matrix, strict=True)}


def _training_pixels(known: Facts) -> dict[str, int]:
    if known.data is None:
        return {}
    return {known.data.classes.get(index).name: pixels for index, pixels in known.data.pixels().items()}


def _images(known: Facts) -> Iterator[str]:
    kept = known.kept
    if kept is None:
        return
    kind = "validation" if kept.part == "val" else "training"
    if kept.worst:
        yield f"<h2>Worst and best {kind} images</h2>"
        yield html.legend((entry.color, f"{entry.name}") for entry in ERRORS.classes[1:])
        yield from _shown("Worst", kept.worst)
        yield from _shown("Best", kept.best)
    if kept.images:
        order = sorted(kept.images, key=lambda image: _rank(image.get("dice")))
        rows = [
            [str(image["name"]), *(_figure(image.get(key)) for key in ("dice", "iou", "pixel_accuracy"))]
            for image in order
        ]
        caption = f"{count(len(rows), f'{kind} image')}, the worst first"
        content = html.table(caption, ["image", "Dice", "IoU", "pixel accuracy"], rows)
        yield html.details(f"Figures of all {kind} images", content)


def _rank(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) else math.inf


def _shown(title: str, entries: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    entries = list(entries)
    if not entries:
        return
    yield f"<h3>{title}</h3>"
    for entry in entries:
        name, dice = str(entry["name"]), _figure(entry["dice"])
        pictures = []
        for view, url in entry["pictures"].items():
            if str(url).startswith(PICTURE):
                caption = f"{name}, Dice {dice}" if view == "image" else view
                pictures.append(html.picture(str(url), f"{name}: {view}", caption))
        yield html.grid(pictures)


def _confusion(known: Facts) -> Iterator[str]:
    if known.kept is None:
        return
    names = [entry.name for entry in known.kept.table.active]
    yield "<h2>Confusion matrix</h2>"
    told = "All pixels of these images together; every row is a true class and adds up to 100 %."
    yield f'<p class="faint">{told}</p>'
    yield html.figure(confusion_sheet(known.kept.matrix, names))


def _data(known: Facts) -> Iterator[str]:
    data = known.data
    if data is None:
        return
    yield "<h2>Data</h2>"
    rows = []
    for part, title in (("train", "training"), ("val", "validation"), ("test", "test, never looked at")):
        samples = data.part(part)
        pixels = sum(data.pixels(part).values())
        area = sum(sample.height * sample.width for sample in samples)
        share = f"{100 * pixels / area:.1f} %" if area else ""
        rows.append([title, f"{len(samples):,}", f"{pixels:,}", share])
    yield html.table("The split", ["part", "images", "known pixels", "of all pixels"], rows)
    kinds: dict[str, int] = {}
    for sample in data.samples:
        kind = f"{sample.channels} x {sample.dtype}, {sample.width} x {sample.height} px"
        kinds[kind] = kinds.get(kind, 0) + 1
    most = sorted(kinds.items(), key=lambda item: -item[1])
    told = [(kind, count(number, "image")) for kind, number in most[:8]]
    if len(most) > 8:
        told.append((f"{len(most) - 8} other sizes", count(sum(number for _, number in most[8:]), "image")))
    source = [(key, value) for key, value in known.config.source.to_json().items()]
    yield html.facts("Where they come from, and what they are", [*source, *told])
    told_above = {event.text for event in known.of(Note)}
    notes = [text for text in data.notes if text not in told_above]
    if notes:
        yield f"<ul>{''.join(f'<li>{escaped(text)}</li>' for text in notes)}</ul>"


def _settings(known: Facts) -> Iterator[str]:
    config, usual = known.config, TrainingConfig()
    rows = [
        (entry.name, _value(getattr(config, entry.name)), str(entry.metadata.get("unit", "")))
        for entry in fields(config)
        if entry.name != "source"
    ]
    changed = [row for row in rows if getattr(config, row[0]) != getattr(usual, row[0])]
    yield "<h2>Settings</h2>"
    if changed:
        caption = "What is not as the program sets it by itself"
        yield html.facts(caption, ((name, f"{value} {unit}".strip()) for name, value, unit in changed))
    everything = html.facts("All settings", ((name, f"{value} {unit}".strip()) for name, value, unit in rows))
    yield html.details("All settings", everything)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (tuple, list)):
        return ", ".join(str(one) for one in value) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _model(known: Facts) -> Iterator[str]:
    card = known.card
    if card is None:
        return
    options = ", ".join(f"{key}={_value(value)}" for key, value in card.architecture.options.items())
    preprocessing = card.preprocessing
    size = " x ".join(f"{one:g}" for one in preprocessing.size)
    resize = "not resized" if preprocessing.resize == "none" else f"{preprocessing.resize} {size}".strip()
    rows = [
        ("folder", str(known.run.best)),
        ("network", f"{card.architecture.name} {f'({options})' if options else ''}".strip()),
        ("input", f"{count(card.architecture.in_channels, 'channel')}, {resize}"),
        ("outputs", count(card.architecture.out_channels, "channel")),
        ("fine-tuned from", card.parent or "-"),
        ("base", card.base or "-"),
        ("first weights", _weights(card, "source")),
        ("their licence", _weights(card, "licence")),
        ("made", card.created or "-"),
        ("temperature of confidence", f"{card.temperature:.3f}"),
    ]
    calibration = card.metrics.get("calibration")
    if isinstance(calibration, Mapping):
        errors = " to ".join(_figure(calibration.get(key)) for key in ("ece_before", "ece_after"))
        rows.append(("calibration error, before to after", errors))
    if card.note:
        rows.append(("note", card.note))
    yield "<h2>Model</h2>"
    yield html.facts("What the model's card says, beside the above", rows)


def _weights(card: ModelCard, what: str) -> str:
    """Where a model's first weights came from, or their licence."""
    weights = card.training.get("weights")
    return str(weights.get(what, "-")) if isinstance(weights, Mapping) else "-"


SECTIONS = (_summary, _curves, _classes, _images, _confusion, _data, _settings, _model)


def duration(seconds: float) -> str:
    """A time as people say it."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _figure(value: Any) -> str:
    known = isinstance(value, (int, float)) and math.isfinite(value)
    return f"{value:.4f}" if known else "-"
