"""The sections of an experiment: which options each key has, for the chosen components."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from recurra.config.describe import accepts_none, alternative_name, choices_of
from recurra.config.options import (
    alternatives,
    fields_of,
    no_alternative,
    options_model,
    part_kind,
    values_of,
)
from recurra.config.ref import Ref
from recurra.errors import InvalidOption, RecurraError
from recurra.plugins import registry
from recurra.plugins.hooks import Kind
from recurra_lab.experiments.overrides import Entry, Given, Key, dotted, name_at, under


class Problem(NamedTuple):
    """One error, and the entry that caused it."""

    error: RecurraError
    entry: Entry | None


class Unresolved(BaseModel):
    """Placeholder of a component that cannot be found, so that the rest is still validated."""

    model_config = ConfigDict(extra="ignore")


@dataclass(frozen=True)
class Section:
    """The options under one key, and the subsections of options that have options themselves.

    Args:
        key: The key of the section; empty for the experiment itself.
        owner: The class that has these options.
        name: The chosen name, or an empty string if there is no choice.
        kind: The kind of component, or None.
        fields: The options, with the defaults of this section.
        parts: The options that are sections.
        defaults: Values that override the defaults of the owner.
    """

    key: Key
    owner: type
    name: str
    kind: Kind | None
    fields: Mapping[str, FieldInfo]
    parts: Mapping[str, Section]
    defaults: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The name of the owner in messages: `gru`, `run`."""
        return self.name or dotted(self.key) or "an experiment"

    def walk(self) -> Iterator[Section]:
        """Yield this section and all its subsections."""
        yield self
        for part in self.parts.values():
            yield from part.walk()

    def all_keys(self) -> list[Key]:
        """Return the full keys of all options, recursively; a name is set by the key of its section."""
        return [(*s.key, name) for s in self.walk() for name in s.fields if not (s.name and name == "name")]

    def find(self, key: Key) -> Section:
        """Return the deepest section that contains a key."""
        part = self.parts.get(key[len(self.key)]) if len(key) > len(self.key) else None
        return self if part is None else part.find(key)

    def model(self) -> type[BaseModel]:
        """Return the pydantic model of this section and its subsections."""
        if issubclass(self.owner, BaseModel):
            return self.owner
        return options_model(self.owner, **{name: part.model() for name, part in self.parts.items()})

    def data(self, given: Given) -> dict[str, Any]:
        """Return the data to validate: the defaults of this section, overridden by the values of the user."""
        data = {name: value for name, value in self.defaults.items() if name not in self.parts}
        start = len(self.key)
        for key, entry in under(given, self.key).items():
            if key[start] in self.parts or (self.name and key[start:] == ("name",)):
                continue
            _put(data, key[start:], self._typed(key[start], entry.value))
        if self.kind is None and self.name:
            data["name"] = self.name
        return data | {name: part.data(given) for name, part in self.parts.items()}

    def _typed(self, name: str, value: Any) -> Any:
        """Replace "none" by None, since TOML has no null."""
        field = self.fields.get(name)
        empty = value == "none" and field is not None and accepts_none(field.annotation)
        return None if empty else value

    def values(self, checked: BaseModel) -> Any:
        """Return the validated values: a `Ref`, a pydantic model, or the fields of the experiment."""
        if isinstance(checked, self.owner):
            return checked
        found = {name: getattr(checked, name) for name in self.fields}
        found |= {name: part.values(found[name]) for name, part in self.parts.items()}
        return Ref.checked(self.kind, self.name, found) if self.kind else found


def _put(data: dict[str, Any], path: Key, value: Any) -> None:
    *above, last = path
    for name in above:
        inner = data.get(name)
        data[name] = inner = inner if isinstance(inner, dict) else {}
        data = inner
    data[last] = value


class Explorer:
    """Finds the sections of an experiment by the chosen names and collects errors.

    Only the named components are loaded.
    """

    def __init__(self, given: Given) -> None:
        self.given = given
        self.problems: list[Problem] = []

    def section(
        self,
        key: Key,
        owner: type,
        name: str = "",
        kind: Kind | None = None,
        defaults: Mapping[str, Any] | None = None,
    ) -> Section:
        """Return the section at a key, with its subsections."""
        defaults = defaults or {}
        fields = {
            n: _with_default(f, defaults.get(n, PydanticUndefined)) for n, f in fields_of(owner).items()
        }
        parts = {n: self._part((*key, n), f) for n, f in fields.items()}
        found = {n: part for n, part in parts.items() if part is not None}
        return Section(key, owner, name, kind, fields, found, defaults)

    def _part(self, key: Key, field: FieldInfo) -> Section | None:
        kind, models = part_kind(field), alternatives(field)
        if kind is None and not models:
            return None
        given, misplaced = name_at(self.given, key), self._misplaced(key, kind or key[-1], models)
        absent = field.default is None and not under(self.given, key)
        if misplaced and field.default is PydanticUndefined:
            return _unresolved(key)
        if (given is None and absent) or (given and _means_none(given, field)):
            return None
        return self._component(key, field, kind, given) if kind else self._alternative(key, field, given)

    def _misplaced(self, key: Key, what: str, models: Mapping[str, Any]) -> bool:
        """Record a value where a name, or options, are expected."""
        wrong = [self.given.get(key), self.given.get((*key, "name"))]
        if "" in models:
            expected = f"options, such as {dotted(key)}.{next(iter(fields_of(models[''])), 'KEY')}=..."
            entries = [e for e in wrong[:1] if e and e.value != {}]
        else:
            expected = f"the name of a {what}" if not models else f"one of {', '.join(models)}"
            entries = [e for e in wrong if e and not isinstance(e.value, str) and e.value != {}]
        for entry in entries:
            message = (
                ""
                if entry.shows(key) or entry.shows((*key, "name"))
                else f"{dotted(key)} = {entry.value!r}: "
            )
            self._note(InvalidOption(f"{message}expected {expected}"), entry)
        return bool(entries)

    def _component(self, key: Key, field: FieldInfo, kind: Kind, given: Entry | None) -> Section:
        default = field.default if isinstance(field.default, Ref) else None
        name = given.value if given else default.name if default else None
        try:
            if name is None:
                raise InvalidOption(_nothing_named(key, kind))
            owner = registry.load(kind, name)
        except RecurraError as error:
            self._note(error, given)
            return _unresolved(key)
        kept = default.options if default and default.name == name else {}
        return self.section(key, owner, name, kind, kept)

    def _alternative(self, key: Key, field: FieldInfo, given: Entry | None) -> Section:
        models, default = alternatives(field), field.default
        named = alternative_name(type(default))
        name = str(given.value) if given and "" not in models else named
        try:
            model = type(default) if name == named and isinstance(default, BaseModel) else models[name]
        except KeyError:
            self._note(InvalidOption(no_alternative(dotted(key), field, name or None)), given)
            return _unresolved(key)
        except RecurraError as error:
            self._note(error, given)
            return _unresolved(key)
        kept = values_of(default) if type(default) is model else {}
        return self.section(key, model, name, None, kept)

    def _note(self, error: RecurraError, entry: Entry | None) -> None:
        self.problems.append(Problem(error, entry))


def _means_none(entry: Entry, field: FieldInfo) -> bool:
    return entry.value == "none" and "none" in choices_of(field.annotation)


def _unresolved(key: Key) -> Section:
    return Section(key, Unresolved, "", None, {}, {})


def _with_default(field: FieldInfo, default: Any) -> FieldInfo:
    if default is PydanticUndefined:
        return field
    changed = copy(field)
    changed.default = default
    return changed


def _nothing_named(key: Key, kind: Kind) -> str:
    names = ", ".join(dict.fromkeys(offer.component.name for offer in registry.components(kind)))
    return f"no {kind} was given; expected {dotted(key)}=NAME with one of the installed: {names or 'none'}"
