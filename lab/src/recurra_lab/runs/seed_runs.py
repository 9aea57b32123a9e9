"""One run per seed: reused if finished, resumed if interrupted, else started.

Runs that have not begun are trained as one program where that is possible, else each in its own process.
A run is reused only if its experiment is identical, including every option.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from recurra.errors import InvalidOption, RecurraError
from recurra_lab import defaults
from recurra_lab.artifacts.run_folder import RunFolder
from recurra_lab.ensembles.seeds import train_new_together
from recurra_lab.errors import RunFailed
from recurra_lab.experiments import Experiment
from recurra_lab.runs.signals import Interrupted

INTERRUPTED = "interrupted; to go on, repeat the command: finished runs are kept and the others resumed"
Tell = Callable[[str], None]


def run_seeds(
    experiment: Path,
    seeds: Sequence[int],
    root: Path,
    *,
    words: Sequence[str],
    at_once: int,
    tell: Tell,
    note: Tell | None = None,
) -> list[RunFolder]:
    """Return the finished runs of an experiment, one per seed.

    Args:
        experiment: The experiment file.
        seeds: Seeds of the runs.
        root: Parent folder; each run is in `root/seed-N`.
        words: Overrides, as `key=value`.
        at_once: Number of parallel runs; more than 1 keeps them from being one program.
        tell: Receives a line when a run ends.
        note: Receives the line that says why the runs are not one program; none: `tell`.

    Raises:
        InvalidOption: `run.seeds` is set.
        RunFailed: A run ended without a result.
        KeyboardInterrupt: A signal was received while the seeds were trained as one program.
    """
    _refuse_own_seeds(experiment, words)
    if at_once == 1 and threading.current_thread() is threading.main_thread():  # it sets random generators
        _together(experiment, seeds, root, words, note or tell)

    def one(seed: int) -> RunFolder:
        folder = _finished(experiment, seed, root / f"seed-{seed}", words)
        tell(f"seed {seed}: {folder.path}")
        return folder

    with ThreadPoolExecutor(at_once) as pool:
        try:
            return list(pool.map(one, seeds))
        except KeyboardInterrupt as interrupt:
            interrupt.add_note(INTERRUPTED)
            raise


def _refuse_own_seeds(experiment: Path, words: Sequence[str]) -> None:
    try:
        count = Experiment.compose(file=experiment, overrides=words).run.seeds
    except RecurraError:  # which the runs will report
        return
    if count > 1:
        raise InvalidOption(f"run.seeds = {count} is for recurra train; expected --seeds {count} instead")


def _together(experiment: Path, seeds: Sequence[int], root: Path, words: Sequence[str], tell: Tell) -> None:
    """Train the seeds that have not begun as one program, if that is possible."""
    given = {seed: ["run.progress=false", *words, f"seed={seed}"] for seed in seeds}
    hashes = {seed: _hash(experiment, own) for seed, own in given.items()}
    new = [seed for seed in seeds if hashes[seed] and _begun(root / f"seed-{seed}", hashes[seed]) is None]
    if len(new) < 2:
        return
    each = [Experiment.compose(file=experiment, overrides=given[seed]) for seed in new]
    folders = [RunFolder.create(root / f"seed-{one.seed}", *one.folder_names) for one in each]
    try:
        reason = train_new_together(each, folders, lambda line: None)
    except Interrupted as error:  # a failure of these runs would not keep others from being started
        interrupt = KeyboardInterrupt()
        interrupt.add_note(INTERRUPTED)
        raise interrupt from error
    except RunFailed:
        raise
    except RecurraError:  # which the runs will report
        return
    if reason is not None:
        tell(f"the seeds are trained one after another: {reason}")


def _finished(experiment: Path, seed: int, root: Path, words: Sequence[str]) -> RunFolder:
    given = ["run.progress=false", *words, f"seed={seed}"]
    wanted = _hash(experiment, given)
    begun = _begun(root, wanted)
    if begun is None:
        _recurra(["train", "-c", str(experiment), *given, "--out", str(root)], root)
    elif not (begun.is_finished and begun.report.is_file()):  # killed while it wrote the report
        _recurra(["resume", str(begun.path)], root)
    folder = _begun(root, wanted)
    if folder is None or not folder.is_finished:
        raise RunFailed(f"no result in {root}; see {root / 'output.txt'}")
    return folder


def _begun(root: Path, wanted: str | None) -> RunFolder | None:
    """Return the newest run whose experiment has this hash."""
    files = [path for path in root.glob("*/*/*/experiment.toml") if wanted and _hash(path) == wanted]
    files = [path for path in files if not RunFolder(path.parent).changes.exists()]
    newest = max(files, key=lambda path: path.stat().st_mtime_ns, default=None)
    return RunFolder(newest.parent) if newest else None


def _hash(path: Path, words: Sequence[str] = ()) -> str | None:
    """Return the hash of an experiment; None if it is invalid, which its own run will report."""
    try:
        return Experiment.compose(file=path, overrides=words).config_hash()
    except RecurraError:
        return None


def _recurra(words: Sequence[str], root: Path) -> None:
    root.mkdir(parents=True, exist_ok=True)
    with (root / "output.txt").open("a", encoding="utf-8") as output:
        command = [sys.executable, "-P", "-m", "recurra", *words]
        resolved = {**os.environ, defaults.VARIABLE: ""}  # the file holds every value already
        code = subprocess.run(command, stdout=output, stderr=output, env=resolved, check=False).returncode
    if code:
        said = (root / "output.txt").read_text("utf-8", "replace").strip().splitlines()
        last = said[-1] if said else "no output"
        raise RunFailed(f"a run in {root} failed ({last.removeprefix('error: ')}); see {root / 'output.txt'}")
