"""The trainer: a learning rule, run by Lightning."""

from __future__ import annotations

import abc
from typing import Any, ClassVar

from recurra.cell import Network
from recurra.config.options import Configurable
from recurra.task import Task


class Trainer(Configurable, abc.ABC):
    """A learning rule: it turns a model and a task into a Lightning module.

    Lightning is imported by `lightning_module` only, so that a rule's options can be listed without it.
    """

    contract_examples: ClassVar[str] = ""
    """`module:function` with what the contract is checked on, of a rule that needs a special cell or task.

    The function takes the trainer and returns `recurra_contract.Examples`; only the contract kit imports it.
    """

    supports_environments: ClassVar[bool] = False
    """Whether the rule can learn an `Environment`, which provides rewards instead of targets."""

    @abc.abstractmethod
    def lightning_module(self, model: Network, task: Task, seed: int) -> Any:
        """Return the Lightning module that trains the model on the task by this rule.

        Raises:
            IncompatibleParts: The rule cannot train this model, by the tags of its cell.
        """

    def lightning_options(self) -> dict[str, Any]:
        """Return arguments of `pl.Trainer` that this rule needs; those that the user sets override them."""
        return {}
