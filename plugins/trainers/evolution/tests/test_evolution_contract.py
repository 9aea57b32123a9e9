"""Evolution keeps the contract of trainers, by each algorithm."""

from recurra_contract import contract

FORMS = {
    "openai-es": {"algorithm": "openai-es", "population": 16},
    "neat": {
        "algorithm": "neat",
        "population": 40,
        "neat": {
            "mutation_rate": 0.8,
            "mutation_size": 0.3,
            "init_deviation": 0.5,
            "add_node": 0.1,
            "remove_node": 0.05,
        },
    },
    "best by score": {"champion": "best", "fitness": "score", "population": 8, "at_once": 3},
}


@contract("trainer", "evolution")
def test_contract(check):
    check()


@contract("trainer", "evolution", FORMS)
def test_contract_in_other_forms(check):
    check()
