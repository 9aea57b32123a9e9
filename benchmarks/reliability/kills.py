"""Kills: a process is killed at a random instant, and the run is resumed to its end."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from recurra_lab.artifacts.metrics_csv import read_metrics

SMALL = (
    "run.max_steps=40",
    "run.checkpoint_every=5",
    "run.validate_every=10",
    "run.validation_batches=1",
    "run.suite_batches=1",
    "run.batch_size=4",
    "run.evaluation_batch_size=4",
    "run.progress=false",
)
KINDS: dict[str, tuple[str, ...]] = {
    "bptt on generated sequences": ("copy", "lstm", "cell.hidden_size=8", "task.max_length=4"),
    "bptt, 2 loader processes": ("copy", "lstm", "cell.hidden_size=8", "task.max_length=4", "run.workers=2"),
    "truncated bptt on a stream of text": ("language-model", "gru", "cell.hidden_size=8", "task.window=10"),
    "bptt on a corpus": ("tagging", "gru", "cell.hidden_size=8"),
    "rtrl": ("xor-in-time", "elman", "cell.hidden_size=4", "trainer=rtrl"),
    "guessing": ("parity", "elman", "cell.hidden_size=2", "trainer=guessing"),
    "evolution": ("xor-in-time", "elman", "cell.hidden_size=2", "trainer=evolution"),
    "hebbian readout": ("facts", "binding", "trainer=hebbian"),
    "history compression": ("chunker-stream", "history-compressor", "trainer=history-compression"),
}
LATEST = 1.1
"""Kills come up to this share of the time that an uninterrupted run takes: also in the end, and after it."""


def measured(tries: int, seed: int) -> list[dict[str, Any]]:
    """Return one row per kind of run: processes killed before their end, and resumed runs that differ."""
    with tempfile.TemporaryDirectory() as root:
        each = -(-tries // len(KINDS))
        return [_kind(Path(root) / str(place), name, each, seed) for place, name in enumerate(KINDS)]


def _kind(root: Path, name: str, tries: int, seed: int) -> dict[str, Any]:
    words = KINDS[name]
    _finish(_train(words, root / "first"))  # compiles what is compiled once
    began = time.perf_counter()
    _finish(_train(words, root / "whole"))
    seconds, whole = time.perf_counter() - began, _result(_only(root / "whole"))
    killed = lost = 0
    for number in range(tries):
        draw = random.Random(f"{seed} {name} {number}")
        folder = root / f"kill-{number}"
        process = subprocess.Popen(
            _train(words, folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            process.wait(draw.uniform(0, LATEST) * seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        killed += process.returncode != 0
        run = _only(folder)
        code = _finish(_train(words, folder) if run is None else _recurra("resume", str(run)))
        lost += code != 0 or _result(_only(folder)) != whole
    return {"run": name, "processes": tries, "killed before their end": killed, "lost": lost}


def _train(words: tuple[str, ...], root: Path) -> list[str]:
    return _recurra("train", *words, *SMALL, "--out", str(root))


def _recurra(*words: str) -> list[str]:
    return [sys.executable, "-P", "-m", "recurra", *words]


def _finish(command: list[str]) -> int:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    quiet = subprocess.DEVNULL
    return subprocess.run(command, stdout=quiet, stderr=quiet, env=environment, check=False).returncode


def _only(root: Path) -> Path | None:
    """Return the folder of the only run below a folder, or None."""
    found = [file.parent for file in root.glob("*/*/*/experiment.toml")]
    return found[0] if found else None


def _result(folder: Path | None) -> Any:
    """Return everything that must be equal to the bit."""
    if folder is None:
        return None
    rows = sorted(map(repr, read_metrics(folder / "metrics.csv")))
    return (folder / "model.safetensors").read_bytes(), (folder / "scores.json").read_bytes(), rows
