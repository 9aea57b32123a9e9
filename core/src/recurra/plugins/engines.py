"""Engines: packages that run a cell's step over a sequence faster than the defining loop.

An engine is found through the entry-point group `recurra.engines`, one object per entry point. One that
cannot be loaded is reported and left out, as a plugin is.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from packaging.utils import canonicalize_name

from recurra.plugins.inventory import BLOCK, ENGINES, Defect, names_in

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
    blocked = names_in(BLOCK)
    found = {dist_of(entry): entry for entry in entry_points(group=ENGINES) if dist_of(entry) not in blocked}
    loaded: dict[str, Any] = {}
    defects = []
    for dist, entry in sorted(found.items(), key=lambda item: (item[0] == BUNDLED, item[0])):
        try:
            loaded[dist] = _checked(entry.load())
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # sys.exit in a stranger's module must not end the program
            sentence = " ".join(f"the engine cannot be used: {type(error).__name__}: {error}".split())
            defects.append(Defect(dist, entry.name, sentence))
    return Engines(loaded, tuple(defects))


def dist_of(entry: EntryPoint) -> str:
    """Return the name of the distribution that declares an entry point."""
    return canonicalize_name(entry.dist.name) if entry.dist else "unnamed"


def _checked(engine: Any) -> Any:
    missing = [name for name in NEEDED if not hasattr(engine, name)]
    if missing:
        raise TypeError(f"it has no {' and no '.join(missing)}")
    return engine
