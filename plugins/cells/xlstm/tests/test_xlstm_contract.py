"""Both cells hold their contract, with the exponential forget gate and without the norm, too."""

from recurra_contract import contract

FORMS = {"exponential": {"forget_gate": "exponential", "norm": False}}


@contract("cell", "slstm")
def test_slstm(check):
    check()


@contract("cell", "mlstm")
def test_mlstm(check):
    check()


@contract("cell", "slstm", FORMS)
def test_slstm_in_another_form(check):
    check()


@contract("cell", "mlstm", FORMS)
def test_mlstm_in_another_form(check):
    check()
