"""What the code of a step may read of a collection, a function or a Python module."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import attrgetter, itemgetter
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

from recurra_engine.guards.witness import names_of

WRAPPERS: dict[type, tuple[str, ...]] = {
    MethodType: ("__func__", "__self__"),
    functools.partial: ("func", "args", "keywords"),
    functools._lru_cache_wrapper: ("__wrapped__",),
    functools.cached_property: ("func",),
    staticmethod: ("__func__",),
    classmethod: ("__func__",),
    property: ("fget",),
}
"""Kinds of objects around a function, and what they hold."""


class Part(NamedTuple):
    """A part of a value.

    Args:
        get: Reads it from the value.
        value: What it is.
        label: What the user calls it.
    """

    get: Callable[[Any], Any]
    value: Any
    label: str


def of_sequence(value: Iterable[Any], label: str) -> Iterator[Part]:
    """Return the members of a list, tuple or deque."""
    return (Part(itemgetter(i), member, f"{label}[{i}]") for i, member in enumerate(value))


def of_mapping(value: Mapping[Any, Any], label: str) -> Iterator[Part]:
    """Return the values of a dictionary."""
    return (Part(itemgetter(key), member, f"{label}[{key!r}]") for key, member in value.items())


def of_wrapper(value: Any, label: str) -> Iterator[Part]:
    """Return what an object of `WRAPPERS` holds."""
    return (Part(attrgetter(name), getattr(value, name), label) for name in WRAPPERS[type(value)])


def of_reference(value: weakref.ref[Any], label: str) -> Iterator[Part]:
    """Return what a weak reference leads to."""
    yield Part(lambda reference: reference(), value(), label)


def of_builtin(value: BuiltinFunctionType, label: str) -> Iterator[Part]:
    """Return the object whose method a function of C is."""
    if not value.__module__ and not isinstance(value.__self__, type):
        yield Part(attrgetter("__self__"), value.__self__, label)


def of_module(value: ModuleType, label: str, names: Iterable[str]) -> Iterator[Part]:
    """Return what these names mean in a Python module."""
    made = "__getattr__" in vars(value)  # by which a module imports its parts when they are first used
    for name in names:
        if name in vars(value) or (made and not hasattr(ModuleType, name) and hasattr(value, name)):
            yield Part(attrgetter(name), getattr(value, name), f"{label}.{name}")


def of_function(value: FunctionType) -> Iterator[Part]:
    """Return the defaults and the closure of a function."""
    for name in ("__defaults__", "__kwdefaults__"):
        if getattr(value, name) is not None:
            yield Part(attrgetter(name), getattr(value, name), f"the defaults of {value.__name__}")
    for i, (name, cell) in enumerate(zip(value.__code__.co_freevars, value.__closure__ or (), strict=True)):
        try:
            yield Part(_closure(i), cell.cell_contents, name)
        except ValueError:  # a name that has no value yet
            continue


def _closure(i: int) -> Callable[[Any], Any]:
    return lambda function: function.__closure__[i].cell_contents


def globals_of(value: FunctionType) -> Iterator[Part]:
    """Return the globals that a function names."""
    space = value.__globals__
    for name in sorted(frozenset().union(*(names_of(code).globals for code in nested(value.__code__)))):
        yield _global(space, name)


def _global(space: Mapping[str, Any], name: str) -> Part:
    if name in space:
        return Part(lambda function: function.__globals__[name], space[name], name)
    return Part(lambda function: name in function.__globals__, False, name)


def nested(code: CodeType) -> Iterator[CodeType]:
    """Return a code object and those of the functions that it makes."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from nested(constant)
