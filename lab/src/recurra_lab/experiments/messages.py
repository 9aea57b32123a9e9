"""Error messages for users: what is wrong, where it was written, and the nearest valid choice."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from recurra.config.describe import lacks_item, listed, sentence, values_in_full
from recurra.config.options import present_name
from recurra.errors import InvalidOption, nearest
from recurra_lab.experiments.overrides import Entry, Given, Key, dotted, name_at, under
from recurra_lab.experiments.resolve import Problem, Section, Unresolved
from recurra_lab.extensions.choices import sound_alternatives

MOST_OPTIONS = 10
"""Maximum number of options listed in a message."""


def refuse(problems: Sequence[Problem]) -> None:
    """Raise one error with all problems, one line each, followed by their other lines without repetition.

    Raises:
        RecurraError: There is one problem; the error has its class.
        InvalidOption: There are several problems.
    """
    told = list(dict.fromkeys(_told(problem) for problem in problems))
    if len(told) == 1:
        raise type(problems[0].error)(told[0])
    if told:
        raise InvalidOption("\n".join(_without_repetition(told)))


def _without_repetition(told: Sequence[str]) -> Iterator[str]:
    """Yield the first lines of all messages and then the others, such as which plugins are excluded."""
    lines = [message.splitlines() for message in told]
    yield from (first for first, *_ in lines)
    yield from dict.fromkeys(line for _, *rest in lines for line in rest)


def _told(problem: Problem) -> str:
    origin = problem.entry.origin if problem.entry else ""
    return f"{origin}: {problem.error}" if origin else str(problem.error)


def problems_of(error: ValidationError, root: Section, given: Given) -> list[Problem]:
    """Return the errors of pydantic as messages with the keys of the experiment."""
    found: dict[tuple[str, str], Problem] = {}
    for details in error.errors():
        key, section, field = _located(root, details)
        if section.owner is Unresolved:  # whose name has an error of its own
            continue
        for text, entry in _explained(key, section, field, root, given, details):
            origin = entry.origin if entry else ""
            found.setdefault((dotted(key), origin), Problem(InvalidOption(text), entry))
    return list(found.values())


def _located(root: Section, details: ErrorDetails) -> tuple[Key, Section, FieldInfo | None]:
    section, key = root, Key()
    steps = [str(step) for step in details["loc"]]
    for number, step in enumerate(steps, 1):
        known = step in section.parts or step in section.fields
        if step == section.name and number < len(steps) and not known:
            continue  # pydantic names the alternative before its options
        if step in section.parts:
            section, key = section.parts[step], (*key, step)
        elif step in section.fields:
            return (*key, step), section, section.fields[step]
        elif details["type"] == "extra_forbidden":
            return (*key, step), section, None
    return key, section, None


def _explained(
    key: Key, section: Section, field: FieldInfo | None, root: Section, given: Given, details: ErrorDetails
) -> Iterator[tuple[str, Entry | None]]:
    if details["type"] == "extra_forbidden":
        for full, entry in _at(given, key).items():
            yield _renamed(full, section) or f"unknown key {dotted(full)}{_hint(full, section, root)}", entry
    elif details["type"] == "missing" and field is not None and not lacks_item(details):
        told = f"{section.title} needs {dotted(key)}, which must be {values_in_full(field)}"
        yield told, name_at(given, section.key)
    elif field is None:
        told = sentence("", details, None)
        yield f"{dotted(key)}: {told}" if key else told, _meant(given, section.key, told)
    else:
        first = next(iter(_at(given, key).values()), None)
        yield sentence(dotted(key), details, field, quote=not (first and first.shows(key))), first


def _at(given: Given, key: Key) -> Given:
    """Return the entry at a key, and those below it."""
    return {k: e for k, e in given.items() if k == key} | under(given, key)


def _meant(given: Given, key: Key, told: str) -> Entry | None:
    """Return the last entry of a section that a message about the whole section mentions."""
    entries = [entry for k, entry in under(given, key).items() if k[-1] in told]
    return entries[-1] if entries else None


def _renamed(key: Key, section: Section) -> str:
    """Return a message with the new name of a renamed option, or an empty string."""
    depth = len(section.key)
    new = present_name(section.owner, key[depth])
    return f"{dotted(key)} is now called {dotted((*section.key, new, *key[depth + 1 :]))}" if new else ""


def _hint(key: Key, section: Section, root: Section) -> str:
    """Return where an unknown key belongs, or the nearest known key."""
    rest = key[len(section.key) :]
    elsewhere = [dotted(k) for k in root.all_keys() if k[-len(rest) :] == rest]
    if elsewhere:
        return f"; did you mean {' or '.join(repr(key) for key in elsewhere)}?"
    return (
        _of_another(rest[0], section, root)
        or nearest(rest[0], section.fields, under=section.key)
        or (_nearest_key(rest[0], root) if len(rest) == 1 else "")
        or f"; {section.title} has no option '{rest[0]}'; {_what_it_has(section)}"
    )


def _what_it_has(section: Section) -> str:
    """Return the list of options, or where to find it if it is long."""
    if len(section.fields) <= MOST_OPTIONS or len(section.key) > 1:
        return f"its options are {listed(list(section.fields))}"
    name = f"{section.kind}:{section.name}" if section.kind else section.title
    return f"see `recurra info {name}`"


def _of_another(name: str, section: Section, root: Section) -> str:
    """Return which other alternative has an option."""
    field = root.find(section.key[:-1]).fields.get(section.key[-1]) if section.key else None
    if field is None:
        return ""
    others = [other for other, model in sound_alternatives(field).items() if name in model.model_fields]
    where = " or ".join(f"{dotted(section.key)}={other}" for other in others)
    return f"; {section.title} has no option '{name}', which belongs to {where}" if others else ""


def _nearest_key(name: str, root: Section) -> str:
    """Return `; did you mean 'run.batch_size'?` for the key whose last word is closest."""
    by_last = {key[-1]: dotted(key) for key in reversed(root.all_keys())}
    close = difflib.get_close_matches(name, by_last, n=1, cutoff=0.6)
    return f"; did you mean '{by_last[close[0]]}'?" if close else ""
