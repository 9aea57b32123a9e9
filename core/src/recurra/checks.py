"""Input validation of `SequenceLayer.forward`: one clear sentence instead of an error from torch."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from recurra.errors import InvalidInput
from recurra.rng import preserve_rng_state
from recurra.state import Structure, first_tensor, misfit, mixes_precisions, structure_of

INTEGER_DTYPES = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)


def check_input(module: Any, x: Tensor) -> None:
    """Reject an input that would fail, or silently broadcast, in a step."""
    who, wanted = type(module).__name__, f"(batch, time, {module.input_size})"
    if not isinstance(x, Tensor):
        raise InvalidInput(f"{who}: x must be a tensor {wanted}, got {type(x).__name__}")
    if x.dim() != 3 or x.shape[-1] != module.input_size:
        raise InvalidInput(f"{who}: x must be {wanted}, got {tuple(x.shape)}")
    if not x.is_floating_point():
        raise InvalidInput(f"{who}: x must be floating-point, got {x.dtype}; tokens need an embedding")
    _check_placement(who, module, x)


def _check_placement(who: str, module: Any, x: Tensor) -> None:
    like = first_tensor(module)
    where = "the parameters are" if isinstance(like, nn.Parameter) else "the layer is"
    if like.device != x.device:
        raise InvalidInput(f"{who}: x is on {x.device} but {where} on {like.device}; move one of them")
    if like.dtype != x.dtype and not mixes_precisions(x):
        raise InvalidInput(f"{who}: x is {x.dtype} but {where} {like.dtype}; convert one of them")


def checked_lengths(module: Any, x: Tensor, lengths: Tensor | None) -> Tensor | None:
    """Return valid lengths on the device of x (B, T, I), or None where every row has all T steps.

    They are int64 whatever was given: arithmetic in a small integer type wraps around.
    """
    if lengths is None:
        return None
    who, (batch_size, steps) = type(module).__name__, x.shape[:2]
    _check_kind_of_lengths(who, batch_size, lengths)
    if torch.compiler.is_compiling():  # a trace knows no values; the operator in a compiled graph checks them
        return lengths.to(x.device, torch.int64)
    if not batch_size:
        return None
    # Both ends are read at once, since reading a number of a GPU waits for all its work.
    shortest, longest = torch.stack(lengths.aminmax()).tolist()
    if not 0 <= shortest <= longest <= steps:
        span = f"{shortest} to {longest}"
        raise InvalidInput(f"{who}: lengths must lie between 0 and the {steps} steps of x, got {span}")
    return None if shortest == steps else lengths.to(x.device, torch.int64)


def _check_kind_of_lengths(who: str, batch_size: int, lengths: Any) -> None:
    is_tensor = isinstance(lengths, Tensor)
    if is_tensor and lengths.shape == (batch_size,) and lengths.dtype in INTEGER_DTYPES:
        return  # before the message: a compiled graph whose text names a size is for that size
    got = f"{tuple(lengths.shape)} of {lengths.dtype}" if is_tensor else type(lengths).__name__
    raise InvalidInput(f"{who}: lengths must be a tensor ({batch_size},) of integers, got {got}")


def checked_resets(module: Any, x: Tensor, resets: Tensor | None) -> Tensor | None:
    """Return valid resets (B, T) on the device of x (B, T, I)."""
    if resets is None:
        return None
    who, wanted = type(module).__name__, tuple(x.shape[:2])
    if not isinstance(resets, Tensor):
        raise InvalidInput(f"{who}: resets must be a tensor {wanted}, got {type(resets).__name__}")
    if resets.dtype != torch.bool or tuple(resets.shape) != wanted:
        got = f"{tuple(resets.shape)} of {resets.dtype}"
        raise InvalidInput(f"{who}: resets must be {wanted} of torch.bool, got {got}")
    return resets.to(x.device)


def check_generator(module: Any, x: Tensor, rng: Any) -> None:
    """Reject a generator that no step on the device of x would draw from."""
    who = type(module).__name__
    if not isinstance(rng, torch.Generator):
        raise InvalidInput(f"{who}: rng must be a torch.Generator, got {type(rng).__name__}")
    if x.device.type not in ("cpu", "cuda"):
        raise InvalidInput(f"{who}: rng supports CPU and CUDA, but x is on {x.device}; seed torch instead")
    if rng.device != x.device:
        message = f"rng is on {rng.device} but x is on {x.device}"
        raise InvalidInput(f"{who}: {message}; create it with torch.Generator('{x.device}')")


_structures: WeakKeyDictionary[nn.Module, tuple[Any, Structure]] = WeakKeyDictionary()
"""The structure of each module's states, beside what it depends on."""


def check_state(module: Any, state: Any, batch_size: int) -> None:
    """Reject a state whose structure, shapes, dtypes or devices differ from those of the initial state.

    The initial state, which may be large or drawn, is computed for the first given state only, and again for
    one that does not fit: the module may have changed.
    """
    if torch.compiler.is_compiling():  # what is remembered, and generators, are out of reach of a trace
        return _refuse_misfit(state, structure_of(module.initial_state(batch_size)), batch_size)
    tensors = tuple((t.shape, t.dtype, t.device) for t in (*module.parameters(), *module.buffers()))
    key, (known, structure) = (module.training, tensors), _structures.get(module, (None, {}))
    if key == known and misfit(state, structure, batch_size) is None:
        return None
    with torch.no_grad(), preserve_rng_state():
        structure = structure_of(module.initial_state(batch_size))
    _structures[module] = key, structure
    return _refuse_misfit(state, structure, batch_size)


def _refuse_misfit(state: Any, structure: Structure, batch_size: int) -> None:
    message = misfit(state, structure, batch_size)
    if message is not None:
        raise InvalidInput(message)
