"""Every figure of the training module, one command each: `python -m tests.benchmarks.recipes NAME`.

It trains, predicts and evaluates with the program's own commands, as processes, and prints a table in
Markdown with the commands that led to it; see command.py for what is kept and what is counted.
"""

import sys
from functools import partial

from tests.benchmarks.recipes import (
    by_split,
    camvid,
    few_shot,
    partial_labels,
    persons,
    substitutes,
    throughput,
)
from tests.benchmarks.recipes.by_split import Trial
from tests.benchmarks.recipes.command import Figure, make, parser

PACKAGE = "tests.benchmarks.recipes"
FIGURES = {
    "persons": Figure(persons.run, "human_seg, one 80/20 split, beside the write-up's recipe", 40),
    "human-seg": Figure(
        partial(by_split.run, trial=Trial("human_seg")), "human_seg, its split, default recipe", 15, (0, 1, 2)
    ),
    "camvid": Figure(camvid.run, "street_camvid, recipe camvid, beside plain SMP", 20),
    "em-vnc": Figure(
        partial(by_split.run, trial=Trial("em_vnc", sets=("augmentation=microscopy",))),
        "em_vnc, its split, default recipe with the microscopy preset",
        10,
    ),
    "facade": Figure(
        partial(by_split.run, trial=Trial("facade_ccby")), "facade_ccby, its split, default recipe", 10
    ),
    "partial-labels": Figure(partial_labels.run, "strokes on 20 images, beside them finished", 3, (0, 1, 2)),
    "throughput": Figure(throughput.run, "the engine beside a bare PyTorch loop, in turns", 3),
    "overfit-150": Figure(substitutes.overfit, "150 generated classes learnt by heart", 20),
    "carla-like": Figure(substitutes.carla_like, "generated streets, 13 of 23 classes, Dice loss", 15),
    "pets-like": Figure(substitutes.pets_like, "generated dogs with trimaps, two passes", 30),
    "few-shot": Figure(few_shot.run, "human_seg with 5, 10, 20 images, beside naive training", 3, (0, 1, 2)),
}


def main(words: list[str]) -> int:
    """Make one figure; returns the exit status."""
    known = parser(PACKAGE, __doc__, FIGURES)
    known.add_argument("--size", type=int, default=256, help="persons: side of the network's input, px (256)")
    given = known.parse_args(words)
    return make(PACKAGE, FIGURES, given, words, given.size)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
