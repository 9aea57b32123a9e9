"""The cell holds its contract."""

from recurra.testing import contract


@contract("cell", "lstm")
def test_contract(check):
    check()
