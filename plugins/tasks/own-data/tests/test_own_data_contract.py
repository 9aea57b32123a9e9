"""The tasks of own data keep the contract of tasks, with numbers and with text."""

from recurra_contract import contract


@contract("task", "sequence-classification")
def test_classification(check):
    check()


@contract("task", "sequence-regression")
def test_regression(check):
    check()


@contract("task", "tagging", {"shortened": {"longest": 7}})
def test_tagging(check):
    check()
