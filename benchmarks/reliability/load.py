"""Load: endless streams, long training, sweeps whose workers die, crowds of processes, and huge run folders."""

from __future__ import annotations

import os
import random
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from bits import bits
from draws import cells
from kinds import COPY, KINDS, SMALL, runs_of
from processes import Group, finish, warm

from recurra import Cell, RecurraError
from recurra_lab import load
from recurra_lab.artifacts.metrics_csv import read_metrics
from recurra_lab.runs import seed_runs

PLAIN = KINDS["bptt, generated sequences"]
CHUNK = 1_000
FLAT = 1.01
"""The most by which memory may grow from a tenth of the stream to its end."""
CELL_S = 20
"""Processor seconds for the stream of one cell."""
CROWD = 10
DYING = 0.05
PAGE = os.sysconf("SC_PAGE_SIZE")


def measured(tries: int, seed: int) -> list[dict[str, Any]]:
    """Return one row per kind of load: how much of it, how much was lost, and what was measured."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        warm(PLAIN.command(root / "warm"), root / "warm.txt")
        return [
            _crowd(root / "crowd"),
            _sweep(root / "sweep", tries // 100, seed),
            _training(root / "training", tries // 10),
            _large_folder(root / "large", tries),
            *(_stream(name, make, 10 * tries) for name, make in cells()),
        ]


def _crowd(root: Path) -> dict[str, Any]:
    """Train in ten processes at once, in one run root and with an empty compile cache."""
    root.mkdir()
    cache = {"RECURRA_CACHE": str(root / "cache")}
    groups = [Group(PLAIN.command(root / "runs"), root / f"{n}.txt", environment=cache) for n in range(CROWD)]
    for group in groups:
        group.ended()
        group.kill()
    runs = runs_of(root / "runs")
    found = [
        {name: value for name, value in bits(root / "runs").items() if name.endswith(f" {n}")}
        for n in range(len(runs))
    ]
    same = {tuple(digests.values()) for digests in found}
    lost = sum(group.codes != [0] for group in groups) + (CROWD - len(runs)) + len(same) - 1
    return {
        "load": "processes in one run root with one empty cache",
        "amount": CROWD,
        "lost": lost,
        "measured": "",
    }


def _sweep(root: Path, trials: int, seed: int) -> dict[str, Any]:
    """Sweep while a twentieth of the runs is killed, and count the runs that have neither result nor reason."""
    root.mkdir()
    trials = max(trials, 4)
    rates = ",".join(f"{0.001 + place / 1e6:.6f}" for place in range(trials))
    words = ["sweep", *COPY, *SMALL, "run.max_steps=5", f"trainer.optimizer.lr={rates}", "--out", str(root)]
    codes = [finish(words, root / "said.txt", prepare=_deadly(seed)), finish(words, root / "again.txt")]
    (folder,) = root.glob("copy-*")
    table = (folder / "results.csv").read_text() if (folder / "results.csv").exists() else ""
    with_result = sum((run / "report.html").exists() for run in runs_of(root))
    said = (root / "said.txt").read_text() + (root / "again.txt").read_text()
    failed = sum(" failed: " in line for line in said.splitlines())
    return {
        "load": f"sweep of which {DYING:.0%} of the runs are killed",
        "amount": trials,
        "lost": max(0, trials - with_result - failed) + (any(codes) and not table),
        "measured": f"{with_result} with a result, {failed} failed with a reason",
    }


def _deadly(seed: int) -> Callable[[], None]:
    """Return what lets every twentieth run of a sweep be killed after a moment."""

    def prepare() -> None:
        start, draw = seed_runs.subprocess.run, random.Random(seed)  # type: ignore[attr-defined]

        def run(command: Any, **options: Any) -> Any:
            if draw.random() >= DYING:
                return start(command, **options)
            return _killed(start, command, draw.uniform(0, 1), options)

        seed_runs.subprocess.run = run  # type: ignore[attr-defined]

    return prepare


def _killed(start: Any, command: Any, delay: float, options: dict[str, Any]) -> Any:
    """Start a run, and kill the youngest child of this process after a delay."""
    timer = threading.Timer(delay, _kill_children)
    timer.start()
    try:
        return start(command, **options)
    finally:
        timer.cancel()


def _kill_children() -> None:
    for child in Path(f"/proc/{os.getpid()}/task").glob("*/children"):
        for pid in child.read_text().split():
            os.kill(int(pid), signal.SIGKILL)


def _training(root: Path, steps: int) -> dict[str, Any]:
    """Train on a stream of text, and compare the memory at the end with that after a quarter."""
    root.mkdir()
    kind = KINDS["truncated bptt, stream of text"]
    group = Group(
        [*kind.command(root), f"run.max_steps={steps}", "run.checkpoint_every=500", "run.validate_every=500"],
        root / "said.txt",
    )
    pid, sizes, began = group.processes[0].pid or 0, [], time.monotonic()
    while not group.ended(0.5):
        if list(root.rglob("*.ckpt")):
            sizes.append(_resident(pid))
    first, last = _mean(sizes[len(sizes) // 4 : len(sizes) // 2]), _mean(sizes[3 * len(sizes) // 4 :])
    return {
        "load": "streaming training: steps",
        "amount": steps,
        "lost": int(group.codes != [0] or last > FLAT * first),
        "measured": f"{time.monotonic() - began:.0f} s, memory x {last / first:.4f}",
    }


def _mean(values: list[int]) -> float:
    return sum(values) / max(1, len(values))


def _large_folder(root: Path, validations: int) -> dict[str, Any]:
    """Open a run with many validations by every command that reads it."""
    root.mkdir()
    finish(PLAIN.command(root), root / "said.txt")
    (run,) = runs_of(root)
    names = sorted(
        {name for _, name, _ in read_metrics(run / "metrics.csv") if name.startswith("validation")}
    )
    (run / "checksums.json").unlink()
    with (run / "metrics.csv").open("a") as file:
        file.writelines(
            f"{step},{name},{1 / step!r}\n" for step in range(21, validations + 21) for name in names
        )
    seconds = {}
    for words in (["runs", str(root)], ["report", str(run)]):
        began = time.process_time()
        seconds[words[0]] = _in_child(words, root)
        del began
    began = time.process_time()
    load(run)
    seconds["load"] = time.process_time() - began
    shown = ", ".join(f"{name} {value:.2f} s" for name, value in seconds.items())
    return {
        "load": "validations in one run folder",
        "amount": validations,
        "lost": sum(value > 1 for value in seconds.values()),
        "measured": shown,
    }


def _in_child(words: list[str], root: Path) -> float:
    """Return the processor seconds of a command; infinity if it fails."""
    before = os.times()
    code = finish(words, root / "said.txt")
    after = os.times()
    return float("inf") if code else sum(after[2:4]) - sum(before[2:4])


def _stream(name: str, make: Callable[[], Cell[Any]], steps: int) -> dict[str, Any]:
    """Let a stream pass through a cell, chunk by chunk, and compare its memory with that after a tenth."""
    cell, state, done, sizes, began = make(), None, 0, [], time.process_time()
    x = torch.randn(1, CHUNK, cell.input_size, generator=torch.Generator().manual_seed(0))
    try:
        with torch.no_grad():
            while done < steps and time.process_time() - began < CELL_S:
                y, state = cell(x, state)
                done += CHUNK
                sizes.append(_resident(os.getpid()))
        lost = int(sizes[-1] > FLAT * sizes[len(sizes) // 10] or bool(y.isnan().any()))
        shown = f"memory x {sizes[-1] / sizes[len(sizes) // 10]:.4f}"
    except RecurraError as refused:
        lost, shown = 0, f"refused: {refused}"
    return {"load": f"steps through {name}", "amount": done, "lost": lost, "measured": shown}


def _resident(pid: int) -> int:
    """Return the resident memory of a process, in bytes."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except (OSError, IndexError):
        return 0
