"""Evolution keeps the contract of trainers, by each algorithm."""

from recurra.testing import contract

FORMS = {
    "openai-es": {"algorithm": "openai-es", "population": 16},
    "neat": {"algorithm": "neat", "population": 20, "neat": {"add_node": 0.2, "remove_node": 0.05}},
    "best by score": {"champion": "best", "fitness": "score", "population": 8, "at_once": 3},
}


@contract("trainer", "evolution")
def test_contract(check):
    check()


@contract("trainer", "evolution", FORMS)
def test_contract_in_other_forms(check):
    check()
