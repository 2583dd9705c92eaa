"""The training process: python -m training RUN.

Exit status: 0 done or stopped, 1 failed (the last event says why), 2 wrong usage, 130 interrupted, to be
resumed. SIGTERM ends the run and keeps its best model; SIGINT leaves it to be resumed.
"""

import os
import signal
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from types import FrameType

import psutil

from unet_studio.core.errors import StudioError
from unet_studio.core.events import Event, Failed, Note, Progress, to_line
from unet_studio.core.run_folder import Request, RunFolder
from unet_studio.core.training_config import TrainingConfig

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
NICENESS = 5  # of the process: whoever paints meanwhile goes first


def main(arguments: list[str]) -> int:
    """Train the run of that folder; returns the exit status."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        _say("usage: python -m training RUN")
        return USAGE
    run = RunFolder(Path(arguments[0]))
    try:
        config = run.config()
        if run.pid != os.getpid():
            _take(run)
    except StudioError as error:
        _say(str(error))
        return FAILED
    run.mend_events()
    _share_the_machine(config)
    _heed_signals(run)
    return _train(run)


def _take(run: RunFolder) -> None:
    """Become the owner of a run that nobody has started for us; requests to an earlier owner are void."""
    run.claim()
    run.clear_requests()


def _share_the_machine(config: TrainingConfig) -> None:
    """Set what must be set before torch is imported, and go second behind what a person waits for.

    Two OpenMP threads that spin while they wait on a busy machine make a step up to 15 times slower.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if config.threads:
        os.environ["OMP_NUM_THREADS"] = str(config.threads)
    with suppress(psutil.Error, OSError):
        process = psutil.Process()
        if sys.platform == "win32":
            process.nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
        else:
            process.nice(NICENESS)


def _heed_signals(run: RunFolder) -> None:
    meanings: dict[signal.Signals, Request] = {signal.SIGTERM: "stop", signal.SIGINT: "interrupt"}

    def heed(number: int, _frame: FrameType | None) -> None:
        run.request(meanings[signal.Signals(number)])

    for number in meanings:
        signal.signal(number, heed)


def _train(run: RunFolder) -> int:
    try:
        from training.engine import Interrupted, train

        failed = False
        try:
            for event in train(run):
                run.emit(event)
                _log(event)
                failed = isinstance(event, Failed)
        except Interrupted:
            _say("Interrupted; it can be resumed.")
            return INTERRUPTED
        return FAILED if failed else DONE
    except Exception as error:
        # The border of the process: whatever happened, whoever watches the run must be told.
        traceback.print_exc()
        message = f"Training failed unexpectedly: {type(error).__name__}: {error}."
        run.emit(Failed(message, f"See {run.log}, and report it."))
        return FAILED


def _log(event: Event) -> None:
    if isinstance(event, Progress):
        if event.step % 10 == 0:
            _say(f"step {event.step}/{event.steps}: loss {event.loss:.4f}")
    elif isinstance(event, Note):
        _say(event.text)
    else:
        _say(to_line(event))


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
