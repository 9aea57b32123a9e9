"""The cells hold their contract, in each of their forms."""

import pytest

from recurra.testing import CheckFailed, Contract, Skip, contract
from recurra.testing.cells import check_exact_gradient
from recurra_lstm.cell import LSTM
from recurra_lstm.original import LSTM1997


@contract("cell", "lstm")
def test_contract(check):
    check()


@contract("cell", "lstm-1997")
def test_contract_of_1997(check):
    check()


def original(**options):
    return lambda input_size=3: LSTM1997(input_size, blocks=3, block_size=2, **options)


LATER = {"forget_gate": True, "peepholes": True, "biases": "all"}
EXPERIMENT_2 = {"output_gate": False, "cells_feed_back": False, "gates_feed_back": False, "biases": "none"}
FORMS = {
    "without peepholes": lambda input_size=3: LSTM(input_size, hidden_size=5),
    "1997, whole gradient": original(truncated=False),
    "1997, later parts": original(**LATER, forget_bias=[0.5, 1.0, 1.5]),
    "1997, later parts, whole gradient": original(**LATER, truncated=False),
    "1997, experiment 2": original(**EXPERIMENT_2, g="logistic", h="identity"),
}
CHECKS = [
    pytest.param(check, id=f"{form}-{check.name}")
    for form, make in FORMS.items()
    for check in Contract("cell", make).checks()
]


@pytest.mark.parametrize("check", CHECKS)
def test_contract_of_other_forms(check):
    try:
        check()
    except Skip as skip:
        pytest.skip(str(skip))


@pytest.mark.parametrize(("options", "truncated"), [({}, True), ({}, False), (LATER, True), (LATER, False)])
def test_the_tag_is_honest(options, truncated):
    """What the tag excuses does fail, and what it does not is checked."""

    def make(input_size=3):
        cell = original(**options, init_range=1.0, truncated=truncated)(input_size)
        assert cell.tags.exact_gradient is not truncated
        cell.tags = type(cell.tags)()
        return cell

    if truncated:
        with pytest.raises(CheckFailed, match="the gradient is not exact"):
            check_exact_gradient(make)
    else:
        check_exact_gradient(make)
