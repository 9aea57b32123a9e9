"""The tables of all records: the number of each verdict, then one row per experiment, by protocol."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from recurra_lab.formatting import number
from recurra_lab.reproductions.page import MISSING
from recurra_lab.reproductions.record import Record
from recurra_lab.reproductions.reference import TRUST, Claim, Protocol
from recurra_lab.reproductions.verdict import VERDICTS, Judged, Judgement, judge

PROTOCOLS: Mapping[Protocol, str] = {
    "same": "**Same protocol** as in the paper:",
    "reduced": "**Reduced protocol:** the same task, with differences that the page of the experiment lists:",
    "analogue": "**Analogues:** another task replaces that of the paper, so no published number is compared:",
}


class Row(NamedTuple):
    """One experiment: its claim, its record and the judgement."""

    claim: Claim
    record: Record
    judgement: Judgement


def tables(known: Iterable[tuple[Claim, Record]], missing: Iterable[str], pages: str) -> str:
    """Return all tables as Markdown.

    Args:
        known: Claims with their records.
        missing: Names of the experiments without a record.
        pages: The folder of the pages, as it is linked.
    """
    rows = [Row(claim, record, judge(claim, record)) for claim, record in known]
    parts = [_counts(rows)]
    for protocol, heading in PROTOCOLS.items():
        these = [row for row in rows if row.claim.protocol == protocol]
        if these:
            parts += [heading, _experiments(these, pages)]
    without = ", ".join(f"`{name}`" for name in missing)
    return "\n\n".join([*parts, *([f"No record yet: {without}."] if without else [])])


def _counts(rows: list[Row]) -> str:
    found = Counter((row.claim.protocol, row.judgement.verdict) for row in rows)
    lines = [
        f"| {protocol} | {' | '.join(str(found[protocol, verdict]) for verdict in VERDICTS)} |"
        for protocol in PROTOCOLS
    ]
    return "\n".join([f"| protocol | {' | '.join(VERDICTS)} |", f"|{' --- |' * 6}", *lines])


def _experiments(rows: list[Row], pages: str) -> str:
    head = ["experiment", "claim of the paper", "our result", "verdict"]
    if any(row.claim.success.trust for row in rows):
        head.insert(2, "source of the claim")
    if any(row.claim.departs for row in rows):
        head.append("difference from the paper")
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    return "\n".join([*lines, *(_experiment(row, pages) for row in rows)])


def _experiment(row: Row, pages: str) -> str:
    claim, record, judgement = row
    link = f"[{record.experiment}]({pages}/{record.experiment.replace('/', '-')}.md)"
    known = [TRUST[claim.success.trust]] if claim.success.trust else []
    cells = [link, claim.claim, *known, _result(row), f"**{judgement.verdict}**", *_departures(claim)]
    return f"| {' | '.join(cells)} |"


def _result(row: Row) -> str:
    count = f"{sum(map(bool, row.judgement.succeeded))} of {len(row.record.runs)} seeds"
    compared = [
        _compared(judged) for judged in row.judgement.numbers if isinstance(judged.number.published, float)
    ]
    did = "refute it" if row.claim.success.runs == "none" else "succeed"
    return "; ".join([f"{count} {did}", *compared])


def _compared(judged: Judged) -> str:
    wanted, ours = judged.number, judged.ours
    assert isinstance(wanted.published, float)  # only such numbers are compared
    least = "at least " if judged.bound else ""
    shown = MISSING if ours is None else f"{least}{number(ours)}"
    return f"{wanted.statistic} {wanted.what}: {shown} (paper: {number(wanted.published)})"


def _departures(claim: Claim) -> list[str]:
    """Return the first difference from the paper, and how many more there are."""
    if not claim.departs:
        return []
    more = len(claim.departs) - 1
    return [claim.departs[0].removesuffix(".") + (f"; {more} more" if more else "")]
