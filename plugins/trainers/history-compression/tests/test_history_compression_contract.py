"""Unsupervised history compression keeps the contract of trainers, on cells whose parts learn one by one."""

from recurra_contract import contract


@contract("trainer", "history-compression")
def test_contract(check):
    check()
