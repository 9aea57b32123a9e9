"""Random cells at every level of the engine beside the loop, for as long as there is time.

    python benchmarks/fuzz.py --cells 20000 [--seed 0] [--minutes M] [--processes 2] [--resume]
    python benchmarks/fuzz.py --show NUMBER [--seed 0]

Cell number N of a seed is always the same, so that any number of runs, at any time, add up to one. Every cell
runs at the level `scan`, which interprets the derived program, and every fourth one in C as well: one in
sixty-four as the engine compiles it, the others without optimisation, which takes a quarter of the time.
Each result is appended to `benchmarks/results/fuzz.jsonl`; with --resume those that are there are kept. A
cell that differs is minimised. At the end `benchmarks/results/fuzz.md` is written. With --show, a cell is
printed, tried, and minimised if it differs.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests" / "support"), str(ROOT / "benchmarks")]

from fuzz_report import report  # noqa: E402

RESULTS = Path(__file__).parent / "results"
CHUNK = 100
"""Cells for one process, which ends then, and with it what it has loaded."""
IN_C, OPTIMISED = 4, 64
PATIENCE_S = 600.0
"""How long a process may be silent."""
QUICKLY = """#!/bin/sh
exec cc "$@" -O0
"""


@dataclass(frozen=True)
class Chunk:
    """Cells for one process, and the file that it appends to."""

    seed: int
    numbers: tuple[int, ...]
    log: Path
    until: float


def main() -> None:
    """Try cells, and write what was found."""
    asked = arguments()
    if asked.show is not None:
        show(asked.seed, asked.show)
        return
    log = RESULTS / "fuzz.jsonl"
    if not asked.resume:
        log.unlink(missing_ok=True)
    done = {r["number"] for r in records(log) if r["seed"] == asked.seed}
    numbers = [n for n in range(asked.cells) if n not in done]
    until = time.time() + 60 * asked.minutes
    run([Chunk(asked.seed, part, log, until) for part in _parts(numbers)], asked.processes)
    (RESULTS / "fuzz.md").write_text(report(records(log), asked.cells), encoding="utf-8")


def arguments() -> argparse.Namespace:
    """Return the arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cells", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=1e6)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--show", type=int)
    return parser.parse_args()


def _parts(numbers: list[int]) -> Iterator[tuple[int, ...]]:
    for start in range(0, len(numbers), CHUNK):
        yield tuple(numbers[start : start + CHUNK])


def records(log: Path) -> list[dict[str, Any]]:
    """Return what has been found so far."""
    if not log.exists():
        return []
    return [json.loads(line) for line in log.read_text("utf-8").splitlines() if line.endswith("}")]


# --- processes ----------------------------------------------------------------------------------------------


def run(chunks: list[Chunk], processes: int) -> None:
    """Try all chunks, several at a time; a process that dies is a finding, and its other cells are tried."""
    import torch

    import fuzzing.trials

    torch.set_num_threads(1)
    fuzzing.trials.warm_up()
    context = multiprocessing.get_context("fork")  # what has been imported is there
    waiting, running = chunks[::-1], dict[BaseProcess, tuple[Chunk, float]]()
    while waiting or running:
        while waiting and len(running) < processes and time.time() < waiting[-1].until:
            chunk = waiting.pop()
            process = context.Process(target=work, args=(chunk,))
            process.start()
            running[process] = (chunk, time.time())
        for process, (chunk, started) in list(running.items()):
            process.join(0.2 / len(running))
            if process.is_alive() and not _is_stuck(chunk, started):
                continue
            process.kill()
            process.join()
            del running[process]
            waiting += _after(chunk, process.exitcode)
        if not running and waiting and time.time() >= waiting[-1].until:
            return


def _is_stuck(chunk: Chunk, started: float) -> bool:
    last = chunk.log.stat().st_mtime if chunk.log.exists() else 0.0
    return time.time() - max(started, last) > PATIENCE_S


def _after(chunk: Chunk, status: int | None) -> list[Chunk]:
    """Return what is left of a chunk; the first cell without a result is the one that ended its process."""
    if status == 0:
        return []
    done = {r["number"] for r in records(chunk.log) if r["seed"] == chunk.seed}
    left = [n for n in chunk.numbers if n not in done]
    if left:
        found = {"process": f"ended with status {status}"}
        _append(chunk.log, {"seed": chunk.seed, "number": left[0], "differences": found})
    return [Chunk(chunk.seed, tuple(left[1:]), chunk.log, chunk.until)] if left[1:] else []


def work(chunk: Chunk) -> None:
    """Try the cells of a chunk until there is no more time."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        os.environ["RECURRA_CACHE"] = folder
        for number in chunk.numbers:
            if time.time() < chunk.until:
                _append(chunk.log, result(chunk.seed, number, Path(folder)))


def _append(log: Path, record: dict[str, Any]) -> None:
    with log.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


# --- one cell -----------------------------------------------------------------------------------------------


def result(seed: int, number: int, folder: Path) -> dict[str, Any]:
    """Return what trying a cell has found."""
    from fuzzing import calls
    from fuzzing.cells import draft
    from fuzzing.trials import tried

    drawn, levels = draft(seed, number), _levels(number, folder)
    call = calls.call(drawn)
    record = {"seed": seed, "number": number, "constructs": drawn.constructs, "call": call.traits}
    try:
        outcome = tried(drawn, levels, call)
    except Exception as error:  # the loop itself fails: nothing to compare
        return record | {"fails": f"{type(error).__name__}: {error}".splitlines()[0]}
    record |= vars(outcome)
    if outcome.differences:
        record["text"] = minimal(drawn, call, tuple(outcome.differences))
    return record


def _levels(number: int, folder: Path) -> tuple[str, ...]:
    if number % IN_C:
        return ("scan",)
    quick = folder / "cc"
    if not quick.exists():
        quick.write_text(QUICKLY)
        quick.chmod(0o700)
    os.environ["CC"] = "cc" if number % OPTIMISED == 0 else str(quick)
    return ("scan", "native")


def minimal(drawn: Any, call: Any, levels: tuple[str, ...]) -> str:
    """Return the text of the shortest cell that differs at these levels."""
    from fuzzing.cells import source
    from fuzzing.minimise import minimised
    from fuzzing.trials import tried

    return source(minimised(drawn, lambda smaller: bool(tried(smaller, levels, call).differences)))


def show(seed: int, number: int) -> None:
    """Print a cell, what is found of it, and the shortest one of which that is found."""
    from fuzzing import calls
    from fuzzing.cells import draft, source

    drawn = draft(seed, number)
    print(source(drawn), calls.call(drawn), sep="\n")
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        os.environ["RECURRA_CACHE"] = folder
        found = result(seed, number, Path(folder))
    print(*(f"{key}: {found.get(key)}" for key in ("fails", "levels", "differences")), sep="\n")
    print(found.get("text", ""))


if __name__ == "__main__":
    main()
