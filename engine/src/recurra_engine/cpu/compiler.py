"""The machine's own C compiler: which one it is, what it says of itself, and one run of it."""

from __future__ import annotations

import contextlib
import functools
import os
import platform
import shlex
import shutil
import signal
import subprocess
from typing import NamedTuple

from recurra.errors import RecurraError

FLAGS = (
    *("-O3", "-march=native", "-std=gnu11", "-fPIC", "-shared", "-pipe"),
    *("-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math", "-fopenmp-simd"),
)
"""Nothing here lets the compiler reorder sums or forget NaN and infinities."""

LIMIT = "RECURRA_COMPILE_SECONDS"
"""The variable that says how long the compiler may take for one loop."""
DEFAULT_LIMIT_S = 30.0
VERSION_LIMIT_S = 10.0


class NoCompiler(RecurraError, RuntimeError):
    """This machine cannot compile a step, or not this one; the message says why in one sentence."""


class TooSlow(NoCompiler):
    """The compiler took longer than `limit_s` seconds."""

    def __init__(self, message: str, limit_s: float) -> None:
        super().__init__(message)
        self.limit_s = limit_s


class Compiler(NamedTuple):
    """A compiler's command, and what it says of itself."""

    command: tuple[str, ...]
    version: str


def installed() -> Compiler:
    """The compiler that $CC names, else the first of cc, gcc and clang; asked once per process.

    Raises:
        NoCompiler: there is none, or it does not report its version.
    """
    answer = _installed(os.environ.get("CC", "").strip(), os.environ.get("PATH", ""))
    if isinstance(answer, str):
        raise NoCompiler(answer)
    return answer


@functools.cache
def _installed(named: str, path: str) -> Compiler | str:
    """The compiler or, because a cache keeps no exceptions, why there is none."""
    if os.name != "posix":
        return f"steps are not compiled on {platform.system()}"
    try:
        choices = [shlex.split(named)] if named else [["cc"], ["gcc"], ["clang"]]
    except ValueError as error:
        return f"CC is '{named}', which is not a command: {error}"
    for first, *rest in choices:
        if found := shutil.which(first, path=path):
            return _versioned((found, *rest))
    return (
        f"CC names '{named}', which is not found" if named else "there is no C compiler: no cc, gcc or clang"
    )


def _versioned(command: tuple[str, ...]) -> Compiler | str:
    try:
        status, said, _ = _finished((*command, "--version"), "", VERSION_LIMIT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{command[0]} does not report its version: {error}"
    return (
        f"{command[0]} does not report its version: it exited with status {status}"
        if status
        else Compiler(command, said)
    )


def time_limit() -> float:
    """Return how many seconds the compiler may take for one loop: $RECURRA_COMPILE_SECONDS, or 30.

    Raises:
        NoCompiler: The variable is not a positive number.
    """
    said = os.environ.get(LIMIT, "").strip()
    with contextlib.suppress(ValueError):
        if (limit := float(said or DEFAULT_LIMIT_S)) > 0:
            return limit
    raise NoCompiler(f"{LIMIT} is '{said}', which is not a positive number of seconds")


def compile_to(made: str, source: str, compiler: Compiler, name: str, limit_s: float | None = None) -> None:
    """Compile C `source` to the shared library `made`; `name` is what a complaint calls it.

    Raises:
        TooSlow: the compiler takes longer than `limit_s`, or `time_limit()`.
        NoCompiler: the compiler fails.
    """
    command = (*compiler.command, *FLAGS, "-x", "c", "-", "-o", made, "-lm")
    limit_s = limit_s or time_limit()
    try:
        status, _, said = _finished(command, source, limit_s)
    except subprocess.TimeoutExpired as slow:
        message = f"{command[0]} took longer than {limit_s:g} s on {name}, the limit that {LIMIT} sets"
        raise TooSlow(message, limit_s) from slow
    if status:
        lines = [line for line in said.splitlines() if "error" in line] or said.splitlines() or ["no message"]
        raise NoCompiler(f"{command[0]} failed on {name} with status {status}: {lines[0].strip()}")


def _finished(command: tuple[str, ...], text: str, limit_s: float) -> tuple[int, str, str]:
    """Status, output and complaints of a command that is given `text`."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, "LC_ALL": "C"},  # the same words in every user's language
        start_new_session=True,
    )
    with process:
        try:
            said, complaints = process.communicate(text, timeout=limit_s)
        except BaseException:
            # A compiler starts others, which would outlive it: its whole session ends.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
    return process.returncode, said, complaints
