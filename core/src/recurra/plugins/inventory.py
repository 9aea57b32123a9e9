"""Which plugins are installed, read from metadata alone: no code of a plugin runs here."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email import message_from_string
from email.message import Message
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from recurra._version import __version__
from recurra.errors import nearest
from recurra.plugins.hooks import ENTRY_POINT_GROUP

CORE = "recurra-core"
ENGINES, NAMES = "recurra.engines", "recurra.names"
"""The entry-point groups of engines, see `recurra.plugins.engines`, and of public names, see `_facade`."""
FRAMEWORK = ("recurra-contract",)
"""What adds commands and is no plugin: naming the plugins that are allowed does not exclude it."""
BLOCK, ALLOW, FILES = "RECURRA_BLOCK", "RECURRA_PLUGINS", "RECURRA_FILES"


@dataclass(frozen=True)
class Source:
    """Where a plugin or an engine comes from.

    Args:
        dist: Its distribution, or the file name of a one-file plugin.
        entry_point: The name of the entry point.
        target: What is imported: `module` or `module:attribute`, or the path of a one-file plugin.
        version: Of the distribution.
        summary: Of the distribution, one line.
        blocked: Why it is left out, or an empty string.
        group: The group of its entry point.
    """

    dist: str
    entry_point: str
    target: str
    version: str = ""
    summary: str = ""
    blocked: str = ""
    group: str = ENTRY_POINT_GROUP

    @property
    def label(self) -> str:
        """The plugin's unique name, `dist:entry_point`."""
        return f"{self.dist}:{self.entry_point}"

    def defect(self, sentence: str) -> Defect:
        """Return a defect of this plugin, its text folded into one line."""
        return Defect(self.dist, self.entry_point, " ".join(sentence.split()))


@dataclass(frozen=True)
class Defect:
    """What is wrong with one plugin, in one sentence."""

    dist: str
    entry_point: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.dist}:{self.entry_point}: {self.sentence}"


@dataclass(frozen=True)
class Inventory:
    """The plugins that may be loaded or are blocked, the engines, and what metadata alone disqualifies."""

    sources: tuple[Source, ...]
    defects: tuple[Defect, ...] = ()
    engines: tuple[Source, ...] = ()

    @property
    def wanted(self) -> list[Source]:
        """The plugins that are not blocked."""
        return [source for source in self.sources if not source.blocked]


def inventory(path: list[str] | None = None) -> Inventory:
    """Return what is installed on `path` (default `sys.path`) and what `RECURRA_FILES` names."""
    found = [*_installed(path), *_files()]
    known = sorted((s for s in found if isinstance(s, Source)), key=lambda source: source.label)
    defects = [d for d in found if isinstance(d, Defect)]
    plugins, engines = ([s for s in known if (s.group == ENGINES) is engine] for engine in (False, True))
    return Inventory(tuple(plugins), (*defects, *_unknown_blocks(known, defects)), tuple(engines))


def _installed(path: list[str] | None) -> Iterator[Source | Defect]:
    seen: set[str] = set()
    for distribution in distributions() if path is None else distributions(path=path):
        if "recur" not in _text(distribution, "entry_points.txt").lower():
            continue
        metadata = message_from_string(_text(distribution, "METADATA") or _text(distribution, "PKG-INFO"))
        dist = canonicalize_name(str(metadata["Name"] or "unnamed"))
        if dist not in seen:  # an editable install may be listed twice; the first one on the path is imported
            seen.add(dist)
            yield from _offers(dist, distribution, metadata)


def _text(distribution: Distribution, file: str) -> str:
    # Half-removed distributions lack files, and a stranger's unreadable one must not stop the search.
    try:
        return distribution.read_text(file) or ""
    except (OSError, UnicodeError):
        return ""


def _offers(dist: str, distribution: Distribution, metadata: Message) -> Iterator[Source | Defect]:
    try:
        entry_points = [(entry.group, entry.name, entry.value) for entry in distribution.entry_points]
    except Exception as error:  # whatever a malformed file makes the parser raise
        yield Defect(dist, "entry_points.txt", f"cannot be read: {error}")
        return
    version, summary = str(metadata["Version"] or ""), str(metadata["Summary"] or "")
    unmet = _unmet_requirement(metadata.get_all("Requires-Dist") or [])
    for group, name, target in entry_points:
        blocked = _blocked(dist, group)
        source = Source(dist, name, target, version, summary, blocked, group)
        if group in (ENTRY_POINT_GROUP, ENGINES):
            yield source.defect(unmet) if unmet and not blocked else source
        elif group != NAMES and _means_us(group) and not blocked:
            right = f"plugins belong in '{ENTRY_POINT_GROUP}', engines in '{ENGINES}'"
            yield source.defect(f"unknown entry-point group '{group}'; {right}")


def _means_us(group: str) -> bool:
    close = difflib.get_close_matches(group.lower(), [ENTRY_POINT_GROUP], cutoff=0.85)
    return group.lower().startswith(ENTRY_POINT_GROUP) or bool(close)


def _unmet_requirement(lines: Iterable[object]) -> str:
    for line in map(str, lines):
        name = re.match(r"[\w.-]*", line)
        if name is None or canonicalize_name(name[0]) != CORE:
            continue
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            return f"its requirement '{line}' cannot be parsed; expected a requirement such as '{CORE}>=0.1'"
        applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if applies and not requirement.specifier.contains(__version__, prereleases=True):
            return f"it needs {CORE}{requirement.specifier}, and {CORE} {__version__} is installed"
    return ""


def _blocked(dist: str, group: str) -> str:
    if dist in names_in(BLOCK):
        return f"blocked by {BLOCK}"
    # An engine adds no name that could be meant, and the framework's own commands are no plugin.
    allowed = set() if group == ENGINES or dist in FRAMEWORK else names_in(ALLOW)
    return f"excluded by {ALLOW}" if allowed and dist not in allowed else ""


def names_in(variable: str) -> set[str]:
    """Return the distributions that a variable of the environment names, separated by commas."""
    names = map(str.strip, os.environ.get(variable, "").split(","))
    return {canonicalize_name(name) for name in names if name}


def _unknown_blocks(sources: Iterable[Source], defects: Iterable[Defect]) -> Iterator[Defect]:
    known = {source.dist for source in sources} | {defect.dist for defect in defects}
    for variable in (BLOCK, ALLOW):
        for name in sorted(names_in(variable) - known):
            yield Defect(name, variable, f"no plugin of that name is installed{nearest(name, known)}")


def named_files() -> list[Path]:
    """Return the one-file plugins that `RECURRA_FILES` names, each once."""
    named = os.environ.get(FILES, "").split(os.pathsep)
    return list(dict.fromkeys(Path(name).resolve() for name in named if name))


def _files() -> Iterator[Source]:
    for file in named_files():
        yield Source(file.name, file.stem, str(file), summary="one-file plugin")
