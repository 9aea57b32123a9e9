"""The contract of memories, in addition to the contract of the cell around them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from recurra.config.ref import plain
from recurra.memory import Memory
from recurra.state import leaves, map_state
from recurra_contract.cells.probes import learnable
from recurra_contract.kit import CheckFailed, Make, Skip

BATCH = 4
SIZES = (0.0, 1.0, 1e2, 1e6)
TOLERANCES = {torch.float64: 1e-12, torch.float32: 1e-5, torch.bfloat16: 3e-2}


def _made(make: Make, dtype: torch.dtype = torch.float64) -> Memory[Any]:
    torch.manual_seed(0)
    memory: Memory[Any] = make()
    return memory.to(dtype).eval()


def _raw(memory: Memory[Any], scale: float, dtype: torch.dtype = torch.float64) -> Tensor:
    rng = torch.Generator().manual_seed(1)
    drawn = torch.randn(BATCH, memory.input_size, generator=rng, dtype=torch.float64)
    return (scale * drawn).to(dtype)


def _filled(memory: Memory[Any], value: float) -> Any:
    def fill(leaf: Tensor) -> Tensor:
        return torch.full_like(leaf, value) if leaf.is_floating_point() else leaf

    return map_state(fill, memory.initial_state(BATCH))


def check_initial_read(make: Make) -> None:
    """The initial read is (B, O) and the same for every sequence."""
    memory = _made(make)
    if not isinstance(memory, Memory):
        raise CheckFailed(f"{type(memory).__name__} is not a recurra.Memory")
    read = memory.initial_read(BATCH)
    if read.shape != (BATCH, memory.output_size):
        raise CheckFailed(
            f"initial_read has shape {tuple(read.shape)}, expected {(BATCH, memory.output_size)}"
        )
    if not torch.equal(read, read[:1].expand_as(read)):
        raise CheckFailed("initial_read differs between sequences")


def check_memory_options(make: Make) -> None:
    """The options survive JSON, and a memory built from them has the same parameters."""
    memory = _made(make)
    again = type(memory)(**json.loads(json.dumps(plain(memory.options))))
    shapes = [{name: tuple(t.shape) for name, t in m.state_dict().items()} for m in (memory, again)]
    if shapes[0] != shapes[1]:
        raise CheckFailed(f"its options {memory.options} create other parameters: {shapes[1]}")


def check_weightings(make: Make) -> None:
    """Every diagnostic named `weighting` is a distribution, for inputs of mixed sizes up to 1e6."""
    for dtype, tolerance in TOLERANCES.items():
        memory = _made(make, dtype)
        _check_weightings(memory, memory.initial_state(BATCH), f"at first in {dtype}", tolerance)
        for what, v in _raw_of_all_sizes(memory, dtype):
            state = memory.initial_state(BATCH)
            for sign in (1, -1, 1):
                _, state = memory.step(sign * v, state)
                _check_weightings(memory, state, f"{what} in {dtype}", tolerance)


def _raw_of_all_sizes(memory: Memory[Any], dtype: torch.dtype) -> Iterator[tuple[str, Tensor]]:
    """Yield inputs of each size, then some in which every number has a size of its own."""
    for scale in SIZES:
        yield f"at {scale:g}", _raw(memory, scale, dtype)
    v, rng = _raw(memory, 1.0), torch.Generator().manual_seed(2)
    for _ in range(8):
        pick = torch.randint(len(SIZES), v.shape, generator=rng)
        yield "at mixed sizes", (v * torch.tensor(SIZES, dtype=v.dtype)[pick]).to(dtype)


def _check_weightings(memory: Memory[Any], state: Any, where: str, tolerance: float) -> None:
    named = {name: view for name, view in memory.diagnostics(state).items() if "weighting" in name}
    if not named:
        raise Skip("none of its diagnostics has `weighting` in its name")
    for name, view in named.items():
        _check_distribution(f"{name} {where}", view.double(), tolerance)


def _check_distribution(what: str, w: Tensor, tolerance: float) -> None:
    if not bool((w >= 0).all()):
        raise CheckFailed(f"{what} has a negative or NaN weight")
    worst = float((w.detach().sum(-1) - 1).abs().max())
    if worst > tolerance:
        raise CheckFailed(f"{what} sums to one only within {worst:.2g}")


def check_extreme_contents(make: Make) -> None:
    """Contents and inputs that are zero or very large give finite results."""
    memory = _made(make, torch.float32)
    for value in (0.0, 1e-38, 1e10):
        for scale in (0.0, 1e4):
            r, state = memory.step(_raw(memory, scale, torch.float32), _filled(memory, value))
            for name, tensor in (("r", r), *leaves(state)):
                if not torch.isfinite(tensor).all():
                    message = f"contents of {value:g} and inputs of {scale:g}"
                    raise CheckFailed(f"{message} give non-finite values in {name}")


def check_finite_gradients(make: Make) -> None:
    """Gradients of inputs, parameters and contents are finite if these are zero, tiny or very large."""
    memory = _made(make, torch.float32)
    learnable(memory)
    for scale in (0.0, 1e-6, 1e3, 1e6):
        v = _raw(memory, scale, torch.float32)
        _check_gradients(f"inputs of {scale:g}", memory, v, memory.initial_state(BATCH))
        for value in (0.0, 1e-38, 1e10):
            what = f"inputs of {scale:g} and contents of {value:g}"
            _check_gradients(what, memory, v, _filled(memory, value))


def _check_gradients(what: str, memory: Memory[Any], v: Tensor, state: Any) -> None:
    learned = {name: p for name, p in memory.named_parameters() if p.requires_grad}
    contents = {name: leaf for name, leaf in leaves(state) if leaf.is_floating_point()}
    named = {"v": v, **contents, **learned}
    for tensor in named.values():
        tensor.requires_grad_()
    _, after = memory.step(v, state)
    r, _ = memory.step(v, after)
    found = torch.autograd.grad(r.sum(), list(named.values()), allow_unused=True)
    for name, gradient in zip(named, found, strict=True):
        if gradient is not None and not torch.isfinite(gradient).all():
            raise CheckFailed(f"{what} give {name} a non-finite gradient")


def check_nothing_leaks(make: Make) -> None:
    """A new sequence is not affected by any other, in the same batch or before."""
    memory = _made(make)
    v = _raw(memory, 1.0)
    first, state = memory.step(v, memory.initial_state(BATCH))
    for _ in range(3):
        _, state = memory.step(3 * v, state)
    again, _ = memory.step(v, memory.initial_state(BATCH))
    if not torch.equal(first, again):
        raise CheckFailed("a new sequence reads different values after another one was written")
    v[0] += 1
    beside, _ = memory.step(v, memory.initial_state(BATCH))
    if not torch.equal(first[1:], beside[1:]):
        raise CheckFailed("a sequence reads different values when another one in its batch changes")


def check_it_remembers(make: Make) -> None:
    """Earlier inputs change later reads."""
    memory = _made(make)
    v = _raw(memory, 1.0)
    reads = []
    # Of v and −v alone, a sum of products v kᵀ would hold the same.
    for earlier in (v, -v, 2 * v):
        _, state = memory.step(earlier, memory.initial_state(BATCH))
        reads.append(memory.step(v, state)[0])
    if all(torch.equal(reads[0], read) for read in reads[1:]):
        raise CheckFailed("reads do not depend on what was written before")
