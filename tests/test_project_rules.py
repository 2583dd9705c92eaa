"""The project's own rules: who imports whom, style, types, what is committed, and what the wheel holds."""

import ast
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def python(*arguments):
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def tracked():
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_who_may_import_whom():
    """In a process of its own: the linter switches off the loggers of the process it runs in."""
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    command = [sys.executable, "-c", code]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout


def test_style():
    found = python("ruff", "check", ".")
    assert found.returncode == 0, found.stdout
    found = python("ruff", "format", "--check", ".")
    assert found.returncode == 0, found.stdout


@pytest.mark.slow
def test_types():
    found = python("mypy")
    assert found.returncode == 0, found.stdout


def test_modules_say_what_they_are_for():
    for path in tracked():
        if path.suffix == ".py" and path.read_text(encoding="utf-8").strip():
            tree = ast.parse(path.read_text(encoding="utf-8"))
            assert ast.get_docstring(tree), f"{path.relative_to(ROOT)} has no module docstring"


def test_nothing_of_this_machine_or_of_a_registry_is_committed():
    patterns = [
        r"pypi" + r"\.org",
        r"files\.python" + r"hosted",
        r"registry\.npm" + r"js",
        r"deb\.debian" + r"\.org",
        r"(?<![\w.])/ho" + r"me/\w",
        r"(?<![\w.])/ro" + r"ot/",
        r"(?<![\w.])/wo" + r"rk/",
    ]
    for path in tracked():
        if path.suffix in {".png", ".jpg", ".safetensors", ".svg"}:
            continue
        text = path.read_text(encoding="utf-8")
        for pattern in patterns:
            found = re.search(pattern, text)
            assert not found, f"{path.relative_to(ROOT)} holds {found and found.group()}"


def test_pictures_of_the_sample_project_stay_small():
    sample = list((ROOT / "resources" / "sample").rglob("*"))
    assert sum(path.stat().st_size for path in sample if path.is_file()) <= 3_000_000


@pytest.mark.slow
def test_the_wheel_holds_the_packages_and_the_resources_alone(tmp_path):
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {
        "unet_studio",
        "training",
        "unet_studio-0.1.0.dist-info",
    }
    assert "unet_studio/resources/style/studio.qss" in names
    assert "unet_studio/core/recipes/fine-tune.toml" in names
    assert any(re.fullmatch(r"unet_studio/resources/models/[^/]+/model\.safetensors", name) for name in names)
    assert not [name for name in names if "test" in name.lower() or name.endswith(".pyc")]
