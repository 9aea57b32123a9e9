"""Engines that capture sequences; imported while torch.compile traces, since it imports torch's compiler."""

from typing import Any

import torch

from recurra.plugins.engines import engines

captures: dict[str, Any] = {}


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def capturing() -> tuple[str, ...]:
    """Return the engines that capture sequences; their functions are in `captures`."""
    loaded = engines().loaded.items()
    captures.update({name: engine.capture for name, engine in loaded if hasattr(engine, "capture")})
    return tuple(captures)
