"""Comparison of our results with the published ones."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Sequence
from typing import Any

from recurra.errors import InvalidOption, nearest
from recurra_lab import formatting
from recurra_lab.artifacts.atomic_files import read_json
from recurra_lab.artifacts.metrics_csv import read_metrics
from recurra_lab.artifacts.run_folder import RunFolder
from recurra_lab.reproductions.reference import Number, Published, Statistic, Success
from recurra_lab.runs.callbacks import SOLVED

STATISTICS: dict[Statistic, Callable[[Sequence[float]], float]] = {
    "mean": statistics.fmean,
    "median": statistics.median,
    "min": min,
    "max": max,
}


def entry(
    name: str,
    known: Published,
    seeds: Sequence[int],
    runs: Sequence[RunFolder],
    overrides: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the entry of an experiment: which seeds succeeded, and every number for all seeds.

    Overrides are listed, because they make the experiment differ from the published one.
    """
    successes = [succeeded(run, known.success) for run in runs]
    return {
        "experiment": name,
        "paper": known.paper,
        "claim": known.claim,
        **({"overrides": list(overrides)} if overrides else {}),
        "seeds": list(seeds),
        "succeeded": successes,
        "versions": read_json(runs[0].versions),
        "numbers": [_compared(number, runs, successes) for number in known.numbers],
    }


def succeeded(run: RunFolder, success: Success | None) -> bool:
    """Return whether a run succeeded by the criterion of the paper, or else whether it solved its task."""
    if success is None:
        return bool(read_json(run.outcome)["status"] == SOLVED)
    return success.goal.met(number(run, f"scores.{success.variant}.{success.score}"))


def number(run: RunFolder, where: str) -> float:
    """Return a number of a run; for `where` see `Number.ours`.

    Raises:
        InvalidOption: The run has no such number.
    """
    kind, _, rest = where.partition(".")
    if kind == "metrics":
        logged = {name: value for _, name, value in read_metrics(run.metrics)}
        return float(_of(logged, rest, run))
    found: Any = read_json(run.scores if kind == "scores" else run.outcome)
    for key in rest.split("."):
        found = _of(found, key, run)
    return float(found)


def _of(known: dict[str, Any], key: str, run: RunFolder) -> Any:
    if key not in known:
        rest = nearest(key, known) or f"; it has {', '.join(known)}"
        raise InvalidOption(f"{run.path} has no number '{key}'{rest}")
    return known[key]


def _compared(wanted: Number, runs: Sequence[RunFolder], successes: Sequence[bool]) -> dict[str, Any]:
    if wanted.ours == "success":
        return {
            **_said(wanted),
            "ours": sum(successes) / len(successes),
            "counted": len(successes),
            "of_seeds": [float(s) for s in successes],
        }
    values = [number(run, wanted.ours) for run in runs]
    counted = [value for value, success in zip(values, successes, strict=True) if success]
    ours = STATISTICS[wanted.statistic](counted) if counted else None
    return {**_said(wanted), "ours": ours, "counted": len(counted), "of_seeds": values}


def _said(wanted: Number) -> dict[str, Any]:
    return wanted.model_dump(include={"what", "published", "status", "statistic"})


def markdown(found: dict[str, Any]) -> str:
    """Return an entry as a section of Markdown."""
    seeds, successes = found["seeds"], found["succeeded"]
    lines = [
        f"## {found['experiment']}",
        "",
        f"{found['paper']}: {found['claim']}.",
        "",
        *_differences(found.get("overrides", ())),
        f"**{sum(successes)} of {len(seeds)} seeds succeeded** ({_span(seeds)}, none excluded).",
        "",
        "| | published | ours | all seeds |",
        "| --- | --- | --- | --- |",
    ]
    for row in found["numbers"]:
        few = "" if row["counted"] == len(seeds) else f" of the {row['counted']} that succeeded"
        ours = "none succeeded" if row["ours"] is None else f"{_shown(row['ours'])} ({row['statistic']}{few})"
        published = f"{_shown(row['published'])} `[{row['status']}]`"
        of_seeds = ", ".join(_shown(value) for value in row["of_seeds"])
        lines.append(f"| {row['what']} | {published} | {ours} | {of_seeds} |")
    return "\n".join([*lines, ""])


def _differences(overrides: Sequence[str]) -> list[str]:
    message = ", ".join(f"`{word}`" for word in overrides)
    return [f"Run with {message}, which differs from the published experiment.", ""] if overrides else []


def _span(seeds: Sequence[int]) -> str:
    return f"{seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else f"seed {seeds[0]}"


def _shown(value: float | str) -> str:
    return value if isinstance(value, str) else formatting.number(value)


def as_json(found: dict[str, Any]) -> str:
    """Return an entry as JSON."""
    return json.dumps(found, indent=1) + "\n"
