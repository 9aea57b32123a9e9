"""The cells hold their contracts, in each of their forms."""

from itertools import product

import pytest

from recurra.testing import Contract, contract
from recurra_gru.cell import GRU
from recurra_gru.reduced import GRU1, GRU2, GRU3


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


def other_forms():
    """Yield the checks of each cell with the other reset, and with the other candidate."""
    resets = {GRU: "before", GRU1: "after", GRU2: "after", GRU3: "after"}
    for kind, (option, value) in product(resets, [("reset", None), ("candidate", "relu")]):
        options = {"hidden_size": 5, option: value or resets[kind]}
        form = Contract("cell", lambda input_size=3, kind=kind, options=options: kind(input_size, **options))
        for check in form.checks():
            yield pytest.param(check, id=f"{kind.__name__}-{options[option]}-{check.name}")


@pytest.mark.parametrize("check", list(other_forms()))
def test_contract_in_other_forms(check):
    check()
