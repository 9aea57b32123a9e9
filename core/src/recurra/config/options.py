"""The keyword-only part of a constructor is its configuration: checked, described and kept by this module.

Positional arguments are wiring that the framework supplies (`input_size`); everything after `*` is an option,
set from Python, the command line or a file. A component stays an ordinary class: `GRU(8, hidden_size=64)`.

An option may hold options itself, in two ways: as a part, which is a `Ref` to another component, or as a
pydantic model (`Options`), alone or as one of several that are told apart by their `name`.
"""

from __future__ import annotations

import abc
import functools
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from types import NoneType, SimpleNamespace
from typing import Annotated, Any, ClassVar, Self, TypeVar, get_origin, get_type_hints

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticUndefined

from recurra.config.describe import accepts_none, alternative_name, listed, members, sentence, unknown_option
from recurra.config.ref import Ref
from recurra.errors import InvalidOption, nearest
from recurra.plugins.hooks import KINDS, Kind

M = TypeVar("M", bound=BaseModel)


class Configurable:
    """Base class of all components: validates the options of the constructor and stores them in `options`.

    A component may define `contract_options`, small sizes with which its contract is checked,
    `contract_expected_failures`, which maps the checks that it is known to fail to the reason, and
    `renamed_options`, which maps former names of options to the current ones, for error messages.
    """

    options: dict[str, Any]
    renamed_options: ClassVar[Mapping[str, str]] = {}
    contract_options: ClassVar[Mapping[str, Any]] = {}
    contract_expected_failures: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls):
            cls.__init__ = _checked(cls.__init__)  # type: ignore[method-assign]


def _checked(init: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(init)
    def __init__(self: Configurable, *wiring: Any, **given: Any) -> None:
        outermost = type(self).__init__ is __init__
        if outermost and "options" not in vars(self):
            named = {name: given.pop(name) for name in _unfilled(init, len(wiring)) if name in given}
            given = checked_options(type(self), given)
            object.__setattr__(self, "options", given)
            given = named | given
        init(self, *wiring, **given)

    return __init__


def _unfilled(init: Callable[..., None], wired: int) -> list[str]:
    """Return the arguments before `*` that a call with so many positional ones may give by name."""
    parameters = inspect.signature(init).parameters.values()
    return [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD][1 + wired :]


class Options(BaseModel):
    """Base class of pydantic models as values of options: strict, immutable, with finite numbers.

    Where an option is one of several models, each has a literal `name`.
    """

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, arbitrary_types_allowed=True
    )
    renamed_options: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def checked(cls, given: Mapping[str, Any]) -> Self:
        """Return options that were given by keyword.

        Raises:
            InvalidOption: An option is unknown, of the wrong type or out of range; one line for each.
        """
        return _valid(cls, cls, given)


def keyword_options(component: type) -> dict[str, tuple[Any, Any]]:
    """Return name -> (annotation, default) of the keyword-only constructor arguments.

    One without an annotation takes anything. Annotations of other arguments need not exist at run time.

    Raises:
        InvalidOption: An annotation names what does not exist at run time.
    """
    init = inspect.unwrap(component.__init__)  # type: ignore[misc]
    return {
        name: (_hint(component, init, p), PydanticUndefined if p.default is p.empty else p.default)
        for name, p in inspect.signature(init).parameters.items()
        if p.kind is p.KEYWORD_ONLY
    }


def _hint(component: type, init: Any, option: inspect.Parameter) -> Any:
    if option.annotation is option.empty:
        return Any
    alone = SimpleNamespace(__annotations__={option.name: option.annotation})
    try:
        return get_type_hints(alone, init.__globals__, include_extras=True)[option.name]
    except NameError as error:
        wanted = "expected names defined at the top level of the module and outside `if TYPE_CHECKING`"
        message = f"{component.__name__}: the annotation of {option.name}: {error}; {wanted}"
        raise InvalidOption(message) from None


@functools.cache
def fields_of(owner: type) -> Mapping[str, FieldInfo]:
    """Return name -> declaration of the options of a component, or of a pydantic model."""
    if issubclass(owner, BaseModel):
        return owner.model_fields
    return {name: field_of(*option) for name, option in keyword_options(owner).items()}


def field_of(annotation: Any, default: Any) -> FieldInfo:
    """Return the declaration of one option."""
    if default is PydanticUndefined:
        return FieldInfo.from_annotation(annotation)
    return FieldInfo.from_annotated_attribute(annotation, default)


def part_kind(field: FieldInfo) -> Kind | None:
    """Return the kind of component that an option takes by reference, or None when it is no part."""
    if Ref not in members(field.annotation):
        return None
    said = (word for word in field.metadata if isinstance(word, str) and word in KINDS)
    return field.default.kind if isinstance(field.default, Ref) else next(said, None)


class OpenChoice(abc.ABC):
    """Metadata of an option whose alternatives are found elsewhere, such as among what is installed."""

    @abc.abstractmethod
    def models(self) -> Mapping[str, type[BaseModel]]:
        """Return name -> model of its options; nothing where an alternative has none."""


def alternatives(field: FieldInfo) -> Mapping[str, type[BaseModel]]:
    """Return name -> model of an option that has options itself; a single model needs no name and has ''."""
    found = next((m for m in field.metadata if isinstance(m, OpenChoice)), None)
    if found is not None:
        return found.models()
    models = _models_in(field)
    named = {alternative_name(m): m for m in models if "name" in m.model_fields}
    return named or ({"": models[0]} if len(models) == 1 else {})


def _models_in(field: FieldInfo) -> list[type[BaseModel]]:
    return [m for m in members(field.annotation) if isinstance(m, type) and issubclass(m, BaseModel)]


def chosen(field: FieldInfo, value: Any) -> type[BaseModel] | None:
    """Return the model that a value of such an option means: the one it names, else that of the default."""
    name = value.get("name") if isinstance(value, Mapping) else value
    known = alternatives(field)
    if isinstance(name, str):
        default = type(field.default)
        return default if name and alternative_name(default) == name else known.get(name)
    return type(field.default) if isinstance(field.default, BaseModel) else known.get("")


def options_model(component: type, **parts: Any) -> type[BaseModel]:
    """Return the pydantic model of a component's options; `parts` are the models of its chosen parts."""
    fields: dict[str, Any] = {
        name: (parts[name], Field(default_factory=parts[name]))
        if name in parts
        else (_lenient(name, annotation, fields_of(component)[name]), default)
        for name, (annotation, default) in keyword_options(component).items()
    }
    config = ConfigDict(extra="forbid", arbitrary_types_allowed=True, strict=True, allow_inf_nan=False)
    return create_model(component.__name__, __config__=config, **fields)


def _lenient(name: str, annotation: Any, field: FieldInfo) -> Any:
    """Let an option take what stands for its value: a name or dictionary for a part, a list for a tuple."""
    kind = part_kind(field)
    if kind is not None:
        return Annotated[Any, BeforeValidator(functools.partial(_reference, kind, field))]
    if alternatives(field):
        return Annotated[annotation, BeforeValidator(functools.partial(completed, name, field))]
    value_types = {get_origin(m) or m for m in members(annotation) if m is not NoneType}
    if value_types in ({Path}, {tuple}, {set}, {frozenset}):
        return Annotated[annotation, Field(strict=False)]
    return annotation


def _reference(kind: Kind, field: FieldInfo, value: Any) -> Ref | None:
    default = field.default if isinstance(field.default, Ref) else Ref(kind, "...")
    if isinstance(value, str):
        return Ref(kind, value)
    if isinstance(value, Mapping):
        name = value.get("name", default.name)
        kept = default.options if name == default.name else {}
        return Ref(kind, name, **{**kept, **{k: v for k, v in value.items() if k != "name"}})
    if value is None and accepts_none(field.annotation):
        return None
    if not isinstance(value, Ref):
        raise ValueError(f"expected a {kind} by reference, such as {default!r}, since its owner builds it")  # noqa: TRY004
    if value.kind != kind:
        raise ValueError(f"expected a {kind}, and '{value.name}' is referred to as a {value.kind}")
    return value


def completed(name: str, field: FieldInfo, value: Any) -> Any:
    """Return the options that a name or a mapping stands for, in an option that holds options itself."""
    if value is None or isinstance(value, tuple(_models_in(field))):
        return value
    if not isinstance(value, str | Mapping):
        raise ValueError(no_alternative(name, field, None))  # noqa: TRY004 - pydantic collects ValueErrors only
    model, given = chosen(field, value), {"name": value} if isinstance(value, str) else value
    if model is None:
        raise ValueError(no_alternative(name, field, given.get("name")))
    kept = values_of(field.default) if type(field.default) is model else {}
    return model.model_validate({**kept, **given})


def no_alternative(what: str, field: FieldInfo, name: Any) -> str:
    """Say that an option has no alternative of this name, or that none was named."""
    names = [name for name in alternatives(field) if name]
    if name is None or not names:
        return (
            f"expected {what} with a name, one of {listed(names)}" if names else f"expected options of {what}"
        )
    return f"there is no {what} '{name}'; expected one of {listed(names)}{nearest(str(name), names)}"


@functools.cache
def _plain_model(component: type) -> type[BaseModel]:
    return options_model(component)


def checked_options(component: type, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all options of a component, defaults filled in.

    Raises:
        InvalidOption: An option is unknown, of the wrong type or out of range; one line for each.
    """
    return values_of(_valid(_plain_model(component), component, given))


def values_of(model: BaseModel) -> dict[str, Any]:
    """Return name -> value; `dict(model)` would take an option called `keys` for a method."""
    return {name: getattr(model, name) for name in type(model).model_fields}


def _valid(model: type[M], owner: type, given: Mapping[str, Any]) -> M:
    try:
        return model(**given)
    except ValidationError as error:
        title = owner.model_config.get("title") if issubclass(owner, BaseModel) else None
        found = {f"{title or owner.__name__}: {_complaint(owner, given, e)}" for e in error.errors()}
        raise InvalidOption("\n".join(sorted(found))) from None


def _complaint(owner: type, given: Mapping[str, Any], error: ErrorDetails) -> str:
    """Say what is wrong with one of the options that were given."""
    value: Any = given
    holder: type | None = owner
    field, path = None, list[str]()
    for step in map(str, error["loc"]):
        if holder is None or step not in fields_of(holder):
            break
        field, path = fields_of(holder)[step], [*path, step]
        value = value.get(step) if isinstance(value, Mapping) else None
        holder = chosen(field, value)
    if error["type"] != "extra_forbidden" or holder is None:
        return sentence(".".join(path), error, field)
    last = str(error["loc"][-1])
    new = present_name(holder, last)
    if new:
        return f"{'.'.join([*path, last])} is now called {'.'.join([*path, new])}"
    return unknown_option(".".join([*path, last]), last, fields_of(holder))


def present_name(owner: type, name: str) -> str | None:
    """Return what an option of a component or model is called now, if `name` is a former name of it."""
    renamed: Mapping[str, str] = getattr(owner, "renamed_options", {})
    return renamed.get(name)
