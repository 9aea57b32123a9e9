"""The cells hold their contracts, in each of their forms."""

from recurra_contract import contract

UNSEEN = {"scoring": {"check_every_parameter_learns": "W_score is seen by `score` alone, not by y"}}
BINARY = {"scoring": {"scoring": True}, "inner features": {"inner_features": True}}


@contract("cell", "recursive")
def test_contract(check):
    check()


@contract("cell", "rntn")
def test_contract_of_rntn(check):
    check()


@contract("cell", "tree-lstm")
def test_contract_of_tree_lstm(check):
    check()


COPIED = {"function": "tanh", "leaf": "copied", "hidden_size": 2}


@contract("cell", "recursive", BINARY | {"copied leaves": COPIED}, UNSEEN)
def test_contract_in_other_forms(check):
    check()


@contract("cell", "rntn", BINARY | {"logistic": {"function": "logistic"}}, UNSEEN)
def test_contract_of_rntn_in_other_forms(check):
    check()


FORMS = {"scoring": {"scoring": True}, "n-ary": {"variant": "n-ary"}, "three children": {"children": 3}}


@contract("cell", "tree-lstm", FORMS, UNSEEN)
def test_contract_of_tree_lstm_in_other_forms(check):
    check()
