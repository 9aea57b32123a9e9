"""From Triton source to something that can be launched."""

from __future__ import annotations

import functools
import importlib.util
import itertools
import linecache
from typing import Any

_numbers = itertools.count()


def missing() -> str | None:
    """Return why kernels cannot be built here, or None."""
    if importlib.util.find_spec("triton") is None:
        return "triton is not installed"
    return None


@functools.lru_cache(maxsize=512)
def built(text: str) -> Any:
    """Return the function `kernel` of a module with this text."""
    # Triton reads a function's source again, so Python must be able to find it; no file is needed for that.
    name = f"<recurra kernel {next(_numbers)}>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    module: dict[str, Any] = {"__name__": "recurra_engine.cuda.generated"}
    exec(compile(text, name, "exec"), module)
    return module["kernel"]
