"""All keys of an experiment, with their values and meanings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined, to_jsonable_python

from recurra.config.describe import choices_of, values_in_words
from recurra.config.options import alternatives, part_kind
from recurra.errors import RecurraError
from recurra.plugins.hooks import Kind
from recurra_lab.experiments.overrides import Given, Key, dotted, named, update
from recurra_lab.experiments.resolve import Explorer, Section
from recurra_lab.extensions.choices import installed, sound_alternatives
from recurra_lab.training.optim import OptimizerChoice, ScheduleChoice


@dataclass(frozen=True)
class Option:
    """One option, as `recurra info` shows it.

    Args:
        key: The key, as typed.
        values: Description of the valid values.
        default: The default, as plain data; None for no value.
        required: Whether the option has no default.
        description: The meaning.
        when: The choice that the option depends on, as typed; empty if it is always available.
    """

    key: str
    values: str
    default: Any
    required: bool
    description: str
    when: str = ""


def options_below(section: Section) -> Iterator[Option]:
    """Yield the options of a section; an option that is itself a section is followed by its options."""
    for name, field in section.fields.items():
        part = section.parts.get(name)
        if name == "name" and section.name:
            continue
        if part is None or part.name or names_for(field):  # a plain table of options is not an option itself
            yield _option((*section.key, name), field, part)
        if part is not None:
            yield from options_below(part)
            yield from _other_options(part, field)


def options_of(owner: type, kind: Kind, name: str) -> list[Option]:
    """Return all options of a component, with their keys in an experiment."""
    key = ("cell", "memory") if kind == "memory" else (kind,)
    return list(options_below(Explorer({}).section(key, owner, name, kind)))


def options_of_choice(
    kind: Literal["optimizer", "schedule"], name: str
) -> tuple[type[BaseModel], list[Option]]:
    """Return the model and the options of an optimizer or schedule, as used by gradient-based trainers.

    Raises:
        BrokenComponent: It cannot be loaded.
    """
    choice = {"optimizer": OptimizerChoice, "schedule": ScheduleChoice}[kind]
    model = alternatives(FieldInfo.from_annotation(choice))[name]
    return model, list(options_below(Explorer({}).section(("trainer", kind), model, name)))


def _other_options(section: Section, field: FieldInfo) -> Iterator[Option]:
    """Yield the options of the alternatives other than the default."""
    for name, model in sound_alternatives(field).items():
        if name != section.name:
            for option in options_below(Explorer({}).section(section.key, model, name)):
                yield replace(option, when=f"{dotted(section.key)}={name}")


def _option(key: Key, field: FieldInfo, part: Section | None) -> Option:
    required = field.default is PydanticUndefined
    default = part.name if part else None if required else to_jsonable_python(field.default, fallback=repr)
    return Option(
        dotted(key), " | ".join(names_for(field)) or values_in_words(field), default, required, meaning(field)
    )


def names_for(field: FieldInfo) -> list[str]:
    """Return the names that an option accepts: alternatives, or installed components."""
    from recurra.plugins import registry

    kind, found = part_kind(field), installed(field)
    if found is not None:
        return found.names()
    if kind is None:
        return [name for name in alternatives(field) if name]
    return list(dict.fromkeys(offer.component.name for offer in registry.components(kind)))


def meaning(field: FieldInfo) -> str:
    """Return the description of an option."""
    return field.description or ""


def completions(task: str | None, cell: str | None, incomplete: str) -> list[str]:
    """Return shell completions for `recurra train TASK CELL ...`: keys with `=`, or `key=value`.

    Use it as the `shell_complete` of the overrides. It never fails: unknown names have no completions.
    """
    from recurra_lab.experiments.experiment import sections

    key, equals, _ = incomplete.partition("=")
    given: Given = {}
    for part, name in (("task", task), ("cell", cell)):
        update(given, named(part, name) if name and "=" not in name else {})
    try:
        root = sections(given)
        words = _values(root, key) if equals else [f"{dotted(k)}=" for k in _settable(root)]
    except RecurraError:
        return []
    return sorted(word for word in dict.fromkeys(words) if word.startswith(incomplete))


def _settable(root: Section) -> Iterator[Key]:
    """Yield keys that take a value, except fixed sections and names, which have a shorter form."""
    for section in root.walk():
        for name in section.fields:
            part = section.parts.get(name)
            if (part is None or part.name) and not (name == "name" and section.name):
                yield (*section.key, name)


def _values(root: Section, key: str) -> list[str]:
    path = tuple(key.split("."))
    field = root.find(path[:-1]).fields.get(path[-1])
    words = (names_for(field) or choices_of(field.annotation)) if field else []
    return [f"{key}={word}" for word in words]
