"""A package's public names, listed once, in its type stub, and imported when they are first used."""

from __future__ import annotations

import ast
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any


def attach(package: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return `__getattr__`, `__dir__` and `__all__` for the package whose `__init__.pyi` imports its names.

    Args:
        package: Its name, `__name__`.
        file: Its `__file__`; the stub lies beside it.
    """
    home_of = _home_of(Path(file).with_suffix(".pyi"))

    def __getattr__(name: str) -> Any:
        if name not in home_of:
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        home = import_module(home_of[name])
        return getattr(home, name) if hasattr(home, name) else import_module(f"{home_of[name]}.{name}")

    return __getattr__, lambda: sorted(home_of), sorted(home_of)


def _home_of(stub: Path) -> dict[str, str]:
    imports = [node for node in ast.parse(stub.read_text("utf-8")).body if isinstance(node, ast.ImportFrom)]
    return {alias.name: str(node.module) for node in imports for alias in node.names}
