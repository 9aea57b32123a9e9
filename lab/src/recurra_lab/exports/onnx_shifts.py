"""Shifts of integers that are not negative; ONNX has shifts of unsigned integers only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


def _left(number: Any, places: Any) -> Any:
    op = _operators()
    return op.Mul(number, op.Pow(op.CastLike(2, number), places))


def _right(number: Any, places: Any) -> Any:
    op = _operators()
    return op.Div(number, op.Pow(op.CastLike(2, number), places))


def _operators() -> Any:
    from onnxscript import opset20

    return opset20


SHIFTS: dict[Callable[..., Any], Callable[..., Any]] = {
    torch.ops.aten.__lshift__.Tensor: _left,
    torch.ops.aten.__lshift__.Scalar: _left,
    torch.ops.aten.__rshift__.Tensor: _right,
    torch.ops.aten.__rshift__.Scalar: _right,
}
"""Operator of torch -> what it is in ONNX."""
