"""import and export as commands: exit statuses, proofs on the screen, --json."""

from pathlib import Path

import numpy as np
import pytest

from tests.commands.conftest import Run
from unet_studio.core.classes import ClassTable, write_classes_file
from unet_studio.core.lock import Lock
from unet_studio.core.project import Project, Status
from unet_studio.core.storage import write_index_png
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
    for image in first.images:
        assert np.array_equal(first.truth(image), second.truth(image))


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
    assert "1 images have no mask in the source: a.png" in done.out
    assert "1 masks belong to no image: z" in done.out
    done = run("import", "index-png", masks, images)
    assert "2 images were left as they are, somebody painted them (--replace): b.jpg, sub/c.png" in done.out


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
