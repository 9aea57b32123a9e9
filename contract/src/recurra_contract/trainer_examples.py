"""What a trainer is checked with, where it cannot learn any cell or any task."""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

from recurra.cell import Cell
from recurra.task import Task
from recurra.trainer import Trainer


class Examples(NamedTuple):
    """A small cell and a small task that a trainer can learn; None where any will do.

    A trainer names a function that takes the trainer and returns its examples, as `module:function`, in the
    class attribute `contract_examples`.
    """

    cell: type[Cell[Any]] | None = None
    task: Task | None = None


def examples_of(trainer: Trainer) -> Examples:
    """Return the examples of a trainer."""
    module, _, function = trainer.contract_examples.partition(":")
    found: Examples = getattr(import_module(module), function)(trainer) if module else Examples()
    return found
