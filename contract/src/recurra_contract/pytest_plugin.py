"""`pytest --recurra DIST`: every check of every component of a distribution, one test each.

pytest loads this module in every test run, so it imports nothing until the option is given.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from recurra_contract.kit import Check


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--recurra DIST`."""
    group = parser.getgroup("recurra")
    help_text = "check the components of an installed distribution against their contracts; may be repeated"
    group.addoption("--recurra", action="append", default=[], metavar="DIST", help=help_text)


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Leave the tests of the folder alone when distributions are named: they may be slow, or broken."""
    return True if config.getoption("--recurra") else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Put the checks of the named distributions in the place of the folder's tests, before `-k` selects.

    Raises:
        UsageError: There is no such distribution, or it has a defect.
    """
    names: list[str] = config.getoption("--recurra")
    if names:
        from recurra.errors import RecurraError

        try:
            items[:] = [item for name in names for item in _items(session, name)]
        except RecurraError as error:
            raise pytest.UsageError(str(error)) from None


def _items(session: pytest.Session, dist: str) -> Iterator[pytest.Item]:
    from recurra_contract.distribution import components_of
    from recurra_contract.kit import Contract

    for component in components_of(dist):
        found = Contract.of(component.kind, component.name)
        for check in found.checks():
            name = f"{component.kind}:{component.name}::{check.name}"
            reason = found.expected_failures.get(check.name)
            yield ContractItem.from_parent(session, name=name, check=check, expected=reason)


class ContractItem(pytest.Item):
    """One check of one component."""

    def __init__(self, *, check: Check, expected: str | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.check = check
        if expected is not None:
            self.add_marker(pytest.mark.xfail(reason=expected, strict=True))

    def runtest(self) -> None:
        """Run the check."""
        from recurra_contract.parametrize import Shown

        Shown(self.check)()

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str:
        """Return the requirement and the failure."""
        return f"{self.check.demand}\n{type(excinfo.value).__name__}: {excinfo.value}"
