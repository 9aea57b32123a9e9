"""The cells hold their contract, in each of their forms."""

import pytest

from recurra_contract import CheckFailed, contract
from recurra_contract.cells import check_exact_gradient
from recurra_lstm.original import LSTM1997

LATER = {"forget_gate": True, "peepholes": True, "biases": "all"}
EXPERIMENT_2 = {"output_gate": False, "cells_feed_back": False, "gates_feed_back": False, "biases": "none"}
FORMS = {
    "whole gradient": {"truncated": False},
    "later parts": {**LATER, "forget_bias": [0.5, 1.0, 1.5]},
    "later parts, whole gradient": {**LATER, "truncated": False},
    "experiment 2": {**EXPERIMENT_2, "g": "logistic", "h": "identity"},
}


@contract("cell", "lstm")
def test_contract(check):
    check()


@contract("cell", "lstm", {"without peepholes": {"peepholes": False}})
def test_contract_without_peepholes(check):
    check()


@contract("cell", "lstm-1997")
def test_contract_of_1997(check):
    check()


@contract("cell", "lstm-1997", FORMS)
def test_contract_of_1997_in_other_forms(check):
    check()


@pytest.mark.parametrize(("options", "truncated"), [({}, True), ({}, False), (LATER, True), (LATER, False)])
def test_the_tag_is_honest(options, truncated):
    """What the tag excuses does fail, and what it does not is checked."""
    sizes = LSTM1997.contract_options

    def make(input_size=3):
        cell = LSTM1997(input_size, **sizes, **options, init_range=1.0, truncated=truncated)
        assert cell.tags.exact_gradient is not truncated
        cell.tags = type(cell.tags)()
        return cell

    if truncated:
        with pytest.raises(CheckFailed, match="the gradient is not exact"):
            check_exact_gradient(make)
    else:
        check_exact_gradient(make)
