"""The shell in processes forked from one that has imported everything, since each import takes seconds."""

from __future__ import annotations

import multiprocessing
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

IMPORTED = ["recurra_lab.runs.run", "pytorch_lightning", "matplotlib.figure"]
TIME_LIMIT_S = 240

Words = Sequence[Any]
"""A command of the shell without its first word, such as ["train", "copy", "lstm"]."""


class Forked:
    """Starts processes that give commands to the shell, several in turn."""

    def __init__(self) -> None:
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(IMPORTED)

    def start(
        self, *commands: Words, environment: Mapping[str, str] | None = None, output: Path | None = None
    ) -> ForkServerProcess:
        """Return a process that has begun.

        Args:
            commands: What it runs.
            environment: Variables that it has beside those of this process.
            output: A file to which it appends what it says.
        """
        words = [[str(word) for word in command] for command in commands]
        process = self.context.Process(target=_shell, args=[words, dict(environment or {}), output])
        process.start()
        return process

    def finish(self, *commands: Words, output: Path | None = None) -> int | None:
        """Return the exit code of a process that runs commands, or None when it does not come to an end."""
        process = self.start(*commands, output=output)
        process.join(TIME_LIMIT_S)
        return process.exitcode

    def ranks(self, count: int, *commands: Words) -> list[int | None]:
        """Return the exit codes of the ranks that run commands together, as torchrun would start them."""
        ranks = [self.start(*commands, environment=variables) for variables in _of_torchrun(count)]
        for process in ranks:
            process.join(TIME_LIMIT_S)
        ended = [process.exitcode for process in ranks]
        for process in ranks:
            process.kill()  # one may wait for a rank that has failed
        return ended


def _of_torchrun(count: int) -> list[dict[str, str]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "TORCHELASTIC_RUN_ID": "tests"}
    sizes = {"WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count), "GROUP_RANK": "0"}
    return [{**shared, **sizes, "RANK": str(n), "LOCAL_RANK": str(n)} for n in range(count)]


def _shell(commands: list[list[str]], environment: dict[str, str], output: Path | None) -> None:
    from lightning_utilities.core.rank_zero import rank_zero_only

    from recurra_lab.cli import main

    os.environ.update(environment)
    # Lightning reads the rank once, when it is imported.
    rank_zero_only.rank = int(os.environ.get("RANK", 0))  # type: ignore[attr-defined]
    if output is not None:
        _say_in(output)
    for words in commands:
        sys.argv = ["recurra", *words]
        main(words, standalone_mode=len(commands) == 1)


def _say_in(output: Path) -> None:
    with output.open("a") as file:
        for descriptor in (1, 2):
            os.dup2(file.fileno(), descriptor)
