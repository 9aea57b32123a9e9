"""Readouts in one shot keep the contract of trainers, by both rules."""

from recurra_contract import contract


@contract("trainer", "hebbian")
def test_contract(check):
    check()


@contract("trainer", "hebbian", {"washout": {"washout": 1, "ridge": 0.1}})
def test_contract_in_other_forms(check):
    check()
