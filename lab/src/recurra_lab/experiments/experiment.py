"""A resolved experiment: every option of every component has its final value."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import tomli_w
from pydantic import Field, ValidationError
from pydantic_core import to_json

from recurra.config.ref import Ref, plain
from recurra.errors import InvalidOption
from recurra.plugins import registry
from recurra.task import Task
from recurra.trainer import Trainer
from recurra_lab.defaults import Defaults
from recurra_lab.experiments.messages import problems_of, refuse
from recurra_lab.experiments.overrides import (
    Entry,
    Given,
    dotted,
    flat,
    layered,
    named,
    parse_overrides,
    read_file,
    update,
)
from recurra_lab.experiments.resolve import Explorer, Problem, Section
from recurra_lab.experiments.run_options import RunOptions
from recurra_lab.training.graph_model import make_model
from recurra_lab.training.model import Model
from recurra_lab.training.model_options import ModelOptions

MODEL_DEFAULTS, RUN_DEFAULTS = ModelOptions(), RunOptions()
LARGEST = 2**63 - 1
Seed = Annotated[int, Field(ge=0, description="seed of all random numbers of the run")]


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """An experiment: a task, a cell, the model around it, a trainer and the options of the run.

    Created by `compose` or `from_toml`, which validate all options and fill in defaults. The default trainer
    is the one that a plugin marks as the default.

    Args:
        seed: Seed of all random numbers.
        task: The task.
        cell: The cell.
        model: Options of the model around the cell.
        trainer: The learning rule.
        run: Options of the run: budget, stopping criteria and hardware.
    """

    seed: Seed = 0
    task: Annotated[Ref, "task", Field(description="the task to train on")]
    cell: Annotated[Ref, "cell", Field(description="the cell to train")]
    model: Annotated[ModelOptions, Field(description="the model around the cell")] = MODEL_DEFAULTS
    trainer: Annotated[Ref, "trainer", Field(description="the learning rule")]
    run: Annotated[RunOptions, Field(description="budget, stopping criteria and hardware")] = RUN_DEFAULTS

    @classmethod
    def compose(
        cls,
        task: str | None = None,
        cell: str | None = None,
        file: Path | None = None,
        overrides: Sequence[str] = (),
        options: Mapping[str, Any] | None = None,
        defaults: Sequence[Defaults] = (),
    ) -> Experiment:
        """Combine defaults, a file, `key=value` overrides and nested options; later ones take precedence.

        The `defaults` of the user lie between the built-in defaults and the file.

        Replacing a component by another drops the options of the replaced one.

        Raises:
            MissingFile: There is no such file.
            DamagedFile: The file is not TOML.
            UnknownComponent: A component is not installed, and there is no other error.
            InvalidOption: Any other error; the message has one line per error.
        """
        below = layered(_of_user(defaults), read_file(file) if file else {})
        above = {
            key: entry for part in (("task", task), ("cell", cell)) for key, entry in _bare(*part).items()
        }
        typed, wrong = parse_overrides(overrides)
        update(above, typed)
        update(above, flat(options or {}, (), Entry(None, "")))
        return _resolved(layered(below, above), [Problem(error, None) for error in wrong])

    @classmethod
    def from_toml(cls, path: Path) -> Experiment:
        """Read an experiment file that names its task and cell.

        Raises:
            MissingFile: There is no such file.
            DamagedFile: The file is not TOML.
            InvalidOption: The file is invalid; the message has one line per error.
        """
        return cls.compose(file=path)

    def to_toml(self) -> str:
        """Return the experiment as TOML, which `from_toml` reads back unchanged.

        An option that is None is omitted, or written as "none" if its default is not None.
        """
        return tomli_w.dumps(_written(self.sections, self.as_dict()))

    @cached_property
    def sections(self) -> Section:
        """The options with their declarations, as resolved, or explored again if constructed directly."""
        return sections(flat(self.as_dict(), (), Entry(None, "")))

    def as_dict(self) -> dict[str, Any]:
        """Return the experiment as dictionaries, lists and scalars."""
        return plain(
            {name: getattr(self, name) for name in ("seed", "task", "cell", "model", "trainer", "run")}
        )

    def config_hash(self) -> str:
        """Return the SHA-256 of the experiment."""
        text = json.dumps(self.as_dict(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def make_task(self) -> Task:
        """Build the task."""
        task: Task = self.task.build()
        return task

    def make_model(self, task: Task) -> Model:
        """Build the model for a task."""
        return make_model(task, self.cell, **dict(self.model))

    def make_trainer(self) -> Trainer:
        """Build the learning rule."""
        trainer: Trainer = self.trainer.build()
        return trainer


def sections(given: Given) -> Section:
    """Return the sections of an experiment with these components; a section not found is empty."""
    return Explorer(layered(_default_trainer(), given)).section((), Experiment)


def _default_trainer() -> Given:
    name = registry.default("trainer")
    return {} if name is None else {("trainer", "name"): Entry(name, "")}


def _of_user(defaults: Sequence[Defaults]) -> Given:
    given = _default_trainer() if defaults else {}
    for each in defaults:
        given = layered(given, flat(each.options, (), Entry(None, str(each.file))))
    return given


def _bare(part: str, name: str | None) -> Given:
    return {} if name is None else named(part, name)


def _resolved(given: Given, problems: list[Problem]) -> Experiment:
    given = layered(_default_trainer(), given)
    explorer = Explorer(given)
    root = explorer.section((), Experiment)
    problems += [*explorer.problems, *_too_large(given)]
    try:
        checked = root.model().model_validate_json(to_json(root.data(given)))
    except ValidationError as error:
        problems += problems_of(error, root, given)
    refuse(problems)
    experiment = Experiment(**root.values(checked))
    vars(experiment)["sections"] = root  # saves `Experiment.sections` from exploring again
    return experiment


def _too_large(given: Given) -> Iterator[Problem]:
    """Yield an error for each integer that has more than 64 bits, with which no tensor can count."""
    for key, entry in given.items():
        several = isinstance(entry.value, list)
        values, what = (entry.value, "integers") if several else ([entry.value], "an integer")
        if any(isinstance(value, int) and abs(value) > LARGEST for value in values):
            told = "" if entry.shows(key) else f"{dotted(key)} = {entry.value}: "
            yield Problem(InvalidOption(f"{told}expected {what} of at most {LARGEST}"), entry)


def _written(section: Section, values: dict[str, Any]) -> dict[str, Any]:
    written: dict[str, Any] = {}
    for name, value in values.items():
        field, part = section.fields.get(name), section.parts.get(name)
        if part is not None:
            written[name] = _written(part, value)
        elif value is not None:
            written[name] = value
        elif field is not None and field.default is not None:
            written[name] = "none"
    return written
