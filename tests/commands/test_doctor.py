"""doctor: what it looks at, and what it makes of what it finds."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.commands.conftest import Run
from unet_studio.commands import doctor
from unet_studio.core.errors import StudioError
from unet_studio.model.devices import DeviceInfo


@pytest.fixture
def imports(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The modules that the imports of packages are told to fail for; the real ones take seconds."""
    broken: dict[str, str] = {}
    monkeypatch.setattr(doctor, "_broken_imports", lambda _: broken)
    monkeypatch.setattr(doctor, "_measured", lambda _: "3 images/s")
    return broken


def findings(run: Run) -> tuple[int, dict[str, Any]]:
    done = run("doctor", "--json")
    return done.status, {entry["name"]: entry for entry in done.value["findings"]}


def test_it_looks_at_everything(run: Run, imports: dict[str, str]) -> None:
    _, found = findings(run)
    assert set(doctor.PACKAGES) <= set(found)
    looked_at = {"machine", "display", "torch build", "device cpu", "resources", "pretrained encoder"}
    assert looked_at <= set(found)
    assert found["speed cpu"]["ok"] is True
    assert found["torch"]["ok"] is True
    assert found["pretrained encoder"]["ok"] is True


def test_torchvision_of_another_build_is_no_more_than_a_note(run: Run, imports: dict[str, str]) -> None:
    imports["torchvision"] = "RuntimeError: operator torchvision::nms does not exist"
    _, found = findings(run)
    assert found["torchvision"]["ok"] is None
    assert "nms does not exist" in found["torchvision"]["text"]
    assert "both from one index" in found["torchvision"]["remedy"]


def test_a_missing_package_is_a_problem_with_its_remedy(
    run: Run, imports: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    imports["rich"] = "ModuleNotFoundError: No module named 'rich'"
    real = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda name: None if name == "rich" else real(name))
    status, found = findings(run)
    assert status == 1
    assert found["rich"] == {"name": "rich", "ok": False, "text": "is missing", "remedy": "pip install rich"}
    done = run("doctor")
    assert "PROBLEM rich: is missing" in done.out
    assert "        pip install rich" in done.out


def test_a_pyside_that_aborts_is_a_problem(
    run: Run, imports: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_version", lambda _: "6.12.0")
    assert findings(run)[1]["PySide6-Essentials"]["ok"] is False
    monkeypatch.setattr(doctor, "_version", lambda _: "6.11.3")
    assert findings(run)[1]["PySide6-Essentials"]["ok"] is True


def test_missing_models_are_a_problem(
    run: Run, imports: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("unet_studio.core.resources.resources", lambda: tmp_path)
    status, found = findings(run)
    assert status == 1
    assert found["models"]["ok"] is found["resources"]["ok"] is False
    assert found["speed cpu"]["ok"] is True


def test_a_card_that_does_not_work_is_a_note_with_its_remedy(
    run: Run, imports: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = {"cpu": "3 images/s"}

    def measure(name: str) -> str:
        if name not in measured:
            raise RuntimeError("CUDA error: no kernel image is available\nfor execution on the device")
        return measured[name]

    cards = [DeviceInfo("cuda:0", "Old GPU", 2**30, "CUDA 3.0"), DeviceInfo("cpu", "Processor", None, "")]
    monkeypatch.setattr("unet_studio.model.devices.describe_devices", lambda: cards)
    monkeypatch.setattr(doctor, "_measured", measure)
    _, found = findings(run)
    assert found["device cuda:0"]["text"].startswith("Old GPU, 1.0 GiB")
    assert found["speed cuda:0"]["ok"] is None
    assert "no kernel image is available for execution" in found["speed cuda:0"]["text"]
    assert found["speed cuda:0"]["remedy"] == "Choose the device cpu."
    assert found["speed cpu"]["ok"] is True
    measured.clear()
    assert findings(run)[1]["speed cpu"]["ok"] is False


def test_the_speed_is_that_of_the_default_network_in_both_modes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "SPEED_SECONDS", 0.001)
    text = doctor._measured("cpu")
    assert "images/s exact (float32), " in text
    assert "images/s fast (" in text
    assert text.endswith("512 x 512 px by unet-efficientnet-lite0")


def test_a_card_that_hands_over_to_the_processor_is_not_measured_as_fast(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = {"notes": ["cuda:0 was lost: on the processor"]}
    model = SimpleNamespace(predict=lambda *_, **__: SimpleNamespace(made=made))
    monkeypatch.setattr(doctor, "_default_model", lambda _: model)
    with pytest.raises(StudioError, match="was lost"):
        doctor._measured("cuda:0")


def test_imports_are_tried_for_real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bad_module.py").write_text("raise RuntimeError('two\\nlines')")
    (tmp_path / "deadly_module.py").write_text("import os; os._exit(7)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert doctor._broken_imports(["json", "bad_module"]) == {"bad_module": "RuntimeError: two lines"}
    found = doctor._broken_imports(["json", "bad_module", "deadly_module"])
    assert found == {
        "bad_module": "RuntimeError: two lines",
        "deadly_module": "the process died with status 7",
    }


@pytest.mark.slow
def test_it_runs_outside_of_the_checkout(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "unet_studio", "doctor"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert "ok      torch: " in done.stdout
    assert "speed" in done.stdout
    assert done.returncode == (1 if "PROBLEM" in done.stdout else 0)
    assert not list(tmp_path.iterdir())
