"""The package that makes the figures of training works: on tiny data, with tiny networks, for a few steps."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.benchmarks.recipes.book import Book, Options
from tests.benchmarks.recipes.generated import make_small_set
from tests.benchmarks.recipes.sets import ImageSet, draw
from tests.benchmarks.recipes.tables import QUANTILES, Table, deviation, interval, mean, spread
from tests.benchmarks.recipes.throughput import ratio

ROOT = Path(__file__).parents[2]
SIDE = 32
TINY = "network=unet init=random depth=1 channels=2 bottleneck=4 patch=32 batch=2 steps=2 evaluate_every=2"
TINY += " decoder= decoder_inner="  # those of the network, whatever a recipe says
# What is asked for besides, and how many parts there are.
CASES = {
    "persons": (["--only", "persons-plain-writeup"], 1),
    "human-seg": (["--seeds", "0,1"], 2),
    "few-shot": (["--only", "n5"], 2),
    "partial-labels": ([], 1),
    "throughput": (["--only", "persons-plain", "--minutes", "0.001"], 1),
    "overfit-150": (["--images", "3"], 1),
    "carla-like": (["--images", "10"], 1),
    "pets-like": (["--images", "10"], 1),
}
# A stand-in for the script on segmentation-models-pytorch: it predicts class 0 everywhere.
RIVAL = """#!{python}
import json, sys
from pathlib import Path
from PIL import Image
given = dict(zip(sys.argv[2::2], sys.argv[3::2]))
out = Path(given["--out"])
out.mkdir()
for name in json.loads(Path(given["--split"]).read_text())["test"]:
    Image.new("L", ({side}, {side})).save(out / name)
print(json.dumps(dict(step=1, epochs=1, validation=[0.0], seconds=1.0)))
"""


@pytest.fixture(scope="module")
def small_data(tmp_path_factory):
    """Sets in the layout of UNET_STUDIO_DATA."""
    root = tmp_path_factory.mktemp("data")
    make_small_set(root / "human_seg", {"train": 25, "val": 2, "test": 2}, 2, SIDE)
    # Whatever one class a weak model sees everywhere, two others are left to be painted.
    make_small_set(root / "partial-labels" / "human_seg", {"train": 25, "val": 2, "test": 2}, 3, SIDE)
    make_small_set(root / "street_camvid", {"train": 4, "val": 2, "test": 2}, 3, SIDE)
    return root


def make(name, data, out, *words, rival=""):
    """Run the command as a person does; returns the process and what its JSON file holds."""
    sets = [word for assignment in TINY.split() for word in ("--set", assignment)]
    command = [sys.executable, "-m", "tests.benchmarks.recipes", name, "--data", data, "--out", out]
    command += ["--minutes", "0.5", "--seeds", "0", "--size", str(SIDE), *sets, *words]
    environment = {**os.environ, "UNET_STUDIO_RIVAL_PYTHON": str(rival)}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT, env=environment, timeout=250
    )
    return done, json.loads((out / f"{name}.json").read_text())


# Each trains and predicts by several processes; the suite makes the one that needs most kinds of commands.
SHORT = "partial-labels"


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if name == SHORT else pytest.mark.soak) for name in CASES],
)
def test_every_figure_is_made_from_end_to_end(small_data, tmp_path, name):
    words, parts = CASES[name]
    own = small_data / name
    done, record = make(name, own if own.is_dir() else small_data, tmp_path, *words)
    assert done.returncode == 0, done.stderr + str(record["failures"])
    assert len(record["parts"]) == parts
    assert record["table"]["rows"]
    assert f"## {name}" in done.stdout
    for part in record["parts"].values():
        commands = [one["command"] for one in part["commands"]]
        assert all(command in done.stdout for command in commands)
        assert part["cpu_seconds"] > 0
        if name != "throughput":
            assert commands[0].startswith("unet-studio train ")
            assert commands[-1].startswith("unet-studio evaluate ")


@pytest.mark.soak
def test_a_figure_whose_part_fails_is_gone_on_with(small_data, tmp_path):
    done, record = make("camvid", small_data, tmp_path / "out")
    assert done.returncode == 1
    assert list(record["parts"]) == ["recipe-camvid-seed0"]
    assert len(record["failures"]) == 2
    assert "UNET_STUDIO_RIVAL_PYTHON" in done.stdout
    rival = tmp_path / "rival"
    rival.write_text(RIVAL.format(python=sys.executable, side=SIDE))
    rival.chmod(0o755)
    done, record = make("camvid", small_data, tmp_path / "out", rival=rival)
    assert done.returncode == 0, done.stderr
    assert len(record["parts"]) == 3
    assert "recipe-camvid-seed0: finished before" in done.stderr


def options(folder, **changes):
    usual = Options(minutes=1, seeds=(0,), threads=1, size=SIDE, out=folder, data=folder)
    return replace(usual, **changes)


def test_parts_are_made_once_and_never_mixed_with_those_of_other_settings(tmp_path):
    told, calls = [], []

    def act(studio):
        calls.append(studio.folder)
        return {"value": 3}

    assert Book("x", options(tmp_path), told.append).part("a", act) == {"value": 3}
    assert Book("x", options(tmp_path), told.append).part("a", act) == {"value": 3}
    assert len(calls) == 1
    other = Book("x", options(tmp_path, minutes=2), told.append)
    assert other.part("a", act) is None
    assert "other settings" in other.failures["a"]
    assert json.loads((tmp_path / "x" / "a" / "part.json").read_text())["result"] == {"value": 3}
    assert Book("x", options(tmp_path, only="b"), told.append).part("a", act) is None


def test_a_part_that_fails_stops_no_other_and_is_tried_again(tmp_path):
    def fail(studio):
        raise RuntimeError("no rival")

    book = Book("x", options(tmp_path), print)
    assert book.part("a", fail) is None
    assert book.part("b", lambda studio: {"value": 3}) == {"value": 3}
    assert book.failures == {"a": "RuntimeError: no rival"}
    assert list(book.records) == ["b"]
    assert "no rival" in (tmp_path / "x" / "a" / "log.txt").read_text()
    again = Book("x", options(tmp_path), print)
    assert again.part("a", lambda studio: {"value": 4}) == {"value": 4}
    assert not again.failures


def test_what_an_interrupted_part_left_is_thrown_away(tmp_path):
    left = tmp_path / "x" / "a" / "run" / "config.json"
    left.parent.mkdir(parents=True)
    left.write_text("{}")
    Book("x", options(tmp_path), print).part("a", lambda studio: {})
    assert not left.exists()


def test_fewer_images_are_the_beginning_of_more():
    names = [f"{number}.jpg" for number in range(30)]
    assert draw(names, 5, 1) == draw(list(reversed(names)), 10, 1)[:5]
    assert draw(names, 5, 1) != draw(names, 5, 2)


def test_a_part_of_a_set_has_its_own_folder_and_no_other_images(small_data, tmp_path):
    images = ImageSet.open(small_data / "human_seg")
    folder = images.part_folder("test", tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == images.names("test")
    other = images.with_split(tmp_path / "split.json", {"test": images.names("val")})
    with pytest.raises(FileExistsError, match="another split"):
        other.part_folder("test", tmp_path)


def test_means_and_intervals_by_hand():
    values = (0.82, 0.84, 0.89)  # deviations -0.03, -0.01, 0.04: variance 0.0026 / 2
    assert mean(values) == pytest.approx(0.85)
    assert deviation(values) == pytest.approx(0.0360555, abs=1e-6)
    low, high = interval(values)  # t of 2 degrees of freedom 4.303, over the root of 3
    assert (low, high) == pytest.approx((0.85 - 0.089573, 0.85 + 0.089573), abs=1e-5)
    assert QUANTILES[29] == 2.042
    assert spread([0.5]) == "0.5000 ± - (n=1)"
    assert ratio([{"clock": 2.0}, {"clock": 3.0}], [{"clock": 2.0}, {"clock": 2.0}], "clock") == 1.25
    assert Table(["a"], [["b"]], ("c",)).markdown() == "| a |\n| --- |\n| b |\n\nc"


def test_time_is_covered_once_by_kernels_that_overlap():
    from tests.benchmarks.recipes.throughput_trial import covered

    assert covered([(5, 6), (0, 2), (1, 3), (1, 2)]) == 4
