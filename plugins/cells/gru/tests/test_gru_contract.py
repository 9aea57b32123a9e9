"""The cells hold their contracts, with the other reset and with the other candidate, too."""

from recurra_contract import contract

BEFORE = {"reset before": {"reset": "before"}, "relu": {"candidate": "relu"}}
AFTER = {"reset after": {"reset": "after"}, "relu": {"candidate": "relu"}}


@contract("cell", "gru")
def test_contract(check):
    check()


@contract("cell", "gru1")
def test_contract_of_gru1(check):
    check()


@contract("cell", "gru2")
def test_contract_of_gru2(check):
    check()


@contract("cell", "gru3")
def test_contract_of_gru3(check):
    check()


@contract("cell", "gru", BEFORE)
def test_contract_in_other_forms(check):
    check()


@contract("cell", "gru1", AFTER)
def test_contract_in_other_forms_of_gru1(check):
    check()


@contract("cell", "gru2", AFTER)
def test_contract_in_other_forms_of_gru2(check):
    check()


@contract("cell", "gru3", AFTER)
def test_contract_in_other_forms_of_gru3(check):
    check()
