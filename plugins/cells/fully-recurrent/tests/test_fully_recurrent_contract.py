"""The cell holds its contract, in each of its forms."""

import pytest

from recurra.testing import Contract, contract
from recurra.testing.checking import Skip
from recurra_fully_recurrent.cell import FullyRecurrent


@contract("cell", "fully-recurrent")
def test_contract(check):
    check()


FORMS = {
    "all": {},
    "some outputs": {"outputs": (3, 0), "self_feedback": False, "squash": "logistic"},
    "leaky": {"leak": 0.3, "outputs": 2, "squash": "relu"},
    "echo state": {"trained": 0.0, "density": 0.8, "spectral_radius": 0.9},
}


def other_forms():
    for name, options in FORMS.items():
        options = {"hidden_size": 5, **options}
        form = Contract("cell", lambda input_size=3, options=options: FullyRecurrent(input_size, **options))
        for check in form.checks():
            yield pytest.param(check, id=f"{name}-{check.name}")


@pytest.mark.parametrize("check", list(other_forms()))
def test_contract_in_other_forms(check):
    try:
        check()
    except Skip as skip:
        pytest.skip(str(skip))
