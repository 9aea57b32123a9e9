"""Both cells hold their contracts, in each of their forms."""

import pytest

from recurra.testing import CheckFailed, Contract, Skip, contract
from recurra.testing.cells import check_exact_gradient
from recurra_elman.elman import Elman
from recurra_elman.jordan import Jordan


@contract("cell", "elman")
def test_contract_of_elman(check):
    check()


@contract("cell", "jordan")
def test_contract_of_jordan(check):
    check()


FORMS = [
    (Elman, {"squash": "logistic", "truncated": True}),
    (Elman, {"squash": "relu", "start": "identity"}),
    (Jordan, {"units": 2, "trace": 0.0, "output": "identity", "squash": "logistic"}),
    (Jordan, {"units": 2, "trace": 0.9, "output": "tanh", "squash": "relu", "truncated": True}),
]


def other_forms():
    for kind, options in FORMS:
        options = {"hidden_size": 5, **options}
        form = Contract("cell", lambda input_size=3, kind=kind, options=options: kind(input_size, **options))
        for check in form.checks():
            yield pytest.param(check, id=f"{kind.__name__}-{options['squash']}-{check.name}")


@pytest.mark.parametrize("check", list(other_forms()))
def test_contract_in_other_forms(check):
    try:
        check()
    except Skip as skip:
        pytest.skip(str(skip))


@pytest.mark.parametrize("kind", [Elman, Jordan])
def test_the_tag_is_honest(kind):
    def make(input_size=3):
        cell = kind(input_size, hidden_size=4, truncated=True)
        cell.tags = type(cell.tags)()
        return cell

    with pytest.raises(CheckFailed, match="the gradient is not exact"):
        check_exact_gradient(make)
