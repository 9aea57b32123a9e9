"""What a plugin tells the framework: the hook specifications and the components they return.

This module is imported by every plugin's entry point and must stay light: no torch, no Lightning.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import pluggy

if TYPE_CHECKING:
    from recurra.run.folder import RunFolder

Kind = Literal["cell", "memory", "task", "trainer"]
KINDS: tuple[Kind, ...] = get_args(Kind)
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
    """

    kind: Kind
    name: str
    target: str
    summary: str
    paper: str = ""


@hookspec
def recurra_components() -> Iterable[Component]:  # type: ignore[empty-body]
    """Return the components that this plugin offers."""


@hookspec
def recurra_callbacks(run: RunFolder) -> Iterable[Any]:  # type: ignore[empty-body]
    """Return Lightning callbacks to add to the run in the folder `run`."""


@hookspec
def recurra_experiments() -> Iterable[Path]:  # type: ignore[empty-body]
    """Return paths of experiment files (TOML) that this plugin ships."""


HOOKS = (recurra_components.__name__, recurra_callbacks.__name__, recurra_experiments.__name__)
