"""One run for each seed: found finished, gone on with, or begun; so an interrupted series continues."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from recurra.errors import RunFailed
from recurra_lab.artifacts.run_folder import RunFolder

Tell = Callable[[str], None]


def run_seeds(
    experiment: Path, seeds: Sequence[int], root: Path, *, words: Sequence[str], at_once: int, tell: Tell
) -> list[RunFolder]:
    """Return the finished runs of an experiment, one for each seed.

    Args:
        experiment: The file.
        seeds: Of the runs.
        root: Each run is in `root/seed-N`.
        words: What of the experiment is changed, as `key=value`.
        at_once: Runs side by side.
        tell: Receives a line when a run ends.

    Raises:
        RunFailed: A run ended without a result.
    """

    def one(seed: int) -> RunFolder:
        folder = _finished(experiment, seed, root / f"seed-{seed}", words)
        tell(f"seed {seed}: {folder.path}")
        return folder

    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(one, seeds))


def _finished(experiment: Path, seed: int, root: Path, words: Sequence[str]) -> RunFolder:
    if is_finished(_begun(root)):
        return _known(root)
    begun = _begun(root)
    if begun is None:
        given = [f"seed={seed}", "run.progress=false", *words]
        _recurra(["train", "-c", str(experiment), *given, "--out", str(root)], root)
    else:
        _recurra(["resume", str(begun.path)], root)
    return _known(root)


def _known(root: Path) -> RunFolder:
    folder = _begun(root)
    if folder is None or not is_finished(folder):
        raise RunFailed(f"there is no result in {root}; see {root / 'output.txt'}")
    return folder


def _begun(root: Path) -> RunFolder | None:
    """Return the newest run that was begun here."""
    found = sorted(path.parent for path in root.glob("*/*/*/experiment.toml"))
    return RunFolder(found[-1]) if found else None


def is_finished(folder: RunFolder | None) -> bool:
    """Say whether a run has come to its end: its scores are written after its outcome."""
    return folder is not None and folder.outcome.is_file() and folder.scores.is_file()


def _recurra(words: Sequence[str], root: Path) -> None:
    root.mkdir(parents=True, exist_ok=True)
    with (root / "output.txt").open("a") as output:
        command = [sys.executable, "-m", "recurra", *words]
        code = subprocess.run(command, stdout=output, stderr=output, check=False).returncode
    if code:
        said = (root / "output.txt").read_text().strip().splitlines()
        last = said[-1] if said else "it said nothing"
        raise RunFailed(f"a run in {root} failed ({last.removeprefix('error: ')}); see {root / 'output.txt'}")
