"""`recurra evaluate`: evaluate a trained model."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--batches", type=click.IntRange(min=1), help="Batches per variant (default: from the run).")
@click.option("--seed", type=click.IntRange(0), help="Seed of the test data (default: from the run).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def evaluate(run: Path, batches: int | None, seed: int | None, as_json: bool) -> None:
    """Evaluate the trained model of the run in folder RUN on every variant of its task's suite.

    Each variant is followed by the scores of simple baselines, if the task defines any.
    """
    from recurra_lab.artifacts.run_folder import RunFolder
    from recurra_lab.cli._output import show_json, show_scores, warn
    from recurra_lab.runs.build import threads
    from recurra_lab.runs.record import warnings_of_data
    from recurra_lab.runs.restore import restore
    from recurra_lab.training.evaluate import evaluate_suite, suite_baselines

    folder = RunFolder.open(run)
    experiment, task, model = restore(folder)
    warn(warnings_of_data(folder, experiment))
    options = experiment.run
    with threads(options.threads):
        scores = evaluate_suite(
            model,
            task,
            batches=batches or options.suite_batches,
            batch_size=options.evaluation_batch_size,
            seed=experiment.seed if seed is None else seed,
        )
    if as_json:
        show_json(scores)
    else:
        show_scores(scores, suite_baselines(task))
