"""The gradient of a shared matrix, as one product over all steps and rows."""

from __future__ import annotations

import ctypes
from functools import lru_cache
from importlib.resources import files
from typing import Any

import torch
from torch import Tensor

from recurra_engine import eager
from recurra_engine.cpu.cache import load

FEW = 16
"""Sides narrower than this are left to torch, which is as fast there."""


def outer(a: Tensor, g: Tensor, rows: Tensor | None = None) -> Tensor:
    """Return sum of a^T g over (these) rows: (R, K), (R, J) -> (K, J)."""
    if min(a.shape[1], g.shape[1]) < FEW or not a.shape[0]:
        return eager.outer(a, g, rows)
    a, g = (side if side.stride(1) == 1 else side.contiguous() for side in (a, g))
    k, count = a.shape[1], a.shape[0] if rows is None else rows.shape[0]
    result = a.new_zeros(k, g.shape[1])
    sides = (a.data_ptr(), a.stride(0), g.data_ptr(), g.stride(0))
    index = None if rows is None else rows.data_ptr()
    size = (count, k, g.shape[1], result.data_ptr(), torch.get_num_threads())
    failed = _function(a.dtype == torch.float32)(*sides, index, *size)
    if failed:
        raise MemoryError("out of memory for the gradient of a matrix")
    return result


@lru_cache
def _function(single: bool) -> Any:
    here = files("recurra_engine.cpu")
    parts = [here.joinpath(name).read_text() for name in ("kernels.h", "products.h")]
    function = load(
        "\n".join([f"#define REAL_IS_FLOAT {int(single)}", *parts]), name="products"
    ).outer_product
    pointer, number = ctypes.c_void_p, ctypes.c_long
    function.argtypes = [pointer, number, pointer, number, pointer, number, number, number, pointer, number]
    function.restype = ctypes.c_int
    return function
