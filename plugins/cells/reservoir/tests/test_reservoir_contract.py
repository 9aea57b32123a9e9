"""The reservoir keeps its contract, in each topology and form."""

from recurra_contract import contract

FORMS = {
    "ring": {"topology": "ring", "leak": 0.3, "feedback": 0, "input_weights": "signs", "show_input": True},
    "potentials": {"leaky": "potentials", "leak": 0.2, "topology": "orthogonal"},
    "jumps": {"topology": "cyclic-jump", "jump": 2, "feedback": 0},
}


@contract("cell", "leaky-echo-state")
def test_contract(check):
    check()


@contract("cell", "leaky-echo-state", FORMS)
def test_contract_in_other_forms(check):
    check()
