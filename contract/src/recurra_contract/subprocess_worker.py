"""The same task in another process, for the check that it gives the same data there."""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import subprocess
import sys
import traceback
from importlib import import_module
from typing import Any

from recurra.config.ref import plain
from recurra.task import Task
from recurra_contract.kit import CheckFailed, Skip


def batch_in_another_process(task: Task, *, batch_size: int, seed: int) -> list[str]:
    """Return the contents of batch 0 as another process draws it, in hexadecimal digits.

    Raises:
        CheckFailed: It cannot be drawn there.
        Skip: The class of the task cannot be imported by name.
    """
    component = type(task)
    if getattr(sys.modules.get(component.__module__), component.__qualname__, None) is not component:
        raise Skip(
            f"{component.__qualname__} cannot be imported by its name, so another process cannot load it"
        )
    asked = [component.__module__, component.__qualname__, plain(task.options), batch_size, seed]
    answer = _answer(_other(os.pathsep.join(sys.path)), asked)
    if isinstance(answer, str):
        raise CheckFailed(f"drawing a batch in another process failed:\n{answer}")
    return answer


@functools.cache
def _other(path: str) -> subprocess.Popen[str]:
    """Start a process for all tasks that are imported from this path; each would have to import torch."""
    # A word hashes to something else in every process, unless this variable says otherwise.
    hashing = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    made = subprocess.Popen(
        [sys.executable, "-m", __name__],
        env={**os.environ, "PYTHONHASHSEED": hashing, "PYTHONPATH": path},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(_end, made)
    return made


def _end(other: subprocess.Popen[str]) -> None:
    other.kill()
    other.communicate()


def _answer(other: subprocess.Popen[str], asked: list[Any]) -> list[str] | str:
    assert other.stdin is not None
    assert other.stdout is not None
    try:
        other.stdin.write(f"{json.dumps(asked)}\n")
        other.stdin.flush()
        answer: list[str] | str = json.loads(other.stdout.readline())
    except (BrokenPipeError, json.JSONDecodeError):
        _other.cache_clear()
        return f"it exited with code {other.wait()}"
    return answer


def _contents(module: str, name: str, options: dict[str, Any], batch_size: int, seed: int) -> list[str]:
    from recurra_contract.fingerprints import content

    task: Task = getattr(import_module(module), name)(**options)
    return [content(part).hex() for part in task.batch(0, batch_size=batch_size, seed=seed, split="train")]


def _serve() -> None:
    """Answer each line of the standard input: with the contents, or with what went wrong."""
    answers, sys.stdout = sys.stdout, sys.stderr  # what a task prints is no answer
    for line in sys.stdin:
        try:
            answer: list[str] | str = _contents(*json.loads(line))
        except Exception:
            answer = traceback.format_exc().strip()
        answers.write(f"{json.dumps(answer)}\n")
        answers.flush()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        _serve()
