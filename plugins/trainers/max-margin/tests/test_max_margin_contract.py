"""Structured max-margin keeps the contract of trainers, on cells that find trees and a task of graphs."""

from recurra_contract import contract


@contract("trainer", "max-margin")
def test_contract(check):
    check()


@contract("trainer", "max-margin", {"largest": {"violation": "largest", "kappa": 0.2}})
def test_contract_in_another_form(check):
    check()
