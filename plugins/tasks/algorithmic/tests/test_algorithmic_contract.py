"""The copy task keeps the contract of tasks."""

from recurra.testing import contract


@contract("task", "copy")
def test_contract(check):
    check()
