"""A state is a tree of tensors: NamedTuples, nested at will, with the batch on axis 0 of every leaf."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from recurra.errors import InvalidInput

State = Any
"""A tensor, or a tuple (usually a NamedTuple) of states."""

S = TypeVar("S")


class NoState(NamedTuple):
    """The state of a cell that remembers nothing."""


def map_state(function: Callable[..., Tensor], state: S, *others: Any) -> S:
    """Apply a function leaf by leaf to states of one structure; the result has that structure."""
    if isinstance(state, Tensor):
        return function(state, *others)  # type: ignore[return-value]
    assert isinstance(state, tuple)
    parts = (map_state(function, *parts) for parts in zip(state, *others, strict=True))
    return type(state)(*parts) if hasattr(state, "_fields") else type(state)(parts)


def leaves(state: State, name: str = "state") -> Iterator[tuple[str, Tensor]]:
    """Yield every tensor of a state with its dotted name, such as `state.memory.M`.

    Raises:
        InvalidInput: A part is neither a tensor nor a tuple.
    """
    if isinstance(state, Tensor):
        yield name, state
        return
    if not isinstance(state, tuple):
        raise InvalidInput(f"{name} must be a tensor or a tuple of states, got {type(state).__name__}")
    fields = getattr(state, "_fields", range(len(state)))
    for field, part in zip(fields, state, strict=True):
        yield from leaves(part, f"{name}.{field}")


def detach(state: S) -> S:
    """Detach a state from its graph: the same values without a gradient."""
    return map_state(Tensor.detach, state)


def select(live: Tensor, new: S, old: S) -> S:
    """Take `new` in the rows where `live` (B,) is true and `old` elsewhere."""
    return map_state(lambda n, o: torch.where(live.view(-1, *[1] * (n.dim() - 1)), n, o), new, old)


class Leaf(NamedTuple):
    """What a tensor of a state is like: its sizes for one sequence, its dtype and its device."""

    sizes: tuple[int, ...]
    dtype: torch.dtype
    device: torch.device


Structure = Mapping[str, Leaf]
"""The tensors of a state by their dotted names, whatever the batch."""


def structure_of(state: State) -> Structure:
    """Return the structure of a state; errors as in `leaves`."""
    return {name: Leaf(tuple(t.shape[1:]), t.dtype, t.device) for name, t in leaves(state)}


def misfit(state: State, structure: Structure, batch_size: int) -> str | None:
    """Return how a state of a batch differs from a structure, or None.

    Raises:
        InvalidInput: A part is neither a tensor nor a tuple.
    """
    got = dict(leaves(state))
    if got.keys() != structure.keys():
        names = ", ".join(structure) or "none"
        return f"state must have the tensors {names}, got {', '.join(got) or 'none'}"
    message = (_misfit_of_leaf(name, got[name], leaf, batch_size) for name, leaf in structure.items())
    return next((sentence for sentence in message if sentence), None)


def _misfit_of_leaf(name: str, got: Tensor, want: Leaf, batch_size: int) -> str | None:
    shape = (batch_size, *want.sizes)
    if got.shape != shape:
        return f"{name} must have shape {shape}, got {tuple(got.shape)}"
    if got.device != want.device:
        return f"{name} must be on {want.device}, got {got.device}"
    if got.dtype != want.dtype and not (got.is_floating_point() and mixes_precisions(got)):
        return f"{name} must be {want.dtype}, got {got.dtype}"
    return None


def mixes_precisions(tensor: Tensor) -> bool:
    """Return whether autocast, which mixes precisions, is enabled on the device of a tensor."""
    device = tensor.device.type
    return torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)


def in_precision_of(old: S, new: Any) -> S:
    """Return a new state in the dtypes of the one it replaces, which autocast may have lowered."""
    return map_state(lambda before, after: after.to(before.dtype), old, new)


def first_tensor(module: nn.Module) -> Tensor:
    """Return a tensor with the device and the dtype of a module: its first parameter, else its first buffer.

    Every module with a `SequenceLayer` in it has one, since each of these has an anchor.
    """
    return next(t for t in chain(module.parameters(), module.buffers()) if t.is_floating_point())


def placement(module: nn.Module) -> dict[str, Any]:
    """Return device and dtype of what a module computes, as arguments of torch's functions."""
    like = first_tensor(module)
    return {"device": like.device, "dtype": like.dtype}
