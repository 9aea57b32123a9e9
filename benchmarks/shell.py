"""CPU seconds of the light commands with thirty plugins installed; writes `benchmarks/results/shell.md`.

    python benchmarks/shell.py [rounds]

The thirty plugins, each with a cell, a task and an optimizer, are made up in a temporary folder and seen by
these commands alone, which are run in turn, so that a busy moment of the computer falls on all of them.
"""

import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

PLUGINS = 30
LIMIT_S = 0.3
RESULT = Path(__file__).parent / "results" / "shell.md"
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "recurra --help": ["-m", "recurra", "--help"],
    "recurra list": ["-m", "recurra", "list"],
    "recurra plugins": ["-m", "recurra", "plugins"],
}
HOOK = """
from recurra import Component, Extension, hookimpl

@hookimpl
def recurra_components():
    return [Component(kind, "{name}", "made.up:Part", "made up", "Nobody 1997") for kind in ("cell", "task")]

@hookimpl
def recurra_optimizers():
    return [Extension("{name}", "made.up:Optimizer", "made up")]
"""


def install(folder: Path, name: str) -> None:
    """Write a plugin with a cell, a task and an optimizer as an installer would."""
    (folder / f"{name}.py").write_text(HOOK.format(name=name))
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    about = f"Name: {name}\nVersion: 1.0\nSummary: made up\nRequires-Dist: recurra-core>=0.1\n"
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\n{about}")
    (info / "entry_points.txt").write_text(f"[recurra]\nmain = {name}\n")


def cpu_seconds(args: list[str], env: dict[str, str]) -> float:
    """Return user and system seconds of one command and check that it succeeds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *args], env=env, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def measure(rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each command in each round, after one round that warms the caches."""
    with tempfile.TemporaryDirectory() as folder:
        names = [f"synthetic_{number}" for number in range(PLUGINS)]
        for name in names:
            install(Path(folder), name)
        env = {**os.environ, "PYTHONPATH": folder, "RECURRA_PLUGINS": ",".join(names)}
        listed = subprocess.run(
            [sys.executable, *COMMANDS["recurra list"]], env=env, capture_output=True, check=True
        )
        rows = [line for line in listed.stdout.decode().splitlines() if "  synthetic-" in line]
        assert len(rows) == 3 * PLUGINS, listed
        turns = [{name: cpu_seconds(args, env) for name, args in COMMANDS.items()} for _ in range(rounds + 1)]
    return {name: [turn[name] for turn in turns[1:]] for name in COMMANDS}


def table(seconds: dict[str, list[float]]) -> str:
    """Return the result as a page of Markdown."""
    rows = [
        f"| `{name}` | {statistics.median(values):.3f} | {min(values):.3f} | {max(values):.3f} |"
        for name, values in seconds.items()
    ]
    rounds = len(next(iter(seconds.values())))
    setting = (
        f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} CPUs, "
        f"recurra-core {version('recurra-core')}, click {version('click')}, pluggy {version('pluggy')}"
    )
    return "\n".join(
        [
            "# The shell with thirty plugins",
            "",
            f"CPU seconds (user and system of the process) over {rounds} rounds; the limit is {LIMIT_S} s.",
            f"{setting}. Written by `benchmarks/shell.py`.",
            "",
            "| command | median | least | most |",
            "| --- | --- | --- | --- |",
            *rows,
            "",
        ]
    )


def main() -> None:
    """Measure, write the table and fail when a median is over the limit."""
    seconds = measure(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(table(seconds))
    print(RESULT.read_text())
    sys.exit(any(statistics.median(values) >= LIMIT_S for values in seconds.values()))


if __name__ == "__main__":
    main()
