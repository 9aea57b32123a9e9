"""What `torch.compile` traces instead of a sequence call, where an engine offers it.

Imported while torch.compile is tracing, since torch's decorator below imports its compiler.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from recurra.plugins.engines import engines

_captures: dict[str, Any] = {}


def captured(
    cell: Any, x: Tensor, state: Any, lengths: Tensor | None, resets: Tensor | None, states: bool
) -> tuple[Tensor, Any] | None:
    """Run a cell as `sequence.run` does, as an engine captures it, or return None if none can."""
    if not hasattr(cell, "_transforms"):
        return None
    for name in _capturing():
        result: tuple[Tensor, Any] = _captures[name](cell, x, state, lengths, resets, states)
        if result is not NotImplemented:
            return result
    return None


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def _capturing() -> tuple[str, ...]:
    """Return the engines that capture sequences."""
    found = {name: engine.capture for name, engine in engines().loaded.items() if hasattr(engine, "capture")}
    _captures.update(found)
    return tuple(found)
