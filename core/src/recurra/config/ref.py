"""A part by reference: what a constructor takes for another component, and what a file writes for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from recurra.config.describe import Words
from recurra.errors import InvalidOption
from recurra.plugins.hooks import Kind

T = TypeVar("T")


class Ref:
    """A part by reference: the kind and name of a component, and its options.

    Refs are what a constructor takes for parts that it wires itself: `controller: Ref = Ref("cell", "lstm")`.
    A part without a default says its kind in the annotation: `controller: Annotated[Ref, "cell"]`.

    Raises:
        InvalidOption: An option is called `name`, which in a file is the name of the part.
    """

    in_words: ClassVar = Words("component", "a component by reference")

    def __init__(self, kind: Kind, name: str, /, **options: Any) -> None:
        if "name" in options:
            message = "the option 'name' cannot be set by reference, since it names the part itself"
            raise InvalidOption(f"{kind} '{name}': {message}; give the option another name")
        self.kind, self.name, self.options, self._checked = kind, name, options, False

    @classmethod
    def checked(cls, kind: Kind, name: str, options: dict[str, Any]) -> Ref:
        """Return a reference whose options are complete and valid, which `build` does not check again."""
        ref = cls(kind, name, **options)
        ref._checked = True
        return ref

    def build(self, *wiring: Any) -> Any:
        """Construct the part with the wiring that its owner knows."""
        from recurra.plugins.registry import load

        component: Any = load(self.kind, self.name)
        if not self._checked:
            return component(*wiring, **self.options)
        made = component.__new__(component)
        object.__setattr__(made, "options", dict(self.options))  # where there are some, none are checked
        made.__init__(*wiring, **self.options)
        return made

    def has_option(self, name: str) -> bool:
        """Say whether the part that is referred to has an option of this name."""
        from recurra.config.options import fields_of
        from recurra.plugins.registry import load

        return name in fields_of(load(self.kind, self.name))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Ref):
            return False
        return (self.kind, self.name, self.options) == (other.kind, other.name, other.options)

    def __hash__(self) -> int:
        return hash((self.kind, self.name))

    def __repr__(self) -> str:
        options = "".join(f", {key}={value!r}" for key, value in self.options.items())
        return f"Ref({self.kind!r}, {self.name!r}{options})"

    def as_dict(self) -> dict[str, Any]:
        """Return the reference as written to a file: `{"name": "lstm", "hidden_size": 100}`."""
        return {"name": self.name, **plain(self.options)}


def plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options as dictionaries, lists and scalars, ready for TOML or JSON."""
    done: dict[str, Any] = to_jsonable_python(dict(options), fallback=_plain)
    return done


def _plain(value: Any) -> Any:
    return value.as_dict() if isinstance(value, Ref) else repr(value)


def instances(value: Any, kind: type[T]) -> Iterator[T]:
    """Yield what is of a type in a value: at any depth of collections, models and references' options."""
    if isinstance(value, kind):
        yield value
    for item in _items(value):
        yield from instances(item, kind)


def _items(value: Any) -> Iterable[Any]:
    if isinstance(value, Ref):
        return value.options.values()
    if isinstance(value, BaseModel):
        return dict(value).values()
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list | tuple | set | frozenset) else ()
