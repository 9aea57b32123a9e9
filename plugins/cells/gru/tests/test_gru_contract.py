"""The cell holds its contract, in each of its forms."""

import pytest

from recurra.testing import Contract, contract
from recurra_gru.cell import GRU


@contract("cell", "gru")
def test_contract(check):
    check()


OTHER = Contract("cell", lambda input_size=3: GRU(input_size, hidden_size=5, reset="before"))


@pytest.mark.parametrize("check", list(OTHER.checks()), ids=lambda check: check.name)
def test_contract_when_reset_before(check):
    check()
