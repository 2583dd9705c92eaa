"""What a step of training costs: the engine beside a bare PyTorch loop, our augmentation beside others'.

python -m pytest tests/benchmarks/test_training.py --benchmark-only

On one thread; rounds of the engine and of the loop take turns. Images are generated; the figures on real ones
are those of `python -m tests.benchmarks.recipes throughput`. kornia is compared with where it is installed.
"""

import time
from importlib.util import find_spec

import pytest
import torch

from tests.benchmarks.augmentations import PRESET, RIVALS
from tests.benchmarks.recipes import throughput
from tests.benchmarks.recipes.book import Book, Options
from tests.benchmarks.recipes.generated import make_small_set

SIZE, BATCH, ROUNDS = 256, 8, 20
MINUTES = 0.5  # of measuring a recipe


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.timeout(0)
@pytest.mark.parametrize("recipe", throughput.RECIPES)
def test_throughput(benchmark, figures, tmp_path, recipe):
    benchmark.group = "the engine beside a bare loop"
    make_small_set(tmp_path / "human_seg", {"train": throughput.IMAGES}, 2, SIZE)
    options = Options(MINUTES, (0,), 1, SIZE, tmp_path / "out", tmp_path, only=recipe)
    book = Book("throughput", options, figures.notes.append)
    table = benchmark.pedantic(throughput.run, args=(book,), rounds=1)
    assert not book.failures
    turns = book.results[recipe]["turns"]
    bare = turns["bare, channels last"]
    shares = {key: throughput.ratio(bare, turns["engine"], key) for key in ("clock", "cpu")}
    figures.note(benchmark, table.markdown(), **shares)


@pytest.mark.timeout(0)
@pytest.mark.parametrize("name", RIVALS)
def test_augmentation(benchmark, figures, one_thread, name):
    if name == "kornia" and find_spec("kornia") is None:
        pytest.skip("kornia is not installed")
    benchmark.group = f"{BATCH} patches of {SIZE} px, preset photos"
    side, _ = PRESET.window((SIZE, SIZE))
    images = torch.rand(BATCH, 3, side, side)
    masks = torch.randint(0, 2, (BATCH, side, side), dtype=torch.uint8)
    vary, spent = RIVALS[name](SIZE), []

    def act():
        start = time.process_time()
        vary(images, masks)
        spent.append(1000 * (time.process_time() - start))

    benchmark.pedantic(act, rounds=ROUNDS, warmup_rounds=2)
    least = min(spent)
    figures.note(benchmark, f"{name:<16}{least:8.1f} ms of processor time a batch", cpu_ms=least)
