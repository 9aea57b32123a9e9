"""`recurra analyse`: the dynamics of a trained network."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--input",
    "input_",
    type=click.Choice(["zero", "mean"]),
    default="zero",
    help="Constant input at which fixed points are sought.",
)
@click.option("--starts", type=click.IntRange(1, 4096), default=64, help="Visited states to start from.")
@click.option("--updates", type=click.IntRange(1), default=1500, help="Steps that minimise the speed.")
@click.option("--sequences", type=click.IntRange(1, 4096), default=16, help="Test sequences to follow.")
@click.option("--exponents", type=click.IntRange(1), default=5, help="Lyapunov exponents to compute.")
@click.option("--steps", type=click.IntRange(1), default=1000, help="Maximum number of steps for them.")
@click.option("--lags", type=click.IntRange(1), default=100, help="Largest lag of the gradient.")
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), help="Page to write; none: analysis.html in RUN."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with all eigenvalues and states.")
def analyse(run: Path, input_: str, output: Path | None, as_json: bool, **how: int) -> None:
    """Analyse the trained network of the run in folder RUN as a dynamical system.

    Prints fixed and slow points of the state with the spectrum of the Jacobian there, the largest Lyapunov
    exponents along test sequences, and the gradient over lag, and writes them to a page.
    """
    from recurra_lab.artifacts.atomic_files import check_place
    from recurra_lab.artifacts.run_folder import RunFolder
    from recurra_lab.cli._output import show_json, table, warn
    from recurra_lab.dynamics.analysis import Settings, analysed
    from recurra_lab.dynamics.page import as_lines, write_page
    from recurra_lab.runs.build import threads
    from recurra_lab.runs.record import warnings_of_data
    from recurra_lab.runs.restore import restore

    folder = RunFolder.open(run)
    page = output or folder.path / "analysis.html"
    check_place(page)
    experiment, task, network = restore(folder)
    warn(warnings_of_data(folder, experiment))
    settings = Settings(input=input_, **how)  # type: ignore[arg-type]
    with threads(experiment.run.threads):
        found = analysed(network, task, experiment.seed, settings)
    title = f"Dynamics of {experiment.cell.name} on {experiment.task.name}"
    write_page(found, title, page)
    if as_json:
        show_json(found.as_dict())
        return
    click.echo(f"{as_lines(found, table)}\npage: {page}")
