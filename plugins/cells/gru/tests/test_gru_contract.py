"""The cell holds its contract."""

from recurra.testing import contract


@contract("cell", "gru")
def test_contract(check):
    check()
