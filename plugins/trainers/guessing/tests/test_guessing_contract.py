"""Random weight guessing keeps the contract of trainers."""

from recurra_contract import contract


@contract("trainer", "guessing")
def test_contract(check):
    check()


@contract("trainer", "guessing", {"plain": {"screens": (), "guesses": 50}})
def test_contract_in_other_forms(check):
    check()
