"""The subprocess of `recurra doctor`: loads one plugin or engine and reports the result."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import Any

import click

from recurra.errors import RecurraError
from recurra.plugins.discovery import Plugins
from recurra.plugins.hooks import KINDS, ExtensionKind
from recurra.plugins.inventory import ENGINES, Inventory, Source
from recurra.plugins.registry import Offer, load_target, named, with_article
from recurra_lab.cli.doctor import MARK

Found = tuple[Sequence[tuple[str, str]], list[str]]
"""`(kind, name)` of everything that the plugin provides, and its defects."""


def examine() -> None:
    """Load the plugin or engine described on stdin and print the result as one line of JSON."""
    source = Source(**json.loads(sys.stdin.read()))
    offers, defects = _engine(source) if source.group == ENGINES else _plugin(source)
    click.echo(f"\n{MARK}{json.dumps({'offers': offers, 'defects': defects})}")


def _engine(source: Source) -> Found:
    from recurra.plugins.engines import load

    found = load([source])
    levels = [("level", level) for engine in found.loaded.values() for level in engine.levels]
    return levels, [defect.sentence for defect in found.defects]


def _plugin(source: Source) -> Found:
    plugins = Plugins(Inventory((source,)))
    offered = [Offer(c, s.dist, s.version) for s, c in (*plugins.components, *plugins.extensions)]
    names = [(offer.component.kind, offer.component.name) for offer in offered]
    return names, [*(defect.sentence for defect in plugins.defects), *_problems(offered)]


def _problems(offered: list[Offer]) -> Iterator[str]:
    for offer in offered:
        component = offer.component
        module = component.target.partition(":")[0]
        if not _exists(module):
            yield f"{component.kind} '{component.name}' is in module '{module}', which does not exist"
        elif component.kind not in KINDS:
            yield from _problem_of_extension(offer)


def _exists(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ImportError:
        return False


def _problem_of_extension(offer: Offer) -> Iterator[str]:
    """Yield what is wrong with the target of an extension; extensions have no contract of their own."""
    kind: Any = offer.component.kind
    try:
        target = load_target(offer)
    except RecurraError as error:
        yield str(error)
        return
    if not _is_one(kind, target):
        message = f"'{offer.component.target}' is {with_article(type(target).__name__)}"
        yield f"{named(offer)} is not a valid {kind}: {message}"


def _is_one(kind: ExtensionKind, target: object) -> bool:
    if kind == "command":
        return isinstance(target, click.Command)
    if kind in ("logger", "section"):
        return callable(target)
    from recurra_lab.training import optim

    base = {"optimizer": optim.OptimizerOptions, "schedule": optim.ScheduleOptions}[kind]
    return isinstance(target, type) and issubclass(target, base)
