"""`recurra schema`: the JSON schema of experiment files."""

from __future__ import annotations

import json

import click


@click.command()
@click.argument("task", required=False)
@click.argument("cell", required=False)
def schema(task: str | None, cell: str | None) -> None:
    """Print the JSON schema of experiment files, for TOML validation and completion in editors.

    \b
    recurra schema > experiment.schema.json
    recurra schema copy ntm

    With TASK and CELL, the schema accepts only this task and cell, and the file need not name them.
    """  # noqa: D301 (click reads the backspace)
    from recurra_lab.experiments.json_schema import experiment_schema

    click.echo(json.dumps(experiment_schema(task, cell), indent=2))
