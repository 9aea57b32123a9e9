"""The contract as parameters of a plugin's own test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from recurra.hooks import Kind
from recurra.testing.checking import Check, Contract, Skip


def contract(kind: Kind, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Parametrise a test over every check of an installed component.

    @contract("cell", "gru")
    def test_contract(check):
        check()
    """
    found = Contract.of(kind, name)
    parameters = [
        pytest.param(_Shown(check), id=check.name, marks=_marks(found, check.name))
        for check in found.checks()
    ]
    return pytest.mark.parametrize("check", parameters)


def _marks(found: Contract, name: str) -> list[pytest.MarkDecorator]:
    reason = found.expected_failures.get(name)
    return [] if reason is None else [pytest.mark.xfail(reason=reason, strict=True)]


class _Shown:
    """A check whose skip is pytest's skip."""

    def __init__(self, check: Check) -> None:
        self.check = check

    def __call__(self) -> None:
        try:
            self.check()
        except Skip as skip:
            pytest.skip(str(skip))
