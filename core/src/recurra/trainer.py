"""The trainer: a learning rule, run by Lightning."""

from __future__ import annotations

import abc
from typing import Any

from recurra.cell import Cell, Network
from recurra.config.options import Configurable
from recurra.task import Task


class Trainer(Configurable, abc.ABC):
    """A learning rule: it turns a model and a task into a Lightning module.

    Lightning is imported by `module` only, so that a rule's options can be listed without it.
    """

    @abc.abstractmethod
    def lightning_module(self, model: Network, task: Task, seed: int) -> Any:
        """Return the Lightning module that teaches the model the task by this rule.

        Raises:
            IncompatibleParts: The rule cannot teach this model, by the tags of its cell.
        """

    def contract_cell(self) -> type[Cell[Any]] | None:
        """Return a small cell that the rule can teach, for the checks of its contract.

        None, for any cell, unless the rule needs something of a cell that few have.
        """
        return None

    @classmethod
    def contract_task(cls) -> Task | None:
        """Return a small task that the rule can teach, for the checks of its contract.

        None, for any task, unless the rule needs something of a task that few have.
        """
        return None

    def lightning_options(self) -> dict[str, Any]:
        """Return arguments of `pl.Trainer` that this rule wants; the user's own win."""
        return {}
