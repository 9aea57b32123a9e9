"""The gallery: one page for each cell, memory, task and learning rule."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from recurra.plugins import registry
from recurra.plugins.hooks import KINDS, Kind
from recurra_lab.cli import main
from recurra_lab.reproductions.archive import Known, stem_of
from recurra_lab.reproductions.catalogue import find
from recurra_lab.reproductions.verdict import judge
from recurra_lab.toml_files import read_table
from recurra_site import pictures
from recurra_site.markdown import from_docstring, table, toctree
from recurra_site.options import facts, option_table
from recurra_site.results import RECORDS

TITLES = {"cell": "Cells", "memory": "Memories", "task": "Tasks", "trainer": "Learning rules"}
SPEEDS: dict[str, str] = {"cell": "cells", "task": "tasks"}
"""Kinds of which a benchmark has a row for each component."""
PICTURE = """```{{image}} /_generated/{path}.svg
:alt: {caption}
:class: picture
```"""


def pages(repository: Path, records: Sequence[Known], *, explained: bool = True) -> dict[str, str]:
    """Return all pages of the gallery.

    Args:
        repository: The root of the repository.
        records: The reproduced experiments.
        explained: Whether to compile every cell and say how the engine runs it.
    """
    made = lists()
    for kind in KINDS:
        for offer in registry.components(kind):
            name = offer.component.name
            parts = [*described(kind, name), *_ledger(kind, name, records)]
            parts += _curves(repository, name, records) if kind == "trainer" else []
            parts += _speed(repository, kind, name)
            parts += _engine(name) if kind == "cell" and explained else []
            made[f"gallery/{kind}/{name}.md"] = "\n\n".join(parts)
    return made


def lists() -> dict[str, str]:
    """Return the page of the gallery and one for each kind, which list everything that is installed."""
    return {"gallery/index.md": _index()} | {f"gallery/{kind}/index.md": _of_kind(kind) for kind in KINDS}


def _index() -> str:
    counts = [
        (f"[{title}]({kind}/index.md)", str(len(registry.components(kind)))) for kind, title in TITLES.items()
    ]
    intro = (
        "Every page is made by running the code: pictures, options, parameters and how the engine runs it."
    )
    return "\n\n".join(
        ["# Gallery", intro, table(("gallery", "entries"), counts), toctree(f"{k}/index" for k in KINDS)]
    )


def _of_kind(kind: Kind) -> str:
    rows = [
        (f"[`{o.component.name}`]({o.component.name}.md)", o.component.summary, o.component.paper)
        for o in registry.components(kind)
    ]
    names = [offer.component.name for offer in registry.components(kind)]
    return "\n\n".join([f"# {TITLES[kind]}", table(("name", "summary", "paper"), rows), toctree(names)])


def described(kind: Kind, name: str) -> Iterator[str]:
    """Yield what a component is: picture, equations, source, parameters and options."""
    found, owner = facts(name, kind), registry.load(kind, name)
    yield f"# {name}"
    yield f"{found['summary'][:1].upper()}{found['summary'][1:]}. {_origin(found)}"
    if pictures.wanted(kind, name):
        yield PICTURE.format(path=f"pictures/{kind}-{name}", caption=pictures.CAPTIONS[kind])
        yield pictures.CAPTIONS[kind] + "."
    yield from ["## Definition", from_docstring(found["doc"]), _import_of(owner)]
    if kind == "cell":
        yield _parameters(name)
    yield from ["## Options", option_table(found["options"])]
    if found.get("baselines"):
        yield from ["## Simple baselines", _baselines(found["baselines"])]


def _origin(found: dict[str, Any]) -> str:
    paper = f" Paper: {found['paper']}." if found["paper"] else ""
    return f"Plugin: `{found['plugin']}`.{paper}"


def _import_of(owner: type) -> str:
    return f"```python\nfrom {owner.__module__} import {owner.__name__}\n```"


def _parameters(name: str) -> str:
    count = sum(p.numel() for p in pictures.made_cell(name).parameters())
    return f"With {pictures.INPUTS} inputs and the default options, it has **{count:,}** parameters."


def _baselines(baselines: dict[str, dict[str, float]]) -> str:
    scores = list(dict.fromkeys(score for values in baselines.values() for score in values))
    rows = [(name, *(_number(values.get(s)) for s in scores)) for name, values in baselines.items()]
    return table(("predictor", *scores), rows)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _ledger(kind: Kind, name: str, records: Sequence[Known]) -> Iterator[str]:
    rows = [
        (
            f"[{record.experiment}](../../ledger/{stem_of(record.experiment)}.md)",
            claim.claim,
            judge(claim, record).verdict,
        )
        for claim, record in _known(records, kind, name)
    ]
    if rows:
        yield from ["## Ledger", table(("experiment", "claim of the paper", "verdict"), rows)]


def _curves(repository: Path, name: str, records: Sequence[Known]) -> Iterator[str]:
    """Yield the learning curves of the first reproduced experiment with a rule that has some."""
    for known in _known(records, "trainer", name):
        stem = stem_of(known.record.experiment)
        if (repository / RECORDS / f"{stem}.svg").is_file():
            caption = f"Learning curves of all seeds of {known.record.experiment}"
            yield PICTURE.format(path=f"ledger/{stem}", caption=caption)
            yield f"{caption}, which the ledger describes."
            return


def _known(records: Sequence[Known], kind: Kind, name: str) -> Iterator[Known]:
    """Yield the records of experiments with a component; a file without a rule has the default one."""
    for known in records:
        chosen = read_table(find(known.record.experiment).path)
        if _names({kind: registry.default(kind), **chosen}, kind, name):
            yield known


def _names(table_: Any, kind: Kind, name: str) -> bool:
    """Return whether an experiment file names this component."""
    if not isinstance(table_, dict):
        return False
    return any(
        (key == kind and (value == name or (isinstance(value, dict) and value.get("name") == name)))
        or _names(value, kind, name)
        for key, value in table_.items()
    )


def _speed(repository: Path, kind: Kind, name: str) -> Iterator[str]:
    if kind not in SPEEDS:
        return
    lines = (repository / "benchmarks" / "results" / f"{SPEEDS[kind]}.md").read_text("utf-8").splitlines()
    row = next((line for line in lines if line.startswith(f"| `{name}` |")), None)
    if row is not None:
        head = [line for line in lines if re.match(r"\| (cell|task) \|", line)]
        yield from ["## Speed", "\n".join([*head[:1], "|" + " --- |" * (row.count("|") - 1), row])]
        yield f"From [the benchmark](../../speed/{SPEEDS[kind]}.md), which describes machine and shapes."


def _engine(name: str) -> Iterator[str]:
    result = CliRunner().invoke(main, ["explain", name], catch_exceptions=False)
    yield from ["## Engine", f"On the machine that built this page, `recurra explain {name}` says:"]
    yield f"```text\n{result.output.strip()}\n```"
