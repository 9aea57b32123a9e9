"""Processes that give a command to the shell: forked from this one, which has imported everything, or fresh."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from multiprocessing.connection import wait
from multiprocessing.context import ForkProcess
from multiprocessing.util import Finalize
from pathlib import Path
from types import SimpleNamespace
from typing import Any

TIME_LIMIT_S = 900
GRACE_S = 0.3
"""How long a rank may outlive another that was killed, before what started them ends it."""
Prepare = Callable[[], None]
"""Called in a forked process before its command."""


def warm(words: Sequence[str], output: Path) -> None:
    """Import the lab, its commands, every component and what a run imports, so that forked processes need not."""
    from recurra.plugins import discovery
    from recurra_lab.cli import COMMANDS

    targets = [component.target for _, component in discovery.plugins().components]
    targets += [target for target, _ in COMMANDS.values()]
    for target in [*targets, "pytorch_lightning", "matplotlib.figure", "optuna"]:
        import_module(target.partition(":")[0])
    for name in _imported_by(words, output):
        with suppress(ImportError):
            import_module(name)


def _imported_by(words: Sequence[str], output: Path) -> list[str]:
    """Return the modules that a command has imported, in its own process, at its end."""
    ours, theirs = multiprocessing.get_context("fork").Pipe(duplex=False)

    def tell() -> None:
        Finalize(None, lambda: theirs.send(list(sys.modules)), exitpriority=0)

    group = Group(words, output, prepare=tell)
    names: list[str] = ours.recv()
    group.ended()
    return [name for name in names if name not in sys.modules and not name.startswith("__")]


class Group:
    """The processes of one command: its ranks, and whatever they start.

    Args:
        words: The command, without its first word.
        output: The file to which they append what they say.
        ranks: How many processes train together.
        prepare: Called in each of them before its command.
        environment: Variables beside those of this process.
    """

    def __init__(
        self,
        words: Sequence[str],
        output: Path,
        *,
        ranks: int = 1,
        prepare: Prepare = lambda: None,
        environment: dict[str, str] | None = None,
    ) -> None:
        variables = _of_torchrun(ranks) if ranks > 1 else [{}]
        self.processes = [
            _forked(words, output, {**mine, **(environment or {})}, prepare) for mine in variables
        ]

    def ended(self, seconds: float = TIME_LIMIT_S) -> bool:
        """Wait until all have ended or one was killed; return whether that happened in time."""
        until = time.monotonic() + seconds
        while alive := [process.sentinel for process in self.processes if process.is_alive()]:
            left = until - time.monotonic()
            if any(process.exitcode not in (None, 0) for process in self.processes):
                return True
            if left <= 0:
                return False
            wait(alive, left)
        return True

    def signal(self, signum: int, *, everyone: bool = False) -> None:
        """Send a signal to the first process, or to all of them and whatever they have started."""
        with suppress(ProcessLookupError):
            for process in self.processes if everyone else self.processes[:1]:
                (os.killpg if everyone else os.kill)(process.pid or 0, signum)

    def kill(self, first: int = 0) -> None:
        """End one rank by SIGKILL, then the others, as a launcher does, and whatever they have started."""
        self.processes[first].kill()
        for process in self.processes:
            process.join(GRACE_S if len(self.processes) > 1 else None)
        for process in self.processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid or 0, signal.SIGKILL)
            process.join()

    @property
    def codes(self) -> list[int | None]:
        """The exit codes of all ranks; negative for a signal."""
        return [process.exitcode for process in self.processes]


class Fresh(Group):
    """The same in a fresh interpreter, as a user starts it."""

    def __init__(self, words: Sequence[str], output: Path, **unused: Any) -> None:
        with output.open("a") as file:
            command = [sys.executable, "-P", "-m", "recurra", *words]
            self.process = subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True)
        self.processes = []

    def ended(self, seconds: float = TIME_LIMIT_S) -> bool:
        """Wait until it has ended; return whether it has."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self, first: int = 0) -> None:
        """End it and whatever it has started."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    @property
    def codes(self) -> list[int | None]:
        """Its exit code, as a list."""
        return [self.process.returncode]


def finish(words: Sequence[str], output: Path, kind: type[Group] = Group, **options: Any) -> int | None:
    """Return the exit code of a command that is left alone; None if it does not come to an end."""
    group = kind(words, output, **options)
    group.ended()
    group.kill()
    return max((code or 0 for code in group.codes), key=abs)


def _forked(words: Sequence[str], output: Path, environment: dict[str, str], prepare: Prepare) -> ForkProcess:
    context = multiprocessing.get_context("fork")
    process = context.Process(target=_shell, args=([*words], output, environment, prepare))
    process.start()
    return process


def _shell(words: list[str], output: Path, environment: dict[str, str], prepare: Prepare) -> None:
    from lightning_utilities.core.rank_zero import rank_zero_only

    from recurra_lab.runs import seed_runs

    os.setsid()
    os.environ.update(environment)
    rank_zero_only.rank = int(os.environ.get("RANK", 0))  # type: ignore[attr-defined]
    seed_runs.subprocess = SimpleNamespace(run=_run)  # type: ignore[attr-defined]
    _say_in(output)
    prepare()
    sys.argv = ["recurra", *words]
    sys.exit(main_of(words))


def _run(command: Sequence[str], *, stdout: Any, stderr: Any, check: bool) -> SimpleNamespace:
    """Stand for `subprocess.run` where a sweep or a reproduction starts its runs: fork them, too."""
    context = multiprocessing.get_context("fork")
    process = context.Process(target=_inner, args=([*command[4:]], Path(stdout.name)))
    process.start()
    process.join()
    return SimpleNamespace(returncode=process.exitcode)


def _inner(words: list[str], output: Path) -> None:
    _say_in(output)
    sys.argv = ["recurra", *words]
    code = main_of(words)
    sys.stdout.flush()
    os._exit(code)  # the pool of threads of which it was forked would wait for itself


def main_of(words: Sequence[str]) -> int:
    """Return the exit code of a command that is run in this process."""
    from recurra_lab.cli import main

    try:
        main([*words])
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def _say_in(output: Path) -> None:
    with output.open("a") as file:
        for descriptor in (1, 2):
            os.dup2(file.fileno(), descriptor)


def _of_torchrun(count: int) -> list[dict[str, str]]:
    """Return the variables by which a launcher tells each rank what it is."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "TORCHELASTIC_RUN_ID": str(port)}
    shared |= {"WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count), "GROUP_RANK": "0"}
    return [{**shared, "RANK": str(n), "LOCAL_RANK": str(n)} for n in range(count)]
