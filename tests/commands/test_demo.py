"""demo: its exit status says whether the model improved."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.commands.conftest import Run
from unet_studio.commands import window


@dataclass(frozen=True)
class Report:
    dice_before: float = 0.8
    dice_after: float = 0.9
    standard_error: float = 0.01
    improved: bool = True
    pictures: tuple[Path, ...] = (Path("a.png"),)


@pytest.fixture
def walkthrough(monkeypatch: pytest.MonkeyPatch) -> Callable[[Report], list[Any]]:
    def install(report: Report) -> list[Any]:
        calls: list[Any] = []

        def run_headless(out: Path, say: Callable[[str], None], progress: Callable[..., None]) -> Report:
            calls.append(out)
            progress("Training", 0.5)
            say("Dice 0.8 before")
            return report

        module = ModuleType("unet_studio.demo.walkthrough")
        module.run_headless = run_headless  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, module.__name__, module)
        return calls

    return install


def test_an_improved_model_is_0(run: Run, tmp_path: Path, walkthrough: Any) -> None:
    calls = walkthrough(Report())
    done = run("demo", "--headless", "--out", tmp_path / "d", "--json")
    assert done.status == 0
    assert done.value["dice_after"] == 0.9
    assert done.value["pictures"] == ["a.png"]
    assert calls == [tmp_path / "d"]
    assert done.err == "Dice 0.8 before\n"
    assert run("demo", "--headless").out == "Dice 0.8 before\n"


def test_one_that_did_not_is_1(run: Run, walkthrough: Any) -> None:
    walkthrough(Report(improved=False, dice_after=0.805))
    done = run("demo", "--headless", "--json")
    assert done.status == 1
    assert done.value["improved"] is False
    assert "not surely better: Dice 0.8000 before, 0.8050 after" in done.err


def test_without_headless_the_sample_opens_in_a_window(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    monkeypatch.setattr(window, "open_window", lambda *words, **named: opened.append((words, named)) or 0)
    assert run("demo").status == 0
    assert opened == [((None, None), {"sample": True})]
