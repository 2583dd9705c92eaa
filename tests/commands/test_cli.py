"""The command line itself: which command, which exit status, one line for what goes wrong."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands.conftest import Run
from unet_studio import __version__, cli
from unet_studio.core.errors import Cancelled, StudioError

HEAVY = ("numpy", "torch", "PySide6", "cv2", "PIL", "rich", "psutil")


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["predict", "--help"], ["x", "--nonsense"]])
def test_nothing_heavy_is_imported_before_it_is_needed(words: list[str]) -> None:
    code = (
        "import sys\nfrom unet_studio.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_program_runs_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "unet_studio", "--version"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"unet-studio {__version__}\n", "")


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_explains_itself(run: Run, name: str) -> None:
    assert name in run("--help").out
    done = run(name, "--help")
    assert done.status == 0
    assert done.out.startswith(f"usage: unet-studio {name}")
    assert len(done.out.split("\n\n")[1]) > 20  # the description


WRONG = ("predict", "evaluate --pred x", "export .", "--nonsense", "models --x", "a b")


@pytest.mark.parametrize("words", [text.split() for text in WRONG], ids=WRONG)
def test_wrong_usage_is_2(run: Run, words: list[str]) -> None:
    done = run(*words)
    assert done.status == 2
    assert done.out == ""


def test_a_mistyped_command_is_suggested(run: Run) -> None:
    done = run("predct")
    assert done.status == 1
    assert done.err == "unet-studio: There is no folder predct. Did you mean unet-studio predict?\n"


def test_a_file_is_no_folder(run: Run, images: Path) -> None:
    done = run(images / "a.png")
    assert done.status == 1
    assert "is a file" in done.err


def test_a_folder_named_like_a_command_opens_by_its_path(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "predict").mkdir()
    monkeypatch.chdir(tmp_path)
    opened = []
    monkeypatch.setattr(cli, "open_window", lambda *words: opened.append(words) or 0)
    assert run("./predict").status == 0
    assert run().status == 0
    assert run("--project", "p", "./predict").status == 0
    assert opened == [("./predict", None), (None, None), ("./predict", "p")]
    assert run("predict").status == 2


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="displays are asked for on Linux alone")
def test_no_display_names_the_commands_that_need_none(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    done = run()
    assert done.status == 1
    assert done.err.startswith("unet-studio: There is no display")
    assert all(name in done.err for name in ("demo --headless", "predict", "train", "evaluate", "doctor"))
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (StudioError("It is\nbroken.", "Mend it."), 1, "unet-studio: It is broken. Mend it.\n"),
        (PermissionError(13, "Permission denied", "x.png"), 1, "unet-studio: [Errno 13] Permission denied"),
        (Cancelled(), 130, ""),
        (KeyboardInterrupt(), 130, ""),
        (BrokenPipeError(), 0, ""),
    ],
)
def test_exit_statuses(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: BaseException, status: int, line: str
) -> None:
    from unet_studio.commands import models

    def fail(_: object) -> int:
        raise error

    monkeypatch.setattr(models, "run", fail)
    monkeypatch.setattr(os, "dup2", lambda *_: None)
    done = run("models")
    assert (done.status, done.out) == (status, "")
    assert done.err.startswith(line)
    assert done.err.count("\n") == line.count("\n") or "Errno" in line


def test_a_failure_with_json_is_one_object_too(run: Run, tmp_path: Path) -> None:
    done = run("models", tmp_path / "nowhere", "--json")
    assert done.status == 1
    assert set(done.value) == {"error", "remedy"}
    assert done.err.count("\n") == 1


def test_a_reader_that_leaves_is_no_error(images: Path) -> None:
    command = f'"{sys.executable}" -m unet_studio models "{images}" | true; echo ${{PIPESTATUS[0]}}'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_names_that_are_no_unicode_can_be_printed(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/\xff\xfe"
    done = subprocess.run(
        [sys.executable, "-m", "unet_studio", "models", folder, "--json"],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "error" in json.loads(done.stdout)
    assert b"\\udcff" in done.stderr
