"""Versions are named, deleted, packed and taken in by a thread, and never the one in use is deleted."""

import shutil
from dataclasses import replace

import pytest

from tests.helpers import make_folder, make_model
from unet_studio.core.events import Finished
from unet_studio.core.model_card import MODEL_FILE, read_card, write_card
from unet_studio.core.run_folder import RunFolder
from unet_studio.core.training_config import TrainingConfig

WAIT = 20_000  # ms


@pytest.fixture
def versions(session, tmp_path, qtbot):
    """Two models, v1 in use, and the list of them."""
    session.open_folder(make_folder(tmp_path / "images", 1))
    session.project.prepare()
    for seed, name in enumerate(("v1", "v2")):
        make_model(session.project.models_folder / name, seed=seed)
    session.predictor.refresh()
    session.predictor.set_model("v1")
    session.versions.look()
    qtbot.waitUntil(lambda: session.versions.named("v2") is not None, timeout=WAIT)
    return session.versions


def folder_of(session, name):
    return session.project.models_folder / name


def test_a_title_and_a_note_are_stored_and_the_name_stays(session, versions, qtbot):
    versions.describe(versions.named("v2"), " Nuclei, spring ", "From the first batch.\n")
    qtbot.waitUntil(lambda: read_card(folder_of(session, "v2")).title == "Nuclei, spring", timeout=WAIT)
    assert read_card(folder_of(session, "v2")).note == "From the first batch."
    qtbot.waitUntil(
        lambda: "Nuclei, spring (v2)" in {entry.shown for entry in session.predictor.models()}, timeout=WAIT
    )


def test_a_title_given_right_before_the_folder_is_left_is_stored(session, versions):
    folder = folder_of(session, "v2")
    versions.describe(versions.named("v2"), "Last words", "")
    session.close_project()
    assert read_card(folder).title == "Last words"
    assert versions.rows == ()


def test_a_version_is_deleted_after_it_was_weighed(session, versions, qtbot):
    with qtbot.waitSignal(versions.weighed, timeout=WAIT) as caught:
        versions.weigh(versions.named("v2"))
    assert caught.args[0].name == "v2"
    with qtbot.waitSignal(versions.said, timeout=WAIT) as caught:
        versions.delete(versions.named("v2"))
    assert caught.args == ["v2 was deleted."]
    assert not folder_of(session, "v2").exists()
    assert "v2" not in {entry.name for entry in session.predictor.models()}


def test_a_deleted_version_takes_what_is_large_of_its_run_along(session, versions, qtbot):
    run = RunFolder.create(session.project.runs_folder / "v2", TrainingConfig())
    made = folder_of(session, "v2")
    write_card(made, replace(read_card(made), training={"run": "v2"}))
    shutil.copytree(made, run.best)
    for path in (run.last, run.data / "a.npz"):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"much")
    versions.look()
    qtbot.waitUntil(lambda: versions.named("v2").entry.card.training == {"run": "v2"}, timeout=WAIT)
    run.emit(Finished("steps", 3, 1.0, str(run.best)))
    with qtbot.waitSignal(versions.said, timeout=WAIT):
        versions.delete(versions.named("v2"))
    assert not run.last.exists()
    assert not run.best.exists()
    assert not run.data.exists()
    assert run.state() == "finished"


@pytest.mark.parametrize("what", ["weigh", "delete"])
def test_the_one_in_use_is_never_deleted(session, versions, qtbot, what):
    with qtbot.waitSignal(versions.failed, timeout=WAIT) as caught:
        getattr(versions, what)(versions.named("v1"))
    assert caught.args[0].message == "v1 is in use."
    assert caught.args[0].remedy
    assert (folder_of(session, "v1") / MODEL_FILE).is_file()


def test_one_that_comes_to_be_used_while_a_person_is_asked_is_not_deleted(session, versions, qtbot):
    with qtbot.waitSignal(versions.weighed, timeout=WAIT):
        versions.weigh(versions.named("v2"))
    versions.use("v2")
    with qtbot.waitSignal(versions.failed, timeout=WAIT):
        versions.delete(versions.named("v2"))
    assert (folder_of(session, "v2") / MODEL_FILE).is_file()


def test_one_that_a_training_needs_is_not_deleted(session, versions, qtbot):
    config = TrainingConfig.from_json({"init": str(folder_of(session, "v2"))})
    RunFolder.create(session.project.new_run("v3"), config)
    with qtbot.waitSignal(versions.failed, timeout=WAIT) as caught:
        versions.delete(versions.named("v2"))
    assert "training v3 needs v2" in caught.args[0].message


def test_what_comes_with_the_program_is_not_changed(session, versions, qtbot):
    foreign = next((row for row in versions.rows if not row.own), None)
    if foreign is None:
        pytest.skip("no model comes with the program")
    for ask in (lambda: versions.delete(foreign), lambda: versions.describe(foreign, "Mine", "")):
        with qtbot.waitSignal(versions.failed, timeout=WAIT) as caught:
            ask()
        assert "comes with the program" in caught.args[0].message


def test_a_version_goes_into_a_file_and_comes_back_under_a_free_name(session, versions, qtbot, tmp_path):
    path = tmp_path / "out" / "v2.unet.zip"
    path.parent.mkdir()
    with qtbot.waitSignal(versions.said, timeout=WAIT):
        versions.pack(versions.named("v2"), path)
        assert versions.doing == "Writing v2…"
    assert versions.doing == ""
    with qtbot.waitSignal(versions.taken, timeout=WAIT) as caught:
        versions.unpack(path)
    assert caught.args == ["v2-2"]
    weights = [(folder_of(session, name) / MODEL_FILE).read_bytes() for name in ("v2", "v2-2")]
    assert weights[0] == weights[1]
    assert "v2-2" in {entry.name for entry in session.predictor.models()}
    assert session.predictor.model_name == "v1"


def test_a_file_that_is_no_model_is_refused_with_a_remedy(versions, qtbot, tmp_path):
    path = tmp_path / "x.unet.zip"
    path.write_bytes(b"PK nonsense")
    with qtbot.waitSignal(versions.failed, timeout=WAIT) as caught:
        versions.unpack(path)
    assert "no model of U-Net Studio" in caught.args[0].message
    assert caught.args[0].remedy
    assert versions.doing == ""


def test_who_may_only_look_changes_nothing_but_may_export_and_use(session, versions, qtbot, tmp_path):
    session.project.read_only = "It is open in another window."
    path = tmp_path / "v2.unet.zip"
    version = versions.named("v2")
    for ask in (
        lambda: versions.describe(version, "Mine", ""),
        lambda: versions.delete(version),
        lambda: versions.unpack(path),
    ):
        with qtbot.waitSignal(versions.failed, timeout=WAIT) as caught:
            ask()
        assert "can't be changed" in caught.args[0].message
    with qtbot.waitSignal(versions.said, timeout=WAIT):
        versions.pack(version, path)
    versions.use("v2")
    assert session.predictor.model_name == "v2"
    assert read_card(version.entry.folder).title == ""
    session.project.read_only = None


def test_going_back_is_one_call(session, versions):
    versions.use("v2")
    versions.use("v1")
    assert session.predictor.model_name == "v1"
