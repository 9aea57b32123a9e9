"""Both cells hold their contracts, in each of their forms."""

import pytest

from recurra_contract import CheckFailed, contract
from recurra_contract.cells import check_exact_gradient
from recurra_elman.elman import Elman
from recurra_elman.jordan import Jordan

ELMAN = {
    "logistic": {"activation": "logistic", "truncated": True},
    "irnn": {"activation": "relu", "start": "identity"},
}
JORDAN = {
    "logistic": {"units": 2, "trace": 0.0, "output": "identity", "activation": "logistic"},
    "relu": {"units": 2, "trace": 0.9, "output": "tanh", "activation": "relu", "truncated": True},
}


@contract("cell", "elman")
def test_contract_of_elman(check):
    check()


@contract("cell", "elman", ELMAN)
def test_contract_of_other_forms_of_elman(check):
    check()


@contract("cell", "jordan")
def test_contract_of_jordan(check):
    check()


@contract("cell", "jordan", JORDAN)
def test_contract_of_other_forms_of_jordan(check):
    check()


@pytest.mark.parametrize("kind", [Elman, Jordan])
def test_the_tag_is_honest(kind):
    def make(input_size=3):
        cell = kind(input_size, hidden_size=4, truncated=True)
        cell.tags = type(cell.tags)()
        return cell

    with pytest.raises(CheckFailed, match="the gradient is not exact"):
        check_exact_gradient(make)
