"""Options that select an installed extension: `trainer.optimizer=muon`, with the options of muon."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import BaseModel, create_model
from pydantic.fields import FieldInfo

from recurra.config.describe import alternative_name
from recurra.config.options import OpenChoice, alternatives
from recurra.errors import BrokenComponent, RecurraError, UnknownComponent
from recurra.plugins.hooks import ExtensionKind
from recurra.plugins.registry import load_class, named
from recurra_lab.extensions.offers import find, offers, spellings


class Installed(OpenChoice):
    """Metadata of an option that takes the name of an installed extension.

    Args:
        kind: Kind of extension.
        base: Base class of the models of its options; None if the extension has no options.
        needed: Options that every such model must have.
    """

    def __init__(
        self, kind: ExtensionKind, base: type[BaseModel] | None = None, needed: tuple[str, ...] = ()
    ) -> None:
        self.kind, self.base, self.needed = kind, base, needed

    def names(self) -> list[str]:
        """Return the available names; ambiguous names are qualified."""
        return spellings(offers(self.kind))

    def models(self) -> Mapping[str, type[BaseModel]]:
        """Return name -> model of the options, each loaded on first access."""
        return {} if self.base is None else _Models(self, self.base)


def installed(field: FieldInfo) -> Installed | None:
    """Return the `Installed` metadata of an option, or None."""
    return next((m for m in field.metadata if isinstance(m, Installed)), None)


def sound_alternatives(field: FieldInfo) -> dict[str, type[BaseModel]]:
    """Return the alternatives of an option, except those that cannot be loaded."""
    found, known = {}, alternatives(field)
    for name in known:
        with contextlib.suppress(RecurraError):
            found[name] = known[name]
    return found


class _Models(Mapping[str, type[BaseModel]]):
    def __init__(self, choice: Installed, base: type[BaseModel]) -> None:
        self.choice, self.base = choice, base

    def __iter__(self) -> Iterator[str]:
        return iter(self.choice.names())

    def __len__(self) -> int:
        return len(offers(self.choice.kind))

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and any(o.answers_to(name) for o in offers(self.choice.kind))

    def __getitem__(self, name: str) -> type[BaseModel]:
        try:
            offer = find(self.choice.kind, name)
        except UnknownComponent:
            raise KeyError(name) from None
        model = load_class(offer, self.base)
        missing = [option for option in self.choice.needed if option not in model.model_fields]
        if missing:
            raise BrokenComponent(f"{named(offer)} lacks the required option '{missing[0]}'")
        return _called(model, name)


@functools.cache
def _called(model: type[BaseModel], name: str) -> type[BaseModel]:
    """Return a model whose `name` is the chosen spelling, so that files keep it as typed."""
    if alternative_name(model) == name:
        return model
    chosen: Any = Literal[name]
    return create_model(model.__name__, __base__=model, __module__=model.__module__, name=(chosen, name))
