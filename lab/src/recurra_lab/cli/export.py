"""`recurra export`: write a trained network in a format for other programs."""

from __future__ import annotations

from pathlib import Path

import click

from recurra_lab.cli._arguments import AS_JSON

FORMATS = ("torch", "onnx", "hub", "safetensors")


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(FORMATS), default="torch", show_default=True)
@click.option("--to", type=click.Path(path_type=Path), help="File or folder to write (default: one in RUN).")
@click.option("--streaming", is_flag=True, help="torch, onnx: a program that takes and returns a state.")
@click.option("--license", "license_", metavar="NAME", help="hub: licence of the model, such as apache-2.0.")
@click.option("--tag", "tags", multiple=True, help="hub: another tag for the model card; may be repeated.")
@click.option("--push", metavar="REPO", help="hub: upload to this repository of the Hugging Face Hub.")
@click.option("--private", is_flag=True, help="hub: let --push create a private repository.")
@AS_JSON
def export(
    run: Path,
    form: str,
    to: Path | None,
    streaming: bool,
    license_: str | None,
    tags: tuple[str, ...],
    push: str | None,
    private: bool,
    as_json: bool,
) -> None:
    """Export the trained network of the run in folder RUN.

    \b
    torch        a program that needs only PyTorch; torch.export.load reads it
    onnx         a graph for ONNX Runtime; --streaming: of a single step
    hub          a folder with weights, config.json and a model card; --push uploads it
    safetensors  one file with the weights and the experiment

    recurra_lab.load reads the last two.
    """  # noqa: D301 (click reads the backspace)
    from recurra import InvalidOption
    from recurra_lab.cli._output import show_json
    from recurra_lab.exports import hub
    from recurra_lab.exports.model_card import UNKNOWN
    from recurra_lab.runs.export import export_run

    if (push or private) and form != "hub":
        raise InvalidOption(f"{'--push' if push else '--private'} applies to --format hub, not to {form}")
    if private and not push:
        raise InvalidOption("--private applies to the repository of --push; expected --push REPO")
    if push:
        hub.need_hub()
    place = export_run(run, form, to, streaming=streaming, license=license_ or UNKNOWN, tags=tags)
    address = hub.push(place, push, private=private) if push else None
    if as_json:
        show_json({"path": str(place), "address": address})
        return
    click.echo(place)
    if address:
        click.echo(address)
