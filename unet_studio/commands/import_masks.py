"""Take masks made elsewhere into a project, matched to its images by relative path, then by stem.

Or, as import --undo FOLDER, take the last import back.
"""

import argparse
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from unet_studio.commands.options import add_format, add_json, add_project_dir, opened, read_map
from unet_studio.commands.terminal import Terminal
from unet_studio.core.errors import StudioError
from unet_studio.core.words import count

if TYPE_CHECKING:
    from unet_studio.core.project import Project
    from unet_studio.formats.import_classes import FoundClass
    from unet_studio.formats.import_options import ImportOptions
    from unet_studio.formats.import_plan import ImportPlan
    from unet_studio.formats.import_report import ImportReport

AUTO = "auto"
_STOPPED = "Stopped. What came in is there: --resume goes on, import --undo FOLDER takes it back."
_ORDERS = ("file", "reversed", "smallest", "classes")
_FATES = {
    "import": "to come in",
    "turn": "to come in, turned as the picture's EXIF orientation says",
    "scale": "to come in, scaled by nearest neighbour",
    "keep": "to stay, painted by somebody (--replace)",
    "blank": "to stay, listed without a mask",
    "skip": "to be left out",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.usage = (
        "%(prog)s FORMAT SOURCE FOLDER [options]\n"
        "       %(prog)s --undo FOLDER [--changed keep|restore] [--project DIR] [--json]"
    )
    add_format(parser, optional=f"{AUTO}: whichever it seems to be")
    parser.add_argument("source", metavar="SOURCE", type=Path, nargs="?", help="the folder or file of masks")
    parser.add_argument(
        "folder", metavar="FOLDER", type=Path, nargs="?", help="the folder of images, or the project"
    )
    parser.add_argument("--preview", action="store_true", help="say what would be done, and do nothing")
    parser.add_argument(
        "--examine",
        action="store_true",
        help="with --preview: draw the masks too, and count overlaps and touching objects",
    )
    parser.add_argument(
        "--as",
        dest="layer",
        choices=("annotation", "prediction"),
        default="annotation",
        help="annotation (default): painted pixels; prediction: to be corrected, like a model's",
    )
    parser.add_argument("--approve", action="store_true", help="they are right and finished: approve them")
    parser.add_argument("--replace", action="store_true", help="also where a person has painted already")
    parser.add_argument("--add-classes", action="store_true", help="add the classes that the project lacks")
    parser.add_argument(
        "--map",
        metavar="THERE=HERE",
        action="append",
        default=[],
        help="a class there is this one here; THERE= leaves its pixels unlabelled",
    )
    parser.add_argument(
        "--order",
        choices=_ORDERS,
        default="file",
        help="which region lies on top where two overlap: as the format says (default), the other way round, "
        "the smaller one, or the one of the later class",
    )
    parser.add_argument("--scale", action="store_true", help="scale masks of another size to their images'")
    parser.add_argument(
        "--turn",
        choices=("sized", "all"),
        help="turn masks that were drawn without the picture's EXIF orientation: where their size tells so, "
        "or those of all pictures that have one",
    )
    parser.add_argument(
        "--only",
        metavar="IMAGE",
        action="append",
        default=[],
        help="import this image's mask; may be repeated",
    )
    parser.add_argument(
        "--pair",
        metavar="IMAGE=MASK",
        action="append",
        default=[],
        help="this mask belongs to that image, where it can't be told",
    )
    parser.add_argument("--name", default="", help="what predictions are called among the models")
    parser.add_argument("--resume", action="store_true", help="go on with an import that was broken off")
    parser.add_argument("--undo", action="store_true", help="take the last import of FOLDER back")
    parser.add_argument(
        "--changed",
        choices=("keep", "restore"),
        help="with --undo: leave images that somebody changed since, or take them back as well",
    )
    add_project_dir(parser)
    add_json(parser)
    parser.set_defaults(refuse=parser.error)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    given = [word for word in (arguments.format, arguments.source, arguments.folder) if word is not None]
    if arguments.undo:
        if len(given) != 1:
            arguments.refuse("--undo takes a FOLDER and nothing else")
        return _undo(arguments, Path(given[0]))
    if len(given) != 3:
        arguments.refuse("FORMAT, SOURCE and FOLDER are needed")
    if arguments.approve and arguments.layer == "prediction":
        arguments.refuse("predictions can't be approved before somebody looked at them")
    terminal = Terminal(arguments.json)
    options = _options(arguments)
    arguments.format = _format(arguments.format, arguments.source, terminal)
    work = _preview if arguments.preview else _import
    return work(arguments, terminal, options)


def _import(arguments: argparse.Namespace, terminal: Terminal, options: "ImportOptions") -> int:
    from unet_studio.commands.proofs import show_problems, show_proof
    from unet_studio.formats.importing import import_masks

    what = (arguments.format, arguments.source, options)
    with opened(arguments.folder, arguments.project, writable=True) as project:
        plan = _planned(terminal, project, *what)
        with terminal.progress("Importing", "images", _STOPPED) as meter:
            _say_broken_off(terminal, project, options)
            report = import_masks(project, *what, meter.advance, plan)
        classes = project.classes.describe()
    terminal.say(f"{count(len(report.imported), 'mask')} imported; the classes are {classes}")
    _show_report(terminal, report)
    show_proof(terminal, report.proof)
    if report.file is not None:
        terminal.say(f"Report: {report.file}")
    _say_how_to_fit(terminal, plan)
    terminal.result(report.to_json())
    return show_problems(terminal, report.problems)


def _show_report(terminal: Terminal, report: "ImportReport") -> None:
    """What became of the images, in lines."""
    if report.model:
        terminal.say(f"They are predictions to be corrected, called {report.model}")
    counts = {
        "left alone, having come in before": report.earlier,
        "turned as the picture's EXIF orientation says": report.turned,
        "scaled by nearest neighbour": report.scaled,
        "not approved, for unlabelled pixels": report.unfinished,
        "left as before, painted by somebody (--replace)": report.kept,
        "left as before, listed without a mask": report.blank,
        "without a mask in the source": report.missing,
    }
    for text, names in counts.items():
        if names:
            terminal.say(f"{count(len(names), 'image')} {text}: {_some(names)}")
    if report.unused:
        terminal.say(f"{count(len(report.unused), 'mask')} without an image: {_some(report.unused)}")
    if report.overlapping:
        pixels = sum(report.overlapping.values())
        terminal.say(
            f"{pixels:,} px in {count(len(report.overlapping), 'image')} lie under several classes "
            "(--order chooses which one is on top)"
        )
    for note in report.notes:
        terminal.say(note)


def _preview(arguments: argparse.Namespace, terminal: Terminal, options: "ImportOptions") -> int:
    """Say what an import would do."""
    from unet_studio.formats.examination import examine

    with opened(arguments.folder, arguments.project) as project:
        plan = _planned(terminal, project, arguments.format, arguments.source, options)
        _show_plan(terminal, plan)
        value = plan.to_json()
        if arguments.examine:
            with terminal.progress("Drawing", "images") as meter:
                found = examine(plan, project, advance=meter.advance)
            value["examination"] = found.to_json()
            terminal.say(f"{count(len(found.overlapping), 'image')} with overlaps of classes")
            terminal.say(f"{count(found.merged(), 'object')} would melt into others that they touch")
            rows = [[label, str(pixels)] for label, pixels in found.pixels.items()]
            terminal.table(["class there", "px"], [*rows, ["unlabelled", str(found.unlabelled)]])
    terminal.result(value)
    return 0


def _planned(
    terminal: Terminal, project: "Project", format_name: str, source: Path, options: "ImportOptions"
) -> "ImportPlan":
    """What an import would do. Raises StudioError where images or masks are named that are not there."""
    from unet_studio.formats.import_plan import plan_import

    _check_names("image", (*(options.only or ()), *options.pairs), project.images, project.name)
    with terminal.progress("Looking", "images", "Stopped. Nothing was written.") as meter:
        plan = plan_import(project, format_name, source, options, meter.advance)
    _check_names("mask", options.pairs.values(), plan.incoming.keys, str(source))
    return plan


def _check_names(kind: str, names: Iterable[str], known: Collection[str], place: str) -> None:
    """Raise StudioError for a name on the command line that nothing has."""
    strange = sorted(set(names) - set(known))
    if strange:
        raise StudioError(
            f"{place} has no {kind} called {strange[0]}.", f"Write the path of the {kind} in there."
        )


def _say_how_to_fit(terminal: Terminal, plan: "ImportPlan") -> None:
    """What a person can do about masks of another size than their images'."""
    refused = [row for row in plan.rows if row.fate == "refuse" and row.theirs and row.ours]
    if refused:
        terminal.say(
            f"{count(len(refused), 'mask')} of another size than the image: --scale scales, --turn sized "
            "turns what was drawn without the picture's EXIF orientation"
        )


def _show_plan(terminal: Terminal, plan: "ImportPlan") -> None:
    """A plan, in lines."""
    terminal.say(f"{plan.source} as {plan.format}: nothing is written")
    names: dict[str, list[str]] = {}
    for row in plan.rows:
        names.setdefault(row.fate, []).append(row.name)
    for fate, text in _FATES.items():
        if fate in names:
            terminal.say(f"{count(len(names[fate]), 'image')} {text}: {_some(names[fate])}")
    if plan.missing:
        missing = count(len(plan.missing), "image")
        terminal.say(f"{missing} without a mask in the source: {_some(plan.missing)}")
    if plan.unused:
        terminal.say(f"{count(len(plan.unused), 'mask')} without an image: {_some(plan.unused)}")
    for row in plan.rows:
        if row.fate == "refuse":
            terminal.say(f"refused: {row.name}: {row.remark}")
    _say_how_to_fit(terminal, plan)
    if plan.takes_over:
        terminal.say("The project has no classes yet and takes over those of the source")
    rows = [[one.name, *_class_here(one)] for one in plan.classes]
    if rows:
        terminal.table(["class there", "here", ""], rows)
    for note in plan.notes:
        terminal.say(note)


def _class_here(found: "FoundClass") -> tuple[str, str]:
    """What a class of the source becomes, and what a person has to do about it."""
    if found.here is None:
        return "", "none like it: --map or --add-classes"
    if found.likeness == "similar":
        return "", f"perhaps {found.here}: --map '{found.name}={found.here}'"
    return found.here or "unlabelled", ""


def _undo(arguments: argparse.Namespace, folder: Path) -> int:
    """Take the last import back."""
    from unet_studio.core.restoring import ChangedSinceError
    from unet_studio.formats.importing import last_import, undo_import

    terminal = Terminal(arguments.json)
    with (
        opened(folder, arguments.project, writable=True) as project,
        terminal.progress("Restoring", "images") as meter,
    ):
        last = last_import(project)
        try:
            found = undo_import(project, arguments.changed or "refuse", meter.advance)
        except ChangedSinceError as error:
            raise StudioError(error.message, "Say --changed keep or --changed restore.") from error
    assert last is not None  # or there was nothing to take back
    terminal.say(f"{count(len(found.images), 'image')} as before {last.title} at {last.created}")
    if found.kept:
        terminal.say(f"{count(len(found.kept), 'image')} left alone, changed since: {_some(found.kept)}")
    if found.classes_kept:
        terminal.say(f"The classes {', '.join(found.classes_kept)} stay: they are in use")
    terminal.result(
        {"restored": len(found.images), "kept": list(found.kept), "classes_kept": list(found.classes_kept)}
    )
    return 0


def _say_broken_off(terminal: Terminal, project: "Project", options: "ImportOptions") -> None:
    """Say that an earlier import was killed, unless this one goes on with it."""
    from unet_studio.core.snapshots import accept, broken_off

    found = broken_off(project)
    if found is not None and not options.resume:
        terminal.note(
            f"unet-studio: {found.title} was broken off. What had come in by then is there; "
            "--undo takes the imports back, the last one first."
        )
        accept(found)


def _format(name: str, source: Path, terminal: Terminal) -> str:
    """The format that is meant. Raises StudioError where it has to be found out and can't be."""
    if name != AUTO:
        return name
    from unet_studio.formats.recognition import recognise

    if not source.exists():
        raise StudioError(f"There is no {source}.", "Name the folder or the file of the masks.")
    found = recognise(source)
    if not found:
        raise StudioError(f"It can't be told which format {source} is of.", "Name the format.")
    others = f"; it may also be {' or '.join(found[1:])}" if found[1:] else ""
    terminal.note(f"{source} seems to be {found[0]}{others}")
    return found[0]


def _options(arguments: argparse.Namespace) -> "ImportOptions":
    from unet_studio.formats.import_options import ImportOptions
    from unet_studio.formats.regions import Order

    return ImportOptions(
        approve=arguments.approve,
        replace=arguments.replace,
        add_classes=arguments.add_classes,
        renames=read_map(arguments.map, "--map THERE=HERE"),
        layer=arguments.layer,
        order=Order(arguments.order),
        other_size="scale" if arguments.scale else "refuse",
        turn=arguments.turn or "refuse",
        only=frozenset(arguments.only) if arguments.only else None,
        pairs=read_map(arguments.pair, "--pair IMAGE=MASK"),
        model=arguments.name,
        resume=arguments.resume,
    )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
