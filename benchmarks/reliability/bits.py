"""What a run has computed, to the bit: weights, state of the optimizer, metrics, scores and report."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from kinds import runs_of

from recurra_lab.artifacts.metrics_csv import read_metrics

CLOCK = re.compile(rb"[\d.,]+ s of training")
"""What a report says of the time it took."""
PROGRESS = "loops"
"""Lightning's counters in a checkpoint, of which those of finished batches differ after a resume."""


def bits(root: Path) -> dict[str, str]:
    """Return what must be equal -> its digest, of all runs below a folder; the runs' names do not count."""
    found = [_of_run(run) for run in sorted(runs_of(root), key=_seed_of)]
    return {f"{name} {place}": digest for place, run in enumerate(found) for name, digest in run.items()}


def _of_run(run: Path) -> dict[str, str]:
    report = (run / "report.html").read_bytes() if (run / "report.html").exists() else b""
    rows = sorted(map(repr, read_metrics(run / "metrics.csv")))
    return {
        "weights": _digest((run / "model.safetensors").read_bytes()),
        "scores": _digest((run / "scores.json").read_bytes()),
        "metrics": _digest("\n".join(rows).encode()),
        "report": _digest(CLOCK.sub(b"", report.replace(str(run).encode(), b""))),
        "optimizer": _optimizer(run),
    }


def _optimizer(run: Path) -> str:
    """Return the digest of the newest checkpoint: weights, optimizer, schedule, search and validation."""
    newest = max(run.glob("checkpoints/*.ckpt"))
    content = torch.load(newest, weights_only=True)
    return _digest(b"\n".join(_leaves({name: part for name, part in content.items() if name != PROGRESS})))


def _leaves(value: Any) -> Iterator[bytes]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield repr(key).encode()
            yield from _leaves(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _leaves(item)
    elif isinstance(value, torch.Tensor):
        yield repr((value.dtype, value.shape)).encode()
        yield value.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes() if value.numel() else b""
    else:
        yield repr(value).encode()


def _seed_of(run: Path) -> str:
    """Return what sorts the runs of a sweep or a reproduction: their options."""
    return (run / "experiment.toml").read_text("utf-8")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def differing(found: Mapping[str, str], expected: Mapping[str, str]) -> list[str]:
    """Return the names of what differs, sorted."""
    return sorted(name for name in {*found, *expected} if found.get(name) != expected.get(name))
