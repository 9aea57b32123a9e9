"""`recurra reproduce`: re-run a published experiment over several seeds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from recurra_lab.reproductions.catalogue import Shipped


@click.command()
@click.argument("name", required=False)
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--seeds", type=click.IntRange(1), help="Number of seeds (default: from the experiment file).")
@click.option("--at-once", type=click.IntRange(1), default=1, help="Number of parallel runs.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("runs/reproduce"),
    help="Output folder of the runs.",
)
@click.option(
    "--record",
    type=click.Path(path_type=Path),
    help="Also write the result to this folder, as JSON and Markdown.",
)
@click.option("--print-config", is_flag=True, help="Print the resolved experiment and exit.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def reproduce(
    name: str | None,
    overrides: tuple[str, ...],
    seeds: int | None,
    at_once: int,
    out: Path,
    record: Path | None,
    print_config: bool,
    as_json: bool,
) -> None:
    """Run the experiment NAME over several seeds and compare the results with the published ones.

    \b
    recurra reproduce                        lists the experiments
    recurra reproduce hochreiter1996/latch-100
    recurra reproduce hochreiter1996/latch-100 --seeds 3 run.max_steps=50

    To resume after an interruption, repeat the same command; finished seeds are not run again. Other
    options start new runs, and the result lists these options.
    """  # noqa: D301 (click reads the backspace)
    if name is None:
        _list(as_json)
        return
    from recurra_lab.experiments import Experiment
    from recurra_lab.reproductions.catalogue import find
    from recurra_lab.reproductions.ledger import as_json as written
    from recurra_lab.reproductions.ledger import markdown

    experiment = find(name)
    resolved = Experiment.compose(file=experiment.path, overrides=overrides)
    if print_config:
        click.echo(resolved.to_toml(), nl=False)
        return
    folder = out / experiment.name
    found = _found(experiment, resolved.seed, seeds, folder, overrides, at_once, quiet=as_json)
    _write(found, folder / "result")
    if record is not None:
        _write(found, record / experiment.name.replace("/", "-"))
    click.echo(written(found) if as_json else markdown(found), nl=False)


def _list(as_json: bool) -> None:
    from recurra.errors import InvalidOption
    from recurra.plugins.discovery import plugins
    from recurra_lab.cli._output import show_json, table, warn
    from recurra_lab.reproductions.catalogue import shipped
    from recurra_lab.reproductions.reference import published

    known = []
    for one in shipped():
        try:
            known.append((one, published(one.path)))
        except InvalidOption as error:
            click.echo(f"warning: {one.dist}: {error}", err=True)
    if as_json:
        show_json([{"name": one.name, "dist": one.dist, **message.model_dump()} for one, message in known])
    else:
        rows = [
            (one.name, f"{message.seeds}", f"{message.minutes:g}", message.paper) for one, message in known
        ]
        click.echo(table([("NAME", "SEEDS", "MINUTES", "PAPER"), *rows]))
    warn(plugins().defects)


def _found(
    experiment: Shipped,
    first: int,
    count: int | None,
    folder: Path,
    words: tuple[str, ...],
    at_once: int,
    *,
    quiet: bool,
) -> dict[str, Any]:
    from recurra_lab.reproductions import ledger
    from recurra_lab.reproductions.reference import published
    from recurra_lab.runs.seed_runs import run_seeds

    known = published(experiment.path)
    seeds = range(first, first + (count or known.seeds))
    tell = (lambda line: None) if quiet else click.echo
    runs = run_seeds(experiment.path, seeds, folder, words=words, at_once=at_once, tell=tell)
    return ledger.entry(experiment.name, known, seeds, runs, words)


def _write(found: dict[str, Any], stem: Path) -> None:
    from recurra_lab.artifacts.atomic_files import write_text
    from recurra_lab.reproductions.ledger import as_json, markdown

    stem.parent.mkdir(parents=True, exist_ok=True)
    write_text(stem.with_suffix(".md"), markdown(found))
    write_text(stem.with_suffix(".json"), as_json(found))
