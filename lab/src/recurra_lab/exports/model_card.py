"""The model card of a trained network: a `README.md` with what the Hub and its readers look for."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from recurra.errors import RecurraError
from recurra_lab.experiments import Experiment
from recurra_lab.experiments.overrides import dotted, values_in
from recurra_lab.formatting import number

MIXIN_TAGS = ("model_hub_mixin", "pytorch_model_hub_mixin", "recurra", "recurrent-neural-network")
UNKNOWN = "unknown"
DIGITS = 4
PROGRESS = ("run", "progress")


class CardData(NamedTuple):
    """What a card tells of a run, beside its experiment.

    Args:
        scores: Suite variant -> score -> value.
        outcome: The outcome as a dictionary.
        versions: Versions of packages.
        parameters: The number of trained numbers.
        license: The identifier of a licence on the Hub.
        tags: Tags in addition to those of the library.
    """

    scores: Mapping[str, Mapping[str, float]]
    outcome: Mapping[str, Any]
    versions: Mapping[str, Any]
    parameters: int
    license: str = UNKNOWN
    tags: Sequence[str] = ()


def model_card(experiment: Experiment, data: CardData) -> str:
    """Return the text of a model card."""
    return "\n\n".join(_parts(experiment, data)) + "\n"


def _parts(experiment: Experiment, data: CardData) -> Iterator[str]:
    task, cell = experiment.task.name, experiment.cell.name
    yield _front_matter(experiment, data)
    yield f"# {cell} on {task}"
    yield (
        f"A network of the cell `{cell}` with {data.parameters:,} parameters, trained by recurra on the task"
        f" `{task}` with the learning rule `{experiment.trainer.name}`: {data.outcome['steps']:,} updates of"
        f" {experiment.run.batch_size} sequences, seed {experiment.seed}."
    )
    yield f"## Use\n\n```sh\npip install recurra\n```\n\n```python\n{USE}\n```"
    yield f"## Scores\n\n{_score_table(data.scores)}"
    yield f"## Training\n\n```sh\n{command_of(experiment)}\n```\n\n{_versions(data.versions)}"
    yield f"## Licence\n\n{_license(data.license)}"


USE = """from recurra_lab import load

trained = load("path/of/this/folder")  # such as huggingface_hub.snapshot_download(...)
y = trained.predict(x)  # x (batch, time, input size), or tokens (batch, time)"""


def _front_matter(experiment: Experiment, data: CardData) -> str:
    """Return the metadata as YAML, of which JSON values are a part."""
    fields = {
        "library_name": "recurra",
        "license": data.license,
        "tags": list(dict.fromkeys([*MIXIN_TAGS, experiment.cell.name, *data.tags])),
    }
    return "\n".join(["---", *(f"{name}: {json.dumps(value)}" for name, value in fields.items()), "---"])


def _score_table(scores: Mapping[str, Mapping[str, float]]) -> str:
    names = list(dict.fromkeys(name for values in scores.values() for name in values))
    rows = [["variant", *names], ["---"] * (len(names) + 1)]
    for variant, values in scores.items():
        rows.append([variant, *(number(values[name], DIGITS) if name in values else "" for name in names)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def command_of(experiment: Experiment) -> str:
    """Return the command that starts the same experiment, with the options that are not the defaults."""
    names = experiment.task.name, experiment.cell.name
    after = values_in(experiment.as_dict())
    try:
        before = values_in(Experiment.compose(*names).as_dict())
    except RecurraError:  # the task has no default for an option, such as a file
        before = {("task", "name"): names[0], ("cell", "name"): names[1]}
    changed = [
        f"{dotted(key)}={_typed(value)}"
        for key, value in after.items()
        if key != PROGRESS and before.get(key) != value
    ]
    return shlex.join(["recurra", "train", *names, *changed])


def _typed(value: Any) -> str:
    return value if isinstance(value, str) else _toml(value)


def _toml(value: Any) -> str:
    """Return a value in one line of TOML, in which None is written as none."""
    if value is None:
        return "none"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name} = {_toml(part)}" for name, part in value.items()) + "}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value)


def _versions(versions: Mapping[str, Any]) -> str:
    named = {name: value for name, value in versions.items() if isinstance(value, str)}
    named.update(versions.get("plugins", {}))
    return f"Trained with {', '.join(f'{name} {value}' for name, value in named.items())}."


def _license(name: str) -> str:
    return "No licence has been stated for these weights." if name == UNKNOWN else f"`{name}`"
