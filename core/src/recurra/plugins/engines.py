"""Engines: packages that run a cell's step over a sequence faster than the defining loop.

An engine is found through the entry-point group `recurra.engines`, one object per distribution. One that
cannot be loaded is reported and left out, as a plugin is.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from typing import Any

from recurra.plugins.discovery import short_message
from recurra.plugins.inventory import ENGINES, Defect, Source, inventory

BUNDLED = "recurra-engine"
"""Asked last: whoever installs another engine means it to be used."""
NEEDED = ("levels", "run", "run_many", "explain")


@dataclass(frozen=True)
class Engines:
    """The engines in the order in which they are asked, and what is wrong with the rest.

    Args:
        loaded: Distribution -> engine; see `recurra.sequence.Engine`.
        defects: One for every engine that is left out.
    """

    loaded: dict[str, Any] = field(default_factory=dict)
    defects: tuple[Defect, ...] = ()


@functools.cache
def engines() -> Engines:
    """Return the installed engines, loaded once; `engines.cache_clear()` makes the next call look again."""
    return load(inventory().engines)


def load(sources: Iterable[Source]) -> Engines:
    """Load these engines one by one; those that are blocked are not touched."""
    loaded: dict[str, Any] = {}
    defects = []
    wanted = [source for source in sources if not source.blocked]
    for source in sorted(wanted, key=lambda source: (source.dist == BUNDLED, source.label)):
        if source.dist in loaded:
            defects.append(source.defect("the distribution already has an engine, and only one is allowed"))
            continue
        try:
            loaded[source.dist] = _checked(EntryPoint(source.entry_point, source.target, ENGINES).load())
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # sys.exit in another package must not end the program
            defects.append(source.defect(f"the engine cannot be used: {short_message(error)}"))
    return Engines(loaded, tuple(defects))


def _checked(engine: Any) -> Any:
    missing = [name for name in NEEDED if not hasattr(engine, name)]
    if missing:
        raise TypeError(f"it has no {' and no '.join(missing)}")
    levels = engine.levels
    if not isinstance(levels, tuple) or not all(isinstance(level, str) for level in levels):
        raise TypeError(f"its levels are {levels!r}; expected a tuple of names")
    return engine
