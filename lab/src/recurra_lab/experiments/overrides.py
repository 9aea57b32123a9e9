"""Values set by the user, by key, with their origin: a file, or the command line."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from datetime import date, time
from pathlib import Path
from typing import Any, NamedTuple

from recurra.errors import InvalidOption
from recurra_lab.toml_files import read_table

Key = tuple[str, ...]
REPORTED = "reproduce"
"""The table with the published results of an experiment, which is not part of the experiment."""
PARTS = ("task", "cell", "trainer")
"""Sections with a short form: `trainer=rtrl` is short for `trainer.name=rtrl`."""


class Entry(NamedTuple):
    """One value set by the user.

    Args:
        value: The value, as parsed from TOML.
        origin: The file, or `key=value` as typed, for error messages; empty for a bare name.
        typed: Whether it comes from the command line, so that the origin shows the key and the value.
    """

    value: Any
    origin: str
    typed: bool = False

    def shows(self, key: Key) -> bool:
        """Return whether the origin already shows a key and its value."""
        return self.typed and self.origin.partition("=")[0] == dotted(key)


Given = dict[Key, Entry]
"""Values by their full key; of two entries for one option, the later takes precedence."""


def dotted(key: Key) -> str:
    """Return a key as it is typed: `cell.memory.slots`."""
    return ".".join(key)


def read_file(path: Path) -> Given:
    """Read an experiment file without its published results; raises the errors of `read_table`."""
    table = read_table(path)
    table.pop(REPORTED, None)
    return flat(table, (), Entry(None, str(path)))


def parse_overrides(words: Sequence[str]) -> tuple[Given, list[InvalidOption]]:
    """Parse `key=value` overrides from the command line, in order; values are TOML, or else strings.

    Returns:
        The overrides, and one error per invalid word, so that all errors can be reported at once.
    """
    given: Given = {}
    wrong = []
    for word in words:
        try:
            update(given, parse_override(word))
        except InvalidOption as error:
            wrong.append(error)
    return given, wrong


def parse_override(word: str) -> Given:
    """Parse one `key=value`; a table, such as `trainer={name="bptt", clip_norm=1}`, gives several entries.

    Raises:
        InvalidOption: It has no key, no `=`, or contains unprintable characters.
    """
    left, equals, text = word.partition("=")
    key = tuple(part.strip() for part in left.split("."))
    if not word.isprintable():
        raise InvalidOption(f"{word!r} contains unprintable characters; expected KEY=VALUE")
    if not equals:
        raise InvalidOption(
            f"'{word}' is not of the form KEY=VALUE; to set an option write {left or 'KEY'}=VALUE"
        )
    if not all(key):
        raise InvalidOption(f"'{word}' has an empty key; expected KEY=VALUE, such as run.max_steps=100")
    return flat(_value(text), key, Entry(None, word, typed=True))


def _value(text: str) -> Any:
    try:
        table = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return text if isinstance(table["value"], date | time) else table["value"]


def named(part: str, name: str) -> Given:
    """Return the entry of a task or cell given without a key, as in `recurra train copy ntm`."""
    return {(part, "name"): Entry(name, "", typed=True)}


def flat(value: Any, key: Key, entry: Entry) -> Given:
    """Return the entries of a table, one per value."""
    if isinstance(value, Mapping) and value:
        return {k: e for name, inner in value.items() for k, e in flat(inner, (*key, name), entry).items()}
    if isinstance(value, date | time):
        value = value.isoformat()
    short = len(key) == 1 and key[0] in PARTS and isinstance(value, str)
    return {(*key, "name") if short else key: entry._replace(value=value)} if key else {}


def values_in(table: Mapping[str, Any]) -> dict[Key, Any]:
    """Return the values of nested tables by their full key."""
    return {key: entry.value for key, entry in flat(table, (), Entry(None, "")).items()}


def update(given: Given, later: Given) -> None:
    """Add entries; a replaced entry moves to the end."""
    for key, entry in later.items():
        given.pop(key, None)
        given[key] = entry


def layered(below: Given, above: Given) -> Given:
    """Merge entries, with precedence for `above`; a replaced component loses its options."""
    kept = dict(below)
    for key, entry in above.items():
        part = key[:-1] if key[-1] == "name" else key
        was = name_at(below, part) if part else None
        if was is not None and isinstance(entry.value, str) and was.value != entry.value:
            kept = {k: e for k, e in kept.items() if k[: len(part)] != part}
    update(kept, above)
    return kept


def name_at(given: Given, key: Key) -> Entry | None:
    """Return the name set for a component, as `key=name` or as `key.name=name`."""
    found = [e for k, e in given.items() if k in (key, (*key, "name")) and isinstance(e.value, str)]
    return found[-1] if found else None


def under(given: Given, key: Key) -> Given:
    """Return the entries below a key."""
    return {k: e for k, e in given.items() if k[: len(key)] == key and k != key}


def options_under(section: str, overrides: Sequence[str]) -> dict[str, Any]:
    """Return the options of one section from `section.key=value` overrides.

    Raises:
        InvalidOption: An override is malformed or belongs to another section.
    """
    given, wrong = parse_overrides(overrides)
    foreign = [
        f"{dotted(key)} is not an option of the {section}; write {section}.KEY=VALUE"
        for key in given
        if key[0] != section
    ]
    if wrong or foreign:
        raise InvalidOption("\n".join([*map(str, wrong), *foreign]))
    options: dict[str, Any] = {}
    for key, entry in given.items():
        inner = options
        for part in key[1:-1]:
            inner = inner.setdefault(part, {})
        inner[key[-1]] = entry.value
    return options
