"""The tables of all records: how many of each verdict, then one row per experiment, by protocol."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from recurra_lab.formatting import number
from recurra_lab.reproductions.page import success_text
from recurra_lab.reproductions.record import Record
from recurra_lab.reproductions.reference import Claim, Protocol
from recurra_lab.reproductions.verdict import RULE, VERDICTS, Judged, Judgement, judge

PROTOCOLS: Mapping[Protocol, str] = {
    "same": "**Same protocol.**",
    "reduced": "**Reduced protocol:** the last column says what departs from the paper.",
    "analogue": "**Analogues:** another task stands for the paper's, so none of its numbers is beside ours.",
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
    parts += ["**The rule.** " + RULE.strip()]
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
    departs = any(row.claim.departs for row in rows)
    head = [
        "experiment",
        "the paper's claim",
        "ours",
        "verdict",
        *(["departs from the paper"] if departs else []),
    ]
    return "\n".join(
        [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}", *(_experiment(row, pages) for row in rows)]
    )


def _experiment(row: Row, pages: str) -> str:
    claim, record, judgement = row
    link = f"[{record.experiment}]({pages}/{record.experiment.replace('/', '-')}.md)"
    tag = f" `[{claim.success.trust}]`" if claim.success.trust else ""
    count = f"{sum(map(bool, judgement.succeeded))} of {len(record.runs)} seeds"
    compared = [_compared(judged) for judged in judgement.numbers if judged.verdict]
    ours = "; ".join([f"{success_text(claim, record)}: {count}", *compared])
    cells = [link, claim.claim + tag, ours, f"**{judgement.verdict}**"]
    return f"| {' | '.join([*cells, *([' '.join(claim.departs)] if claim.departs else [])])} |"


def _compared(judged: Judged) -> str:
    wanted, ours = judged.number, judged.ours
    assert isinstance(wanted.published, float)  # else there is no verdict
    assert ours is not None
    least = "at least " if judged.bound else ""
    return f"{wanted.what}: {least}{number(ours)}, published {number(wanted.published)} `[{wanted.trust}]`"
