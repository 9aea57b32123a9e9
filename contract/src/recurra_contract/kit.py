"""The checks that a component must pass, and the result of each.

A check is a plain function `check_something(make)`: it makes the component, raises `CheckFailed` (or any
other error) when the component breaks its contract, raises `Skip` when the component's tags excuse it, and
its docstring states the requirement. Tags, never names, decide which checks apply, and every skip is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal

from recurra.config.options import Configurable
from recurra.errors import InvalidOption, nearest
from recurra.plugins.hooks import Kind
from recurra.plugins.registry import load

Make = Callable[..., Any]
"""Creates a new component: `make(input_size=3)` for a cell, `make()` for any other."""
Status = Literal["passed", "failed", "skipped", "expected failure"]


class CheckFailed(AssertionError):
    """A component breaks its contract; the message says how."""


class Skip(Exception):
    """A check does not apply; the message says why."""


@dataclass(frozen=True)
class Result:
    """The result of one check.

    Args:
        check: The check's name.
        status: How it ended.
        message: Why, when it did not pass.
    """

    check: str
    status: Status
    message: str = ""


@dataclass(frozen=True)
class Check:
    """One check, bound to the component that it makes."""

    function: Callable[[Make], None]
    make: Make

    @property
    def name(self) -> str:
        """The function's name."""
        return self.function.__name__

    @property
    def demand(self) -> str:
        """The requirement: the function's docstring."""
        return (self.function.__doc__ or "").strip()

    def __call__(self) -> None:
        """Run the check, without changing the state of torch's generators."""
        from recurra.rng import preserve_rng_state

        with preserve_rng_state():
            self.function(self.make)

    def result(self, expected_failure: str | None = None) -> Result:
        """Run the check and return its result; an expected failure that passes has failed."""
        try:
            self()
        except Skip as skip:
            return Result(self.name, "skipped", str(skip))
        except Exception as error:
            if expected_failure is not None:
                return Result(self.name, "expected failure", expected_failure)
            told = str(error) if isinstance(error, CheckFailed) else f"{type(error).__name__}: {error}"
            return Result(self.name, "failed", told)
        if expected_failure is not None:
            return Result(self.name, "failed", f"it passes, but was expected to fail: {expected_failure}")
        return Result(self.name, "passed")


@dataclass(frozen=True)
class Contract:
    """All checks of one component.

    Args:
        kind: The component's kind.
        make: Creates a new component; see `Make`.
        expected_failures: Check name -> reason, for what is known to fail.
    """

    kind: Kind
    make: Make
    expected_failures: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        kind: Kind,
        name: str,
        options: Mapping[str, Any] | None = None,
        expected_failures: Mapping[str, str] | None = None,
    ) -> Contract:
        """Return the contract of an installed component.

        Args:
            kind: Its kind.
            name: Its name.
            options: Options that override the `contract_options` of its class.
            expected_failures: Check name -> reason, beside the class's `contract_expected_failures`.

        Raises:
            InvalidOption: An expected failure names a check that does not exist.
        """
        component: type[Configurable] = load(kind, name)
        expected = {**component.contract_expected_failures, **(expected_failures or {})}
        found = cls(kind, maker(kind, component, options), expected)
        known = [check.name for check in found.checks()]
        for check in found.expected_failures:
            if check not in known:
                told = f"{component.__name__}, expected failures: there is no check '{check}'"
                raise InvalidOption(f"{told} of a {kind}{nearest(check, known)}")
        return found

    def checks(self) -> Iterator[Check]:
        """Yield every check; a memory is also checked as a part of a cell."""
        for function in checks(self.kind):
            yield Check(function, self.make)
        if self.kind == "memory":
            from recurra_contract.examples.cells import driven_by_toy

            for function in checks("cell"):
                yield Check(function, driven_by_toy(self.make))

    def run(self) -> Iterator[Result]:
        """Run every check."""
        for check in self.checks():
            yield check.result(self.expected_failures.get(check.name))


def maker(kind: Kind, component: type[Any], options: Mapping[str, Any] | None = None) -> Make:
    """Return a function that creates a component with its small `contract_options`, then `options`."""
    options = {**component.contract_options, **(options or {})}
    if kind == "cell":
        return lambda input_size=3: component(input_size, **options)
    return lambda: component(**options)


def checks(kind: Kind) -> list[Callable[[Make], None]]:
    """Return the functions that check a kind, in the order in which they are written."""
    module = import_module(f"recurra_contract.{HOMES[kind]}")
    return [function for name, function in vars(module).items() if name.startswith("check_")]


HOMES: dict[Kind, str] = {"cell": "cells", "memory": "memories", "task": "tasks", "trainer": "trainers"}
