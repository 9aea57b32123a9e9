"""The page of an experiment: claim, verdict, differences from the paper, numbers, curves and origin."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from recurra_lab.formatting import duration, number
from recurra_lab.reproductions.record import Record
from recurra_lab.reproductions.reference import TRUST, Claim, Number, Success
from recurra_lab.reproductions.verdict import Judged, Judgement, bound_of, judge

MISSING = "not recorded"


def page(claim: Claim, record: Record, curve: str | None = None) -> str:
    """Return the page as Markdown.

    Args:
        claim: The claim in the experiment file.
        record: The record.
        curve: Name of the file with the curves; None if there is none.
    """
    judgement = judge(claim, record)
    parts = [
        f"## {record.experiment}",
        f"{claim.paper}: {claim.claim}{_known_from(claim.success)}.",
        _departures(claim),
        _choices(claim),
        verdict_line(claim, record, judgement),
        _numbers(record, judgement),
        _baselines(record),
        _curve(record, curve),
        _origin(record),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _known_from(told: Success | Number) -> str:
    """Return where a claim or a number was found, and whether it was read in the paper."""
    if not told.trust:
        return ""
    return f" ({', '.join(dict.fromkeys(filter(None, (told.source, TRUST[told.trust]))))})"


def _departures(claim: Claim) -> str:
    if claim.protocol == "same":
        return "**Protocol: same.** There are no known differences from the paper."
    lines = "\n".join(f"- {sentence}" for sentence in claim.departs)
    return f"**Protocol: {claim.protocol}.** Differences from the paper:\n\n{lines}"


def _choices(claim: Claim) -> str:
    lines = "\n".join(f"- {sentence}" for sentence in claim.chosen)
    return f"What the source leaves open, and our choice:\n\n{lines}" if lines else ""


def verdict_line(claim: Claim, record: Record, judgement: Judgement) -> str:
    """Return the verdict, the criterion of a run, and how many seeds meet it."""
    count, total = sum(map(bool, judgement.succeeded)), len(record.runs)
    undecided = judgement.succeeded.count(None)
    stopped = f"; {undecided} undecided, because they stopped before the paper's budget" if undecided else ""
    where = _span(record.seeds)
    return (
        f"**Verdict: {judgement.verdict}.** Criterion: {_criterion(claim, record)}. It is met by"
        f" {count} of {total} seeds ({where}, none excluded{stopped}); the claim is that"
        f" {_claimed(claim.success)} it."
    )


def _criterion(claim: Claim, record: Record) -> str:
    success, bound = claim.success, bound_of(claim.success, record)
    side = "below" if success.above is None else "above"
    named = f", the score of the baseline `{success.bound}`" if isinstance(success.bound, str) else ""
    shown = f"`{success.measure}` {side} {number(bound)}{named}"
    within = f" within {success.within:,} sequences" if success.within else ""
    return ("the goal of the task is reached" if success.measure == "outcome.solved" else shown) + within


def _claimed(success: Success) -> str:
    return {"all": "all runs meet", "none": "no run meets"}.get(success.runs, f"{success.runs} runs meet")


def _span(seeds: Sequence[int]) -> str:
    return f"{seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else f"seed {seeds[0]}"


def _numbers(record: Record, judgement: Judgement) -> str:
    if not judgement.numbers:
        return ""
    lines = ["| measure | published | ours | 95 % interval | verdict | all seeds |", f"|{' --- |' * 6}"]
    return "\n".join([*lines, *map(_row, judgement.numbers)])


def _row(judged: Judged) -> str:
    wanted = judged.number
    published = f"{_shown(wanted.published)}{_known_from(wanted)}" if wanted.trust else ""
    least = "at least " if judged.bound else ""
    ours = MISSING if judged.ours is None else f"{least}{number(judged.ours)} ({wanted.statistic})"
    interval = " to ".join(map(number, judged.interval)) if judged.interval else ""
    values = ", ".join(MISSING if value is None else number(value) for value in judged.values)
    cells = (wanted.what, published, ours, interval, judged.verdict or "", values)
    return f"| {' | '.join(cells)} |"


def _shown(value: float | str | None) -> str:
    return number(value) if isinstance(value, int | float) else str(value)


def _baselines(record: Record) -> str:
    rows = [
        f"| {variant} | {name} | {', '.join(f'{score} {number(value)}' for score, value in scores.items())} |"
        for variant, known in record.baselines.items()
        for name, scores in known.items()
    ]
    if not rows:
        return f"Simple baselines: {MISSING if record.options is None else 'none'}."
    head = ["| variant | predictor | scores |", f"|{' --- |' * 3}"]
    return "\n".join(["Simple baselines and bounds on the same data:", "", *head, *rows])


def _curve(record: Record, curve: str | None) -> str:
    if curve is None:
        return f"Curves: {MISSING}."
    score = next(run.curve.score for run in record.runs if run.curve)
    return f"![{score} of validation batches by training batch, one line for each seed]({curve})"


def _origin(record: Record) -> str:
    """Return time, machine, versions, commit and date; what differs between seeds is listed."""
    walls, cpus = ([getattr(run, f"{kind}_seconds") for run in record.runs] for kind in ("wall", "cpu"))
    rows = [
        ("wall time of training, all seeds", _total(walls)),
        ("CPU time of training, all seeds", _total(cpus)),
        ("machine", _distinct(run.machine for run in record.runs)),
        ("commit", _distinct(run.commit for run in record.runs)),
        ("date", _distinct(run.date and run.date[:10] for run in record.runs)),
        ("options", MISSING if record.options is None else "those of the experiment file"),
        ("versions", ", ".join(_versions(record))),
    ]
    return "\n".join(["| origin | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows)])


def _total(seconds: Sequence[float | None]) -> str:
    known = [value for value in seconds if value is not None]
    return duration(sum(known)) if len(known) == len(seconds) else MISSING


def _distinct(values: Iterator[str | None]) -> str:
    return ", ".join(dict.fromkeys(value or MISSING for value in values))


def _versions(record: Record) -> Iterator[str]:
    for name, value in record.versions.items():
        if isinstance(value, dict):
            yield from (f"{inner} {version}" for inner, version in value.items())
        else:
            yield f"{name} {value}"
