"""Experiments of installed plugins, by name: `<folder>/<file>`, such as `hochreiter1997/reber`."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from recurra.errors import AmbiguousComponent, UnknownComponent, nearest
from recurra.plugins import discovery


class Shipped(NamedTuple):
    """An experiment file and its distribution."""

    name: str
    dist: str
    path: Path


def shipped() -> list[Shipped]:
    """Return all experiments, sorted by name."""
    found = discovery.plugins().experiments()
    return sorted(Shipped(f"{path.parent.name}/{path.stem}", source.dist, path) for source, path in found)


def find(name: str) -> Shipped:
    """Return the experiment with a name; `dist:name` selects one of several.

    Raises:
        UnknownComponent: There is no such experiment.
        AmbiguousComponent: Several distributions provide it.
    """
    known = shipped()
    fits = [one for one in known if name in (one.name, f"{one.dist}:{one.name}")]
    if not fits:
        names = [one.name for one in known]
        rest = nearest(name, names) or f"; available: {', '.join(names) or 'none'}"
        raise UnknownComponent(f"there is no experiment '{name}'{rest}")
    if len(fits) > 1:
        spellings = ", ".join(f"{one.dist}:{one.name}" for one in fits)
        raise AmbiguousComponent(f"'{name}' is provided more than once; use one of {spellings}")
    return fits[0]
