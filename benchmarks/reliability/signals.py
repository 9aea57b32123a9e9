"""Interruptions other than SIGKILL: signals, a full disk, and a second process on the same run.

Each must leave the last good state and say one sentence; the run is then resumed, and its result compared with
that of a run that was left alone. A signal may also come before the run has begun, or after its last step.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bits import bits, differing
from kills import Whole, whole_of
from kinds import KINDS, Kind, runs_of
from processes import Group, finish, warm

PLAIN = KINDS["bptt, generated sequences"]
WORKERS = KINDS["bptt, 2 loader processes"]
RANKS = KINDS["bptt, 2 ranks"]
SENTENCE, OUTSIDE = "ended with one sentence", "outside the run"
SECOND_S = 0.05
"""The longest time between two signals."""
SMALLEST, LARGEST = 2_000, 120_000
"""Bytes that fit on a full disk."""
Trouble = Callable[[Group, random.Random], None]
Try = Callable[[Path, Whole, random.Random], str]


def measured(tries: int, seed: int) -> list[dict[str, Any]]:
    """Return one row per kind of interruption: tried, ended with one sentence, outside the run, lost."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        warm(PLAIN.command(root / "warm"), root / "warm.txt")
        wholes = {kind: whole_of(root, kind) for kind in (PLAIN, WORKERS, RANKS)}
        each = -(-tries // len(KINDS_OF_TROUBLE))
        return [
            _row(root / str(place), name, wholes, each, seed) for place, name in enumerate(KINDS_OF_TROUBLE)
        ]


def _row(root: Path, name: str, wholes: dict[Kind, Whole], tries: int, seed: int) -> dict[str, Any]:
    kind, attempt = KINDS_OF_TROUBLE[name]
    outcomes: list[str] = []
    for number in range(tries):
        folder = root / str(number)
        folder.mkdir(parents=True)
        outcomes.append(attempt(folder, wholes[kind], random.Random(f"{seed} {name} {number}")))
    counts = Counter(outcomes)
    why = {outcome: count for outcome, count in counts.items() if outcome not in (SENTENCE, OUTSIDE)}
    for outcome in why:
        print(f"{name}: {outcome}", file=sys.stderr)
    found = {outcome: counts[outcome] for outcome in (SENTENCE, OUTSIDE)}
    return {"interruption": name, "tried": tries, **found, "lost": sum(why.values())}


def signalled(kind: Kind, trouble: Trouble) -> Try:
    """Return a try that starts a run, lets something happen to it at any instant, and resumes it."""

    def attempt(folder: Path, whole: Whole, draw: random.Random) -> str:
        said = folder / "said.txt"
        group = kind.group(kind.command(folder), said, ranks=kind.ranks)
        group.ended(draw.uniform(0, 1) * whole.seconds)
        trouble(group, draw)
        group.ended()
        time.sleep(0.2 * (kind.ranks > 1))
        codes = group.codes
        group.kill()
        return _judged(kind, folder, codes, said.read_text(), whole)

    return attempt


def _judged(kind: Kind, folder: Path, codes: Sequence[int | None], said: str, whole: Whole) -> str:
    """Resume an interrupted run, and say what became of it: a word, or what is wrong."""
    lines = [line for line in said.splitlines() if line.startswith("error: ")]
    errors = {
        line.partition("; resume with")[0] for line in lines
    }  # every rank says it, the first one says how
    if "Traceback" in said:
        return f"traceback: {said[said.index('Traceback') :][:2000]}"
    if not runs_of(folder) and any((code or 0) < 0 for code in codes):
        return OUTSIDE  # the run had not begun
    if any(codes) and len(errors) != 1:
        return f"{len(errors)} sentences, exit codes {codes}"
    if any(codes) and not any(code in (1, 129, 130, 138, 140, 143, 152) for code in codes):
        return f"exit codes {codes}"
    code = finish(kind.again(folder), folder / "again.txt", kind.group, ranks=kind.ranks)
    if code or (different := differing(bits(folder), whole.bits)):
        return f"resumed with exit code {code}" if code else f"differs: {different}"
    shutil.rmtree(folder)
    return SENTENCE if any(codes) else OUTSIDE


def once(signum: signal.Signals, *, everyone: bool = False) -> Trouble:
    """Return what sends a signal."""
    return lambda group, draw: group.signal(signum, everyone=everyone)


def twice(signum: signal.Signals) -> Trouble:
    """Return what sends a signal, and again after a moment."""

    def trouble(group: Group, draw: random.Random) -> None:
        group.signal(signum)
        time.sleep(draw.uniform(0, SECOND_S))
        group.signal(signum)

    return trouble


def full_disk(folder: Path, whole: Whole, draw: random.Random) -> str:
    """Train on a small file system, then resume when there is room."""
    size, said = draw.randrange(SMALLEST, LARGEST), folder.with_suffix(".txt")
    _mount(folder, f"size={size // 4096 * 4 + 4}k")
    try:
        code = finish(PLAIN.command(folder / "runs"), said)
        _mount(folder, "remount,size=64m")
        found = _judged(PLAIN, folder / "runs", [code], said.read_text(), whole)
    finally:
        subprocess.run(["umount", folder], check=True)
    return found


def _mount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)


def file_too_large(folder: Path, whole: Whole, draw: random.Random) -> str:
    """Train where no file may exceed a size, then resume without a limit."""
    size = draw.randrange(200, LARGEST)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    said = folder / "said.txt"
    code = finish(PLAIN.command(folder), Path(f"{folder}.txt"), prepare=limit)
    said.write_text(Path(f"{folder}.txt").read_text())
    return _judged(PLAIN, folder, [code], said.read_text(), whole)


def two_at_once(folder: Path, whole: Whole, draw: random.Random) -> str:
    """Resume a run that is training: the second process is refused, and the first finishes."""
    first = Group([*PLAIN.command(folder), "run.max_steps=20"], folder / "first.txt", prepare=_slow)
    while not list(folder.rglob("*.ckpt")) and not first.ended(0.01):
        pass
    code = finish(PLAIN.again(folder), folder / "said.txt", prepare=_impatient)
    refused = "is in use" in (folder / "said.txt").read_text()
    first.ended()
    first.kill()
    if not refused or code != 1 or any(first.codes):
        return f"second: exit code {code}, refused: {refused}; first: {first.codes}"
    return _judged(PLAIN, folder, [1], (folder / "said.txt").read_text(), whole)


def _slow() -> None:
    """Let a run take a second more at each checkpoint, so that another can meet it."""
    from recurra_lab.artifacts.checkpoint import DurableCheckpoints

    save = DurableCheckpoints.save_checkpoint

    def slowly(*arguments: Any, **options: Any) -> None:
        save(*arguments, **options)
        time.sleep(1)

    DurableCheckpoints.save_checkpoint = slowly  # type: ignore[method-assign]


def _impatient() -> None:
    from recurra_lab.artifacts import run_folder

    run_folder.WAIT_S = 0.2


def _named(names: Sequence[str]) -> dict[str, tuple[Kind, Try]]:
    present = [getattr(signal, name) for name in names if hasattr(signal, name)]
    return {signum.name: (PLAIN, signalled(PLAIN, once(signum))) for signum in present}


KINDS_OF_TROUBLE: dict[str, tuple[Kind, Try]] = {
    **_named(("SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGXCPU")),
    "SIGINT twice": (PLAIN, signalled(PLAIN, twice(signal.SIGINT))),
    "SIGTERM to the group, 2 loader processes": (
        WORKERS,
        signalled(WORKERS, once(signal.SIGTERM, everyone=True)),
    ),
    "SIGTERM to one of 2 ranks": (RANKS, signalled(RANKS, once(signal.SIGTERM))),
    "SIGTERM to 2 ranks": (RANKS, signalled(RANKS, once(signal.SIGTERM, everyone=True))),
    "file size limit": (PLAIN, file_too_large),
    "second process": (PLAIN, two_at_once),
}
if os.name == "posix" and os.geteuid() == 0 and shutil.which("mount"):
    KINDS_OF_TROUBLE["full file system"] = (PLAIN, full_disk)
