"""Imports and exports that were killed or stopped, gone on with: the result is that of an undisturbed one."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from unet_studio.core.classes import ClassTable
from unet_studio.core.document_files import IMAGE_HASH
from unet_studio.core.errors import Cancelled, StudioError
from unet_studio.core.image_io import pixel_hash, read_image
from unet_studio.core.project import Project
from unet_studio.formats.destination import ASIDE
from unet_studio.formats.export_layers import StoredLayers
from unet_studio.formats.export_log import PIECEWISE
from unet_studio.formats.export_options import ExportOptions
from unet_studio.formats.exporting import export_masks
from unet_studio.formats.importing import ImportOptions, import_masks
from unet_studio.formats.table import WRITTEN

COUNT = 7
KILLED = """
import os, signal, sys
from pathlib import Path
from unet_studio.core.project import Project
from unet_studio.formats.exporting import export_masks
from unet_studio.formats.importing import ImportOptions, import_masks

def kill(done, total):
    if done == 4:
        os.kill(os.getpid(), signal.SIGKILL)

what, folder, name, place = sys.argv[1:]
work = {"export": export_masks, "import": import_masks}[what]
options = ImportOptions(approve=True) if what == "import" else None
work(Project.open(Path(folder)), name, Path(place), options, kill)
"""


def labels_of(number: int) -> Any:
    labels = np.zeros((12, 16), np.uint8)
    labels[2 : 5 + number, 3:9] = 1
    labels[6, 4] = 2
    return labels


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Seven approved images of 16 x 12 px."""
    folder = tmp_path / "images"
    folder.mkdir()
    project = Project.open(folder)
    project.set_classes(ClassTable.binary("cell").add("wall"))
    for number in range(COUNT):
        name = f"{number}.png"
        Image.fromarray(np.full((12, 16, 3), number, np.uint8)).save(folder / name)
        facts = {IMAGE_HASH: pixel_hash(read_image(folder / name))}
        project.write_annotation(name, labels_of(number), facts)
        project.write_approved(name, labels_of(number), facts)
    project.close()
    return Project.open(folder)


def killed(what: str, folder: Path, name: str, place: Path) -> None:
    """Have a process of its own begin, and kill itself in the middle."""
    words = [sys.executable, "-c", KILLED, what, str(folder), name, str(place)]
    done = subprocess.run(words, check=False, timeout=120, capture_output=True, text=True)
    assert done.returncode == -9, done.stderr


def stopping(after: int) -> Any:
    """Somebody who cancels after so many steps."""

    def advance(done: int, _total: int) -> None:
        if done > after:
            raise Cancelled

    return advance


def content(folder: Path) -> dict[str, Any]:
    """Every file with what is in it; the manifest without its time."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            found[path.relative_to(folder).as_posix()] = path.read_bytes()
    for name in [name for name in found if name.endswith("manifest")]:
        value = json.loads(found[name])
        del value["created"]
        found[name] = value
    return found


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The images whose layers are read for an export."""
    names: list[str] = []
    before = StoredLayers._read

    def watched(layers: StoredLayers, name: str) -> Any:
        names.append(name)
        return before(layers, name)

    monkeypatch.setattr(StoredLayers, "_read", watched)
    return names


def test_an_export_that_was_killed_is_gone_on_with(project: Project, tmp_path: Path, read: list[str]) -> None:
    place = tmp_path / "out" / "masks"
    killed("export", project.image_root, "index-png", place)
    assert [path.name for path in place.iterdir()] == [ASIDE]
    (place / ASIDE / "masks" / ".0123abc.tmp").write_bytes(b"half")
    report = export_masks(project, "index-png", place, ExportOptions(resume=True))
    assert report.earlier == 4
    assert sorted(read) == [f"{number}.png" for number in range(4, COUNT)]
    assert report.proof.exact
    assert report.proof.images == COUNT
    export_masks(project, "index-png", tmp_path / "undisturbed" / "masks")
    assert content(place) == content(tmp_path / "undisturbed" / "masks")


@pytest.mark.parametrize("name", sorted(PIECEWISE))
def test_every_format_that_is_written_piece_by_piece(
    name: str, project: Project, tmp_path: Path, read: list[str]
) -> None:
    options = ExportOptions(keep_aside=True, pictures=frozenset({"overlay"}))
    place = tmp_path / "out" / "masks"
    with pytest.raises(Cancelled):
        export_masks(project, name, place, options, stopping(3))
    assert [path.name for path in place.iterdir()] == [ASIDE]
    read.clear()
    options = ExportOptions(resume=True, pictures=frozenset({"overlay"}))
    report = export_masks(project, name, place, options)
    assert report.earlier == 4
    assert sorted(read) == [f"{number}.png" for number in range(4, COUNT)]
    other = export_masks(project, name, tmp_path / "undisturbed" / "masks", options)
    assert report.pictures == other.pictures == COUNT
    assert content(place) == content(tmp_path / "undisturbed" / "masks")


@pytest.mark.parametrize("name", sorted(set(WRITTEN) - PIECEWISE))
def test_other_formats_begin_anew(name: str, project: Project, tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        export_masks(project, name, tmp_path / "out", ExportOptions(keep_aside=True), stopping(3))
    assert not (tmp_path / "out").exists()
    report = export_masks(project, name, tmp_path / "out", ExportOptions(resume=True))
    assert (report.earlier, len(report.images)) == (0, COUNT)


def test_what_was_changed_meanwhile_is_written_again(project: Project, tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        export_masks(project, "index-png", tmp_path / "out", ExportOptions(keep_aside=True), stopping(3))
    facts = {IMAGE_HASH: pixel_hash(read_image(project.image_path("1.png")))}
    project.write_layers("1.png", labels_of(0), labels_of(0), facts)
    report = export_masks(project, "index-png", tmp_path / "out", ExportOptions(resume=True))
    assert report.earlier == 3
    assert report.proof.exact
    assert np.array_equal(np.array(Image.open(tmp_path / "out" / "1.png")), labels_of(0))


def test_what_can_not_be_read_any_more_is_not_exported(project: Project, tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        export_masks(project, "index-png", tmp_path / "out", ExportOptions(keep_aside=True), stopping(3))
    project.image_path("1.png").write_bytes(b"no image")
    report = export_masks(project, "index-png", tmp_path / "out", ExportOptions(resume=True))
    assert list(report.problems) == ["1.png"]
    assert not (tmp_path / "out" / "1.png").exists()
    assert (tmp_path / "out" / "0.png").exists()


def test_an_export_of_something_else_is_not_gone_on_with(project: Project, tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        export_masks(project, "index-png", tmp_path / "out", ExportOptions(keep_aside=True), stopping(3))
    options = ExportOptions(resume=True, renames={"cell": "nucleus"})
    assert export_masks(project, "index-png", tmp_path / "out", options).earlier == 0


def test_a_file_that_was_tampered_with_is_found(project: Project, tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        export_masks(project, "index-png", tmp_path / "out", ExportOptions(keep_aside=True), stopping(3))
    path = tmp_path / "out" / ASIDE / "out" / "1.png"
    Image.fromarray(labels_of(5)).save(path)
    with pytest.raises(StudioError, match=r"read back changed, 1\.png first"):
        export_masks(project, "index-png", tmp_path / "out", ExportOptions(resume=True))


@pytest.mark.parametrize("name", ["coco", "index-png"])
def test_an_import_that_was_killed_is_gone_on_with(name: str, project: Project, tmp_path: Path) -> None:
    options = ImportOptions(approve=True)
    export_masks(project, name, tmp_path / "masks")
    for folder in ("killed", "undisturbed"):
        (tmp_path / folder).mkdir()
        for image in project.images:
            (tmp_path / folder / image).write_bytes(project.image_path(image).read_bytes())
    killed("import", tmp_path / "killed", name, tmp_path / "masks")
    (tmp_path / "killed" / "unet-studio" / "annotations" / ".0123abc.tmp").write_bytes(b"half")
    here = Project.open(tmp_path / "killed")
    report = import_masks(here, name, tmp_path / "masks", replace(options, resume=True))
    assert len(report.earlier) == 4
    assert len(report.imported) == COUNT - 4
    there = Project.open(tmp_path / "undisturbed")
    import_masks(there, name, tmp_path / "masks", options)
    assert here.split == there.split
    assert len(here.split) == COUNT
    for part in ("annotations", "approved", "journal"):
        assert content(here.folder / part) == content(there.folder / part)
    assert here.classes == there.classes
    for one in (here, there):
        one.close()
