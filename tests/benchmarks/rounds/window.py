"""The real window over a whole training: its longest pause, every painted pixel, and how soon it answers."""

import json
import sys
from functools import partial
from typing import Any

from tests.benchmarks.recipes.book import Book
from tests.benchmarks.recipes.processes import Failure
from tests.benchmarks.recipes.studio import STARTING, Studio
from tests.benchmarks.recipes.tables import Table, shown

TRIAL = "tests.benchmarks.rounds.window_trial"
PAUSE_GOAL = 50  # ms
STOP_GOAL = 2  # seconds besides one step
STEPS = 60  # at least so many are a whole training
PAUSES = (
    ("longest", "longest pause"),
    ("own", "longest without waiting for a core"),
    ("busy", "most computed in a pause"),
    ("p99", "99 % of the pauses within"),
    ("own_p99", "99 % within, without waiting for a core"),
)
GOALS = ("longest", "own")


def run(book: Book) -> Table:
    """One trial a seed, which draws what the painting script does."""
    rows, notes = [], []
    for seed in book.options.seeds:
        found = book.part(f"seed{seed}", partial(_trial, seed=seed))
        if found:
            rows += _rows(seed, found)
            notes += _notes(seed, found)
    about = (
        "The sample project in the real window, with predictions; 8 images are finished by their truth, the "
        "painting script of tests/e2e draws on the others by mouse, undoes, approves, goes from image to "
        "image, all the while. A pause is the time between two beats of a timer of 5 ms."
    )
    return Table(("seed", "what", "found", "goal"), rows, (about, *notes))


def _rows(seed: int, found: dict[str, Any]) -> list[list[str]]:
    whole, stopped = found["whole"], found["stopped"]
    pauses = [
        (f"{name}, {kind}", f"{part['pauses'][key]:.0f} ms", f"{PAUSE_GOAL} ms" if key in GOALS else "-")
        for name, part in (("whole training", whole), ("stopped training", stopped))
        for key, kind in PAUSES
    ]
    pauses += [
        (f"{name}, longest pause of a process that only beats: {kind}", f"{part['beside'][key]:.0f} ms", "-")
        for name, part in (("whole training", whole), ("stopped training", stopped))
        for key, kind in (("longest", "all"), ("own", "without waiting for a core"))
        if "beside" in part  # not in parts that were measured before there was such a process
    ]
    step = stopped["step_seconds"]
    told = [
        *pauses,
        ("Start click to the first point of the curve", f"{whole['first_point']:.1f} s", "-"),
        ("the same, second training", f"{stopped['first_point']:.1f} s", "-"),
        ("Stop click to the version", f"{stopped['stopping']:.1f} s", f"{STOP_GOAL} s + one step"),
        ("one step", f"{shown(step, 2)} s", "-"),
        ("steps of the whole training", str(whole["steps"]), f"{STEPS}"),
        ("painted pixels that are not as painted", str(found["pixels"]["wrong"]), "0"),
    ]
    return [[str(seed), *row] for row in told]


def _notes(seed: int, found: dict[str, Any]) -> list[str]:
    pixels, whole = found["pixels"], found["whole"]
    acts = ", ".join(f"{name} {taken:.0f}" for name, taken in sorted(found["acts"].items()))
    return [
        f"Seed {seed}: {pixels['steps']} steps of painting, {pixels['strokes']} strokes by mouse on "
        f"{pixels['images']} images; {pixels['checked']:,} pixels read back from disk after the window was "
        f"closed. The whole training took {whole['seconds']:.0f} s and ended as {whole['state']}, the gate "
        f"said {whole['outcome']}.",
        f"At worst, what the script did took the window's thread (ms of its processor): {acts}.",
    ]


def _trial(studio: Studio, seed: int) -> dict[str, Any]:
    chosen = {
        "minutes": studio.minutes,
        "clock": studio.clock,
        "threads": studio.threads,
        "sets": studio.sets,
        "seed": seed,
    }
    words = [sys.executable, "-m", TRIAL, studio.folder, json.dumps(chosen)]
    done = studio.run(words, 8 * 60 * studio.minutes + STARTING)
    value: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    if value["pixels"]["wrong"]:
        raise Failure(f"{value['pixels']['wrong']} painted pixels are not as they were painted.")
    return value
