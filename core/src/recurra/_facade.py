"""A package's public names, listed once, in its type stub, and imported when they are first used."""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any


def attach(package: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__getattr__`, which gives `__all__` too, and `__dir__` of a package whose stub lists its names.

    A name that the stub imports from another package is what the entry-point group `PACKAGE.names` offers
    under it, so that the package does not depend on the other; it is not in `__dir__` where nothing does.

    Args:
        package: Its name, `__name__`.
        file: Its `__file__`; the stub lies beside it.
    """
    home_of = _home_of(Path(file).with_suffix(".pyi"))
    own = {name for name, home in home_of.items() if home.partition(".")[0] == package}

    def __getattr__(name: str) -> Any:
        if name == "__all__":
            return __dir__()
        if name not in home_of:
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        if name not in own:
            return _offered(package, name, home_of[name].replace("_", "-"))
        home = import_module(home_of[name])
        return getattr(home, name) if hasattr(home, name) else import_module(f"{home_of[name]}.{name}")

    def __dir__() -> list[str]:
        return sorted(own | (home_of.keys() & _offers(package).keys()))

    return __getattr__, __dir__


@functools.cache
def _offers(package: str) -> dict[str, Any]:
    from importlib.metadata import entry_points  # slow to import, and seldom needed

    return {offer.name: offer for offer in entry_points(group=f"{package}.names")}


def _offered(package: str, name: str, dist: str) -> Any:
    if name not in _offers(package):
        raise ImportError(f"{package}.{name} comes with another package; install it with: pip install {dist}")
    return _offers(package)[name].load()


def _home_of(stub: Path) -> dict[str, str]:
    imports = [node for node in ast.parse(stub.read_text("utf-8")).body if isinstance(node, ast.ImportFrom)]
    return {alias.name: str(node.module) for node in imports for alias in node.names}
