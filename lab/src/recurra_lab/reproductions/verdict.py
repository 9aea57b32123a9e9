"""The verdict on a record: the claim of the paper as a test over all seeds, by the rule of ADR 21."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from recurra.errors import InvalidOption
from recurra_lab.reproductions.laws import (
    LEVEL,
    STATISTICS,
    Interval,
    bootstrap_interval,
    fisher,
    geometric_mean_interval,
)
from recurra_lab.reproductions.record import Record, SeedRun, value_of
from recurra_lab.reproductions.reference import Claim, Number, Success

Verdict = Literal["better", "equal", "worse", "not reached", "contradicts"]
VERDICTS: tuple[Verdict, ...] = ("better", "equal", "worse", "not reached", "contradicts")
"""All verdicts, from the best to the worst."""
ROUNDING = 1e-6


class Judged(NamedTuple):
    """One number of ours over all seeds.

    Args:
        number: What the experiment file says about it.
        values: One value per seed, in the order of the record; None where the record lacks it.
        ours: Their statistic; None if a value is missing.
        interval: Its 95 % interval.
        bound: Whether ours is only a lower bound, because a run ended without success.
        verdict: None if nothing is published that could be compared.
    """

    number: Number
    values: tuple[float | None, ...]
    ours: float | None
    interval: Interval | None
    bound: bool
    verdict: Verdict | None


class Judgement(NamedTuple):
    """The verdict on a record.

    Args:
        succeeded: One entry per seed; None where the record does not tell, as of a run that stopped before
            the paper's budget without showing what the claim says no run shows.
        runs: The verdict on the number of seeds that succeeded.
        numbers: All numbers of the experiment file.
        verdict: The verdict on everything.
    """

    succeeded: tuple[bool | None, ...]
    runs: Verdict
    numbers: tuple[Judged, ...]
    verdict: Verdict


def judge(claim: Claim, record: Record) -> Judgement:
    """Return the verdict on a record.

    Raises:
        InvalidOption: The record lacks what the success of a run is judged by.
    """
    succeeded = tuple(_succeeded(claim, record, run) for run in record.runs)
    runs = _judge_runs(claim.success, succeeded)
    numbers = tuple(_judge_number(claim, number, record, succeeded) for number in claim.numbers)
    return Judgement(succeeded, runs, numbers, _together([runs, *(n.verdict for n in numbers if n.verdict)]))


def measured(claim: Claim, run: SeedRun, measure: str) -> float:
    """Return a measure of a run; sequences in the paper's unit."""
    return value_of(run, measure) * (claim.sequence_size if measure == "outcome.sequences" else 1)


def _succeeded(claim: Claim, record: Record, run: SeedRun) -> bool | None:
    success = claim.success
    value, bound = value_of(run, success.measure), bound_of(success, record)
    shown = value < bound if success.above is None else value > bound
    if success.within is None:
        return shown
    sequences = run.measured.get("outcome.sequences")
    # A record that lacks the number has still used no more than the budget of its file.
    most = claim.budget if sequences is None else sequences
    in_time = most is not None and most * claim.sequence_size <= success.within
    if shown:
        return in_time or (None if sequences is None else False)
    if success.runs != "none":
        return False
    return False if sequences is not None and sequences * claim.sequence_size >= success.within else None


def bound_of(success: Success, record: Record) -> float:
    """Return the bound of a success as a number.

    Raises:
        InvalidOption: It names a baseline that the record lacks.
    """
    if not isinstance(success.bound, str):
        return success.bound
    _, variant, score = success.measure.split(".", 2)
    known = record.baselines.get(variant, {})
    if score not in known.get(success.bound, {}):
        raise InvalidOption(
            f"the record of {record.experiment} has no baseline '{success.bound}' of {success.measure};"
            f" it has {', '.join(known) or 'none'}"
        )
    return known[success.bound][score]


def _judge_runs(success: Success, succeeded: tuple[bool | None, ...]) -> Verdict:
    count, total = sum(map(bool, succeeded)), len(succeeded)
    if success.runs == "none":
        return "contradicts" if count else "not reached" if None in succeeded else "equal"
    if not count:
        return "contradicts" if isinstance(success.bound, str) else "not reached"
    if success.counted is None:
        return "equal" if count == total else "worse"
    if fisher((count, total), success.counted) >= LEVEL:
        return "equal"
    return "better" if count / total > success.counted[0] / success.counted[1] else "worse"


def _judge_number(claim: Claim, number: Number, record: Record, succeeded: tuple[bool | None, ...]) -> Judged:
    known = tuple(
        measured(claim, run, number.ours) if number.ours in run.measured else None for run in record.runs
    )
    ended = [
        bool(run.measured.get("outcome.solved", s)) for run, s in zip(record.runs, succeeded, strict=True)
    ]
    values = [value for value in known if value is not None]
    bound = number.is_wait and not all(ended)
    if len(values) < len(known):
        return Judged(number, known, None, None, bound, None)
    if any(map(math.isnan, values)):
        return Judged(number, known, math.nan, None, bound, _worse_if_published(number))
    ours, interval = _summary(number, values, sum(ended))
    verdict = _compared(number, ours, interval)
    if bound and number.law == "bootstrap" and verdict != "worse":
        verdict = None
    return Judged(number, known, ours, interval, bound, verdict)


def _summary(number: Number, values: list[float], ended: int) -> tuple[float, Interval]:
    if number.law == "geometric":
        return sum(values) / max(ended, 1), geometric_mean_interval(values, ended)
    return STATISTICS[number.statistic](values), bootstrap_interval(values, number.statistic)


def _worse_if_published(number: Number) -> Verdict | None:
    return "worse" if isinstance(number.published, float) else None


def _compared(number: Number, ours: float, interval: Interval) -> Verdict | None:
    published = number.published
    if not isinstance(published, float):
        return None
    if published in interval or math.isclose(ours, published, rel_tol=ROUNDING):
        return "equal"
    return "better" if (ours < published) == (number.better == "smaller") else "worse"


def _together(verdicts: list[Verdict]) -> Verdict:
    worst = max(verdicts, key=VERDICTS.index)
    return "better" if worst == "equal" and "better" in verdicts else worst
