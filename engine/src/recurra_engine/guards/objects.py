"""What the code of a step may read of an object and of its class, found without running any code."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Container, Iterable, Iterator
from operator import attrgetter
from types import CodeType, FunctionType, GetSetDescriptorType, MemberDescriptorType
from typing import Any

from torch import nn

from recurra_engine.guards.parts import WRAPPERS, Part

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_OF_EVERY_MODULE = frozenset(vars(nn.Module())) - {"training"} | {"_transforms"}
HEAP_TYPE = 1 << 9
"""The flag of classes that may be changed, as those written in Python."""
TABLES = ("_parameters", "_buffers", "_modules")
"""Where a module keeps its parameters, buffers and parts."""
_ABSENT = object()


def attribute(name: str) -> Callable[[Any], Any]:
    """Return what reads an attribute of an object itself, not of its class."""
    return lambda value: value.__dict__[name]


def is_python(kind: type) -> bool:
    """Say whether a class is written in Python, or that of its bases which decides what its objects hold."""
    while kind.__base__ not in (object, None):
        kind = kind.__base__
    return "__slots__" in vars(kind) or isinstance(vars(kind).get("__dict__"), GetSetDescriptorType)


def of_class(kind: type, names: Collection[str], ran: Container[CodeType]) -> Iterator[Part]:
    """Return what these names mean in a class: values, and functions that ran.

    Of a name that several of its bases define, all definitions count, since `super()` reads them.
    """
    for name in names:
        definers = [base for base in kind.__mro__ if name in vars(base)]
        for place, base in enumerate(definers):
            raw = vars(base)[name]
            if not base.__flags__ & HEAP_TYPE or not _matters(raw, ran):
                continue
            label = f"{base.__name__}.{name}"
            if place == 0:
                yield _effective(kind, name, raw, label)
            else:
                yield Part(_definition(kind.__mro__.index(base), name), raw, label)


def _matters(raw: Any, ran: Container[CodeType]) -> bool:
    """Say whether a definition may have been read: of functions only those that ran were."""
    while type(raw) in WRAPPERS:
        raw = getattr(raw, WRAPPERS[type(raw)][0])
    if isinstance(raw, FunctionType):
        return raw.__code__ in ran
    return not isinstance(raw, (MemberDescriptorType, GetSetDescriptorType))


def _effective(kind: type, name: str, raw: Any, label: str) -> Part:
    if isinstance(raw, classmethod) or not hasattr(type(raw), "__get__"):
        return Part(attrgetter(name), getattr(kind, name), label)
    if isinstance(raw, (FunctionType, staticmethod, property, functools.cached_property)):
        return Part(attrgetter(name), getattr(kind, name), label)
    return Part(lambda kind: inspect.getattr_static(kind, name), raw, label)


def _definition(place: int, name: str) -> Callable[[type], Any]:
    return lambda kind: vars(kind.__mro__[place])[name]


def of_object(value: Any, label: str, names: Collection[str], ran: Container[CodeType]) -> Iterator[Part]:
    """Return the class of an object and what these names mean in the object itself."""
    yield Part(type, type(value), type(value).__name__)
    own = getattr(value, "__dict__", None)
    for name in names:
        raw = _defined(type(value), name)
        if isinstance(raw, MemberDescriptorType):
            if hasattr(value, name):
                yield Part(attrgetter(name), getattr(value, name), f"{label}.{name}")
        elif own is None or _is_special(name):
            continue
        elif name in own and not hasattr(type(raw), "__set__"):
            yield Part(attribute(name), own[name], f"{label}.{name}")
        elif raw is not _ABSENT and _matters(raw, ran):
            yield Part(_is_own(name), False, f"{label}.{name}")


def _is_special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")  # which Python looks up in the class


def _defined(kind: type, name: str) -> Any:
    return next((vars(base)[name] for base in kind.__mro__ if name in vars(base)), _ABSENT)


def _is_own(name: str) -> Callable[[Any], bool]:
    return lambda value: name in value.__dict__


def own_names(value: Any) -> Iterable[str]:
    """Return the names of an object's attributes, without those that each module has."""
    return vars(value).keys() - _OF_EVERY_MODULE if isinstance(value, nn.Module) else vars(value)


def all_names(value: Any) -> str:
    """Return the names of an object's attributes, as one word."""
    return " ".join(vars(value))


def of_tables(
    value: nn.Module, label: str, names: Collection[str], *, everything: bool = False
) -> Iterator[Part]:
    """Return what these names mean among the parameters, buffers and parts of a module."""
    for table in TABLES:
        found = vars(value)[table]
        every = everything or table in names
        for name in found if every else [name for name in names if name in found]:
            yield Part(_entry(table, name), found[name], f"{label}.{name}")
        if every:
            yield Part(_names_in(table), " ".join(found), label)


def _names_in(table: str) -> Callable[[nn.Module], str]:
    return lambda module: " ".join(module.__dict__[table])


def _entry(table: str, name: str) -> Callable[[nn.Module], Any]:
    return lambda module: module.__dict__[table][name]


def hooked_part(cell: nn.Module) -> str | None:
    """Return the name of a part of a cell that has hooks; a step calls parts, and not the cell."""
    return next((name for name, part in cell.named_modules() if name and is_hooked(part)), None)


def is_hooked(module: nn.Module) -> bool:
    """Say whether a module has hooks, which are called with it."""
    return any(module.__dict__[name] for name in HOOKS)
