"""The figures that pytest-benchmark's own table lacks: 99th percentiles, processor time, goals."""

import pytest

from tests.benchmarks.figures import HEAD, Figures

KEY = pytest.StashKey[Figures]()


@pytest.fixture
def figures(request):
    """The figures of this run, printed at its end."""
    return request.config.stash.setdefault(KEY, Figures())


def pytest_terminal_summary(terminalreporter, config):
    found = config.stash.get(KEY, None)
    if found is None:
        return
    terminalreporter.section("figures: time on the clock, then of this thread's processor")
    if found.rows:
        terminalreporter.write_line(HEAD)
    for row in found.rows:
        terminalreporter.write_line(row.line())
    for note in found.notes:
        terminalreporter.write_line(note)
