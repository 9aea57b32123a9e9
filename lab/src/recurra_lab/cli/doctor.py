"""`recurra doctor`: the machine, the user's defaults, and what is wrong with plugins and engines.

Each plugin and engine is loaded in a separate process.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version

import click

from recurra.plugins.inventory import ENGINES, Defect, Inventory, Source, inventory
from recurra.plugins.registry import with_article
from recurra_lab.cli._machine import machine, values_of_defaults
from recurra_lab.cli._output import show_json, table

SHOWN = (
    "recurra-core",
    "recurra-lab",
    "recurra-engine",
    "torch",
    "pytorch-lightning",
    "datasets",
    "pydantic",
    "pluggy",
)
MARK = "recurra doctor found "
"""Prefix of the line in which a subprocess reports its result."""
TIMEOUT = 30.0
HEADER = ("STATE", "PLUGIN", "VERSION", "PROVIDES")


@dataclass(frozen=True)
class Finding:
    """The result of loading one plugin or engine: `(kind, name)` of what it provides, and its defects."""

    source: Source
    offers: tuple[tuple[str, str], ...]
    defects: tuple[Defect, ...]


@click.command()
@click.option("--timeout", default=TIMEOUT, help="Maximum loading time of a plugin, in seconds.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def doctor(ctx: click.Context, timeout: float, as_json: bool) -> None:
    """Describe this machine, and diagnose problems with plugins and engines.

    It shows versions, compiler, threads, GPUs and the defaults in recurra.toml. Each plugin is loaded in a
    separate process, so crashes and hangs are reported like any other defect; the exit code is then 1.
    """
    installed = inventory()
    found = findings(installed, timeout)
    defects = [*installed.defects, *(d for finding in found for d in finding.defects), *_clashes(found)]
    if as_json:
        show_json(_facts(installed, found, defects))
    else:
        click.echo(_as_text(installed, found, defects))
    ctx.exit(1 if defects else 0)


def findings(installed: Inventory, timeout: float = TIMEOUT) -> list[Finding]:
    """Load every plugin and engine that is not blocked, each in a separate process."""
    wanted = [*installed.wanted, *(engine for engine in installed.engines if not engine.blocked)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(partial(_finding, timeout=timeout), wanted))


def _finding(source: Source, timeout: float) -> Finding:
    try:
        child = _child(source, timeout)
    except subprocess.TimeoutExpired:
        return Finding(source, (), (source.defect(f"timed out after {timeout:g} s while loading"),))
    line = next((line for line in child.stdout.splitlines() if line.startswith(MARK)), None)
    if line is None:
        last = (child.stderr.splitlines() or ["no output on stderr"])[-1]
        return Finding(
            source, (), (source.defect(f"crashed while loading (exit code {child.returncode}): {last}"),)
        )
    found = json.loads(line.removeprefix(MARK))
    offered = tuple((kind, name) for kind, name in found["offers"])
    return Finding(source, offered, tuple(source.defect(sentence) for sentence in found["defects"]))


def _child(source: Source, timeout: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-c", "from recurra_lab.cli._examine import examine; examine()"],
        input=json.dumps(asdict(source)),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(folder or os.getcwd() for folder in sys.path)},
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout,
        check=False,
    )


def _clashes(found: Iterable[Finding]) -> list[Defect]:
    owners = _bundled()
    for finding in found:
        for kind, name in finding.offers:
            if kind != "section":  # sections are not selected by name: a report has all of them
                owners[kind, name].append(finding.source)
    return [
        second.defect(_clash(kind, name, first, second))
        for (kind, name), (first, *others) in owners.items()
        for second in others
    ]


def _clash(kind: str, name: str, first: Source, second: Source) -> str:
    if second.dist == first.dist:
        return f"provides the {kind} '{name}' twice"
    taken = f"{first.dist} also provides {with_article(kind)} '{name}'"
    return f"{taken}; use '{second.dist}:{name}' to select this one"


def _bundled() -> defaultdict[tuple[str, str], list[Source]]:
    """Return the names that the lab itself uses: its commands, optimizers and so on."""
    from recurra_lab.cli import COMMANDS
    from recurra_lab.extensions.offers import BUNDLED, DIST

    lab = Source(DIST, "", "")
    names = [("command", name) for name in COMMANDS]
    names += [(kind, extension.name) for kind, known in BUNDLED.items() for extension in known]
    return defaultdict(list, {key: [lab] for key in names})


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for dist in SHOWN:
        try:
            found[dist] = version(dist)
        except PackageNotFoundError:
            found[dist] = "not installed"
    return found


def _facts(installed: Inventory, found: Sequence[Finding], defects: Sequence[Defect]) -> dict[str, object]:
    offered = {(f.source.group, f.source.label): f.offers for f in found}
    plugins, engines = (
        [{**asdict(source), "offers": offered.get((source.group, source.label), ())} for source in sources]
        for sources in (installed.sources, installed.engines)
    )
    message = [asdict(defect) for defect in defects]
    known = {"versions": _versions(), "machine": machine(), "defaults": values_of_defaults()}
    return {**known, "plugins": plugins, "engines": engines, "defects": message}


def _as_text(installed: Inventory, found: Sequence[Finding], defects: Sequence[Defect]) -> str:
    bad = {f"{defect.dist}:{defect.entry_point}" for defect in defects}
    rows = [("ok", f.source.label, f.source.version, _told(f)) for f in found if f.source.label not in bad]
    sources = (*installed.sources, *installed.engines)
    rows += [("blocked", s.label, s.version, s.blocked) for s in sources if s.blocked]
    facts = [*_versions().items(), *machine().items(), *_defaults()]
    lines = [table(facts), *([table([HEADER, *rows])] if rows else []), *(f"defect  {d}" for d in defects)]
    return "\n".join([*lines, f"{len(defects)} defects" if len(defects) != 1 else "1 defect"])


def _defaults() -> Iterator[tuple[str, str]]:
    for file, values in values_of_defaults().items():
        yield (
            "defaults",
            f"{file}: " + (" ".join(f"{key}={value}" for key, value in values.items()) or "none"),
        )


def _told(finding: Finding) -> str:
    offers = ", ".join(f"{kind} {name}" for kind, name in finding.offers)
    return f"engine: {offers}" if finding.source.group == ENGINES else offers
