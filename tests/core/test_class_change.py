"""Deleting and merging classes: what pixels become, wherever they are stored, and kills at any moment."""

import json
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from PIL import Image

from unet_studio.core import journal
from unet_studio.core.class_change import Rewritten, rewrite_masks
from unet_studio.core.classes import UNLABELLED
from unet_studio.core.document_files import load_document, picture_of, save_document
from unet_studio.core.errors import Cancelled, StudioError
from unet_studio.core.geometry import Rect
from unet_studio.core.mask import Mask
from unet_studio.core.model_card import Architecture, ModelCard, ModelClass, Preprocessing, class_mapping
from unet_studio.core.prediction import Prediction
from unet_studio.core.project import Project, Status, stored_layer

SHAPE = (20, 30)
COUNT = 8


@pytest.fixture
def folder(tmp_path):
    """Classes background, object, roof (2), wall (3); an image is a third roof, a third wall."""
    root = tmp_path / "images"
    root.mkdir()
    for number in range(COUNT):
        Image.fromarray(np.full((*SHAPE, 3), 20 * number, dtype=np.uint8)).save(root / f"{number}.png")
    project = Project.open(root)
    project.set_classes(project.classes.add("roof").add("wall"))
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[:, 10:20], labels[:, 20:] = 2, 3
    for number in range(COUNT):
        name = f"{number}.png"
        document = load_document(project, name)
        digest = {"image-hash": document.facts["image-hash"]}
        project.write_prediction(name, Prediction(labels, np.full(SHAPE, 250, np.uint8), "m", digest))
        document = load_document(project, name, "m")
        document.begin("Brush")
        document.annotation.write(Rect(0, 0, 5, 30), 2)
        document.commit()
        if number % 2:
            document.approve()
        save_document(project, document)
    project.close()
    return root


@pytest.fixture
def project(folder):
    opened = Project.open(folder)
    yield opened
    opened.close()


def stored(project):
    """Every mask as its file says."""
    return {
        path.relative_to(project.folder).as_posix(): stored_layer(path)[0]
        for kind in ("annotations", "approved")
        for path in sorted((project.folder / kind).rglob("*.png"))
    }


def seen(project):
    """What every reader gets of every image."""
    found = {}
    for name in project.images:
        document = load_document(project, name, "m")
        found[name] = (document.annotation.pixels.tobytes(), document.mask().tobytes(), document.approved)
        truth = project.truth(name)
        assert truth is None or (truth != 2).all()
    return found


def test_a_merge_is_seen_everywhere_at_once_and_reaches_the_files_later(project):
    before = stored(project)
    project.retire_class(2, 3)
    assert project.classes.get(2).becomes == 3
    assert all(np.array_equal(before[path], labels) for path, labels in stored(project).items())
    at_once = seen(project)
    assert rewrite_masks(project) == Rewritten(COUNT, ())
    assert project.rewriting == ()
    assert seen(project) == at_once
    for path, labels in stored(project).items():
        assert np.array_equal(labels, np.where(before[path] == 2, 3, before[path]))
    assert project.status("1.png") is Status.APPROVED


def test_deleting_to_unlabelled_keeps_what_else_was_approved(project):
    finished = project.read_approved("1.png")[0]
    project.retire_class(2, UNLABELLED)
    at_once = seen(project)
    rewrite_masks(project)
    assert seen(project) == at_once
    assert project.status("1.png") is Status.PAINTED
    assert project.read_approved("1.png") is None
    kept = project.read_annotation("1.png")[0]
    assert np.array_equal(kept, np.where(finished == 2, UNLABELLED, finished))
    assert (kept != UNLABELLED).any()
    assert project.read_annotation("0.png") is None  # all its strokes were of that class
    assert project.status("0.png") is Status.UNLABELLED


def test_one_class_after_the_other_before_anything_is_rewritten(project):
    project.retire_class(2, 3)
    project.retire_class(3, 1)
    assert project.rewriting == (2, 3)
    rewrite_masks(project)
    assert {int(value) for labels in stored(project).values() for value in np.unique(labels)} <= {0, 1, 255}
    assert project.classes.successors()[[2, 3]].tolist() == [1, 1]


def test_predictions_made_before_read_as_what_their_classes_became(project):
    project.retire_class(2, 3)
    rewrite_masks(project)
    assert set(np.unique(project.read_prediction("m", "0.png").labels)) == {0, 3}


def test_a_model_that_knows_a_merged_class_still_predicts(project):
    names = ("background", "object", "roof", "wall")
    card = ModelCard(
        "m",
        Architecture("unet", 3, 4, {}),
        tuple(ModelClass(index, name, "#102030") for index, name in enumerate(names)),
        0,
        Preprocessing(3, mean=(0.5,) * 3, std=(0.5,) * 3),
        tile=64,
    )
    project.retire_class(2, 3)
    assert class_mapping(card, project.classes)[:4].tolist() == [0, 1, 3, 3]
    project.retire_class(3, UNLABELLED)
    assert class_mapping(card, project.classes)[:4].tolist() == [0, 1, UNLABELLED, UNLABELLED]
    project.set_classes(project.classes.add("roof"))
    assert class_mapping(card, project.classes)[2] == 4


def test_unsaved_edits_of_a_crash_are_of_the_new_class(project):
    document = load_document(project, "0.png")
    document.begin("Brush")
    document.annotation.write(Rect(10, 0, 12, 30), 2)
    document.commit()
    tiles = {(0, 0): document.annotation.pixels.copy()}
    project.append_journal("0.png", picture_of(document), journal.Entry(journal.EDIT, tiles))
    project.retire_class(2, 3)
    assert set(np.unique(load_document(project, "0.png").annotation.pixels)) == {3, UNLABELLED}
    rewrite_masks(project)
    found = load_document(project, "0.png")
    assert found.replayed
    assert (found.annotation.pixels[10:12] == 3).all()
    replayed = Mask.full(document.shape, UNLABELLED)
    journal.replay(project.journal_path("0.png"), picture_of(document), replayed)
    assert set(np.unique(replayed.pixels)) == {3, UNLABELLED}


def test_a_broken_mask_does_not_hold_up_the_others(project):
    project.annotation_path("3.png").write_bytes(b"no mask")
    project.retire_class(2, 3)
    found = rewrite_masks(project)
    assert found.unreadable == ("3.png",)
    assert found.images == COUNT - 1
    assert project.rewriting == ()


def test_a_rewrite_that_is_cancelled_goes_on_later(project, folder):
    def two(done, total):
        if done == 2:
            raise Cancelled

    project.retire_class(2, 3)
    wanted = seen(project)
    with pytest.raises(Cancelled):
        rewrite_masks(project, two)
    assert sum((labels == 2).any() for labels in stored(project).values()) > 0
    assert seen(project) == wanted
    project.close()
    again = Project.open(folder)
    assert again.rewriting == (2,)
    assert rewrite_masks(again).images == COUNT - 2
    assert seen(again) == wanted
    again.close()


KILLED = """
    import os, sys
    from unet_studio.core import storage
    from unet_studio.core.class_change import rewrite_masks
    from unet_studio.core.project import Project

    replace, left = os.replace, [int(sys.argv[3])]

    def killed(source, target):
        left[0] -= 1
        if left[0] < 0:
            os._exit(9)  # the temporary file is written, its place not taken
        replace(source, target)

    project = Project.open(sys.argv[1])
    storage.os.replace = killed
    project.retire_class(2, int(sys.argv[2]))
    rewrite_masks(project)
    os._exit(0)
"""


@pytest.mark.parametrize("becomes", [3, UNLABELLED])
@pytest.mark.parametrize("writes", [0, 1, 2, 4])
def test_killed_in_the_middle_everything_is_old_or_new_and_ends_the_same(folder, becomes, writes):
    untouched = Project.open(folder, writable=False)
    old = {name: untouched.truth(name) for name in untouched.images}
    call = [sys.executable, "-c", textwrap.dedent(KILLED), str(folder), str(becomes), str(writes)]
    assert subprocess.run(call, check=False, env={**os.environ}).returncode == 9
    project = Project.open(folder)
    assert project.read_only is None
    if not writes:  # killed before project.json: nothing has happened
        assert project.classes.get(2).retired is False
        assert all(np.array_equal(project.truth(name), old[name]) for name in old)
        project.close()
        return
    wanted = seen(project)
    for name, labels in old.items():
        now = project.truth(name)
        expected = np.where(labels == 2, np.uint8(becomes), labels)
        assert np.array_equal(now, expected) if now is not None else (expected == UNLABELLED).all()
    rewrite_masks(project)
    assert seen(project) == wanted
    assert project.rewriting == ()
    assert not any((labels == 2).any() for labels in stored(project).values())
    project.close()


def test_only_a_class_that_is_there_can_be_deleted_into_another(project):
    for index, becomes in ((2, 2), (2, 9), (0, 1)):
        with pytest.raises(StudioError):
            project.retire_class(index, becomes)
    project.retire_class(2, 3)
    with pytest.raises(StudioError):
        project.retire_class(2, 3)
    with pytest.raises(StudioError):
        project.retire_class(1, 2)


def test_project_json_says_what_became_of_a_class(project):
    project.retire_class(2, 3)
    value = json.loads((project.folder / "project.json").read_text())
    assert value["rewriting"] == [2]
    assert value["classes"][2]["becomes"] == 3
    rewrite_masks(project)
    assert "rewriting" not in json.loads((project.folder / "project.json").read_text())
