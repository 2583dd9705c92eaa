"""How long the window stands still while PyTorch is imported, a model loaded, a folder predicted.

python -m pytest tests/benchmarks/test_pauses.py --benchmark-only
"""

import json
import os
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROUNDS = 5
GOALS = {  # ms
    "torch imported, model loaded, one image": 400,
    "another model loaded, one image": 50,
    "folder": 50,
}


def measure(folder):
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, "-m", "tests.benchmarks.pauses", str(folder), str(folder / "window.ini")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def said(rows, key):
    return ", ".join(f"{row[key]:.0f}" for row in rows)


def test_pauses_of_the_window(benchmark, figures, tmp_path):
    runs = []

    def run():
        runs.append(measure(tmp_path / str(len(runs))))

    benchmark.pedantic(run, rounds=ROUNDS)
    for phase in runs[0]:
        rows = [found[phase] for found in runs]
        figures.notes.append(
            f"{phase}: longest pause of {ROUNDS} runs, ms: "
            f"{said(rows, 'longest')}; without waiting for a core: "
            f"{said(rows, 'own')}; goal {GOALS.get(phase, '-')}"
        )
    assert all(row["beats"] > 10 for found in runs for row in found.values())
