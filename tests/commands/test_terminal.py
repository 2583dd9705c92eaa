"""Progress: a bar on a terminal, a line now and then elsewhere; stdout stays stdout."""

import os
import subprocess
import sys

import pytest

from unet_studio.commands import terminal
from unet_studio.commands.terminal import Terminal

CODE = """
from unet_studio.commands.terminal import Terminal
say = Terminal()
with say.progress("Working") as meter:
    meter.advance(1, 4, "odd [name].png")
    say.say("a line of the result")
    meter.advance(4, 4)
"""


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="there are no pseudo-terminals here")
def test_a_bar_on_a_terminal_leaves_stdout_alone() -> None:
    import pty

    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
        timeout=60,
        check=True,
        env=environment,
    )
    os.close(theirs)
    shown = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert done.stdout == "a line of the result\n"
    assert "Working" in shown
    assert "100%" in shown
    assert "a line" not in shown


def test_lines_now_and_then_elsewhere(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(terminal.time, "monotonic", lambda: now[0])
    with Terminal().progress("Working") as meter:
        for step in range(5):
            now[0] = 6.0 * step
            meter.advance(step, 4, "a.png")
    assert capsys.readouterr().err.splitlines() == ["Working a.png: 50 %", "Working a.png: 100 %"]


def test_a_table_is_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    Terminal().table(["", "IoU"], [["cell", "1.0"], ["background", "0.25"]])
    assert capsys.readouterr().out.splitlines() == [
        "             IoU",
        "cell         1.0",
        "background  0.25",
    ]


def test_with_json_lines_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    both = Terminal(as_json=True)
    both.say("a line")
    both.result({"name": "é"})
    assert capsys.readouterr() == ('{"name": "\\u00e9"}\n', "a line\n")
