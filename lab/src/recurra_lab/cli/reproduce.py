"""`recurra reproduce`: run published experiments again, and judge and record the results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from recurra_lab.cli._arguments import AS_JSON, DRY_RUN, QUIET, teller

if TYPE_CHECKING:
    from recurra_lab.reproductions.archive import Known
    from recurra_lab.reproductions.catalogue import Shipped


def _experiments(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    from recurra_lab.reproductions.catalogue import shipped

    return [one.name for one in shipped() if one.name.startswith(incomplete)]


@click.command()
@click.argument("name", required=False, shell_complete=_experiments)
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--seeds", type=click.IntRange(1), help="Number of seeds (default: from the experiment file).")
@click.option("--at-once", type=click.IntRange(1), default=1, help="Number of parallel runs.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("runs/reproduce"),
    help="Output folder of the runs.",
)
@click.option("--record", is_flag=True, help="Record the result: what was measured, page and curves.")
@click.option(
    "--records",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("benchmarks/results/reproductions"),
    show_default=True,
    help="Folder of the records.",
)
@click.option("--check", is_flag=True, help="Run one recorded seed again and say whether the record stands.")
@click.option("--all", "every", is_flag=True, help="Run all experiments and record them.")
@click.option("--missing", is_flag=True, help="With --all: only experiments without a record.")
@click.option(
    "--within", type=click.FloatRange(0), help="With --all: skip what would take longer, in minutes."
)
@click.option("--print-config", is_flag=True, help="Print the resolved experiment and exit.")
@DRY_RUN
@QUIET
@AS_JSON
def reproduce(
    name: str | None,
    overrides: tuple[str, ...],
    seeds: int | None,
    at_once: int,
    out: Path,
    record: bool,
    records: Path,
    check: bool,
    every: bool,
    missing: bool,
    within: float | None,
    print_config: bool,
    dry_run: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Run the experiment NAME over several seeds and judge the result by the claim of its paper.

    \b
    recurra reproduce                        lists the experiments
    recurra reproduce hochreiter1996/latch-100
    recurra reproduce hochreiter1996/latch-100 --check
    recurra reproduce hochreiter1996/latch-100 --seeds 3 run.max_steps=50
    recurra reproduce --all --missing --within 60

    To resume after an interruption, repeat the same command; finished seeds are not run again. Other
    options start new runs, which cannot be recorded.
    """  # noqa: D301 (click reads the backspace)
    from recurra_lab.experiments import Experiment
    from recurra_lab.reproductions.catalogue import find
    from recurra_lab.reproductions.rerun import Rerun

    _check_words(name, overrides, record=record, check=check, every=every, rest=missing or within is not None)
    tell = teller(quiet=quiet, as_json=as_json)
    rerun = Rerun(out / "check" if check else out, records, at_once, tell)
    if dry_run and (every or name is not None):
        chosen = rerun.chosen(missing=missing) if every else [find(name or "")]
        _plan(chosen, seeds, overrides, as_json)
    elif every:
        rerun.all(missing=missing, minutes=within)
    elif name is None:
        _list(as_json)
    elif print_config:
        click.echo(Experiment.compose(file=find(name).path, overrides=overrides).to_toml(), nl=False)
    elif check:
        _show_check(rerun.check(find(name)), as_json)
    elif record:
        _show(rerun.record(find(name), seeds), overrides, as_json)
    else:
        _show(rerun.run(find(name), seeds, overrides), overrides, as_json)


def _check_words(
    name: str | None, overrides: tuple[str, ...], *, record: bool, check: bool, every: bool, rest: bool
) -> None:
    from recurra.errors import InvalidOption

    if overrides and (record or check):
        doing = "--record" if record else "--check"
        raise InvalidOption(
            f"{doing} is for the experiment as it is shipped, and {overrides[0]} makes another one of it;"
            f" leave out {doing} or {' '.join(overrides)}"
        )
    if every and name is not None:
        raise InvalidOption(f"--all runs every experiment; leave out --all or {name}")
    if rest and not every:
        raise InvalidOption(
            "--missing and --within go with --all; expected recurra reproduce --all --missing"
        )


def _list(as_json: bool) -> None:
    from recurra.errors import InvalidOption
    from recurra.plugins.discovery import plugins
    from recurra_lab.cli._output import show_json, table, warn
    from recurra_lab.reproductions.catalogue import shipped
    from recurra_lab.reproductions.reference import claim_of

    known = []
    for one in shipped():
        try:
            known.append((one, claim_of(one.path)))
        except InvalidOption as error:
            click.echo(f"warning: {one.dist}: {error}", err=True)
    if as_json:
        show_json([{"name": one.name, "dist": one.dist, **claim.model_dump()} for one, claim in known])
    else:
        rows = [
            (one.name, f"{claim.seeds}", f"{claim.minutes:g}", claim.protocol, claim.paper)
            for one, claim in known
        ]
        click.echo(table([("NAME", "SEEDS", "MINUTES", "PROTOCOL", "PAPER"), *rows]))
    warn(plugins().defects)


def _plan(chosen: Sequence[Shipped], seeds: int | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Check the experiments and print what would be run."""
    from recurra_lab.cli._output import show_json, table
    from recurra_lab.experiments import Experiment
    from recurra_lab.reproductions.reference import claim_of

    rows = []
    for one in chosen:
        Experiment.compose(file=one.path, overrides=overrides)
        claim = claim_of(one.path)
        count = seeds or claim.seeds
        rows.append({"name": one.name, "runs": count, "minutes": claim.minutes * count / claim.seeds})
    if as_json:
        show_json(rows)
        return
    lines = [(str(row["name"]), f"{row['runs']}", f"{row['minutes']:.0f}") for row in rows]
    click.echo(table([("NAME", "RUNS", "MINUTES"), *lines]))


def _show_check(sentence: str, as_json: bool) -> None:
    from recurra_lab.cli._output import show_json

    if as_json:
        show_json({"stands": True, "message": sentence})
    else:
        click.echo(sentence)


def _show(known: Known, overrides: tuple[str, ...], as_json: bool) -> None:
    from recurra_lab.cli._output import show_json
    from recurra_lab.reproductions.page import page
    from recurra_lab.reproductions.verdict import judge

    if as_json:
        judged = judge(*known)
        told = {"verdict": judged.verdict, "succeeded": list(judged.succeeded), "overrides": list(overrides)}
        show_json({**told, **known.record.model_dump(mode="json", exclude_none=True)})
        return
    if overrides:
        click.echo(f"Run with {' '.join(overrides)}, which differs from the published experiment.\n")
    click.echo(page(*known), nl=False)
