"""Progress: a bar on a terminal, a line now and then elsewhere; stdout stays stdout."""

import os
import signal
import subprocess
import sys

import pytest

from unet_studio.commands import terminal
from unet_studio.commands.terminal import Pace, Terminal, in_words
from unet_studio.core.errors import Cancelled

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
    assert capsys.readouterr().err.splitlines() == ["Working a.png: 50 %, 12 s left", "Working a.png: 100 %"]


def test_a_line_tells_the_pace_of_what_is_counted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(terminal.time, "monotonic", lambda: now[0])
    with Terminal().progress("Importing", "images") as meter:
        for step in range(8):
            now[0] = 6.0 * step
            meter.advance(1000 * step, 100_000)
    assert capsys.readouterr().err.splitlines() == [
        "Importing: 2000 of 100000 images (2 %), 167 images/s, 10 min left",
        "Importing: 4000 of 100000 images (4 %), 167 images/s, 10 min left",
        "Importing: 6000 of 100000 images (6 %), 167 images/s, 9 min left",
    ]


def test_the_pace_is_that_of_the_last_half_minute() -> None:
    pace = Pace()
    for second in range(100):
        pace.add(second, second if second < 50 else 50 + 3 * (second - 50))
    assert pace.describe(300, "images") == "3 images/s, 2 min left"
    assert len(pace.seen) < 70
    pace.add(101, 0)  # another piece of work
    assert pace.describe(300, "images") == ""


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "1 s"), (89, "89 s"), (100, "2 min"), (5400, "1 h 30 min")]
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


def work(steps: list[int], stopped: str, interrupts: int = 1) -> None:
    """Five steps under a meter, Ctrl-C that many times in the third."""
    with Terminal().progress("Working", stopped=stopped) as meter:
        for step in range(5):
            meter.advance(step, 5)
            for _ in range(interrupts if step == 2 else 0):
                os.kill(os.getpid(), signal.SIGINT)
                signal.getsignal(signal.SIGINT)  # lets the handler run
            steps.append(step)


def test_ctrl_c_lets_a_step_finish_and_says_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    steps: list[int] = []
    with pytest.raises(Cancelled):
        work(steps, "Go on with --resume.")
    assert steps == [0, 1, 2]
    assert capsys.readouterr().err == "Go on with --resume.\n"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_ctrl_c_interrupts_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    steps: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        work(steps, "Go on with --resume.", interrupts=2)
    assert steps == [0, 1]
    assert capsys.readouterr().err == "Go on with --resume.\n"


def test_ctrl_c_interrupts_what_can_not_be_gone_on_with(capsys: pytest.CaptureFixture[str]) -> None:
    steps: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        work(steps, "")
    assert steps == [0, 1]
    assert capsys.readouterr().err == ""


def test_names_can_t_command_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    Terminal().say("class \x1b[31mred\x07 and \u00e9, \u7f36")
    assert capsys.readouterr().out == "class \\x1b[31mred\\x07 and \u00e9, \u7f36\n"
