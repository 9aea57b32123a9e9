"""`recurra doctor`: load each plugin in a process of its own and say what is wrong with it."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

import click

from recurra.plugins.discovery import Plugins
from recurra.plugins.hooks import Component
from recurra.plugins.inventory import Defect, Inventory, Source, inventory
from recurra_lab.cli.listing import table

SHOWN = ("recurra-core", "torch", "pytorch-lightning", "datasets", "pydantic", "pluggy")
_MARK = "recurra doctor found "


@dataclass(frozen=True)
class Finding:
    """What loading one plugin brought: `(kind, name)` of its components, and its defects."""

    source: Source
    components: tuple[tuple[str, str], ...]
    defects: tuple[Defect, ...]


@click.command()
@click.option("--timeout", default=30.0, show_default=True, help="Seconds that a plugin may take to load.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def doctor(ctx: click.Context, timeout: float, as_json: bool) -> None:
    """Look for what is wrong with the installed plugins; exit code 1 when there is something.

    Each plugin is loaded in a process of its own, so that a crash or a hang is a defect like any other.
    """
    found = inventory()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        findings = list(pool.map(partial(_finding, timeout=timeout), found.wanted))
    defects = [*found.defects, *(d for finding in findings for d in finding.defects), *_clashes(findings)]
    if as_json:
        click.echo(_as_json(found, findings, defects))
    else:
        click.echo(_as_text(found, findings, defects))
    ctx.exit(1 if defects else 0)


def examine() -> None:
    """Load the plugin that is described on stdin and print what came of it on a line of its own."""
    plugins = Plugins(Inventory((Source(**json.loads(sys.stdin.read())),)))
    missing = [source.defect(text) for source, c in plugins.components if (text := _missing_module(c))]
    found = {
        "components": [(component.kind, component.name) for _, component in plugins.components],
        "defects": [defect.sentence for defect in (*plugins.defects, *missing)],
    }
    click.echo(f"\n{_MARK}{json.dumps(found)}")


def _missing_module(component: Component) -> str:
    module = component.target.partition(":")[0]
    try:
        found = find_spec(module)
    except ImportError:
        found = None
    return "" if found else f"{component.kind} '{component.name}' is in module '{module}', which is not there"


def _finding(source: Source, timeout: float) -> Finding:
    try:
        child = _child(source, timeout)
    except subprocess.TimeoutExpired:
        return Finding(source, (), (source.defect(f"hangs: it is not loaded after {timeout:g} s"),))
    line = next((line for line in child.stdout.splitlines() if line.startswith(_MARK)), None)
    if line is None:
        last = (child.stderr.splitlines() or ["nothing on stderr"])[-1]
        return Finding(source, (), (source.defect(f"ends Python with code {child.returncode}: {last}"),))
    found = json.loads(line.removeprefix(_MARK))
    offered = tuple((kind, name) for kind, name in found["components"])
    return Finding(source, offered, tuple(source.defect(sentence) for sentence in found["defects"]))


def _child(source: Source, timeout: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-c", "from recurra_lab.cli.doctor import examine; examine()"],
        input=json.dumps(asdict(source)),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(folder or os.getcwd() for folder in sys.path)},
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout,
        check=False,
    )


def _clashes(findings: Iterable[Finding]) -> list[Defect]:
    offers: dict[tuple[str, str], list[Source]] = defaultdict(list)
    for finding in findings:
        for component in finding.components:
            offers[component].append(finding.source)
    return [
        second.defect(f"{first.dist} has a {kind} '{name}' too; '{second.dist}:{name}' chooses this one")
        if second.dist != first.dist
        else second.defect(f"it offers the {kind} '{name}' twice")
        for (kind, name), (first, *others) in offers.items()
        for second in others
    ]


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for dist in SHOWN:
        try:
            found[dist] = version(dist)
        except PackageNotFoundError:
            found[dist] = "not installed"
    return found


def _as_json(found: Inventory, findings: Sequence[Finding], defects: Sequence[Defect]) -> str:
    offered = {finding.source.label: finding.components for finding in findings}
    content = {
        "versions": _versions(),
        "plugins": [
            {**asdict(source), "components": offered.get(source.label, ())} for source in found.sources
        ],
        "defects": [asdict(defect) for defect in defects],
    }
    return json.dumps(content, indent=2)


def _as_text(found: Inventory, findings: Sequence[Finding], defects: Sequence[Defect]) -> str:
    bad = {f"{defect.dist}:{defect.entry_point}" for defect in defects}
    rows = [
        ("ok", f.source.label, f.source.version, ", ".join(f"{kind} {name}" for kind, name in f.components))
        for f in findings
        if f.source.label not in bad
    ]
    rows += [("left out", s.label, s.version, s.blocked) for s in found.sources if s.blocked]
    lines = [table(_versions().items()), *([table(rows)] if rows else []), *(f"defect  {d}" for d in defects)]
    return "\n".join([*lines, f"{len(defects)} defects" if len(defects) != 1 else "1 defect"])
