"""`recurra evaluate`: score a trained model again, on as much data as you like."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--batches", type=click.IntRange(min=1), help="Batches per variant; the run's own number if not given."
)
@click.option("--seed", type=int, help="Seed of the test data; the run's own if not given.")
@click.option("--json", "as_json", is_flag=True, help="Print for machines.")
def evaluate(run: Path, batches: int | None, seed: int | None, as_json: bool) -> None:
    """Score the model of the run in the folder RUN on every variant of its task's suite.

    Below each variant stands what predictors that learn nothing score there, where the task knows it.
    """
    from recurra_lab.artifacts.run_folder import RunFolder
    from recurra_lab.cli._output import show_json, show_scores
    from recurra_lab.runs.build import threads
    from recurra_lab.runs.restore import restore
    from recurra_lab.training.evaluate import evaluate_suite, suite_baselines

    experiment, task, model = restore(RunFolder.open(run))
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
