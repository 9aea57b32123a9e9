"""`recurra watch`: a live page of runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from recurra_lab.watching.progress import Progress


@click.command()
@click.argument("runs", nargs=-1, type=click.Path(path_type=Path), metavar="[RUN]...")
@click.option("--port", type=click.IntRange(0, 65535), default=8877, help="Port; 0: any that is free.")
@click.option("--json", "as_json", is_flag=True, help="Print the present state as JSON, and exit.")
def watch(runs: tuple[Path, ...], port: int, as_json: bool) -> None:
    """Show runs under way on a live page, until Ctrl-C.

    \b
    recurra watch                       # everything below runs/
    recurra watch runs/sweeps/copy-gru  # the runs of a sweep

    Each RUN is a run or a folder with runs in it. The page is served on the loopback address, so that no
    other machine sees it, and reads the files of the runs; it changes nothing.
    """  # noqa: D301 (click reads the backspace)
    from recurra_lab.watching.page import LivePage
    from recurra_lab.watching.progress import progress_below
    from recurra_lab.watching.server import Server

    roots = runs or (Path("runs"),)
    found = progress_below(roots)
    if as_json:
        _print_json(found)
        return
    with Server(LivePage(roots), port) as server:
        click.echo(f"{server.url} shows {len(found):,} run{'s' * (len(found) != 1)}; Ctrl-C ends it")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            click.echo()


def _print_json(found: Sequence[Progress]) -> None:
    from dataclasses import asdict

    from recurra_lab.cli._output import show_json

    show_json([{k: v for k, v in asdict(run).items() if k != "curves"} for run in found])
