"""The keyword-only part of a constructor is its configuration: checked, described and kept by this module.

Positional arguments are wiring that the framework supplies (`input_size`); everything after `*` is an option that a
user sets, from Python, from the shell or from a file. A component stays an ordinary class: `GRU(8, hidden_size=64)`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic_core import ErrorDetails, PydanticUndefined

from recurra.errors import InvalidOption, nearest
from recurra.hooks import Kind

C = TypeVar("C")


class Ref:
    """A part by reference: the kind and name of a component, and its options.

    Refs are what a constructor takes for parts that it wires itself: `controller: Ref = Ref("cell", "lstm")`.
    """

    def __init__(self, kind: Kind, name: str, **options: Any) -> None:
        self.kind, self.name, self.options = kind, name, options

    def build(self, *wiring: Any) -> Any:
        """Construct the part with the wiring that its owner knows."""
        from recurra.registry import load

        return load(self.kind, self.name)(*wiring, **self.options)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ref) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((self.kind, self.name))

    def __repr__(self) -> str:
        options = "".join(f", {key}={value!r}" for key, value in self.options.items())
        return f"Ref({self.kind!r}, {self.name!r}{options})"

    def as_dict(self) -> dict[str, Any]:
        """Return the reference as it is written in a file: `{"name": "lstm", "hidden_size": 100}`."""
        return {"name": self.name, **plain(self.options)}


def plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options as dictionaries, lists and scalars, ready for TOML or JSON."""
    return {key: value.as_dict() if isinstance(value, Ref) else value for key, value in options.items()}


class Configurable:
    """Base of all components: checks the options it is constructed with and remembers them in `options`."""

    options: dict[str, Any]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls):
            cls.__init__ = _checked(cls.__init__)  # type: ignore[method-assign, misc]


def _checked(init: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(init)
    def __init__(self: Configurable, *wiring: Any, **given: Any) -> None:
        outermost = type(self).__init__ is __init__  # type: ignore[comparison-overlap, misc]
        if outermost:
            given = checked_options(type(self), given)
            object.__setattr__(self, "options", given)
        init(self, *wiring, **given)

    return __init__


def keyword_options(component: type) -> dict[str, tuple[Any, Any]]:
    """Return name -> (annotation, default) of the keyword-only constructor arguments."""
    init = component.__init__  # type: ignore[misc]
    hints = get_type_hints(inspect.unwrap(init), include_extras=True)
    return {
        name: (hints[name], PydanticUndefined if p.default is p.empty else p.default)
        for name, p in inspect.signature(init).parameters.items()
        if p.kind is p.KEYWORD_ONLY
    }


def part_of(annotation: Any, default: Any) -> Ref | None:
    """Return the default reference when an option is a part (a `Ref`), else None."""
    return default if annotation is Ref and isinstance(default, Ref) else None


def options_model(component: type, **parts: Any) -> type[BaseModel]:
    """Return the pydantic model of a component's options; `parts` are the models of its chosen parts."""
    fields: dict[str, Any] = {
        name: (parts[name], Field(default_factory=parts[name])) if name in parts else (annotation, default)
        for name, (annotation, default) in keyword_options(component).items()
    }
    config = ConfigDict(extra="forbid", arbitrary_types_allowed=True, strict=True, allow_inf_nan=False)
    return create_model(component.__name__, __config__=config, **fields)


@functools.cache
def _plain_model(component: type) -> type[BaseModel]:
    return options_model(component)


def checked_options(component: type, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all options of a component, defaults filled in.

    Raises:
        InvalidOption: An option is unknown, of the wrong type or out of range; one sentence names all of them.
    """
    given = {key: _as_ref(component, key, value) for key, value in given.items()}
    try:
        model = _plain_model(component)(**given)
    except ValidationError as error:
        names = keyword_options(component)
        found = (f"{component.__name__}: {sentence(e, names)}" for e in error.errors())
        raise InvalidOption("\n".join(found)) from None
    return {name: getattr(model, name) for name in type(model).model_fields}


def _as_ref(component: type, key: str, value: Any) -> Any:
    part = part_of(*keyword_options(component).get(key, (None, None)))
    if part is None or not isinstance(value, Mapping):
        return value
    name = value.get("name", part.name)
    kept = part.options if name == part.name else {}
    return Ref(part.kind, name, **{**kept, **{k: v for k, v in value.items() if k != "name"}})


def sentence(error: ErrorDetails, choices: Mapping[str, Any]) -> str:
    """Say what is wrong with one option, what was expected and which name is nearest."""
    name = str(error["loc"][-1]) if error["loc"] else ""
    if error["type"] == "extra_forbidden":
        near = nearest(name, choices) or f"; it has {', '.join(choices) or 'no options'}"
        return f"unknown option '{name}'{near}"
    wanted = error["msg"][0].lower() + error["msg"][1:]
    return f"{name} = {error['input']!r}: {wanted}" if error["type"] != "missing" else f"{name} is missing"
