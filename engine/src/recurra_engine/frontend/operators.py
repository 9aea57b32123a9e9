"""What is asked of operators while a step is read: their names, arguments, tensors and lines."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor

NOT_OF_A_STEP = (str(Path(torch.__file__).parent), str(Path(__file__).parent), "<")


def line_of_step() -> str:
    """Return `file:line` of what is running, of the innermost line outside of torch and the engine."""
    return line_in(frame for frame, _ in traceback.walk_stack(None))


def line_in(frames: Iterable[FrameType]) -> str:
    """Return `file:line` of the first frame outside of torch and the engine."""
    for frame in frames:
        path = Path(frame.f_code.co_filename)
        if not frame.f_code.co_filename.startswith(NOT_OF_A_STEP):
            shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
            return f"{shown}:{frame.f_lineno}"
    return ""


def place_of(tensor: Tensor) -> int:
    """Return the address of the memory that a tensor looks at."""
    return tensor.untyped_storage().data_ptr()


def name_of(func: Any) -> str:
    """Return an operator's name, without its overload."""
    name: str = func.name().split("::")[1].split(".")[0]
    return name


def bound(func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return all arguments of a call by name, those that were not given among them."""
    known = func._schema.arguments
    usual = {argument.name: argument.default_value for argument in known if argument.has_default_value()}
    return usual | dict(zip((argument.name for argument in known), args, strict=False)) | kwargs


def functional(func: Any) -> Any:
    """Return the operator that gives a new tensor instead of changing one."""
    packet = getattr(torch.ops.aten, name_of(func).removesuffix("_"), None)
    for overload in (func._overloadname, "default"):
        if packet is not None and overload != "out" and overload in packet.overloads():
            return getattr(packet, overload)
    return func


def tensors_in(values: Any) -> Iterator[Tensor]:
    """Return the tensors among values, and in lists and dictionaries among them."""
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from tensors_in(value)
        elif isinstance(value, dict):
            yield from tensors_in(value.values())


def listed(value: Any) -> list[Any]:
    """Return a list, or a list of the one thing."""
    return list(value) if isinstance(value, (list, tuple)) else [value]
