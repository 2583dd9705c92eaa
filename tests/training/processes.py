"""Training processes for tests: forked from one that has imported torch already, which saves seconds each."""

import multiprocessing
import os
import socket
import sys
from collections.abc import Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from training import __main__ as process
from unet_studio.core.run_folder import RunFolder

PRELOADED = ["training.engine", "torch._dynamo", "torch.utils.tensorboard"]


def start_method() -> str:
    """How processes are started: forked from such a one where the system can, else anew."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return "spawn"
    multiprocessing.get_context("forkserver").set_forkserver_preload(PRELOADED)
    return "forkserver"


def begin(run: RunFolder, **environment: str) -> BaseProcess:
    """Start the training process of a run: what python -m training RUN does, to be joined or killed."""
    context: Any = multiprocessing.get_context(start_method())
    child: BaseProcess = context.Process(target=_train, args=(str(run.path), environment))
    child.start()
    return child


def begin_together(run: RunFolder, count: int) -> list[BaseProcess]:
    """Start so many processes on a run, told of each other as by torchrun."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "TORCH_CPP_LOG_LEVEL": "FATAL"}
    common |= {"WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count)}
    return [begin(run, RANK=str(rank), LOCAL_RANK=str(rank), **common) for rank in range(count)]


def _train(path: str, environment: Mapping[str, str]) -> None:
    """The process; what it prints goes to the run's log."""
    with RunFolder(Path(path)).log.open("ab") as log:
        os.dup2(log.fileno(), sys.stderr.fileno())
    os.environ.update(environment)
    sys.exit(process.main([path]))
