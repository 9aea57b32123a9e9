"""`recurra predict`: apply a trained network to the user's data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recurra_lab.cli._arguments import AS_JSON

if TYPE_CHECKING:
    from recurra import Task


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("options", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--input", "-i", "source", type=click.Path(path_type=Path), help="File to read.")
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), help="File to write: .csv, .jsonl, .parquet or .txt."
)
@click.option("--options", "listing", is_flag=True, help="List the options of this run's task, and exit.")
@AS_JSON
def predict(
    run: Path,
    options: tuple[str, ...],
    source: Path | None,
    output: Path | None,
    listing: bool,
    as_json: bool,
) -> None:
    """Apply the trained network of the run in folder RUN to data: forecasts, labels or continued text.

    \b
    recurra predict RUN --input load.csv --output forecast.csv steps=48
    recurra predict RUN prompt="Once upon" length=200 temperature=0.8
    recurra predict RUN --options

    Without --output the predictions are printed.
    """  # noqa: D301 (click reads the backspace)
    from recurra_lab.artifacts.run_folder import RunFolder
    from recurra_lab.artifacts.tables import check_output, write_rows
    from recurra_lab.cli._output import show_json, warn
    from recurra_lab.runs.record import PREDICTIONS, warnings_of_data
    from recurra_lab.runs.trained import loaded
    from recurra_lab.training.predictions import ScoresPredictions, predictions_of

    if output is not None:
        check_output(output)
    folder = RunFolder.open(run)
    trained = loaded(folder)
    if listing:
        click.echo(_listed(trained.task))
        return
    warn(warnings_of_data(folder, trained.experiment, PREDICTIONS))
    predictions = predictions_of(trained.task, _given(options, source, trained.task))
    rows = trained.rows_of(predictions)
    if as_json:
        show_json(rows)
    elif output is None:
        _print(rows)
    if output is not None:
        count = write_rows(output, rows)
        click.echo(f"wrote {output}: {count:,} row{'s' * (count != 1)}", err=as_json)
    if isinstance(predictions, ScoresPredictions):
        for name, value in predictions.scores(rows).items():
            click.echo(f"{name}: {value:.4g}", err=as_json or output is None)


def _given(words: tuple[str, ...], source: Path | None, task: Task) -> dict[str, Any]:
    """Return the options by name, text as it was typed; raises the errors of words that are not KEY=VALUE."""
    from recurra import InvalidOption
    from recurra.config.options import fields_of
    from recurra_lab.experiments.overrides import parse_overrides
    from recurra_lab.training.predictions import options_class

    entries, wrong = parse_overrides(words)
    if wrong:
        raise InvalidOption("\n".join(map(str, wrong)))
    owner: Any = options_class(task)
    fields = fields_of(owner)
    texts = {name for name, field in fields.items() if field.annotation is str}
    given = {".".join(key): entry.value for key, entry in entries.items()}
    for key, entry in entries.items():
        if key[0] in texts and len(key) == 1 and not isinstance(entry.value, str):
            given[key[0]] = entry.origin.partition("=")[2]
    return given if source is None else {**given, "input": source}


def _print(rows: list[Any]) -> None:
    from recurra_lab.artifacts.tables import as_csv, as_text

    alone = bool(rows) and all(len(row) == 1 for row in rows)
    click.echo(as_text(rows) if alone else as_csv(rows), nl=False)


def _listed(task: Task) -> str:
    from recurra.config.describe import shown, values_in_words
    from recurra.config.options import fields_of
    from recurra_lab.cli._output import table
    from recurra_lab.training.predictions import options_class

    owner: Any = options_class(task)
    rows = [
        (
            name,
            values_in_words(field),
            shown(field.get_default()).lower(),
            field.description or "",
        )
        for name, field in fields_of(owner).items()
    ]
    return table([("OPTION", "VALUES", "DEFAULT", "MEANING"), *rows])
