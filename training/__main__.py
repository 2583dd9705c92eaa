"""The training process: python -m training RUN.

Exit status: 0 done or stopped, 1 failed (the last event says why), 2 wrong usage, 130 interrupted, to be
resumed. SIGTERM ends the run and keeps its best model; SIGINT leaves it to be resumed.
"""

import os
import signal
import sys
import time
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
    leads = int(os.environ.get("RANK", "0")) == 0  # torchrun sets it; the others write nothing
    try:
        config = _begin(run) if leads else run.config()
    except (StudioError, OSError) as error:
        _say(str(error) if isinstance(error, StudioError) else _unwritable(run, error))
        return FAILED
    _share_the_machine(config)
    _heed_signals(run, leads)
    status = _train(run, leads)
    run.release_reserve()
    return status


def _begin(run: RunFolder) -> TrainingConfig:
    """Become the owner of the run, mend what an earlier owner left, and read the settings.

    Settings that can't be used end the run as Failed: whoever watches it must be told.
    """
    if not run.exists():
        return run.config()
    if run.pid != os.getpid():
        _take(run)
    run.mend()
    run.expect_version()
    run.keep_reserve()
    try:
        return run.config()
    except StudioError as error:
        run.emit(Failed(error.message, error.remedy))
        run.release_reserve()
        raise


def _unwritable(run: RunFolder, error: OSError) -> str:
    return f"{run.path} can't be written to: {error}. Choose another folder, or mend its permissions or disk."


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
            process.nice(max(NICENESS, int(process.nice())))


def _heed_signals(run: RunFolder, leads: bool) -> None:
    """Make requests of signals. torchrun sends them to all processes: the others are told by the first."""
    meanings: dict[signal.Signals, Request] = {signal.SIGTERM: "stop", signal.SIGINT: "interrupt"}

    def heed(number: int, _frame: FrameType | None) -> None:
        if leads:
            run.request(meanings[signal.Signals(number)])

    for number in meanings:
        signal.signal(number, heed)


def _train(run: RunFolder, leads: bool) -> int:
    try:
        from training.engine import Interrupted, failure, train

        failed: Failed | None = None
        try:
            for event in train(run, _age(run.config())):
                failed = event if isinstance(event, Failed) else None
                if leads and failed is None:
                    run.emit(event)
                if leads or failed is not None:
                    _log(event)
        except Interrupted:
            _say("Interrupted; it can be resumed.")
            return INTERRUPTED
        except OSError as error:
            failed = failure(error)
            _log(failed)
        if failed is not None and leads:
            _tell_failure(run, failed)
        return DONE if failed is None else FAILED
    except Exception as error:
        # The border of the process: whatever happened, whoever watches the run must be told.
        traceback.print_exc()
        message = f"Training failed unexpectedly: {type(error).__name__}: {error}."
        if leads:
            _tell_failure(run, Failed(message, f"See {run.log}, and report it."))
        return FAILED


def _age(config: TrainingConfig) -> float:
    """How long this process has been there, in seconds of the run's clock."""
    if config.clock == "processor":
        return time.process_time()
    return max(0.0, time.time() - psutil.Process().create_time())  # the clock may have been set back


def _tell_failure(run: RunFolder, failed: Failed) -> None:
    """Say how the run ended, on a full disk too; where even that fails, it has been printed."""
    run.release_reserve()
    try:
        run.emit(failed)
    except OSError as error:
        _say(_unwritable(run, error))


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
