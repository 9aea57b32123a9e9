"""The task keeps its contract, with both kinds of codes."""

from recurra_contract import contract


@contract("task", "facts")
def test_facts(check):
    check()


@contract("task", "facts", {"random, two roles": {"codes": "random", "roles": 2, "facts": 6}})
def test_facts_in_other_forms(check):
    check()
