"""Where samples come from, before a run freezes them: a project, images beside masks, or a known data set."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

from training.candidates import Candidate, Labels, Source
from training.datasets import DATASETS
from training.folders import open_folders
from unet_studio.core.document_files import seen_mask
from unet_studio.core.errors import StudioError
from unet_studio.core.project import Project, Status
from unet_studio.core.split import read_split
from unet_studio.core.training_config import TrainingConfig, TrainingSource
from unet_studio.core.words import left_out


def open_source(config: TrainingConfig) -> Source:
    """The samples that the settings name. Raises StudioError where there are none, or nothing is named."""
    given = config.source
    _check(config)
    if given.project:
        source = _open_project(given, config)
    elif given.dataset and given.root:
        source = _with_split(_open_data_set(given.dataset, Path(given.root), config), config)
    elif given.images and given.masks:
        source = _with_split(open_folders(given, config.values), config)
    else:
        raise StudioError(
            "The run doesn't say where its samples come from.",
            "Name a project, images and masks, or a data set and its folder.",
        )
    if not any(candidate.part != "test" for candidate in source.candidates):
        why = next((note for note in reversed(source.notes) if "left out" in note), None)
        reason = f": {why}" if why else "."
        raise StudioError(f"There is no image to learn from{reason}", _remedy(given, config.painted))
    twice = [name for name, count in Counter(one.name for one in source.candidates).items() if count > 1]
    if twice:
        raise StudioError(
            f"{twice[0]} is there twice{f', as are {len(twice) - 1} others' if len(twice) > 1 else ''}.",
            "Leave it in one list or folder, so that it lies in one part of the split.",
        )
    return source


def _check(config: TrainingConfig) -> None:
    """Raise StudioError where settings are given that the source has no use for."""
    given = config.source
    if config.values and not (given.images and given.masks):
        raise StudioError(
            "values says what the numbers in a folder of masks mean; here they are known.",
            "Leave it out; choose the classes to learn with classes.",
        )


def _remedy(given: TrainingSource, painted: bool) -> str:
    if given.project is None:
        return "Check that the masks carry the names of their images, and that the split names them."
    choice = "" if painted else ", or let it learn from painted images too"
    return f"Approve at least one image{choice}."


def _open_project(given: TrainingSource, config: TrainingConfig) -> Source:
    project = Project.open(Path(given.project or ""), given.project_dir, writable=False)

    def candidate(name: str, approved: bool = True) -> Candidate:
        def truth() -> Labels:
            seen = config.surroundings and not approved
            labels = seen_mask(project, name) if seen else project.truth(name)
            if labels is None:
                raise StudioError(f"The mask of {name} is gone.", "Approve the image again.")
            return labels

        def changed() -> Labels | None:
            found = project.read_annotation(name)
            return None if found is None else found[0]

        return Candidate(name, project.image_path(name), truth, changed, project.split.get(name, "train"))

    approved = [candidate(name) for name in project.with_status(Status.APPROVED)]
    unfinished = project.with_status(Status.PAINTED) if config.painted else []
    # Nobody has looked at all of these masks: no fair measure, so they train or are left out.
    started = [
        replace(candidate(name, approved=False), part="train")
        for name in unfinished
        if project.split.get(name, "train") == "train" and project.annotation_path(name).is_file()
    ]
    notes: tuple[str, ...] = ()
    if config.shares or config.group_by:
        notes = ("A project keeps its own split: shares and group_by are not used.",)
    return Source(project.classes, tuple(approved + started), notes, parallel=False, own_split=True)


def _open_data_set(name: str, root: Path, config: TrainingConfig) -> Source:
    source = DATASETS[name](root, config)
    files = (file for one in (*source.candidates[:1], *source.candidates[-1:]) for file in _files(one))
    if all(file.is_relative_to(root) for file in files):
        return source
    return replace(source, notes=(f"The data set was found around {root}.", *source.notes))


def _files(candidate: Candidate) -> tuple[Path, ...]:
    return (candidate.image,) if candidate.stored is None else (candidate.image, candidate.stored.path)


def _with_split(source: Source, config: TrainingConfig) -> Source:
    """The source with the split that is asked for: of a file, a new one by shares, or its own."""
    if config.source.split:
        unused = ("A split is given: shares of a new one are not used.",) if config.shares else ()
        return _by_file(replace(source, notes=(*source.notes, *unused)), Path(config.source.split))
    if not config.shares:
        if source.split is None:
            return source
        found = f"The split is that of {source.split}."
        return _by_file(replace(source, notes=(*source.notes, found)), source.split)
    given = source.split is not None or any(candidate.part for candidate in source.candidates)
    notes = ["Shares are given: all images are divided anew, whatever split there is."] if given else []
    open_ones = tuple(replace(candidate, part=None) for candidate in source.candidates)
    return replace(source, candidates=open_ones, notes=(*source.notes, *notes))


def _by_file(source: Source, path: Path) -> Source:
    """The source with the split of a split.json; images that it does not name are left out."""
    parts = read_split(path)
    names = {candidate.name for candidate in source.candidates}
    notes = []
    strangers = [name for name in parts if name not in names]
    if strangers:
        notes.append(f"{len(strangers)} names of the split have no image with a mask, {strangers[0]} first.")
    left = [candidate.name for candidate in source.candidates if candidate.name not in parts]
    if left:
        notes.append(left_out(left, "that the split does not name"))
    chosen = tuple(
        replace(candidate, part=parts[candidate.name])
        for candidate in source.candidates
        if candidate.name in parts
    )
    return replace(source, candidates=chosen, notes=(*source.notes, *notes))
