"""The tasks of recall keep the contract of tasks; so do their variants."""

from recurra_contract import contract


@contract("task", "mqar", {"rebound": {"rebound": 3, "distractors": False, "power": 1.0, "pairs": 4}})
def test_mqar(check):
    check()


@contract("task", "selective-copy", {"dense": {"length": 5, "copied": 5, "vocabulary": 4}})
def test_selective_copy(check):
    check()


@contract("task", "induction-heads", {"shortest": {"length": 3, "vocabulary": 3, "longest": 64}})
def test_induction_heads(check):
    check()
