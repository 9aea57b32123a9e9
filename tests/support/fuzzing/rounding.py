"""How much of a difference rounding explains: results in arithmetic whose every operation errs at random.

A step that divides by what is almost zero, or rounds to whole numbers, makes much of the last bit, and no two
ways to compute it agree. Monte Carlo arithmetic finds such steps: the loop is run again and again, and every
result of every operation, on the way forward and back, is changed in its last bit by chance. What then
differs between runs of one program may differ between two programs.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

_EXACT = """
    _to_copy abs alias amax amin arange cat ceil clamp clamp_max clamp_min clone constant_pad_nd copy
    cummax cummin detach diag_embed empty empty_like expand expand_as eye fill flip floor full full_like
    gather hardtanh heaviside index index_copy index_put index_select kthvalue lift_fresh masked_fill
    max maximum median min minimum nan_to_num neg new_empty new_full new_ones new_zeros ones ones_like
    relu repeat roll round scalar_tensor scatter select_backward sign slice_backward sort split stack t
    threshold threshold_backward topk tril triu trunc unfold_backward value_selecting_reduction_backward
    where zero zeros zeros_like
"""
EXACT = frozenset(_EXACT.split())
"""Operators that only move or choose numbers, or whose results are whole."""


class Rounded(TorchDispatchMode):
    """Changes the results of operators in their last bit.

    Args:
        seed: Of the changes.
        scale: How many units in the last place, at most.
    """

    def __init__(self, seed: int, scale: float = 1.0) -> None:
        super().__init__()
        self.generator = torch.Generator().manual_seed(seed)
        self.scale = scale

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        name = func.name().split("::")[1].split(".")[0]
        exact = name in EXACT or func._schema.is_mutable or func.is_view
        return made if exact else tree_map_only(Tensor, self._changed, made)

    def _changed(self, made: Tensor) -> Tensor:
        if not (made.is_floating_point() or made.is_complex()):
            return made
        real = made.real.dtype if made.is_complex() else made.dtype
        noise = torch.rand(made.shape, generator=self.generator, dtype=torch.float64) * 2 - 1
        return made * (1 + self.scale * torch.finfo(real).eps * noise).to(real)


def spread(run: Any, exact: dict[str, Tensor | None], samples: int) -> dict[str, Tensor]:
    """Return, for each result of a function, how far it is at most from what it is without changes."""
    found: dict[str, Tensor] = {}
    for seed in range(samples):
        with Rounded(seed):
            results = run()
        for name, value in results.items():
            if value is not None and exact[name] is not None:
                apart = _apart(value.detach(), exact[name])
                found[name] = torch.maximum(found.get(name, torch.zeros_like(apart)), apart)
    return found


def _apart(a: Tensor, b: Tensor) -> Tensor:
    """Return how far numbers are apart: nothing where both are the same infinity or NaN, else infinitely."""
    same = (a == b) | (a.isnan() & b.isnan())
    return torch.where(same, 0.0, (a.double() - b.double()).abs().nan_to_num(torch.inf, torch.inf, torch.inf))
