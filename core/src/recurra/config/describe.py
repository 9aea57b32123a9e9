"""Options in words: which values one takes, and what is wrong with a value that it does not take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen, MultipleOf
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from recurra.errors import nearest

_SEQUENCES = (list, tuple, set, frozenset, Sequence)
_CLEAR = ("value_error", "assertion_error", "string_pattern_mismatch", "string_too_short", "string_too_long")
"""Kinds of error whose message says more than the type of the option does."""
LONGEST_VALUE = 60
"""Characters of a value that are repeated in a message."""


class Words(NamedTuple):
    """One kind of value: `short` for a table, `full` for a sentence."""

    short: str
    full: str


_SIMPLE = {
    bool: Words("true | false", "true or false"),
    int: Words("integer", "an integer"),
    float: Words("number", "a number"),
    str: Words("text", "text"),
    Path: Words("path", "a path"),
    NoneType: Words("none", "none"),
    Any: Words("anything", "anything"),
}
_BOUNDS = {
    Gt: ("gt", "> {}", "greater than {}"),
    Ge: ("ge", "≥ {}", "of at least {}"),
    Lt: ("lt", "< {}", "less than {}"),
    Le: ("le", "≤ {}", "of at most {}"),
    MultipleOf: ("multiple_of", "a multiple of {}", "that is a multiple of {}"),
}


def values_in_words(field: FieldInfo) -> str:
    """Return what a table says about the values of an option: `integer > 0`, `constant | learned`."""
    return " | ".join(words.short for words in _kinds(field.annotation, field.metadata))


def values_in_full(field: FieldInfo) -> str:
    """Return what a sentence says about the values of an option: `an integer greater than 0`."""
    return " or ".join(words.full for words in _kinds(field.annotation, field.metadata))


def choices_of(annotation: Any) -> list[str]:
    """Return the words that an option accepts: those of its literals, `true` and `false`, and `none`."""
    found = members(annotation)
    literals = [str(value) for member in found if get_origin(member) is Literal for value in get_args(member)]
    truth = ["true", "false"] if bool in found else []
    return [*literals, *truth, *(["none"] if NoneType in found else [])]


def accepts_none(annotation: Any) -> bool:
    """Say whether an option may be left without a value."""
    return NoneType in members(annotation)


def sentence(name: str, error: ErrorDetails, field: FieldInfo | None, *, quote: bool = True) -> str:
    """Say what is wrong with the value of one option, what was expected and which choice is nearest.

    Args:
        name: The option, as its user wrote it.
        error: What pydantic found.
        field: The option's declaration, if it is known.
        quote: Repeat the name and the value, for those who do not see them elsewhere in the message.
    """
    value = f"{name} = {shown(error['input'])}: " if quote else ""
    if error["type"] == "missing" and not lacks_item(error):
        return f"{name} is missing; it must be {values_in_full(field)}" if field else f"{name} is missing"
    if field is None or error["type"] in _CLEAR or len(error["loc"]) == 0:
        message = error["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
        return f"{value if field else ''}{message[:1].lower()}{message[1:]}"
    finite = ", not infinite or NaN" if error["type"] == "finite_number" else ""
    near = (
        nearest(str(error["input"]), choices_of(field.annotation)) if isinstance(error["input"], str) else ""
    )
    return f"{value}expected {values_in_full(field)}{finite}{near}"


def lacks_item(error: ErrorDetails) -> bool:
    """Say whether what pydantic misses is an item of a list, and so the list is too short."""
    return error["type"] == "missing" and isinstance(error["loc"][-1], int)


def unknown_option(name: str, last: Any, options: Mapping[str, Any]) -> str:
    """Say that there is no option `name`, and which of the options is nearest to its last word."""
    return f"unknown option '{name}'{nearest(str(last), options) or f'; it has {listed(options)}'}"


def shown(value: Any) -> str:
    """Return a value for a sentence; of large objects the type only."""
    text = repr(value)
    large = callable(value) or len(text) > LONGEST_VALUE
    return f"a {type(value).__name__} object" if large else text


def listed(names: Mapping[str, Any] | Sequence[str]) -> str:
    """Return names for a sentence: `a, b`, or `no options`."""
    return ", ".join(names) or "no options"


def alternative_name(model: Any) -> str:
    """Return the name by which a pydantic model is chosen among alternatives, or an empty string."""
    fields = model.model_fields if isinstance(model, type) and issubclass(model, BaseModel) else {}
    return str(get_args(fields["name"].annotation)[0]) if "name" in fields else ""


def members(annotation: Any) -> list[Any]:
    """Return the alternatives of a union, without the declarations around them."""
    if get_origin(annotation) is Annotated:
        return members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [member for part in get_args(annotation) for member in members(part)]
    return [annotation]


def _kinds(annotation: Any, constraints: Sequence[Any]) -> Iterator[Words]:
    origin = get_origin(annotation)
    if origin is Annotated:
        inner = FieldInfo.from_annotation(annotation)
        yield from _kinds(inner.annotation, [*constraints, *inner.metadata])
    elif origin in (Union, UnionType):
        for part in get_args(annotation):
            yield from _kinds(part, constraints)
    elif origin is Literal:
        choices = [str(value) for value in get_args(annotation)]
        yield Words(" | ".join(choices), f"one of {', '.join(choices)}" if len(choices) > 1 else choices[0])
    elif origin in _SEQUENCES:
        yield _several(get_args(annotation), constraints)
    else:
        yield _bounded(annotation, constraints if annotation in (int, float) else ())


def _several(items: Sequence[Any], constraints: Sequence[Any]) -> Words:
    of = [FieldInfo.from_annotation(item) for item in items if item is not Ellipsis] or [FieldInfo()]
    short = ", ".join(dict.fromkeys(values_in_words(item) for item in of))
    full = ", ".join(dict.fromkeys(values_in_full(item) for item in of))
    if len(of) > 1:  # a tuple that says each of its items
        constraints = [MinLen(len(of)), MaxLen(len(of))]
    count = _count(constraints)
    if not count.short:
        return Words(f"list of {short}", f"a list of items, each {full}")
    each = ": " if ", " in short else ", each "
    return Words(f"list of {count.short}: {short}", f"a list of {count.full}{each}{full}")


def _count(constraints: Sequence[Any]) -> Words:
    """Return how many items a list has: `2 or more`, `at least 2 items`; nothing where any number will do."""
    least = max((c.min_length for c in constraints if isinstance(c, MinLen)), default=0)
    most = min((c.max_length for c in constraints if isinstance(c, MaxLen)), default=None)
    if most is None:
        return Words(f"{least} or more", f"at least {_items(least)}") if least else Words("", "")
    if least == most:
        return Words(str(most), _items(most))
    between = f"{least} to " if least else "at most "
    return Words(f"{between}{most}", f"{between}{_items(most)}")


def _items(number: int) -> str:
    return f"{number} item{'s' * (number != 1)}"


def _bounded(annotation: Any, constraints: Sequence[Any]) -> Words:
    name = alternative_name(annotation) or getattr(annotation, "__name__", str(annotation))
    words = getattr(annotation, "in_words", None) or _SIMPLE.get(annotation, Words(name, f"a {name}"))
    bounds = [
        (short.format(getattr(c, attribute)), full.format(getattr(c, attribute)))
        for c in constraints
        for attribute, short, full in [_BOUNDS.get(type(c), ("", "", ""))]
        if attribute
    ]
    short, full = " and ".join(b[0] for b in bounds), " and ".join(b[1] for b in bounds)
    full = full.replace(" and of ", " and ")  # of at least 0 and at most 1
    return Words(f"{words.short} {short}".strip(), f"{words.full} {full}".strip())
