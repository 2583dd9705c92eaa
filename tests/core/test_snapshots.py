"""Snapshots: what was there is kept and comes back to the byte, whoever dies in the midst of it."""

import errno
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unet_studio.core import journal, snapshots
from unet_studio.core.classes import ClassTable
from unet_studio.core.document_files import IMAGE_HASH, load_document, save_document
from unet_studio.core.errors import StudioError
from unet_studio.core.geometry import Rect
from unet_studio.core.project import Project, Status
from unet_studio.core.restoring import ChangedSinceError, changed_since, undo

SHAPE = (5, 7)
NAMES = ("a.png", "sub/b.png", "c.png", "d.png")


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """a is painted, b approved, c has unsaved edits, d nothing."""
    for name in NAMES:
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", SHAPE[::-1]).save(path)
    made = Project.open(tmp_path / "images")
    made.set_classes(ClassTable.binary("cell").add("wall"))
    made.write_annotation("a.png", labels(1), {})
    made.write_layers("sub/b.png", labels(2), labels(2), {})
    document = load_document(made, "c.png")
    picture = journal.Picture(SHAPE, document.facts[IMAGE_HASH])
    made.append_journal("c.png", picture, journal.Entry(journal.EDIT, {(0, 0): labels(1)}))
    made.look_again("c.png")
    yield made
    made.close()


def labels(value: int) -> np.ndarray:
    found = np.full(SHAPE, value, np.uint8)
    found[0, 0] = 0
    return found


def tree(project: Project) -> dict[str, bytes]:
    """Everything on disk but the lock and the snapshots."""
    return {
        str(path.relative_to(project.folder)): path.read_bytes()
        for path in sorted(project.folder.rglob("*"))
        if path.is_file() and path.name != "lock" and "snapshots" not in path.parts
    }


def change(project: Project, stop_at: str | None = None) -> snapshots.Snapshot:
    """A large change: every image is painted 0, and approved; there is a class more."""
    table = project.classes.add("vessel")
    recorder = snapshots.take(
        project, "test", "the test", NAMES, leaves=replace(project.content, classes=table)
    )
    project.set_classes(table)
    for place, name in enumerate(NAMES):
        recorder.touch(name, NAMES[place + 1 :])
        if name == stop_at:
            project.drop_journal(name)
            return recorder.snapshot
        project.drop_journal(name)
        project.write_layers(name, labels(3), labels(3), {})
        recorder.touched(name)
    return recorder.finish("done")


def test_everything_comes_back_to_the_byte(project: Project) -> None:
    before, split, statuses = tree(project), dict(project.split), project.counts()
    made = change(project)
    assert project.counts()[Status.APPROVED] == 4
    assert tree(project) != before
    found = undo(project, made)
    assert found.images == NAMES
    assert found.kept == found.classes_kept == ()
    assert tree(project) == before
    assert dict(project.split) == split
    assert project.counts() == statuses
    assert project.classes.describe() == "0 background, 1 cell, 2 wall"
    again = Project.open(project.image_root, writable=False)
    assert (load_document(again, "c.png").annotation.pixels == labels(1)).all()


def test_what_is_taken_back_is_kept_beside(project: Project) -> None:
    made = change(project)
    painted = (project.folder / "annotations/a.png.png").read_bytes()
    undo(project, made)
    assert (made.folder / "after/annotations/a.png.png").read_bytes() == painted


@pytest.mark.parametrize("name", NAMES)
def test_a_change_that_was_killed_can_be_taken_back(project: Project, name: str) -> None:
    before = tree(project)
    change(project, stop_at=name)
    last = snapshots.broken_off(project)
    assert last is not None
    assert last.state == "open"
    assert snapshots.last_undoable(project) == last
    undo(project, last)
    assert tree(project) == before
    assert snapshots.broken_off(project) is None
    assert snapshots.last_undoable(project) is None


def test_undoing_that_was_killed_is_begun_anew(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    before = tree(project)
    made = change(project)
    replaced = os.replace
    left = [3]

    def fail(source: Path, target: Path) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.EIO, "Input/output error")
        replaced(source, target)

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(StudioError, match="can't be taken back now"):
        undo(project, made)
    monkeypatch.undo()
    assert tree(project) != before
    last = snapshots.broken_off(project)
    assert last is not None
    assert last.state == "undoing"
    assert changed_since(project, last) == []
    undo(project, last)
    assert tree(project) == before


def test_what_a_person_did_since_is_not_lost_unasked(project: Project) -> None:
    made = change(project)
    document = load_document(project, "a.png")
    document.begin("Brush")
    document.annotation.write(Rect(1, 1, 3, 3), 1)
    document.commit()
    save_document(project, document)
    project.append_journal(
        "d.png", journal.Picture(SHAPE, "x" * 32), journal.Entry(journal.EDIT, {(0, 0): labels(1)})
    )
    before = tree(project)
    with pytest.raises(ChangedSinceError, match=r"2 images were changed since the test: a\.png, d\.png"):
        undo(project, made)
    assert tree(project) == before
    found = undo(project, made, changed="keep")
    assert found.kept == ("a.png", "d.png")
    assert found.classes_kept == ("vessel",)  # a.png holds it
    assert project.classes.named("vessel") is not None
    assert (project.read_annotation("a.png")[0][1:3, 1:3] == 1).all()
    assert project.status("sub/b.png") is Status.APPROVED
    assert (project.truth("sub/b.png") == labels(2)).all()


def test_what_a_person_did_since_may_be_taken_back_as_well(project: Project) -> None:
    before = tree(project)
    made = change(project)
    project.write_annotation("a.png", labels(1), {})
    undo(project, made, changed="restore")
    assert tree(project) == before
    assert (made.folder / "after/annotations/a.png.png").is_file()


def test_images_that_the_change_never_came_to_stay_as_they_are(project: Project) -> None:
    recorder = snapshots.take(project, "test", "the test", NAMES)
    recorder.touch("a.png")
    project.write_annotation("a.png", labels(0), {})
    project.write_annotation("d.png", labels(2), {})  # a person, later
    with pytest.raises(ChangedSinceError, match=r"1 images .*: d\.png"):
        undo(project, recorder.snapshot)
    undo(project, recorder.snapshot, changed="keep")
    assert (project.truth("a.png") == labels(1)).all()
    assert (project.truth("d.png") == labels(2)).all()


def test_classes_that_are_used_elsewhere_stay(project: Project) -> None:
    made = change(project)
    path = project.image_root / "new.png"
    Image.new("RGB", SHAPE[::-1]).save(path)
    project.refresh()
    project.write_annotation("new.png", labels(3), {})
    found = undo(project, made)
    assert found.classes_kept == ("vessel",)
    assert project.classes.named("vessel") is not None
    assert (project.truth("a.png") == labels(1)).all()


def test_settings_of_later_stay(project: Project) -> None:
    made = change(project)
    project.set_name("mine")
    project.set_thresholds({1: 0.7})
    undo(project, made)
    assert project.name == "mine"
    assert project.thresholds.values == {1: 0.7}
    assert project.classes.named("vessel") is None


def test_masks_of_classes_that_were_deleted_since_are_rewritten_again(project: Project) -> None:
    made = change(project)
    project.retire_class(2, 1)
    project.finish_rewriting([2])
    undo(project, made, changed="restore")
    assert project.rewriting == (2,)
    assert (project.truth("sub/b.png") == np.where(labels(2) == 2, 1, 0)).all()


def test_a_person_s_choice_of_the_split_stays_for_other_images(project: Project) -> None:
    split = dict(project.split)
    made = change(project)
    project.set_split("other.png", "test")
    undo(project, made)
    assert dict(project.split) == {**split, "other.png": "test"}


def test_a_project_that_was_not_on_disk_is_so_again(tmp_path: Path) -> None:
    Image.new("RGB", SHAPE[::-1]).save(tmp_path / "a.png")
    project = Project.open(tmp_path)
    table = ClassTable.binary("cell")
    recorder = snapshots.take(
        project, "test", "the test", ["a.png"], leaves=replace(project.content, classes=table)
    )
    project.set_classes(table)
    recorder.touch("a.png")
    project.write_layers("a.png", labels(1), labels(1), {})
    recorder.touched("a.png")
    undo(project, recorder.finish("done"))
    assert not project.exists
    assert tree(project) == {}
    assert project.classes == ClassTable.binary()
    project.write_annotation("a.png", labels(1), {})  # it is still this process's
    assert project.exists
    project.close()


def test_only_the_last_change_can_be_taken_back(project: Project) -> None:
    before = tree(project)
    first = change(project)
    middle = tree(project)
    second = snapshots.take(project, "test", "the other", ["a.png"])
    with second:
        second.touch("a.png")
        project.write_layers("a.png", labels(1), None, {})
        second.touched("a.png")
        second.finish("done")
    with pytest.raises(StudioError, match="Only the last"):
        undo(project, first)
    undo(project, second.snapshot)
    assert tree(project) == middle
    undo(project, first)
    assert tree(project) == before
    assert snapshots.last_undoable(project) is None
    with pytest.raises(StudioError, match="Only the last"):
        undo(project, first)


def test_layers_are_linked_and_journals_copied(project: Project) -> None:
    recorder = snapshots.take(project, "test", "the test", NAMES)
    kept = recorder.snapshot.was("annotations", "a.png")
    assert kept.samefile(project.annotation_path("a.png"))
    assert not recorder.snapshot.was("journal", "c.png").samefile(project.journal_path("c.png"))
    bytes_before = kept.read_bytes()
    project.write_annotation("a.png", labels(2), {})
    assert kept.read_bytes() == bytes_before


def test_a_disk_without_links_gets_copies(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    before = tree(project)
    undo(project, change(project))
    assert tree(project) == before


def test_without_room_nothing_is_changed(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    before = tree(project)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(snapshots, "write_json", full)
    with pytest.raises(StudioError, match=r"No space left on device\), so nothing was changed"):
        snapshots.take(project, "test", "the test", NAMES)
    assert tree(project) == before
    assert snapshots.snapshots(project) == []


def test_an_error_in_the_midst_leaves_it_stopped(project: Project) -> None:
    with pytest.raises(ValueError, match="x"), snapshots.take(project, "test", "t", NAMES):
        raise ValueError("x")
    assert snapshots.snapshots(project)[0].state == "stopped"
    assert snapshots.broken_off(project) is None
    assert snapshots.last_undoable(project) is not None


def test_the_oldest_are_let_go(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "KEPT", 2)
    made = []
    for value in (1, 2, 1, 2):
        recorder = snapshots.take(project, "test", f"number {value}", ["a.png"])
        recorder.touch("a.png")
        project.write_annotation("a.png", labels(value), {})
        recorder.touched("a.png")
        made.append(recorder.finish("done"))
        (recorder.snapshot.folder / "report.txt").write_text("kept")
    found = snapshots.snapshots(project)
    assert [one.folder for one in found] == [one.folder for one in reversed(made)]
    assert [one.state for one in found] == ["done", "done", "thinned", "thinned"]
    assert not (found[-1].folder / "before").exists()
    assert (found[-1].folder / "report.txt").is_file()
    for _ in range(2):
        last = snapshots.last_undoable(project)
        assert last is not None
        undo(project, last)
    assert snapshots.last_undoable(project) is None


def test_one_that_was_killed_before_its_change_began_goes(project: Project) -> None:
    half = project.folder / "snapshots" / "20200101-000000-test"
    (half / "before").mkdir(parents=True)
    assert snapshots.broken_off(project) is None
    change(project)
    assert not half.exists()


def test_they_are_bounded_by_bytes(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "KEPT_BYTES", 1)
    change(project)
    change_again = snapshots.take(project, "test", "again", ["a.png"])
    change_again.finish("done")
    assert [one.state for one in snapshots.snapshots(project)] == ["done", "thinned"]


def test_a_log_that_a_kill_cut_off_goes_on(project: Project) -> None:
    made = change(project, stop_at="c.png")
    with (made.folder / "log.jsonl").open("ab") as stream:
        stream.write(b'{"done": "c.p')
    recorder = snapshots.resume(project, made)
    recorder.touched("c.png")
    assert made.log()["c.png"] is not None
    assert made.log()["d.png"] is None


@pytest.mark.parametrize("layer", ["../elsewhere", "/etc"])
def test_a_snapshot_never_leads_out_of_the_project(project: Project, layer: str) -> None:
    made = change(project)
    path = made.folder / "snapshot.json"
    path.write_text(path.read_text().replace('"annotations"', f'"{layer}"'))
    assert snapshots.snapshots(project) == []


def test_a_read_only_project_is_not_restored(project: Project) -> None:
    made = change(project)
    project.close()
    other = Project.open(project.image_root, writable=False)
    with pytest.raises(StudioError, match="can't be changed"):
        undo(other, made)


def test_names_that_are_no_text(tmp_path: Path) -> None:
    name = os.fsdecode(b"odd\xff.png")
    Image.new("RGB", SHAPE[::-1]).save(tmp_path / "plain.png")
    (tmp_path / "plain.png").rename(tmp_path / name)
    project = Project.open(tmp_path)
    project.write_annotation(name, labels(1), {})
    before = tree(project)
    recorder = snapshots.take(project, "test", "t", [name])
    recorder.touch(name)
    project.write_annotation(name, labels(0), {})
    recorder.touched(name)
    undo(project, recorder.finish("done"))
    assert tree(project) == before
    project.close()
