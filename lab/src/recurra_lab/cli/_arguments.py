"""Arguments and options shared by several commands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from recurra_lab.experiments import Experiment

Complete = Callable[[click.Context, click.Parameter, str], list[str]]
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
QUIET = click.option("--quiet", "-q", is_flag=True, help="Print the result alone, without progress.")
DRY_RUN = click.option("--dry-run", is_flag=True, help="Check everything and say what would be done.")


def names_and_overrides(
    task: str | None, cell: str | None, overrides: tuple[str, ...]
) -> tuple[str | None, str | None, tuple[str, ...]]:
    """Separate names from overrides: `recurra train -c run.toml seed=3` names neither task nor cell."""
    words = [word for word in (task, cell, *overrides) if word is not None]
    names = [word for word in words[:2] if "=" not in word]
    rest = tuple(words[len(names) :])
    return (*[*names, None, None][:2], rest)  # type: ignore[return-value]


def composed(
    task: str | None, cell: str | None, file: Path | None, overrides: list[str] | tuple[str, ...]
) -> Experiment:
    """Return an experiment with the user's defaults; raises the errors of `Experiment.compose`."""
    from recurra_lab.defaults import defaults
    from recurra_lab.experiments import Experiment

    return Experiment.compose(task, cell, file=file, overrides=overrides, defaults=defaults())


def names_of(*kinds: str) -> Complete:
    """Return the completion of an argument that names an installed component of these kinds."""

    def complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
        from recurra.plugins import registry

        offers = [offer for offer in registry.components() if offer.component.kind in kinds]
        names = dict.fromkeys(offer.component.name for offer in offers)
        return [name for name in names if name.startswith(incomplete)]

    return complete


def keys(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Complete `KEY=VALUE` for the task and the cell that were typed before."""
    from recurra_lab.experiments import completions

    return completions(context.params.get("task"), context.params.get("cell"), incomplete)


def teller(*, quiet: bool, as_json: bool) -> Callable[[str], Any]:
    """Return what prints progress on stdout, or on stderr beside JSON; if quiet, only warnings, on stderr."""

    def tell(line: str) -> None:
        if not quiet or line.startswith("warning"):
            click.echo(line, err=as_json or quiet)

    return tell
