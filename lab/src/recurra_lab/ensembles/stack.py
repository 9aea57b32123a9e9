"""The tensors of several learning modules of one architecture, stacked; and one module that can be each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from recurra_lab.training.gradient_rule import GradientRule

Tensors = Mapping[str, Tensor]


class Stack:
    """P modules as their stacked tensors, and one module whose tensors can be those of any of them.

    Args:
        rule: The module that stands for all.
        each: The tensors of each module, as `tensors_of` returns them.

    Attributes:
        tensors: Name -> (P, ...); parameters are parameters again, which an optimizer can train.
    """

    def __init__(self, rule: GradientRule, each: Sequence[Tensors]) -> None:
        self.rule, self._own = rule, tensors_of(rule)
        self.tensors = {name: _stacked(own, [one[name] for one in each]) for name, own in self._own.items()}

    @property
    def parameters(self) -> list[nn.Parameter]:
        """The stacked parameters."""
        return [tensor for tensor in self.tensors.values() if isinstance(tensor, nn.Parameter)]

    @property
    def weights(self) -> dict[str, Tensor]:
        """Parameters and buffers of the models: name -> (P, ...)."""
        known = self.tensors.items()
        return {name.removeprefix("model."): tensor for name, tensor in known if name.startswith("model.")}

    def parameter_groups(self) -> list[dict[str, object]]:
        """Return the parameter groups of the module with stacked parameters."""
        stacked = {id(own): self.tensors[name] for name, own in self._own.items()}
        groups = list(self.rule.parameter_groups())
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        return [group | {"params": [stacked[id(own)] for own in group["params"]]} for group in groups]

    def optimized(self) -> list[Tensor]:
        """Return the stacked parameters in the order of an optimizer's state."""
        return [weight for group in self.parameter_groups() for weight in group["params"]]  # type: ignore[attr-defined]

    def one(self, i: int) -> dict[str, Tensor]:
        """Return copies of the tensors of module i."""
        return {name: tensor.detach()[i].clone() for name, tensor in self.tensors.items()}

    def turn(self, i: int) -> GradientRule:
        """Return the module with the tensors of module i, which share their memory with the stack."""
        return self.turn_to({name: tensor.detach()[i] for name, tensor in self.tensors.items()})

    def turn_to(self, tensors: Tensors) -> GradientRule:
        """Return the module with these tensors."""
        for name, own in self._own.items():
            own.data = tensors[name]
        return self.rule

    def keep(self, rows: Sequence[int], optimizers: Iterable[Optimizer]) -> None:
        """Keep some of the modules, with their part of the optimizers' state."""
        kept = {name: _stacked(self._own[name], tensor[list(rows)]) for name, tensor in self.tensors.items()}
        # New parameters: autograd remembers the shape of one that was trained.
        moved = {id(tensor): kept[name] for name, tensor in self.tensors.items()}
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                for old in group["params"]:
                    _move(optimizer.state, old, moved[id(old)], rows)
                group["params"] = [moved[id(old)] for old in group["params"]]
        self.tensors = kept


def _move(states: MutableMapping[Tensor, Any], old: Tensor, new: Tensor, rows: Sequence[int]) -> None:
    if old in states:
        state = states.pop(old).items()
        states[new] = {name: v[list(rows)] if _is_of_each(v, old) else v for name, v in state}


def tensors_of(module: nn.Module) -> dict[str, Tensor]:
    """Return parameters and buffers by name."""
    return dict(module.named_parameters()) | dict(module.named_buffers())


def _stacked(like: Tensor, values: Iterable[Tensor]) -> Tensor:
    value = torch.stack([value.detach() for value in values])
    return nn.Parameter(value, like.requires_grad) if isinstance(like, nn.Parameter) else value


def _is_of_each(value: object, weight: Tensor) -> bool:
    """Say whether an optimizer keeps such a value for every number of a weight."""
    return isinstance(value, Tensor) and value.shape == weight.shape


def split_optimizer(state: Mapping[str, object], weights: Sequence[Tensor], i: int) -> dict[str, object]:
    """Return the state of the optimizer that would train module i alone.

    Args:
        state: The state of the optimizer of a stack.
        weights: Its stacked parameters, in order.
        i: The module.
    """
    numbered = state["state"]
    assert isinstance(numbered, Mapping)
    own = {
        number: {
            name: value[i].clone() if _is_of_each(value, weights[number]) else value
            for name, value in values.items()
        }
        for number, values in numbered.items()
    }
    return {**state, "state": own}


def join_optimizers(states: Sequence[Mapping[str, object]], weights: Sequence[Tensor]) -> dict[str, object]:
    """Return the state of the optimizer of a stack; see `split_optimizer`."""
    numbered = [state["state"] for state in states]
    assert all(isinstance(each, Mapping) for each in numbered)
    first: Mapping[int, Mapping[str, object]] = numbered[0]  # type: ignore[assignment]
    own = {
        number: {
            name: _joined([each[number][name] for each in numbered], weights[number], name)  # type: ignore[index]
            for name in values
        }
        for number, values in first.items()
    }
    return {**states[0], "state": own}


def _joined(values: Sequence[object], weight: Tensor, name: str) -> object:
    first = values[0]
    # The number of updates looks like what is kept of a weight that is a single number.
    if isinstance(first, Tensor) and first.shape == weight.shape[1:] and name != "step":
        return torch.stack([value for value in values if isinstance(value, Tensor)])
    return first
