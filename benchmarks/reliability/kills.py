"""Kills: a run is killed at random instants, one after another, and resumed to its end.

Each run dies about five times by SIGKILL: at any instant of a process, or inside the n-th write of a checkpoint,
the final evaluation or the report. A process that ends before its kill is followed by another, which resumes a
finished run. Whatever the run has computed is then compared with a run that was left alone.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from bits import bits, differing
from kinds import KINDS, Kind
from processes import Fresh, finish, warm

from recurra_lab.artifacts.checkpoint import DurableCheckpoints
from recurra_lab.runs import conclusion

RECORD = Path(__file__).parents[1] / "results" / "reliability-kills.jsonl"
"""One line per run that was killed; a measurement goes on where an earlier one has stopped."""
PER_RUN = 5
ATTEMPTS = 12
"""Processes of a run that may end before their kill, together with those that are killed."""
LATEST = 1.1
"""Kills come up to this share of the time that an uninterrupted process takes."""
PLACES: dict[str, tuple[Any, str]] = {
    "checkpoint": (DurableCheckpoints, "save_checkpoint"),
    "evaluation": (conclusion, "evaluate_suite"),
    "report": (conclusion, "write_report"),
}
AIMS = ("any", "any", "any", *PLACES)


@dataclass
class Whole:
    """A run that was left alone.

    Args:
        bits: What it computed.
        seconds: How long it took.
        stretches: Place -> seconds that it spent there at a time.
    """

    bits: dict[str, str]
    seconds: float
    stretches: dict[str, float]


def measured(tries: int, seed: int, minutes: float = float("inf")) -> list[dict[str, Any]]:
    """Kill runs of all kinds in turn until so many processes are killed or the time is over, and return rows.

    Runs on record are not repeated.
    """
    until = time.monotonic() + 60 * minutes
    with tempfile.TemporaryDirectory() as folder:
        root, known = Path(folder), _record(seed)
        first = KINDS[next(iter(KINDS))]
        warm(first.command(root / "warm"), root / "warm.txt")
        whole = cache(lambda name: whole_of(root, KINDS[name]))
        number = 0
        while sum(_killed(line) for line in known.values()) < tries and time.monotonic() < until:
            if number not in known:
                known[number] = _tried(root, number, seed, whole)
                with RECORD.open("a") as file:
                    file.write(json.dumps({"seed": seed, "number": number, **known[number]}) + "\n")
            number += 1
    return rows([*known.values()])


def _record(seed: int) -> dict[int, dict[str, Any]]:
    lines = map(json.loads, RECORD.read_text().splitlines() if RECORD.exists() else [])
    return {line["number"]: line for line in lines if line["seed"] == seed}


def _killed(line: dict[str, Any]) -> int:
    return sum(line["kills"].values())


def rows(lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one row per kind of run: runs, kills, those inside a place, and runs of which a bit differs."""
    found = []
    for kind in [name for name in KINDS if any(line["run"] == name for line in lines)]:
        of_kind = [line for line in lines if line["run"] == kind]
        kills = sum((Counter(line["kills"]) for line in of_kind), Counter[str]())
        places = {f"in the {place}": kills[place] for place in PLACES}
        lost = sum(bool(line["lost"]) for line in of_kind)
        found.append({"run": kind, "runs": len(of_kind), "kills": kills.total(), **places, "lost": lost})
    total = {name: sum(row[name] for row in found) for name in found[0] if name != "run"}
    return [*found, {"run": "all", **total}]


def whole_of(root: Path, kind: Kind) -> Whole:
    """Leave a kind of run alone, twice: the first compiles what is compiled once."""
    found = []
    for place in range(2):
        folder = root / f"whole-{place}"
        folder.mkdir()
        began = time.monotonic()
        code = finish(
            kind.command(folder), folder / "said.txt", kind.group, ranks=kind.ranks, prepare=_timed(folder)
        )
        seconds = time.monotonic() - began
        if code:
            raise RuntimeError(f"{kind.words}: {(folder / 'said.txt').read_text()[-2000:]}")
        found.append(Whole(bits(folder), seconds, _stretches(folder)))
        shutil.rmtree(folder)
    if different := differing(found[0].bits, found[1].bits):
        raise RuntimeError(f"{kind.words} is not reproducible: {different}")
    return found[1]


def _tried(root: Path, number: int, seed: int, whole: Callable[[str], Whole]) -> dict[str, Any]:
    """Kill one run; one that cannot be compared is lost, too."""
    try:
        return _run(root, number, seed, whole)
    except (RuntimeError, OSError) as error:
        return {"run": [*KINDS][number % len(KINDS)], "kills": {}, "lost": [str(error)]}


def _run(root: Path, number: int, seed: int, whole: Callable[[str], Whole]) -> dict[str, Any]:
    """Kill one run several times, finish it, and say what happened."""
    name = [*KINDS][number % len(KINDS)]
    kind, expected, draw = KINDS[name], whole(name), random.Random(f"{seed} {number}")
    folder = root / str(number)
    folder.mkdir()
    kills = Counter[str]()
    for _ in range(ATTEMPTS):
        aim = draw.choice(AIMS) if kind.group is not Fresh else "any"
        if _attempt(kind, folder, aim, expected, draw):
            kills[aim] += 1
        if kills.total() == PER_RUN:
            break
    code = finish(kind.again(folder), folder / "said.txt", kind.group, ranks=kind.ranks)
    lost = [f"exit code {code}"] if code else differing(bits(folder), expected.bits)
    if lost:
        lost.append((folder / "said.txt").read_text()[-500:])
    else:
        shutil.rmtree(folder)
    return {"run": name, "kills": dict(kills), "lost": lost}


def _attempt(kind: Kind, folder: Path, aim: str, whole: Whole, draw: random.Random) -> bool:
    """Start or resume a run and kill it; return whether it was killed before its end."""
    instant, first = draw.uniform(0, LATEST), draw.randrange(kind.ranks)
    armed = _armed(aim, draw.randrange(1, 5), instant * whole.stretches.get(aim, 0))
    group = kind.group(kind.again(folder), folder / "said.txt", ranks=kind.ranks, prepare=armed)
    if aim == "any":
        group.ended(instant * whole.seconds)
    else:
        group.ended()
    group.kill(first)
    return -signal.SIGKILL in group.codes


def _armed(aim: str, call: int, delay: float) -> Callable[[], None]:
    """Return what lets a process kill itself: so many seconds after it has entered a place for the n-th time."""
    if aim == "any":
        return lambda: None
    calls = 1 if aim != "checkpoint" else call

    def arm() -> None:
        owner, name = PLACES[aim]
        inside, seen = getattr(owner, name), Counter[str]()

        def entered(*arguments: Any, **options: Any) -> Any:
            seen[aim] += 1
            if seen[aim] == calls:
                threading.Timer(delay, os.kill, (os.getpid(), signal.SIGKILL)).start()
            return inside(*arguments, **options)

        setattr(owner, name, entered)

    return arm


def _timed(folder: Path) -> Callable[[], None]:
    """Return what lets a process note how long it is in each place."""

    def watch() -> None:
        for place, (owner, name) in PLACES.items():
            setattr(owner, name, _noted(folder / f"{place}.seconds", getattr(owner, name)))

    return watch


def _noted(file: Path, inside: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that also writes down how long it took."""

    def noted(*arguments: Any, **options: Any) -> Any:
        began = time.monotonic()
        result = inside(*arguments, **options)
        file.write_text(str(time.monotonic() - began))
        return result

    return noted


def _stretches(folder: Path) -> dict[str, float]:
    return {file.stem: float(file.read_text()) for file in folder.glob("*.seconds")}
