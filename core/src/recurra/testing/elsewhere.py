"""The same task in a new process, for the check that it gives the same data there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module
from typing import Any

from recurra.options import plain
from recurra.task import Task
from recurra.testing.checking import CheckFailed, Skip


def batch_in_new_process(task: Task, *, batch_size: int, seed: int) -> list[str]:
    """Return the contents of batch 0 as a new process draws it, in hexadecimal digits.

    Raises:
        CheckFailed: The new process fails.
        Skip: The class of the task cannot be imported by name.
    """
    component = type(task)
    if getattr(sys.modules.get(component.__module__), component.__qualname__, None) is not component:
        raise Skip(f"{component.__qualname__} cannot be imported by its name, so no other process has it")
    asked = [component.__module__, component.__qualname__, plain(task.options), batch_size, seed]
    # A word hashes to something else in every process, unless this variable says otherwise.
    hashing = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    done = subprocess.run(
        [sys.executable, "-m", __name__, json.dumps(asked)],
        env={**os.environ, "PYTHONHASHSEED": hashing, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CheckFailed(f"drawing a batch in a new process fails:\n{done.stderr.strip()}")
    contents: list[str] = json.loads(done.stdout.splitlines()[-1])
    return contents


def _contents(module: str, name: str, options: dict[str, Any], batch_size: int, seed: int) -> list[str]:
    from recurra.testing.fingerprints import content

    task: Task = getattr(import_module(module), name)(**options)
    return [content(part).hex() for part in task.batch(0, batch_size=batch_size, seed=seed, split="train")]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_contents(*json.loads(sys.argv[1]))))
