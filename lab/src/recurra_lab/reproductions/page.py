"""The page of an experiment: claim, verdict, differences from the paper, numbers, curves and origin."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from recurra_lab.formatting import duration, number
from recurra_lab.reproductions.record import Record
from recurra_lab.reproductions.reference import TRUST, Claim, Success
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
        f"{claim.paper}: {claim.claim}.{_tag(claim.success)}",
        _departures(claim),
        verdict_line(claim, record, judgement),
        _numbers(record, judgement),
        _baselines(record),
        _curve(record, curve),
        _origin(record),
        "Trust: " + "; ".join(f"`[{letter}]` {meaning}" for letter, meaning in TRUST.items()) + ".",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _tag(success: Success) -> str:
    return f" `[{success.trust}]` ({success.source})" if success.trust else ""


def _departures(claim: Claim) -> str:
    if claim.protocol == "same":
        return "**Protocol: same.** Nothing known departs from the paper."
    lines = "\n".join(f"- {sentence}" for sentence in claim.departs)
    return f"**Protocol: {claim.protocol}.** It departs from the paper:\n\n{lines}"


def verdict_line(claim: Claim, record: Record, judgement: Judgement) -> str:
    """Return the verdict, and in how many seeds a run showed what the claim says."""
    count, total = sum(map(bool, judgement.succeeded)), len(record.runs)
    undecided = judgement.succeeded.count(None)
    stopped = f"; {undecided} undecided, as they stopped before the paper's budget" if undecided else ""
    where = _span(record.seeds)
    lines = [f"**Verdict: {judgement.verdict}.**", f"{success_text(claim, record)}: {count} of {total} seeds"]
    return f"{lines[0]} {lines[1]} ({where}, none excluded{stopped}); the paper: {_claimed(claim.success)}."


def success_text(claim: Claim, record: Record) -> str:
    """Return what a run has to show."""
    success, bound = claim.success, bound_of(claim.success, record)
    side = "below" if success.above is None else "above"
    named = f", what `{success.bound}` scores" if isinstance(success.bound, str) else ""
    shown = f"`{success.measure}` {side} {number(bound)}{named}"
    within = f" within {success.within:,} sequences" if success.within else ""
    return ("solved" if success.measure == "outcome.solved" else shown) + within


def _claimed(success: Success) -> str:
    return {"all": "all runs", "none": "no run"}.get(success.runs, success.runs)


def _span(seeds: Sequence[int]) -> str:
    return f"{seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else f"seed {seeds[0]}"


def _numbers(record: Record, judgement: Judgement) -> str:
    if not judgement.numbers:
        return ""
    lines = ["| | published | ours | 95 % interval | verdict | all seeds |", f"|{' --- |' * 6}"]
    return "\n".join([*lines, *map(_row, judgement.numbers)])


def _row(judged: Judged) -> str:
    wanted = judged.number
    tag = f" `[{wanted.trust}]` ({wanted.source})" if wanted.trust else ""
    published = f"{_shown(wanted.published)}{tag}" if wanted.trust else ""
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
        return f"Simple baselines: {MISSING if record.options is None else 'none known'}."
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
