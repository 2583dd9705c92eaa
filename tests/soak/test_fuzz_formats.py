"""Spoiled annotation files: each importer reads them or says what is wrong, and does nothing else.

Here 300 a family; `--soak` runs 100,000 a family, with other seeds.
"""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.soak.seeds import FAMILIES
from unet_studio.formats.table import FORMATS

ROOT = Path(__file__).resolve().parents[2]
READ_AS = {"labelme-polygons": "labelme"}  # formats that share a reader
SHORT, LONG, AT_ONCE = 300, 100_000, 2_000


Results = dict[str, dict[str, Any]]  # by family


def fuzz(families: list[str], seed: int, count: int) -> Results:
    """What tests.soak.fuzzer found."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.soak.fuzzer", ",".join(families), str(seed), str(count)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return {result["family"]: result for result in map(json.loads, done.stdout.splitlines())}


@pytest.fixture(scope="module")
def short_runs() -> Results:
    """Every family's short run, in a process for each core: a process takes longer to begin than a run."""
    names = list(FAMILIES)
    cores = max(os.cpu_count() or 1, 1)
    parts = [part for start in range(cores) if (part := names[start::cores])]
    with ThreadPoolExecutor(len(parts)) as pool:
        found = pool.map(lambda part: fuzz(part, 0, SHORT), parts)
        return {family: result for results in found for family, result in results.items()}


def test_every_format_is_tried() -> None:
    assert {name for name, _ in FAMILIES.values()} == {READ_AS.get(name, name) for name in FORMATS}


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_spoiled_files_are_read_or_refused_in_words(family: str, short_runs: Results) -> None:
    result = short_runs[family]
    assert result["failures"] == []
    assert result["read"] < SHORT, "nothing was spoiled"


@pytest.mark.soak
@pytest.mark.timeout(0)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_hundred_thousand_spoiled_files(family: str, record_property: Any) -> None:
    complete = 0
    for seed in range(1_000_000, 1_000_000 + LONG, AT_ONCE):
        result = fuzz([family], seed, AT_ONCE)[family]
        assert result["failures"] == []
        complete += result["read"]
    record_property("read", complete)
    print(f"{family}: {LONG} files, {complete} of them could still be read")
