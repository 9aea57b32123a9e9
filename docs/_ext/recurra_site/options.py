"""The reference of the options of runs, models, optimizers and schedules."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from click.testing import CliRunner

from recurra_lab.cli import main
from recurra_lab.extensions.offers import offers
from recurra_site.markdown import code, table

SECTIONS = ("run", "model")
MANY = 12
KINDS = ("optimizer", "schedule")


def pages() -> dict[str, str]:
    """Return the page of options."""
    parts = ["# Options", "Set an option by its key, as in `recurra train copy gru run.max_steps=500`."]
    for name in SECTIONS:
        parts += [f"## {name}", *described(facts(name))]
    for kind in KINDS:
        parts.append(f"## {kind}s")
        for name in dict.fromkeys(offer.component.name for offer in offers(kind)):
            parts += [f"### {name}", *described(facts(name))]
    return {"reference/options.md": "\n\n".join(parts)}


def facts(name: str, kind: str = "") -> dict[str, Any]:
    """Return what `recurra info` says of a component or section."""
    words = ["info", name, "--json", *(["--kind", kind] if kind else [])]
    result = CliRunner().invoke(main, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def described(found: Mapping[str, Any]) -> list[str]:
    """Return the text and the options of a component or section."""
    from recurra_site.markdown import from_docstring

    return [from_docstring(found["doc"]), option_table(found["options"])]


def option_table(options: Sequence[Mapping[str, Any]]) -> str:
    """Return the tables of options: those that are always there, and then those of each other choice."""
    parts = []
    for when, found in groupby(options, lambda option: option["when"]):
        parts += [f"With `{when}`:"] if when else []
        parts.append(table(("option", "values", "default", "description"), map(_row, found)))
    return "\n\n".join(parts) or "No options."


def _row(option: Mapping[str, Any]) -> tuple[str, str, str, str]:
    default = "required" if option["required"] else code(_shown(option["default"]))
    return code(option["key"]), _values(option["values"]), default, option["description"]


def _values(text: str) -> str:
    """Return what an option accepts; of many names only how many there are."""
    names = text.split(" | ")
    return text if len(names) <= MANY else f"one of {len(names)} names"


def _shown(value: Any) -> str:
    return "none" if value is None else value if isinstance(value, str) else json.dumps(value)
