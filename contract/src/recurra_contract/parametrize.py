"""The contract as parameters of a plugin's own test."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from recurra.errors import InvalidOption, nearest
from recurra.plugins.hooks import Kind
from recurra_contract.kit import Check, Contract, Skip


def contract(
    kind: Kind,
    name: str,
    forms: Mapping[str, Mapping[str, Any]] | None = None,
    expected_failures: Mapping[str, Mapping[str, str]] | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Parametrise a test over every check of an installed component, as it is checked or in other forms.

    @contract("cell", "gru")
    def test_contract(check):
        check()

    @contract("cell", "gru", {"reset before": {"reset": "before"}, "relu": {"candidate": "relu"}})
    def test_contract_in_other_forms(check):
        check()

    Args:
        kind: The component's kind.
        name: Its name.
        forms: Name of a form -> options that override the `contract_options` of the class.
        expected_failures: Name of a form -> check -> reason, beside the class's `contract_expected_failures`.

    Raises:
        InvalidOption: An expected failure names a form or a check that does not exist.
    """
    forms, expected = forms or {"": {}}, expected_failures or {}
    for form in expected:
        if form not in forms:
            raise InvalidOption(f"expected_failures: there is no form '{form}'{nearest(form, forms)}")
    parameters = [
        parameter
        for form, options in forms.items()
        for parameter in _parameters(form, Contract.of(kind, name, options, expected.get(form)))
    ]
    return pytest.mark.parametrize("check", parameters)


def _parameters(form: str, found: Contract) -> Iterator[Any]:
    for check in found.checks():
        reason = found.expected_failures.get(check.name)
        marks = [] if reason is None else [pytest.mark.xfail(reason=reason, strict=True)]
        yield pytest.param(Shown(check), id="-".join(filter(None, (form, check.name))), marks=marks)


class Shown:
    """A check whose skip is pytest's skip."""

    def __init__(self, check: Check) -> None:
        self.check = check

    def __call__(self) -> None:
        """Run the check."""
        try:
            self.check()
        except Skip as skip:
            pytest.skip(str(skip))
