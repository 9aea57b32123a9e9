"""The hook specifications of plugins, and the components they return.

This module is imported by every plugin's entry point and must stay light: no torch, no Lightning.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import pluggy

Kind = Literal["cell", "memory", "task", "trainer"]
KINDS: tuple[Kind, ...] = get_args(Kind)
ExtensionKind = Literal["command", "optimizer", "schedule", "logger", "section"]
AnyKind = Kind | ExtensionKind
ENTRY_POINT_GROUP = "recurra"

hookspec = pluggy.HookspecMarker("recurra")
hookimpl = pluggy.HookimplMarker("recurra")


@dataclass(frozen=True)
class Component:
    """One cell, memory, task or trainer that a plugin offers.

    Args:
        kind: `cell`, `memory`, `task` or `trainer`.
        name: What users type, such as `gru`.
        target: `module:Class`, imported on first use only.
        summary: One line for `recurra list`.
        paper: The publication it follows, such as `Graves, Wayne and Danihelka 2014`.
        default: Whether it stands for its kind where none is named: experiments that name no trainer have
            this one, and a cell, memory or task is named in examples. Of several, the first by name is.
    """

    kind: Kind
    name: str
    target: str
    summary: str
    paper: str = ""
    default: bool = False


@dataclass(frozen=True)
class Extension:
    """Anything else that a plugin offers by name: a command, an optimizer, a schedule, a logger, a section.

    Args:
        name: What users type, such as `muon`.
        target: `module:attribute`, imported on first use only; the hook says what it must be.
        summary: One line for `recurra list`.
    """

    name: str
    target: str
    summary: str


@hookspec
def recurra_components() -> Iterable[Component]:  # type: ignore[empty-body]
    """Return the components that this plugin offers."""


@hookspec
def recurra_callbacks(folder: Path, experiment: Mapping[str, Any]) -> Iterable[Any]:  # type: ignore[empty-body]
    """Return Lightning callbacks to add to a run.

    Args:
        folder: Where the run writes its files.
        experiment: The resolved experiment, as dictionaries, lists and scalars.
    """


@hookspec
def recurra_experiments() -> Iterable[Path]:  # type: ignore[empty-body]
    """Return paths of experiment files (TOML) that this plugin ships."""


@hookspec
def recurra_commands() -> Iterable[Extension]:  # type: ignore[empty-body]
    """Return commands of the command line, such as `recurra something`; each target is a `click.Command`."""


@hookspec
def recurra_optimizers() -> Iterable[Extension]:  # type: ignore[empty-body]
    """Return optimizers; each target is a subclass of `recurra_lab.OptimizerOptions`."""


@hookspec
def recurra_schedules() -> Iterable[Extension]:  # type: ignore[empty-body]
    """Return learning-rate schedules; each target is a subclass of `recurra_lab.ScheduleOptions`."""


@hookspec
def recurra_loggers() -> Iterable[Extension]:  # type: ignore[empty-body]
    """Return loggers; each target is called with `(folder, experiment, step)`.

    It returns a logger of Lightning. `folder` and `experiment` are those of `recurra_callbacks`; what a
    logger holds of an interrupted run after `step` is logged again.
    """


@hookspec
def recurra_report_sections() -> Iterable[Extension]:  # type: ignore[empty-body]
    """Return sections of the report; each target is called with `(folder, experiment, network, task)`.

    It returns a `recurra_lab.ReportSection`. `folder` and `experiment` are those of `recurra_callbacks`;
    `network` is the trained one, in evaluation mode.
    """


HOOKS = tuple(name for name, value in list(globals().items()) if hasattr(value, "recurra_spec"))
"""The names of all hooks."""
EXTENSIONS: dict[ExtensionKind, str] = {
    "command": "recurra_commands",
    "optimizer": "recurra_optimizers",
    "schedule": "recurra_schedules",
    "logger": "recurra_loggers",
    "section": "recurra_report_sections",
}
"""Kind of extension -> the hook that offers it."""
