"""The cell holds its contract, in each of its forms."""

from recurra_contract import contract

FORMS = {
    "recurrent": {"output_size": 3, "hidden_size": 2, "connections": "recurrent", "slope": 1.0},
    "no hidden nodes": {"output_size": 2, "hidden_size": 0, "layers": 1},
}


@contract("cell", "neat-network")
def test_contract(check):
    check()


@contract("cell", "neat-network", FORMS)
def test_contract_in_other_forms(check):
    check()
