"""The record of an experiment: what every seed measured, without any judgement."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from recurra.errors import DamagedFile, InvalidOption, nearest
from recurra_lab.artifacts.atomic_files import read_json, write_text
from recurra_lab.artifacts.metrics_csv import read_metrics
from recurra_lab.artifacts.run_folder import RunFolder
from recurra_lab.artifacts.seal import check_seal
from recurra_lab.experiments import Experiment
from recurra_lab.experiments.overrides import dotted, values_in
from recurra_lab.reproductions.catalogue import Shipped
from recurra_lab.reproductions.reference import claim_of
from recurra_lab.runs.build import goal_of
from recurra_lab.runs.callbacks import SOLVED
from recurra_lab.training.evaluate import Baselines, suite_baselines

MOST_POINTS = 100
VARYING = ("seed", "run.progress")
"""Options that differ from seed to seed, or have no effect on a result."""


class _Stored(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="strings")


class Curve(_Stored):
    """The goal's score at each validation, thinned to at most `MOST_POINTS`; of training without any."""

    score: str
    steps: tuple[int, ...]
    values: tuple[float, ...]


class SeedRun(_Stored):
    """What one seed measured; None is what an old record lacks.

    Args:
        seed: The seed.
        measured: Measure -> value: `outcome.NAME`, `scores.VARIANT.SCORE` or `metrics.NAME`, the last value;
            `outcome.solved` is 1 for a run that met its goal, else 0.
        curve: The course of the goal's score.
        wall_seconds: Wall time of training.
        cpu_seconds: CPU time of training.
        date: When the run was started, in UTC.
        machine: System, processor and number of cores.
        commit: Commit of the source.
    """

    seed: int
    measured: dict[str, float]
    curve: Curve | None = None
    wall_seconds: float | None = None
    cpu_seconds: float | None = None
    date: str | None = None
    machine: str | None = None
    commit: str | None = None


class Record(_Stored):
    """All seeds of one experiment; options, versions and baselines are those of all runs."""

    experiment: str
    options: dict[str, Any] | None = None
    versions: dict[str, Any]
    baselines: dict[str, dict[str, dict[str, float]]] = {}
    runs: tuple[SeedRun, ...]

    @property
    def seeds(self) -> list[int]:
        """The seeds, in their order."""
        return [run.seed for run in self.runs]


def record_of(shipped: Shipped, runs: Sequence[RunFolder]) -> Record:
    """Return the record of finished runs.

    Raises:
        InvalidOption: The runs were made with different versions.
    """
    versions = [read_json(run.versions) for run in runs]
    for run, found in zip(runs, versions, strict=True):
        if found != versions[0]:
            raise InvalidOption(
                f"{run.path} was made with other versions than {runs[0].path};"
                " choose another folder with --out"
            )
    experiment = Experiment.from_toml(runs[0].experiment)
    return Record(
        experiment=shipped.name,
        options=options_of(experiment, claim_of(shipped.path).redrawn),
        versions=versions[0],
        baselines=_plain(suite_baselines(experiment.make_task())),
        runs=tuple(seed_run(run) for run in runs),
    )


def options_of(experiment: Experiment, redrawn: Sequence[str] = ()) -> dict[str, Any]:
    """Return every option by its full key, without the seed and the options that follow it."""
    known = {dotted(key): value for key, value in values_in(experiment.as_dict()).items()}
    return {key: value for key, value in known.items() if key not in (*VARYING, *redrawn)}


def changed_options(record: Record, file: Path) -> list[str]:
    """Return the options whose value in the file is no longer the recorded one.

    Options that did not exist then are left out: their defaults do what was done before.
    """
    if record.options is None:
        return []
    now = options_of(Experiment.from_toml(file))
    return [key for key, value in record.options.items() if now.get(key) != value]


def read_record(path: Path) -> Record:
    """Read a record.

    Raises:
        MissingFile: There is no such file.
        DamagedFile: It is not a record.
    """
    try:
        return Record.model_validate(read_json(path))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise DamagedFile(f"{path} is not a record: {where}: {first['msg'].lower()}") from None


def write_record(record: Record, path: Path) -> None:
    """Write a record durably."""
    write_text(path, record.model_dump_json(indent=1, exclude_none=True) + "\n")


def value_of(run: SeedRun, measure: str) -> float:
    """Return a measure of a run.

    Raises:
        InvalidOption: The run has no such measure.
    """
    if measure not in run.measured:
        rest = nearest(measure, run.measured) or f"; it has {', '.join(run.measured)}"
        raise InvalidOption(f"the run of seed {run.seed} has no measure '{measure}'{rest}")
    return run.measured[measure]


def seed_run(folder: RunFolder) -> SeedRun:
    """Return what a finished run measured.

    Raises:
        DamagedFile: A file has changed since the run ended.
    """
    check_seal(folder)
    experiment, outcome = Experiment.from_toml(folder.experiment), read_json(folder.outcome)
    logged = {f"metrics.{name}": value for _, name, value in read_metrics(folder.metrics)}
    scores = {dotted(key): value for key, value in values_in({"scores": read_json(folder.scores)}).items()}
    counted = {f"outcome.{name}": outcome[name] for name in ("steps", "sequences")}
    solved = {"outcome.solved": float(outcome["status"] == SOLVED)}
    return SeedRun(
        seed=experiment.seed,
        measured={**solved, **counted, **scores, **logged},
        curve=_curve(folder, goal_of(experiment, experiment.make_task()).score),
        wall_seconds=outcome["train_seconds"],
        cpu_seconds=outcome["cpu_seconds"],
        **read_json(folder.origin),
    )


def _curve(folder: RunFolder, score: str) -> Curve | None:
    logged = list(read_metrics(folder.metrics))
    rows = _rows(logged, f"validation/{score}") or _rows(logged, f"train/{score}")
    every = -(-len(rows) // MOST_POINTS) or 1
    rows = rows[::-1][::every][::-1]  # the last one is always kept
    if not rows:
        return None
    return Curve(score=score, steps=tuple(s for s, _ in rows), values=tuple(v for _, v in rows))


def _rows(logged: list[tuple[int, str, float]], wanted: str) -> list[tuple[int, float]]:
    return [(step, value) for step, name, value in logged if name == wanted]


def _plain(baselines: Baselines) -> dict[str, dict[str, dict[str, float]]]:
    return {v: {p: dict(scores) for p, scores in known.items()} for v, known in baselines.items()}
