"""Unsupervised history compression satisfies the contract of trainers, on cells with stages."""

from recurra_contract import contract


@contract("trainer", "history-compression")
def test_contract(check):
    check()
