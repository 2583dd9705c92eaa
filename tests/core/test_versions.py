"""Model versions: published whole, named in order, found by name or path."""

import errno
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import Any

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
from unet_studio.core.versions import delete, find_model, next_version, publish, publish_once


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
    for expected in ("v1", "v2"):
        assert run.unpublished
        for _ in range(2):
            entry = publish_once(run, models, "v1")
            assert entry is not None
            assert entry.name == run.version == expected
        assert not run.unpublished
        run.expect_version()  # by the process that goes on with it
    assert sorted(path.name for path in models.iterdir()) == ["v1", "v2"]


def test_a_version_that_was_deleted_does_not_come_back(run: RunFolder, tmp_path: Path) -> None:
    models = tmp_path / "models"
    entry = publish_once(run, models, "v1")
    assert entry is not None
    delete(entry, models)
    assert publish_once(run, models, "v1") is None


def test_a_later_version_of_a_run_takes_no_name_of_another_run(run: RunFolder, tmp_path: Path) -> None:
    models = tmp_path / "models"
    publish_once(run, models, "v1")
    RunFolder.create(run.path.with_name("v2"), TrainingConfig())
    run.expect_version()
    entry = publish_once(run, models, "v1")
    assert entry is not None
    assert entry.name == "v3"


def test_a_window_and_a_command_at_once_make_one_version(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who comes second waits until the copy is there, and gets it."""
    models, copy = tmp_path / "models", shutil.copyfileobj

    def slowly(*arguments: Any) -> None:
        time.sleep(0.2)
        copy(*arguments)

    monkeypatch.setattr(shutil, "copyfileobj", slowly)
    for expected in (["v1"], ["v1", "v2"]):
        begin = Barrier(4)

        def publish_together(begin: Barrier = begin) -> ModelEntry | None:
            begin.wait()
            return publish_once(run, models, "v1")

        with ThreadPoolExecutor(4) as pool:
            made = [task.result() for task in [pool.submit(publish_together) for _ in range(4)]]
        assert {entry.name for entry in made if entry is not None} == {expected[-1]}
        assert None not in made
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


def test_a_process_that_died_after_it_made_a_version_made_it_once(run: RunFolder, tmp_path: Path) -> None:
    models = tmp_path / "models"
    write_card(run.best, replace(read_card(run.best), created="2026-01-01", training={"run": run.name}))
    publish_once(run, models, "v1")
    (run.path / "version").unlink()
    run.expect_version()  # as it was before it could note it
    entry = publish_once(run, models, "v1")
    assert entry is not None
    assert entry.name == "v1"
    write_card(run.best, replace(read_card(run.best), created="2026-01-02"))  # it went on, and got better
    run.expect_version()
    entry = publish_once(run, models, "v1")
    assert entry is not None
    assert entry.name == "v2"


def test_a_run_of_before_versions_were_noted_is_known_by_its_name(run: RunFolder, tmp_path: Path) -> None:
    models = tmp_path / "models"
    write_card(run.best, replace(read_card(run.best), training={"run": run.name}))
    publish(run, models, run.name)
    (run.path / "unpublished").unlink()
    entry = publish_once(run, models, run.name)
    assert entry is not None
    assert entry.name == run.name
    write_card(entry.folder, replace(read_card(entry.folder), training={"run": "another"}))
    assert publish_once(run, models, run.name) is None


@pytest.mark.skipif(os.name != "posix", reason="the locks of Windows are others")
def test_on_a_disk_without_locks_a_version_is_made_all_the_same(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", none)
    monkeypatch.setattr("unet_studio.core.run_folder.PUBLISHING", 2.0)
    entry = publish_once(run, tmp_path / "models", "v1")
    assert entry is not None


def test_a_killed_process_gives_back_what_it_held(run: RunFolder, tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from unet_studio.core.run_folder import RunFolder\n"
        "with RunFolder(Path(sys.argv[1])).publishing(): print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", script, run.path], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    with holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("unet_studio.core.run_folder.PUBLISHING", 0.1)
            with pytest.raises(StudioError, match="Another program has been storing"):
                publish_once(run, tmp_path / "models", "v1")
        holder.kill()
    entry = publish_once(run, tmp_path / "models", "v1")
    assert entry is not None
