"""Damaged files: a bit or a byte changed, the end missing, zeros, nothing, or the file of another run."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from recurra import RecurraError
from recurra_lab import train
from recurra_lab.artifacts.checkpoint import newest_intact
from recurra_lab.artifacts.run_folder import RunFolder
from recurra_lab.reproductions.record import seed_run
from recurra_lab.runs.restore import restore

SMALL = {
    "max_steps": 6,
    "checkpoint_every": 3,
    "suite_batches": 1,
    "validation_batches": 1,
    "validate_every": 3,
    "batch_size": 2,
    "progress": False,
}
Read = Callable[[RunFolder], Any]


def weights(folder: RunFolder) -> Any:
    """Return the model and the experiment of a run."""
    experiment, _, network = restore(folder)
    return experiment.as_dict(), {name: part.tolist() for name, part in network.state_dict().items()}


def checkpoint(folder: RunFolder) -> Any:
    """Return what a run would be resumed from."""
    found = newest_intact(folder.checkpoints, lambda line: None)
    if found is None:
        raise RecurraError("no intact checkpoint")
    return found.step, found.manifest["sha256"]


def kinds(folder: RunFolder) -> dict[str, tuple[Path, Read]]:
    """Return kind -> the file to damage, and who reads it."""
    newest = max(folder.checkpoints.glob("*.ckpt"))
    return {
        "checkpoint": (newest, checkpoint),
        "manifest of a checkpoint": (newest.with_suffix(".json"), checkpoint),
        "model.safetensors": (folder.weights, weights),
        "experiment.toml": (folder.experiment, weights),
        "metrics.csv": (folder.metrics, seed_run),
        "scores.json": (folder.scores, seed_run),
        "outcome.json": (folder.outcome, seed_run),
        "origin.json": (folder.origin, seed_run),
        "checksums.json": (folder.checksums, seed_run),
    }


def damaged(content: bytes, foreign: bytes, draw: random.Random) -> bytes:
    """Return content with one fault."""
    place = draw.randrange(len(content))
    return draw.choice(
        [
            lambda: _with(content, place, bytes([content[place] ^ (1 << draw.randrange(8))])),
            lambda: _with(content, place, bytes([draw.randrange(256)])),
            lambda: content[:place],
            lambda: _with(content, place, bytes(min(512, len(content) - place))),
            lambda: b"",
            lambda: foreign,
        ]
    )()


def _with(content: bytes, place: int, part: bytes) -> bytes:
    return content[:place] + part + content[place + len(part) :]


def measured(tries: int, seed: int) -> list[dict[str, Any]]:
    """Return one row per kind of file: tried, refused by an error of recurra's own, harmless, lost."""
    with tempfile.TemporaryDirectory() as root:
        ours, theirs = (_run(Path(root), seed) for seed in (0, 1))
        files, foreign = kinds(ours), kinds(theirs)
        intact = {name: read(ours) for name, (_, read) in files.items()}
        older = _older(ours)
        counts = {name: Counter[str]() for name in files}
        for number in range(tries):
            draw = random.Random(f"{seed} {number}")
            name = draw.choice(list(files))
            path, read = files[name]
            content = path.read_bytes()
            path.write_bytes(damaged(content, foreign[name][0].read_bytes(), draw))
            counts[name][_outcome(read, ours, (intact[name], older))] += 1
            path.write_bytes(content)
    return [{"file": name, **_row(count)} for name, count in counts.items()]


def _row(count: Counter[str]) -> dict[str, int]:
    return {"tried": count.total(), **{name: count[name] for name in ("refused", "harmless", "lost")}}


def _outcome(read: Read, folder: RunFolder, allowed: tuple[Any, ...]) -> str:
    """Say what a reader made of a file; the older checkpoint is as good as the newest."""
    try:
        return "harmless" if read(folder) in allowed else "lost"
    except RecurraError:
        return "refused"
    except Exception:
        return "lost"


def _older(folder: RunFolder) -> Any:
    """Return what a run would be resumed from without its newest checkpoint."""
    with tempfile.TemporaryDirectory() as copy:
        shutil.copytree(folder.path, copy, dirs_exist_ok=True)
        other = RunFolder(Path(copy))
        max(other.checkpoints.glob("*.ckpt")).unlink()
        return checkpoint(other)


def _run(root: Path, seed: int) -> RunFolder:
    made = train("parity", "elman", seed=seed, cell={"hidden_size": 2}, run=SMALL, out=root)
    return RunFolder(made.path)
