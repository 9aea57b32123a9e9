"""Pickling of modules whose parameters are parametrized, which torch refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize

Reduced = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any], None, None, Callable[..., None]]


def make_picklable(module: nn.Module) -> None:
    """Let a module with parametrized parameters be pickled, its parametrizations included.

    torch gives every such module a class of its own, which a pickle cannot name; it is made again from the
    class of the module.
    """
    type(module).__reduce_ex__ = _reduced  # type: ignore[method-assign, assignment]


def _reduced(module: nn.Module, protocol: object) -> Reduced:
    base: Any = type(module).__mro__[1]
    return object.__new__, (base,), dict(base.__getstate__(module)), None, None, _restore


def _restore(module: Any, state: dict[str, Any]) -> None:
    modules = dict(state["_modules"])
    parametrizations = modules.pop("parametrizations")
    module.__setstate__(state | {"_modules": modules})
    for name, constraints in parametrizations.items():
        # What is registered first gives the module its class; it is then replaced by what was pickled.
        module.register_parameter(name, nn.Parameter(torch.empty(0)))
        parametrize.register_parametrization(module, name, nn.Identity())
        module.parametrizations[name] = constraints
    make_picklable(module)
