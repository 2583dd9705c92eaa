"""Model versions: published whole, named in order, found by name or path."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from unet_studio.core.errors import StudioError
from unet_studio.core.events import Finished, Stopped
from unet_studio.core.model_card import (
    CARD_FILE,
    MODEL_FILE,
    Architecture,
    ModelCard,
    ModelClass,
    ModelEntry,
    Preprocessing,
    read_card,
    write_card,
)
from unet_studio.core.run_folder import RunFolder
from unet_studio.core.training_config import TrainingConfig
from unet_studio.core.versions import find_model, next_version, publish, publish_once


def make_model(folder: Path, name: str = "model") -> Path:
    classes = (ModelClass(0, "background", "#000000"), ModelClass(1, "cell", "#ffffff"))
    write_card(
        folder, ModelCard(name, Architecture("unet", 3, 1), classes, 0, Preprocessing(3), parent="base")
    )
    (folder / MODEL_FILE).write_bytes(b"weights of " + name.encode())
    return folder


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    created = RunFolder.create(tmp_path / "runs" / "first", TrainingConfig())
    make_model(created.best)
    return created


def test_versions_are_numbered(run: RunFolder, tmp_path: Path) -> None:
    models = tmp_path / "models"
    assert [publish(run, models).name for _ in range(2)] == ["v1", "v2"]
    make_model(models / "v10")
    make_model(models / "mine")
    entry = publish(run, models)
    assert entry.name == "v11"
    assert entry.card is not None
    assert entry.card.name == read_card(models / "v11").name == "v11"
    assert entry.card.parent == "base"
    assert (models / "v11" / MODEL_FILE).read_bytes() == (run.best / MODEL_FILE).read_bytes()
    assert sorted(path.name for path in models.iterdir()) == ["mine", "v1", "v10", "v11", "v2"]


@pytest.mark.parametrize(
    ("end", "kept"),
    [
        pytest.param(Finished("steps", 3, 1.0, "best"), False, id="over"),
        pytest.param(Stopped(3, 1.0, "best"), True, id="can go on"),
    ],
)
def test_a_published_run_keeps_its_state_only_where_it_can_go_on(
    run: RunFolder, tmp_path: Path, end: Finished | Stopped, kept: bool
) -> None:
    run.last.write_bytes(b"state")
    run.emit(end)
    publish(run, tmp_path / "models")
    assert run.last.exists() is kept


def test_a_taken_name_is_refused_and_nothing_is_left(run: RunFolder, tmp_path: Path) -> None:
    models = tmp_path / "models"
    make_model(models / "good", "good")
    with pytest.raises(StudioError, match="'good' already"):
        publish(run, models, "good")
    assert [path.name for path in models.iterdir()] == ["good"]
    assert (models / "good" / MODEL_FILE).read_bytes() == b"weights of good"


def test_a_run_without_a_model(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", TrainingConfig())
    with pytest.raises(StudioError, match="no model yet"):
        publish(run, tmp_path / "models")
    assert not (tmp_path / "models").exists()


def test_the_next_version_looks_in_all_folders(tmp_path: Path) -> None:
    assert next_version(tmp_path / "nowhere") == "v1"
    (tmp_path / "runs" / "v4").mkdir(parents=True)
    make_model(tmp_path / "models" / "v2")
    assert next_version(tmp_path / "models", tmp_path / "runs") == "v5"


def test_models_are_found_by_name_folder_and_run(run: RunFolder, tmp_path: Path) -> None:
    models = tmp_path / "models"
    make_model(models / "cells")
    assert find_model("cells", [models]).folder == models / "cells"
    assert find_model(str(models / "cells"), []).folder == models / "cells"
    assert find_model(str(run.path), []).folder == run.best


def test_what_cannot_be_found_is_said(run: RunFolder, tmp_path: Path) -> None:
    models = tmp_path / "models"
    make_model(models / "cells")
    with pytest.raises(StudioError, match=r"no model 'cell'\. Did you mean cells\?"):
        find_model("cell", [models])
    (models / "cells" / MODEL_FILE).unlink()
    with pytest.raises(StudioError, match="can't be used"):
        find_model("cells", [models])
    (run.best / CARD_FILE).unlink()
    with pytest.raises(StudioError, match="no model yet"):
        find_model(str(run.path), [])


def test_a_run_becomes_a_version_once_and_again_where_it_went_on(run: RunFolder, tmp_path: Path) -> None:
    models = tmp_path / "models"
    entry = publish_once(run, models, "v1")
    assert entry is not None
    assert entry.name == "v1"
    assert publish_once(run, models, "v1") is None
    run.expect_version()  # by the process that goes on with it
    entry = publish_once(run, models, "v1")
    assert entry is not None
    assert entry.name == "v2"
    assert publish_once(run, models, "v1") is None
    assert sorted(path.name for path in models.iterdir()) == ["v1", "v2"]


def test_a_window_and_a_command_at_once_make_one_version(run: RunFolder, tmp_path: Path) -> None:
    models = tmp_path / "models"
    for expected in (["v1"], ["v1", "v2"]):
        begin = Barrier(4)

        def publish_together(begin: Barrier = begin) -> ModelEntry | None:
            begin.wait()
            return publish_once(run, models, "v1")

        with ThreadPoolExecutor(4) as pool:
            made = [task.result() for task in [pool.submit(publish_together) for _ in range(4)]]
        assert sum(entry is not None for entry in made) == 1
        assert sorted(path.name for path in models.iterdir()) == expected
        run.expect_version()


def test_what_could_not_become_a_version_becomes_one_later(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tmp_path / "models"

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    for expected in ("v1", "v2"):
        with monkeypatch.context() as disk:
            disk.setattr(shutil, "copyfileobj", full)
            with pytest.raises(OSError, match="space"):
                publish_once(run, models, "v1")
        entry = publish_once(run, models, "v1")
        assert entry is not None
        assert entry.name == expected
        run.expect_version()


def test_what_a_killed_process_was_publishing_becomes_a_version_later(run: RunFolder, tmp_path: Path) -> None:
    models, left = tmp_path / "models", run.path / "publishing"
    (run.path / "unpublished").rename(left)
    assert publish_once(run, models, "v1") is None  # it may be at it
    os.utime(left, (0, 0))
    entry = publish_once(run, models, "v1")
    assert entry is not None
    assert not run.unpublished
    assert [path.name for path in models.iterdir()] == ["v1"]
