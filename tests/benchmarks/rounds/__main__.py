"""Every figure of fine-tuning in the window, one command each: `python -m tests.benchmarks.rounds NAME`.

A script corrects images by their truth where a person would; trainings are set up as the window sets them up,
run by the same process, and made versions by the same gate. See tests/benchmarks/recipes/command.py for what
is kept and what is counted.
"""

import sys

from tests.benchmarks.recipes.command import Figure, make, parser
from tests.benchmarks.rounds import cold_start, course, window

PACKAGE = "tests.benchmarks.rounds"
FIGURES = {
    "cold-start": Figure(cold_start.run, "three approved images and no model: the first one", 5, (0, 1, 2)),
    "rounds": Figure(course.run, "20 images corrected in 3 rounds: Dice of unseen ones", 5),
    "window": Figure(window.run, "pauses of the window over a whole training, and how soon it answers", 5),
}


def main(words: list[str]) -> int:
    """Make one figure; returns the exit status."""
    return make(PACKAGE, FIGURES, parser(PACKAGE, __doc__, FIGURES).parse_args(words), words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
