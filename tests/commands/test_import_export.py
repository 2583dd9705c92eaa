"""import and export as commands: exit statuses, proofs on the screen, --json."""

from pathlib import Path

import numpy as np
import pytest

from tests.commands.conftest import Run
from unet_studio.core.classes import ClassTable, write_classes_file
from unet_studio.core.lock import Lock
from unet_studio.core.project import Project, Status
from unet_studio.core.snapshots import Recorder
from unet_studio.core.storage import write_index_png
from unet_studio.formats.sample import class_lut
from unet_studio.formats.table import WRITTEN

SHAPE = (24, 32)


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    table = ClassTable.binary("cell")
    folder = tmp_path / "masks"
    for name in ("a", "b", "sub/c"):
        labels = np.zeros(SHAPE, np.uint8)
        labels[3:9, 4:20] = 1
        labels[5, 6] = 0
        write_index_png(folder / f"{name}.png", labels, table.palette())
    write_classes_file(folder / "classes.json", "m", table)
    return folder


@pytest.mark.parametrize("name", WRITTEN)
def test_there_and_back(run: Run, images: Path, masks: Path, tmp_path: Path, name: str) -> None:
    done = run("import", "index-png", masks, images, "--approve", "--json")
    assert done.status == 0
    assert done.value["imported"] == 3
    assert done.value["proof"]["exact"] is True
    done = run("export", images, name, tmp_path / "out", "--json")
    assert done.status == 0
    assert done.value["images"] == 3
    assert done.value["proof"]["iou"] == {"background": 1.0, "cell": 1.0}
    assert Path(done.value["manifest"]).is_file()
    done = run("import", name, tmp_path / "out", images, "--project", tmp_path / "other", "--json")
    assert done.value["imported"] == 3
    first, second = (
        Project.open(images, writable=False),
        Project.open(images, tmp_path / "other", writable=False),
    )
    same = class_lut(second.classes, first.classes)  # a format may number its classes in its own way
    for image in first.images:
        assert np.array_equal(first.truth(image), same[second.truth(image)])


def test_the_proof_is_printed(run: Run, images: Path, masks: Path, tmp_path: Path) -> None:
    assert "cell        1.000000" in run("import", "index-png", masks, images, "--approve").out
    done = run("export", images, "coco", tmp_path / "out.json")
    assert "3 masks written" in done.out
    assert "background  1.000000" in done.out


def test_problems_make_the_status_1_and_keep_the_rest(
    run: Run, images: Path, masks: Path, tmp_path: Path
) -> None:
    (images / "b.jpg").write_bytes(b"broken")
    done = run("import", "index-png", masks, images, "--approve", "--json")
    assert done.status == 1
    assert list(done.value["problems"]) == ["b.jpg"]
    assert done.value["imported"] == 2
    assert done.err.splitlines()[-1].startswith("unet-studio: ")
    assert run("export", images, "coco", tmp_path / "out.json").status == 0


def test_what_was_not_imported_is_said(run: Run, images: Path, masks: Path) -> None:
    (masks / "a.png").rename(masks / "z.png")
    done = run("import", "index-png", masks, images)
    assert "1 image without a mask in the source: a.png" in done.out
    assert "1 mask without an image: z" in done.out
    done = run("import", "index-png", masks, images)
    assert "2 images left as before, painted by somebody (--replace): b.jpg, sub/c.png" in done.out


def test_mapping_classes(run: Run, images: Path, masks: Path) -> None:
    Project.open(images).set_classes(ClassTable.binary("nucleus"))
    Lock(images / "unet-studio" / "lock").path.unlink()
    words = ["import", "index-png", masks, images]
    done = run(*words)
    assert done.status == 1
    assert "lacks: cell" in done.err
    assert "maps nothing" in run(*words, "--map", "cell").err
    assert run(*words, "--map", "cell=nucleus").status == 0
    project = Project.open(images, writable=False)
    assert project.classes.describe() == "0 background, 1 nucleus"
    assert project.counts()[Status.PAINTED] == 3


def test_a_project_in_use_is_not_written(run: Run, images: Path, masks: Path, tmp_path: Path) -> None:
    owner = Project.open(images)
    owner.set_classes(ClassTable.binary("cell"))
    done = run("import", "index-png", masks, images)
    assert done.status == 1
    assert "another window" in done.err
    owner.close()
    assert run("import", "index-png", masks, images, "--approve").status == 0
    again = Project.open(images)
    assert run("export", images, "index-png", tmp_path / "out").status == 0
    again.close()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["import", "tiff", "{masks}", "{images}"], "no format 'tiff'"),
        (["import", "coco", "{images}/nowhere", "{images}"], "There is no"),
        (["import", "auto", "{images}/nowhere", "{images}"], "There is no"),
        (["import", "coco", "{images}/a.png", "{images}"], "can't be read"),
        (["import", "index-png", "{masks}", "{images}/nowhere"], "no folder"),
        (["export", "{images}", "index-png", "{images}/../out"], "approved yet"),
        (["export", "{images}", "index-png", "{images}/../out", "--which", "all"], "holds no mask"),
        (["export", "{images}", "coco", "{images}/../out", "--layer", "prediction"], "which model"),
    ],
)
def test_failures_are_one_line(run: Run, images: Path, masks: Path, words: list[str], reason: str) -> None:
    done = run(*(word.format(images=images, masks=masks) for word in words))
    assert done.status == 1
    assert reason in done.err
    assert done.err.startswith("unet-studio: ")
    assert done.err.count("\n") == 1
    assert not (images / "unet-studio").exists()


def test_a_preview_writes_nothing(run: Run, images: Path, masks: Path) -> None:
    (masks / "b.png").rename(masks / "z.png")
    done = run("import", "index-png", masks, images, "--preview", "--examine", "--json")
    assert done.status == 0
    assert done.value["counts"] == {"import": 2}
    assert done.value["missing"] == ["b.jpg"]
    assert done.value["unused"] == ["z"]
    assert done.value["takes_over_classes"] is True
    assert done.value["examination"]["pixels"]["cell"] == 2 * (6 * 16 - 1)
    assert not (images / "unet-studio").exists()
    done = run("import", "index-png", masks, images, "--preview", "--only", "a.png")
    assert "1 image to come in: a.png" in done.out
    assert "1 image to be left out: sub/c.png" in done.out
    assert "1 mask without an image: z" in done.out
    assert "takes over" in done.out


def test_a_preview_suggests_what_to_map(run: Run, images: Path, masks: Path) -> None:
    project = Project.open(images)
    project.set_classes(ClassTable.binary("Cells"))
    project.close()
    done = run("import", "index-png", masks, images, "--preview")
    assert "perhaps Cells: --map 'cell=Cells'" in done.out
    assert run("import", "index-png", masks, images).status == 1
    assert run("import", "index-png", masks, images, "--map", "cell=Cells").status == 0


def test_an_import_is_undone(run: Run, images: Path, masks: Path) -> None:
    done = run("import", "index-png", masks, images, "--approve", "--json")
    assert Path(done.value["report"]).is_file()
    assert "Report: " in run("import", "index-png", masks, images, "--replace").out
    done = run("import", "--undo", images, "--json")
    assert done.value == {"restored": 3, "kept": [], "classes_kept": []}
    assert "3 images as before the import of masks (index-png) at 20" in done.err
    project = Project.open(images)
    assert project.counts()[Status.APPROVED] == 3
    project.write_annotation("a.png", np.ones(SHAPE, np.uint8), {})
    project.close()
    done = run("import", "--undo", images)
    assert done.status == 1
    assert "1 images were changed since" in done.err
    assert "--changed keep" in done.err
    done = run("import", "--undo", images, "--changed", "keep")
    assert done.status == 0
    assert "1 image left alone, changed since: a.png" in done.out
    done = run("import", "--undo", images)
    assert done.status == 1
    assert "no import to take back" in done.err


def test_predictions_come_in_under_their_name(run: Run, images: Path, masks: Path, tmp_path: Path) -> None:
    words = ["import", "index-png", masks, images, "--as", "prediction", "--name", "theirs"]
    done = run(*words, "--json")
    assert (done.value["layer"], done.value["model"]) == ("prediction", "theirs")
    project = Project.open(images, writable=False)
    assert project.counts()[Status.UNLABELLED] == 3
    assert project.model == "theirs"
    assert (
        run("export", images, "index-png", tmp_path / "out", "--layer", "prediction", "--which", "all").status
        == 0
    )
    assert "can't be the name" in run(*words).err


def test_masks_are_scaled_and_turned_where_asked(run: Run, images: Path, masks: Path) -> None:
    write_index_png(masks / "a.png", np.ones((12, 16), np.uint8), ClassTable.binary().palette())
    assert run("import", "index-png", masks, images).status == 1
    done = run("import", "index-png", masks, images, "--scale", "--turn", "sized")
    assert done.status == 0
    assert "1 image scaled by nearest neighbour: a.png" in done.out
    assert (Project.open(images, writable=False).truth("a.png") == 1).all()


def test_masks_of_another_size_are_named_with_what_to_do(run: Run, images: Path, masks: Path) -> None:
    write_index_png(masks / "a.png", np.ones((12, 16), np.uint8), ClassTable.binary().palette())
    for words in ([], ["--preview"]):
        done = run("import", "index-png", masks, images, *words)
        assert "1 mask of another size than the image: --scale scales" in done.out
        assert "a.png: The mask is 16 x 12 px" in done.out + done.err
    assert "--scale" not in run("import", "index-png", masks, images, "--replace", "--scale").out


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--only", "z.png"], "images has no image called z.png"),
        (["--pair", "z.png=a.png"], "images has no image called z.png"),
        (["--pair", "a.png=z"], "masks has no mask called z"),
    ],
)
def test_names_that_nothing_has_are_refused(
    run: Run, images: Path, masks: Path, words: list[str], reason: str
) -> None:
    done = run("import", "index-png", masks, images, *words)
    assert done.status == 1
    assert reason in done.err
    assert not (images / "unet-studio").exists()


def test_a_source_in_another_format_leaves_the_classes_alone(run: Run, images: Path, masks: Path) -> None:
    done = run("import", "rootpainter", masks, images)
    assert done.status == 1
    assert "0 masks imported; the classes are 0 background, 1 object" in done.out
    assert "no import to take back" in run("import", "--undo", images).err
    assert run("import", "index-png", masks, images).status == 0
    before = Project.open(images, writable=False).content
    assert run("import", "rootpainter", masks, images, "--replace", "--add-classes").status == 1
    assert Project.open(images, writable=False).content == before


def test_the_format_is_recognised(run: Run, images: Path, masks: Path, tmp_path: Path) -> None:
    done = run("import", "auto", masks, images)
    assert done.status == 0
    assert "seems to be index-png" in done.err
    assert run("export", images, "coco", tmp_path / "out.json", "--which", "all").status == 0
    done = run("import", "auto", tmp_path / "out.json", images, "--project", tmp_path / "other")
    assert "seems to be coco" in done.err
    (tmp_path / "empty").mkdir()
    done = run("import", "auto", tmp_path / "empty", images)
    assert done.status == 1
    assert "can't be told which format" in done.err


def test_an_import_that_was_broken_off_is_said_and_gone_on_with(
    run: Run, images: Path, masks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Project.write_annotation

    def interrupt(self: Project, name: str, *rest: object) -> None:
        if name == "b.jpg":
            raise KeyboardInterrupt
        write(self, name, *rest)  # type: ignore[arg-type]

    words = ["import", "index-png", masks, images]
    with monkeypatch.context() as patch:
        patch.setattr(Project, "write_annotation", interrupt)
        assert run(*words).status == 130
    assert Project.open(images, writable=False).counts()[Status.PAINTED] == 1
    done = run(*words, "--resume", "--json")
    assert done.status == 0
    assert (done.value["imported"], done.value["earlier"]) == (2, 1)
    with monkeypatch.context() as patch:
        patch.setattr(Project, "write_annotation", interrupt)
        patch.setattr(Recorder, "__exit__", lambda *_: None)  # as if it had been killed
        run(*words, "--replace")
    done = run(*words, "--replace")
    assert "was broken off" in done.err
    assert "was broken off" not in run(*words, "--replace").err
    for _ in range(4):
        assert run("import", "--undo", images).status == 0
    assert not (images / "unet-studio" / "project.json").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["import"],
        ["import", "index-png", "masks"],
        ["import", "--undo"],
        ["import", "--undo", "index-png", "masks", "images"],
        ["import", "index-png", "masks", "images", "--as", "prediction", "--approve"],
        ["import", "index-png", "masks", "images", "--order", "random"],
    ],
)
def test_wrong_usage_of_import(run: Run, words: list[str]) -> None:
    assert run(*words).status == 2


def test_an_import_into_a_project_in_use_is_not_undone(run: Run, images: Path, masks: Path) -> None:
    assert run("import", "index-png", masks, images).status == 0
    owner = Project.open(images)
    done = run("import", "--undo", images)
    assert done.status == 1
    assert "another window" in done.err
    assert run("import", "index-png", masks, images, "--preview").status == 0  # looking is allowed
    owner.close()
