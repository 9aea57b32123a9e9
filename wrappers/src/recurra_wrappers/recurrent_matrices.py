"""Which weights of a cell are recurrent matrices, found by watching one step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from recurra import Cell, map_state
from recurra_wrappers.base import floating

PRODUCTS = ("linear", "matmul", "__matmul__", "__rmatmul__", "mm", "mv", "bmm", "addmm", "einsum", "bilinear")


def recurrent_matrices(cell: Cell[Any]) -> dict[str, Tensor]:
    """Return the matrices through which the old state of a cell reaches the new one, by name.

    These are its parameters (..., n, m) that a step multiplies with something that depends on the state, and
    on which the next state depends; slices and transposes of a parameter count as the parameter. What a step
    first computes from weights, such as a masked matrix, is none, and neither is an elementwise weight.

    One step on zeros in evaluation mode is watched; the cell is left as it was.
    """
    weights = {name: p.detach() for name, p in cell.named_parameters() if p.dim() > 1}
    with evaluating(cell), torch.enable_grad():
        multiplied = _multiplied_with_state(cell, weights)
        reaching = _reach_next_state(cell, {name: weights[name] for name in weights if name in multiplied})
    return {name: cell.get_parameter(name) for name in reaching}


@contextmanager
def evaluating(cell: nn.Module) -> Iterator[None]:
    """Put a module into evaluation mode for as long as this lasts, and every part back into its own mode."""
    training = {module: module.training for module in cell.modules()}
    cell.eval()
    try:
        yield
    finally:
        for module, was in training.items():
            module.training = was


class _Step(nn.Module):
    def __init__(self, cell: Cell[Any]) -> None:
        super().__init__()
        self.cell = cell

    def forward(self, x: Tensor, state: Any) -> Any:
        return self.cell.step(x, state)[1]


def _next_state(cell: Cell[Any], weights: Mapping[str, Tensor], *, follow_state: bool) -> Any:
    def start(leaf: Tensor) -> Tensor:
        return leaf.detach().clone().requires_grad_(follow_state and leaf.is_floating_point())

    # All parameters are given, without gradient unless they say so: then only the state is followed.
    given = {f"cell.{name}": p.detach() for name, p in cell.named_parameters()}
    given |= {f"cell.{name}": w for name, w in weights.items()}
    state = map_state(start, cell.initial_state(1))
    return functional_call(_Step(cell), given, (cell.zeros(1, cell.input_size), state))


def _multiplied_with_state(cell: Cell[Any], weights: Mapping[str, Tensor]) -> set[str]:
    watch = _Watch(weights)
    with watch:
        _next_state(cell, weights, follow_state=True)
    return watch.found


class _Watch(TorchFunctionMode):
    """Notes which weights are multiplied with a tensor that requires a gradient."""

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        # A view of a weight has its storage.
        self.names = {_storage(w): name for name, w in weights.items()}
        self.found: set[str] = set()

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        factors = _factors(getattr(function, "__name__", ""), args, kwargs or {})
        if any(t.requires_grad for t in factors):
            known = (self.names.get(_storage(t)) for t in factors)
            self.found |= {name for name in known if name}
        return function(*args, **(kwargs or {}))


def _factors(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[Tensor]:
    if name.endswith("_cell"):  # of `nn.GRUCell` and the like: x, h, weights of x, weights of h, biases
        args = (args[1], args[3])
    elif name not in PRODUCTS:
        return []
    return [part for part in tree_leaves((args, kwargs)) if isinstance(part, Tensor)]


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _reach_next_state(cell: Cell[Any], weights: Mapping[str, Tensor]) -> list[str]:
    followed = {name: w.clone().requires_grad_() for name, w in weights.items()}
    after = floating(_next_state(cell, followed, follow_state=False))
    moved = [leaf.sum() for leaf in after.values() if leaf.requires_grad]
    if not moved:
        return []
    gradients = torch.autograd.grad(torch.stack(moved).sum(), list(followed.values()), allow_unused=True)
    return [name for name, gradient in zip(followed, gradients, strict=True) if gradient is not None]


def state_widths(cell: Cell[Any]) -> set[int]:
    """Return the last sizes of all floating-point tensors of a cell's state."""
    return {leaf.shape[-1] for leaf in floating(cell.initial_state(1)).values()}
