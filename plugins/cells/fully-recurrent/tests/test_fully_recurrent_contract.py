"""The cell holds its contract, in each of its forms."""

from recurra_contract import contract

FULL = {"density": 1.0, "trained": 1.0}
FORMS = {
    "all": FULL,
    "some outputs": {**FULL, "outputs": (3, 0), "self_feedback": False, "activation": "logistic"},
    "leaky": {**FULL, "leak": 0.3, "outputs": 2, "activation": "relu"},
    "echo state": {"trained": 0.0, "density": 0.8, "spectral_radius": 0.9},
}


@contract("cell", "fully-recurrent")
def test_contract(check):
    check()


@contract("cell", "fully-recurrent", FORMS)
def test_contract_in_other_forms(check):
    check()
