"""Takes a picture of the training panel in every state, on the sample project.

QT_QPA_PLATFORM=offscreen python docs/pictures/states.py [--theme dark] [--windows FOLDER]

The trainings are told, not computed: their run folders hold what a training process writes. --windows: the
whole window, too, in every state and in two sizes, to look at.
"""

import argparse
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PIL import Image, ImageDraw
from PySide6.QtWidgets import QApplication
from take import HERE, SIZE, opened, rest, show

from unet_studio.core.events import (
    Event,
    Failed,
    Finished,
    Froze,
    Paused,
    Progress,
    Started,
    Stopped,
    Validated,
)
from unet_studio.core.gate import GATE_FILE, ModelScores, write_gate
from unet_studio.core.model_card import read_card, write_card
from unet_studio.core.project import Project
from unet_studio.core.resources import resources
from unet_studio.core.run_folder import RunFolder
from unet_studio.core.storage import write_json
from unet_studio.core.training_config import recipe
from unet_studio.demo.sample import MODEL_NAME, install_sample, sample_truth
from unet_studio.ui.main_window import MainWindow

SMALL = (900, 600)
SHOWN = 620  # px of a panel's height
COLUMNS = 5
IMAGES = tuple(f"cells-{number:02}.jpg" for number in range(1, 9))


def learning(steps: int) -> list[Event]:
    """What a training tells of so many steps of 120."""
    told: list[Event] = [Started("cpu", 1, 0, 120), Froze(6, 2, 0, {"background": 900_000, "cell": 700_000})]
    for step in range(1, steps + 1):
        told.append(
            Progress(step, 120, 0.9 / (1 + step / 15) + 0.02 * (step % 3), 1e-3, 2.0 * step, 240 - 2.0 * step)
        )
        if step % 20 == 0:
            dice = 0.93 - 0.3 / (1 + step / 20)
            scores = {"background": dice + 0.03, "cell": dice}
            iou = {name: value / (2 - value) for name, value in scores.items()}
            told.append(Validated(step, 0.7 / (1 + step / 25), iou, scores, dice, iou["cell"], dice, True))
    return told


def compared(images: int, before: float, after: float) -> tuple[ModelScores, ModelScores]:
    """The scores of the model in use and of the new one on so many images."""
    names = IMAGES[:images]
    spread = [0.01 * (place % 3) for place in range(images)]
    return (
        ModelScores(MODEL_NAME, names, {"cell": tuple(before - one for one in spread)}),
        ModelScores("v1", names, {"cell": tuple(after - one / 2 for one in spread)}),
    )


STATES: dict[str, tuple[list[Event], tuple[int, float, float] | None]] = {
    "running": (learning(65), None),
    "paused": ([*learning(65), Paused(65)], None),
    "better": ([*learning(120), Finished("minutes", 120, 240.0, "best", {})], (6, 0.845, 0.934)),
    "no worse": ([*learning(120), Finished("minutes", 120, 240.0, "best", {})], (6, 0.934, 0.931)),
    "not better": ([*learning(120), Finished("minutes", 120, 240.0, "best", {})], (6, 0.934, 0.845)),
    "you decide": ([*learning(80), Stopped(80, 160.0, "best", {})], (2, 0.845, 0.934)),
    "failed": ([*learning(40), Failed("The disk is full.", "Free some space, then resume the run.")], None),
    "cut off": (learning(40), None),
}


def make_run(project: Project, state: str) -> RunFolder:
    """A run of the open project in this state."""
    events, gate = STATES[state]
    run = RunFolder.create(project.new_run("v1"), recipe())
    settings = {**run.config().to_json(), "rival": MODEL_NAME, "name": "v1"}
    write_json(run.path / "config.json", settings)
    shutil.copytree(resources() / "models" / MODEL_NAME, run.best)
    made = {"parent": MODEL_NAME, "base": MODEL_NAME, "training": {"run": run.name}}
    write_card(run.best, replace(read_card(run.best), **made))
    if state in ("running", "paused"):
        run.claim(os.getpid())
    if gate is not None:
        write_gate(run.path / GATE_FILE, *compared(*gate))
    for event in events:
        run.emit(event)
    return run


def finished_sample(folder: Path) -> Path:
    """The sample project with six finished images."""
    install_sample(folder)
    project = Project.open(folder)
    for name in project.images[:6]:
        project.write_approved(name, sample_truth(name), {})
    project.close()
    return folder


def look(window: MainWindow, state: str, windows: Path | None, take: Callable[[str, Path], None]) -> None:
    """Hand over a picture of the panel; and of the whole window in two sizes, where that is asked for."""
    rest()
    with tempfile.TemporaryDirectory() as place:
        window.panels["training"].grab().save(f"{place}/panel.png")
        take(state, Path(place) / "panel.png")
    for width, height in (SIZE, SMALL) if windows is not None else ():
        window.resize(width, height)
        window.docks.arrange()
        rest(0.3)
        window.docks.make_room_for_training()
        rest(0.7)
        window.grab().save(str(windows / f"{state.replace(' ', '-')}-{width}.png"))


def sheet(panels: dict[str, Image.Image]) -> Image.Image:
    """All of them beside each other, each with the name of its state."""
    width = max(one.width for one in panels.values())
    rows = -(-len(panels) // COLUMNS)
    made = Image.new("RGB", (COLUMNS * (width + 12) + 12, rows * (SHOWN + 34) + 12), "#888888")
    for place, (state, panel) in enumerate(panels.items()):
        left, top = 12 + place % COLUMNS * (width + 12), 12 + place // COLUMNS * (SHOWN + 34)
        ImageDraw.Draw(made).text((left, top), state, fill="white", font_size=16)
        made.paste(panel.crop((0, 0, panel.width, min(panel.height, SHOWN))), (left, top + 22))
    return made


def main() -> None:
    """Go through the states."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--theme", default="light", choices=("light", "dark"))
    parser.add_argument("--windows", type=Path)
    options = parser.parse_args()
    if options.windows is not None:
        options.windows.mkdir(parents=True, exist_ok=True)
    app = QApplication([])
    panels: dict[str, Image.Image] = {}

    def take(state: str, path: Path) -> None:
        with Image.open(path) as picture:
            panels[state] = picture.convert("RGB")

    with tempfile.TemporaryDirectory() as place:
        mine = install_sample(Path(place) / "mine")
        shutil.rmtree(mine / "unet-studio")
        with opened(options.theme, mine) as window:
            look(window, "first model", options.windows, take)
        for state in ("not started", *STATES):
            folder = finished_sample(Path(place) / state)
            if state in STATES:
                project = Project.open(folder)
                make_run(project, state)
                project.close()
            with opened(options.theme, folder) as window:
                show(window.session, window.session.images[6])
                look(window, state, options.windows, take)
    small = sheet(panels).quantize(256, dither=Image.Dither.NONE)
    small.save(
        HERE / "states.png" if options.theme == "light" else HERE / f"states-{options.theme}.png",
        optimize=True,
    )
    app.quit()


if __name__ == "__main__":
    main()
