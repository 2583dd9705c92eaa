"""What a hand feels: from the event to the painted frame, in the real window on a real project.

    python -m pytest tests/benchmarks/test_canvas.py --benchmark-only

The window is 1600 x 1000 with all its panels; events go through its native window; every dab's pixel is read
back from the screen, and after every row the whole canvas is held against the document. pytest-benchmark's
table comes first, then ours with 99th percentiles, processor time and goals; both are in the JSON of
--benchmark-json as extra_info. It takes about ten minutes, 8 GB of memory and 4 GB in the temporary folder.

Offscreen by default; `xvfb-run -s "-screen 0 1920x1200x24" env QT_QPA_PLATFORM=xcb python -m pytest ...` for
X11. The row beside napari needs Xvfb and UNET_STUDIO_NAPARI_PYTHON, the Python of an environment with
`pip install "napari[pyqt6]"`; without these it is skipped.
"""

import itertools
import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from tests.benchmarks import places
from tests.benchmarks.stage import MIDDLE, Stage

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

HERE = Path(__file__).parent
DAB = {50: 2.0, 99: 8.0}
LARGE_DAB = {99: 16.0}
EVERY_FRAME = {100: 16.0}


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Folders with one large image each, by side, made when first asked for."""
    made = {}

    def folder(side):
        if side not in made:
            made[side] = places.make_large(tmp_path_factory.mktemp("large") / str(side), side)
        return made[side]

    yield folder
    for path in made.values():
        shutil.rmtree(path)


class Windows:
    """One window at a time: a second one could only look at the same project."""

    def __init__(self, large, tmp_path_factory):
        self._large, self._paths = large, tmp_path_factory
        self._side, self._stage = 0, None

    def open(self, side):
        if side != self._side:
            self.close()
            self._stage = Stage(self._paths.mktemp("settings") / "window.ini")
            self._stage.open(self._large(side))
            self._side = side
        return self._stage

    def close(self):
        """Leave the project as it was found."""
        if self._stage is not None:
            take_back(self._stage)
            self._stage.close()
        self._side, self._stage = 0, None


@pytest.fixture(scope="module")
def windows(qapp, large, tmp_path_factory):
    made = Windows(large, tmp_path_factory)
    yield made
    made.close()


@pytest.fixture
def stage(request, windows):
    """The window with a square image of so many px a side."""
    return windows.open(request.param)


def of_side(*sides):
    return pytest.mark.parametrize("stage", sides, indirect=True)


def take_back(stage):
    """Undo everything; a large step lands when a thread has planned it. Returns how many steps there were."""
    steps = 0
    while stage.editor.can_undo:
        stage.editor.undo()
        stage.wait(lambda: not stage.editor.landing.under_way)
        steps += 1
        if steps % 100 == 0:
            QApplication.processEvents()
    return steps


def begin(stage, zoom):
    """Everything as it was opened, at a zoom."""
    take_back(stage)
    stage.editor.set_tool("brush")
    stage.editor.set_active_class(places.PAINTED)
    stage.zoom(zoom)


def front(stage, before, at, radius):
    """A point that a dab has just reached: near the edge of its disc, ahead."""
    ahead = at - before
    length = max((ahead.x() ** 2 + ahead.y() ** 2) ** 0.5, 1e-9)
    reach = max(0.0, radius * stage.canvas.zoom - 6)
    point = at + ahead * (reach / length)
    inside = 0 <= point.x() < stage.canvas.width() and 0 <= point.y() < stage.canvas.height()
    return point if inside else at


@pytest.mark.parametrize("radius", [50, 500])
@pytest.mark.parametrize("zoom", ["fit", 1.0, 4.0])
@of_side(8192, 16384)
def test_dab(benchmark, figures, stage, zoom, radius):
    """One move of a stroke under way, until it is on screen."""
    begin(stage, zoom)
    stage.editor.set_brush_radius(radius)
    points, painted = stage.walk(), []
    last = [next(points)]
    stage.press(last[0])
    stage.frame()

    def dab(at):
        stage.move(at)
        painted.append(stage.settle())

    def seen(at):
        reached = front(stage, last[0], at, radius)
        row, column = (int(value) for value in stage.canvas.to_image(reached))
        assert stage.document.annotation.pixels[row, column] == places.PAINTED
        if radius * stage.canvas.zoom > 5:  # a smaller ring lies over its disc
            stage.assert_shown(reached)
        last[:] = [at]

    side = stage.document.shape[0]
    goals = LARGE_DAB if radius == 500 else DAB
    name = f"dab of radius {radius}, {side} px, zoom {zoom}"
    figures.measure(
        benchmark, name, dab, goals, setup=lambda: (next(points),), rounds=300, warmup=5, check=seen
    )
    # A disc that is larger than the window has nothing left to show after its first dab.
    assert set(painted) == {1} or (radius == 500 and zoom == 4.0)
    stage.release(last[0])
    stage.assert_all_shown()


def draw(stage, points, moves=20):
    """A stroke of so many moves whose button is still down. Returns where it is."""
    stage.press(next(points))
    for _ in range(moves):
        at = next(points)
        stage.move(at)
    stage.frame()
    return at


@pytest.mark.parametrize("zoom", ["fit", 1.0])
@of_side(8192)
def test_commit(benchmark, figures, stage, zoom):
    """The release of a stroke of twenty moves, until its step is in the history and the frame is painted."""
    begin(stage, zoom)
    stage.editor.set_brush_radius(50)
    points, classes = stage.walk(), itertools.cycle((places.PAINTED, 0))
    steps = []

    def stroke():
        stage.editor.set_active_class(next(classes))
        return (draw(stage, points),)

    def commit(at):
        stage.release(at)
        QApplication.processEvents()

    def stepped(at):
        steps.append(stage.document.history.last)
        stage.assert_shown(at)

    figures.measure(benchmark, f"commit, 8192 px, zoom {zoom}", commit, {99: 5.0}, stroke, check=stepped)
    assert len({id(step) for step in steps}) == len(steps)
    stage.assert_all_shown()


@pytest.mark.parametrize("zoom", ["fit", 1.0])
@pytest.mark.parametrize("what", ["undo", "redo"])
@of_side(8192)
def test_undo(benchmark, figures, stage, what, zoom):
    """From the action of Ctrl+Z or Ctrl+Shift+Z to the painted frame, for strokes of twenty moves."""
    rounds, warmup = 200, 3
    begin(stage, zoom)
    stage.editor.set_brush_radius(50)
    before = stage.document.mask()
    points = stage.walk()
    ends = []
    for number in range(rounds + warmup):
        stage.editor.set_active_class((places.PAINTED, 0)[number % 2])
        ends.append(draw(stage, points))
        stage.release(ends[-1])
        QApplication.processEvents()
    after = stage.document.mask()
    action = stage.window.action_table[what]
    stage.leave()  # the ring would lie over what is looked at
    if what == "redo":
        take_back(stage)
    stage.rest(2500)
    order = iter(ends if what == "redo" else reversed(ends))

    def press(_at):
        action.trigger()
        assert stage.frame() == 1

    def at():
        return (next(order),)

    figures.measure(
        benchmark,
        f"{what}, 8192 px, zoom {zoom}",
        press,
        {99: 2.0},
        at,
        rounds,
        warmup,
        check=stage.assert_shown,
    )
    assert np.array_equal(stage.document.mask(), before if what == "undo" else after)
    stage.assert_all_shown()


@of_side(8192)
def test_history(benchmark, figures, stage):
    """Ten thousand random strokes: what their history weighs, and that undoing all ends where it began."""
    count = 10_000
    begin(stage, "fit")
    before = stage.document.mask()
    random = np.random.default_rng(3)

    def stroke():
        stage.editor.set_active_class(int(random.integers(0, 3)))
        stage.editor.set_brush_radius(int(np.exp(random.uniform(np.log(3), np.log(100)))))
        row, column = random.uniform(0, 8192, 2)
        stage.editor.pointer("press", row, column)
        for _ in range(random.integers(1, 12)):
            row, column = row + random.normal(0, 40), column + random.normal(0, 40)
            stage.editor.pointer("move", row, column)
        stage.editor.pointer("release", row, column)

    def check():
        if random.random() < 0.05:
            QApplication.processEvents()

    figures.measure(
        benchmark,
        "random stroke, all of its events, not painted",
        stroke,
        rounds=count,
        warmup=0,
        check=check,
    )
    history = stage.document.history
    weight = history.nbytes
    steps = take_back(stage)
    assert np.array_equal(stage.document.mask(), before)
    assert 0.95 * count <= steps <= count  # a stroke that changed nothing is no step
    note = f"{steps:,} random strokes: {weight / 2**20:.0f} MiB of history; undone, exactly the original"
    figures.note(benchmark, f"{note} (goal <= 256)", **{"history MiB": weight / 2**20, "steps": steps})
    assert weight <= 256 * 2**20
    stage.assert_all_shown()


@pytest.mark.parametrize("zoom", [0.3, 1.0, 1.7, 6.0])
@of_side(16384)
def test_pan(benchmark, figures, stage, zoom):
    """A drag of the middle button while the brush is the tool: every frame of it."""
    begin(stage, zoom)
    width, height = stage.canvas.width(), stage.canvas.height()
    points = (
        QPointF(width / 2 + 300 * np.sin(step / 13), height / 2 + 200 * np.sin(step / 7))
        for step in itertools.count()
    )
    stage.press(next(points), MIDDLE)
    unfinished = []

    def pan(at):
        stage.move(at, MIDDLE)
        assert stage.frame() == 1

    def seen(_at):
        unfinished.append(not stage.canvas.picture.finished)

    figures.measure(
        benchmark,
        f"frame of a pan, 16384 px, zoom {zoom}",
        pan,
        EVERY_FRAME,
        lambda: (next(points),),
        rounds=300,
        check=seen,
    )
    stage.release(next(points), MIDDLE)
    benchmark.extra_info["unfinished frames"] = sum(unfinished)
    stage.assert_all_shown()


@pytest.mark.parametrize("notches", [1.0, 0.25])
@of_side(16384)
def test_zoom(benchmark, figures, stage, notches):
    """A step of the wheel from the whole image to single pixels and back: every frame of it."""
    begin(stage, "fit")
    at = QPointF(stage.canvas.width() * 0.6, stage.canvas.height() * 0.4)
    stage.move(at, Qt.MouseButton.NoButton)
    turns = round(32 / notches)
    steps = itertools.cycle([notches] * turns + [-notches] * turns)
    unfinished = []

    def zoom(by):
        before = stage.canvas.zoom
        stage.wheel(at, by)
        if stage.canvas.zoom != before:
            assert stage.frame() == 1

    def seen(_by):
        unfinished.append(not stage.canvas.picture.finished)

    figures.measure(
        benchmark,
        f"frame of a zoom, 16384 px, {notches:g} of a notch",
        zoom,
        EVERY_FRAME,
        lambda: (next(steps),),
        rounds=300,
        check=seen,
    )
    benchmark.extra_info["unfinished frames"] = sum(unfinished)
    stage.assert_all_shown()


@of_side(16384)
def test_hover(benchmark, figures, stage):
    """The ring of a brush of radius 500 following the pointer."""
    begin(stage, 1.0)
    stage.editor.set_brush_radius(500)
    points = stage.walk()

    def hover(at):
        stage.move(at, Qt.MouseButton.NoButton)
        assert stage.frame() == 1

    figures.measure(
        benchmark,
        "ring of radius 500 following the pointer",
        hover,
        LARGE_DAB,
        lambda: (next(points),),
        rounds=300,
    )
    stage.assert_all_shown()


def test_next_image(benchmark, figures, windows, tmp_path):
    """D, from the key to the next JPEG painted; it is in memory by then."""
    windows.close()
    stage = Stage(tmp_path / "window.ini")
    names = 24
    stage.open(places.make_jpegs(tmp_path / "jpegs", names))
    place, ways = [0], itertools.cycle([Qt.Key.Key_D] * (names - 1) + [Qt.Key.Key_A] * (names - 1))

    def ready():
        way = next(ways)
        place[0] += 1 if way == Qt.Key.Key_D else -1
        name = stage.session.images[place[0]]
        stage.wait(lambda: stage.session.in_memory(name) is not None)
        stage.rest(30)
        return way, name

    def step(way, name):
        before = stage.watch.painted
        QTest.keyPress(stage.window.windowHandle(), way)
        stage.frame(before)

    def seen(way, name):
        QTest.keyRelease(stage.window.windowHandle(), way)
        assert stage.document.name == name
        stage.assert_shown(QPointF(stage.canvas.width() / 2, stage.canvas.height() / 2), 6)

    figures.measure(
        benchmark, "next image, 1600 x 1200 JPEG, prefetched", step, {50: 15.0, 99: 15.0}, ready, check=seen
    )
    stage.assert_all_shown()
    stage.close()


# -- in processes of their own -------------------------------------------------------------------------------


def fresh(*arguments, environment=None):
    """What `python -m tests.benchmarks.fresh` prints: a JSON object."""
    return said([sys.executable, "-m", "tests.benchmarks.fresh", *map(str, arguments)], environment)


def said(command, environment=None):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **(environment or {})}
    done = subprocess.run(
        command,
        cwd=HERE.parent.parent,
        env=environment,
        capture_output=True,
        text=True,
        timeout=1500,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_many_files(benchmark, figures, tmp_path):
    """A folder of 100,000 files beside one of 10: the first image painted, and the list scrolled through."""
    few, many = places.make_many(tmp_path / "few", 10), places.make_many(tmp_path / "many", 100_000)
    found = {"few": [], "many": []}

    def open_both():
        for name, folder in (("few", few), ("many", many)):
            found[name].append(fresh("folder", folder, tmp_path / "window.ini"))

    benchmark.pedantic(open_both, rounds=5, warmup_rounds=1)
    first = {name: np.median([run["first"] for run in runs[1:]]) for name, runs in found.items()}
    cpu = {name: np.median([run["first_cpu"] for run in runs[1:]]) for name, runs in found.items()}
    figures.note(
        benchmark,
        f"first image painted: {first['many']:.3f} s in a folder of 100,000 files, {first['few']:.3f} s "
        f"in one of 10 (processor {cpu['many']:.3f} and {cpu['few']:.3f}); "
        f"difference {first['many'] - first['few']:.3f} s, goal <= 0.3; medians of 5 processes",
        **{f"first image s, {name}": value for name, value in first.items()},
    )
    for what in ("opening", "scrolling"):
        pauses = [run[what] for run in found["many"][1:]]
        longest = np.median([run["max"] for run in pauses])
        usual, busy = (np.median([run[part] for run in pauses]) for part in ("p99", "cpu_max"))
        worst = max(run["max"] for run in pauses)
        figures.note(
            benchmark,
            f"{what} 100,000 files: longest pause of the window {longest:.1f} ms "
            f"({busy:.1f} of the processor; p99 {usual:.1f}; worst of all {worst:.1f}); "
            f"goal <= 16 while scrolling; medians of 5 processes",
            **{f"{what}: longest pause ms": longest},
        )


@pytest.mark.parametrize("torch", [False, True], ids=["without torch", "with torch"])
def test_memory(benchmark, figures, windows, large, tmp_path, torch):
    """16384 x 16384 RGB with both layers, open, painted and painted on, in a process of its own."""
    windows.close()
    folder, runs = large(16384), []

    def measure():
        runs.append(fresh("memory", folder, tmp_path / "window.ini", *(["torch"] if torch else [])))

    benchmark.pedantic(measure, rounds=1)
    run = runs[0]
    assert run["torch"] is torch
    figures.note(
        benchmark,
        f"16384 x 16384 RGB with both layers, {'with' if torch else 'without'} torch: "
        f"{run['rss'] / 1e9:.2f} GB RSS open and painted, "
        f"{run['stroked'] / 1e9:.2f} after strokes and saving, "
        f"peak {run['peak'] / 1e9:.2f} while opening, {run['saving'] / 1e9:.2f} while saving; "
        f"{run['seconds']:.1f} s to open; goal <= {3.0 if torch else 2.0} GB",
        **run,
    )


# -- beside napari -------------------------------------------------------------------------------------------


@contextmanager
def display():
    """An X server of its own; yields what DISPLAY is then."""
    read, write = os.pipe()
    arguments = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1920x1200x24", "-nolisten", "tcp"]
    server = subprocess.Popen(arguments, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    try:
        with os.fdopen(read) as number:
            yield f":{number.readline().strip()}"
    finally:
        server.terminate()
        server.wait()


@pytest.mark.parametrize("zoom", ["fit", "1.0", "4.0"])
@pytest.mark.parametrize("side", [8192, 16384])
def test_beside_napari(benchmark, figures, windows, tmp_path, large, side, zoom):
    """The same dab of radius 50 in both, under the same X server, one after the other."""
    python = os.environ.get("UNET_STUDIO_NAPARI_PYTHON")
    if not python:
        pytest.skip("UNET_STUDIO_NAPARI_PYTHON is not set")
    if not shutil.which("Xvfb"):
        pytest.skip("Xvfb is not installed")
    windows.close()
    found = {}

    def both(environment):
        napari = [python, str(HERE / "napari_dab.py"), str(side), zoom]
        found["napari"] = said(napari, {**environment, "QT_QPA_PLATFORM": "xcb"})
        environment["QT_QPA_PLATFORM"] = "xcb"
        found["studio"] = fresh("dab", large(side), tmp_path / "window.ini", zoom, environment=environment)

    with display() as number:
        benchmark.pedantic(both, ({"DISPLAY": number},), rounds=1)
    for name, run in found.items():
        benchmark.extra_info[name] = run
    ratio = {what: found["napari"][what] / found["studio"][what] for what in ("median", "p99", "cpu_median")}
    figures.note(
        benchmark,
        f"dab of radius 50, {side} px, zoom {zoom}, X11: studio {found['studio']['median']:.2f} ms "
        f"(p99 {found['studio']['p99']:.2f}), napari {found['napari']['version']} "
        f"{found['napari']['median']:.1f} ms (p99 {found['napari']['p99']:.1f}): "
        f"{ratio['median']:.0f} x as fast, "
        f"{ratio['p99']:.0f} x at p99, {ratio['cpu_median']:.0f} x by processor time; goal >= 10",
        **{f"ratio {what}": value for what, value in ratio.items()},
    )
