"""Piano rolls keep the contract of tasks, for each collection."""

from recurra_contract import contract


@contract("task", "piano-roll")
def test_piano_roll(check):
    check()


@contract("task", "piano-roll", {"another collection": {"collection": "Nottingham"}})
def test_piano_roll_in_other_forms(check):
    check()
